package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// WriteTarget is a table that an UPDATE or DELETE of several tables changes. The columns of the answer to its question begin
// with those of a Probe; for a table that is not protected, with those of its primary key alone.
type WriteTarget struct {
	Fetch
	Assigned []int // columns that an UPDATE assigns, in the order of the text, but for the flag column
}

// TargetRow is one row that such a statement changes.
type TargetRow struct {
	Key     [][]byte
	Set     [][]byte // SQL literals of the columns that are set
	SetFlag bool     // see RowPatch
}

// TogetherText is the whole statement over work tables. Rows that an UPDATE means get a negative RowNumber.
func (s *Statement) TogetherText(dst []byte) []byte {
	return s.computedClause(dst, s.ComputedWrite.together)
}

// TargetText is the question for the rows of a target.
func (s *Statement) TargetText(dst []byte, t *WriteTarget) []byte {
	for _, p := range t.parts {
		dst = append(dst, p.text...)
		if p.clause.from < p.clause.to {
			dst, _ = s.clauseWith(dst, p.clause, nil)
		}
	}
	return dst
}

// UpdateText changes rows of the target, whose Set are values of the columns.
func (t *WriteTarget) UpdateText(columns []int, ignore bool, rows []TargetRow) []byte {
	s, patches := t.statement(rows)
	dst := []byte("UPDATE ")
	if ignore {
		dst = append(dst, "IGNORE "...)
	}
	dst = append(dst, s.write.update.ref+" SET "...)
	for n, c := range columns {
		if n > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, s.write.update.column(t.Table, c)...), " = "...)
		dst = s.choose(dst, c, n, patches)
	}
	if t.Table.Protected {
		dst = s.setFlag(dst, patches)
	}
	return s.rowMatch(append(dst, " WHERE "...), patches, "FALSE")
}

// DeleteText deletes rows of the target.
func (t *WriteTarget) DeleteText(ignore bool, rows []TargetRow) []byte {
	s, patches := t.statement(rows)
	dst := []byte("DELETE ")
	if ignore {
		dst = append(dst, "IGNORE "...)
	}
	return s.rowMatch(append(dst, "FROM "+s.write.update.ref+" WHERE "...), patches, "FALSE")
}

func (t *WriteTarget) statement(rows []TargetRow) (*Statement, []RowPatch) {
	ref := quoteName(t.Table.Schema) + "." + quoteName(t.Table.Name)
	patches := make([]RowPatch, len(rows))
	for i, r := range rows {
		patches[i] = RowPatch{Key: r.Key, Set: r.Set, SetFlag: r.SetFlag}
	}
	return &Statement{Plan: &Plan{write: &writePlan{kind: updates, table: t.Table, update: updatePlan{ref: ref, owner: -1}}}}, patches
}

// Moves reports whether an UPDATE assigns a key, by which rows are told apart.
func (t *WriteTarget) Moves() bool {
	return slices.ContainsFunc(append(t.Table.UniqueKeys[:len(t.Table.UniqueKeys):len(t.Table.UniqueKeys)], t.Table.PrimaryKey), func(key []int) bool {
		return slices.ContainsFunc(key, func(c int) bool { return slices.Contains(t.Assigned, c) })
	})
}

// planTogether plans an UPDATE or DELETE that names several tables: all of it runs in the scratch server, and what it did to
// the rows there is done to those of the backend.
func (c *computingWrite) planTogether() (*Plan, *fault.Error) {
	pr, err := c.u.parse(c.u.pieces())
	if err != nil {
		return nil, err
	}
	c.c.pr = pr
	switch stmt := pr.stmt.(type) {
	case *ast.UpdateStmt:
		if stmt.With != nil {
			return nil, fault.Unsure.With("WITH")
		}
		return c.updateTogether(stmt)
	case *ast.DeleteStmt:
		if stmt.With != nil || !stmt.IsMultiTable || c.u.find(1, "RETURNING") >= 0 {
			return nil, fault.Unsure.With("form of DELETE")
		}
		return c.deleteTogether(stmt)
	}
	return nil, fault.Unsure.With("no UPDATE or DELETE")
}

// tables finds the tables of the statement.
func (c *computingWrite) tables(refs *ast.TableRefsClause, where ast.ExprNode, from, condition span) *computed {
	b := &computed{stmt: &ast.SelectStmt{From: refs, Where: where}, written: true, from: from, where: condition}
	c.c.blocks, c.c.stack, c.c.ctes = append(c.c.blocks, b), append(c.c.stack, b), append(c.c.ctes, map[string]bool{})
	edits := c.c.edits
	c.c.joins(b, refs.TableRefs, true)
	c.c.edits = edits // the visitor makes them again
	return b
}

func (c *computingWrite) updateTogether(stmt *ast.UpdateStmt) (*Plan, *fault.Error) {
	u := c.u
	set := u.find(0, "SET")
	first := u.find(0, "UPDATE") + 1
	for u.is(first, "LOW_PRIORITY", "IGNORE") {
		first++
	}
	end := u.find(set, "WHERE", "ORDER", "LIMIT")
	if set < 0 || end < 0 {
		end = u.end
	}
	condition := span{u.end, u.end}
	if u.is(end, "WHERE") {
		condition.from = end + 1
		if tail := u.find(end, "ORDER", "LIMIT"); tail >= 0 {
			condition.to = tail
		}
	}
	b := c.tables(stmt.TableRefs, stmt.Where, span{first, set}, condition)
	if c.c.err != nil {
		return nil, c.c.err
	}
	if u.schema.Flavor == MariaDB && len(b.tables) > 1 && (stmt.Order != nil || stmt.Limit != nil) {
		return nil, fault.MultiTable.With("ORDER BY or LIMIT") // which rows MariaDB then takes depends on its plan
	}
	targets, err := c.assignments(b, stmt)
	if err != nil {
		return nil, err
	}
	numbers := ""
	for _, t := range targets {
		c.w.Targets = append(c.w.Targets, t)
		name := quoteName(t.Alias) + "." + RowNumber
		numbers += name + " = -ABS(" + name + "), " // it may be assigned for each match
	}
	c.c.edits = append(c.c.edits, edit{at: set + 1, end: set + 1, text: numbers})
	return c.together(b, stmt, &writePlan{kind: updates, ignore: stmt.IgnoreErr})
}

// assignments finds the tables that the SET list assigns to, in their order in the statement.
func (c *computingWrite) assignments(b *computed, stmt *ast.UpdateStmt) ([]WriteTarget, *fault.Error) {
	taint := &tainted{u: c.u}
	sc := &taintedScope{}
	known := taint.from(stmt.TableRefs.TableRefs, sc)
	assigned := map[*tableUse][]int{}
	for _, a := range stmt.List {
		use, column := c.assignedTo(b, a.Column)
		if use == nil {
			return nil, fault.Unsure.With("column in SET")
		}
		_, isDefault := a.Expr.(*ast.DefaultExpr)
		role := use.table.role(column)
		switch {
		case role == flags:
			continue
		case role == protects && isJSON(use.table.Columns[column].Protected) && !document(a.Expr):
			return nil, fault.Unsure.With("JSON out of other values")
		case slices.Contains(assigned[use], column) && (role != ordinary || use.table.Protected):
			return nil, fault.TwiceSet.With("SET list")
		case isDefault && !use.table.Protected, role != protects && (!known || taint.expression(a.Expr, sc)):
			return nil, fault.Expression.With("column %s", use.table.Columns[column].Name)
		}
		if !slices.Contains(assigned[use], column) {
			assigned[use] = append(assigned[use], column)
		}
	}
	var targets []WriteTarget
	for _, use := range b.tables {
		if len(assigned[use]) > 0 {
			t, err := c.target(b, use)
			if err != nil {
				return nil, err
			}
			t.Assigned = assigned[use]
			targets = append(targets, t)
		}
	}
	return targets, distinct(targets)
}

// assignedTo is the table and column that a name in a SET list stands for, nil when that is not certain.
func (c *computingWrite) assignedTo(b *computed, n *ast.ColumnName) (use *tableUse, column int) {
	name, _ := c.u.ident(n.Name)
	table, _ := c.u.ident(n.Table)
	for _, t := range b.tables {
		i := t.table.columnIndex(name)
		if i < 0 || table != "" && fold(t.name) != fold(table) {
			continue
		}
		if use != nil {
			return nil, 0
		}
		use, column = t, i
	}
	return use, column
}

func distinct(targets []WriteTarget) *fault.Error {
	if len(targets) == 0 {
		return fault.Unsure.With("no target")
	}
	for i, t := range targets {
		if slices.ContainsFunc(targets[:i], func(x WriteTarget) bool { return x.Table == t.Table }) {
			return fault.MultiTable.With("one table is changed twice")
		}
	}
	return nil
}

func (c *computingWrite) deleteTogether(stmt *ast.DeleteStmt) (*Plan, *fault.Error) {
	u := c.u
	c.w.Deletes = true
	word := "FROM"
	if u.find(0, "USING") >= 0 {
		word = "USING"
	}
	from := span{u.find(0, word) + 1, u.find(0, "WHERE", "ORDER", "LIMIT")}
	if from.to < 0 {
		from.to = u.end
	}
	condition := span{u.end, u.end}
	if u.is(from.to, "WHERE") {
		condition.from = from.to + 1
	}
	b := c.tables(stmt.TableRefs, stmt.Where, from, condition)
	if c.c.err != nil {
		return nil, c.c.err
	}
	for _, use := range b.tables {
		if !slices.ContainsFunc(stmt.Tables.Tables, func(n *ast.TableName) bool { return c.names(n, use) }) {
			continue
		}
		t, err := c.target(b, use)
		if err != nil {
			return nil, err
		}
		c.w.Targets = append(c.w.Targets, t)
	}
	if err := distinct(c.w.Targets); err != nil || len(c.w.Targets) != len(stmt.Tables.Tables) {
		return nil, fault.MultiTable.With("targets of DELETE")
	}
	for _, n := range stmt.Tables.Tables {
		c.c.unqualify(n.Schema)
	}
	return c.together(b, stmt, &writePlan{kind: updates, ignore: stmt.IgnoreErr})
}

func (c *computingWrite) names(n *ast.TableName, use *tableUse) bool {
	name, _ := c.u.ident(n.Name)
	return fold(name) == fold(use.name)
}

// target is the question for the rows of a table that the statement changes.
func (c *computingWrite) target(b *computed, use *tableUse) (WriteTarget, *fault.Error) {
	t := use.table
	if err := keyTypes(t); err != nil {
		return WriteTarget{}, err
	}
	if use.partitions.to > 0 {
		return WriteTarget{}, fault.Unsure.With("PARTITION of a target")
	}
	f := Fetch{Table: t, Alias: use.name, Owner: -1}
	var list []string
	for _, i := range t.PrimaryKey {
		list = append(list, "CAST("+use.ref+"."+quoteName(t.Columns[i].Name)+" AS BINARY)")
	}
	if t.Protected {
		f.Owner = len(list)
		list = append(list, "CAST("+use.ref+"."+quoteName(t.Columns[t.Owner].Name)+" AS BINARY)")
		for _, i := range t.ProtectedColumns() {
			list = append(list, use.ref+"."+quoteName(t.Columns[i].Name))
		}
	}
	for i := range t.Columns {
		column := &t.Columns[i]
		if column.Protected != nil {
			at := len(t.PrimaryKey) + 1 + t.ProtectedIndex(i)
			f.Columns = append(f.Columns, FetchColumn{Column: i, Definition: at, Value: at})
			continue
		}
		if column.Generated && t.Protected {
			continue // the twin generates it
		}
		name := use.ref + "." + quoteName(column.Name)
		list = append(list, name)
		fc := FetchColumn{Column: i, Definition: len(list) - 1, Value: len(list) - 1}
		if exact := exactText(column.Type, name); exact != "" {
			list = append(list, exact)
			fc.Value = len(list) - 1
		}
		f.Columns = append(f.Columns, fc)
	}
	f.Work = c.c.workName(&f, map[string]int{}) + "_t"
	table := quoteName(t.Schema) + "." + quoteName(t.Name)
	if use.alias != "" {
		table += " AS " + use.ref
	}
	f.parts = []clauseText{{text: "SELECT " + strings.Join(list, ", ") + " FROM " + table}}
	word := " WHERE ("
	for _, p := range c.c.pushed(b, use) {
		if len(p.tables) == 1 && p.tables[0] == use {
			f.parts = append(f.parts, clauseText{text: word, clause: p.clause})
			word = ") AND ("
		}
	}
	if len(f.parts) > 1 {
		f.parts = append(f.parts, clauseText{text: ")"})
	}
	f.parts = append(f.parts, clauseText{text: " LIMIT 18446744073709551615 FOR UPDATE"})
	return WriteTarget{Fetch: f}, nil
}

// together plans the rest of a statement whose targets are known.
func (c *computingWrite) together(b *computed, stmt ast.Node, w *writePlan) (*Plan, *fault.Error) {
	b.tables, c.c.blocks = nil, nil // the visitor finds them again
	c.c.blocks = append(c.c.blocks, b)
	stmt.Accept(c)
	for _, use := range b.tables {
		if i := c.targetOf(use); i >= 0 {
			c.c.edits = append(c.c.edits, c.c.replaced(use, c.w.Targets[i].Work))
		}
	}
	c.subqueries(map[string]int{})
	if c.err != nil || c.c.err != nil {
		return nil, fault.Unsure.With("expression")
	}
	c.w.edits, c.w.Clock, c.w.together, c.w.name = c.c.edits, c.c.clock, span{0, c.u.end}, c.w.Targets[0].Alias
	w.table = c.w.Targets[0].Table
	p := &Plan{Verdict: Scratch, Writes: true, write: w, ComputedWrite: c.w}
	for _, t := range c.w.Targets {
		c.touchesTarget(p, &t)
	}
	for i := range c.w.Fetches {
		p.reads(&c.w.Fetches[i])
	}
	return p, nil
}

func (c *computingWrite) touchesTarget(p *Plan, t *WriteTarget) {
	for _, column := range t.Table.ProtectedColumns() {
		if c.w.Deletes || slices.Contains(t.Assigned, column) || slices.Contains(t.Assigned, t.Table.Owner) {
			p.Touches = appendTouch(p.Touches, Touch{Table: t.Table, Column: column, Write: true})
		}
		if c.c.mentions(t.Table.Columns[column].Name) {
			p.Touches = appendTouch(p.Touches, Touch{Table: t.Table, Column: column})
		}
	}
}

// targetOf is the target that a table reference is, -1 for none.
func (c *computingWrite) targetOf(use *tableUse) int {
	return slices.IndexFunc(c.w.Targets, func(t WriteTarget) bool { return t.Table == use.table && t.Alias == use.name })
}

func (c *computingWrite) isTarget(use *tableUse) bool { return c.targetOf(use) >= 0 }

// writesTo reports whether the statement changes the table.
func (c *computingWrite) writesTo(t *Table) bool {
	if len(c.w.Targets) == 0 {
		return t == c.table && c.u.schema.Flavor == MySQL
	}
	return slices.ContainsFunc(c.w.Targets, func(x WriteTarget) bool { return x.Table == t })
}

func (s *Statement) explainTargets(b *strings.Builder) {
	w := s.ComputedWrite
	for i := range w.Targets {
		t := &w.Targets[i]
		fmt.Fprintf(b, "backend: %s\n         into %s, for %s\n", s.TargetText(nil, t), t.Work, t.Alias)
	}
	s.explainFetches(b)
	fmt.Fprintf(b, "scratch: %s\n", s.TogetherText(nil))
	fmt.Fprintf(b, "then:    the same changes of the rows found, by their keys, with values sealed for each row's owner\n")
}
