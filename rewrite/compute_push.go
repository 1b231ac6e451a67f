package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// condition is a part of a WHERE clause that the backend can judge.
type condition struct {
	clause span
	tables []*tableUse // whose columns it reads
}

// pushed are the conditions of a block's WHERE clause that the backend can judge before anything is joined: they read only
// columns that are not protected, of tables that no outer join fills up.
func (c *computing) pushed(b *computed, t *tableUse) []condition {
	where := c.whereOf(b)
	if b.stmt.Where == nil || where.from >= where.to || assigns(b.stmt.Where) {
		return nil
	}
	exprs := conjuncts(b.stmt.Where, nil)
	spans := c.u.conjunctions(where)
	if len(exprs) != len(spans) {
		return nil
	}
	var list []condition
	for i, e := range exprs {
		v := &pushable{c: c, b: b}
		if e.Accept(v); !v.no && len(v.tables) > 0 && !slices.ContainsFunc(v.tables, func(t *tableUse) bool { return !t.preserved }) {
			list = append(list, condition{clause: spans[i], tables: v.tables})
		}
	}
	return list
}

// conjuncts are the expressions that AND joins.
func conjuncts(e ast.ExprNode, list []ast.ExprNode) []ast.ExprNode {
	if b, ok := e.(*ast.BinaryOperationExpr); ok && b.Op.String() == "and" {
		return conjuncts(b.R, conjuncts(b.L, list))
	}
	return append(list, e)
}

// conjunctions cuts the tokens of a condition at its ANDs outside of parentheses; nil where an operator that binds less, or
// that has an AND of its own, stands there.
func (u *unit) conjunctions(where span) []span {
	var list []span
	start, depth := where.from, 0
	for i := where.from; i <= where.to; i++ {
		switch {
		case i == where.to || depth == 0 && (u.is(i, "AND") || u.op(i, "&&")):
			list = append(list, span{start, i})
			start = i + 1
		case u.op(i, "("):
			depth++
		case u.op(i, ")"):
			depth--
		case depth == 0 && (u.is(i, "OR", "XOR", "BETWEEN", "CASE") || u.op(i, "||")):
			return nil
		}
	}
	return list
}

// clauses are the words that end a FROM or WHERE clause.
var clauseWords = []string{"WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "FOR", "LOCK", "INTO", "PROCEDURE", "UNION", "EXCEPT", "INTERSECT", "MINUS", "OFFSET", "FETCH"}

// fromOf are the tokens of a block's FROM clause without the word.
func (c *computing) fromOf(b *computed) span {
	if len(b.tables) == 0 {
		return span{}
	}
	if b.written {
		return b.from
	}
	depth := 0
	for i := b.tables[0].at - 1; i >= 0; i-- {
		switch {
		case c.u.op(i, ")"):
			depth++
		case c.u.op(i, "(") && depth > 0: // others are around a join
			depth--
		case depth == 0 && c.u.is(i, "FROM"):
			return span{i + 1, c.clauseEnd(i + 1)}
		}
	}
	return span{}
}

// clauseEnd is the token behind the clause that begins at token i.
func (c *computing) clauseEnd(i int) int {
	return c.u.endOf(i, func(i int) bool { return c.u.is(i, clauseWords...) })
}

// endOf is the first token from i on at which stop holds outside of parentheses and not behind a dot, or which closes a
// parenthesis that was opened before.
func (u *unit) endOf(i int, stop func(i int) bool) int {
	depth := 0
	for ; i < u.end; i++ {
		switch {
		case u.op(i, "("):
			depth++
		case u.op(i, ")"):
			if depth--; depth < 0 {
				return i
			}
		case depth == 0 && stop(i) && !u.op(i-1, "."):
			return i
		}
	}
	return u.end
}

func (c *computing) whereOf(b *computed) span {
	from := c.fromOf(b)
	if b.written {
		return b.where
	}
	if from.to == 0 || !c.u.is(from.to, "WHERE") {
		return span{}
	}
	return span{from.to + 1, c.clauseEnd(from.to + 1)}
}

// joinable reports whether the backend can join for a fetch, and the FROM clause to do it with. Every row of a table that no
// outer join fills up meets its partners in full, since the conditions are about such tables alone: so the statement finds
// among the fetched rows what it would have found among all.
func (c *computing) joinable(b *computed, t *tableUse, conditions []condition) (from span, ok bool) {
	from = c.fromOf(b)
	if len(b.tables) < 2 || len(conditions) == 0 || from.from >= from.to || b.natural || b.derived || len(t.table.PrimaryKey) == 0 {
		return from, false
	}
	v := &pushable{c: c, b: b}
	b.stmt.From.Accept(v)
	return from, !v.no
}

// pushable finds out whether the backend can judge an expression, and whose columns it reads.
type pushable struct {
	c      *computing
	b      *computed
	tables []*tableUse
	found  []*tableUse // that have a column of the last name
	no     bool
}

// Enter implements ast.Visitor.
func (v *pushable) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.ColumnName:
		v.column(n)
	case *ast.FuncCallExpr:
		name, _ := v.c.u.ident(n.FnName)
		v.no = v.no || n.Schema.O != "" || !pureFunctions[strings.ToLower(name)]
	case *ast.SubqueryExpr, *ast.ExistsSubqueryExpr, *ast.CompareSubqueryExpr, *ast.AggregateFuncExpr, *ast.WindowFuncExpr, *ast.VariableExpr, *ast.MatchAgainst,
		*ast.DefaultExpr, *ast.ValuesExpr, *ast.SelectStmt:
		v.no = true
	}
	return n, v.no
}

// Leave implements ast.Visitor.
func (v *pushable) Leave(n ast.Node) (ast.Node, bool) { return n, !v.no }

func (v *pushable) column(n *ast.ColumnName) {
	name, _ := v.c.u.ident(n.Name)
	qualifier, _ := v.c.u.ident(n.Table)
	v.found = nil
	for _, t := range v.b.tables {
		if qualifier != "" && fold(t.name) != fold(qualifier) {
			continue
		}
		if i := t.table.columnIndex(name); i >= 0 {
			v.no = v.no || columnKind(t.table, i) != plain
			v.found = append(v.found, t)
		}
	}
	if v.no = v.no || len(v.found) != 1 || v.b.derived && qualifier == ""; v.no { // a name of an outer query, USING's common column, or an ambiguous one
		return
	}
	if !slices.Contains(v.tables, v.found[0]) {
		v.tables = append(v.tables, v.found[0])
	}
}

// assigns reports whether an expression assigns a variable: how often depends on the rows that it is asked about.
func assigns(e ast.ExprNode) bool {
	var v assigning
	e.Accept(&v)
	return v.found
}

type assigning struct{ found bool }

// Enter implements ast.Visitor.
func (v *assigning) Enter(n ast.Node) (ast.Node, bool) {
	if x, ok := n.(*ast.VariableExpr); ok && x.Value != nil {
		v.found = true
	}
	return n, v.found
}

// Leave implements ast.Visitor.
func (v *assigning) Leave(n ast.Node) (ast.Node, bool) { return n, !v.found }
