package proxy

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// execComputedWrite runs a write that needs plaintext: what needs it is worked out in the scratch server.
func (s *session) execComputedWrite(st *rewrite.Statement) error {
	s.diag = diagnostics{}
	if st.ComputedWrite.Inserts {
		return s.computedInsert(st)
	}
	w := s.newWriter(st)
	ok, err := s.transaction(func() (packet.OK, error) {
		c := &computedWrite{s: s, st: st, w: w, compute: compute{s: s, st: st, opener: s.newOpener()}}
		defer c.compute.close()
		ok, err := c.run()
		return ok, scratchFault(err)
	})
	if err != nil {
		return err
	}
	return s.sendOK(w.addTo(ok))
}

// computedWrite is one run of an UPDATE or DELETE that needs plaintext.
type computedWrite struct {
	s       *session
	st      *rewrite.Statement
	w       *writer
	compute compute
	fetch   rewrite.Fetch
	rows    []probed
	values  [][][]byte // of rows, by ComputedWrite.Columns
}

func (c *computedWrite) run() (packet.OK, error) {
	settings, err := c.s.scratchSettings(c.st.ComputedWrite.Clock)
	if err != nil {
		return packet.OK{}, err
	}
	if err := c.s.reading(false, c.read); err != nil {
		return packet.OK{}, err
	}
	if len(c.rows) > 0 {
		if c.compute.scratch, err = c.s.srv.cfg.Scratch.Session(c.s.ctx, settings); err != nil {
			return packet.OK{}, err
		}
		if err := c.choose(); err != nil {
			return packet.OK{}, err
		}
	}
	if n := len(c.rows); n > c.s.srv.cfg.Limits.LookupRows {
		return packet.OK{}, fault.TooManyRows.With("%d rows", n)
	}
	c.s.found(c.rows)
	text, err := c.text()
	if err != nil {
		return packet.OK{}, err
	}
	ok, err := c.s.sendText(text)
	if len(c.rows) == 0 && !c.st.ComputedWrite.Deletes && c.s.flavor() == rewrite.MariaDB && len(ok.Info) == 0 {
		ok.Info = []byte("Rows matched: 0  Changed: 0  Warnings: 0") // MariaDB leaves it out when it sees that WHERE is false
	}
	return ok, err
}

// read reads, locks and opens the rows that the statement may mean.
func (c *computedWrite) read() error {
	w, t := c.st.ComputedWrite, c.st.ComputedWrite.Table
	a, err := c.s.query(c.st.RowsText(nil))
	if err != nil {
		return err
	}
	keys, protected := len(t.PrimaryKey), len(t.ProtectedColumns())
	c.fetch = rewrite.Fetch{Table: t, Columns: w.Columns, Owner: w.Owner, Work: w.Work}
	opened := &fetchedRows{c: &c.compute, f: &c.fetch}
	for _, row := range a.Rows {
		if len(row) < keys+1+protected {
			return fault.ColumnsChanged.With("rows of %s.%s", t.Schema, t.Name)
		}
		values := make([][]byte, len(w.Columns))
		for i, column := range w.Columns {
			opened.plain = nil // each value is kept
			if values[i], err = opened.value(row, column); err != nil {
				return err
			}
		}
		c.rows = append(c.rows, probed{key: row[:keys], owner: row[keys], stored: row[keys+1 : keys+1+protected]})
		c.values = append(c.values, values)
	}
	return nil
}

// choose leaves the rows that the client's condition means.
func (c *computedWrite) choose() error {
	w := c.st.ComputedWrite
	if w.Work == "" {
		return nil
	}
	table := c.compute.workTable(&c.fetch, make([]uint16, len(w.Columns)))
	table.Columns = append(table.Columns, scratch.WorkColumn{Name: rewrite.RowNumber, Type: "bigint", NotNull: true})
	err := c.compute.scratch.Load(c.s.ctx, table, func(yield func([][]byte, error) bool) {
		for i, values := range c.values {
			if !yield(append(slices.Clone(values), strconv.AppendInt(nil, int64(i+1), 10)), nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	meant, err := c.meant()
	if err != nil {
		return err
	}
	var rows []probed
	var values [][][]byte
	for _, i := range meant {
		rows, values = append(rows, c.rows[i]), append(values, c.values[i])
	}
	c.rows, c.values = rows, values
	return nil
}

// change runs a statement that changes rows in the scratch server, and keeps its warnings.
func (c *computedWrite) change(text []byte) error {
	r, err := c.compute.scratch.Query(c.s.ctx, text)
	if err != nil {
		return err
	}
	return c.keepWarnings(r.OK.Warnings)
}

func (c *computedWrite) keepWarnings(n uint16) error {
	if n == 0 {
		return nil
	}
	list, err := c.compute.scratch.Warnings(c.s.ctx)
	c.w.warnings = append(c.w.warnings, ownWarnings(list)...)
	c.w.unlisted += max(int(n)-len(list), 0)
	return err
}

func ownWarnings(list []scratch.Warning) []warning {
	own := make([]warning, len(list))
	for i, w := range list {
		own[i] = warning{w.Level, w.Code, string(w.Message)}
	}
	return own
}

// meant are the rows that the client's condition means, by index, ascending.
func (c *computedWrite) meant() ([]int, error) {
	text, selects := c.st.ChooseText(nil)
	if selects {
		return c.numbers(text, true)
	}
	if err := c.change(text); err != nil {
		return nil, err
	}
	return c.numbers([]byte("SELECT "+rewrite.RowNumber+" FROM `"+c.st.ComputedWrite.Work+"` WHERE "+rewrite.RowNumber+" < 0 LIMIT 18446744073709551615"), false)
}

// numbers are the rows whose negative numbers a SELECT gives.
func (c *computedWrite) numbers(text []byte, warns bool) ([]int, error) {
	r, err := c.compute.scratch.Query(c.s.ctx, text)
	if err != nil {
		return nil, err
	}
	var list []int
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		row, err := textRow(p, 1)
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(string(row[0]))
		if n = -n; err != nil || n < 1 || n > len(c.rows) {
			return nil, &scratch.Error{Kind: scratch.Protocol}
		}
		list = append(list, n-1)
	}
	slices.Sort(list)
	if !warns {
		return list, nil
	}
	return list, c.keepWarnings(r.OK.Warnings)
}

// text is the statement for the rows that are meant.
func (c *computedWrite) text() ([]byte, error) {
	w := c.st.ComputedWrite
	if w.Deletes {
		keys := make([][][]byte, len(c.rows))
		for i, row := range c.rows {
			keys[i] = row.key
		}
		return c.st.DeleteText(nil, keys), nil
	}
	computed, err := c.assigned()
	if err != nil {
		return nil, err
	}
	patches := make([]rewrite.RowPatch, len(c.rows))
	for i, row := range c.rows {
		if patches[i], err = c.patch(row, i, computed); err != nil {
			return nil, err
		}
	}
	return c.st.UpdateText(nil, patches)
}

// assigned are the values that the UPDATE gives the protected columns of the rows.
func (c *computedWrite) assigned() ([][][]byte, error) {
	w := c.st.ComputedWrite
	if len(w.Assigned) == 0 || len(c.rows) == 0 {
		return nil, nil
	}
	columns := make([]int, len(w.Columns))
	for i, column := range w.Columns {
		columns[i] = column.Column
	}
	err := c.compute.scratch.LoadTwin(c.s.ctx, w.Table, columns, func(yield func([][]byte, error) bool) {
		for _, values := range c.values {
			if !yield(values, nil) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if err := c.change(c.st.ComputeSetText(nil)); err != nil {
		return nil, err
	}
	computed, err := c.compute.scratch.ReadTwin(c.s.ctx, w.Table, w.Assigned)
	if err == nil && len(computed) != len(c.rows) {
		err = &scratch.Error{Kind: scratch.Protocol}
	}
	return computed, err
}

// patch is what one row gets.
func (c *computedWrite) patch(row probed, n int, computed [][][]byte) (p rewrite.RowPatch, err error) {
	p.Key = row.key
	owner, moved, err := c.w.newOwner(c.st, row.owner)
	if err != nil {
		return p, err
	}
	after := probed{stored: slices.Clone(row.stored)}
	for i, wc := range c.st.WrittenColumns() {
		at := c.st.Target().ProtectedIndex(wc.Column)
		ch := change{table: c.st.Target(), column: wc.Column, row: n, from: row.owner, to: owner, stored: row.stored[at]}
		if i < len(c.st.ComputedWrite.Assigned) {
			after.stored[at], err = c.w.keep(ch, computed[n][i])
		} else {
			after.stored[at], err = c.w.reseal(ch)
		}
		if err != nil {
			return p, err
		}
		p.Set = append(p.Set, appendStored(nil, after.stored[at]))
	}
	p.SetFlag = (moved || !after.same(row)) && after.sealed()
	return p, nil
}

// computedInsert has the values of an INSERT or REPLACE computed, and runs it with what came out.
func (s *session) computedInsert(st *rewrite.Statement) error {
	stored, err := s.computeValues(st)
	if err != nil {
		return scratchFault(err)
	}
	text := st.WithValues(nil, stored.Rows)
	state := s.state
	state.Prepared = false
	planned, f := s.planner.Plan(state, text)
	switch {
	case f != nil:
		return f
	case planned.Verdict == rewrite.Scratch || planned.Verdict == rewrite.Relay:
		return fault.ValueForm.With("computed values")
	}
	s.computed = &computedValues{warnings: ownWarnings(stored.Warnings)}
	defer func() { s.computed = nil }()
	return s.execText(planned)
}

// computedValues says that the values of the statement that is being run come from the scratch server and are stored as they
// are, and what it said about them.
type computedValues struct{ warnings []warning }

func (s *session) computeValues(st *rewrite.Statement) (*scratch.Stored, error) {
	settings, err := s.scratchSettings(st.ComputedWrite.Clock)
	if err != nil {
		return nil, err
	}
	session, err := s.srv.cfg.Scratch.Session(s.ctx, settings)
	if err != nil {
		return nil, err
	}
	defer session.Release()
	columns := st.ComputedColumns()
	w := scratch.Write{Table: st.Target(), Columns: slices.Clone(columns), Rows: st.ComputedRows(), Ignore: st.Ignore(), Read: columns}
	if err := fillIn(&w); err != nil {
		return nil, err
	}
	stored, err := session.Normalise(s.ctx, w)
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
		typ = strings.ToLower(c.Protected.Definition)
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
	p := &w.params[l.Param]
	_, isInt := p.Int()
	dated := strings.HasPrefix(c.Protected.Definition, "date") || strings.HasPrefix(c.Protected.Definition, "time")
	return w.s.srv.cfg.Scratch != nil && (isInt || p.Text() && (!dated || w.s.flavor() == rewrite.MariaDB))
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
	ok, err := s.prepareText([]byte("DO 0" + strings.Repeat(" + ?", len(marks(st.Tokens)))))
	if err != nil {
		return err
	}
	s.keepPrepared(st, ok, true)
	return s.passPrepared(ok, st.Plan)
}
