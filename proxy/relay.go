package proxy

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// Responses are carried from the backend to the client as they come (MySQL manual, "Command Phase"). Only what tells
// where a response ends is read, and the status flags in every OK and EOF.

const (
	columnCountBytes = 9       // longest column count
	eofBytes         = 5       // EOF packet of protocol 4.1
	maxStatusPacket  = 1 << 20 // longest OK or ERR that is believed
)

// forward sends a command of the client on as it is.
func (s *session) forward(command []byte) error {
	s.backend.ResetSequence()
	return s.backend.WritePacket(command)
}

// relayResponse carries the response to a statement: OK, ERR, or result sets, until none follows.
func (s *session) relayResponse() error {
	for {
		if err := s.relayResult(); err != nil {
			return err
		}
		if s.status&mysql.SERVER_MORE_RESULTS_EXISTS == 0 {
			return s.backend.Settle()
		}
	}
}

// relayResult carries one result.
func (s *session) relayResult() error {
	size, p, err := s.backend.Peek(columnCountBytes)
	if err != nil {
		return err
	}
	if len(p) == 0 {
		return backendError(errOutOfStep)
	}
	switch p[0] {
	case mysql.OK_HEADER:
		return s.passStatus(size)
	case mysql.ERR_HEADER:
		return s.passError(size)
	case mysql.LocalInFile_HEADER:
		return s.relayFile(size)
	}
	columns, err := packet.ColumnCount(p)
	if err != nil || size != len(p) {
		return backendError(errOutOfStep)
	}
	return s.relayRows(columns)
}

// relayRows carries a result set from its column count on.
func (s *session) relayRows(columns int) error {
	for range columns + 1 {
		if err := s.backend.Pass(); err != nil {
			return err
		}
	}
	if !s.deprecateEOF() {
		if err := s.passDefinitionsEnd(); err != nil {
			return err
		}
		if s.status&mysql.SERVER_STATUS_CURSOR_EXISTS != 0 {
			return nil // the rows are asked for by COM_STMT_FETCH
		}
	}
	return s.relayUntilEnd()
}

// relayUntilEnd carries rows, or column definitions without a count, and the packet that ends them.
func (s *session) relayUntilEnd() error {
	rows, err := s.backend.PassRows()
	s.rows += rows
	if err != nil {
		return err
	}
	size, p, err := s.backend.Peek(1)
	if err != nil {
		return err
	}
	return s.passEnd(size, p[0])
}

// passEnd carries what ends a result set: it is next, has the given size and begins with first.
func (s *session) passEnd(size int, first byte) error {
	if first == mysql.ERR_HEADER {
		return s.passError(size)
	}
	return s.passStatus(size)
}

func (s *session) passDefinitionsEnd() error {
	size, p, err := s.backend.Peek(1)
	if err != nil {
		return err
	}
	if size != eofBytes || p[0] != mysql.EOF_HEADER {
		return backendError(errOutOfStep)
	}
	return s.passStatus(size)
}

// passError carries an ERR packet, which ends a response whatever was announced before.
func (s *session) passError(size int) error {
	if size > maxStatusPacket {
		return backendError(errOutOfStep)
	}
	s.status &^= mysql.SERVER_MORE_RESULTS_EXISTS
	s.failed = true
	return s.backend.Pass()
}

// passStatus carries an OK or EOF packet and keeps its status flags.
func (s *session) passStatus(size int) error {
	if size > maxStatusPacket {
		return backendError(errOutOfStep)
	}
	_, p, err := s.backend.Peek(size)
	if err != nil {
		return err
	}
	status, ok := statusFlags(p)
	if !ok {
		return backendError(errOutOfStep)
	}
	s.keepStatus(status)
	strip := status&mysql.SERVER_SESSION_STATE_CHANGED != 0 && size != eofBytes && !s.has(mysql.CLIENT_SESSION_TRACK)
	switch {
	case strip:
		return s.passStripped()
	case s.following:
		return s.passMarked()
	}
	return s.backend.Pass()
}

// passMarked carries a status packet with the flag that another answer follows.
func (s *session) passMarked() error {
	p, err := s.backend.ReadPacket()
	if err != nil {
		return err
	}
	at, ok := statusOffset(p)
	if !ok {
		return backendError(errOutOfStep)
	}
	p[at] |= byte(s.moreFollow()) // a flag of the lower byte; the payload is ours until the next read
	return s.client.WritePacket(p)
}

// passStripped carries an OK packet without the session state that only the proxy asked for.
func (s *session) passStripped() error {
	p, err := s.backend.ReadPacket()
	if err != nil {
		return err
	}
	var ok packet.OK
	if err := ok.Decode(p, s.backCaps); err != nil {
		return backendError(err)
	}
	ok.Status |= s.moreFollow()
	return s.client.WritePacket(ok.Append(nil, s.caps))
}

// statusFlags reads the status flags of an OK or EOF packet.
func statusFlags(p []byte) (flags uint16, ok bool) {
	at, ok := statusOffset(p)
	if !ok {
		return 0, false
	}
	return binary.LittleEndian.Uint16(p[at:]), true
}

// statusOffset finds the two bytes of status flags in an OK or EOF packet.
func statusOffset(p []byte) (at int, ok bool) {
	if len(p) == eofBytes && p[0] == mysql.EOF_HEADER {
		return 3, true
	}
	rest := p[1:]
	for range 2 { // affected rows, insert id
		if _, rest, ok = packet.LenEncInt(rest); !ok {
			return 0, false
		}
	}
	return len(p) - len(rest), len(rest) >= 2
}

// relayPrepared carries the answer to COM_STMT_PREPARE and returns the statement's id; id is 0 after an error.
func (s *session) relayPrepared() (id uint32, err error) {
	const prepareOKBytes = 12
	size, p, err := s.backend.Peek(prepareOKBytes)
	if err != nil {
		return 0, err
	}
	if len(p) > 0 && p[0] == mysql.ERR_HEADER {
		if err := s.passError(size); err != nil {
			return 0, err
		}
		return 0, s.backend.Settle()
	}
	var ok packet.PrepareOK
	if err := ok.Decode(p); err != nil {
		return 0, backendError(err)
	}
	if err := s.backend.Pass(); err != nil {
		return 0, err
	}
	for _, n := range [...]uint16{ok.Params, ok.Columns} {
		if err := s.relayDefinitions(int(n)); err != nil {
			return 0, err
		}
	}
	return ok.StatementID, s.backend.Settle()
}

// relayDefinitions carries n column definitions and, when there are any, what ends them.
func (s *session) relayDefinitions(n int) error {
	for range n {
		if err := s.backend.Pass(); err != nil {
			return err
		}
	}
	if n == 0 || s.deprecateEOF() {
		return nil
	}
	return s.passDefinitionsEnd()
}

// relayPacket carries the answer to a command that is answered by one packet: OK, EOF or ERR.
func (s *session) relayPacket() error {
	size, p, err := s.backend.Peek(1)
	if err != nil {
		return err
	}
	switch {
	case len(p) == 0:
		return backendError(errOutOfStep)
	case p[0] == mysql.ERR_HEADER:
		err = s.passError(size)
	default:
		err = s.passStatus(size)
	}
	if err != nil {
		return err
	}
	return s.backend.Settle()
}
