package rewrite

import (
	"strings"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// Definition is a statement that defines a protected table: CREATE TABLE, ALTER TABLE, CREATE INDEX, DROP.
type Definition struct {
	Table   *Configured
	Create  bool            // CREATE TABLE
	Replace bool            // CREATE OR REPLACE TABLE
	Columns []DefinedColumn // protected columns that it defines; none for a statement that is sent as it is

	options span // of CREATE TABLE: what tells the table's character set
}

// DefinedColumn is a protected column in such a statement.
type DefinedColumn struct {
	Name string // as the statement writes it
	ID   string

	meaning  span // the type and everything behind it
	comment  span // "COMMENT 'text'"; empty without one
	notNull  bool
	unlisted bool // INVISIBLE
}

// Shown is what the scratch server says of the columns that Question defined.
type Shown struct {
	Create  string        // SHOW CREATE TABLE
	Columns []ShownColumn // SHOW FULL COLUMNS, in the order of Definition.Columns
}

// ShownColumn is a line of SHOW FULL COLUMNS.
type ShownColumn struct {
	Name, Type, Collation, Extra string
	Nullable                     bool
	Default                      *string
}

// DefinitionText appends the statement with the definitions of its protected columns replaced by the given ones. It is put
// together from the statement's tokens, so that what stood in an executable comment stands for itself.
func (s *Statement) DefinitionText(dst []byte, stored []string) []byte {
	from := 0
	for i, c := range s.Definition.Columns {
		dst = s.tokens(dst, span{from, c.meaning.from})
		dst = append(append(dst, ' '), stored[i]...)
		dst, from = s.attributes(dst, &c), c.meaning.to
	}
	end := len(s.Tokens) - 1
	for end > 0 && s.Tokens[end-1].IsOp(s.SQL, ";") {
		end--
	}
	return s.tokens(append(dst, ' '), span{from, end})
}

// attributes appends what a stored column keeps of its definition.
func (s *Statement) attributes(dst []byte, c *DefinedColumn) []byte {
	if c.notNull {
		dst = append(dst, " NOT NULL"...)
	}
	if c.unlisted {
		dst = append(dst, " INVISIBLE"...)
	}
	return s.tokens(append(dst, ' '), c.comment)
}

// Question appends a statement that makes a table of the given name with the statement's protected columns alone, as the
// client defines them. charset tells the table's own character set, "" when the statement does.
func (s *Statement) Question(dst []byte, name, charset string) []byte {
	dst = append(append(append(dst, "CREATE TEMPORARY TABLE "...), name...), " ("...)
	for i, c := range s.Definition.Columns {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, quoteName(c.Name)...), ' ')
		dst = s.tokens(dst, c.meaning)
	}
	dst = append(append(dst, ") "...), charset...)
	if charset == "" {
		dst = s.tokens(dst, s.Definition.options)
	}
	return dst
}

// TellsCharset reports whether the statement itself tells the table's character set.
func (d *Definition) TellsCharset() bool { return d.options.to > d.options.from }

// tokens appends the tokens of a span, apart where they are apart in the text.
func (s *Statement) tokens(dst []byte, of span) []byte {
	for i := of.from; i < of.to; i++ {
		if i > of.from && s.Tokens[i].Start > s.Tokens[i-1].End {
			dst = append(dst, ' ')
		}
		dst = append(dst, s.Tokens[i].Text(s.SQL)...)
	}
	return dst
}

// defining is the plan of a statement that is sent as it is and after which the schema is read again.
func (u *unit) defining(c *Configured, why string) *Plan {
	if u.state.Prepared {
		return relay(why)
	}
	return &Plan{Verdict: Direct, Why: why, Definition: &Definition{Table: c}}
}

// target resolves a table name in a place where the table need not exist: nil for one that is not protected.
func (u *unit) target(i int) (c *Configured, next int, err *fault.Error) {
	schema, name, next, ok := u.table(i)
	switch {
	case !ok:
		return nil, next, fault.Unparsable.With("table name")
	case schema == "" && u.planner.names.tables[fold(name)]:
		return nil, next, fault.NoDatabase.With("table of a protected table's name, no database")
	}
	c = u.configured(schema, name)
	if c == nil && u.planner.names.otherCase(u.schema, schema, name) {
		return nil, next, fault.OtherCase.With("%s.%s", schema, name)
	}
	if c == nil {
		return nil, next, nil
	}
	return c, next, u.schema.Unreachable(schema, name)
}

// protectedIn is the first token of a span that is spelled like a protected column of the table, -1 without one.
func (u *unit) protectedIn(c *Configured, of span) int {
	for i := of.from; i < of.to; i++ {
		if name, ok := u.name(i); ok && c.protects(name) {
			return i
		}
	}
	return -1
}

// wordIn is the first token of a span that is one of the unquoted words outside of parentheses, -1 without one.
func (u *unit) wordIn(of span, words ...string) int {
	if i := u.find(of.from, words...); i >= 0 && i < of.to {
		return i
	}
	return -1
}

// serverMade are words of column definitions that protected columns cannot have: keys, and values that the server computes.
var serverMade = []string{"PRIMARY", "KEY", "UNIQUE", "REFERENCES", "CHECK", "CONSTRAINT", "GENERATED", "AS", "AUTO_INCREMENT", "ON", "SERIAL",
	"VIRTUAL", "STORED", "PERSISTENT", "COMPRESSED", "WITH", "WITHOUT"}

// define reads the definition of a protected column, which begins behind its name.
func (u *unit) define(c *Configured, name string, of span) (DefinedColumn, *fault.Error) {
	d := DefinedColumn{Name: name, ID: c.IDs[fold(name)], meaning: of}
	if of.from >= of.to || u.wordIn(u.withoutJSONCheck(name, of), serverMade...) >= 0 {
		return d, fault.DefinitionForm.With("%s", fold(name))
	}
	for i := of.from; i < of.to; i++ {
		switch {
		case u.is(i, "NOT") && u.is(i+1, "NULL"):
			d.notNull = true
		case u.is(i, "INVISIBLE"):
			d.unlisted = true
		case u.is(i, "COMMENT") && i+1 < of.to && u.toks[i+1].Kind == token.String:
			d.comment = span{i, i + 2}
		}
	}
	return d, nil
}

// charsetOptions finds what tells a table's character set among its options.
func (u *unit) charsetOptions(from int) span {
	first, last := u.end, u.end
	for i := from; i < u.end; i++ {
		n := 0
		switch {
		case u.is(i, "CHARSET", "COLLATE"):
			n = 1
		case u.is(i, "CHARACTER") && u.is(i+1, "SET"):
			n = 2
		default:
			continue
		}
		if u.op(i+n, "=") {
			n++
		}
		if first == u.end {
			first = i
		}
		last = i + n + 1
	}
	return span{first, min(last, u.end)}
}

// changesOwners reports whether a foreign key's definition changes the owners of rows by itself.
func (u *unit) changesOwners(c *Configured, of span) bool {
	at := u.wordIn(of, "FOREIGN", "REFERENCES")
	if at < 0 {
		return false
	}
	owner := false
	for i := of.from; i < of.to; i++ {
		name, ok := u.name(i)
		owner = owner || ok && strings.EqualFold(name, c.Owner)
	}
	for i := at; owner && i+2 < of.to; i++ {
		if u.is(i, "ON") && (u.is(i+1, "UPDATE") && u.is(i+2, "CASCADE", "SET") || u.is(i+1, "DELETE") && u.is(i+2, "SET")) {
			return true
		}
	}
	return false
}

// withoutJSONCheck cuts CHECK (json_valid(name)) off a definition's end: so MariaDB shows its JSON.
func (u *unit) withoutJSONCheck(column string, of span) span {
	at := of.to - 7
	if at <= of.from || !u.is(at, "CHECK") || !u.op(at+1, "(") || !u.is(at+2, "JSON_VALID") || !u.op(at+3, "(") || !u.op(at+5, ")") || !u.op(at+6, ")") {
		return of
	}
	if name, ok := u.name(at + 4); !ok || !strings.EqualFold(name, column) {
		return of
	}
	return span{of.from, at}
}
