// Package rewrite decides what becomes of a SQL statement: (schema, session state, SQL) -> Plan or refusal. It is
// pure: no network, no keys, no clock.
//
// A statement is read by our own tokenizer (package token) under the session's sql_mode. Its shape, literals taken out,
// finds the plan in a cache; only an unknown shape is parsed, by pingcap/tidb's parser, from a text that the tokens are
// printed into with every string literal and identifier replaced by a tagged one. The tags carry token indexes into the
// syntax tree, so that a plan speaks of tokens and the client's own text is edited in place, never printed again from a tree.
package rewrite

import (
	"unicode/utf8"

	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
)

// Verdict is what happens to a statement.
type Verdict uint8

const (
	Relay   Verdict = iota // sent as it came; the response is relayed
	Direct                 // sent with edits; protected values are sealed, result columns opened
	Lookup                 // rows and owners are read first, on the same connection, in a transaction
	Scratch                // rows are fetched and opened, and the statement runs over them in the scratch server
)

// State is the part of a session that changes how SQL reads.
type State struct {
	Database string     // current database, "" for none
	Mode     token.Mode // sql_mode as far as it matters
	Prepared bool       // `?` is a parameter
}

// Plan is what was found out about one statement shape. It is immutable and shared between sessions.
type Plan struct {
	Verdict Verdict
	Why     string // one sentence for `explain`

	// Outputs describes every column of the result set as the backend sends it, in order; nil when the result needs
	// no change (then it is relayed, or there is none).
	Outputs []Output
	// Show is set for DESCRIBE, SHOW COLUMNS and SHOW CREATE TABLE of a protected table.
	Show *Show
	// Definition is set for statements that define a protected table.
	Definition *Definition
	// Touches lists the protected tables and columns that the statement reads or writes, for audit and metrics.
	Touches []Touch
	Writes  bool // INSERT, REPLACE, UPDATE
	// Shape is what may be shown of the statement.
	Shape *Shape
	// Compute is set for verdict Scratch.
	Compute *Compute
	// ComputedWrite is set for writes of verdict Scratch.
	ComputedWrite *ComputedWrite
	// Load is set for LOAD DATA LOCAL INFILE.
	Load *Load
	// Row is set for a SELECT that shows a whole row which it names by its primary key.
	Row *RowOutputs

	write   *writePlan  // set when values are written to protected columns; see write.go
	edits   []edit      // fixed text put in or taken out by token index, see edit.go
	wrapped []boundWrap // outputs whose literals each text has its own of

	point      int    // token of the primary key's value, see Point; 0 without one
	pointTable *Table // whose key it is
}

// Output is one column of a result set.
type Output struct {
	Hidden bool   // added by the plan; the client must not see it
	Table  *Table // protected table it comes from, nil for columns that pass as they are
	Column int    // index into Table.Columns
	Owner  int    // index into Outputs of the column that holds the row's owner as bytes (CAST(owner AS BINARY))
	Flag   bool   // the flag column: shown as 0 unless the table says otherwise
	// Wrapped is set when the value passed through COALESCE or IFNULL with text literals: a stored value may then be
	// such a literal instead of an envelope, the column has no origin, and its metadata is computed.
	Wrapped *Wrapped
}

// Type is what the column is to clients: its own type, but text for a date that stands beside text in COALESCE.
func (o *Output) Type() logical.Type {
	t := o.Table.Columns[o.Column].Protected.Type
	if o.Wrapped == nil || !o.Wrapped.NotNull || !isDateType(t) {
		return t
	}
	return logical.Text(max(t.MaxPlaintext(), o.Wrapped.Width()))
}

// Wrapped describes COALESCE(col, 'literal') and IFNULL(col, 'literal').
type Wrapped struct {
	Literals [][]byte // literal values as written by the client, unquoted, in the client's character set
	NotNull  bool     // a non-NULL literal makes the column NOT NULL
}

// Width is how many characters the longest literal has.
func (w *Wrapped) Width() int {
	n := 0
	for _, l := range w.Literals {
		n = max(n, utf8.RuneCount(l))
	}
	return n
}

// Touch names a protected column that a statement reads (its value reaches the client) or writes.
type Touch struct {
	Table  *Table
	Column int
	Write  bool
}

// Show is a question for the schema whose answer must show logical types.
type Show struct {
	Table  *Table // nil for ShowTables
	Kind   ShowKind
	Hidden []string // tables whose lines are left out, for ShowTables
}

// ShowKind tells the layout of the answer.
type ShowKind uint8

const (
	ShowColumns     ShowKind = iota // DESCRIBE, SHOW COLUMNS: Field, Type, Null, Key, Default, Extra
	ShowFullColumns                 // SHOW FULL COLUMNS: Field, Type, Collation, Null, ...
	ShowCreate                      // SHOW CREATE TABLE: Table, Create Table
	ShowTables                      // SHOW [FULL] TABLES: name, Table_type
)

// Literal is one value in the client's text.
type Literal struct {
	Kind  token.Kind // String, Int, Decimal, Float, Hex, Bit, Null, Default, Param, or token.None when there is no value
	Raw   []byte     // the token's text, quotes included; a leading sign is part of a number
	Param int        // parameter number, from 0, when Kind is Param
	Rest  [][]byte   // the other parts of a String that is written in several
	// Charset is that of a String with an introducer: "utf8mb4" or "binary"; "" is the client's.
	Charset string
}

// Text is the value of a String, in its character set.
func (l Literal) Text(m token.Mode) []byte {
	text := token.Unquote(nil, l.Raw, m)
	for _, part := range l.Rest {
		text = token.Unquote(text, part, m)
	}
	return text
}

// Cell is one client value on its way into a protected column.
type Cell struct {
	Table  *Table
	Column int     // index into Table.Columns
	Row    int     // VALUES tuple, from 0; -1 for an assignment (UPDATE SET, ON DUPLICATE KEY UPDATE)
	Value  Literal // what the client wrote
	Owner  Literal // the row's owner as the statement says it; Kind token.None when it does not
}

// Statement is a plan bound to one client text.
type Statement struct {
	*Plan
	SQL    []byte        // the client's text
	Tokens []token.Token // of SQL, comments and white space left out

	counted paramCount // see paramNumber
}

// SealFunc appends to dst the SQL literal to store for a cell ("x'..'", "NULL", "”").
type SealFunc func(dst []byte, c Cell) ([]byte, error)

// Probe is one SELECT ... FOR UPDATE that a Lookup statement needs before it can be written.
// Its result columns are: every primary key column, then the owner, each as CAST(col AS BINARY), then every protected
// column of the table in column order, then the flag column when the table has one.
type Probe struct {
	SQL  []byte
	Row  int // VALUES tuple whose unique keys are looked for; -1 for an UPDATE
	Keys int // unique keys that it looks by
}

// RowPatch is one row that an UPDATE changes.
type RowPatch struct {
	Key [][]byte // the primary key values as the probe returned them; nil with a guard where Point names the row
	// Set holds, for each protected column that the UPDATE writes (WrittenColumns), the SQL literal to store.
	Set [][]byte
	// SetFlag stores 1 in the flag column; otherwise the flag keeps its value.
	SetFlag bool
	// Guard, when not nil, makes the UPDATE match the row only while it still is what the probe saw: it holds the
	// probed owner and then the stored bytes (nil: NULL) of every column that the UPDATE writes (WrittenColumns). The
	// restriction becomes `pk = .. AND owner <=> x'..' AND patient_first <=> x'..' ...`. Used in autocommit mode for a
	// single row: no transaction is needed around it, the UPDATE stays the session's last statement (ROW_COUNT(), SHOW
	// WARNINGS), and "Rows matched: 0" tells that somebody else was faster, so that the probe is repeated.
	Guard [][]byte
	marks bool // parameters stand for the guard's values
}
