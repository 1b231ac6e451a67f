package rewrite

import (
	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// resolver follows the names of one syntax tree to the columns they stand for.
type resolver struct {
	u     *unit
	pr    *parsed
	edits []edit
	seen  []bool // token -> its name was understood
	named int    // hidden columns named so far
	lists int    // column lists of derived tables understood so far
}

func newResolver(pr *parsed) *resolver {
	return &resolver{u: pr.u, pr: pr, seen: make([]bool, len(pr.u.toks))}
}

// mark notes that the name at token i was understood.
func (r *resolver) mark(i int) {
	if i >= 0 {
		r.seen[i] = true
	}
}

// markAll notes that somebody else has understood the names in a span.
func (r *resolver) markAll(v span) {
	for i := v.from; i < v.to; i++ {
		r.seen[i] = true
	}
}

// ident is the client's spelling of a name, which is noted as understood.
func (r *resolver) ident(n ast.CIStr) (string, int) {
	name, i := r.u.ident(n)
	r.mark(i)
	return name, i
}

// accounted refuses the statement when a name that could be a protected column was not followed. It is the net under
// the resolver: a clause of the syntax tree that nobody looked at cannot carry a value past it.
func (r *resolver) accounted() *fault.Error {
	if !r.u.touched {
		return nil
	}
	if r.lists < len(r.u.lists) {
		return fault.Unsure.With("a column list that is no derived table's")
	}
	for i := range r.u.end {
		if name, ok := r.u.name(i); ok && !r.seen[i] && r.u.planner.names.columns[fold(name)] {
			return fault.Unsure.With("token %d", i)
		}
	}
	return nil
}

func (r *resolver) edit(at, end int, text string) {
	r.edits = append(r.edits, edit{at: at, end: end, text: text})
}

// item is a part of a FROM clause: its entries and what `*` expands to over them.
type item struct {
	sources []*source
	star    []column
	open    bool
	turned  bool // it holds a RIGHT JOIN with ON
}

// from resolves a FROM clause (nil: none) and checks its join conditions.
func (r *resolver) from(refs *ast.TableRefsClause, outer *scope, ctes *cte) (*scope, *fault.Error) {
	sc := &scope{outer: outer, ctes: ctes}
	if refs == nil || refs.TableRefs == nil {
		return sc, nil
	}
	it, err := r.tableRef(refs.TableRefs, sc)
	if err != nil {
		return nil, err
	}
	sc.star, sc.open = it.star, it.open
	return sc, nil
}

func (r *resolver) tableRef(n ast.ResultSetNode, sc *scope) (*item, *fault.Error) {
	switch n := n.(type) {
	case *ast.Join:
		return r.join(n, sc)
	case *ast.TableSource:
		return r.tableSource(n, sc)
	case *ast.TableName:
		return r.tableSource(&ast.TableSource{Source: n}, sc)
	}
	return nil, fault.Unparsable.With("unknown kind of table reference")
}

func (r *resolver) join(n *ast.Join, sc *scope) (*item, *fault.Error) {
	left, err := r.tableRef(n.Left, sc)
	if err != nil || n.Right == nil {
		return left, err
	}
	right, err := r.tableRef(n.Right, sc)
	if err != nil {
		return nil, err
	}
	it := &item{sources: append(left.sources[:len(left.sources):len(left.sources)], right.sources...), open: left.open || right.open}
	if n.On != nil { // it sees the tables of its own join only
		on := &scope{outer: sc.outer, ctes: sc.ctes, sources: it.sources}
		if err := r.check(n.On.Expr, on, clause{reason: fault.Join}); err != nil {
			return nil, err
		}
	}
	if n.Tp == ast.RightJoin {
		left, right = right, left // the server turns it round; `*` lists the common columns as the right table has them
	}
	common, err := r.common(n, left, right)
	if err != nil {
		return nil, err
	}
	on := n.Tp == ast.RightJoin && len(common) == 0 && !n.NaturalJoin
	if on {
		left, right = right, left
	}
	it.turned = left.turned || right.turned || on
	if it.turned && len(common) > 0 { // MySQL and MariaDB list the inner join's columns in different orders
		it.open = true
	}
	it.star = coalesce(common, left.star, right.star)
	return it, nil
}

// common are the columns that USING or NATURAL joins on.
func (r *resolver) common(n *ast.Join, left, right *item) (map[string]bool, *fault.Error) {
	names := map[string]bool{}
	for _, c := range n.Using {
		name, _ := r.ident(c.Name)
		names[fold(name)] = true
	}
	if n.NaturalJoin {
		if left.open || right.open {
			if holds(left.star) || holds(right.star) {
				return nil, fault.Natural.With("a table with unknown columns")
			}
			return names, nil
		}
		for _, c := range visible(left.star) {
			if len(matchingAny(right.star, c.name)) > 0 {
				names[fold(c.name)] = true
			}
		}
	}
	for _, c := range append(left.star[:len(left.star):len(left.star)], right.star...) {
		switch {
		case !names[fold(c.name)]:
		case c.kind == sealed:
			return nil, fault.Join.With("USING or NATURAL")
		case c.kind == flagged:
			return nil, fault.Flag.With("USING or NATURAL")
		case c.kind == hidden:
			return nil, fault.Natural.With("derived tables with hidden columns")
		}
	}
	return names, nil
}

func matchingAny(columns []column, name string) []column {
	var found []column
	for _, c := range columns {
		if sameName(c.name, name) {
			found = append(found, c)
		}
	}
	return found
}

// holds reports whether any of the columns is more than plain.
func holds(columns []column) bool {
	for _, c := range columns {
		if c.kind != plain {
			return true
		}
	}
	return false
}

// coalesce is what `*` expands to: common columns in the order of the left table, the rest of the left, the rest of the
// right (MySQL manual, "JOIN Clause").
func coalesce(common map[string]bool, left, right []column) []column {
	out := make([]column, 0, len(left)+len(right))
	for _, c := range left {
		if common[fold(c.name)] {
			out = append(out, c)
		}
	}
	for _, side := range [][]column{left, right} {
		for _, c := range side {
			if !common[fold(c.name)] {
				out = append(out, c)
			}
		}
	}
	return out
}

// tableSource resolves one table reference and puts it into the scope.
func (r *resolver) tableSource(n *ast.TableSource, sc *scope) (*item, *fault.Error) {
	if j, ok := n.Source.(*ast.Join); ok {
		return r.join(j, sc)
	}
	s, err := r.entry(n, sc)
	if err != nil {
		return nil, err
	}
	sc.sources = append(sc.sources, s)
	return &item{sources: []*source{s}, star: visible(s.columns), open: s.open}, nil
}

func (r *resolver) entry(n *ast.TableSource, sc *scope) (*source, *fault.Error) {
	alias, at := r.ident(n.AsName)
	if name, ok := n.Source.(*ast.TableName); ok {
		return r.tableName(name, alias, sc.ctes)
	}
	outer := sc.outer
	if n.Lateral {
		outer = sc
	}
	b, err := r.query(n.Source, outer, sc.ctes, asTable)
	if err != nil {
		return nil, err
	}
	names, err := r.columnNames(r.columnList(at), b)
	if err != nil {
		return nil, err
	}
	return derivedSource(b, &source{name: alias, ref: quoteName(alias)}, names), nil
}

// columnList are the tokens of the column list behind a derived table's alias at token i.
func (r *resolver) columnList(i int) []int {
	list, ok := r.u.lists[i]
	if !ok {
		return nil
	}
	r.lists++
	var names []int
	for at := list.from; at < list.to; at += 2 {
		names = append(names, at)
	}
	return names
}

// nameTokens are the tokens of the names in a list, -1 for those that are not known.
func (r *resolver) nameTokens(list []ast.CIStr) []int {
	var names []int
	for _, n := range list {
		_, at := r.ident(n)
		names = append(names, at)
	}
	return names
}

// columnNames reads the column list of a derived table or common table expression, given by its tokens, and adds the hidden
// columns to it.
func (r *resolver) columnNames(list []int, b *block) ([]string, *fault.Error) {
	if len(list) == 0 {
		return nil, nil
	}
	names, last := make([]string, len(list)), list[len(list)-1]
	for i, at := range list {
		if at < 0 {
			return nil, fault.Unsure.With("a keyword in a column list")
		}
		names[i] = r.u.toks[at].Name(r.u.sql)
		r.mark(at)
	}
	if b.open || len(names) != len(b.outputs)-b.appended || b.starHidden {
		if b.protected() {
			return nil, fault.Unsure.With("column list of a derived table")
		}
		return names, nil
	}
	for _, out := range b.outputs[len(names):] {
		r.edit(last+1, last+1, ", "+quoteName(out.name))
		names = append(names, out.name)
	}
	return names, nil
}

// tableName resolves the name of a table, view or common table expression.
func (r *resolver) tableName(n *ast.TableName, alias string, ctes *cte) (*source, *fault.Error) {
	name, _ := r.ident(n.Name)
	schema, qualified := r.u.state.Database, n.Schema.O != ""
	if qualified {
		schema, _ = r.ident(n.Schema)
	}
	s := &source{name: name, schema: schema, ref: quoteName(name)}
	if qualified {
		s.ref = quoteName(schema) + "." + s.ref
	}
	if alias != "" {
		s.name, s.ref = alias, quoteName(alias)
	}
	if !qualified {
		if c := r.findCTE(ctes, name); c != nil {
			*c.used, s.schema = true, ""
			return derivedSource(c.block, s, nil), nil
		}
	}
	return r.baseTable(schema, name, s)
}

func (r *resolver) findCTE(c *cte, name string) *cte {
	for ; c != nil; c = c.outer {
		if c.name == name || r.u.schema.LowerCaseNames != 0 && fold(c.name) == fold(name) {
			return c
		}
	}
	return nil
}

func (r *resolver) baseTable(schema, name string, s *source) (*source, *fault.Error) {
	if v := r.u.view(schema, name); v != nil {
		r.u.touched = r.u.touched || v.Protected
		return baseSource(v, s), nil
	}
	if err := r.u.schema.Unreachable(schema, name); err != nil {
		return nil, err
	}
	t, err := r.u.protected(schema, name)
	if err != nil {
		return nil, err
	}
	if t != nil {
		r.u.touched = true
		return baseSource(t, s), nil
	}
	if t = r.u.schema.Tables[r.u.schema.Key(schema, name)]; t != nil {
		return baseSource(t, s), nil
	}
	s.open = true
	return s, nil
}

// with resolves the common table expressions of a WITH clause.
func (r *resolver) with(w *ast.WithClause, outer *scope, ctes *cte) (*cte, *fault.Error) {
	if w == nil {
		return ctes, nil
	}
	for _, e := range w.CTEs {
		name, _ := r.ident(e.Name)
		c := &cte{outer: ctes, name: name, block: &block{open: true}, used: new(bool)}
		inner := ctes
		if w.IsRecursive {
			inner = c
		}
		before := r.u.touched
		r.u.touched = false
		b, err := r.query(e.Query.Query, outer, inner, asTable)
		if err != nil {
			return nil, err
		}
		if *c.used && r.u.touched {
			return nil, fault.Recursive.With("the expression reads a protected table")
		}
		r.u.touched = r.u.touched || before
		names, err := r.columnNames(r.nameTokens(e.ColNameList), b)
		if err != nil {
			return nil, err
		}
		c.block = b.renamed(names)
		ctes = c
	}
	return ctes, nil
}

// reference is a column name of the syntax tree.
type reference struct {
	named
	at, end int // its tokens, qualifiers included; -1 when they are not known
}

func (r *resolver) reference(c *ast.ColumnName) reference {
	var ref reference
	ref.column, ref.at = r.ident(c.Name)
	ref.end = ref.at + 1
	for _, q := range []struct {
		name ast.CIStr
		to   *string
	}{{c.Table, &ref.table}, {c.Schema, &ref.schema}} {
		if q.name.O == "" {
			continue
		}
		name, at := r.ident(q.name)
		*q.to = name
		if ref.at >= 0 {
			ref.at = at
		}
	}
	return ref
}

// resolve finds the column that a name stands for. Of several it returns the one that needs most care; the server
// would call such a name ambiguous, or choose by rules that differ between clauses, so names that mean different kinds
// of columns are refused.
func (r *resolver) resolve(ref reference, sc *scope, aliases bool) (origin, *fault.Error) {
	found, unsure := sc.lookup(ref.named, aliases)
	if len(found) == 0 {
		if !unsure && r.u.touched && r.u.planner.names.columns[fold(ref.column)] {
			// The server would refuse it, but what is compared with it or assigned to it would stand in its logs.
			return origin{}, fault.Unknown.With("no table in scope has the column")
		}
		return origin{}, nil
	}
	best := found[0]
	for _, c := range found {
		if c.kind > best.kind {
			best = c
		}
	}
	if best.kind == plain {
		return found[0].origin, nil
	}
	if unsure {
		return origin{}, fault.Unknown.With("a table with unknown columns is nearer")
	}
	for _, c := range found {
		if c.kind != best.kind || c.table != best.table || c.column != best.column || c.via != best.via {
			return origin{}, fault.Ambiguous.With("%d meanings", len(found))
		}
	}
	return best.origin, nil
}
