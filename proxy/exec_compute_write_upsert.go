package proxy

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// computeUpdates has the expressions of ON DUPLICATE KEY UPDATE computed in the scratch server: also when no row is met, since the
// server has something to say of them then, too.
func (u *upsert) computeUpdates() error {
	if u.st.ComputedWrite == nil {
		return nil
	}
	s, st := u.w.s, u.st
	settings, err := s.scratchSettings(st.ComputedWrite.Clock)
	if err != nil {
		return err
	}
	c := &compute{s: s, st: st, opener: s.newOpener()}
	defer c.close()
	if c.scratch, err = s.srv.cfg.Scratch.Session(s.ctx, settings); err != nil {
		return err
	}
	if err := s.reading(false, func() error { return u.loadExisting(c) }); err != nil {
		return err
	}
	text, err := u.scratchText()
	if err != nil {
		return err
	}
	before := len(u.w.warnings)
	run := &computedWrite{s: s, w: u.w, compute: *c}
	if err := run.change(text); err != nil {
		return err
	}
	u.keepParsers(before)
	table := st.Target()
	rows, err := c.scratch.ReadNumbered(s.ctx, table.Name, table, table.ProtectedColumns())
	if err != nil {
		return err
	}
	u.updated = make(map[int][][]byte, len(rows))
	for _, row := range rows {
		n, err := strconv.Atoi(string(row[0]))
		if err != nil {
			return &scratch.Error{Kind: scratch.Protocol}
		}
		u.updated[n-1] = row[1:]
	}
	return nil
}

// keepParsers leaves of the parser's warnings, of VALUES(column), those that the backend does not give, since it does not see the
// expressions. A statement that was prepared gave them then.
func (u *upsert) keepParsers(from int) {
	parsers := func(w warning) bool { return w.code == deprecatedSyntax }
	at := slices.IndexFunc(u.w.warnings[from:], parsers)
	if at < 0 {
		return
	}
	first := u.w.warnings[from+at]
	u.w.warnings = append(u.w.warnings[:from], slices.DeleteFunc(u.w.warnings[from:], parsers)...)
	if u.w.s.reparsed {
		return
	}
	for range u.st.ComputedValuesCalls() {
		u.w.warnings = slices.Insert(u.w.warnings, from, first)
	}
}

// loadExisting reads the rows that tuples meet and puts them into the copy of the twin, by the tuples' numbers.
func (u *upsert) loadExisting(c *compute) error {
	target := &u.st.ComputedWrite.Updates.Existing
	keys := make([]rewrite.TargetRow, 0, len(u.existing))
	for n, row := range u.existing {
		if u.tupleOf(row.key) != n {
			return fault.SeveralRows.With("tuple %d meets the row of another one", n+1)
		}
		keys = append(keys, rewrite.TargetRow{Key: row.key})
	}
	a, err := u.w.s.query(target.ByKeys(keys))
	if err != nil {
		return err
	}
	opened := &fetchedRows{c: c, f: &target.Fetch}
	columns := make([]int, len(target.Columns))
	for i, column := range target.Columns {
		columns[i] = column.Column
	}
	var rows [][][]byte
	for _, row := range a.Rows {
		values := make([][]byte, len(columns), len(columns)+1)
		for i, column := range target.Columns {
			opened.plain = nil // each value is kept
			if values[i], err = opened.value(row, column); err != nil {
				return err
			}
		}
		n := u.tupleOf(row)
		if n < 0 {
			return fault.Raced.With("a row that was met has another key")
		}
		rows = append(rows, append(values, strconv.AppendInt(nil, int64(n+1), 10)))
	}
	return c.scratch.LoadNumbered(u.w.s.ctx, target.Table.Name, target.Table, columns, true, func(yield func([][]byte, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	})
}

// tupleOf is the first tuple that meets a row, whose values begin with its key; -1 for none.
func (u *upsert) tupleOf(row [][]byte) int {
	for n := range u.st.Rows() {
		met, ok := u.existing[n]
		if ok && slices.EqualFunc(met.key, row[:len(met.key)], bytes.Equal) {
			return n
		}
	}
	return -1
}

// scratchText is the statement for the scratch server, its protected values as they will be stored: what there is to say of them
// is said when they are sealed.
func (u *upsert) scratchText() ([]byte, error) {
	literals, err := u.st.UpsertRows()
	if err != nil {
		return nil, err
	}
	w := scratch.Write{Table: u.st.Target(), Columns: slices.Clone(u.st.ComputedWrite.Updates.Columns)}
	quiet := &writer{s: u.w.s, ignore: u.w.ignore, params: u.w.params, computed: u.w.computed}
	for n, row := range literals {
		var values [][]byte
		for i, l := range row {
			text, err := quiet.scratchLiteral(w.Table, w.Columns[i], n, l)
			if err != nil {
				return nil, err
			}
			values = append(values, text)
		}
		w.Rows = append(w.Rows, values)
	}
	if err := fillIn(&w); err != nil {
		return nil, err
	}
	return u.st.UpsertText(w.Columns, w.Rows), nil
}

// scratchLiteral is a client's value as text for the scratch server.
func (w *writer) scratchLiteral(t *rewrite.Table, column, row int, l rewrite.Literal) ([]byte, error) {
	if t.Columns[column].Protected == nil {
		return bytes.Join(append([][]byte{l.Raw}, l.Rest...), []byte(" ")), nil
	}
	if l.Kind == token.Default {
		return []byte("DEFAULT"), nil
	}
	plain, null, err := w.normalize(t, column, row, l)
	switch {
	case err != nil:
		return nil, err
	case null:
		return []byte("NULL"), nil
	case len(plain) == 0:
		return []byte("''"), nil
	}
	switch t.Columns[column].Protected.Type.Form() {
	case logical.Digits:
		return plain, nil
	case logical.Bytes:
		return packet.AppendBinaryLiteral(nil, plain), nil
	}
	return append(hex.AppendEncode([]byte("_utf8mb4 x'"), plain), '\''), nil
}

// sealUpdate is the seal for an expression of ON DUPLICATE KEY UPDATE: it chooses among the values of the rows that are met.
func (u *upsert) sealUpdate(dst []byte, c rewrite.Cell) ([]byte, error) {
	var rows []rewrite.TargetRow
	at := c.Table.ProtectedIndex(c.Column)
	for n := range u.st.Rows() {
		row, met := u.existing[n]
		if !met {
			continue
		}
		values, ok := u.updated[n]
		if !ok {
			return dst, &scratch.Error{Kind: scratch.Protocol}
		}
		stored, err := u.w.keep(change{table: c.Table, column: c.Column, row: n, from: row.owner, to: row.owner, stored: row.stored[at]}, values[at])
		if err != nil {
			return dst, err
		}
		literal := string(appendStored(nil, stored))
		rows = append(rows, rewrite.TargetRow{Key: row.key, Set: [][]byte{[]byte(literal)}})
		if sent := u.sent[n]; sent != nil {
			sent.updated[c.Column] = literal
		}
	}
	return u.st.ChooseUpdate(dst, c.Column, rows), nil
}
