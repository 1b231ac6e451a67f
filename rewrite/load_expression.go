package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// In the SET of LOAD DATA an expression for a protected column, such as NULLIF(@name, '') or STR_TO_DATE(@day, '%m/%d/%Y'), runs in
// the scratch server for each line. The variables of the list that it reads hold plaintext, so the backend gets none of their fields.

// hiddenField stands in Load.Fields for a variable that the backend must not see; -1 is any other.
const hiddenField = -2

// LoadVariable is a variable that an expression reads.
type LoadVariable struct {
	Name  string // as the statement writes it, "@name"
	Field int    // of the line
}

// Hidden reports whether the backend gets nothing of a field.
func (l *Load) Hidden(field int) bool { return l.Fields[field] == hiddenField }

// ExpressionText is the expression of a write.
func (s *Statement) ExpressionText(w *LoadWrite) []byte { return s.words(nil, w.Expression) }

// loadExpression looks at an expression that shall run in the scratch server.
type loadExpression struct {
	*computingWrite
	p    *loading
	used []LoadVariable
}

// Enter implements ast.Visitor.
func (e *loadExpression) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.VariableExpr:
		if n.IsSystem || n.Value != nil || !e.variable(n.Name) {
			e.fail(fault.Unsure.With("variable"))
		}
		return n, true
	case *ast.SubqueryExpr, *ast.ExistsSubqueryExpr, *ast.SelectStmt, *ast.SetOprStmt, *ast.DefaultExpr:
		e.fail(fault.Unsure.With("%T", n))
		return n, true
	}
	return e.computingWrite.Enter(n)
}

// variable notes the field that a variable of the list has last; names of variables have no case.
func (e *loadExpression) variable(name string) bool {
	for i := len(e.p.l.Fields) - 1; i >= 0; i-- {
		if e.p.l.Fields[i] >= 0 || !strings.EqualFold(e.u.variableName(e.p.l.list[i]), name) {
			continue
		}
		if v := (LoadVariable{Name: e.p.l.list[i], Field: i}); !slices.Contains(e.used, v) {
			e.used = append(e.used, v)
		}
		return true
	}
	return false
}

// variableName is the name of @name, @`name` or @'name'.
func (u *unit) variableName(text string) string {
	name := text[len("@"):]
	switch {
	case name == "":
	case name[0] == '`':
		return strings.ReplaceAll(name[1:len(name)-1], "``", "`")
	case name[0] == '\'' || name[0] == '"':
		return string(token.Unquote(nil, []byte(name), u.state.Mode))
	}
	return name
}

// reserved reports whether a variable is one that takes sealed values. Servers compare names without case and accents.
func (u *unit) reserved(text string) bool {
	name := fold(u.variableName(text))
	return strings.HasPrefix(name, loadVariable[len("@"):]) || strings.HasPrefix(name, "__") && !isASCII([]byte(name))
}

// expression plans a write of an expression.
func (p *loading) expression(r *resolver, sc *scope, a *ast.Assignment, c int, value span) *fault.Error {
	if !p.u.planner.compute || isJSON(p.l.Table.Columns[c].Protected) { // see source
		return fault.ValueForm.With("SET of LOAD DATA")
	}
	e := &loadExpression{p: p, computingWrite: &computingWrite{
		u: p.u, c: &computing{u: p.u}, r: r, sc: sc, table: p.l.Table, values: true, w: &ComputedWrite{}, used: map[int]bool{}, inside: map[*computed]bool{}}}
	a.Expr.Accept(e)
	if e.err != nil || e.c.err != nil || e.c.clock || len(e.c.edits) > 0 || p.u.hasOp(value, ":=") {
		return fault.ValueForm.With("expression in SET of LOAD DATA")
	}
	p.l.Writes = append(p.l.Writes, LoadWrite{Column: c, Field: -1, Expression: value, Variables: e.used})
	return nil
}

func (u *unit) hasOp(v span, op string) bool {
	for i := v.from; i < v.to; i++ {
		if u.op(i, op) {
			return true
		}
	}
	return false
}

// hide takes the variables that expressions for protected columns read away from the backend.
func (p *loading) hide() *fault.Error {
	hidden := map[string]bool{}
	for _, w := range p.l.Writes {
		for _, v := range w.Variables {
			hidden[fold(p.u.variableName(v.Name))] = true
		}
	}
	for i, name := range p.l.list {
		switch {
		case p.l.Fields[i] >= 0:
		case hidden[fold(p.u.variableName(name))]:
			p.l.Fields[i] = hiddenField
		case len(hidden) > 0 && !isASCII([]byte(name)):
			return fault.ValueForm.With("a variable that may be that of a protected column")
		}
	}
	for _, v := range p.l.sets {
		for i := v.from; i < v.to; i++ {
			if p.u.toks[i].Kind == token.UserVar && hidden[fold(p.u.variableName(string(p.u.text(i))))] {
				return fault.ValueForm.With("a variable of a protected column is used elsewhere")
			}
		}
	}
	return nil
}
