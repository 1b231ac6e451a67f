package proxy

import (
	"errors"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/result"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// passResult passes a result set on, row by row, changed as the plan says. A fault in the middle of it ends the client's
// result set with an error; the rest of the backend's is dropped.
func (s *session) passResult(st *rewrite.Statement, params []packet.Param, binary bool) error {
	h, err := s.head()
	switch {
	case err != nil:
		return err
	case h.columns == 0:
		return s.sendOK(h.ok)
	}
	t := s.transformer(st.Plan, binary)
	t.seen = s.see(st, params)
	switch err := s.passColumns(t, h.columns); {
	case err != nil && s.rowsLater():
		return err
	case err != nil:
		return s.endEarly(err)
	case s.rowsLater():
		s.hold(t)
		s.ended(nil)
		return s.client.Flush()
	}
	if err := s.passRows(t); err != nil || !s.cursorOpened() {
		return err
	}
	s.hold(t)
	return nil
}

// transformer changes the parts of a result set.
type transformer struct {
	columns int // of the backend; 0 when any number is right
	visible int
	column  func(dst []byte, i int, payload []byte) ([]byte, bool, error)
	row     func(dst, payload []byte) ([]byte, error)
	finish  func() // after the last row
	set     *result.Set
	seen    *rowSeen // remembers the row
}

func (s *session) transformer(p *rewrite.Plan, binary bool) transformer {
	if p.Show != nil {
		show := result.NewShow(p.Show)
		t := transformer{column: show.Column, row: show.TextRow, finish: func() {}}
		if binary {
			t.row = show.BinaryRow
		}
		return t
	}
	o := s.newOpener()
	set := result.New(s.planner.Schema(), p, s.env.Results, o)
	t := transformer{columns: set.Columns(), visible: set.Visible(), column: set.Column, row: set.TextRow, finish: o.finish, set: set}
	if binary {
		t.row = set.BinaryRow
	}
	return t
}

// passColumns passes the column count and definitions on, and what ends them.
func (s *session) passColumns(t transformer, columns int) error {
	if t.columns != 0 && t.columns != columns {
		s.schemaStale()
		if err := s.dropDefinitions(columns); err != nil {
			return err
		}
		return fault.ColumnsChanged.With("%d columns instead of %d", columns, t.columns)
	}
	if t.columns == 0 {
		t.visible = columns
	}
	definitions, err := s.definitions(t, columns)
	if err != nil {
		return err
	}
	if err := s.client.WritePacket(packet.AppendLenEncInt(nil, uint64(t.visible))); err != nil {
		return err
	}
	if err := s.passDefinitions(definitions); err != nil {
		return err
	}
	return s.passDefEnd()
}

// definitions are the column definitions of one answer, one behind the other.
type definitions struct {
	bytes []byte
	ends  []int
}

// definitions reads n column definitions and gives those for the client, valid until the next answer. After a fault the rest of
// them is dropped, with what ends them, and the client has seen nothing yet.
func (s *session) definitions(t transformer, n int) (definitions, error) {
	d := definitions{s.defs.bytes[:0], s.defs.ends[:0]}
	for i := range n {
		p, err := s.backend.ReadPacket()
		if err != nil {
			return d, err
		}
		out, shown, err := t.column(d.bytes, i, p)
		if err != nil {
			s.schemaStale()
			if dropped := s.dropDefinitions(n - i - 1); dropped != nil {
				return d, dropped
			}
			return d, unreadable(err)
		}
		if shown {
			d.bytes, d.ends = out, append(d.ends, len(out))
		}
	}
	s.defs = d
	return d, nil
}

func (s *session) passDefinitions(d definitions) error {
	start := 0
	for _, end := range d.ends {
		if err := s.client.WritePacket(d.bytes[start:end]); err != nil {
			return err
		}
		start = end
	}
	return nil
}

func (s *session) dropDefinitions(n int) error {
	for range n {
		if _, err := s.backend.ReadPacket(); err != nil {
			return err
		}
	}
	return s.readDefinitionsEnd()
}

// passDefEnd passes on what ends column definitions, which is nothing under CLIENT_DEPRECATE_EOF.
func (s *session) passDefEnd() error {
	if s.deprecateEOF() {
		return nil
	}
	p, err := s.backend.ReadPacket()
	if err != nil {
		return err
	}
	end, err := s.readEnd(p)
	if err != nil {
		return err
	}
	return s.sendDefEOF(end)
}

func (s *session) passRows(t transformer) error {
	defer t.finish()
	var end packet.OK
	for {
		p, done, err := s.nextRow(&end)
		switch {
		case err != nil:
			return err
		case done:
			return s.sendEOF(end)
		}
		row, err := t.row(s.row[:0], p)
		if err != nil {
			return s.endEarly(unreadable(err))
		}
		if row == nil { // not for the client
			continue
		}
		s.row = row
		s.rows++
		if t.seen != nil {
			t.seen.keep(t.set)
			t.seen = nil // one row bears the key
		}
		if err := s.client.WritePacket(row); err != nil {
			return err
		}
	}
}

// endEarly drops the rest of the backend's result set, so that the fault can be told in place of the next row.
func (s *session) endEarly(why error) error {
	var f *fault.Error
	if !errors.As(why, &f) {
		return why
	}
	if err := s.drainRows(); err != nil {
		return err
	}
	return why
}

// unreadable blames the backend for a row that has no form.
func unreadable(err error) error {
	if errors.Is(err, packet.ErrMalformed) {
		return backendError(err)
	}
	return err
}

// passPreparedColumns passes the column definitions of a prepared statement on.
func (s *session) passPreparedColumns(n int, p *rewrite.Plan) error {
	if n == 0 {
		return s.settled()
	}
	definitions, err := s.definitions(s.transformer(p, true), n)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			// The answer was begun and cannot be turned into an error.
			return &wire.Error{Peer: backendPeer, Op: "read", Err: err}
		}
		return err
	}
	if err := s.passDefinitions(definitions); err != nil {
		return err
	}
	if err := s.passDefEnd(); err != nil {
		return err
	}
	return s.client.Flush()
}

// schemaStale asks for a fresh look at the schema: the backend's answer did not have the columns that were expected.
func (s *session) schemaStale() {
	if f := s.srv.cfg.SchemaChanged; f != nil {
		f()
	}
}
