package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"phiproxy/rewrite/fault"
)

// clause is the place an expression stands in.
type clause struct {
	reason  *fault.Fault // why a protected column cannot be used there
	aliases bool         // names of the select list are visible
}

// check walks an expression whose value the database computes: protected columns are refused but for IS NULL and COUNT,
// the flag column becomes 0, subqueries are resolved in turn.
func (r *resolver) check(e ast.Node, sc *scope, c clause) *fault.Error {
	if e == nil {
		return nil
	}
	w := &checker{r: r, sc: sc, clause: c, reasons: []*fault.Fault{c.reason}}
	e.Accept(w)
	return w.err
}

type checker struct {
	r  *resolver
	sc *scope
	clause
	reasons []*fault.Fault // of the nodes around the current one
	err     *fault.Error
}

// Enter implements ast.Visitor.
func (w *checker) Enter(n ast.Node) (ast.Node, bool) {
	w.reasons = append(w.reasons, w.reasonOf(n))
	if w.err != nil {
		return n, true
	}
	skip, err := w.enter(n)
	w.err = err
	return n, skip || err != nil
}

// Leave implements ast.Visitor.
func (w *checker) Leave(n ast.Node) (ast.Node, bool) {
	w.reasons = w.reasons[:len(w.reasons)-1]
	return n, w.err == nil
}

func (w *checker) enter(n ast.Node) (skip bool, err *fault.Error) {
	switch n := n.(type) {
	case *ast.SubqueryExpr:
		_, err = w.r.query(n.Query, w.sc, w.sc.ctes, asValue)
		return true, err
	case *ast.ExistsSubqueryExpr:
		if q, ok := n.Sel.(*ast.SubqueryExpr); ok {
			_, err = w.r.query(q.Query, w.sc, w.sc.ctes, asExists)
			return true, err
		}
	case *ast.IsNullExpr:
		return w.nullTest(n.Expr)
	case *ast.FuncCallExpr:
		return w.function(n)
	case *ast.AggregateFuncExpr:
		return w.aggregate(n)
	case *ast.DefaultExpr:
		if n.Name == nil { // DEFAULT alone, as the value of a column
			return true, nil
		}
		o, err := w.r.resolve(w.r.reference(n.Name), w.sc, w.aliases)
		if err == nil && o.kind != plain {
			err = fault.Expression.With("DEFAULT(column)")
		}
		return true, err
	case *ast.ColumnName:
		return true, w.column(n)
	case *ast.TableName:
		_, err = w.r.tableName(n, "", w.sc.ctes)
		return true, err
	}
	return false, nil
}

// reasonOf is why a protected column cannot be an operand of the node.
func (w *checker) reasonOf(n ast.Node) *fault.Fault {
	around := w.reasons[len(w.reasons)-1]
	switch n := n.(type) {
	case *ast.BinaryOperationExpr:
		switch n.Op {
		case opcode.EQ, opcode.NE, opcode.LT, opcode.LE, opcode.GT, opcode.GE, opcode.NullEQ:
			if around == fault.Join {
				return around
			}
			return fault.Comparison
		case opcode.LogicAnd, opcode.LogicOr, opcode.LogicXor:
			return around
		}
		return fault.Expression
	case *ast.PatternInExpr, *ast.PatternLikeOrIlikeExpr, *ast.PatternRegexpExpr, *ast.BetweenExpr, *ast.CompareSubqueryExpr:
		return fault.Comparison
	case *ast.FuncCallExpr:
		if wraps(n) {
			return fault.Mixed
		}
		return fault.Function
	case *ast.FuncCastExpr, *ast.MatchAgainst:
		return fault.Function
	case *ast.AggregateFuncExpr:
		return fault.Aggregate
	case *ast.WindowFuncExpr, *ast.WindowSpec:
		return fault.Window
	case *ast.VariableExpr:
		return fault.Into
	case *ast.CaseExpr, *ast.UnaryOperationExpr, *ast.IsTruthExpr, *ast.RowExpr, *ast.SetCollationExpr:
		return fault.Expression
	}
	return around
}

// column is a column whose value the expression needs.
func (w *checker) column(n *ast.ColumnName) *fault.Error {
	ref := w.r.reference(n)
	o, err := w.r.resolve(ref, w.sc, w.aliases || w.within(fault.Window) || w.within(fault.Aggregate)) // their ORDER BY may see aliases
	if err != nil {
		return err
	}
	switch o.kind {
	case sealed:
		return w.reasons[len(w.reasons)-1].With("column %s.%s", o.table.Name, o.table.Columns[o.column].Name)
	case flagged:
		return w.r.zero(ref)
	}
	return nil
}

// zero makes a reference to the flag column 0 where it was 0 or 1. It stays NULL where an outer join found no row, and
// it stays a reference, so that the server's rules for GROUP BY and DISTINCT hold as they did.
func (r *resolver) zero(ref reference) *fault.Error {
	if ref.at < 0 {
		return fault.Flag.With("position")
	}
	r.edit(ref.at, ref.end, "("+r.u.plainText(ref.at, ref.end)+"*0)")
	return nil
}

func (w *checker) within(f *fault.Fault) bool {
	for _, r := range w.reasons {
		if r == f {
			return true
		}
	}
	return false
}

// nullTest is `e IS NULL`: sealing keeps NULL, so that a column itself can be tested.
func (w *checker) nullTest(e ast.ExprNode) (skip bool, err *fault.Error) {
	c, ok := bare(e).(*ast.ColumnNameExpr)
	if !ok {
		return false, nil
	}
	o, err := w.r.resolve(w.r.reference(c.Name), w.sc, w.aliases)
	if err != nil || o.kind != sealed {
		return false, err // walked on: the flag becomes 0
	}
	if col := o.table.Columns[o.column]; !col.Nullable && strings.HasPrefix(col.Protected.Type.String(), "date") {
		return true, fault.NullDate.With("column %s", col.Name)
	}
	return true, nil
}

// function is a call of a built-in or stored function.
func (w *checker) function(n *ast.FuncCallExpr) (skip bool, err *fault.Error) {
	name, _ := w.r.ident(n.FnName)
	schema := w.r.u.state.Database
	if n.Schema.O != "" {
		schema, _ = w.r.ident(n.Schema)
	}
	if w.r.u.planner.names.opaqueRoutine(w.r.u.schema, schema, name) {
		return true, fault.Opaque.With("function %s", name)
	}
	if strings.EqualFold(name, "isnull") && len(n.Args) == 1 {
		return w.nullTest(n.Args[0])
	}
	return false, nil
}

// aggregate lets COUNT(column) pass.
func (w *checker) aggregate(n *ast.AggregateFuncExpr) (skip bool, err *fault.Error) {
	if strings.EqualFold(n.F, "count") && !n.Distinct && len(n.Args) == 1 {
		if c, ok := bare(n.Args[0]).(*ast.ColumnNameExpr); ok {
			o, err := w.r.resolve(w.r.reference(c.Name), w.sc, w.aliases)
			return o.kind == sealed, err
		}
	}
	return false, nil
}

// bare takes parentheses off an expression.
func bare(e ast.ExprNode) ast.ExprNode {
	for {
		p, ok := e.(*ast.ParenthesesExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// wraps reports whether the function hands its first argument on when that is not NULL.
func wraps(n *ast.FuncCallExpr) bool {
	return n.Schema.O == "" && (strings.EqualFold(n.FnName.O, "coalesce") || strings.EqualFold(n.FnName.O, "ifnull"))
}
