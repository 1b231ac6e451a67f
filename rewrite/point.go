package rewrite

import "phiproxy/rewrite/token"

// RowOutputs tells where a SELECT that names one row by its primary key shows what is stored in it.
type RowOutputs struct {
	Table   *Table
	Owner   int   // output with the owner
	Columns []int // output of every protected column, in column order
}

// Point is the value of the primary key that the statement demands of its row, when it is one that finds at most one:
// a string of ASCII for a text key, an integer for an integer key. param stands in place of a parameter's value.
func (s *Statement) Point(param func(n int) (value []byte, text bool)) (key []byte, ok bool) {
	if s.point == 0 {
		return nil, false
	}
	l, ok := s.single(s.point)
	if !ok {
		return nil, false
	}
	text := l.Kind == token.String
	switch {
	case l.Kind == token.Param && param != nil:
		key, text = param(l.Param)
	case text:
		key = l.Raw[1 : len(l.Raw)-1]
	default:
		key = l.Raw
	}
	if text != isBytes(s.pointTable.Columns[s.pointTable.PrimaryKey[0]].Type) || !plainASCII(key) {
		return nil, false
	}
	return key, true
}

// plainASCII reports whether text means itself between quotes in every sql_mode, and in every character set that the
// proxy lets statements have.
func plainASCII(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '\\' || c == '\'' || c == '"' {
			return false
		}
	}
	return len(text) > 0
}

// findPoint looks in a condition for `key = literal`, joined to the rest by AND alone, for a table whose primary key is
// one column. It returns the literal's token, or 0.
func (u *unit) findPoint(t *Table, where span) int {
	if len(t.PrimaryKey) != 1 {
		return 0
	}
	found, start, depth := 0, where.from, 0
	for i := where.from; i <= where.to; i++ {
		switch {
		case i == where.to || depth == 0 && (u.is(i, "AND") || u.op(i, "&&")):
			if at := u.pointIn(t, span{start, i}); at != 0 {
				found = at
			}
			start = i + 1
		case u.op(i, "("):
			depth++
		case u.op(i, ")"):
			depth--
		case depth == 0 && (u.is(i, "OR", "XOR", "BETWEEN", "CASE", "UNION", "EXCEPT", "INTERSECT") || u.op(i, "||")):
			return 0 // or an AND that is another operator's
		}
	}
	return found
}

// pointIn returns the literal's token when the condition is `key = literal` with or without a qualifier.
func (u *unit) pointIn(t *Table, c span) int {
	eq := c.to - 2
	if eq <= c.from || !u.op(eq, "=") || (eq-c.from)%2 == 0 {
		return 0
	}
	for i := c.from; i < eq; i++ {
		if (i-c.from)%2 == 1 && !u.op(i, ".") {
			return 0
		}
	}
	name, ok := u.name(eq - 1)
	if !ok || !sameName(t.Columns[t.PrimaryKey[0]].Name, name) {
		return 0
	}
	switch u.toks[eq+1].Kind {
	case token.String, token.Int, token.Param:
		return eq + 1
	}
	return 0
}

// rememberable finds out whether a SELECT shows a whole row of a protected table that it names by its key.
func (p *Plan) rememberable(u *unit) {
	row := p.wholeRow()
	where := u.find(0, "WHERE")
	if row == nil || where < 0 {
		return
	}
	end := u.find(where, "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "FOR", "LOCK", "INTO", "PROCEDURE")
	if end < 0 {
		end = u.end
	}
	if p.point = u.findPoint(row.Table, span{where + 1, end}); p.point != 0 {
		p.Row, p.pointTable = row, row.Table
	}
}

// wholeRow returns the outputs that hold all protected columns of one row, and its owner.
func (p *Plan) wholeRow() *RowOutputs {
	var row *RowOutputs
	for i := range p.Outputs {
		o := &p.Outputs[i]
		if o.Table == nil || o.Flag || o.Wrapped != nil {
			continue
		}
		if row == nil {
			row = &RowOutputs{Table: o.Table, Owner: o.Owner, Columns: make([]int, len(o.Table.ProtectedColumns()))}
		}
		if o.Table != row.Table || o.Owner != row.Owner {
			return nil
		}
		row.Columns[o.Table.ProtectedIndex(o.Column)] = i + 1
	}
	if row == nil {
		return nil
	}
	for n, i := range row.Columns {
		if i == 0 {
			return nil
		}
		row.Columns[n] = i - 1
	}
	return row
}
