package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// ComputedWrite is how a write that needs plaintext is run.
//
// An INSERT or REPLACE has the values of its protected columns computed in the scratch server, and what comes out takes
// their place in the client's text, which is then planned as if the client had written it.
//
// For an UPDATE or DELETE the rows that may be meant are read and locked, chosen by the conditions that need no plaintext;
// the scratch server finds among them those that are meant, computes their new values, and the statement is sent for
// these rows by their keys. Nothing that is compared with a protected value is sent.
type ComputedWrite struct {
	Inserts, Deletes bool
	Clock            bool          // the statement asks for the time
	Work             string        // work table in which the client's condition chooses rows; "" when the backend does
	Table            *Table        // of an UPDATE or DELETE
	Columns          []FetchColumn // of the rows, by the columns of the answer to Rows
	Owner            int           // column of the answer with the row's owner
	Assigned         []int         // protected columns that an UPDATE assigns, in the order of the text

	name            string       // what the statement calls the table
	rows            []clauseText // question for the rows
	where           span         // condition for the work table, without the word
	tail            span         // ORDER BY and LIMIT for it
	sets            []span       // assignments that give the protected columns' values
	limits, selects bool         // there is a LIMIT; see ChooseText

	edits []edit // of clauses that run in the scratch server
}

// RowNumber is the column of the work table that tells its rows apart, from 1; rows that are meant get a negative one.
const RowNumber = ownerPrefix + "row"

// RowsText is the question for the rows that an UPDATE or DELETE may mean. The answer's columns are those of a Probe, and
// behind them what Columns says.
func (s *Statement) RowsText(dst []byte) []byte {
	for _, p := range s.ComputedWrite.rows {
		dst = append(dst, p.text...)
		if p.clause.from < p.clause.to {
			dst, _ = s.clauseWith(dst, p.clause, nil)
		}
	}
	return dst
}

// ChooseText chooses the rows of the work table that the statement means: by an UPDATE that makes their numbers negative, or
// where MariaDB deletes, which takes conditions as lightly as a SELECT does, by a SELECT of their numbers made negative.
func (s *Statement) ChooseText(dst []byte) (text []byte, selects bool) {
	w := s.ComputedWrite
	if w.selects {
		return s.chooseBySelect(dst), true
	}
	dst = append(dst, "UPDATE "...)
	if s.Ignore() {
		dst = append(dst, "IGNORE "...)
	}
	dst = append(dst, quoteName(w.Work)+" AS "+quoteName(w.name)+" SET "+RowNumber+" = -"+RowNumber...)
	if w.where.from < w.where.to {
		dst = s.computedClause(append(dst, " WHERE "...), w.where)
	}
	if w.tail.from < w.tail.to {
		dst = s.computedClause(append(dst, ' '), w.tail)
	}
	return dst, false
}

func (s *Statement) chooseBySelect(dst []byte) []byte {
	w := s.ComputedWrite
	dst = append(dst, "SELECT -"+RowNumber+" FROM "+quoteName(w.Work)+" AS "+quoteName(w.name)...)
	if w.where.from < w.where.to {
		dst = s.computedClause(append(dst, " WHERE "...), w.where)
	}
	if w.tail.from < w.tail.to {
		dst = s.computedClause(append(dst, ' '), w.tail)
	}
	if !w.limits {
		dst = append(dst, " LIMIT 18446744073709551615"...) // or @@sql_select_limit would count here
	}
	return dst
}

// ComputeSetText is the UPDATE of the table's twin, which holds the rows that are meant.
func (s *Statement) ComputeSetText(dst []byte) []byte {
	w := s.ComputedWrite
	dst = append(dst, "UPDATE "...)
	if s.Ignore() {
		dst = append(dst, "IGNORE "...)
	}
	dst = append(dst, quoteName(w.Table.Name)...)
	if w.name != w.Table.Name {
		dst = append(dst, " AS "+quoteName(w.name)...)
	}
	dst = append(dst, " SET "...)
	for i, v := range w.sets {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = s.computedClause(dst, v)
	}
	return dst
}

// computedClause renders tokens of the statement for the scratch server.
func (s *Statement) computedClause(dst []byte, v span) []byte {
	t := &text{s: s, dst: dst, last: int(s.Tokens[v.from].Start)}
	for _, e := range s.ComputedWrite.edits {
		if v.from <= e.at && e.at < v.to {
			t.apply(e)
		}
	}
	t.replace(v.to-1, v.to)
	return append(t.dst, s.Tokens[v.to-1].Text(s.SQL)...)
}

// DeleteText is the DELETE of the rows with the keys.
func (s *Statement) DeleteText(dst []byte, keys [][][]byte) []byte {
	t := &text{s: s, dst: dst}
	t.replace(s.write.update.setEnd, s.write.update.setEnd)
	rows := make([]RowPatch, len(keys))
	for i, key := range keys {
		rows[i].Key = key
	}
	return s.restrict(trimRight(t.dst), rows)
}

// ComputedRows gives, for every tuple of an INSERT or REPLACE, the SQL texts of the values of the columns that
// ComputedColumns lists.
func (s *Statement) ComputedRows() [][][]byte {
	var rows [][][]byte
	s.eachTuple(func(_ int, values []span) {
		var row [][]byte
		for i, c := range s.write.insert.columns {
			if s.write.table.role(c) == protects {
				text, _ := s.clauseWith(nil, values[i], nil)
				row = append(row, text)
			}
		}
		rows = append(rows, row)
	})
	return rows
}

// ComputedColumns are the protected columns that an INSERT or REPLACE names.
func (s *Statement) ComputedColumns() []int {
	return slices.DeleteFunc(slices.Clone(s.write.insert.columns), func(c int) bool { return s.write.table.role(c) != protects })
}

// WithValues is the client's INSERT or REPLACE with the given values of the protected columns, nil for NULL.
func (s *Statement) WithValues(dst []byte, rows [][][]byte) []byte {
	t := &text{s: s, dst: dst}
	s.eachTuple(func(row int, values []span) {
		n := 0
		for i, c := range s.write.insert.columns {
			if s.write.table.role(c) != protects {
				continue
			}
			t.replace(values[i].from, values[i].to)
			t.dst = append(appendHex(append(t.dst, ' '), rows[row][n]), ' ')
			n++
		}
	})
	return t.rest()
}

// Computed plans a write for the scratch server whatever its values are: some that are literals need it as well, to be
// converted as the server would.
func (p *Planner) Computed(st State, sql []byte) (*Statement, *fault.Error) {
	u, err := p.newUnit(st, sql)
	if err != nil {
		return nil, fault.BadTokens.With("%v", err)
	}
	plan, failed := u.orComputed(nil, fault.ValueForm.With("a value that the server has to convert"))
	if failed != nil {
		return nil, failed
	}
	slices.SortStableFunc(plan.edits, func(a, b edit) int { return a.at - b.at })
	plan.Shape = p.shapeOf(sql, u.toks)
	return &Statement{Plan: plan, SQL: sql, Tokens: u.toks}, nil
}

// orComputed plans a write for the scratch server when there is no other way.
func (u *unit) orComputed(p *Plan, why *fault.Error) (*Plan, *fault.Error) {
	if why == nil || !u.planner.compute || u.inner {
		return p, why
	}
	for _, chosen := range []bool{true, false} {
		again := u.planner.unitOf(u.state, u.sql, u.toks)
		c := &computingWrite{u: again, chosen: chosen, c: &computing{u: again}}
		p, err := c.plan()
		u.literal = u.literal || again.literal
		if err == nil {
			p.Why = "writes what only plaintext tells: it is worked out in the scratch server, and sealed (" + why.ID + ")"
			return p, nil
		}
	}
	return nil, why
}

// computingWrite is a write that is being planned for the scratch server.
type computingWrite struct {
	u      *unit
	chosen bool // the backend chooses the rows
	c      *computing
	r      *resolver
	sc     *scope
	table  *Table
	w      *ComputedWrite
	used   map[int]bool // columns that clauses which run in the scratch server name
	values bool         // columns may not be named
	err    *fault.Error
}

func (c *computingWrite) plan() (*Plan, *fault.Error) {
	c.w, c.used = &ComputedWrite{}, map[int]bool{}
	switch u := c.u; {
	case u.is(0, "INSERT", "REPLACE") && c.chosen:
		return c.insert()
	case u.is(0, "UPDATE"):
		return c.update()
	case u.is(0, "DELETE") && !c.chosen:
		return c.delete()
	}
	return nil, fault.Unsure.With("no write")
}

// insert plans an INSERT or REPLACE whose values of protected columns are expressions.
func (c *computingWrite) insert() (*Plan, *fault.Error) {
	in := &inserting{u: c.u, list: findTuples(c.u.sql, c.u.toks), dup: -1, computed: true}
	in.locate()
	pr, err := c.u.parse(in.pieces())
	if err != nil {
		return nil, err
	}
	stmt, ok := pr.stmt.(*ast.InsertStmt)
	if !ok || c.u.find(1, "RETURNING") >= 0 || stmt.Select != nil {
		return nil, fault.Unsure.With("form of INSERT")
	}
	in.stmt, in.r = stmt, newResolver(pr)
	if in.sc, err = in.r.from(stmt.Table, nil, nil); err != nil {
		return nil, err
	}
	if in.target = single(in.sc); in.target == nil {
		return nil, fault.Unsure.With("target")
	}
	c.r, c.sc, c.table, c.values = in.r, in.sc, in.target.table, true
	p, err := in.plan()
	if err != nil {
		return nil, err
	}
	if p.write == nil || len(p.write.insert.updates) > 0 {
		return nil, fault.Unsure.With("nothing to compute")
	}
	for _, row := range stmt.Lists {
		for i, e := range row {
			if i < len(p.write.insert.columns) && c.table.role(p.write.insert.columns[i]) == protects {
				c.expression(e)
			}
		}
	}
	if c.err == nil {
		c.err = in.r.accounted()
	}
	if c.err != nil || c.c.err != nil {
		return nil, fault.Unsure.With("expression")
	}
	c.w.Inserts, c.w.Clock = true, c.c.clock
	p.Verdict, p.ComputedWrite = Scratch, c.w
	return p, nil
}

// expression looks at an expression that shall run in the scratch server.
func (c *computingWrite) expression(e ast.Node) {
	if d, ok := e.(*ast.DefaultExpr); ok && d.Name == nil && c.values {
		return
	}
	if e != nil {
		e.Accept(c)
	}
}

// Enter implements ast.Visitor.
func (c *computingWrite) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.ColumnName:
		c.column(n)
	case *ast.SubqueryExpr, *ast.ExistsSubqueryExpr, *ast.CompareSubqueryExpr, *ast.SelectStmt, *ast.SetOprStmt, *ast.AggregateFuncExpr, *ast.WindowFuncExpr:
		c.fail(fault.Unsure.With("%T", n))
	case *ast.VariableExpr: // the scratch server has none of the session's
		c.fail(fault.Unsure.With("variable"))
	default:
		c.c.Enter(n)
	}
	if f, ok := n.(*ast.FuncCallExpr); ok {
		name, _ := c.u.ident(f.FnName)
		if name = strings.ToLower(name); sessionFunctions[name] || randomFunctions[name] {
			c.fail(fault.Unsure.With("function %s", name))
		}
	}
	return n, c.err != nil || c.c.err != nil
}

// Leave implements ast.Visitor.
func (c *computingWrite) Leave(n ast.Node) (ast.Node, bool) { return n, c.err == nil && c.c.err == nil }

func (c *computingWrite) fail(err *fault.Error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *computingWrite) column(n *ast.ColumnName) {
	ref := c.r.reference(n)
	o, err := c.r.resolve(ref, c.sc, false)
	switch {
	case err != nil:
		c.fail(err)
	case c.values, o.table != c.table || o.table == nil:
		c.fail(fault.Unsure.With("column"))
	default:
		c.used[o.column] = true
		c.c.unqualify(n.Schema)
	}
}

// update plans an UPDATE that looks at protected values.
func (c *computingWrite) update() (*Plan, *fault.Error) {
	pr, err := c.u.parse(c.u.pieces())
	if err != nil {
		return nil, err
	}
	stmt, ok := pr.stmt.(*ast.UpdateStmt)
	if !ok || stmt.With != nil {
		return nil, fault.Unsure.With("form of UPDATE")
	}
	up := &updating{u: c.u, r: newResolver(pr), stmt: stmt}
	if up.sc, err = up.r.from(stmt.TableRefs, nil, nil); err != nil {
		return nil, err
	}
	src := single(up.sc)
	if src == nil {
		return nil, fault.Unsure.With("target")
	}
	up.w = &writePlan{kind: updates, table: src.table, ignore: stmt.IgnoreErr, update: updatePlan{ref: src.ref, owner: -1}}
	up.locate()
	c.r, c.sc, c.table = up.r, up.sc, src.table
	if err := c.sets(up); err != nil {
		return nil, err
	}
	return c.rows(up.w, src, stmt.Where, stmt.Order, up.w.update.table)
}

// sets looks at the SET list. Assignments of protected columns run in the scratch server, and with them those of columns
// that they read: MySQL assigns from left to right.
func (c *computingWrite) sets(up *updating) *fault.Error {
	p := &up.w.update
	list := c.u.assignments(c.u.find(0, "SET")+1, p.setEnd)
	if len(list) != len(up.stmt.List) {
		return fault.Unsure.With("SET list")
	}
	columns := make([]int, len(list))
	for i, a := range up.stmt.List {
		o, err := up.r.resolve(up.r.reference(a.Column), up.sc, false)
		if err != nil {
			return err
		}
		if o.table != c.table {
			return fault.Unsure.With("column in SET")
		}
		columns[i] = o.column
		if c.table.role(o.column) != protects {
			if err := up.set(o.column, list[i], a); err != nil {
				return err
			}
			continue
		}
		if slices.Contains(c.w.Assigned, o.column) {
			return fault.TwiceSet.With("SET list")
		}
		p.keySets = p.keySets || slices.Contains(c.table.PrimaryKey, o.column)
		p.sets = append(p.sets, assigned{column: o.column, value: list[i].value})
		c.w.Assigned = append(c.w.Assigned, o.column)
		if l, ok := c.u.bound().literal(list[i].value); !ok || l.Kind != token.Default {
			c.expression(a.Expr)
		}
	}
	for i, a := range up.stmt.List {
		switch role := c.table.role(columns[i]); {
		case role == protects:
		case role == ordinary && c.used[columns[i]]:
			c.expression(a.Expr)
		case c.used[columns[i]]:
			return fault.Unsure.With("owner or flag is assigned and read")
		default:
			continue
		}
		c.unqualified(list[i].name)
		c.w.sets = append(c.w.sets, span{list[i].name.from, list[i].value.to})
	}
	return c.err
}

// unqualified takes the database off the name of an assigned column.
func (c *computingWrite) unqualified(name span) {
	if name.to-name.from == 5 {
		c.c.edits = append(c.c.edits, edit{at: name.from, end: name.from + 2})
	}
}

func (c *computingWrite) delete() (*Plan, *fault.Error) {
	pr, err := c.u.parse(c.u.pieces())
	if err != nil {
		return nil, err
	}
	d, ok := pr.stmt.(*ast.DeleteStmt)
	if !ok || d.With != nil || d.Tables != nil || d.IsMultiTable || c.u.find(1, "RETURNING") >= 0 {
		return nil, fault.Unsure.With("form of DELETE")
	}
	c.r = newResolver(pr)
	if c.sc, err = c.r.from(d.TableRefs, nil, nil); err != nil {
		return nil, err
	}
	src := single(c.sc)
	if src == nil {
		return nil, fault.Unsure.With("target")
	}
	c.table, c.w.Deletes = src.table, true
	w := &writePlan{kind: updates, table: src.table, ignore: d.IgnoreErr, update: updatePlan{ref: src.ref, owner: -1}}
	from := c.u.find(0, "FROM") + 1
	p := &w.update
	if p.setEnd = c.u.find(from, "WHERE", "ORDER", "LIMIT"); p.setEnd < 0 {
		p.setEnd = c.u.end
	}
	p.tail = span{c.u.end, c.u.end}
	if at := c.u.find(from, "ORDER", "LIMIT"); at >= 0 {
		p.tail.from = at
	}
	if c.u.is(p.setEnd, "WHERE") {
		p.where = span{p.setEnd + 1, p.tail.from}
	}
	return c.rows(w, src, d.Where, d.Order, span{from, p.setEnd})
}

// rows plans how the rows are read and chosen.
func (c *computingWrite) rows(w *writePlan, src *source, where ast.ExprNode, order *ast.OrderByClause, table span) (*Plan, *fault.Error) {
	if err := keyTypes(c.table); err != nil {
		return nil, err
	}
	p := &w.update
	var conditions []span
	limit := " LIMIT 18446744073709551615 FOR UPDATE" // or @@sql_select_limit would count here
	if c.chosen {
		if err := c.r.checkTail(where, order, c.sc); err != nil {
			return nil, err
		}
		if len(c.r.edits) > 0 && slices.ContainsFunc(c.r.edits, func(e edit) bool { return e.at >= p.setEnd }) || c.assigns(p.where) || c.assigns(p.tail) {
			return nil, fault.Unsure.With("WHERE")
		}
		if p.where.from < p.where.to {
			conditions = []span{p.where}
		}
	} else {
		c.expression(where)
		if order != nil {
			c.expression(order)
		}
		conditions = c.pushed(src, where, p.where)
		c.w.where, c.w.tail, c.w.limits = p.where, p.tail, c.u.find(p.tail.from, "LIMIT") >= 0
		c.w.selects = c.w.Deletes && c.u.schema.Flavor == MariaDB
		p.where, p.tail = span{}, span{}
	}
	if c.err == nil {
		c.err = c.r.accounted()
	}
	if c.err != nil || c.c.err != nil {
		return nil, fault.Unsure.With("expression")
	}
	c.question(src, table, conditions, p.tail, limit)
	slices.SortStableFunc(c.c.edits, func(a, b edit) int { return a.at - b.at })
	c.w.edits, c.w.Clock, c.w.Table, c.w.name = c.c.edits, c.c.clock, c.table, src.name
	plan := &Plan{Verdict: Scratch, Writes: true, write: w, edits: c.r.edits, ComputedWrite: c.w}
	c.touches(plan)
	return plan, nil
}

func (c *computingWrite) assigns(v span) bool {
	for i := v.from; i < v.to; i++ {
		if c.u.op(i, ":=") {
			return true
		}
	}
	return false
}

// pushed are the conditions that the backend can judge.
func (c *computingWrite) pushed(src *source, where ast.ExprNode, clause span) []span {
	if where == nil {
		return nil
	}
	exprs, spans := conjuncts(where, nil), c.u.conjunctions(clause)
	if len(exprs) != len(spans) {
		return nil
	}
	b := &computed{tables: []*tableUse{{table: c.table, name: src.name, preserved: true}}}
	var list []span
	for i, e := range exprs {
		v := &pushable{c: c.c, b: b}
		if e.Accept(v); !v.no && len(v.tables) > 0 {
			list = append(list, spans[i])
		}
	}
	return list
}

// question builds the question for the rows.
func (c *computingWrite) question(src *source, table span, conditions []span, tail span, limit string) {
	probe := &Statement{Plan: &Plan{write: &writePlan{table: c.table}}}
	head := string(probe.probeHead(nil, src.ref+"."))
	keys, protected := len(c.table.PrimaryKey), c.table.ProtectedColumns()
	c.w.Owner = keys
	n := keys + 1 + len(protected)
	f := Fetch{Table: c.table}
	for i := range c.table.Columns {
		column := &c.table.Columns[i]
		at := slices.Index(protected, i)
		switch {
		case at >= 0:
			f.Columns = append(f.Columns, FetchColumn{Column: i, Definition: keys + 1 + at, Value: keys + 1 + at})
			continue
		case column.Generated && len(c.w.Assigned) > 0, len(c.w.Assigned) == 0 && !c.used[i]:
			continue
		}
		name := src.ref + "." + quoteName(column.Name)
		head += ", " + name
		fc := FetchColumn{Column: i, Definition: n, Value: n}
		n++
		if exact := exactText(column.Type, name); exact != "" {
			head += ", " + exact
			fc.Value = n
			n++
		}
		f.Columns = append(f.Columns, fc)
	}
	c.w.Columns = f.Columns
	if !c.chosen {
		c.w.Work = c.c.workName(&f, map[string]int{}) + "_n"
	}
	c.w.rows = []clauseText{{text: head + " FROM ", clause: table}}
	word := " WHERE ("
	for _, v := range conditions {
		c.w.rows = append(c.w.rows, clauseText{text: word, clause: v})
		word = ") AND ("
	}
	if len(conditions) > 0 {
		c.w.rows = append(c.w.rows, clauseText{text: ")"})
	}
	if tail.from < tail.to {
		c.w.rows = append(c.w.rows, clauseText{text: " ", clause: tail})
		if c.u.find(tail.from, "LIMIT") < 0 {
			c.w.rows = append(c.w.rows, clauseText{text: limit})
		} else {
			c.w.rows = append(c.w.rows, clauseText{text: " FOR UPDATE"})
		}
		return
	}
	c.w.rows = append(c.w.rows, clauseText{text: limit})
}

// touches notes what the statement reads and writes, for audit.
func (c *computingWrite) touches(p *Plan) {
	if c.w.Deletes {
		p.writesAll(c.table)
	}
	for _, column := range (&Statement{Plan: p, SQL: c.u.sql, Tokens: c.u.toks}).WrittenColumns() {
		p.Touches = appendTouch(p.Touches, Touch{Table: c.table, Column: column.Column, Write: true})
	}
	for _, column := range c.table.ProtectedColumns() {
		if c.used[column] {
			p.Touches = appendTouch(p.Touches, Touch{Table: c.table, Column: column})
		}
	}
}

// explainComputedWrite shows what runs where.
func (s *Statement) explainComputedWrite(b *strings.Builder) {
	w := s.ComputedWrite
	if w.Inserts {
		fmt.Fprintf(b, "scratch: the values of protected columns\nthen:    the statement with what came out, sealed\n")
		return
	}
	fmt.Fprintf(b, "backend: %s\n", s.RowsText(nil))
	if w.Work != "" {
		text, _ := s.ChooseText(nil)
		fmt.Fprintf(b, "scratch: %s\n", text)
	}
	if len(w.Assigned) > 0 {
		fmt.Fprintf(b, "scratch: %s\n", s.ComputeSetText(nil))
	}
	fmt.Fprintf(b, "then:    the statement for the rows found, by their keys, with values sealed for each row's owner\n")
}
