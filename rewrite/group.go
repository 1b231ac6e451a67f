package rewrite

import (
	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// group checks GROUP BY. A sealed value differs at each sealing, so that groups are right only when the table's whole
// primary key is among them: then the value adds nothing.
func (q *selecting) group() *fault.Error {
	if q.s.GroupBy == nil {
		return nil
	}
	q.keyed = map[instance]map[int]bool{}
	var protected []column
	var early []reference // to flags that the server would sort by before the primary key
	for _, item := range q.s.GroupBy.Items {
		c, err := q.grouped(item.Expr)
		if err != nil {
			return err
		}
		if c.kind != sealed && c.kind != flagged {
			continue
		}
		protected = append(protected, c)
		name, named := bare(item.Expr).(*ast.ColumnNameExpr)
		switch {
		case q.covers(c.origin) || !q.sorted():
		case c.kind == flagged && named:
			early = append(early, q.r.reference(name.Name))
		default:
			return one(c.kind, fault.GroupBy).With("the server sorts by a protected column before the primary key")
		}
	}
	for _, c := range protected {
		if !q.covers(c.origin) {
			return one(c.kind, fault.GroupBy).With("the primary key is not in GROUP BY")
		}
	}
	if err := q.sortLate(early); err != nil {
		return err
	}
	if q.s.GroupBy.Rollup && (len(protected) > 0 || q.outputs(sealed) || q.outputs(flagged)) {
		return fault.Rollup.With("WITH ROLLUP")
	}
	return nil
}

// sortLate makes the flags in GROUP BY 0 where they would decide the order, and groups by them behind everything else, where
// they change nothing: the primary key is there already, but the server wants to see them named.
func (q *selecting) sortLate(flags []reference) *fault.Error {
	if len(flags) == 0 {
		return nil
	}
	items := q.s.GroupBy.Items
	last, ok := items[len(items)-1].Expr.(*ast.ColumnNameExpr)
	if !ok {
		return fault.Flag.With("GROUP BY ends in an expression")
	}
	end := q.r.reference(last.Name).end
	if end < 1 || q.r.u.is(end, "ASC", "DESC", "WITH") {
		return fault.Flag.With("GROUP BY ends in more than a name")
	}
	for _, ref := range flags {
		if err := q.r.zero(ref); err != nil {
			return err
		}
		q.r.edit(end, end, ", "+q.r.u.plainText(ref.at, ref.end)+" ")
	}
	return nil
}

// sorted reports whether GROUP BY decides the order of rows: MariaDB sorts by it unless ORDER BY is there.
func (q *selecting) sorted() bool { return q.r.u.schema.Flavor != MySQL && q.s.OrderBy == nil }

func (q *selecting) outputs(k kind) bool {
	for _, o := range q.leaf.outputs {
		if o.kind == k {
			return true
		}
	}
	return false
}

// grouped resolves one item of GROUP BY and notes the base column that it is.
func (q *selecting) grouped(e ast.ExprNode) (column, *fault.Error) {
	var c column
	var err *fault.Error
	switch e := bare(e).(type) {
	case *ast.PositionExpr:
		c, err = q.positions().at(e)
	case *ast.ColumnNameExpr:
		c.origin, err = q.groupColumn(q.r.reference(e.Name))
	default:
		return c, q.r.check(e, q.sc, clause{reason: fault.GroupBy, aliases: true})
	}
	if err == nil && c.table != nil && c.root != nil && c.wrapped == nil {
		in := instance{c.via, c.root}
		if q.keyed[in] == nil {
			q.keyed[in] = map[int]bool{}
		}
		q.keyed[in][c.column] = true
	}
	return c, err
}

// groupColumn resolves a name in GROUP BY, where columns of the tables come before names of the select list. A name that
// means different columns in the two is not counted as a part of a key.
func (q *selecting) groupColumn(ref reference) (origin, *fault.Error) {
	o, err := q.r.resolve(ref, q.sc, true)
	if err != nil || o.kind != plain {
		return o, err
	}
	found, unsure := q.sc.lookup(ref.named, true)
	for _, c := range found {
		if unsure || c.table != o.table || c.column != o.column {
			return origin{}, nil
		}
	}
	return o, nil
}

// covers reports whether GROUP BY holds the whole primary key of the base table that a column comes from.
func (q *selecting) covers(o origin) bool {
	if o.table == nil || o.root == nil || len(o.table.PrimaryKey) == 0 {
		return false
	}
	have := q.keyed[instance{o.via, o.root}]
	for _, c := range o.table.PrimaryKey {
		if !have[c] {
			return false
		}
	}
	return true
}

// positions is a select list whose columns are named by number.
type positions struct {
	outputs []output
	shifted bool // `*` covers hidden columns, so that the server counts others than the client
	open    bool // `*` covers unknown columns
}

func (b *block) positions() positions {
	return positions{outputs: b.outputs, shifted: b.starHidden, open: b.open}
}

// at is the output at a position, which must not be one of the outputs that come to be added.
func (p positions) at(e *ast.PositionExpr) (column, *fault.Error) {
	switch {
	case p.shifted:
		return column{}, fault.Position.With("hidden columns in `*`")
	case e.P != nil, p.open: // a parameter is a constant; a list with unknown columns has no protected ones, or is refused
		return column{}, nil
	case e.N < 1 || e.N > len(p.outputs):
		return column{}, fault.Range.With("position %d of %d", e.N, len(p.outputs))
	}
	return p.outputs[e.N-1].column, nil
}

// order checks ORDER BY.
func (q *selecting) order() *fault.Error {
	return q.r.ordering(q.s.OrderBy, q.sc, q.positions())
}

func (q *selecting) positions() positions {
	return positions{outputs: q.leaf.outputs, shifted: q.block.starHidden, open: q.block.open}
}

// ordering checks an ORDER BY.
func (r *resolver) ordering(by *ast.OrderByClause, sc *scope, list positions) *fault.Error {
	if by == nil {
		return nil
	}
	for _, item := range by.Items {
		var o origin
		var ref reference
		var err *fault.Error
		switch e := bare(item.Expr).(type) {
		case *ast.PositionExpr:
			var c column
			c, err = list.at(e)
			o, ref.at = c.origin, -1
		case *ast.ColumnNameExpr:
			ref = r.reference(e.Name)
			o, err = r.resolve(ref, sc, true)
		default:
			err = r.check(e, sc, clause{reason: fault.OrderBy, aliases: true})
		}
		switch {
		case err != nil:
			return err
		case o.kind == sealed:
			return fault.OrderBy.With("column %s", o.table.Columns[o.column].Name)
		case o.kind == flagged:
			if err := r.zero(ref); err != nil {
				return err
			}
		}
	}
	return nil
}
