package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// Several statements in one COM_QUERY (MySQL manual, "Multi-Statement"). A text that cannot name a protected table is
// relayed as it is. Any other is cut into its statements, which are planned and sent one by one while the server is told
// to take one statement per command: should it see a semicolon where the proxy saw none, that is a syntax error.

// multi says whether several statements in one text are allowed.
type multi uint8

const (
	multiOff multi = iota
	multiOn
	multiUnknown // the server may have set it back
)

// option is the argument of COM_SET_OPTION.
func (m multi) option() []byte {
	if m == multiOn {
		return []byte{0, 0}
	}
	return []byte{1, 0}
}

// onSetOption relays COM_SET_OPTION, which allows several statements in one text or forbids them.
func (s *session) onSetOption(p []byte) error {
	const size = 3
	if len(p) != size {
		return fault.PacketMalformed.With("COM_SET_OPTION")
	}
	wish := multiOff
	switch option := binary.LittleEndian.Uint16(p[1:]); {
	case option > 1:
		return s.relay(p, (*session).relayPacket) // the server's error
	case option == 0 && s.greeting.Capabilities&mysql.CLIENT_MULTI_STATEMENTS == 0:
		return fault.CommandUnsupported.With("COM_SET_OPTION: the server has no multi-statements")
	case option == 0:
		wish = multiOn
	}
	s.backMulti, s.failed = multiUnknown, false
	if err := s.relay(p, (*session).relayPacket); err != nil || s.failed {
		return err
	}
	s.multi, s.backMulti = wish, wish
	return nil
}

// setMulti makes the server allow several statements in one text, or only one.
func (s *session) setMulti(wish multi) error {
	if s.backMulti == wish {
		return nil
	}
	s.backMulti = multiUnknown
	if err := s.send(mysql.COM_SET_OPTION, wish.option()); err != nil {
		return err
	}
	p, err := s.backend.ReadPacket()
	switch {
	case err != nil:
		return err
	case packet.IsErr(p):
		return newServerError(p)
	}
	if _, err := s.readEnd(p); err != nil {
		return err
	}
	s.backMulti = wish
	return nil
}

// onBatch runs a text that may hold several statements.
func (s *session) onBatch(p, sql []byte) error {
	s.planner = s.srv.cfg.Planner()
	if s.planner.Mentions(sql) || s.diag.known() {
		return s.runBatch(sql)
	}
	if err := s.setMulti(multiOn); err != nil {
		return err
	}
	s.srv.cfg.Metrics.relayed.Inc()
	s.files = localFiles(sql)
	return s.relayStatement(p, effectsOf(sql))
}

// effectsOf judges a text of several statements. What stands behind a semicolon that is none only adds effects.
func effectsOf(sql []byte) effect {
	e := effectOf(sql)
	for {
		i := bytes.IndexByte(sql, ';')
		if i < 0 {
			return e
		}
		if sql = sql[i+1:]; len(bytes.Trim(sql, "; \t\r\n")) == 0 {
			return e
		}
		e |= effectOf(sql)
	}
}

// batch is a text that is run statement by statement.
type batch struct {
	s     *session
	sql   []byte // what is left of it
	parts []step
	state rewrite.State // that they were read and planned under
	env   environment
	plans *rewrite.Planner
}

// step is one statement of a batch with its plan; nil is one that names no protected table.
type step struct {
	sql  []byte
	end  int // of the statement in the batch's text
	code bool
	st   *rewrite.Statement
	err  error // why it has no plan
}

func (s *session) runBatch(sql []byte) error {
	if len(sql) > s.srv.cfg.Limits.MaxStatement {
		return fault.PacketTooLarge.With("statement")
	}
	if err := s.carriable(); err != nil {
		return err
	}
	if err := s.setMulti(multiOff); err != nil {
		return err
	}
	sql, s.attributes = bytes.Clone(sql), bytes.Clone(s.attributes) // a LOAD reads its file into the buffer that they are in
	b := batch{s: s, sql: sql}
	if err := b.plan(); err != nil {
		s.denied(sql, err)
		return err
	}
	defer func() { s.following = false }()
	for len(b.parts) > 0 {
		now := b.parts[0]
		b.parts = b.parts[1:]
		s.following, s.failed = len(b.parts) > 0, false
		if err := s.runStep(now); err != nil || s.failed {
			s.following = false
			return err
		}
		if err := b.goOn(now); err != nil {
			return err
		}
	}
	return nil
}

// plan cuts the text and plans its statements, as they read in the session's present state. A statement in front of which
// nothing can change that state must have a plan; what is behind may yet read differently.
func (b *batch) plan() error {
	s := b.s
	s.planner = s.srv.cfg.Planner()
	if err := s.ensureState(); err != nil {
		return err
	}
	if err := s.legible(b.sql); err != nil {
		return err
	}
	b.state, b.env, b.plans, b.parts = s.state, s.env, s.planner, nil
	certain := true
	for _, p := range s.planner.Split(s.state, b.sql) {
		next := step{sql: b.sql[p.Start:p.End], end: p.End, code: p.Code}
		if p.Fault != nil {
			next.err = p.Fault
		} else {
			next.st, next.err = s.planNow(next.sql, false)
		}
		if next.err != nil && (certain || !refused(next.err)) {
			return next.err
		}
		certain = certain && effectOf(next.sql)&^locksTables == 0
		b.parts = append(b.parts, next)
	}
	return nil
}

// refused reports whether a statement got no plan for a reason of its own, not of the connection's.
func refused(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}

// goOn plans what is left again when the statement that has just run changed how it reads.
func (b *batch) goOn(done step) error {
	s := b.s
	if len(b.parts) == 0 {
		return nil
	}
	s.planner = s.srv.cfg.Planner()
	if err := s.ensureState(); err != nil {
		return err
	}
	if s.state == b.state && s.env == b.env && s.planner == b.plans {
		return nil
	}
	b.sql = b.sql[done.end+len(";"):]
	if err := b.plan(); err != nil {
		s.denied(b.sql, err)
		return err
	}
	return nil
}

// runStep runs one statement of a batch as if it had come alone.
func (s *session) runStep(now step) error {
	if done, err := s.askDiagnostics(now.sql); done || err != nil {
		return err
	}
	if now.err != nil {
		return s.refusedFor(now.sql, now.err)
	}
	if err := s.begin(now.st); err != nil {
		return err
	}
	if now.st != nil && now.st.Verdict != rewrite.Relay {
		s.srv.cfg.Metrics.planned(now.st)
		return s.execText(now.st)
	}
	s.srv.cfg.Metrics.relayed.Inc()
	e := effectOf(now.sql)
	if now.code && now.st == nil { // it concerns nothing that is protected, and the server knows where it ends
		if err := s.setMulti(multiOn); err != nil {
			return err
		}
		e = effectsOf(now.sql)
	}
	s.expect(e)
	if name := localFile(now.sql); name != nil {
		s.files = [][]byte{name}
	}
	if err := s.sendQuery(now.sql); err != nil {
		return err
	}
	return s.relayed(e)
}
