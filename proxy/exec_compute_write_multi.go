package proxy

import (
	"fmt"
	"slices"
	"strconv"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// togetherWrite is one run of an UPDATE or DELETE that runs in the scratch server as a whole, see rewrite.WriteTarget.
type togetherWrite struct {
	s       *session
	st      *rewrite.Statement
	w       *writer
	compute compute
	targets []targetRows
	moved   int // rows that were changed or deleted
}

// targetRows are the rows of one target as they were read.
type targetRows struct {
	target *rewrite.WriteTarget
	rows   []probed
	values [][][]byte // by target.Columns
}

// together runs such a statement, and answers the client.
func (s *session) together(st *rewrite.Statement) error {
	w := s.newWriter(st)
	own := s.autocommit() && !s.inTransaction()
	ok, err := s.transaction(func() (packet.OK, error) {
		t := &togetherWrite{s: s, st: st, w: w, compute: compute{s: s, st: st, opener: s.newOpener()}}
		defer t.compute.close()
		ok, err := t.run(own)
		return ok, scratchFault(err)
	})
	if err != nil {
		return err
	}
	return s.sendOK(w.addTo(ok))
}

func (t *togetherWrite) run(own bool) (packet.OK, error) {
	settings, err := t.s.scratchSettings(t.st.ComputedWrite.Clock)
	if err != nil {
		return packet.OK{}, err
	}
	if t.compute.scratch, err = t.s.srv.cfg.Scratch.Session(t.s.ctx, settings); err != nil {
		return packet.OK{}, err
	}
	if err := t.s.reading(false, t.load); err != nil {
		return packet.OK{}, err
	}
	c := &computedWrite{s: t.s, w: t.w, compute: t.compute}
	if err := c.change(t.st.TogetherText(nil)); err != nil {
		return packet.OK{}, err
	}
	texts, err := t.texts()
	if err != nil {
		return packet.OK{}, err
	}
	if own || len(texts) == 1 {
		return t.send(texts)
	}
	return t.atOnce(texts)
}

// load reads and opens the rows of the targets, which it locks, and then those of the other tables.
func (t *togetherWrite) load() error {
	for i := range t.st.ComputedWrite.Targets {
		if err := t.loadTarget(&t.st.ComputedWrite.Targets[i]); err != nil {
			return err
		}
	}
	return t.compute.fetches()
}

func (t *togetherWrite) loadTarget(target *rewrite.WriteTarget) error {
	a, err := t.s.query(t.st.TargetText(nil, target))
	if err != nil {
		return err
	}
	r := targetRows{target: target}
	opened := &fetchedRows{c: &t.compute, f: &target.Fetch}
	keys, protected := len(target.Table.PrimaryKey), len(target.Table.ProtectedColumns())
	for _, row := range a.Rows {
		p := probed{key: row[:keys]}
		if target.Owner >= 0 {
			p.owner, p.stored = row[keys], row[keys+1:keys+1+protected]
		}
		values := make([][]byte, len(target.Columns))
		for i, column := range target.Columns {
			opened.plain = nil // each value is kept
			if values[i], err = opened.value(row, column); err != nil {
				return err
			}
		}
		r.rows, r.values = append(r.rows, p), append(r.values, values)
	}
	t.targets = append(t.targets, r)
	return t.loadRows(&r)
}

func (t *togetherWrite) loadRows(r *targetRows) error {
	numbered := func(yield func([][]byte, error) bool) {
		for i, values := range r.values {
			if !yield(append(slices.Clone(values), strconv.AppendInt(nil, int64(i+1), 10)), nil) {
				return
			}
		}
	}
	if !r.target.Table.Protected {
		table := t.compute.workTable(&r.target.Fetch, make([]uint16, len(r.target.Columns)))
		table.Columns = append(table.Columns, scratch.WorkColumn{Name: rewrite.RowNumber, Type: "bigint", NotNull: true})
		return t.compute.scratch.Load(t.s.ctx, table, numbered)
	}
	columns := make([]int, len(r.target.Columns))
	for i, c := range r.target.Columns {
		columns[i] = c.Column
	}
	return t.compute.scratch.LoadNumbered(t.s.ctx, r.target.Work, r.target.Table, columns, false, numbered)
}

// texts are the statements that do to the targets what was done in the scratch server.
func (t *togetherWrite) texts() ([][]byte, error) {
	var texts [][]byte
	for i := range t.targets {
		r := &t.targets[i]
		left, err := t.compute.scratch.ReadNumbered(t.s.ctx, r.target.Work, r.target.Table, r.target.Assigned)
		if err != nil {
			return nil, err
		}
		text, err := t.text(r, left)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	if t.moved > t.s.srv.cfg.Limits.LookupRows {
		return nil, fault.TooManyRows.With("%d rows", t.moved)
	}
	return texts, nil
}

func (t *togetherWrite) text(r *targetRows, left [][][]byte) ([]byte, error) {
	if t.st.ComputedWrite.Deletes {
		return t.deletion(r, left)
	}
	var rows []rewrite.TargetRow
	var found []probed
	columns := t.written(r.target)
	for _, row := range left {
		n, err := strconv.Atoi(string(row[0]))
		switch {
		case err != nil || n == 0 || n < -len(r.rows) || n > len(r.rows):
			return nil, &scratch.Error{Kind: scratch.Protocol}
		case n > 0:
			continue
		}
		patch, err := t.patch(r, -n-1, row[1:], columns)
		if err != nil {
			return nil, err
		}
		rows, found = append(rows, patch), append(found, r.rows[-n-1])
	}
	if t.moved += len(rows); len(rows) > 1 && r.target.Moves() {
		return nil, fault.KeyAssigned.With("%d rows", len(rows))
	}
	t.s.found(found)
	return r.target.UpdateText(columns, t.st.Ignore(), rows), nil
}

// deletion deletes the rows that are no longer there.
func (t *togetherWrite) deletion(r *targetRows, left [][][]byte) ([]byte, error) {
	there := make(map[string]bool, len(left))
	for _, row := range left {
		there[string(row[0])] = true
	}
	var rows []rewrite.TargetRow
	for i, row := range r.rows {
		if !there[strconv.Itoa(i+1)] {
			rows = append(rows, rewrite.TargetRow{Key: row.key})
		}
	}
	t.moved += len(rows)
	return r.target.DeleteText(t.st.Ignore(), rows), nil
}

// written are the columns that an UPDATE writes: those that the client assigns, and when the owner is among them, all that are protected.
func (t *togetherWrite) written(target *rewrite.WriteTarget) []int {
	columns := slices.Clone(target.Assigned)
	if target.Table.Protected && slices.Contains(columns, target.Table.Owner) {
		for _, c := range target.Table.ProtectedColumns() {
			if !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	return columns
}

// patch is what the n-th row of a target gets; computed are its values of the assigned columns.
func (t *togetherWrite) patch(r *targetRows, n int, computed [][]byte, columns []int) (rewrite.TargetRow, error) {
	table, row := r.target.Table, r.rows[n]
	patch := rewrite.TargetRow{Key: row.key}
	after := probed{owner: row.owner, stored: slices.Clone(row.stored)}
	if at := slices.Index(r.target.Assigned, table.Owner); table.Protected && at >= 0 {
		after.owner = computed[at]
	}
	noBackslash := t.s.state.Mode&token.NoBackslashEscapes != 0
	for i, c := range columns {
		if table.Columns[c].Protected == nil {
			if err := t.s.singleTime(&table.Columns[c], computed[i]); err != nil {
				return patch, err
			}
			patch.Set = append(patch.Set, storedLiteral(&table.Columns[c], computed[i], t.s.flavor(), noBackslash))
			continue
		}
		at := table.ProtectedIndex(c)
		ch := change{table: table, column: c, row: n, from: row.owner, to: after.owner, stored: row.stored[at]}
		var err error
		if i < len(r.target.Assigned) {
			after.stored[at], err = t.w.keep(ch, computed[i])
		} else {
			after.stored[at], err = t.w.reseal(ch)
		}
		if err != nil {
			return patch, err
		}
		patch.Set = append(patch.Set, appendStored(nil, after.stored[at]))
	}
	patch.SetFlag = table.Protected && (!sameOwner(row.owner, after.owner) || !after.same(row)) && after.sealed()
	return patch, nil
}

// atOnce sends the statements so that all of them or none are done, inside of the client's transaction.
func (t *togetherWrite) atOnce(texts [][]byte) (packet.OK, error) {
	const point = "`phiproxy write`"
	if _, err := t.s.exec([]byte("SAVEPOINT " + point)); err != nil {
		return packet.OK{}, err
	}
	ok, err := t.send(texts)
	if t.s.outOfStep(err) {
		return ok, err
	}
	if err != nil {
		_, after := t.s.exec([]byte("ROLLBACK TO SAVEPOINT " + point))
		if t.s.outOfStep(after) {
			return ok, after
		}
		return ok, err // a deadlock took the whole transaction with it, and the point
	}
	if ok, err = t.s.keepConditions(ok); err != nil {
		return ok, err
	}
	_, err = t.s.exec([]byte("RELEASE SAVEPOINT " + point))
	return ok, err
}

// send runs the statements and adds up what the server says.
func (t *togetherWrite) send(texts [][]byte) (packet.OK, error) {
	var all packet.OK
	matched, changed := 0, 0
	for i, text := range texts {
		ok, err := t.s.sendText(text)
		if err != nil {
			return ok, err
		}
		var m, c int
		if _, err := fmt.Sscanf(string(ok.Info), "Rows matched: %d  Changed: %d", &m, &c); err == nil {
			matched, changed = matched+m, changed+c
		}
		if i < len(texts)-1 && ok.Warnings > 0 { // the next one makes the server forget them
			if ok, err = t.s.keepConditions(ok); err != nil {
				return ok, err
			}
			t.w.warnings = append(t.w.warnings, t.s.diag.own...)
			t.s.diag = diagnostics{}
			ok.Warnings = 0
		}
		ok.AffectedRows += all.AffectedRows
		all = ok
	}
	if !t.st.ComputedWrite.Deletes {
		all.Info = fmt.Appendf(nil, "Rows matched: %d  Changed: %d  Warnings: %d", matched, changed, all.Warnings)
	}
	return all, nil
}
