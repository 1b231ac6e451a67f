package rewrite

import (
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// opensRow reports whether token i is the ROW of a tuple in VALUES ROW(..), ROW(..).
func (in *inserting) opensRow(i int) bool {
	u := in.u
	return in.list.first <= i && i < in.list.end && u.is(i, "ROW") && u.op(i+1, "(") && (i == in.list.first || u.op(i-1, ",") && u.op(i-2, ")"))
}

// onlyDefaults reports whether the statement is INSERT INTO t () VALUES (), which writes no value.
func (in *inserting) onlyDefaults() bool {
	if in.stmt.IsReplace || len(in.stmt.OnDuplicate) > 0 || len(in.stmt.Columns) > 0 || len(in.stmt.Lists) == 0 {
		return false
	}
	return !slices.ContainsFunc(in.stmt.Lists, func(row []ast.ExprNode) bool { return len(row) > 0 })
}

// rowForm refuses VALUES ROW(..) where it is more than another spelling. The server makes a table of the rows first, which
// MariaDB does not know, and which gives each column one type.
func (in *inserting) rowForm() *fault.Error {
	if in.list.first < 0 || !in.u.is(in.list.first, "ROW") {
		return nil
	}
	switch {
	case in.u.schema.Flavor != MySQL:
		return fault.Unparsable.With("VALUES ROW")
	case in.stmt.IsReplace, len(in.stmt.OnDuplicate) > 0:
		return fault.ValueForm.With("VALUES ROW in a statement that can meet rows")
	}
	return nil
}

// checkValues checks the expressions of the values whose column wanted says.
func (in *inserting) checkValues(wanted func(value int) bool) *fault.Error {
	for _, row := range in.stmt.Lists {
		for i, e := range row {
			if !wanted(i) {
				continue
			}
			if err := in.r.check(e, in.sc, clause{reason: fault.Expression}); err != nil {
				return err
			}
		}
	}
	return nil
}

// values checks that every protected value and owner is one literal, and that the others read nothing protected.
func (in *inserting) values(w *writePlan) *fault.Error {
	t, columns := w.table, w.insert.columns
	if set := in.u.setForm(); set >= 0 {
		end := in.u.end
		if in.dup >= 0 {
			end = in.dup
		}
		w.insert.set = in.u.assignments(set+1, end)
		w.insert.first, w.insert.end = -1, end
		if len(w.insert.set) != len(columns) {
			return fault.Unsure.With("SET list")
		}
	} else if w.insert.first < 0 {
		return fault.Unparsable.With("no VALUES list")
	}
	s := in.u.bound()
	s.Plan = &Plan{write: w}
	var failed *fault.Error
	types := rowTypes{table: t, columns: columns}
	s.eachTuple(func(row int, values []span) {
		if failed == nil {
			failed = checkTuple(s, t, columns, values, in.computed)
		}
		if failed == nil && in.list.first >= 0 && in.u.is(in.list.first, "ROW") {
			failed = types.check(s, values)
		}
	})
	if failed != nil {
		return failed
	}
	return in.checkValues(func(i int) bool { return i >= len(columns) || t.role(columns[i]) == ordinary })
}

func checkTuple(s *Statement, t *Table, columns []int, values []span, computed bool) *fault.Error {
	if len(values) != len(columns) {
		if len(values) == 1 && values[0].from >= values[0].to && len(s.write.insert.set) == 0 {
			return fault.ValueForm.With("an empty tuple")
		}
		return &fault.Error{Fault: fault.ColumnCount, Detail: "tuple"}
	}
	for i, v := range values {
		if v.from >= v.to {
			return fault.ValueForm.With("an empty value")
		}
		switch t.role(columns[i]) {
		case protects:
			if _, ok := s.literal(v); !ok && !computed {
				return fault.ValueForm.With("column %s", t.Columns[columns[i]].Name)
			}
		case owns:
			if l, ok := s.literal(v); !ok || !ownerKind(l.Kind) {
				return fault.OwnerForm.With("column %s", t.Columns[columns[i]].Name)
			}
		}
	}
	return nil
}

// rowTypes checks that the values of VALUES ROW(..), ROW(..) in each protected or owner column are of one kind: the server
// gives the column a type that takes all of them, so that 2 becomes 2.00 beside 1.50.
type rowTypes struct {
	table   *Table
	columns []int
	kinds   map[int]token.Kind // index of the value -> kind
}

func (r *rowTypes) check(s *Statement, values []span) *fault.Error {
	if r.kinds == nil {
		r.kinds = make(map[int]token.Kind)
	}
	for i, v := range values {
		if role := r.table.role(r.columns[i]); role != protects && role != owns {
			continue
		}
		l, _ := s.literal(v)
		if l.Kind == token.Null {
			continue
		}
		if before, ok := r.kinds[i]; ok && before != l.Kind || l.Kind != token.String && l.Kind != token.Int || l.Charset != "" {
			return fault.ValueForm.With("VALUES ROW, column %s", r.table.Columns[r.columns[i]].Name)
		}
		r.kinds[i] = l.Kind
	}
	return nil
}

// ownerKind reports whether an owner can be read from a literal of the kind.
func ownerKind(k token.Kind) bool {
	switch k {
	case token.String, token.Int, token.Null, token.Default, token.Param:
		return true
	}
	return false
}

// eachTuple calls f with the values of every tuple; the SET form is one tuple. It returns the token behind the list.
func (s *Statement) eachTuple(f func(row int, values []span)) (end int) {
	in := &s.write.insert
	if in.first < 0 {
		values := make([]span, len(in.set))
		for i, a := range in.set {
			values[i] = a.value
		}
		f(0, values)
		return in.end
	}
	values := make([]span, 0, len(in.columns))
	i, _ := tupleAt(s.SQL, s.Tokens, in.first)
	for row := 0; ; row++ {
		values = values[:0]
		depth, start := 0, i+1
		for i++; depth > 0 || !s.Tokens[i].IsOp(s.SQL, ")"); i++ {
			switch t := s.Tokens[i]; {
			case t.Kind != token.Op:
			case t.IsOp(s.SQL, "("):
				depth++
			case t.IsOp(s.SQL, ")"):
				depth--
			case depth == 0 && t.IsOp(s.SQL, ","):
				values = append(values, span{start, i})
				start = i + 1
			}
		}
		f(row, append(values, span{start, i}))
		i++
		next, ok := tupleAt(s.SQL, s.Tokens, i+1)
		if !s.Tokens[i].IsOp(s.SQL, ",") || !ok {
			return i
		}
		i = next
	}
}
