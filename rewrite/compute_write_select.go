package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// selection is the SELECT of an INSERT or REPLACE that the scratch server runs: what it gives is stored in the target's twin,
// read from there, and takes its place in the client's statement as a VALUES list.
type selection struct {
	columns []int  // of the target
	named   bool   // the client lists them
	head    int    // token behind the table, or behind the list of columns
	query   span   // the SELECT
	tail    int    // token of what follows it: ON DUPLICATE KEY UPDATE, or the end
	table   *Table // target
	ignore  bool
}

// Selects reports whether the rows of an INSERT or REPLACE come from a SELECT that the scratch server runs.
func (w *ComputedWrite) Selects() bool { return w.selection != nil }

// SelectTarget is the table that such a statement writes to, and its columns that get values.
func (s *Statement) SelectTarget() (t *Table, columns []int) {
	return s.ComputedWrite.selection.table, s.ComputedWrite.selection.columns
}

// SelectText stores what the SELECT gives in the twin of the target.
func (s *Statement) SelectText(dst []byte) []byte {
	f := s.ComputedWrite.selection
	dst = append(dst, "INSERT "...)
	if f.ignore {
		dst = append(dst, "IGNORE "...)
	}
	dst = append(append(dst, "INTO "+quoteName(f.table.Name)...), f.columnList()...)
	return s.computedClause(append(dst, ' '), f.query)
}

// SelectedText is the client's statement with rows in the place of its SELECT, each the SQL texts of its values. Without rows it
// stores none, but is judged by the server all the same.
func (s *Statement) SelectedText(dst []byte, rows [][][]byte) []byte {
	f := s.ComputedWrite.selection
	dst = append(dst, s.SQL[:s.Tokens[f.head-1].End]...)
	if !f.named {
		dst = append(dst, f.columnList()...)
	}
	if len(rows) == 0 {
		return append(dst, f.nothing()...)
	}
	dst = append(dst, " VALUES "...)
	for i, row := range rows {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, '(')
		for j, v := range row {
			if j > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(dst, v...)
		}
		dst = append(dst, ')')
	}
	if f.tail < len(s.Tokens)-1 {
		dst = append(append(dst, ' '), s.SQL[s.Tokens[f.tail].Start:]...)
	}
	return dst
}

// Bulk is the text of an INSERT or REPLACE of a VALUES list as one whose rows come from a SELECT: for these the server takes
// AUTO_INCREMENT numbers in other portions, and counts rows that it left out otherwise.
func (p *Planner) Bulk(st State, text []byte) ([]byte, *fault.Error) {
	toks, err := token.Scan(nil, text, p.scanOptions(st.Mode))
	if err != nil {
		return nil, fault.BadTokens.With("%v", err)
	}
	list := findTuples(text, toks)
	if list.first < 0 {
		return nil, fault.Unsure.With("no VALUES list")
	}
	u := p.unitOf(st, text, toks)
	names := make([]string, len(u.split(list.first+1, closingToken(text, toks, list.first))))
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	dst := append([]byte(nil), text[:toks[list.first-1].Start]...)
	dst = append(dst, "WITH "+bulkRows+" ("+strings.Join(names, ", ")+") AS (VALUES "...)
	for i := list.first; i < list.end; {
		if i > list.first {
			dst = append(dst, ", "...)
		}
		if p.schema.Flavor == MySQL {
			dst = append(dst, "ROW"...)
		}
		end := closingToken(text, toks, i)
		dst = append(dst, text[toks[i].Start:toks[end].End]...)
		i = end + 2
	}
	dst = append(dst, ") SELECT * FROM "+bulkRows+" WHERE TRUE "...) // or ON would be that of a join
	return append(dst, text[toks[list.end].Start:]...), nil
}

const bulkRows = ownerPrefix + "rows"

func (f *selection) columnList() string {
	text := " ("
	for i, c := range f.columns {
		if i > 0 {
			text += ", "
		}
		text += quoteName(f.table.Columns[c].Name)
	}
	return text + ")"
}

func (f *selection) nothing() string {
	text := " SELECT NULL"
	for range f.columns[1:] {
		text += ", NULL"
	}
	return text + " FROM DUAL WHERE FALSE"
}

// insertSelect plans an INSERT or REPLACE whose rows come from a SELECT.
func (c *computingWrite) insertSelect(in *inserting) (*Plan, *fault.Error) {
	columns, err := in.columns()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(columns, func(column int) bool {
		return c.table.role(column) == protects && isJSON(c.table.Columns[column].Protected)
	}) {
		return nil, fault.Unsure.With("JSON out of other values")
	}
	f := &selection{columns: columns, table: c.table, ignore: in.stmt.IgnoreErr, named: len(in.stmt.Columns) > 0, tail: c.u.end}
	if in.dup >= 0 {
		f.tail = in.dup
	}
	if f.head = c.selectAt(in); f.head < 0 || len(columns) == 0 || c.u.is(f.head, "VALUES", "VALUE") {
		return nil, fault.Unsure.With("form of INSERT ... SELECT")
	}
	f.query = span{f.head, f.tail}
	if err := untainted(c.u, in.stmt.Select, c.table, columns); err != nil {
		return nil, err
	}
	c.selecting = true
	end := c.u.end
	c.u.end = f.tail // or the last clause of the SELECT would go on
	in.stmt.Select.Accept(c)
	if !c.ownUpdates(in) {
		return nil, fault.Copy.With("ON DUPLICATE KEY UPDATE")
	}
	c.subqueries(map[string]int{})
	c.u.end = end
	c.r.markAll(f.query)
	c.r.markAll(span{f.tail, c.u.end}) // it is planned with the rows
	if c.err == nil {
		c.err = c.r.accounted()
	}
	if c.err != nil || c.c.err != nil {
		return nil, fault.Unsure.With("SELECT")
	}
	c.w.Clock, c.w.edits, c.w.selection = c.c.clock, c.c.edits, f
	p := &Plan{Verdict: Scratch, Writes: true, ComputedWrite: c.w}
	for _, column := range columns {
		if c.table.role(column) == protects {
			p.Touches = appendTouch(p.Touches, Touch{Table: c.table, Column: column, Write: true})
		}
	}
	for i := range c.w.Fetches {
		p.reads(&c.w.Fetches[i])
	}
	return p, nil
}

// selectAt is the token behind the target and its list of columns.
func (c *computingWrite) selectAt(in *inserting) int {
	source, ok := in.stmt.Table.TableRefs.Left.(*ast.TableSource)
	if !ok {
		return -1
	}
	name, ok := source.Source.(*ast.TableName)
	if !ok || source.AsName.O != "" || len(name.PartitionNames) > 0 {
		return -1
	}
	_, at := c.u.ident(name.Name)
	if at < 0 {
		return -1
	}
	if at++; len(in.stmt.Columns) > 0 {
		return c.u.closing(at) + 1
	}
	return at
}

// untainted refuses a SELECT whose values for columns that are not protected are made of protected ones.
func untainted(u *unit, query ast.Node, t *Table, columns []int) *fault.Error {
	list := (&tainted{u: u}).query(query, nil)
	if len(list) != len(columns) {
		return fault.Copy.With("columns of the SELECT are not certain")
	}
	for i, c := range columns {
		if list[i].taint && t.role(c) != protects {
			return fault.Copy.With("into column %s", t.Columns[c].Name)
		}
	}
	return nil
}

// ownUpdates reports whether ON DUPLICATE KEY UPDATE speaks of no column of the SELECT's tables, which are not there when the
// rows are written.
func (c *computingWrite) ownUpdates(in *inserting) bool {
	v := &updateNames{c: c}
	for _, a := range in.stmt.OnDuplicate {
		a.Expr.Accept(v)
	}
	return !v.others
}

// updateNames looks for names that may be columns of the SELECT.
type updateNames struct {
	c      *computingWrite
	others bool
}

// Enter implements ast.Visitor.
func (v *updateNames) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.ValuesExpr:
		return n, true
	case *ast.ColumnName:
		name, _ := v.c.u.ident(n.Name)
		table, _ := v.c.u.ident(n.Table)
		if table == "" {
			v.others = v.others || v.c.table.columnIndex(name) < 0 || v.c.selects(name)
		} else {
			v.others = v.others || fold(table) != fold(v.c.table.Name) || v.c.selectsFrom(table)
		}
	case *ast.SubqueryExpr, *ast.ExistsSubqueryExpr:
		v.others = true
	}
	return n, v.others
}

// Leave implements ast.Visitor.
func (v *updateNames) Leave(n ast.Node) (ast.Node, bool) { return n, !v.others }

// selects reports whether a table of the SELECT may have a column of that name.
func (c *computingWrite) selects(name string) bool {
	return slices.ContainsFunc(c.c.blocks, func(b *computed) bool {
		return b.derived || slices.ContainsFunc(b.tables, func(t *tableUse) bool { return t.table.columnIndex(name) >= 0 })
	})
}

// selectsFrom reports whether a table of the SELECT is called so.
func (c *computingWrite) selectsFrom(name string) bool {
	return slices.ContainsFunc(c.c.blocks, func(b *computed) bool {
		return slices.ContainsFunc(b.tables, func(t *tableUse) bool { return fold(t.name) == fold(name) })
	})
}
