package rewrite

import (
	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// use says what becomes of a query's rows.
type use uint8

const (
	asResult use = iota // sent to the client
	asTable             // a derived table or common table expression
	asCopy              // INSERT ... SELECT
	asValue             // a scalar, IN or ANY subquery: the database needs the values themselves
	asExists            // EXISTS: the select list does not matter
)

// block is a resolved query: one SELECT, or several joined by UNION and its kin.
type block struct {
	outputs    []output
	leaves     []*leaf
	open       bool // `*` covered a table with unknown columns
	starHidden bool // `*` covered hidden columns of derived tables
	appended   int  // hidden columns added by addOwners
}

// output is one column of a query.
type output struct {
	column
	ownerAt int // index of the hidden output with the row's owner, for sealed ones
}

// leaf is one SELECT of a query.
type leaf struct {
	outputs  []output
	grouped  bool
	insertAt int // token in front of which outputs can be added: FROM; -1 where there is none
	table    int // token of the TABLE statement's keyword, -1 for a SELECT
}

// protected reports whether any output is more than plain.
func (b *block) protected() bool {
	for _, o := range b.outputs {
		if o.kind == sealed || o.kind == flagged {
			return true
		}
	}
	return false
}

func (b *block) has(k kind) bool {
	for _, o := range b.outputs {
		if o.kind == k {
			return true
		}
	}
	return false
}

// renamed is the block with other column names.
func (b *block) renamed(names []string) *block {
	if len(names) == 0 {
		return b
	}
	c := *b
	c.outputs = append([]output(nil), b.outputs...)
	for i := range c.outputs {
		if i < len(names) {
			c.outputs[i].name = names[i]
		}
	}
	return &c
}

// query resolves a SELECT or set operation and everything inside.
func (r *resolver) query(n ast.Node, outer *scope, ctes *cte, u use) (*block, *fault.Error) {
	var b *block
	var err *fault.Error
	switch n := n.(type) {
	case *ast.SubqueryExpr:
		return r.query(n.Query, outer, ctes, u)
	case *ast.SelectStmt:
		b, err = r.selectStmt(n, outer, ctes, u)
	case *ast.SetOprStmt:
		b, err = r.setOpr(&setOpr{with: n.With, selects: n.SelectList.Selects, order: n.OrderBy}, outer, ctes, u)
	case *ast.SetOprSelectList:
		b, err = r.setOpr(&setOpr{with: n.With, selects: n.Selects, order: n.OrderBy}, outer, ctes, u)
	default:
		return nil, fault.Unparsable.With("unknown kind of query")
	}
	if err != nil {
		return nil, err
	}
	switch {
	case u == asValue && b.has(sealed):
		return nil, fault.Subquery.With("a column of the subquery is protected")
	case u == asTable || u == asResult:
		return b, r.outward(b)
	}
	return b, nil
}

// outward makes protected outputs ready to leave the query: their owners go with them.
func (r *resolver) outward(b *block) *fault.Error {
	if b.open && (b.protected() || b.starHidden) {
		return fault.Star.With("a table with unknown columns")
	}
	return r.addOwners(b)
}

func (r *resolver) selectStmt(s *ast.SelectStmt, outer *scope, ctes *cte, u use) (*block, *fault.Error) {
	ctes, err := r.with(s.With, outer, ctes)
	if err != nil {
		return nil, err
	}
	if s.Kind == ast.SelectStmtKindValues {
		return r.values(s, &scope{outer: outer, ctes: ctes})
	}
	sc, err := r.from(s.From, outer, ctes)
	if err != nil {
		return nil, err
	}
	q := &selecting{r: r, s: s, sc: sc, use: u, leaf: &leaf{insertAt: -1, table: -1}, block: &block{}}
	for _, step := range []func() *fault.Error{q.fields, q.expressions, q.group, q.order, q.rules} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	q.block.outputs, q.block.leaves = q.leaf.outputs, []*leaf{q.leaf}
	return q.block, nil
}

// values is VALUES ROW(..), ROW(..).
func (r *resolver) values(s *ast.SelectStmt, sc *scope) (*block, *fault.Error) {
	b := &block{}
	for i, row := range s.Lists {
		if err := r.check(row, sc, clause{reason: fault.Expression}); err != nil {
			return nil, err
		}
		if i == 0 {
			b.outputs = make([]output, len(row.Values))
		}
	}
	return b, r.ordering(s.OrderBy, sc, b.positions())
}

// selecting is the resolution of one SELECT.
type selecting struct {
	r     *resolver
	s     *ast.SelectStmt
	sc    *scope
	use   use
	leaf  *leaf
	block *block
	keyed map[instance]map[int]bool // columns of base tables in GROUP BY
}

// instance is one base table as one entry of the FROM clause shows it.
type instance struct{ via, root *source }

// fields resolves the outputs that show a column as it is; the others are expressions, whose value the database computes.
func (q *selecting) fields() *fault.Error {
	if q.s.Kind == ast.SelectStmtKindTable {
		return q.tableStmt()
	}
	for _, f := range q.s.Fields.Fields {
		if f.WildCard != nil {
			q.wildcard(f.WildCard)
			continue
		}
		o, err := q.r.direct(f.Expr, q.sc)
		if err != nil {
			return err
		}
		out := output{column: column{origin: o}}
		if name, _ := q.r.ident(f.AsName); name != "" {
			out.name = name
		} else if c, ok := bare(f.Expr).(*ast.ColumnNameExpr); ok {
			out.name, _ = q.r.ident(c.Name.Name)
		} else if o.kind == sealed && q.use == asTable {
			return fault.Unnamed.With("COALESCE in a derived table")
		}
		q.leaf.outputs = append(q.leaf.outputs, out)
		q.sc.aliases = append(q.sc.aliases, out.column)
	}
	fields := q.s.Fields.Fields
	if q.sc.sources != nil {
		q.leaf.insertAt = q.r.u.find(q.r.pr.tokenAt(fields[len(fields)-1].Offset), "FROM")
	}
	return nil
}

// tableStmt is TABLE t, short for SELECT * FROM t.
func (q *selecting) tableStmt() *fault.Error {
	q.star(q.sc.star, q.sc.open)
	if q.r.u.is(0, "TABLE") {
		q.leaf.table = 0
	}
	return nil
}

func (q *selecting) wildcard(w *ast.WildCardField) {
	if w.Table.O == "" {
		q.star(q.sc.star, q.sc.open)
		return
	}
	var n named
	n.table, _ = q.r.ident(w.Table)
	if w.Schema.O != "" {
		n.schema, _ = q.r.ident(w.Schema)
	}
	for s := q.sc; s != nil; s = s.outer {
		for _, src := range s.matching(n) {
			q.star(visible(src.columns), src.open)
			return
		}
	}
	q.block.open = true // the server will say that there is no such table
}

func (q *selecting) star(columns []column, open bool) {
	q.block.open = q.block.open || open
	for _, c := range columns {
		q.block.starHidden = q.block.starHidden || c.kind == hidden
		q.leaf.outputs = append(q.leaf.outputs, output{column: c})
	}
}

// direct resolves an expression that only shows a column: the column, in parentheses or not, or COALESCE and IFNULL of
// a protected one with literals. Everything else is plain.
func (r *resolver) direct(e ast.ExprNode, sc *scope) (origin, *fault.Error) {
	switch e := bare(e).(type) {
	case *ast.ColumnNameExpr:
		return r.resolve(r.reference(e.Name), sc, false)
	case *ast.FuncCallExpr:
		if wraps(e) && len(e.Args) > 0 {
			return r.wrapped(e, sc)
		}
	}
	return origin{}, nil
}

func (r *resolver) wrapped(e *ast.FuncCallExpr, sc *scope) (origin, *fault.Error) {
	o, err := r.direct(e.Args[0], sc)
	if err != nil || o.kind != sealed {
		return origin{}, err
	}
	w := &wrapping{}
	if o.wrapped != nil {
		*w = wrapping{literals: append([]int(nil), o.wrapped.literals...), notNull: o.wrapped.notNull}
	}
	switch c := &o.table.Columns[o.column]; {
	case isText(c.Protected.Type):
	case !isDateType(c.Protected.Type) || !c.Nullable:
		return origin{}, fault.Mixed.With("neither a text column nor a date that can be NULL")
	case r.u.state.Mode&token.UnconvertedResults != 0:
		return origin{}, fault.Mixed.With("a date as text, and character_set_results is NULL")
	}
	for _, arg := range e.Args[1:] {
		i, ok := r.textLiteral(arg)
		switch {
		case ok:
			w.literals, w.notNull = append(w.literals, i), true
		case !isNull(arg):
			return origin{}, fault.Mixed.With("argument is no text literal")
		}
	}
	o.wrapped = w
	return o, nil
}

// textLiteral is the token of a string literal that is a whole argument, without introducer or COLLATE.
func (r *resolver) textLiteral(e ast.ExprNode) (int, bool) {
	i, ok := literal(e)
	if !ok || i < 1 || i+1 >= len(r.u.toks) {
		return 0, false
	}
	u := r.u
	if c := u.text(i)[0]; c != '\'' && c != '"' { // N'..' is converted on its way
		return 0, false
	}
	return i, (u.op(i-1, "(") || u.op(i-1, ",")) && (u.op(i+1, ")") || u.op(i+1, ","))
}

func isNull(e ast.ExprNode) bool {
	if _, param := e.(ast.ParamMarkerExpr); param {
		return false
	}
	v, ok := e.(ast.ValueExpr)
	return ok && v.GetValue() == nil
}

// expressions checks what the database computes: computed outputs, WHERE, HAVING, windows, LIMIT.
func (q *selecting) expressions() *fault.Error {
	r, s := q.r, q.s
	if s.Fields != nil && q.use != asExists {
		if err := q.computed(); err != nil {
			return err
		}
	}
	if s.Where != nil {
		if err := r.check(s.Where, q.sc, clause{reason: fault.Comparison}); err != nil {
			return err
		}
	}
	if s.Having != nil {
		if err := r.check(s.Having.Expr, q.sc, clause{reason: fault.Comparison, aliases: true}); err != nil {
			return err
		}
	}
	for i := range s.WindowSpecs {
		if err := r.check(&s.WindowSpecs[i], q.sc, clause{reason: fault.Window}); err != nil {
			return err
		}
	}
	return nil
}

// computed checks the outputs that are expressions, and replaces a flag that is used as a value.
func (q *selecting) computed() *fault.Error {
	n := 0
	for _, f := range q.s.Fields.Fields {
		if f.WildCard != nil {
			continue
		}
		o := q.sc.aliases[n]
		n++
		if o.kind == sealed || o.kind == flagged && q.use != asValue {
			continue
		}
		before := len(q.r.edits)
		if err := q.r.check(f.Expr, q.sc, clause{reason: fault.Expression}); err != nil {
			return err
		}
		if len(q.r.edits) > before && f.AsName.O == "" && q.use != asValue {
			return fault.Unnamed.With("select list")
		}
	}
	return nil
}

// rules refuses what cannot be done with protected outputs.
func (q *selecting) rules() *fault.Error {
	q.leaf.grouped = q.s.GroupBy != nil || q.aggregates()
	for _, o := range q.leaf.outputs {
		if q.use == asExists || o.kind != sealed && o.kind != flagged {
			continue
		}
		if q.s.Distinct {
			return one(o.kind, fault.Distinct).With("DISTINCT")
		}
		if q.s.SelectIntoOpt != nil {
			return one(o.kind, fault.Into).With("INTO OUTFILE")
		}
		if q.leaf.grouped && o.kind == sealed && !q.covers(o.origin) {
			return fault.GroupBy.With("the primary key is not in GROUP BY")
		}
	}
	return nil
}

// one is the fault for a sealed column, or the flag's.
func one(k kind, f *fault.Fault) *fault.Fault {
	if k == flagged {
		return fault.Flag
	}
	return f
}

// aggregates reports whether the SELECT aggregates without GROUP BY.
func (q *selecting) aggregates() bool {
	var f aggregateFinder
	if q.s.Fields != nil {
		q.s.Fields.Accept(&f)
	}
	if q.s.Having != nil {
		q.s.Having.Accept(&f)
	}
	if q.s.OrderBy != nil {
		q.s.OrderBy.Accept(&f)
	}
	return f.found
}

type aggregateFinder struct{ found bool }

func (f *aggregateFinder) Enter(n ast.Node) (ast.Node, bool) {
	switch n.(type) {
	case *ast.SubqueryExpr:
		return n, true
	case *ast.AggregateFuncExpr:
		f.found = true
	}
	return n, f.found
}

func (f *aggregateFinder) Leave(n ast.Node) (ast.Node, bool) { return n, true }
