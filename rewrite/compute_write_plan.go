package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// PlanOnce is Plan for a text whose shape will not come again.
func (p *Planner) PlanOnce(st State, sql []byte) (*Statement, *fault.Error) {
	u, err := p.newUnit(st, sql)
	if err != nil {
		return nil, fault.BadTokens.With("%v", err)
	}
	plan, failed := u.plan()
	if failed != nil {
		return nil, failed
	}
	plan.Shape = p.shapeOf(sql, u.toks)
	return &Statement{Plan: plan, SQL: sql, Tokens: u.toks}, nil
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
	for _, plan := range []func(*computingWrite) (*Plan, *fault.Error){(*computingWrite).plan, (*computingWrite).planChoosing, (*computingWrite).planTogether, (*computingWrite).planUpsert} {
		again := u.planner.unitOf(u.state, u.sql, u.toks)
		c := &computingWrite{u: again, c: &computing{u: again, why: why}, w: &ComputedWrite{}, used: map[int]bool{}, inside: map[*computed]bool{}}
		p, err := plan(c)
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
	u         *unit
	chosen    bool // the backend chooses the rows
	c         *computing
	r         *resolver
	sc        *scope
	table     *Table
	w         *ComputedWrite
	used      map[int]bool       // columns that clauses which run in the scratch server name
	values    bool               // columns may not be named
	upserts   bool               // ON DUPLICATE KEY UPDATE is what runs in the scratch server
	selecting bool               // the rows come from a SELECT, in which functions may give another value each time
	inner     int                // derived tables and common table expressions around the query that is visited
	inside    map[*computed]bool // queries that stand in one
	err       *fault.Error
}

// plan plans a write of which the backend finds the rows.
func (c *computingWrite) plan() (*Plan, *fault.Error) {
	c.chosen = true
	switch u := c.u; {
	case u.is(0, "INSERT", "REPLACE"):
		return c.insert()
	case u.is(0, "UPDATE"):
		return c.update()
	}
	return nil, fault.Unsure.With("the backend does not choose rows")
}

// planChoosing plans a write whose rows are chosen in the scratch server.
func (c *computingWrite) planChoosing() (*Plan, *fault.Error) {
	switch u := c.u; {
	case u.is(0, "UPDATE"):
		return c.update()
	case u.is(0, "DELETE"):
		return c.delete()
	}
	return nil, fault.Unsure.With("no rows to choose")
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
	case *ast.AggregateFuncExpr, *ast.WindowFuncExpr:
		if len(c.c.stack) == 0 {
			c.fail(fault.Unsure.With("%T", n))
		}
		c.c.Enter(n)
	case *ast.DefaultExpr:
		if len(c.w.Targets) == 0 || n.Name != nil {
			c.c.Enter(n)
		}
	case *ast.ValuesExpr:
		if !c.upserts {
			c.fail(fault.Unsure.With("VALUES()"))
		}
	case *ast.VariableExpr: // the scratch server has none of the session's
		c.fail(fault.Unsure.With("variable"))
	case *ast.SelectStmt:
		c.c.Enter(n)
		c.inside[c.c.stack[len(c.c.stack)-1]] = c.inner > 0
	default:
		c.c.Enter(n)
	}
	if nests(n) {
		c.inner++
	}
	if f, ok := n.(*ast.FuncCallExpr); ok {
		name, _ := c.u.ident(f.FnName)
		if name = strings.ToLower(name); sessionFunctions[name] || name == "convert_tz" || randomFunctions[name] && (!c.selecting || name == "uuid_short") {
			c.fail(fault.Unsure.With("function %s", name))
		}
	}
	return n, c.err != nil || c.c.err != nil
}

// Leave implements ast.Visitor.
func (c *computingWrite) Leave(n ast.Node) (ast.Node, bool) {
	if nests(n) {
		c.inner--
	}
	c.c.Leave(n)
	return n, c.err == nil && c.c.err == nil
}

// nests reports whether the node makes a table of a query.
func nests(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CommonTableExpression:
		return true
	case *ast.TableSource:
		_, table := n.Source.(*ast.TableName)
		return !table
	}
	return false
}

func (c *computingWrite) fail(err *fault.Error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *computingWrite) column(n *ast.ColumnName) {
	if len(c.w.Targets) > 0 {
		c.c.unqualify(n.Schema)
		return
	}
	if len(c.c.stack) > 0 {
		c.innerColumn(n)
		return
	}
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

// innerColumn is a name in a subquery. The scratch server finds out whose column it is; it may be the target's.
func (c *computingWrite) innerColumn(n *ast.ColumnName) {
	name, _ := c.u.ident(n.Name)
	if i := c.table.columnIndex(name); i >= 0 && !c.values {
		c.used[i] = true
	}
	c.c.unqualify(n.Schema)
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
	c.c.pr = pr
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
			c.source(o.column, a.Expr)
			c.r.markAll(list[i].value)
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
	c.r, c.c.pr = newResolver(pr), pr
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
	for i := range c.w.Fetches {
		p.reads(&c.w.Fetches[i])
	}
}
