package proxy

import (
	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
)

// cursor is the result set of an execution that the server opened a cursor for: the rows come with COM_STMT_FETCH, and
// until the last one other statements may run.
type cursor struct {
	rows    transformer
	charset logical.Charset // character_set_results of the column definitions
}

// cursorOpened reports whether the last status told of a cursor.
func (s *session) cursorOpened() bool { return s.status&mysql.SERVER_STATUS_CURSOR_EXISTS != 0 }

// rowsLater reports whether a result set whose definitions have just ended has no rows behind them. Under
// CLIENT_DEPRECATE_EOF it has none, too, but an end.
func (s *session) rowsLater() bool { return s.cursorOpened() && !s.deprecateEOF() }

// hold keeps what opens the rows of the cursor that the execution opened.
func (s *session) hold(t transformer) {
	t.seen = nil
	s.cursor = &cursor{rows: t, charset: s.env.Results}
}

// fetch passes rows of a cursor on, opened as any others. Statements that are relayed have theirs relayed.
func (s *session) fetch(id uint32, payload []byte) (done bool, err error) {
	p := s.stmts.byID[id]
	if p == nil {
		return false, nil
	}
	if p.cursor == nil {
		return true, s.fetchNothing(payload)
	}
	if err := s.ensureState(); err != nil {
		return true, err
	}
	if err := s.seeZone(p.st.Plan); err != nil {
		return true, err
	}
	if s.env.Results != p.cursor.charset {
		return true, fault.SessionCharset.With("character_set_results or time_zone changed under a cursor")
	}
	if err := s.begin(p.st); err != nil {
		return true, err
	}
	if err := s.forward(payload); err != nil {
		return true, err
	}
	return true, s.passRows(p.cursor.rows)
}

// fetchNothing passes the server's complaint on that there is no cursor.
func (s *session) fetchNothing(payload []byte) error {
	if err := s.forward(payload); err != nil {
		return err
	}
	if _, err := s.head(); err != nil {
		return err
	}
	return backendError(errOutOfStep)
}
