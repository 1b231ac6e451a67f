package proxy

import (
	"bytes"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// statements are the session's prepared statements that have a plan of their own, by the server's statement id.
type statements struct {
	byID map[uint32]*prepared
}

// prepared is a statement that the backend prepared in the proxy's words.
type prepared struct {
	st       *rewrite.Statement
	planner  *rewrite.Planner // that planned it
	state    rewrite.State    // under which the client prepared it
	textOnly bool             // executions are sent as text with the parameters in it
	params   int
	types    []packet.ParamType // of the last execution
	long     []longParam        // what COM_STMT_SEND_LONG_DATA collected; nil when there is none
	exec     packet.Execute
	cursor   *cursor // of the last execution, nil when it has none
	guarded  guarded
}

type longParam struct {
	sent bool
	data []byte
}

// buffers tells whether long data is kept here instead of being passed on: in every statement that writes, since it may
// be a protected value, and in those that the scratch server runs, which may compare it with one.
func (p *prepared) buffers() bool { return p.st.Writes || p.st.Verdict == rewrite.Scratch }

func (s *session) prepareStmt(st *rewrite.Statement) error {
	switch {
	case st.ComputedWrite != nil:
		return s.prepareComputedWrite(st)
	case st.Verdict == rewrite.Scratch:
		return scratchFault(s.prepareCompute(st))
	}
	text, textOnly := st.Template(nil)
	ok, err := s.prepareText(text)
	if err != nil {
		return err
	}
	s.keepPrepared(st, ok, textOnly || st.Verdict == rewrite.Lookup)
	return s.passPrepared(ok, st.Plan)
}

// prepareText lets the backend prepare a text and reads the first packet of its answer.
func (s *session) prepareText(text []byte) (ok packet.PrepareOK, err error) {
	if err := s.send(mysql.COM_STMT_PREPARE, text); err != nil {
		return ok, err
	}
	payload, err := s.backend.ReadPacket()
	if err != nil {
		return ok, err
	}
	if packet.IsErr(payload) {
		return ok, newServerError(payload)
	}
	if err := ok.Decode(payload); err != nil {
		return ok, backendError(err)
	}
	return ok, nil
}

func (s *session) keepPrepared(st *rewrite.Statement, ok packet.PrepareOK, textOnly bool) {
	own := *st
	own.SQL = bytes.Clone(st.SQL)
	if s.stmts.byID == nil {
		s.stmts.byID = make(map[uint32]*prepared)
	}
	s.stmts.byID[ok.StatementID] = &prepared{st: &own, planner: s.planner, state: rewrite.State{Database: s.state.Database, Mode: s.state.Mode, Prepared: true}, textOnly: textOnly, params: int(ok.Params)}
	s.lastPrepared = ok.StatementID
}

// passPrepared passes the rest of the answer to COM_STMT_PREPARE on, the columns as the client will see them.
func (s *session) passPrepared(ok packet.PrepareOK, p *rewrite.Plan) error {
	shown := ok
	if p.Outputs != nil {
		if int(ok.Columns) != len(p.Outputs) {
			return s.outOfDate(int(ok.Params), int(ok.Columns))
		}
		shown.Columns = uint16(visible(p.Outputs))
	}
	if err := s.client.WritePacket(shown.Append(nil)); err != nil {
		return err
	}
	if err := s.relayDefinitions(int(ok.Params)); err != nil {
		return err
	}
	if p.Outputs == nil && p.Show == nil {
		if err := s.relayDefinitions(int(ok.Columns)); err != nil {
			return err
		}
		return s.settled()
	}
	return s.passPreparedColumns(int(ok.Columns), p)
}

// settled sends everything that is on its way to the client: packets that were passed, and packets that were written.
func (s *session) settled() error {
	if err := s.backend.Settle(); err != nil {
		return err
	}
	return s.client.Flush()
}

func visible(outputs []rewrite.Output) int {
	n := 0
	for _, o := range outputs {
		if !o.Hidden {
			n++
		}
	}
	return n
}

// outOfDate drops the rest of an answer to COM_STMT_PREPARE that does not fit its plan.
func (s *session) outOfDate(groups ...int) error {
	for _, n := range groups {
		for range n {
			if _, err := s.backend.ReadPacket(); err != nil {
				return err
			}
		}
		if n > 0 {
			if err := s.readDefinitionsEnd(); err != nil {
				return err
			}
		}
	}
	s.schemaStale()
	return fault.ColumnsChanged.With("prepared statement")
}

func (s *session) executeStmt(id uint32, payload []byte) (done bool, err error) {
	p := s.stmts.byID[id]
	if p == nil {
		return false, nil
	}
	if err := s.current(p); err != nil {
		return true, err
	}
	if err := p.decode(payload, s.attributed()); err != nil {
		return true, fault.PacketMalformed.With("COM_STMT_EXECUTE")
	}
	defer p.forgetLong()
	p.cursor = nil
	s.planAttributes(&p.exec)
	if err := s.carriable(); err != nil {
		return true, err
	}
	if err := s.begin(p.st); err != nil {
		return true, err
	}
	s.srv.cfg.Metrics.planned(p.st)
	if p.st.Writes && p.st.ComputedWrite == nil {
		s.bytesAsSent(p)
	}
	switch {
	case p.st.Compute != nil:
		return true, s.execCompute(p.st, p)
	case p.textOnly:
		if done, err := s.executeGuarded(p); done || err != nil {
			return true, err
		}
		return true, s.executeAsText(p)
	case p.st.Writes:
		return true, s.executeWrite(p)
	}
	w := s.newWriter(p.st)
	w.params = p.exec.Params
	s.cursor = nil
	err = s.sendExecution(p, w)
	p.cursor = s.cursor
	return true, err
}

// current brings the session's state up to date and plans the statement again when the schema has changed since.
func (s *session) current(p *prepared) error {
	if err := s.ensureState(); err != nil {
		return err
	}
	if err := s.readable(); err != nil {
		return err
	}
	s.planner = s.srv.cfg.Planner()
	switch {
	case p.inText() && (s.state.Database != p.state.Database || (s.state.Mode^p.state.Mode)&token.Reading != 0):
		return fault.Reprepare.With("the text would read differently now")
	case s.planner == p.planner:
		return nil
	}
	state := p.state
	state.Mode = state.Mode&token.Reading | s.state.Mode&^token.Reading
	st, f := s.planner.Plan(state, p.st.SQL)
	if f != nil {
		return f
	}
	before, _ := p.st.Template(nil)
	after, _ := st.Template(nil)
	if st.Verdict != p.st.Verdict || !bytes.Equal(before, after) {
		return fault.Reprepare.With("the schema changed")
	}
	p.st, p.planner = st, s.planner
	return s.closeGuarded(p)
}

// inText tells that the client's text is sent at every execution.
func (p *prepared) inText() bool { return p.textOnly || p.st.Verdict == rewrite.Scratch }

// decode reads the execution with its parameters, long ones included.
func (p *prepared) decode(payload []byte, attributed bool) error {
	var long []bool
	if p.long != nil {
		long = make([]bool, p.params)
		for i, l := range p.long {
			long[i] = l.sent
		}
	}
	decode := p.exec.Decode
	if attributed {
		decode = p.exec.DecodeAttributed
	}
	if err := decode(payload, p.params, p.types, long); err != nil {
		return err
	}
	p.types = p.exec.AppendTypes(p.types[:0])
	for i := range p.exec.Params {
		if q := &p.exec.Params[i]; q.Long {
			q.Long, q.Value = false, p.long[i].data
		}
	}
	return nil
}

func (p *prepared) forgetLong() { p.long = nil }

// sendExecution sends the decoded execution and passes the response on.
func (s *session) sendExecution(p *prepared, w *writer) error {
	if err := s.sendExecute(&p.exec); err != nil {
		return err
	}
	return s.respond(p.st, w, true)
}

func (s *session) sendExecute(e *packet.Execute) error {
	encode := e.Append
	if s.attributed() {
		encode = e.AppendAttributed
	}
	s.text = encode(s.text[:0])
	s.keepText(s.text)
	s.backend.ResetSequence()
	return s.backend.WritePacket(s.text)
}

// executeWrite seals the parameters that are bound for protected columns and sends them as binary strings.
func (s *session) executeWrite(p *prepared) error {
	w := s.newWriter(p.st)
	w.params = p.exec.Params
	sealed := make(map[int]packet.Param)
	var failed error
	p.st.Cells(func(c rewrite.Cell) {
		if failed == nil && c.Value.Kind == token.Param {
			sealed[c.Value.Param], failed = w.sealParam(c)
		}
	})
	if failed != nil {
		if s.canConvert(failed) {
			return s.executeAsText(p)
		}
		return failed
	}
	for i, q := range sealed {
		p.exec.Params[i] = q
	}
	p.exec.NewTypes, p.exec.Flags = true, 0
	return s.sendExecution(p, w)
}

// sealParam is seal for a parameter.
func (w *writer) sealParam(c rewrite.Cell) (packet.Param, error) {
	blob := packet.Param{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_BLOB}}
	plain, null, err := w.normalize(c.Table, c.Column, c.Row, c.Value)
	switch {
	case err != nil:
		return blob, err
	case null:
		blob.Null = true
		return blob, nil
	case len(plain) == 0:
		return blob, nil
	}
	owner, err := w.ownerOf(c.Table, c.Owner)
	if err != nil {
		return blob, err
	}
	blob.Value, err = w.sealFor(owner, c.Table, c.Column, plain)
	return blob, err
}

// executeAsText puts the parameters into the client's text and runs it like any other: a lookup needs the values in its
// reads as well, and the answer to a write is the same in both protocols.
func (s *session) executeAsText(p *prepared) error {
	if err := s.certain(p); err != nil {
		return err
	}
	text, err := s.inlined(p)
	if err != nil {
		return fault.ValueForm.With("parameter")
	}
	state := s.state
	state.Prepared = false
	st, f := s.planner.Plan(state, text)
	if f != nil {
		return f
	}
	s.reparsed = true
	defer func() { s.reparsed = false }()
	return s.execText(st)
}

// marks returns the offsets of the parameter marks.
func marks(tokens []token.Token) []int {
	var at []int
	for _, t := range tokens {
		if t.Kind == token.Param {
			at = append(at, int(t.Start))
		}
	}
	return at
}

func (s *session) longData(id uint32, payload []byte) (done bool, err error) {
	p := s.stmts.byID[id]
	if p == nil || !p.buffers() {
		return false, nil
	}
	var d packet.SendLongData
	if err := d.Decode(payload); err != nil || int(d.Param) >= p.params {
		return true, fault.PacketMalformed.With("COM_STMT_SEND_LONG_DATA")
	}
	if p.long == nil {
		p.long = make([]longParam, p.params)
	}
	l := &p.long[d.Param]
	if len(l.data)+len(d.Data) > s.srv.cfg.Limits.MaxStatement {
		return true, fault.PacketTooLarge.With("long data")
	}
	l.sent, l.data = true, append(l.data, d.Data...)
	return true, nil
}

// resetStmt drops the long data that was collected and the cursor. The backend is asked as well: it answers.
func (s *session) resetStmt(id uint32) (done bool, err error) {
	if p := s.stmts.byID[id]; p != nil {
		p.forgetLong()
		p.cursor = nil
	}
	return false, nil
}

// closeStmt forgets a statement, and closes at the server what the client does not know of.
func (s *session) closeStmt(id uint32) error {
	p := s.stmts.byID[id]
	if p == nil {
		return nil
	}
	delete(s.stmts.byID, id)
	return s.closeGuarded(p)
}

func (s *session) forgetStmts() { s.stmts.byID = nil }
