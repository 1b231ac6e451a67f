package proxy

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/infile"
	"phiproxy/scratch"
)

// LOAD DATA LOCAL INFILE into a protected table: the backend is sent a LOAD DATA of the proxy's own, and the file for it is
// made of the client's while that arrives. What fails in the middle is undone as a whole, by a transaction of the proxy's own
// around the statement or a savepoint in the client's.

// loadSavepoint is the name of the savepoint. It is left behind: to release it would make the server forget its warnings.
const loadSavepoint = "`__phi_load`"

// loadBuffer is the size of the packets that the backend gets.
const loadBuffer = 64 << 10

// load is one LOAD DATA that is being run.
type load struct {
	s        *session
	st       *rewrite.Statement
	w        *writer
	charset  string            // of the file
	settings *scratch.Settings // for values that only a server can convert; nil without a scratch server
	scratch  *scratch.Session  // nil until it is needed
	converts int               // values that it made
	failed   bool              // the proxy, not the server, found a reason to end
	ended    bool              // the client's file was read to its end
	row      int               // counts from 0
	out      []byte
}

func (s *session) execLoad(st *rewrite.Statement) error {
	s.diag = diagnostics{}
	own := *st
	own.SQL = bytes.Clone(st.SQL) // it is in the buffer that the file will be read into
	ld := &load{s: s, st: &own, w: &writer{s: s, ignore: true}}
	if err := ld.prepare(); err != nil {
		return err
	}
	ok, err := ld.whole()
	if err != nil {
		return err
	}
	return s.sendOK(ld.w.addTo(ok))
}

// prepare finds out what must be known before the server is busy with the file.
func (ld *load) prepare() error {
	if ld.charset = ld.st.Load.Charset; ld.charset == "" {
		a, err := ld.s.query([]byte("SELECT @@character_set_database"))
		if err != nil {
			return err
		}
		if len(a.Rows) != 1 || len(a.Rows[0]) != 1 {
			return backendError(errOutOfStep)
		}
		ld.charset = string(a.Rows[0][0])
	}
	if charsetWidth(ld.charset) == 0 && ld.charset != binaryCharset {
		return fault.LoadCharset.With("character set of the file")
	}
	if err := ld.readable(); err != nil || ld.s.srv.cfg.Scratch == nil {
		return err
	}
	settings, err := ld.s.scratchSettings(false)
	var f *fault.Error
	if errors.As(err, &f) {
		return nil // it is only needed for values of odd forms
	}
	ld.settings = &settings
	return err
}

const binaryCharset = "binary"

// whole runs the statement so that nothing of it stays when the proxy ends it in the middle.
func (ld *load) whole() (packet.OK, error) {
	s := ld.s
	if s.autocommit() && !s.inTransaction() {
		return s.transaction(ld.run)
	}
	if _, err := s.exec([]byte("SAVEPOINT " + loadSavepoint)); err != nil {
		return packet.OK{}, err
	}
	ok, err := ld.run()
	if ld.failed {
		if _, failed := s.exec([]byte("ROLLBACK TO SAVEPOINT " + loadSavepoint)); failed != nil {
			return ok, failed
		}
	}
	return ok, err
}

// run sends the statement and its file.
func (ld *load) run() (packet.OK, error) {
	s := ld.s
	if err := s.sendQuery(ld.st.LoadText(nil, ld.charset)); err != nil {
		return packet.OK{}, err
	}
	p, err := s.backend.ReadPacket()
	switch {
	case err != nil:
		return packet.OK{}, err
	case packet.IsErr(p):
		return packet.OK{}, newServerError(p)
	case !packet.IsLocalInfile(p):
		return packet.OK{}, backendError(errOutOfStep)
	}
	failed := ld.carry()
	ld.release()
	if connection := lostConnection(failed); connection != nil {
		return packet.OK{}, connection
	}
	ld.failed = failed != nil
	if err := s.backend.WritePacket(nil); err != nil { // an empty packet ends the file
		return packet.OK{}, err
	}
	ok, err := s.outcome()
	if failed != nil && lostConnection(err) == nil {
		return ok, failed
	}
	return ok, err
}

// lostConnection is err when it ends the session, nil for faults.
func lostConnection(err error) error {
	var lost *wire.Error
	if errors.As(err, &lost) {
		return err
	}
	return nil
}

// carry asks the client for its file, and writes the backend's. It reads the client's to the end whatever happens.
func (ld *load) carry() error {
	s, l := ld.s, ld.st.Load
	if err := s.client.WritePacket(append([]byte{mysql.LocalInFile_HEADER}, l.File...)); err != nil {
		return err
	}
	err := ld.lines(infile.NewReader(l.Format, s.srv.cfg.Limits.MaxStatement, validIn(ld.charset), ld.more))
	if lost := lostConnection(err); lost != nil {
		return lost
	}
	if drained := ld.drain(); drained != nil {
		return drained
	}
	return err
}

func (ld *load) lines(r *infile.Reader) error {
	for ; ; ld.row++ {
		line, err := r.Next(len(ld.st.Load.Fields))
		switch {
		case err == io.EOF:
			return ld.flush()
		case lostConnection(err) != nil:
			return err
		case err != nil:
			return fault.LoadFile.With("line %d: %v", ld.row+1, err)
		}
		if err := ld.line(line); err != nil {
			return err
		}
		if len(ld.out) >= loadBuffer {
			if err := ld.flush(); err != nil {
				return err
			}
		}
	}
}

// flush sends lines to the backend.
func (ld *load) flush() error {
	if len(ld.out) == 0 {
		return nil // it would end the file
	}
	err := ld.s.backend.WritePacket(ld.out)
	ld.out = ld.out[:0]
	return err
}

// more gives the next bytes of the client's file.
func (ld *load) more() ([]byte, error) {
	ld.release() // who knows how long the client takes
	p, err := ld.s.client.ReadPacket()
	if errors.Is(err, wire.ErrTooLarge) {
		return nil, errors.Join(infile.ErrLong, ld.s.client.Skip())
	}
	if err == nil && len(p) == 0 {
		ld.ended = true
		return nil, io.EOF
	}
	return p, err
}

// drain reads what is left of the client's file.
func (ld *load) drain() error {
	for !ld.ended {
		size, _, err := ld.s.client.Peek(0)
		if err != nil {
			return err
		}
		if ld.ended = size == 0; ld.ended {
			_, err = ld.s.client.ReadPacket()
		} else {
			err = ld.s.client.Drop()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// validIn tells texts of a character set from others. In those of one byte all are, but for ASCII.
func validIn(charset string) func([]byte) bool {
	switch charset {
	case "utf8mb4":
		return utf8.Valid
	case "utf8mb3", "utf8":
		return validUTF8mb3
	case "ascii":
		return isASCII
	}
	return func([]byte) bool { return true }
}

func validUTF8mb3(b []byte) bool {
	const firstOfFour = 0xf0
	for _, c := range b {
		if c >= firstOfFour {
			return false
		}
	}
	return utf8.Valid(b)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
