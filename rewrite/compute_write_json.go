package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// jsonFunctions give JSON out of texts, integers and JSON.
var jsonFunctions = map[string]bool{
	"json_array": true, "json_object": true, "json_set": true, "json_insert": true, "json_replace": true, "json_remove": true, "json_array_append": true,
	"json_array_insert": true, "json_merge_patch": true, "json_merge_preserve": true,
}

// isJSON reports whether a column is MySQL's JSON. MariaDB's is text.
func isJSON(p *Protected) bool { return p.Type.String() == "json" }

// source looks at the expression that gives a protected column its value. That of MySQL's JSON must be made of texts, integers and
// the column itself: a DECIMAL, a date or an unsigned number inside of a document is one to the server for as long as it does not
// become text, and sealed it is text.
func (c *computingWrite) source(column int, e ast.Node) {
	c.expression(e)
	if isJSON(c.table.Columns[column].Protected) && !c.documents(column, e) {
		c.fail(fault.Unsure.With("JSON out of other values"))
	}
}

func (c *computingWrite) documents(column int, e ast.Node) bool {
	if x, ok := e.(ast.ExprNode); ok {
		e = bare(x)
	}
	switch e := e.(type) {
	case *ast.ColumnNameExpr:
		o, err := c.r.resolve(c.r.reference(e.Name), c.sc, false)
		return err == nil && o.table == c.table && o.column == column
	case *ast.FuncCallExpr:
		name, _ := c.u.ident(e.FnName)
		for _, arg := range e.Args {
			if !c.documents(column, arg) {
				return false
			}
		}
		return jsonFunctions[strings.ToLower(name)]
	case ast.ExprNode:
		return document(e)
	}
	return false
}

// document reports whether an expression is JSON that was text when it was written. It is asked where the columns of an
// expression may be those of several tables.
func document(e ast.ExprNode) bool {
	switch e := bare(e).(type) {
	case *ast.DefaultExpr, ast.ParamMarkerExpr, *ast.ValuesExpr:
		return true
	case ast.ValueExpr:
		switch e.GetValue().(type) {
		case nil, string, int64:
			return true
		}
	}
	return false
}
