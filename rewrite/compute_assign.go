package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// given is what a variable of the client's gets: `@v := value`, SET @v = value, SELECT value INTO @v. The scratch server
// computes it, and the backend's session is given it afterwards: so it must hold no value of a protected column.
type given struct {
	value  ast.ExprNode
	blocks []*computed // the SELECTs around it, outermost first
}

// set notes an assignment of SET. Only variables of the client's can be set in the scratch server for the backend.
func (c *computing) set(n *ast.VariableAssignment) {
	if n.IsSystem || n.IsGlobal || n.IsInstance || n.ExtendValue != nil {
		c.refuse()
		return
	}
	c.assigned = append(c.assigned, given{value: n.Value})
	c.asked++
}

// into notes the variables of SELECT .. INTO @a, @b, which the syntax tree does not hold.
func (c *computing) into() {
	at := c.u.intoVariables()
	if at.to == 0 {
		return
	}
	s, ok := c.pr.stmt.(*ast.SelectStmt)
	if !ok || s.Fields == nil {
		c.refuse()
		return
	}
	for _, f := range s.Fields.Fields {
		if f.WildCard != nil {
			c.refuse()
			return
		}
		c.assigned = append(c.assigned, given{value: f.Expr, blocks: c.blocks[:1]})
	}
	c.asked += (at.to - at.from) / 2
}

// revealing reports whether a value of a protected column may get into a variable.
func (c *computing) revealing() bool {
	return slices.ContainsFunc(c.assigned, func(a given) bool {
		if q, ok := bare(a.value).(*ast.SubqueryExpr); ok {
			a.value, a.blocks = c.scalar(q, a.blocks)
		}
		if a.value == nil {
			return true
		}
		v := &revealing{c: c, blocks: a.blocks}
		a.value.Accept(v)
		return v.found
	})
}

// scalar is the one output of a subquery, nil for any other.
func (c *computing) scalar(q *ast.SubqueryExpr, around []*computed) (ast.ExprNode, []*computed) {
	s, ok := q.Query.(*ast.SelectStmt)
	if !ok || s.Fields == nil || len(s.Fields.Fields) != 1 || s.Fields.Fields[0].WildCard != nil {
		return nil, nil
	}
	i := slices.IndexFunc(c.blocks, func(b *computed) bool { return b.stmt == s })
	return s.Fields.Fields[0].Expr, append(slices.Clone(around), c.blocks[i])
}

// revealing looks for what may give a value of a protected column: such a column, one whose origin is not known, a subquery.
// How many there are may be told.
type revealing struct {
	c      *computing
	blocks []*computed
	found  bool
}

// Enter implements ast.Visitor.
func (v *revealing) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.ColumnName:
		v.found = v.found || !v.harmless(n)
	case *ast.AggregateFuncExpr:
		return n, strings.EqualFold(n.F, "count") || v.found
	case *ast.SubqueryExpr, *ast.DefaultExpr, *ast.ValuesExpr, *ast.MatchAgainst:
		v.found = true
	}
	return n, v.found
}

// Leave implements ast.Visitor.
func (v *revealing) Leave(n ast.Node) (ast.Node, bool) { return n, !v.found }

// harmless reports whether a name is that of an unprotected column of a base table, whatever else it may be.
func (v *revealing) harmless(n *ast.ColumnName) bool {
	for i := len(v.blocks) - 1; i >= 0; i-- {
		if v.alias(v.blocks[i], n) {
			return false
		}
		p := &pushable{c: v.c, b: v.blocks[i]}
		if p.column(n); !p.no {
			return !v.blocks[i].derived || n.Table.O != ""
		}
		if len(p.found) > 0 || v.blocks[i].derived {
			return false
		}
	}
	return false
}

// alias reports whether a name may be one that the select list gives.
func (v *revealing) alias(b *computed, n *ast.ColumnName) bool {
	name, _ := v.c.u.ident(n.Name)
	return b.stmt.Fields != nil && slices.ContainsFunc(b.stmt.Fields.Fields, func(f *ast.SelectField) bool {
		as, _ := v.c.u.ident(f.AsName)
		return as != "" && sameName(as, name)
	})
}
