package proxy

import (
	"bytes"
	"errors"
	"slices"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// execText runs a COM_QUERY whose plan is not Relay, and answers the client.
func (s *session) execText(st *rewrite.Statement) error {
	if st.Load != nil {
		return s.execLoad(st) // once: its file has taken the place of its text
	}
	if err := s.execPlanned(st); err != nil {
		return s.recompute(st, err)
	}
	return nil
}

func (s *session) execPlanned(st *rewrite.Statement) error {
	switch {
	case st.Definition != nil:
		return s.execDefinition(st)
	case st.ComputedWrite != nil:
		return s.execComputedWrite(st)
	case st.Verdict == rewrite.Direct:
		return s.execDirect(st)
	case st.Verdict == rewrite.Scratch:
		return s.execCompute(st, nil)
	case st.IsUpdate():
		return s.execUpdate(st)
	}
	return s.execUpsert(st)
}

// execDirect sends the edited text with its values sealed, and passes the response on.
func (s *session) execDirect(st *rewrite.Statement) error {
	w := s.newWriter(st)
	text, err := st.Text(s.text[:0], w.seal)
	if err != nil {
		return err
	}
	s.keepText(text)
	if err := s.sendQuery(text); err != nil {
		return err
	}
	return s.respond(st, w, false)
}

// keepText keeps the buffer of a statement for the next one, unless it grew out of proportion.
func (s *session) keepText(text []byte) {
	const keep = 64 << 10
	if s.text = text; cap(text) > keep {
		s.text = nil
	}
}

// respond passes the backend's response on, changed where the plan or the writer's warnings ask for it.
func (s *session) respond(st *rewrite.Statement, w *writer, binary bool) error {
	switch {
	case st.Outputs != nil || st.Show != nil:
		return s.passResult(st, w.params, binary)
	case !st.Writes:
		return s.relayResponse()
	}
	h, err := s.head()
	if err != nil {
		s.diag.own = w.warnings // the server shows its error behind them
		return err
	}
	return s.sendOK(w.addTo(h.ok))
}

// transaction runs f in a transaction of the proxy's own when the session has none open, so that rows that f read stay
// as they are until it has written them.
func (s *session) transaction(f func() (packet.OK, error)) (packet.OK, error) {
	if !s.autocommit() || s.inTransaction() {
		ok, err := f()
		if err != nil || !s.reparsed || ok.Warnings == 0 {
			return ok, err
		}
		return s.keepConditions(ok)
	}
	own := s.ownTransaction()
	if _, err := s.exec([]byte(own.begin)); err != nil {
		return packet.OK{}, err
	}
	ok, err := f()
	if err != nil {
		return ok, s.undo(own, err)
	}
	if ok, err = s.keepConditions(ok); err != nil {
		return ok, s.undo(own, err) // or the transaction would stay open behind the client's back
	}
	end, err := s.exec([]byte(own.commit))
	if err != nil {
		return ok, s.closeTransaction(own, err)
	}
	// f's status said that a transaction was open. What the session tracks came with either: the GTID with the COMMIT.
	ok.Status = end.Status | ok.Status&mysql.SERVER_SESSION_STATE_CHANGED
	ok.StateChanges = slices.Concat(ok.StateChanges, end.StateChanges)
	return ok, nil
}

// undo rolls the proxy's own transaction back and returns why; when the connection failed there is nothing to roll back.
func (s *session) undo(own ownTransaction, why error) error {
	var f *fault.Error
	var se *serverError
	if !errors.As(why, &f) && !errors.As(why, &se) {
		return why
	}
	if se != nil {
		if err := s.keepError(se); err != nil {
			return err
		}
	}
	for _, sql := range own.rollback {
		if _, err := s.exec([]byte(sql)); err != nil {
			return err
		}
	}
	return why
}

// sendText runs what became of the client's statement, which returns no rows, and returns the backend's OK.
func (s *session) sendText(text []byte) (packet.OK, error) {
	if err := s.sendQuery(text); err != nil {
		return packet.OK{}, err
	}
	return s.outcome()
}

// outcome reads the backend's answer to a statement that returns no rows.
func (s *session) outcome() (packet.OK, error) {
	h, err := s.head()
	if err != nil {
		return packet.OK{}, err
	}
	h.ok.Info, h.ok.StateChanges = bytes.Clone(h.ok.Info), bytes.Clone(h.ok.StateChanges) // views until the next read
	return h.ok, nil
}
