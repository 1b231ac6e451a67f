package rewrite

import (
	"slices"

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

	Zones     []ZonePair     // arguments of CONVERT_TZ, whose zones the scratch server must know as the backend does
	Values    []SessionValue // asked from the backend before the fetches
	Assigns   bool           // variables of Values get values: the backend's session has them afterwards
	FoundRows bool           // SQL_CALC_FOUND_ROWS: the scratch server knows how many rows there would be
	Explain   int            // tokens of EXPLAIN in front of the statement: the backend explains the fetches, nothing is fetched

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

// FetchText appends the i-th question to the backend, behind the words of EXPLAIN. param appends the literal of a parameter;
// nil leaves the marks.
func (s *Statement) FetchText(dst []byte, i int, param func(dst []byte, n int) ([]byte, error)) ([]byte, error) {
	if n := s.explained(); n > 0 {
		dst = append(append(dst, s.SQL[s.Tokens[0].Start:s.Tokens[n-1].End]...), ' ')
	}
	for _, p := range s.Fetches()[i].parts {
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

// explained is how many words in front of the statement ask for its plan.
func (s *Statement) explained() int {
	if s.Compute == nil {
		return 0
	}
	return s.Compute.Explain
}

// Fetches are the questions that bring the rows of tables which the scratch server only reads.
func (s *Statement) Fetches() []Fetch {
	if s.ComputedWrite != nil {
		return s.ComputedWrite.Fetches
	}
	return s.Compute.Fetches
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
	keys   bool // see needsKeys
	asked  int  // calls of sessionFunctions and variables
	zoned  int  // calls of CONVERT_TZ
	found  bool // SQL_CALC_FOUND_ROWS
	blocks []*computed
	stack  []*computed
	edits  []edit
	fields []span       // entries of select lists whose columns are named after their text
	why    *fault.Error // why the backend cannot run it
	err    *fault.Error // why the scratch server cannot, either

	assigned []given // to variables
}

// computed is one SELECT with the tables of its FROM clause.
type computed struct {
	stmt    *ast.SelectStmt
	tables  []*tableUse
	derived bool // it has entries that are no base tables
	natural bool
	lock    span     // FOR UPDATE, LOCK IN SHARE MODE
	of      []string // FOR UPDATE OF: what is locked, all when there is none
	wait    span     // what follows: NOWAIT, SKIP LOCKED
	written bool     // it stands for the tables of an UPDATE or DELETE, whose clauses these are:
	from    span
	where   span
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

	partitions span // PARTITION (p0, p1)
}

// planCompute plans a SELECT that the backend alone cannot answer. why is the reason for that.
func (u *unit) planCompute(pr *parsed, why *fault.Error) (*Plan, *fault.Error) {
	if !u.planner.compute || u.inner || !isQuery(pr.stmt) || whatever(why) {
		return nil, why
	}
	c := &computing{u: u, pr: pr, why: why}
	pr.stmt.Accept(c)
	c.into()
	c.keys = c.needsKeys()
	values, zones := u.sessionValues(), u.zonePairs()
	switch {
	case c.err != nil:
		return nil, c.err
	case len(values) != c.asked || len(zones) != c.zoned:
		return nil, why
	case c.revealing():
		return nil, fault.Into.With("an assignment")
	}
	c.replaceValues(values)
	p := &Plan{Verdict: Scratch, Why: "computes with protected values: rows are fetched, opened, and the statement runs over them in the scratch server (" + why.ID + ")",
		Compute: &Compute{Clock: c.clock, Keys: c.keys, Zones: zones, Values: values, Assigns: len(c.assigned) > 0, FoundRows: c.found, edits: c.edits}}
	names := map[string]int{}
	for _, b := range c.blocks {
		for _, t := range b.tables {
			f := c.fetch(b, t, names)
			if c.whole && slices.ContainsFunc(f.Columns, func(x FetchColumn) bool { return t.table.Columns[x.Column].Invisible }) {
				return nil, why // work tables have no invisible columns: `*` would show it
			}
			p.Compute.Fetches = append(p.Compute.Fetches, f)
			p.Compute.edits = append(p.Compute.edits, c.replaced(t, f.Work))
			p.reads(&f)
		}
	}
	slices.SortStableFunc(p.Compute.edits, func(a, b edit) int { return a.at - b.at })
	p.Compute.edits = c.named(p.Compute.edits)
	return p, nil
}

// reads notes the protected columns that a fetch brings, for audit.
func (p *Plan) reads(f *Fetch) {
	for _, column := range f.Columns {
		if f.Table.Columns[column.Column].Protected != nil {
			p.Touches = appendTouch(p.Touches, Touch{Table: f.Table, Column: column.Column})
		}
	}
}

// replaced puts the work table in the place of a table reference.
func (c *computing) replaced(t *tableUse, work string) edit {
	text := quoteName(work)
	if t.alias == "" {
		text += " AS " + quoteName(t.name)
	}
	return edit{at: t.at, end: t.end, text: text + " "}
}

// refuse gives the statement up. The client is told why the backend cannot run it.
func (c *computing) refuse() { c.because(c.why) }

// because gives the statement up for a reason of the scratch server's.
func (c *computing) because(why *fault.Error) {
	if c.err == nil {
		c.err = why
	}
}

// whatever reports whether a statement is refused for a name that no server may be asked about.
func whatever(why *fault.Error) bool {
	return slices.Contains([]*fault.Fault{fault.Opaque, fault.NoDatabase, fault.OtherCase, fault.Absent, fault.NotReady}, why.Fault)
}

// isQuery reports whether the scratch server can run a statement: one that reads, and changes nothing but variables.
func isQuery(n ast.StmtNode) bool {
	switch n.(type) {
	case *ast.SelectStmt, *ast.SetOprStmt, *ast.SetStmt, *ast.DoStmt:
		return true
	}
	return false
}
