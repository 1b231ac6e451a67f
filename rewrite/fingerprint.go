package rewrite

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"phiproxy/rewrite/token"
)

// Shape is what may be shown of a statement to people who must not see its values: in lists, logs and metrics.
//
// It is made of nothing but keywords, operators, names of the schema, names that stand in front of a parenthesis, and
// placeholders: `?` for every literal and parameter, x1, x2, ... for every other name, such as an alias or a text that
// somebody forgot to quote. Comments are left out; lists of literals, and the tuples of VALUES behind the first, are `...`.
type Shape struct {
	Text string // at most maxShapeText bytes
	Hash uint64 // of the whole text
	Verb string // first keyword, in upper case; "" when there is none
}

const (
	maxShapeText = 2000
	maxShapeName = 64 // longest identifier of the servers
	maxFunction  = 32
	unread       = "(not readable)"
	andSoOn      = "..."
)

// Fingerprint is the hash as text: 16 hexadecimal digits.
func (s *Shape) Fingerprint() string { return fmt.Sprintf("%016x", s.Hash) }

// Shape describes a statement that has no plan. One that cannot be cut into tokens has a shape without a text of its own.
func (p *Planner) Shape(m token.Mode, sql []byte) *Shape {
	toks, err := token.Scan(nil, sql, p.scanOptions(m))
	if err != nil {
		toks = nil
	}
	return p.shapeOf(sql, toks)
}

// UnreadShape stands for statements that were refused before they were read.
func UnreadShape() *Shape {
	w := newShapeWriter(nil, nil, nil)
	w.put(unread)
	return w.shape()
}

func (p *Planner) shapeOf(sql []byte, toks []token.Token) *Shape {
	if len(toks) == 0 {
		return UnreadShape()
	}
	w := newShapeWriter(p.known(), sql, toks)
	list := simpleTuples(sql, toks)
	for i := 0; i < len(toks); i++ {
		if i == list.second {
			w.put(", " + andSoOn)
			i = list.end
		}
		i = w.token(i)
	}
	return w.shape()
}

// knownNames are the names of schemas, tables and columns, folded.
func knownNames(s *Schema) map[string]bool {
	known := map[string]bool{}
	for _, t := range s.Tables {
		known[fold(t.Schema)], known[fold(t.Name)] = true, true
		for i := range t.Columns {
			known[fold(t.Columns[i].Name)] = true
		}
	}
	return known
}

type shapeWriter struct {
	known map[string]bool
	sql   []byte
	toks  []token.Token
	text  strings.Builder
	full  bool // text takes no more; hash does
	hash  hash.Hash
	verb  string
	names map[string]string // folded name that is not known -> placeholder
}

func newShapeWriter(known map[string]bool, sql []byte, toks []token.Token) *shapeWriter {
	return &shapeWriter{known: known, sql: sql, toks: toks, hash: sha256.New(), names: map[string]string{}}
}

func (w *shapeWriter) shape() *Shape {
	return &Shape{Text: w.text.String(), Hash: binary.BigEndian.Uint64(w.hash.Sum(nil)), Verb: w.verb}
}

func (w *shapeWriter) put(s string) {
	w.hash.Write([]byte(s))
	switch {
	case w.full:
	case len(s) <= maxShapeText-len(andSoOn)-w.text.Len():
		w.text.WriteString(s)
	default:
		w.text.WriteString(andSoOn)
		w.full = true
	}
}

// token writes token i and returns the index of the last token that this covers.
func (w *shapeWriter) token(i int) int {
	t := w.toks[i]
	switch {
	case t.Kind == token.EOF:
		return i
	case t.Kind == token.Op:
		w.operator(i)
		return i
	}
	w.space(i)
	if isValue(t.Kind) {
		return w.literals(i)
	}
	w.put(w.name(i))
	return i
}

// literals writes a literal and leaves out those that follow it in a list.
func (w *shapeWriter) literals(i int) int {
	w.put("?")
	last := i
	for {
		next := last + 2
		if next < len(w.toks) && w.isSign(next) {
			next++
		}
		if next >= len(w.toks) || !w.toks[last+1].IsOp(w.sql, ",") || !isValue(w.toks[next].Kind) {
			break
		}
		last = next
	}
	if last > i {
		w.put(", " + andSoOn)
	}
	return last
}

func isValue(k token.Kind) bool {
	switch k {
	case token.String, token.Int, token.Decimal, token.Float, token.Hex, token.Bit, token.Param:
		return true
	}
	return false
}

func (w *shapeWriter) isSign(i int) bool {
	return w.toks[i].IsOp(w.sql, "-") || w.toks[i].IsOp(w.sql, "+")
}

// operator writes an operator. The sign of a number is part of the literal, and a last semicolon says nothing.
func (w *shapeWriter) operator(i int) {
	switch {
	case w.isSign(i) && isValue(w.toks[i+1].Kind) && i > 0 && w.toks[i-1].Kind == token.Op && !w.toks[i-1].IsOp(w.sql, ")"):
		return
	case w.toks[i].IsOp(w.sql, ";") && w.toks[i+1].Kind == token.EOF:
		return
	}
	w.space(i)
	w.put(string(w.toks[i].Text(w.sql)))
}

// space writes the space in front of token i, where people would write one.
func (w *shapeWriter) space(i int) {
	if i == 0 {
		return
	}
	t, before := w.toks[i], w.toks[i-1]
	switch {
	case t.IsOp(w.sql, ","), t.IsOp(w.sql, ")"), t.IsOp(w.sql, "."), t.IsOp(w.sql, ";"), before.IsOp(w.sql, "("), before.IsOp(w.sql, "."),
		t.IsOp(w.sql, "(") && before.Kind == token.Word && before.End == t.Start:
		return
	}
	w.put(" ")
}

// name writes what may be shown of a word or name.
func (w *shapeWriter) name(i int) string {
	t := w.toks[i]
	switch t.Kind {
	case token.UserVar:
		return "@" + w.placeholder(string(t.Text(w.sql)))
	case token.SysVar:
		if name := string(t.Text(w.sql)); isPlain(name[2:]) && len(name) <= maxShapeName {
			return strings.ToLower(name)
		}
		return "@@" + w.placeholder(string(t.Text(w.sql)))
	}
	name := t.Name(w.sql)
	upper := strings.ToUpper(name)
	switch {
	case t.Kind == token.Word && keywords[upper]:
		if w.verb == "" {
			w.verb = upper
		}
		return upper
	case w.known[fold(name)] && len(name) <= maxShapeName:
		return name
	case t.Kind == token.Word && w.toks[i+1].IsOp(w.sql, "(") && len(name) <= maxFunction && isPlain(name):
		return upper
	}
	return w.placeholder(fold(name))
}

// isPlain reports whether a name has only ASCII letters, digits and underscores.
func isPlain(name string) bool {
	for _, c := range []byte(name) {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func (w *shapeWriter) placeholder(name string) string {
	p, ok := w.names[name]
	if !ok {
		p = "x" + strconv.Itoa(len(w.names)+1)
		w.names[name] = p
	}
	return p
}
