package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// Enter implements ast.Visitor.
func (c *computing) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.SelectStmt:
		c.ctes = append(c.ctes, map[string]bool{})
		c.enterSelect(n)
	case *ast.SetOprStmt, *ast.SetOprSelectList:
		c.ctes = append(c.ctes, map[string]bool{})
	case *ast.WithClause:
		c.recursive(n)
	case *ast.SubqueryExpr:
		c.subquery()
	case *ast.TableRefsClause:
		if len(c.stack) > 0 {
			c.joins(c.stack[len(c.stack)-1], n.TableRefs, true)
		}
	case *ast.AggregateFuncExpr:
		c.groups = true
	case *ast.TableSource:
		c.source()
	case *ast.SelectField:
		c.field(n)
	case *ast.ColumnName:
		c.unqualify(n.Schema)
	case *ast.FuncCallExpr:
		c.function(n)
	case *ast.VariableExpr:
		c.variable(n)
	case *ast.VariableAssignment:
		c.set(n)
	case *ast.DefaultExpr, *ast.ValuesExpr, *ast.MatchAgainst:
		c.refuse()
	}
	return n, c.err != nil
}

// Leave implements ast.Visitor.
func (c *computing) Leave(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.SelectStmt:
		c.stack, c.ctes = c.stack[:len(c.stack)-1], c.ctes[:len(c.ctes)-1]
	case *ast.SetOprStmt, *ast.SetOprSelectList:
		c.ctes = c.ctes[:len(c.ctes)-1]
	case *ast.CommonTableExpression:
		c.addCTE(n)
	}
	return n, c.err == nil
}

// recursive makes the names of WITH RECURSIVE known inside of their own queries.
func (c *computing) recursive(n *ast.WithClause) {
	if !n.IsRecursive {
		return
	}
	for _, e := range n.CTEs {
		c.addCTE(e)
	}
}

// addCTE makes a common table expression known to what follows in its query.
func (c *computing) addCTE(n *ast.CommonTableExpression) {
	name, _ := c.u.ident(n.Name)
	c.ctes[len(c.ctes)-1][fold(name)] = true
}

func (c *computing) isCTE(name string) bool {
	return slices.ContainsFunc(c.ctes, func(names map[string]bool) bool { return names[fold(name)] })
}

func (c *computing) enterSelect(n *ast.SelectStmt) {
	b := &computed{stmt: n}
	c.stack = append(c.stack, b)
	c.blocks = append(c.blocks, b)
	if n.SelectIntoOpt != nil {
		c.refuse()
	}
	c.locking(n)
	c.whole = c.whole || n.Kind == ast.SelectStmtKindTable
	c.groups = c.groups || n.GroupBy != nil || n.Distinct
	c.found = c.found || n.SelectStmtOpts != nil && n.SelectStmtOpts.CalcFoundRows
}

// joins collects the base tables of a FROM clause.
func (c *computing) joins(b *computed, n ast.ResultSetNode, preserved bool) {
	switch n := n.(type) {
	case *ast.Join:
		b.natural = b.natural || n.NaturalJoin
		c.whole = c.whole || n.NaturalJoin
		c.joins(b, n.Left, preserved && n.Tp != ast.RightJoin)
		if n.Right != nil {
			c.joins(b, n.Right, preserved && n.Tp != ast.LeftJoin)
		}
	case *ast.TableSource:
		if j, ok := n.Source.(*ast.Join); ok {
			c.joins(b, j, preserved)
			return
		}
		name, ok := n.Source.(*ast.TableName)
		if !ok {
			b.derived = true
			return
		}
		c.table(b, name, n.AsName, preserved)
	default:
		c.refuse()
	}
}

func (c *computing) table(b *computed, n *ast.TableName, as ast.CIStr, preserved bool) {
	u := c.u
	name, at := u.ident(n.Name)
	alias, _ := u.ident(as)
	schema, qualified := u.state.Database, n.Schema.O != ""
	t := &tableUse{alias: alias, name: name, at: at, end: at + 1, ref: quoteName(name), preserved: preserved}
	if qualified {
		schema, t.at = u.ident(n.Schema)
		t.ref = quoteName(schema) + "." + t.ref
	}
	if alias != "" {
		t.name, t.ref = alias, quoteName(alias)
	}
	if t.table = u.view(schema, name); t.table == nil {
		t.table = u.schema.Tables[u.schema.Key(schema, name)]
	}
	switch {
	case !qualified && c.isCTE(name):
		b.derived = true
		return
	case n.Name.O == jsonTable:
		b.derived = true
		c.jsonTables()
		return
	case t.table == nil && u.schema.Opaque[u.schema.Key(schema, name)] != "":
		c.because(fault.Opaque.With("view %s", name))
		return
	case t.table == nil && at >= 0:
		c.because(fault.ScratchTable.With("table %s", name))
		return
	case t.table == nil || at < 0 || t.at < 0 || schema == "":
		c.refuse()
		return
	case n.TableSample != nil || n.AsOf != nil:
		c.refuse()
		return
	}
	if len(n.PartitionNames) > 0 {
		t.partitions = c.partitions(t)
	}
	if len(n.IndexHints) > 0 {
		c.hints(t)
	}
	if c.u.schema.Flavor == MySQL && c.u.is(t.at-1, "TABLE") { // TABLE t takes no alias
		c.edits = append(c.edits, edit{at: t.at - 1, end: t.at, text: "SELECT * FROM "})
	}
	b.tables = append(b.tables, t)
}

// partitions finds PARTITION (p0, p1) behind a table's name. They are for the backend.
func (c *computing) partitions(t *tableUse) span {
	if !c.u.is(t.end, "PARTITION") || !c.u.op(t.end+1, "(") {
		c.refuse()
		return span{}
	}
	list := span{t.end, c.u.closing(t.end+1) + 1}
	c.edits = append(c.edits, edit{at: list.from, end: list.to, text: " "})
	return list
}

// jsonTables looks at what the parser did not see: the tokens of JSON_TABLE(..). They may name columns and call functions that
// depend on their arguments alone.
func (c *computing) jsonTables() {
	u := c.u
	for i := range u.end {
		if !u.is(i, "JSON_TABLE") || !u.op(i+1, "(") {
			continue
		}
		for end := u.closing(i + 1); i < end; i++ {
			word := strings.ToLower(string(u.text(i)))
			call := u.op(i+1, "(") && u.toks[i].Kind == token.Word && !jsonTableWords[word] && !pureFunctions[word]
			if call || u.op(i, ".") && u.op(i+2, ".") || u.is(i, "SELECT", "TABLE", "VALUES", "CURRENT_USER") || clockFunctions[word] {
				c.refuse()
			}
		}
	}
}

// hints finds the index hints behind a table. They are for the backend, whose table has the indexes.
func (c *computing) hints(t *tableUse) {
	from := t.end
	for from < c.u.end && !c.u.is(from, "USE", "FORCE", "IGNORE") {
		from++
	}
	to := from
	for c.u.is(to, "USE", "FORCE", "IGNORE") && c.u.is(to+1, "INDEX", "KEY") {
		for to < c.u.end && !c.u.op(to, "(") {
			to++
		}
		to = c.u.closing(to) + 1
		if c.u.op(to, ",") && c.u.is(to+1, "USE", "FORCE", "IGNORE") {
			to++
		}
	}
	t.hints = span{from, to}
	c.edits = append(c.edits, edit{at: from, end: to, text: " "})
}

// locking leaves the locks to the fetches: work tables need none.
func (c *computing) locking(n *ast.SelectStmt) {
	b := c.stack[len(c.stack)-1]
	if n.LockInfo == nil || n.LockInfo.LockType == ast.SelectLockNone {
		return
	}
	at := -1
	for i := range c.u.end {
		if c.u.is(i, "FOR") && c.u.is(i+1, "UPDATE", "SHARE") || c.u.is(i, "LOCK") && c.u.is(i+1, "IN") {
			if at >= 0 {
				c.refuse()
			}
			at = i
		}
	}
	if at < 0 || n.SelectIntoOpt != nil || len(c.stack) > 1 {
		c.refuse()
		return
	}
	b.lock, b.wait = span{at, at + 2}, span{at + 2, at + 2}
	switch mariaDB := c.u.schema.Flavor == MariaDB; {
	case mariaDB && (c.u.is(at, "FOR") && c.u.is(at+1, "SHARE") || c.u.is(at+2, "OF")), !mariaDB && c.u.is(at+2, "WAIT"):
		c.refuse() // the server does not know it
	case c.u.is(at+2, "OF"):
		b.wait = c.lockedTables(b, at+3)
	}
	for i := b.wait.from; i < c.u.end && (c.u.is(i, "SHARE", "MODE", "NOWAIT", "SKIP", "LOCKED", "WAIT") || c.u.is(i-1, "WAIT")); i++ {
		b.wait.to = i + 1
	}
	if b.wait.to != c.u.end {
		c.refuse()
	}
	c.edits = append(c.edits, edit{at: b.lock.from, end: b.wait.to})
}

// lockedTables reads the list behind FOR UPDATE OF, from token i on; what follows it begins with the span that it gives.
func (c *computing) lockedTables(b *computed, i int) span {
	for ; ; i += 2 {
		name, ok := c.u.name(i)
		if !ok {
			c.refuse()
			return span{i, i}
		}
		b.of = append(b.of, name)
		if !c.u.op(i+1, ",") {
			return span{i + 1, i + 1}
		}
	}
}

// subquery gives MariaDB's VALUES with a subquery up: its text, which is changed, names the column.
func (c *computing) subquery() {
	if n := len(c.stack); n > 0 && c.stack[n-1].stmt.Kind == ast.SelectStmtKindValues && c.u.schema.Flavor == MariaDB {
		c.refuse()
	}
}

// source makes sure that no table is referred to outside of a FROM clause.
func (c *computing) source() {
	if len(c.stack) == 0 {
		c.refuse()
	}
}

// field remembers an expression of a select list that has no name of its own.
func (c *computing) field(n *ast.SelectField) {
	if n.WildCard != nil {
		c.wildcard(n.WildCard)
		return
	}
	if _, column := bare(n.Expr).(*ast.ColumnNameExpr); column || n.AsName.O != "" {
		return
	}
	from := c.pr.tokenAt(n.Offset)
	c.fields = append(c.fields, span{from, c.fieldEnd(from)})
}

// fieldEnd is the token behind the entry of a select list that begins at token i.
func (c *computing) fieldEnd(i int) int {
	return c.u.endOf(i, func(i int) bool { return c.u.op(i, ",") || c.u.is(i, "FROM") || c.u.is(i, clauseWords...) })
}

// named gives the expressions that edits change the names that their columns had, which are their text.
func (c *computing) named(edits []edit) []edit {
	for _, f := range c.fields {
		if !slices.ContainsFunc(edits, func(e edit) bool { return f.from <= e.at && e.at < f.to }) {
			continue
		}
		name := string(c.u.sql[c.u.toks[f.from].Start:c.u.toks[f.to-1].End])
		edits = append(edits, edit{at: f.to, end: f.to, text: " AS " + quoteName(name) + " "})
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.at - b.at })
	return edits
}

func (c *computing) wildcard(n *ast.WildCardField) {
	c.whole = true
	c.unqualify(n.Schema)
}

// unqualify takes the database off a column's name: work tables have the statement's names in no database.
func (c *computing) unqualify(schema ast.CIStr) {
	if schema.O == "" {
		return
	}
	_, at := c.u.ident(schema)
	if at < 0 || !c.u.op(at+1, ".") {
		c.refuse()
		return
	}
	c.edits = append(c.edits, edit{at: at, end: at + 2})
}

func (c *computing) function(n *ast.FuncCallExpr) {
	name, _ := c.u.ident(n.FnName)
	switch name = strings.ToLower(name); {
	case n.Schema.O != "":
		c.because(fault.ScratchFunction.With("stored function"))
	case clockFunctions[name]:
		c.clock = true
	case randomFunctions[name]:
	case name == "convert_tz":
		c.zoned++
	case sessionFunctions[name] && len(n.Args) == 0:
		c.asked++
	case name == "unix_timestamp" && len(n.Args) == 0:
		c.clock = true
	case !pureFunctions[name]:
		c.because(fault.ScratchFunction.With("function %s", name))
	}
}
