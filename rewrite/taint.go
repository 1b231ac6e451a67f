package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// tainted finds out which columns of a query are made of protected values. It errs on the side of yes:
// whatever it does not follow is.
type tainted struct {
	u *unit
}

// taintedColumn is a column of a query or table.
type taintedColumn struct {
	name  string // folded
	taint bool
}

// taintedSource is one entry of a FROM clause.
type taintedSource struct {
	name    string // folded
	columns []taintedColumn
}

// taintedScope is what names can stand for, inside out.
type taintedScope struct {
	outer   *taintedScope
	sources []taintedSource
	common  bool // USING or NATURAL: `*` is in another order
}

// query gives the columns of a query, nil when they cannot be told.
func (t *tainted) query(n ast.Node, outer *taintedScope) []taintedColumn {
	switch n := n.(type) {
	case *ast.SelectStmt:
		if n.With != nil || n.Kind != ast.SelectStmtKindSelect {
			return nil
		}
		return t.block(n, outer)
	case *ast.SetOprStmt:
		if n.With != nil {
			return nil
		}
		return t.union(n.SelectList, outer)
	case *ast.SetOprSelectList:
		return t.union(n, outer)
	case *ast.SubqueryExpr:
		return t.query(n.Query, outer)
	}
	return nil
}

func (t *tainted) union(n *ast.SetOprSelectList, outer *taintedScope) []taintedColumn {
	if n.With != nil {
		return nil
	}
	var all []taintedColumn
	for i, part := range n.Selects {
		columns := t.query(part, outer)
		switch {
		case columns == nil, i > 0 && len(columns) != len(all):
			return nil
		case i == 0:
			all = columns
			continue
		}
		for j := range all {
			all[j].taint = all[j].taint || columns[j].taint
		}
	}
	return all
}

func (t *tainted) block(n *ast.SelectStmt, outer *taintedScope) []taintedColumn {
	sc := &taintedScope{outer: outer}
	if n.From != nil && !t.from(n.From.TableRefs, sc) {
		return nil
	}
	var list []taintedColumn
	for _, f := range n.Fields.Fields {
		if f.WildCard != nil {
			columns := t.wildcard(f.WildCard, sc)
			if columns == nil {
				return nil
			}
			list = append(list, columns...)
			continue
		}
		list = append(list, taintedColumn{name: t.fieldName(f), taint: t.expression(f.Expr, sc)})
	}
	return list
}

func (t *tainted) fieldName(f *ast.SelectField) string {
	if f.AsName.O != "" {
		name, _ := t.u.ident(f.AsName)
		return fold(name)
	}
	if c, ok := bare(f.Expr).(*ast.ColumnNameExpr); ok {
		name, _ := t.u.ident(c.Name.Name)
		return fold(name)
	}
	return "" // its text, by which nothing finds it here
}

func (t *tainted) wildcard(n *ast.WildCardField, sc *taintedScope) []taintedColumn {
	table, _ := t.u.ident(n.Table)
	if table == "" && sc.common {
		return nil
	}
	var list []taintedColumn
	for _, s := range sc.sources {
		if table == "" || s.name == fold(table) {
			list = append(list, s.columns...)
		}
	}
	return list
}

// from puts the entries of a FROM clause into the scope and reports whether it knows them all.
func (t *tainted) from(n ast.ResultSetNode, sc *taintedScope) bool {
	switch n := n.(type) {
	case *ast.Join:
		sc.common = sc.common || n.NaturalJoin || len(n.Using) > 0
		return t.from(n.Left, sc) && (n.Right == nil || t.from(n.Right, sc))
	case *ast.TableSource:
		if j, ok := n.Source.(*ast.Join); ok {
			return t.from(j, sc)
		}
		alias, at := t.u.ident(n.AsName)
		s := taintedSource{name: fold(alias)}
		if name, ok := n.Source.(*ast.TableName); ok {
			return t.table(name, s, sc)
		}
		_, renamed := t.u.lists[at]
		if s.columns = t.query(n.Source, sc); s.columns == nil || renamed {
			return false
		}
		sc.sources = append(sc.sources, s)
		return true
	}
	return false
}

func (t *tainted) table(n *ast.TableName, s taintedSource, sc *taintedScope) bool {
	name, _ := t.u.ident(n.Name)
	schema := t.u.state.Database
	if n.Schema.O != "" {
		schema, _ = t.u.ident(n.Schema)
	}
	table := t.u.schema.Tables[t.u.schema.Key(schema, name)]
	if table == nil {
		return false
	}
	if s.name == "" {
		s.name = fold(name)
	}
	for i := range table.Columns {
		if c := &table.Columns[i]; !c.Invisible {
			s.columns = append(s.columns, taintedColumn{name: fold(c.Name), taint: c.Protected != nil})
		}
	}
	sc.sources = append(sc.sources, s)
	return true
}

// expression reports whether a value may be made of protected ones.
func (t *tainted) expression(e ast.Node, sc *taintedScope) bool {
	v := &taintVisitor{t: t, sc: sc}
	e.Accept(v)
	return v.taint
}

type taintVisitor struct {
	t     *tainted
	sc    *taintedScope
	top   *ast.SelectStmt // the query whose parts are visited in sc; nil for an expression
	taint bool
}

// Enter implements ast.Visitor.
func (v *taintVisitor) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.ColumnName:
		v.taint = v.taint || v.sc.tainted(v.t.u, n)
	case *ast.SelectStmt:
		if n == v.top {
			break
		}
		inner := &taintVisitor{t: v.t, sc: &taintedScope{outer: v.sc}, top: n}
		if v.taint = n.With != nil || n.Kind != ast.SelectStmtKindSelect || n.From != nil && !v.t.from(n.From.TableRefs, inner.sc); !v.taint {
			n.Accept(inner)
			v.taint = inner.taint
		}
		return n, true
	case *ast.WildCardField:
		columns := v.t.wildcard(n, v.sc)
		v.taint = v.taint || columns == nil || slices.ContainsFunc(columns, func(c taintedColumn) bool { return c.taint })
	case *ast.AggregateFuncExpr:
		return n, strings.EqualFold(n.F, "count") || v.taint // how many there are may be told
	case *ast.VariableExpr:
		v.taint = true
	}
	return n, v.taint
}

// Leave implements ast.Visitor.
func (v *taintVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, !v.taint }

// tainted reports whether a name may stand for a tainted column: some column of that name is one, or none is known.
func (sc *taintedScope) tainted(u *unit, n *ast.ColumnName) bool {
	name, _ := u.ident(n.Name)
	table, _ := u.ident(n.Table)
	for s := sc; s != nil; s = s.outer {
		found := false
		for _, source := range s.sources {
			if table != "" && source.name != fold(table) {
				continue
			}
			for _, c := range source.columns {
				if c.name == fold(name) {
					if found = true; c.taint {
						return true
					}
				}
			}
		}
		if found {
			return false
		}
	}
	return true
}
