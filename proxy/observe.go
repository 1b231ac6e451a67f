package proxy

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/audit"
	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// Statements about protected tables are observed: counted by shape, and recorded in the access log when there is one and
// the statement touches protected values. The hooks are single calls:
//
//	begin          before anything of a planned statement is sent
//	shown, found   for every value opened, every owner whose row is read in order to be written
//	wrote          for every value sealed
//	failing, ended when the last packet of the answer is about to be written
//	denied         for a statement that gets no plan
//	settledView    between two commands
//	lost           when the session ends
//
// All run on the session's goroutine.

// observed is the statement that a session is running; the zero value says that it runs none about protected tables.
type observed struct {
	count          *shapeCount
	entry          *audit.Entry // nil without a log
	rows           uint64       // the session's, when it began
	opened, sealed int64
	code           string // of the proxy's own error
	unseen         bool   // its answer is relayed unread
}

// begin notes that a statement is about to be run; nil is one that names no protected table. With an access log it is
// recorded first, and refused when it cannot be.
func (s *session) begin(st *rewrite.Statement) error {
	if st == nil {
		return nil
	}
	if err := s.seeZone(st.Plan); err != nil {
		return err
	}
	c := s.srv.shapes.planned(st.Plan)
	c.begin()
	unseen := st.Verdict == rewrite.Relay || st.Outputs == nil && st.Show == nil && st.Compute == nil && !st.Writes
	if unseen && (s.srv.cfg.Access == nil || len(st.Touches) == 0) {
		return nil
	}
	s.seen = observed{count: c, rows: s.rows, unseen: unseen}
	if s.srv.cfg.Access == nil || len(st.Touches) == 0 {
		return nil
	}
	entry, err := s.srv.cfg.Access.Begin(s.event(c))
	if err != nil {
		return fault.AccessLog.With("%v", err)
	}
	s.seen.entry = entry
	return nil
}

// event is what the access log says of the session and a shape.
func (s *session) event(c *shapeCount) audit.Event {
	return audit.Event{
		Session: s.id, User: s.user, Client: s.who.client, TLSSubject: s.who.subject, Application: s.application(),
		Fingerprint: c.fingerprint, Verb: c.shape.Verb, Verdict: c.verdict, Tables: c.tables, Columns: c.columns,
	}
}

// shown notes that a value of the owner is about to be opened.
func (s *session) shown(owner []byte) {
	s.seen.opened++
	s.seen.entry.Owner(owner)
}

// wrote notes that a value is sealed for the owner.
func (s *session) wrote(owner []byte) {
	s.seen.sealed++
	s.seen.entry.Owner(owner)
}

// found notes the owners of rows that are about to be written.
func (s *session) found(rows []probed) {
	for i := range rows {
		s.seen.entry.Owner(rows[i].owner)
	}
}

// failing notes a fault that the client is about to be told.
func (s *session) failing(f *fault.Fault) { s.seen.code = f.ID }

// ended notes that the answer to the statement ends with a packet, which is not written yet.
func (s *session) ended(last []byte) {
	run := &s.seen
	if run.count == nil || run.unseen {
		return
	}
	end := audit.Event{Rows: int64(s.rows - run.rows), Opened: run.opened, Sealed: run.sealed, Outcome: audit.Done}
	switch {
	case packet.IsErr(last):
		end.Outcome, end.Code = audit.Failed, run.code
		if end.Code == "" {
			end.Code = strconv.Itoa(int((&serverError{payload: last}).code()))
		}
		if isRefusal(end.Code) {
			end.Outcome = audit.Refused
		}
	case len(last) > 0 && last[0] == mysql.OK_HEADER:
		affected, _, _ := packet.LenEncInt(last[1:])
		end.Rows = int64(affected)
	}
	s.finishRun(end)
}

// isRefusal reports whether the code is one of the planner's, whenever it was found.
func isRefusal(code string) bool { return strings.HasPrefix(code, "PHI-11") }

// finishRun counts the statement and records its end. An end that cannot be recorded now does not change the answer: the
// beginning is recorded, and stands for it until the log can be written again.
func (s *session) finishRun(end audit.Event) {
	s.seen.count.end(end.Outcome != audit.Done && end.Outcome != audit.Sent, uint64(end.Rows))
	_ = s.seen.entry.End(end)
	s.seen = observed{}
}

// denied notes a statement that got no plan.
func (s *session) denied(sql []byte, why error) {
	var f *fault.Error
	if !errors.As(why, &f) {
		return // the server's own error, or a connection that is gone
	}
	shape := rewrite.UnreadShape()
	if !s.dirty {
		shape = s.planner.Shape(s.state.Mode, sql)
	}
	c := s.srv.shapes.refused(shape, f.ID)
	c.begin()
	c.end(true, 0)
	if s.srv.cfg.Access == nil {
		return
	}
	e := s.event(c)
	e.Outcome, e.Code = audit.Refused, f.ID
	_ = s.srv.cfg.Access.Note(e) // nothing was shown; what the log misses is counted in it
}

// willMove remembers a prepared statement that is relayed and yet moves sealed values.
func (s *session) willMove(id uint32, st *rewrite.Statement) {
	if st == nil || len(st.Touches) == 0 || s.srv.cfg.Access == nil {
		return
	}
	if s.moves == nil {
		s.moves = make(map[uint32]*rewrite.Statement)
	}
	s.moves[id] = &rewrite.Statement{Plan: st.Plan} // begin looks at nothing else, and the text is not kept
}

// sent ends the record of a statement whose answer was relayed unread: it moved or removed sealed values and showed none,
// so its end need not be written before the answer is released.
func (s *session) sent() {
	if s.seen.unseen {
		s.finishRun(audit.Event{Outcome: audit.Sent})
	}
}

// lost ends the record of a statement whose answer never came to its end.
func (s *session) lost() {
	if s.seen.count != nil {
		s.finishRun(audit.Event{Rows: int64(s.rows - s.seen.rows), Opened: s.seen.opened, Sealed: s.seen.sealed, Outcome: audit.Broken})
	}
}
