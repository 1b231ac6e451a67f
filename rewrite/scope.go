package rewrite

import "strings"

// kind says what a column's value means to the client.
type kind uint8

const (
	plain   kind = iota // as it is
	flagged             // the flag column: clients see 0
	sealed              // a sealed value
	hidden              // an owner column that a plan added to a nested query
)

// origin says where the value of a column comes from.
type origin struct {
	kind   kind
	table  *Table  // base table that holds it; nil when it is computed or unknown
	column int     // index into table.Columns
	root   *source // the base table's entry in the FROM clause it was first read by; nil when there are several
	via    *source // the entry of the current query's FROM clause that shows it
	owner  string  // name of via's hidden column with the row's owner; "" when via is the base table itself

	wrapped *wrapping // the value passed through COALESCE or IFNULL
}

// wrapping describes COALESCE(column, 'literal') before the literals are known.
type wrapping struct {
	literals []int // tokens
	notNull  bool
}

// column is a named column that is visible in a query.
type column struct {
	name      string
	invisible bool // not part of `*`
	origin
}

// source is one entry of a FROM clause.
type source struct {
	name    string // alias, or the table's own name
	schema  string // of a base table, "" for derived tables
	ref     string // how the query's text must refer to it: "`c`" or "`db`.`cases`"
	table   *Table // known base table
	open    bool   // it has columns that are not known
	columns []column
}

// scope is what a query's expressions can name.
type scope struct {
	outer   *scope
	ctes    *cte
	sources []*source
	star    []column // what `*` expands to
	open    bool     // `*` covers unknown columns
	aliases []column // names of the select list
}

// cte is a common table expression; inner ones come first.
type cte struct {
	outer *cte
	name  string
	block *block
	used  *bool // set when a recursive one refers to itself
}

// named is a possibly qualified name in an expression.
type named struct{ schema, table, column string }

// lookup returns every column that a name may stand for, and whether it may also be a column nobody knows. At its own
// level the names of the select list count only in clauses that see them; a subquery sees those of the queries around it.
func (sc *scope) lookup(n named, aliases bool) (found []column, unsure bool) {
	for s := sc; s != nil; s = s.outer {
		found = s.columns(n)
		if n.table == "" && (aliases || s != sc) {
			found = append(found, matching(s.aliases, n.column)...)
		}
		if len(found) > 0 {
			return found, unsure
		}
		unsure = unsure || s.mayHide(n)
	}
	return nil, unsure
}

func (sc *scope) columns(n named) []column {
	var found []column
	for _, s := range sc.matching(n) {
		found = append(found, matching(s.columns, n.column)...)
	}
	return found
}

// mayHide reports whether an entry that the name can belong to has unknown columns.
func (sc *scope) mayHide(n named) bool {
	for _, s := range sc.matching(n) {
		if s.open {
			return true
		}
	}
	return false
}

// matching returns the entries that a name's qualifier denotes. Aliases are compared exactly first, since a server may
// tell `c` from `C`.
func (sc *scope) matching(n named) []*source {
	if n.table == "" {
		return sc.sources
	}
	var exact, folded []*source
	for _, s := range sc.sources {
		if n.schema != "" && s.schema != "" && fold(s.schema) != fold(n.schema) {
			continue
		}
		switch {
		case s.name == n.table:
			exact = append(exact, s)
		case fold(s.name) == fold(n.table):
			folded = append(folded, s)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return folded
}

func matching(columns []column, name string) []column {
	var found []column
	for _, c := range columns {
		if c.kind != hidden && sameName(c.name, name) {
			found = append(found, c)
		}
	}
	return found
}

// sameName compares column names and aliases, which every server does without regard to case.
func sameName(a, b string) bool { return a == b || fold(a) == fold(b) || strings.EqualFold(a, b) }

// baseSource is the FROM entry of a base table.
func baseSource(t *Table, s *source) *source {
	s.table = t
	s.columns = make([]column, len(t.Columns))
	for i, c := range t.Columns {
		s.columns[i] = column{name: c.Name, invisible: c.Invisible,
			origin: origin{kind: columnKind(t, i), table: t, column: i, root: s, via: s}}
	}
	return s
}

func columnKind(t *Table, i int) kind {
	switch {
	case t.Columns[i].Protected != nil:
		return sealed
	case t.Protected && i == t.Flag && !t.ShowFlag:
		return flagged
	}
	return plain
}

// derivedSource is the FROM entry of a derived table or a reference to a common table expression.
func derivedSource(b *block, s *source, names []string) *source {
	s.open = b.open
	s.columns = make([]column, len(b.outputs))
	for i, out := range b.outputs {
		c := column{name: out.name, origin: out.origin}
		if i < len(names) {
			c.name = names[i]
		}
		c.via = s
		s.columns[i] = c
	}
	return s
}

func visible(columns []column) []column {
	out := make([]column, 0, len(columns))
	for _, c := range columns {
		if !c.invisible {
			out = append(out, c)
		}
	}
	return out
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
