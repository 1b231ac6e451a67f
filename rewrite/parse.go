package rewrite

import (
	"bytes"
	"sort"
	"strconv"
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // values of literals

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// The parse text is what TiDB's parser gets to see. String literal i becomes '\x01i' and identifier i becomes
// `\x01i`, so that every name and literal of the syntax tree tells its token, and no byte of the client's values, no
// character set and no quoting rule can mislead the parser. Words that the grammar gives a meaning stay as they are.

const tag = '\x01'

// parsed is a syntax tree and the way back from it to the tokens.
type parsed struct {
	u       *unit
	stmt    ast.StmtNode
	offsets []int // byte offset in the parse text -> pieces by index
	toks    []int // token of each piece
}

// parse reads the pieces as one statement.
func (u *unit) parse(pieces []piece) (*parsed, *fault.Error) {
	pr := &parsed{u: u, offsets: make([]int, len(pieces)), toks: make([]int, len(pieces))}
	var b bytes.Buffer
	for i, p := range pieces {
		if b.Len() > 0 && !u.adjacent(p.tok) || i > 0 && pieces[i-1].tok != p.tok-1 {
			b.WriteByte(' ')
		}
		pr.offsets[i], pr.toks[i] = b.Len(), p.tok
		if p.text != "" {
			b.WriteString(p.text)
		} else {
			u.print(&b, p.tok)
		}
	}
	p := u.planner.parsers.Get().(*parser.Parser)
	defer u.planner.parsers.Put(p)
	p.SetSQLMode(parserMode(u.state.Mode))
	stmt, err := p.ParseOneStmt(b.String(), "", "")
	if err != nil {
		return nil, fault.Unparsable.With("the parser does not read the statement")
	}
	pr.stmt = stmt
	return pr, nil
}

// tokenAt is the token printed at a byte offset of the parse text.
func (pr *parsed) tokenAt(offset int) int {
	i := sort.SearchInts(pr.offsets, offset+1) - 1
	return pr.toks[max(i, 0)]
}

// print writes token i as the parser shall see it.
func (u *unit) print(b *bytes.Buffer, i int) {
	text := u.text(i)
	switch t := u.toks[i]; t.Kind {
	case token.String:
		u.printString(b, i)
	case token.Quoted:
		writeTag(b, '`', i)
	case token.Word:
		if u.verbatim(i) {
			b.Write(text)
		} else {
			writeTag(b, '`', i)
		}
	case token.Int:
		if text = bytes.TrimLeft(text, "0"); len(text) == 0 || len(text) > 18 { // 0, or more than the parser holds
			text = []byte("0")
		}
		b.Write(text)
	case token.Decimal:
		b.WriteString("1.5")
	case token.Float:
		b.WriteString("1e1")
	case token.Hex:
		b.WriteString("0x41")
	case token.Bit:
		b.WriteString("0b1")
	default:
		b.Write(text)
	}
}

func writeTag(b *bytes.Buffer, quote byte, i int) {
	b.WriteByte(quote)
	b.WriteByte(tag)
	b.WriteString(strconv.Itoa(i))
	b.WriteByte(quote)
}

// printString writes a tagged literal, but for places where the parser insists on certain literals.
func (u *unit) printString(b *bytes.Buffer, i int) {
	switch {
	case u.is(i-1, "ESCAPE"), u.is(i-1, "BY") && u.is(i-2, "TERMINATED", "ENCLOSED", "ESCAPED"):
		b.WriteString("'!'")
	case u.is(i-1, "COLLATE"):
		b.WriteString("'utf8mb4_bin'")
	case u.is(i-1, "CHARSET"), u.is(i-1, "SET") && u.is(i-2, "CHARACTER", "CHAR"):
		b.WriteString("'utf8mb4'")
	default:
		writeTag(b, '\'', i)
	}
}

// verbatim reports whether word i keeps its spelling: keywords, functions, names of character sets. Names that a
// statement's meaning for protected tables hangs on are always tagged, unless the grammar gives the word another meaning
// there.
func (u *unit) verbatim(i int) bool {
	word := string(u.text(i))
	special := u.planner.names.special(word)
	switch {
	case u.op(i-1, "."), u.lists[i].to > 0:
		return false
	case u.toks[i+1].Kind == token.String && (keywords[strings.ToUpper(word)] || word[0] == '_'):
		return true
	case u.op(i+1, "("):
		return !special
	case word[0] == '_' && (u.toks[i+1].Kind == token.Hex || u.toks[i+1].Kind == token.Bit):
		return true
	case u.is(i-1, "COLLATE", "CHARSET"), u.is(i-1, "USING") && u.op(i+1, ")"), u.is(i-1, "SET") && u.is(i-2, "CHARACTER", "CHAR"):
		return true
	}
	return !special && keywords[strings.ToUpper(word)]
}

// ident is the client's identifier behind a name of the syntax tree, and its token; -1 for words that stayed verbatim.
func (u *unit) ident(n ast.CIStr) (string, int) {
	i, ok := tagged(n.O)
	if !ok || i >= len(u.toks) {
		return n.O, -1
	}
	if u.toks[i].Kind == token.String { // an alias may be written as a string
		u.literal = true
		return string(token.Unquote(nil, u.text(i), u.state.Mode)), i
	}
	return u.toks[i].Name(u.sql), i
}

// tagged is the token index in a tagged name or literal.
func tagged(s string) (int, bool) {
	if len(s) < 2 || s[0] != tag {
		return -1, false
	}
	i, err := strconv.Atoi(s[1:])
	return i, err == nil
}

// literal is the token of a string literal of the syntax tree.
func literal(e ast.Node) (int, bool) {
	v, ok := e.(ast.ValueExpr)
	if !ok {
		return -1, false
	}
	s, ok := v.GetValue().(string)
	if !ok {
		return -1, false
	}
	return tagged(s)
}
