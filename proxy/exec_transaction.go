package proxy

import (
	"errors"

	"phiproxy/rewrite"
)

// ownTransaction are the statements around a transaction of the proxy's own.
type ownTransaction struct {
	begin, commit string
	rollback      []string
	reopens       bool // a commit that failed leaves the session without autocommit
}

// ownTransaction is how this session's own transactions begin and end: none ends as @@completion_type says, which is about the
// client's, with another one or with the connection; and where the client may have locked tables, which BEGIN would unlock, it is
// autocommit that begins and ends them.
func (s *session) ownTransaction() ownTransaction {
	const end = " AND NO CHAIN NO RELEASE"
	switch {
	case s.flavor() == rewrite.Embedded: // it has no @@completion_type
		return ownTransaction{begin: "BEGIN", commit: "COMMIT", rollback: []string{"ROLLBACK"}}
	case s.mayLock:
		return ownTransaction{begin: "SET autocommit = 0", commit: "SET autocommit = 1", rollback: []string{"ROLLBACK" + end, "SET autocommit = 1"}, reopens: true}
	}
	return ownTransaction{begin: "BEGIN", commit: "COMMIT" + end, rollback: []string{"ROLLBACK" + end}}
}

// closeTransaction leaves no transaction open behind a commit that failed, and returns why.
func (s *session) closeTransaction(own ownTransaction, why error) error {
	var se *serverError
	if !own.reopens || !errors.As(why, &se) {
		return why
	}
	return s.undo(own, why)
}
