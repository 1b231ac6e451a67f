package proxy

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// streamFrom is the length in bytes from which a command that needs no look at its content is passed on while it arrives.
// Shorter ones are read first: the server sees nothing of a client that goes away in the middle of one.
const streamFrom = 1 << 20

// statementHead is a command about a prepared statement up to the statement's id.
const statementHead = 5

// stream passes on, in constant memory, what a client sends for a prepared statement that is relayed: parameters have no
// bounds but the server's. Any other command is left to be read whole.
func (s *session) stream() (done bool, err error) {
	size, head, err := s.client.Peek(statementHead)
	if err != nil || size < streamFrom || !s.streams(head) {
		return false, err
	}
	command, id := head[0], binary.LittleEndian.Uint32(head[1:])
	s.commanded(head)
	s.backend.ResetSequence()
	if err := s.client.Pass(); err != nil {
		return true, err
	}
	if err := s.client.Settle(); err != nil || command == mysql.COM_STMT_SEND_LONG_DATA {
		return true, err
	}
	s.diag = diagnostics{}
	s.srv.cfg.Metrics.relayed.Inc()
	s.expect(s.effects[id])
	return true, s.relayed(s.effects[id])
}

// streams reports whether the command that begins with head concerns a statement which is the server's own business.
func (s *session) streams(head []byte) bool {
	if len(head) < statementHead || head[0] != mysql.COM_STMT_EXECUTE && head[0] != mysql.COM_STMT_SEND_LONG_DATA {
		return false
	}
	id := binary.LittleEndian.Uint32(head[1:])
	return id != lastPreparedID && s.stmts.byID[id] == nil && s.moves[id] == nil
}
