package rewrite

import (
	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// writeKind is what a statement does with the rows it names.
type writeKind uint8

const (
	inserts writeKind = iota
	replaces
	upserts
	updates
)

// writePlan is the part of a plan that speaks of values on their way into a protected table.
type writePlan struct {
	kind   writeKind
	table  *Table
	ignore bool // IGNORE: bad values are adjusted

	insert insertPlan // of inserts, replaces, upserts
	update updatePlan // of updates
}

// ProtectedColumns lists the indexes of the protected columns, ascending.
func (t *Table) ProtectedColumns() []int {
	var list []int
	for i := range t.Columns {
		if t.Columns[i].Protected != nil {
			list = append(list, i)
		}
	}
	return list
}

// ProtectedIndex is the position of a column in ProtectedColumns.
func (t *Table) ProtectedIndex(column int) int {
	n := 0
	for i := range column {
		if t.Columns[i].Protected != nil {
			n++
		}
	}
	return n
}

// Target is the protected table that the statement writes to.
func (s *Statement) Target() *Table { return s.write.table }

// IsUpdate, IsReplace and Ignore tell what kind of write the statement is.
func (s *Statement) IsUpdate() bool { return s.write != nil && s.write.kind == updates }

// IsReplace reports whether rows that are in the way are deleted.
func (s *Statement) IsReplace() bool { return s.write != nil && s.write.kind == replaces }

// Ignore reports whether bad values are adjusted whatever the sql_mode.
func (s *Statement) Ignore() bool { return s.write != nil && s.write.ignore }

// role is what a column of a written table is to the proxy.
type role uint8

const (
	ordinary role = iota
	protects      // a protected column
	owns          // the owner column
	flags         // the flag column
)

func (t *Table) role(column int) role {
	switch {
	case t.Columns[column].Protected != nil:
		return protects
	case t.Protected && column == t.Owner:
		return owns
	case t.Protected && column == t.Flag:
		return flags
	}
	return ordinary
}

// columnIndex finds a column by name, -1 when there is none.
func (t *Table) columnIndex(name string) int {
	for i := range t.Columns {
		if sameName(t.Columns[i].Name, name) {
			return i
		}
	}
	return -1
}

// assignment is one `column = expression` of a SET list or ON DUPLICATE KEY UPDATE.
type assignment struct {
	name  span // the column's name with its qualifiers
	value span
}

// assignments cuts a list of assignments in the tokens [from, to) at its commas.
func (u *unit) assignments(from, to int) []assignment {
	var list []assignment
	for _, part := range u.split(from, to) {
		eq := part.from
		for eq < part.to && !u.op(eq, "=") && !u.op(eq, ":=") {
			eq++
		}
		list = append(list, assignment{name: span{part.from, eq}, value: span{min(eq+1, part.to), part.to}})
	}
	return list
}

// split cuts the tokens [from, to) at the commas outside of parentheses.
func (u *unit) split(from, to int) []span {
	var parts []span
	depth, start := 0, from
	for i := from; i < to; i++ {
		switch {
		case u.op(i, "("):
			depth++
		case u.op(i, ")"):
			depth--
		case depth == 0 && u.op(i, ","):
			parts = append(parts, span{start, i})
			start = i + 1
		}
	}
	return append(parts, span{start, to})
}

// bound is the unit's text as a Statement, for reading literals while planning.
func (u *unit) bound() *Statement { return &Statement{SQL: u.sql, Tokens: u.toks} }

// single returns the protected table when the FROM clause is that table alone.
func single(sc *scope) *source {
	if len(sc.sources) == 1 && sc.sources[0].table != nil && sc.sources[0].table.Protected {
		return sc.sources[0]
	}
	return nil
}

// checkTail checks WHERE, ORDER BY and LIMIT of an UPDATE or DELETE.
func (r *resolver) checkTail(where ast.ExprNode, order *ast.OrderByClause, sc *scope) *fault.Error {
	if where != nil {
		if err := r.check(where, sc, clause{reason: fault.Comparison}); err != nil {
			return err
		}
	}
	if order != nil {
		return r.check(order, sc, clause{reason: fault.OrderBy})
	}
	return nil
}

// planDelete plans a DELETE: it may name protected tables but not look at protected values.
func planDelete(u *unit) (*Plan, *fault.Error) {
	pr, err := u.parse(u.pieces())
	if err != nil {
		return nil, err
	}
	d, ok := pr.stmt.(*ast.DeleteStmt)
	if !ok {
		return nil, fault.Unparsable.With("not a DELETE")
	}
	r := newResolver(pr)
	ctes, err := r.with(d.With, nil, nil)
	if err != nil {
		return nil, err
	}
	sc, err := r.from(d.TableRefs, nil, ctes)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{} // tables of a DELETE that names those to delete from
	if d.Tables != nil {
		for _, t := range d.Tables.Tables {
			name, _ := r.ident(t.Name)
			named[fold(name)] = true
			r.ident(t.Schema)
		}
	}
	if err := r.checkTail(d.Where, d.Order, sc); err != nil {
		return nil, err
	}
	p, err := r.finish(nil, "")
	if err != nil {
		return nil, err
	}
	for _, src := range sc.sources {
		if d.Tables == nil || named[fold(src.name)] {
			p.writesAll(src.table)
		}
	}
	return p, nil
}

// writesAll notes that the values of every protected column of a table change or go, for audit.
func (p *Plan) writesAll(t *Table) {
	if t == nil || !t.Protected {
		return
	}
	for _, c := range t.ProtectedColumns() {
		p.Touches = appendTouch(p.Touches, Touch{Table: t, Column: c, Write: true})
	}
}
