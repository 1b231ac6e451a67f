package proxy

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// lastPreparedID is MariaDB's name for the statement that was prepared last.
const lastPreparedID = 1<<32 - 1

// statementCommand runs the commands about prepared statements. One whose text could not concern a protected table is
// the server's own business: its commands are relayed and only its effect on the session is remembered.
func (s *session) statementCommand(p []byte) error {
	if p[0] == mysql.COM_STMT_PREPARE {
		return s.onPrepare(p)
	}
	id, err := packet.StatementID(p)
	if err != nil {
		return s.unanswerable(p[0], fault.PacketMalformed.With("statement command"))
	}
	if id == lastPreparedID && s.lastPrepared != 0 {
		id = s.lastPrepared
		binary.LittleEndian.PutUint32(p[1:], id)
	}
	switch p[0] {
	case mysql.COM_STMT_EXECUTE:
		return s.onExecute(id, p)
	case mysql.COM_STMT_FETCH:
		return s.relayUnless(p, (*session).relayFetched)(s.fetch(id, p))
	case mysql.COM_STMT_RESET:
		return s.relayUnless(p, (*session).relayPacket)(s.resetStmt(id))
	case mysql.COM_STMT_SEND_LONG_DATA:
		return s.unanswerable(p[0], s.relayUnless(p, noResponse)(s.longData(id, p)))
	}
	delete(s.effects, id)
	delete(s.moves, id)
	if err := s.closeStmt(id); err != nil {
		return err
	}
	return s.forward(p)
}

// unanswerable keeps errors of commands that have no response from being answered: the client would take the answer for
// that of its next command. The servers do the same and report the error at the execution.
func (s *session) unanswerable(command byte, err error) error {
	f, isFault := err.(*fault.Error)
	if isFault && (command == mysql.COM_STMT_SEND_LONG_DATA || command == mysql.COM_STMT_CLOSE) {
		return clientError(f)
	}
	return err
}

func noResponse(*session) error { return nil }

// relayUnless relays a command unless a hook did what it asks for.
func (s *session) relayUnless(p []byte, response func(*session) error) func(done bool, err error) error {
	return func(done bool, err error) error {
		if done || err != nil {
			return err
		}
		return s.relay(p, response)
	}
}

func (s *session) onPrepare(p []byte) error {
	sql := p[1:]
	if s.diag.known() && questionOf(sql).diagnostics {
		return fault.Diagnostics.With("prepared question")
	}
	s.diag = diagnostics{}
	st, err := s.plan(sql, true)
	switch {
	case err != nil:
		return s.refusedFor(sql, err)
	case st != nil && st.Verdict != rewrite.Relay:
		return s.prepareStmt(st)
	}
	e := effectOf(sql)
	if err := s.forward(p); err != nil {
		return err
	}
	id, err := s.relayPrepared()
	if err != nil || id == 0 {
		return err
	}
	s.lastPrepared = id
	s.remember(id, e)
	s.willMove(id, st)
	return nil
}

func (s *session) remember(id uint32, e effect) {
	if e == 0 {
		return
	}
	if s.effects == nil {
		s.effects = make(effects)
	}
	s.effects[id] = e
}

func (s *session) onExecute(id uint32, p []byte) error {
	s.diag = diagnostics{}
	done, err := s.executeStmt(id, p)
	if done || err != nil {
		return err
	}
	if err := s.begin(s.moves[id]); err != nil {
		return err
	}
	s.srv.cfg.Metrics.relayed.Inc()
	return s.relayStatement(p, s.effects[id])
}

// relayFetched carries the rows that a cursor gives.
func (s *session) relayFetched() error {
	if err := s.relayUntilEnd(); err != nil {
		return err
	}
	return s.backend.Settle()
}
