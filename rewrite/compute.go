package rewrite

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// Compute is how a statement that computes with protected values is run. The rows that it needs are fetched from the
// backend, one answer for every table reference, opened, and put into work tables of the scratch server, which then
// runs the client's own text over them. Whatever does not need plaintext is left to the backend where it only makes fewer
// rows: conditions on unprotected columns of tables that no outer join fills up, and joins.
type Compute struct {
	Fetches []Fetch
	Clock   bool // the statement asks for the time
	Keys    bool // work tables get the unique keys: what a group's columns depend on decides whether MySQL takes the statement

	Values    []SessionValue // asked from the backend before the fetches
	FoundRows bool           // SQL_CALC_FOUND_ROWS: the scratch server knows how many rows there would be

	edits []edit // of the client's text
}

// Fetch is one question to the backend.
type Fetch struct {
	Work    string // work table that stands for the table reference
	Alias   string // what the statement calls it
	Table   *Table
	Columns []FetchColumn // of the work table
	Owner   int           // column of the answer with the row's owner; -1 for tables that are not protected
	Joined  bool          // the backend joins: only rows that find partners come

	parts []clauseText
}

// FetchColumn is one column of a work table.
type FetchColumn struct {
	Column     int // index into Table.Columns
	Definition int // column of the answer that defines it
	Value      int // column of the answer with its value: another one for types whose text loses something
}

// clauseText is constant text, followed by tokens of the statement.
type clauseText struct {
	text   string
	clause span
}

// FetchText appends the i-th question to the backend. param appends the literal of a parameter; nil leaves the marks.
func (s *Statement) FetchText(dst []byte, i int, param func(dst []byte, n int) ([]byte, error)) ([]byte, error) {
	for _, p := range s.Compute.Fetches[i].parts {
		dst = append(dst, p.text...)
		if p.clause.from >= p.clause.to {
			continue
		}
		var err error
		if dst, err = s.clauseWith(dst, p.clause, param); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// clauseWith appends tokens of the statement as they stand, with the literals of parameters in place of their marks.
func (s *Statement) clauseWith(dst []byte, v span, param func(dst []byte, n int) ([]byte, error)) ([]byte, error) {
	last := s.Tokens[v.from].Start
	for i := v.from; i < v.to; i++ {
		t := s.Tokens[i]
		if t.Kind != token.Param || param == nil {
			continue
		}
		dst = append(append(dst, s.SQL[last:t.Start]...), ' ')
		var err error
		if dst, err = param(dst, s.paramNumber(i)); err != nil {
			return dst, err
		}
		dst, last = append(dst, ' '), t.End
	}
	return append(dst, s.SQL[last:s.Tokens[v.to-1].End]...), nil
}

// ComputeText appends the statement for the scratch server: the client's own with work tables in place of its tables, and
// literals in place of what the session's values gave; a value without one stays as it is written.
func (s *Statement) ComputeText(dst []byte, literals [][]byte) []byte {
	t := &text{s: s, dst: dst}
	for _, e := range s.Compute.edits {
		switch {
		case e.value == 0:
			t.apply(e)
		case e.value <= len(literals):
			t.replace(e.at, e.end)
			t.dst = append(t.dst, literals[e.value-1]...)
		}
	}
	return t.rest()
}

// computing finds out whether a statement can be computed.
type computing struct {
	u      *unit
	pr     *parsed
	ctes   []map[string]bool // folded names of common table expressions, of each query around the one that is visited
	whole  bool              // `*` or NATURAL: every column is needed
	clock  bool
	groups bool // it groups or aggregates
	asked  int  // calls of sessionFunctions and variables
	found  bool // SQL_CALC_FOUND_ROWS
	blocks []*computed
	stack  []*computed
	edits  []edit
	fields []span       // entries of select lists whose columns are named after their text
	err    *fault.Error // why it cannot
}

// computed is one SELECT with the tables of its FROM clause.
type computed struct {
	stmt    *ast.SelectStmt
	tables  []*tableUse
	derived bool // it has entries that are no base tables
	natural bool
	lock    span // FOR UPDATE, LOCK IN SHARE MODE
}

// tableUse is one reference to a base table.
type tableUse struct {
	table     *Table
	alias     string // "" without one
	name      string // what columns are qualified with
	ref       string // how SQL refers to it
	at, end   int    // its tokens
	hints     span   // USE INDEX and so on
	preserved bool   // no outer join fills it up with NULL
}

// planCompute plans a SELECT that the backend alone cannot answer. why is the reason for that.
func (u *unit) planCompute(pr *parsed, why *fault.Error) (*Plan, *fault.Error) {
	if !u.planner.compute || u.inner || u.hasWord(0, "JSON_TABLE") {
		return nil, why
	}
	c := &computing{u: u, pr: pr}
	pr.stmt.Accept(c)
	values := u.sessionValues()
	if c.err != nil || len(values) != c.asked {
		return nil, why
	}
	c.replaceValues(values)
	p := &Plan{Verdict: Scratch, Why: "computes with protected values: rows are fetched, opened, and the statement runs over them in the scratch server (" + why.ID + ")",
		Compute: &Compute{Clock: c.clock, Keys: c.groups && u.schema.Flavor == MySQL, Values: values, FoundRows: c.found, edits: c.edits}}
	names := map[string]int{}
	for _, b := range c.blocks {
		for _, t := range b.tables {
			f := c.fetch(b, t, names)
			if c.whole && slices.ContainsFunc(f.Columns, func(x FetchColumn) bool { return t.table.Columns[x.Column].Invisible }) {
				return nil, why // work tables have no invisible columns: `*` would show it
			}
			p.Compute.Fetches = append(p.Compute.Fetches, f)
			p.Compute.edits = append(p.Compute.edits, c.replaced(t, f.Work))
			for _, column := range f.Columns {
				if t.table.Columns[column.Column].Protected != nil {
					p.Touches = appendTouch(p.Touches, Touch{Table: t.table, Column: column.Column})
				}
			}
		}
	}
	slices.SortStableFunc(p.Compute.edits, func(a, b edit) int { return a.at - b.at })
	p.Compute.edits = c.named(p.Compute.edits)
	return p, nil
}

// replaced puts the work table in the place of a table reference.
func (c *computing) replaced(t *tableUse, work string) edit {
	text := quoteName(work)
	if t.alias == "" {
		text += " AS " + quoteName(t.name)
	}
	return edit{at: t.at, end: t.end, text: text + " "}
}

func (c *computing) refuse(format string, args ...any) {
	if c.err == nil {
		c.err = fault.Unsure.With(format, args...)
	}
}

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
	case *ast.TableRefsClause:
		if len(c.stack) > 0 {
			c.joins(c.stack[len(c.stack)-1], n.TableRefs, true)
		}
	case *ast.AggregateFuncExpr:
		c.groups = true
	case *ast.TableSource:
		c.source(n)
	case *ast.SelectField:
		c.field(n)
	case *ast.ColumnName:
		c.unqualify(n.Schema)
	case *ast.FuncCallExpr:
		c.function(n)
	case *ast.VariableExpr:
		c.variable(n)
	case *ast.DefaultExpr, *ast.ValuesExpr, *ast.MatchAgainst:
		c.refuse("%T", n)
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
		c.refuse("INTO")
	}
	c.locking(n)
	if n.Kind == ast.SelectStmtKindTable {
		c.whole = true
	}
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
		c.refuse("table reference %T", n)
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
	t.table = u.schema.Tables[u.schema.Key(schema, name)]
	switch {
	case !qualified && c.isCTE(name):
		b.derived = true
		return
	case t.table == nil || at < 0 || t.at < 0 || schema == "":
		c.refuse("table %s", name)
		return
	case len(n.PartitionNames) > 0 || n.TableSample != nil || n.AsOf != nil:
		c.refuse("hints of table %s", name)
		return
	}
	if len(n.IndexHints) > 0 {
		c.hints(t)
	}
	b.tables = append(b.tables, t)
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
				c.refuse("several locking clauses")
			}
			at = i
		}
	}
	if at < 0 || len(n.LockInfo.Tables) > 0 || n.SelectIntoOpt != nil || len(c.stack) > 1 {
		c.refuse("locking clause")
		return
	}
	b.lock = span{at, at + 2}
	for i := at + 2; i < c.u.end && c.u.is(i, "SHARE", "MODE", "NOWAIT", "SKIP", "LOCKED", "WAIT"); i++ {
		b.lock.to = i + 1
	}
	if b.lock.to != c.u.end {
		c.refuse("text behind the locking clause")
	}
	c.edits = append(c.edits, edit{at: b.lock.from, end: b.lock.to})
}

// source makes sure that no table is referred to outside of a FROM clause.
func (c *computing) source(n *ast.TableSource) {
	if len(c.stack) == 0 {
		c.refuse("table outside of SELECT")
	}
	if n.Lateral {
		c.refuse("LATERAL")
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
		c.refuse("qualifier")
		return
	}
	c.edits = append(c.edits, edit{at: at, end: at + 2})
}

func (c *computing) function(n *ast.FuncCallExpr) {
	name, _ := c.u.ident(n.FnName)
	switch name = strings.ToLower(name); {
	case n.Schema.O != "":
		c.refuse("stored function")
	case clockFunctions[name]:
		c.clock = true
	case randomFunctions[name]:
	case sessionFunctions[name] && len(n.Args) == 0:
		c.asked++
	case name == "unix_timestamp" && len(n.Args) == 0:
		c.clock = true
	case !pureFunctions[name]:
		c.refuse("function %s", name)
	}
}

// fetch is the question for the rows of one table reference.
func (c *computing) fetch(b *computed, t *tableUse, names map[string]int) Fetch {
	f := Fetch{Table: t.table, Alias: t.name, Owner: -1}
	var list []string
	add := func(expr string) int {
		list = append(list, expr)
		return len(list) - 1
	}
	if t.table.Protected {
		f.Owner = add("CAST(" + t.ref + "." + quoteName(t.table.Columns[t.table.Owner].Name) + " AS BINARY)")
	}
	for _, i := range c.needed(t) {
		name := t.ref + "." + quoteName(t.table.Columns[i].Name)
		column := FetchColumn{Column: i, Definition: add(name)}
		column.Value = column.Definition
		if exact := exactText(t.table.Columns[i].Type, name); exact != "" {
			column.Value = add(exact)
		}
		f.Columns = append(f.Columns, column)
	}
	f.Work = c.workName(&f, names)
	conditions := c.pushed(b, t)
	if from, ok := c.joinable(b, t, conditions); ok {
		f.Joined = true
		f.parts = []clauseText{{text: "SELECT DISTINCT " + strings.Join(list, ", ") + " FROM ", clause: from}}
	} else {
		table := quoteName(t.table.Schema) + "." + quoteName(t.table.Name)
		if t.alias != "" {
			table += " AS " + t.ref
		}
		f.parts = []clauseText{{text: "SELECT " + strings.Join(list, ", ") + " FROM " + table}}
		if t.hints.to > 0 {
			f.parts = append(f.parts, clauseText{text: " ", clause: t.hints})
		}
		conditions = slices.DeleteFunc(conditions, func(p condition) bool { return len(p.tables) != 1 || p.tables[0] != t })
	}
	word := " WHERE ("
	for _, p := range conditions {
		f.parts = append(f.parts, clauseText{text: word, clause: p.clause})
		word = ") AND ("
	}
	if len(conditions) > 0 {
		f.parts = append(f.parts, clauseText{text: ")"})
	}
	if f.Joined && !t.preserved {
		f.parts = append(f.parts, clauseText{text: " AND " + t.ref + "." + quoteName(t.table.Columns[t.table.PrimaryKey[0]].Name) + " IS NOT NULL"})
	}
	f.parts = append(f.parts, clauseText{text: " LIMIT 18446744073709551615"}) // or @@sql_select_limit would count here
	if b.lock.to > 0 {
		f.parts = append(f.parts, clauseText{text: " ", clause: b.lock})
	}
	return f
}

// exactText is an expression for the value of types whose text depends on the session or loses digits.
func exactText(typ, name string) string {
	switch {
	case strings.HasPrefix(typ, "timestamp"):
		return "UNIX_TIMESTAMP(" + name + ")"
	case strings.HasPrefix(typ, "float"):
		return name + "+0e0"
	}
	return ""
}

// needed are the columns of a table that the statement may look at: those it names, all when it says `*`.
func (c *computing) needed(t *tableUse) []int {
	var list []int
	for i := range t.table.Columns {
		col := &t.table.Columns[i]
		if c.whole && !col.Invisible || slices.Contains(t.table.PrimaryKey, i) || c.mentions(col.Name) {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		list = []int{0}
	}
	return list
}

func (c *computing) mentions(column string) bool {
	for i := range c.u.end {
		if name, ok := c.u.name(i); ok && sameName(name, column) {
			return true
		}
	}
	return false
}

// workName names a work table after its table and columns, so that the same name always means the same columns.
func (c *computing) workName(f *Fetch, names map[string]int) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%t\x00%s\x00%s", c.groups, f.Table.Schema, f.Table.Name)
	for _, c := range f.Columns {
		fmt.Fprintf(h, "\x00%s\x00%s", f.Table.Columns[c.Column].Name, f.Table.Columns[c.Column].Type)
	}
	name := fmt.Sprintf("w_%016x", h.Sum64())
	names[name]++
	return fmt.Sprintf("%s_%d", name, names[name])
}

// condition is a part of a WHERE clause that the backend can judge.
type condition struct {
	clause span
	tables []*tableUse // whose columns it reads
}

// pushed are the conditions of a block's WHERE clause that the backend can judge before anything is joined: they read only
// columns that are not protected, of tables that no outer join fills up.
func (c *computing) pushed(b *computed, t *tableUse) []condition {
	where := c.whereOf(b)
	if b.stmt.Where == nil || where.from >= where.to {
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
	if len(b.tables) == 0 || b.derived {
		return span{}
	}
	from := b.tables[0].at - 1
	for from >= 0 && !c.u.is(from, "FROM") {
		if !c.u.op(from, "(") {
			return span{}
		}
		from--
	}
	if from < 0 {
		return span{}
	}
	return span{from + 1, c.clauseEnd(from + 1)}
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
	if len(b.tables) < 2 || len(conditions) == 0 || from.from >= from.to || b.natural || len(t.table.PrimaryKey) == 0 {
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
	var found []*tableUse
	for _, t := range v.b.tables {
		if qualifier != "" && fold(t.name) != fold(qualifier) {
			continue
		}
		if i := t.table.columnIndex(name); i >= 0 {
			v.no = v.no || columnKind(t.table, i) != plain
			found = append(found, t)
		}
	}
	if v.no = v.no || len(found) != 1; v.no { // a name of an outer query, USING's common column, or an ambiguous one
		return
	}
	if !slices.Contains(v.tables, found[0]) {
		v.tables = append(v.tables, found[0])
	}
}

// UniqueKeys are the unique keys of the table as indexes into Columns, those whose columns the work table all has.
func (f *Fetch) UniqueKeys() [][]int {
	var keys [][]int
	for _, key := range f.Table.UniqueKeys {
		var at []int
		for _, column := range key {
			i := slices.IndexFunc(f.Columns, func(c FetchColumn) bool { return c.Column == column })
			if i >= 0 && f.Table.Columns[column].Protected == nil {
				at = append(at, i)
			}
		}
		if len(at) > 0 && len(at) == len(key) {
			keys = append(keys, at)
		}
	}
	return keys
}
