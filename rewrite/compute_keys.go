package rewrite

import (
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// needsKeys reports whether MySQL must see the tables' unique keys to take the statement: a column that is neither grouped nor
// aggregated is allowed where it depends on those that are. Keys are slow to load; a plain list of groups and aggregates needs none.
func (c *computing) needsKeys() bool {
	if !c.groups || c.u.schema.Flavor != MySQL {
		return false
	}
	s, ok := c.pr.stmt.(*ast.SelectStmt)
	if !ok || len(c.blocks) != 1 || s.Having != nil || s.Distinct {
		return true
	}
	var groups []*ast.ColumnName
	if s.GroupBy != nil {
		for _, item := range s.GroupBy.Items {
			column, ok := item.Expr.(*ast.ColumnNameExpr)
			if !ok {
				return true
			}
			groups = append(groups, column.Name)
		}
	}
	var shown []ast.ExprNode
	for _, f := range s.Fields.Fields {
		shown = append(shown, f.Expr) // nil for `*`
	}
	if s.OrderBy != nil {
		for _, item := range s.OrderBy.Items {
			shown = append(shown, item.Expr)
		}
	}
	return slices.ContainsFunc(shown, func(e ast.ExprNode) bool { return !c.groupedPlainly(e, groups) })
}

// groupedPlainly reports whether an expression is an aggregate, the position of one of the list, or a grouped column.
func (c *computing) groupedPlainly(e ast.ExprNode, groups []*ast.ColumnName) bool {
	switch e := e.(type) {
	case *ast.AggregateFuncExpr, *ast.PositionExpr:
		return true
	case *ast.ColumnNameExpr:
		return slices.ContainsFunc(groups, func(g *ast.ColumnName) bool { return c.sameColumn(e.Name, g) })
	}
	return false
}

// sameColumn reports whether two names are written alike.
func (c *computing) sameColumn(a, b *ast.ColumnName) bool {
	name := func(s ast.CIStr) string {
		text, _ := c.u.ident(s)
		return fold(text)
	}
	return name(a.Name) == name(b.Name) && name(a.Table) == name(b.Table) && name(a.Schema) == name(b.Schema)
}
