package proxy

import (
	"io"
	"slices"
	"strconv"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/scratch"
)

// execComputedWrite runs a write that needs plaintext: what needs it is worked out in the scratch server.
func (s *session) execComputedWrite(st *rewrite.Statement) error {
	s.diag = diagnostics{}
	if st.ComputedWrite.ReadsTarget {
		return readsTarget(st)
	}
	switch {
	case len(st.ComputedWrite.Targets) > 0:
		return s.together(st)
	case st.ComputedWrite.Updates != nil:
		return s.execUpsert(st)
	}
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

// readsTarget is the error that MySQL gives a statement whose subquery reads the table that it writes to.
func readsTarget(st *rewrite.Statement) error {
	text := "You can't specify target table '" + st.TargetName() + "' for update in FROM clause"
	return &serverError{payload: (&packet.Err{Code: 1093, State: "HY000", Message: []byte(text)}).Append(nil), forgotten: true}
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
	// Also without a row: a subquery can fail, or a function not be there.
	if c.compute.scratch, err = c.s.srv.cfg.Scratch.Session(c.s.ctx, settings); err != nil {
		return packet.OK{}, err
	}
	if err := c.s.reading(false, c.compute.fetches); err != nil {
		return packet.OK{}, err
	}
	if err := c.choose(); err != nil {
		return packet.OK{}, err
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
		return c.s.boundOtherwise(err, nil)
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
	return c.s.boundOtherwise(err, list)
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
	if len(w.Assigned) == 0 {
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
