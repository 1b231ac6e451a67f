package rewrite

import (
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// duplicates plans ON DUPLICATE KEY UPDATE.
func (in *inserting) duplicates(w *writePlan) *fault.Error {
	if in.stmt.IsReplace {
		w.kind = replaces
	}
	if len(in.stmt.OnDuplicate) == 0 {
		return nil
	}
	list := in.u.assignments(in.dup+4, in.u.end)
	if len(list) != len(in.stmt.OnDuplicate) {
		return fault.Unsure.With("ON DUPLICATE KEY UPDATE list")
	}
	set := map[int]bool{}
	if in.aliasName != "" {
		in.sc.sources = append(in.sc.sources, in.aliasSource(w))
	}
	for i, a := range in.stmt.OnDuplicate {
		ref := in.r.reference(a.Column)
		c := w.table.columnIndex(ref.column)
		if c < 0 {
			return fault.Unknown.With("column in ON DUPLICATE KEY UPDATE")
		}
		if set[c] && w.table.role(c) != ordinary {
			return fault.TwiceSet.With("ON DUPLICATE KEY UPDATE")
		}
		set[c] = true
		w.insert.setsKeys = w.insert.setsKeys || in.setsKey(w, c, a.Expr)
		if err := in.duplicate(w, c, list[i], a.Expr); err != nil {
			return err
		}
	}
	if w.insert.setsOwner && !slices.ContainsFunc(w.insert.columns, func(c int) bool { return w.table.role(c) == protects }) {
		return fault.OwnerMove.With("the statement has no protected values")
	}
	w.insert.setsAll = true
	for _, c := range w.table.ProtectedColumns() {
		w.insert.setsAll = w.insert.setsAll && set[c] && slices.Contains(w.insert.columns, c)
	}
	return nil
}

// setsKey reports whether assigning the expression to column c can change a unique key of the row: not when it is the new
// row's value of the only unique key there is, by which the row was found.
func (in *inserting) setsKey(w *writePlan, c int, e ast.ExprNode) bool {
	keys := w.table.UniqueKeys
	if !slices.ContainsFunc(keys, func(key []int) bool { return slices.Contains(key, c) }) {
		return false
	}
	return len(keys) > 1 || !in.fromNewRow(w, e, c)
}

// aliasSource is the new row under its alias.
func (in *inserting) aliasSource(w *writePlan) *source {
	s := baseSource(w.table, &source{name: in.aliasName, ref: quoteName(in.aliasName)})
	for i, name := range in.aliasColumns {
		if i < len(w.insert.columns) {
			s.columns[w.insert.columns[i]].name = name
		}
	}
	return s
}

func (in *inserting) duplicate(w *writePlan, c int, a assignment, e ast.ExprNode) *fault.Error {
	switch w.table.role(c) {
	case protects:
		w.kind = upserts
		if in.fromNewRow(w, e, c) {
			w.insert.copies = append(w.insert.copies, c)
			return nil
		}
		if in.expressions {
			w.insert.updates = append(w.insert.updates, updateCell{column: c, value: a.value, computed: true})
			return nil
		}
		if _, ok := in.u.bound().literal(a.value); !ok {
			return fault.SelfAssigned.With("column %s", w.table.Columns[c].Name)
		}
		w.insert.updates = append(w.insert.updates, updateCell{column: c, value: a.value})
		return nil
	case owns:
		w.kind = upserts
		if !in.fromNewRow(w, e, c) {
			return fault.OwnerMove.With("owner is not taken from VALUES")
		}
		w.insert.setsOwner = true
		return nil
	case flags:
		in.r.check(e, in.sc, clause{reason: fault.Expression})
		in.r.edits = slices.DeleteFunc(in.r.edits, func(x edit) bool { return a.value.from <= x.at && x.at < a.value.to })
		in.r.edit(a.value.from, a.value.to, quoteName(w.table.Columns[c].Name))
		return nil
	}
	return in.r.check(e, in.sc, clause{reason: fault.Expression})
}

// fromNewRow reports whether the expression is the same column of the row that was to be inserted.
func (in *inserting) fromNewRow(w *writePlan, e ast.ExprNode, c int) bool {
	switch e := bare(e).(type) {
	case *ast.ValuesExpr:
		return in.sameColumn(w, in.r.reference(e.Column.Name).named, c)
	case *ast.ColumnNameExpr:
		ref := in.r.reference(e.Name)
		return in.aliasName != "" && ref.table == in.aliasName && in.sameColumn(w, ref.named, c)
	}
	return false
}

func (in *inserting) sameColumn(w *writePlan, n named, c int) bool {
	if len(in.aliasColumns) > 0 && n.table == in.aliasName {
		i := slices.IndexFunc(in.aliasColumns, func(s string) bool { return sameName(s, n.column) })
		return i >= 0 && i < len(w.insert.columns) && w.insert.columns[i] == c
	}
	return w.table.columnIndex(n.column) == c
}

// InsertOwnerAssigned reports whether ON DUPLICATE KEY UPDATE gives the row to the owner in VALUES.
func (s *Statement) InsertOwnerAssigned() bool { return s.write.insert.setsOwner }

// AssignsFromValues reports whether ON DUPLICATE KEY UPDATE sets a protected column to the new row's value.
func (s *Statement) AssignsFromValues(column int) bool {
	return slices.Contains(s.write.insert.copies, column)
}

// AssignsAllProtected reports whether ON DUPLICATE KEY UPDATE sets every protected column.
func (s *Statement) AssignsAllProtected() bool { return s.write.insert.setsAll }
