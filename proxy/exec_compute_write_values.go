package proxy

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// computedInsert has the values of an INSERT or REPLACE computed, and runs it with what came out.
func (s *session) computedInsert(st *rewrite.Statement) error {
	if len(st.Fetches()) > 0 || st.ComputedWrite.Selects() {
		return s.fetchedInsert(st)
	}
	stored, err := s.computeValues(st)
	if err == nil {
		err = s.boundOtherwise(nil, stored.Warnings)
	}
	if err != nil {
		return scratchFault(s.boundOtherwise(err, nil))
	}
	planned, err := s.plannedWith(st.WithValues(nil, stored.Rows), s.planner.Plan)
	if err != nil {
		return err
	}
	s.computed = &computedValues{warnings: ownWarnings(stored.Warnings)}
	defer func() { s.computed = nil }()
	return s.execText(planned)
}

// plannedWith plans the statement that has what the scratch server computed in the place of what the client wrote.
func (s *session) plannedWith(text []byte, plan func(rewrite.State, []byte) (*rewrite.Statement, *fault.Error)) (*rewrite.Statement, error) {
	state := s.state
	state.Prepared = false
	planned, f := plan(state, text)
	switch {
	case f != nil:
		return nil, f
	case planned.Verdict == rewrite.Scratch && planned.ComputedWrite.Updates == nil || planned.Verdict == rewrite.Relay:
		return nil, fault.ValueForm.With("computed values")
	}
	return planned, nil
}

// computedValues says that the values of the statement that is being run come from the scratch server and are stored as they
// are, and what it said about them.
type computedValues struct {
	warnings []warning
	selected bool // a SELECT gave them: see rewrite.Planner.Bulk
}

// bulk is the text to send for values that come from a SELECT.
func (s *session) bulk(text []byte) ([]byte, error) {
	if s.computed == nil || !s.computed.selected {
		return text, nil
	}
	text, f := s.planner.Bulk(s.state, text)
	if f != nil {
		return nil, f
	}
	return text, nil
}

func (s *session) computeValues(st *rewrite.Statement) (*scratch.Stored, error) {
	settings, err := s.scratchSettings(st.ComputedWrite.Clock)
	if err != nil {
		return nil, err
	}
	c := &compute{s: s, st: st, opener: s.newOpener()}
	defer c.close()
	if c.scratch, err = s.srv.cfg.Scratch.Session(s.ctx, settings); err != nil {
		return nil, err
	}
	if len(st.Fetches()) > 0 {
		if err := s.reading(false, c.fetches); err != nil {
			return nil, err
		}
	}
	columns := st.ComputedColumns()
	w := scratch.Write{Table: st.Target(), Columns: slices.Clone(columns), Rows: st.ComputedRows(), Ignore: st.Ignore(), Read: columns}
	if err := fillIn(&w); err != nil {
		return nil, err
	}
	stored, err := c.scratch.Normalise(s.ctx, w)
	if err != nil {
		return nil, err
	}
	if stored.Dropped || len(stored.Rows) != len(w.Rows) {
		return nil, fault.ValueForm.With("rows that the server leaves out")
	}
	return stored, nil
}

// fillIn adds values of the columns that must have one. The backend judges their own.
func fillIn(w *scratch.Write) error {
	for i := range w.Table.Columns {
		c := &w.Table.Columns[i]
		if slices.Contains(w.Columns, i) || c.Nullable || c.HasDefault || c.Generated || i == w.Table.AutoInc {
			continue
		}
		value := someValue(c)
		if value == "" {
			return fault.ValueForm.With("column %s has no default", c.Name)
		}
		w.Columns = append(w.Columns, i)
		for n := range w.Rows {
			w.Rows[n] = append(w.Rows[n], []byte(value))
		}
	}
	return nil
}

// someValue is a value that a column takes whatever the sql_mode, "" for types that nobody thought about.
func someValue(c *rewrite.Column) string {
	typ := c.Type
	if c.Protected != nil {
		if typ = strings.ToLower(c.Protected.Definition); c.Protected.Check != "" {
			typ = "json"
		}
	}
	for _, v := range []struct{ types, value string }{
		{"datetime timestamp date", "'2000-01-01'"}, {"time", "'00:00:00'"}, {"year", "2000"}, {"json", "'{}'"}, {"enum", "1"},
		{"tinyint smallint mediumint int bigint decimal numeric float double bit", "0"},
		{"char varchar binary varbinary tinytext text mediumtext longtext tinyblob blob mediumblob longblob set", "''"},
	} {
		for name := range strings.FieldsSeq(v.types) {
			if rest, ok := strings.CutPrefix(typ, name); ok && (rest == "" || rest[0] == '(' || rest[0] == ' ') {
				return v.value
			}
		}
	}
	return ""
}

// recompute runs a write again in which the proxy cannot tell what the server makes of a value: the scratch server can.
// Nothing of it was sent, or it was undone.
func (s *session) recompute(st *rewrite.Statement, why error) error {
	if !st.Writes || !s.canConvert(why) {
		return why
	}
	state := s.state
	state.Prepared = false
	again, refused := s.planner.Computed(state, bytes.Clone(st.SQL))
	if refused != nil {
		return why
	}
	return s.execComputedWrite(again)
}

// canConvert reports whether a write failed for a value that the scratch server may convert.
func (s *session) canConvert(why error) bool {
	var f *fault.Error
	return s.srv.cfg.Scratch != nil && s.computed == nil && errors.As(why, &f) && f.Fault == fault.ValueForm
}

// literally reports whether a parameter means what its literal means, so that the scratch server may convert it. MySQL gives
// other conditions for a bound text that is no plain date.
func (w *writer) literally(c *rewrite.Column, l rewrite.Literal) bool {
	return w.s.srv.cfg.Scratch != nil && sameAsLiteral(c.Protected.Type, &w.params[l.Param], w.s.flavor() == rewrite.MariaDB)
}

// inlined is the client's text with the literals of its parameters. Dates are typed where an expression may hold them.
func (s *session) inlined(p *prepared) ([]byte, error) {
	style := packet.LiteralStyle{NoBackslashEscapes: s.state.Mode&token.NoBackslashEscapes != 0, TypedTemporal: true}
	if p.st.ComputedWrite == nil {
		return packet.Inline(nil, p.st.SQL, marks(p.st.Tokens), p.exec.Params, style.NoBackslashEscapes)
	}
	var text []byte
	at := 0
	for i, mark := range marks(p.st.Tokens) {
		if i >= len(p.exec.Params) {
			return nil, packet.ErrNoLiteral
		}
		var err error
		if text, err = packet.AppendLiteral(append(append(text, p.st.SQL[at:mark]...), ' '), p.exec.Params[i], style); err != nil {
			return nil, err
		}
		text, at = append(text, ' '), mark+1
	}
	return append(text, p.st.SQL[at:]...), nil
}

// prepareComputedWrite prepares a write that the scratch server has a part in: its executions are sent as text.
func (s *session) prepareComputedWrite(st *rewrite.Statement) error {
	if st.ComputedWrite.ReadsTarget {
		return readsTarget(st)
	}
	ok, err := s.prepareText([]byte("DO 0" + strings.Repeat(" + ?", len(marks(st.Tokens)))))
	if err != nil {
		return err
	}
	s.keepPrepared(st, ok, true)
	return s.passPrepared(ok, st.Plan)
}
