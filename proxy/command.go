package proxy

import (
	"bytes"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// command runs one command of the client. What it returns is for answer: a fault or a server's error still to be told
// to the client, or the end of the session.
func (s *session) command(p []byte) error {
	if len(p) == 0 {
		return fault.PacketMalformed.With("empty command")
	}
	switch p[0] {
	case mysql.COM_QUERY:
		return s.onQuery(p)
	case mysql.COM_STMT_PREPARE, mysql.COM_STMT_EXECUTE, mysql.COM_STMT_FETCH, mysql.COM_STMT_SEND_LONG_DATA,
		mysql.COM_STMT_CLOSE, mysql.COM_STMT_RESET:
		return s.statementCommand(p)
	case mysql.COM_QUIT:
		return s.onQuit(p)
	case mysql.COM_INIT_DB:
		s.setDirty()
		return s.relay(p, (*session).relayPacket)
	case mysql.COM_PING, mysql.COM_REFRESH, mysql.COM_SHUTDOWN, mysql.COM_PROCESS_KILL, mysql.COM_DEBUG:
		return s.relay(p, (*session).relayPacket)
	case mysql.COM_PROCESS_INFO:
		return s.relay(p, (*session).relayResponse)
	case mysql.COM_STATISTICS:
		return s.relay(p, (*session).relayText)
	case mysql.COM_FIELD_LIST:
		return s.onFieldList(p)
	case mysql.COM_RESET_CONNECTION:
		return s.onReset(p)
	case mysql.COM_CHANGE_USER:
		return s.onChangeUser(p)
	case mysql.COM_SET_OPTION:
		return s.onSetOption(p)
	case mysql.COM_CREATE_DB, mysql.COM_DROP_DB, mysql.COM_BINLOG_DUMP, mysql.COM_BINLOG_DUMP_GTID, mysql.COM_TABLE_DUMP,
		mysql.COM_REGISTER_SLAVE, mysql.COM_CLONE, mysql.COM_SUBSCRIBE_GROUP_REPLICATION_STREAM:
		return fault.CommandUnsupported.With("command %#02x", p[0])
	}
	return fault.CommandUnknown.With("command %#02x", p[0])
}

// relay sends a command on as it is and carries the response with what knows its form.
func (s *session) relay(p []byte, response func(*session) error) error {
	if err := s.forward(p); err != nil {
		return err
	}
	return response(s)
}

func (s *session) onQuit(p []byte) error {
	if err := s.forward(p); err != nil {
		return err
	}
	if err := s.backend.Flush(); err != nil {
		return err
	}
	return errQuit
}

// onQuery runs a statement: as bytes when it cannot concern a protected table, else by its plan.
func (s *session) onQuery(p []byte) error {
	sql, err := s.statementText(p)
	if err != nil {
		return err
	}
	if s.multi == multiOn && bytes.IndexByte(sql, ';') >= 0 {
		return s.onBatch(p, sql)
	}
	if done, err := s.askDiagnostics(sql); done || err != nil {
		return err
	}
	st, err := s.plan(sql, false)
	if err != nil {
		return s.refusedFor(sql, err)
	}
	if err := s.begin(st); err != nil {
		return err
	}
	if st == nil || st.Verdict == rewrite.Relay {
		s.srv.cfg.Metrics.relayed.Inc()
		if name := localFile(sql); name != nil {
			s.files = [][]byte{name}
		}
		return s.relayStatement(p, effectOf(sql))
	}
	if err := s.carriable(); err != nil {
		return err
	}
	s.srv.cfg.Metrics.planned(st)
	return s.execText(st)
}

// relayStatement relays a text or binary statement that has an effect on the session.
func (s *session) relayStatement(p []byte, e effect) error {
	s.expect(e)
	if err := s.forward(p); err != nil {
		return err
	}
	return s.relayed(e)
}

// expect notes what a statement that is about to be relayed may change.
func (s *session) expect(e effect) {
	if e&changesSession != 0 {
		s.setDirty()
	}
	s.mayLock = s.mayLock || e&locksTables != 0
}

// relayed carries the response to a statement that has an effect.
func (s *session) relayed(e effect) error {
	err := s.relayResponse()
	s.files = nil
	if err != nil {
		return err
	}
	if e&changesSchema != 0 && s.srv.cfg.SchemaChanged != nil {
		s.srv.cfg.SchemaChanged()
	}
	return nil
}

// plan plans a statement; nil means that it cannot concern a protected table and is relayed unread.
func (s *session) plan(sql []byte, prepared bool) (*rewrite.Statement, error) {
	s.planner = s.srv.cfg.Planner()
	return s.planNow(sql, prepared)
}

// planNow plans with the planner of the statement before.
func (s *session) planNow(sql []byte, prepared bool) (*rewrite.Statement, error) {
	if !s.planner.Mentions(sql) {
		return nil, nil
	}
	if len(sql) > s.srv.cfg.Limits.MaxStatement {
		return nil, fault.PacketTooLarge.With("statement")
	}
	if err := s.ensureState(); err != nil {
		return nil, err
	}
	if err := s.legible(sql); err != nil {
		return nil, err
	}
	state := s.state
	state.Prepared = prepared
	st, f := s.planner.Plan(state, sql)
	if f != nil {
		return nil, f
	}
	return st, nil
}

// relayText carries an answer that is a text without a form, or ERR.
func (s *session) relayText() error {
	if err := s.backend.Pass(); err != nil {
		return err
	}
	return s.backend.Settle()
}

// onReset relays COM_RESET_CONNECTION, which keeps the user and forgets everything else.
func (s *session) onReset(p []byte) error {
	s.forgetSession()
	return s.relay(p, (*session).relayPacket)
}

func (s *session) forgetSession() {
	s.setDirty()
	s.effects, s.moves, s.mayLock = nil, nil, false
	s.backMulti = multiUnknown
	s.forgetStmts()
}

// onChangeUser carries another login on the same connection.
func (s *session) onChangeUser(p []byte) error {
	var c packet.ChangeUser
	if err := c.Decode(p, s.caps); err != nil {
		return fault.PacketMalformed.With("COM_CHANGE_USER")
	}
	switch {
	case dangerousCollation(c.Collation):
		return fault.DangerousCharset.With("collation %d in COM_CHANGE_USER", c.Collation)
	case !s.mayCarry(string(c.AuthPlugin)):
		return fault.PasswordPath.With("plugin of COM_CHANGE_USER")
	}
	s.forgetSession()
	s.user = string(c.User)
	s.identify(c.Attributes)
	s.uses(string(c.Database))
	s.setSecret(true)
	if err := s.forward(p); err != nil {
		return err
	}
	err := s.relayAuth(string(c.AuthPlugin))
	s.setSecret(false)
	return err
}

func (s *session) setSecret(on bool) {
	s.client.SetSecret(on)
	s.backend.SetSecret(on)
}
