package proxy

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// guarded is the form in which a prepared UPDATE changes a row that is remembered: the server has prepared it, too, with
// the guard's values as parameters behind the client's. It need not be written as text, nor be read by the server again.
type guarded struct {
	id     uint32 // the server's; 0 while it is not prepared
	useful int    // executions that might have used it before it was
	never  bool   // it cannot be had
}

// guardedFrom is the number of executions from which it is worth a round trip to prepare the guarded form.
const guardedFrom = 3

// executeGuarded tries an UPDATE on what is remembered of its row. done is false when it has to run as text, which also
// finds the error of one that cannot run, and the warnings of one whose values do not stay what they are.
func (s *session) executeGuarded(p *prepared) (done bool, err error) {
	if !p.st.IsUpdate() || p.st.ComputedWrite != nil || p.guarded.never {
		return false, nil
	}
	if s.certain(p) != nil {
		return false, nil
	}
	w := s.newWriter(p.st)
	w.params = p.exec.Params
	g, known := s.guess(p.st, w)
	if !known || !g.setsFlag || len(w.warnings) > 0 {
		return false, nil
	}
	if ready, err := s.prepareGuarded(p); !ready || err != nil {
		return false, err
	}
	if err := s.sendGuarded(p, g); err != nil {
		return true, err
	}
	ok, err := s.outcome()
	if err != nil {
		return true, err
	}
	if !s.guessed(p.st, g, ok) {
		return false, nil
	}
	return true, s.sendOK(ok)
}

// prepareGuarded prepares the guarded form once the statement is seen to be used again and again.
func (s *session) prepareGuarded(p *prepared) (ready bool, err error) {
	p.guarded.useful++
	if p.guarded.id != 0 || p.guarded.useful < guardedFrom {
		return p.guarded.id != 0, nil
	}
	text, ok := p.st.GuardedText()
	if !ok {
		p.guarded.never = true
		return false, nil
	}
	prepared, err := s.prepareText(text)
	if _, refused := err.(*serverError); refused {
		p.guarded.never = true // the limit of prepared statements, for example
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := s.dropDefinitions(int(prepared.Params)); err != nil {
		return false, err
	}
	p.guarded.id = prepared.StatementID
	if int(prepared.Params) != p.params+1+len(p.st.WrittenColumns()) {
		p.guarded.never = true
		return false, s.closeGuarded(p)
	}
	return true, nil
}

// sendGuarded sends the guarded form with the client's parameters, the sealed values in their places, and the guard.
func (s *session) sendGuarded(p *prepared, g guess) error {
	e := packet.Execute{StatementID: p.guarded.id, Iterations: 1, NewTypes: true, Attributes: p.exec.Attributes}
	e.Params = append(make([]packet.Param, 0, p.params+1+len(g.row.stored)), p.exec.Params...)
	for _, wc := range p.st.WrittenColumns() {
		e.Params[wc.Value.Param] = blobParam(g.after.stored[p.st.Target().ProtectedIndex(wc.Column)])
	}
	for _, v := range g.row.guard(p.st) {
		e.Params = append(e.Params, blobParam(v))
	}
	return s.sendExecute(&e)
}

// blobParam is a stored value as a parameter; nil is NULL.
func blobParam(v []byte) packet.Param {
	return packet.Param{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_BLOB}, Null: v == nil, Value: v}
}

// closeGuarded gives the guarded form back to the server.
func (s *session) closeGuarded(p *prepared) error {
	id := p.guarded.id
	p.guarded.id = 0
	if id == 0 {
		return nil
	}
	return s.send(mysql.COM_STMT_CLOSE, binary.LittleEndian.AppendUint32(nil, id))
}
