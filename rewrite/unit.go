package rewrite

import (
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// unit is one statement that is planned for the first time.
type unit struct {
	planner *Planner
	schema  *Schema
	state   State
	sql     []byte
	toks    []token.Token // the last one is EOF
	end     int           // index of the token behind the statement: EOF, or the semicolon in front of it
	touched bool          // a protected table was found to be read or written
	lists   map[int]span  // token of a derived table's alias -> the names of its column list
	inner   bool          // the statement is part of another one
	reads   bool          // it is a SELECT, which may read views
	literal bool          // the plan depends on the text of literals, which a shape does not hold
}

// newUnit cuts the text into tokens.
func (p *Planner) newUnit(st State, sql []byte) (*unit, error) {
	toks, err := token.Scan(make([]token.Token, 0, len(sql)/5+8), sql, p.scanOptions(st.Mode))
	if err != nil {
		return nil, err
	}
	return p.unitOf(st, sql, toks), nil
}

func (p *Planner) unitOf(st State, sql []byte, toks []token.Token) *unit {
	u := &unit{planner: p, schema: p.schema, state: st, sql: sql, toks: toks, end: len(toks) - 1}
	for u.end > 0 && u.op(u.end-1, ";") {
		u.end--
	}
	return u
}

// from is the statement that begins at token i of u: the one EXPLAIN or CREATE VIEW ... AS speak of. Its plan can be
// judged but not run, since its edits would count other tokens.
func (u *unit) from(i int) *unit {
	inner := u.planner.unitOf(u.state, u.sql, u.toks[i:])
	inner.inner = true
	return inner
}

func (u *unit) text(i int) []byte { return u.toks[i].Text(u.sql) }

// plainText is the text of the tokens [from, to) without what stands between them: a name with its qualifiers.
func (u *unit) plainText(from, to int) string {
	var b []byte
	for i := from; i < to; i++ {
		b = append(b, u.text(i)...)
	}
	return string(b)
}

// is reports whether token i is one of the unquoted words, given in upper case.
func (u *unit) is(i int, words ...string) bool {
	if i < 0 || i >= len(u.toks) || u.toks[i].Kind != token.Word {
		return false
	}
	for _, w := range words {
		if u.toks[i].Is(u.sql, w) {
			return true
		}
	}
	return false
}

func (u *unit) op(i int, op string) bool {
	return i >= 0 && i < len(u.toks) && u.toks[i].IsOp(u.sql, op)
}

// name is the identifier that token i stands for, without quotes.
func (u *unit) name(i int) (string, bool) {
	if k := u.toks[i].Kind; k != token.Word && k != token.Quoted {
		return "", false
	}
	return u.toks[i].Name(u.sql), true
}

// adjacent reports whether token i follows its predecessor without a space.
func (u *unit) adjacent(i int) bool { return i > 0 && u.toks[i-1].End == u.toks[i].Start }

// find returns the first token from i on that is the word outside of parentheses, or -1.
func (u *unit) find(i int, words ...string) int {
	depth := 0
	for ; i < u.end; i++ {
		switch {
		case u.op(i, "("):
			depth++
		case u.op(i, ")"):
			depth--
		case depth == 0 && u.is(i, words...) && !u.op(i-1, "."):
			return i
		}
	}
	return -1
}

// table resolves a possibly qualified table name that begins at token i; next is the token behind it.
func (u *unit) table(i int) (schema, name string, next int, ok bool) {
	name, ok = u.name(i)
	if !ok {
		return "", "", i, false
	}
	if !u.op(i+1, ".") {
		return u.state.Database, name, i + 1, true
	}
	schema = name
	name, ok = u.name(i + 2)
	return schema, name, i + 3, ok
}

// protectedAt returns the protected table that the name at token i denotes, nil for any other name. It fails when the
// name could denote one but no database is selected.
func (u *unit) protectedAt(i int) (*Table, *fault.Error) {
	schema, name, _, ok := u.table(i)
	if !ok {
		return nil, nil
	}
	return u.protected(schema, name)
}

func (u *unit) protected(schema, name string) (*Table, *fault.Error) {
	if schema == "" && u.planner.names.tables[fold(name)] {
		return nil, fault.NoDatabase.With("table of a protected table's name, no database")
	}
	t := u.schema.Tables[u.schema.Key(schema, name)]
	switch {
	case t != nil && t.Protected:
		return t, nil
	case t == nil && u.planner.names.otherCase(u.schema, schema, name):
		return nil, fault.OtherCase.With("%s.%s", schema, name)
	case t == nil && u.configured(schema, name) != nil:
		return nil, fault.Absent.With("%s.%s", schema, name)
	}
	return nil, nil
}

// configured is what the configuration says of a table, nil for one that is not protected.
func (u *unit) configured(schema, name string) *Configured {
	return u.schema.Configured[u.schema.Key(schema, name)]
}

// mentions returns the tokens of [from, u.end) that are spelled like a protected table or an opaque view or routine.
func (u *unit) mentions(from int) []int {
	var found []int
	for i := from; i < u.end; i++ {
		if name, ok := u.name(i); ok && u.planner.names.table(name) {
			found = append(found, i)
		}
	}
	return found
}

// namesAny reports whether any token of [from, u.end) is spelled like a protected table or an opaque view or routine.
func (u *unit) namesAny(from int) bool { return len(u.mentions(from)) > 0 }

// hasWord reports whether any token of [from, u.end) is one of the unquoted words.
func (u *unit) hasWord(from int, words ...string) bool {
	for i := from; i < u.end; i++ {
		if u.is(i, words...) {
			return true
		}
	}
	return false
}
