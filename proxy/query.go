package proxy

import (
	"bytes"
	"slices"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/fault"
)

// answer is a result set held in memory.
type answer struct {
	Columns []packet.Column
	Rows    [][][]byte // nil is NULL
	OK      packet.OK
}

// send writes a command of the proxy's own to the backend. The next read of the backend flushes it.
func (s *session) send(command byte, body []byte) error {
	if command == mysql.COM_QUERY && s.backCaps&mysql.CLIENT_QUERY_ATTRIBUTES != 0 {
		return s.sendWith(command, []byte(packet.NoAttributes), body)
	}
	return s.sendWith(command, nil, body)
}

// sendQuery sends what became of the client's statement, with the client's attributes.
func (s *session) sendQuery(text []byte) error {
	return s.sendWith(mysql.COM_QUERY, s.attributes, text)
}

func (s *session) sendWith(command byte, head, body []byte) error {
	s.backend.ResetSequence()
	return s.backend.WriteCommand(command, head, body)
}

// query runs a statement of the proxy's own and returns its answer. An error of the server is a *serverError; more
// bytes than Limits.MaxLookupBytes are the fault AnswerTooLarge. In both cases the connection is in step.
func (s *session) query(sql []byte) (*answer, error) {
	if err := s.send(mysql.COM_QUERY, sql); err != nil {
		return nil, err
	}
	h, err := s.head()
	if err != nil {
		return nil, err
	}
	a := &answer{OK: h.ok, Columns: make([]packet.Column, h.columns)}
	if h.columns == 0 {
		return a, nil
	}
	for i := range a.Columns {
		if err := s.readColumn(&a.Columns[i]); err != nil {
			return nil, err
		}
	}
	if err := s.readDefinitionsEnd(); err != nil {
		return nil, err
	}
	return a, s.readRows(a)
}

// exec runs a statement of the proxy's own that returns no rows, such as BEGIN.
func (s *session) exec(sql []byte) (packet.OK, error) {
	a, err := s.query(sql)
	if err != nil {
		return packet.OK{}, err
	}
	return a.OK, nil
}

// head is the first packet of a response: a result set when columns is not 0, else the OK.
type head struct {
	columns int
	ok      packet.OK
}

// head reads the first packet of a response. ERR is returned as a *serverError.
func (s *session) head() (head, error) {
	p, err := s.backend.ReadPacket()
	if err != nil {
		return head{}, err
	}
	switch {
	case packet.IsOK(p):
		ok, err := s.readOK(p)
		return head{ok: ok}, err
	case packet.IsErr(p):
		s.status &^= mysql.SERVER_MORE_RESULTS_EXISTS
		return head{}, newServerError(p)
	case packet.IsLocalInfile(p):
		return head{}, s.localInfile()
	}
	n, err := packet.ColumnCount(p)
	if err != nil {
		return head{}, backendError(err)
	}
	return head{columns: n}, nil
}

// readOK decodes an OK packet of the backend and keeps what it says about the session. Its Info is valid until the next
// read.
func (s *session) readOK(p []byte) (packet.OK, error) {
	var ok packet.OK
	if err := ok.Decode(p, s.backCaps); err != nil {
		return ok, backendError(err)
	}
	s.keepStatus(ok.Status)
	return ok, nil
}

func (s *session) keepStatus(status uint16) {
	s.status = status
	if status&mysql.SERVER_SESSION_STATE_CHANGED != 0 {
		s.setDirty()
	}
}

// readEnd decodes what ends rows or column definitions: EOF, or OK in its place.
func (s *session) readEnd(p []byte) (packet.OK, error) {
	if !packet.IsEOF(p) || len(p) != eofBytes {
		return s.readOK(p)
	}
	var e packet.EOF
	if err := e.Decode(p); err != nil {
		return packet.OK{}, backendError(err)
	}
	s.keepStatus(e.Status)
	return packet.OK{EOF: true, Status: e.Status, Warnings: e.Warnings}, nil
}

// readColumn reads a column definition and keeps a copy of it.
func (s *session) readColumn(c *packet.Column) error {
	p, err := s.backend.ReadPacket()
	if err != nil {
		return err
	}
	if err := c.Decode(bytes.Clone(p)); err != nil {
		return backendError(err)
	}
	return nil
}

// readDefinitionsEnd reads what ends column definitions, which is nothing under CLIENT_DEPRECATE_EOF.
func (s *session) readDefinitionsEnd() error {
	if s.deprecateEOF() {
		return nil
	}
	p, err := s.backend.ReadPacket()
	if err != nil {
		return err
	}
	_, err = s.readEnd(p)
	return err
}

// readRows reads rows of the text protocol to their end.
func (s *session) readRows(a *answer) error {
	size := 0
	for {
		p, done, err := s.nextRow(&a.OK)
		if err != nil || done {
			return err
		}
		if size += len(p); size > s.srv.cfg.Limits.MaxLookupBytes {
			if err := s.drainRows(); err != nil {
				return err
			}
			return fault.AnswerTooLarge.With("lookup")
		}
		row, err := textRow(bytes.Clone(p), len(a.Columns))
		if err != nil {
			return err
		}
		a.Rows = append(a.Rows, row)
	}
}

// nextRow reads a row, or what ends the rows: then done is set and end holds it. The row is valid until the next read.
func (s *session) nextRow(end *packet.OK) (row []byte, done bool, err error) {
	p, err := s.backend.ReadPacket()
	if err != nil {
		return nil, false, err
	}
	switch {
	case packet.IsErr(p):
		s.status &^= mysql.SERVER_MORE_RESULTS_EXISTS
		return nil, true, newServerError(p)
	case packet.IsRowsEnd(p, s.caps):
		*end, err = s.readEnd(p)
		end.Info = slices.Clone(end.Info)
		return nil, true, err
	}
	return p, false, nil
}

// drainRows reads and drops the rest of a result set, so that the next command finds the connection in step. An error
// of the server ends the rows as well.
func (s *session) drainRows() error {
	for {
		size, p, err := s.backend.Peek(1)
		if err != nil {
			return err
		}
		if len(p) > 0 && p[0] >= mysql.EOF_HEADER && (p[0] == mysql.ERR_HEADER || size < packet.MaxFragment) {
			break
		}
		if err := s.backend.Drop(); err != nil {
			return err
		}
	}
	var end packet.OK
	_, _, err := s.nextRow(&end)
	if _, isServer := err.(*serverError); isServer {
		return nil
	}
	return err
}

// textRow splits a row of the text protocol. The values are views into p.
func textRow(p []byte, columns int) ([][]byte, error) {
	row := make([][]byte, columns)
	for i := range row {
		if len(p) > 0 && p[0] == packet.Null {
			p = p[1:]
			continue
		}
		v, rest, ok := packet.LenEncBytes(p)
		if !ok {
			return nil, backendError(packet.ErrMalformed)
		}
		row[i], p = v, rest
	}
	if len(p) > 0 {
		return nil, backendError(packet.ErrMalformed)
	}
	return row, nil
}
