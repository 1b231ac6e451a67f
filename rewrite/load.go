package rewrite

import (
	"bytes"
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/infile"
	"phiproxy/rewrite/token"
)

// Load is how LOAD DATA LOCAL INFILE fills a protected table. The proxy reads the client's file and writes another one for
// the backend, in a format of its own (package infile). The sealed value of a protected column goes there in hexadecimal,
// in a field of its own in front of the client's; the column's own field says only whether it is NULL or missing, so that the
// server makes of that what it would have made of the client's.
type Load struct {
	Table   *Table
	File    []byte        // the name, as the client wrote it
	Format  infile.Format // of the client's file
	Charset string        // of the client's file; "" is @@character_set_database
	Fields  []int         // column of each field of a line, negative for a variable
	Writes  []LoadWrite   // protected columns, in the order of the fields that are put in front
	Owner   int           // field of the row's owner, -1 when OwnerSet says it
	// OwnerSet is the owner of every row; Kind token.None when a field says it.
	OwnerSet Literal

	head span     // LOAD DATA LOCAL INFILE
	into span     // from REPLACE or IGNORE to the table's name and partitions
	list []string // names of the fields
	sets []span   // assignments that are the server's business
}

// LoadWrite is a protected column that LOAD DATA fills.
type LoadWrite struct {
	Column int
	Field  int     // of the line; -1 when SET assigns it
	Value  Literal // that SET assigns; Kind token.None when it is an expression
	// Expression is what SET assigns in other cases, see load_expression.go.
	Expression span
	Variables  []LoadVariable
}

// loadVariable begins the names of the variables that take sealed values.
const loadVariable = "@__phi_load_"

// loading is a LOAD statement that is being planned.
type loading struct {
	u     *unit
	at    int // next token
	l     *Load
	table span // the table's name
	set   int  // token of SET, -1 without
	names []int
}

// planLoad plans LOAD DATA and LOAD XML. Only what the client itself sends can be sealed on its way.
func (u *unit) planLoad() (*Plan, *fault.Error) {
	if u.is(1, "INDEX") {
		return relay("moves no value of a protected column"), nil
	}
	if !u.is(1, "DATA") || u.state.Prepared || u.inner || u.schema.Flavor == Embedded {
		return nil, fault.Load.With("form of LOAD")
	}
	u.literal = true           // the format is in literals
	u.sql = bytes.Clone(u.sql) // the plan's literals are read when the client's text has made room for its file
	p := &loading{u: u, at: 2, l: &Load{Owner: -1, Format: infile.Format{FieldTerm: []byte("\t"), LineTerm: []byte("\n"), Enclosed: infile.None, Escaped: '\\'}}, set: -1}
	if u.state.Mode&token.NoBackslashEscapes != 0 {
		p.l.Format.Escaped = infile.None
	}
	for _, step := range []func() *fault.Error{p.source, p.target, p.charset, p.fields, p.lines, p.skip, p.columns, p.assignments} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return p.plan()
}

// columns reads the list of columns and variables; without one it is every visible column.
func (p *loading) columns() *fault.Error {
	if !p.l.Format.Readable() {
		return fault.LoadFormat.With("format of the file")
	}
	if !p.u.op(p.at, "(") {
		return p.allColumns()
	}
	end := p.u.closing(p.at)
	if end == p.at+1 {
		p.at = end + 1
		return p.allColumns()
	}
	for _, part := range p.u.split(p.at+1, end) {
		if part.to != part.from+1 {
			return p.unread()
		}
		if err := p.field(part.from); err != nil {
			return err
		}
	}
	p.at = end + 1
	return nil
}

func (p *loading) allColumns() *fault.Error {
	for i, c := range p.l.Table.Columns {
		if c.Generated {
			return fault.Load.With("a generated column and no column list")
		}
		if !c.Invisible {
			p.fill(i, quoteName(c.Name))
		}
	}
	return nil
}

// field reads one name of the list.
func (p *loading) field(i int) *fault.Error {
	if p.u.toks[i].Kind == token.UserVar {
		name := string(p.u.text(i))
		p.fill(-1, name)
		return nil
	}
	name, ok := p.u.name(i)
	if !ok {
		return p.unread()
	}
	c := p.l.Table.columnIndex(name)
	if c < 0 {
		return fault.Unknown.With("column in the list")
	}
	if p.l.Table.role(c) != ordinary && slices.Contains(p.l.Fields, c) {
		return fault.TwiceSet.With("column list")
	}
	p.names = append(p.names, i)
	p.fill(c, quoteName(p.l.Table.Columns[c].Name))
	return nil
}

func (p *loading) fill(column int, name string) {
	l := p.l
	n := len(l.Fields)
	l.Fields, l.list = append(l.Fields, column), append(l.list, name)
	if column < 0 {
		return
	}
	switch l.Table.role(column) {
	case protects:
		l.Writes = append(l.Writes, LoadWrite{Column: column, Field: n})
	case owns:
		l.Owner = n
	}
}

// assignments finds SET, which plan looks at.
func (p *loading) assignments() *fault.Error {
	if p.at < p.u.end && p.u.is(p.at, "SET") {
		p.set = p.at
		return nil
	}
	if p.at < p.u.end {
		return p.unread()
	}
	return nil
}

func (p *loading) plan() (*Plan, *fault.Error) {
	p.u.touched = true
	for i := range p.u.toks {
		if p.u.toks[i].Kind == token.UserVar && p.u.reserved(string(p.u.text(i))) {
			return nil, fault.OddName.With("%s", loadVariable)
		}
	}
	if err := p.sets(); err != nil {
		return nil, err
	}
	if len(p.l.Writes) > 0 && p.l.Owner < 0 && p.l.OwnerSet.Kind == token.None {
		return nil, fault.NoOwner.With("LOAD DATA without the owner column")
	}
	plan := &Plan{Verdict: Direct, Writes: true, Load: p.l, Why: "the client's file is read by the proxy, and its values are sealed for the owner that each row names"}
	for _, w := range p.l.Writes {
		plan.Touches = append(plan.Touches, Touch{Table: p.l.Table, Column: w.Column, Write: true})
	}
	return plan, nil
}

// sets looks at the assignments. The parser sees them as those of an UPDATE.
func (p *loading) sets() *fault.Error {
	if p.set < 0 {
		return nil
	}
	pieces := []piece{{tok: 0, text: "UPDATE"}}
	for _, piece := range p.u.pieces() {
		if p.table.from <= piece.tok && piece.tok < p.table.to || piece.tok >= p.set {
			pieces = append(pieces, piece)
		}
	}
	pr, err := p.u.parse(pieces)
	if err != nil {
		return err
	}
	stmt, ok := pr.stmt.(*ast.UpdateStmt)
	list := p.u.assignments(p.set+1, p.u.end)
	if !ok || len(list) != len(stmt.List) || stmt.Where != nil || stmt.Order != nil || stmt.Limit != nil {
		return fault.Unparsable.With("SET of LOAD DATA")
	}
	r := newResolver(pr)
	sc, err := r.from(stmt.TableRefs, nil, nil)
	if err != nil {
		return err
	}
	for i, a := range stmt.List {
		if err := p.assigned(r, sc, a, list[i]); err != nil {
			return err
		}
	}
	for _, name := range p.names {
		r.mark(name)
	}
	if err := p.hide(); err != nil {
		return err
	}
	if len(r.edits) > 0 {
		return fault.Flag.With("SET of LOAD DATA")
	}
	return r.accounted()
}

// assigned looks at one assignment.
func (p *loading) assigned(r *resolver, sc *scope, a *ast.Assignment, text assignment) *fault.Error {
	ref := r.reference(a.Column)
	c := p.l.Table.columnIndex(ref.column)
	if c < 0 {
		return fault.Unknown.With("column in SET")
	}
	value, plain := p.u.bound().literal(text.value)
	whole := span{text.name.from, text.value.to}
	switch p.l.Table.role(c) {
	case protects:
		return p.setProtected(r, sc, a, c, text.value)
	case owns:
		if p.l.Owner >= 0 || p.l.OwnerSet.Kind != token.None {
			return fault.TwiceSet.With("owner")
		}
		if !plain || !ownerKind(value.Kind) || value.Kind == token.Default {
			return fault.OwnerForm.With("SET of LOAD DATA")
		}
		p.l.OwnerSet = value
	case flags:
		return nil // the proxy sets it
	}
	p.l.sets = append(p.l.sets, whole)
	return r.check(a.Expr, sc, clause{reason: fault.Expression})
}

func (p *loading) setProtected(r *resolver, sc *scope, a *ast.Assignment, c int, text span) *fault.Error {
	value, plain := p.u.bound().literal(text)
	if slices.ContainsFunc(p.l.Writes, func(w LoadWrite) bool { return w.Column == c }) {
		return fault.TwiceSet.With("SET of LOAD DATA")
	}
	if !plain {
		return p.expression(r, sc, a, c, text)
	}
	if value.Kind == token.Default || value.Kind == token.Null && !p.l.Table.Columns[c].Nullable {
		return fault.ValueForm.With("SET of LOAD DATA")
	}
	p.l.Writes = append(p.l.Writes, LoadWrite{Column: c, Field: -1, Value: value})
	return nil
}
