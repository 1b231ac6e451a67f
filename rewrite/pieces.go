package rewrite

import (
	"slices"
	"strings"

	"phiproxy/rewrite/token"
)

// piece is one token of the parse text.
type piece struct {
	tok  int    // index of the client's token
	text string // put in its place when not ""
}

// pieces are the tokens of the statement without what the parser does not read although the servers do:
//
//   - strings behind a string, which the servers join;
//   - the N of N'text', which says no more than that it is text;
//   - the SOUNDS of `a SOUNDS LIKE b`: it is a comparison, whichever;
//   - the column list of a derived table, which is remembered for the resolver (MySQL only);
//
// and with the ROW of VALUES (..), (..) as a table, which MariaDB leaves out.
func (u *unit) pieces() []piece {
	p := make([]piece, 0, u.end)
	for i := 0; i < u.end; i++ {
		if u.isString(i) && u.isString(i-1) || u.is(i, "N") && u.isString(i+1) && u.adjacent(i+1) || u.soundsLike(i) {
			continue
		}
		p = append(p, piece{tok: i})
		if u.op(i, "(") && u.tableRow(i) {
			p[len(p)-1].text = "ROW("
		}
		if list := u.columnList(i); list.to > 0 {
			if u.lists == nil {
				u.lists = make(map[int]span)
			}
			u.lists[i] = list
			i = list.to
		}
	}
	return p
}

func (u *unit) isString(i int) bool { return i >= 0 && u.toks[i].Kind == token.String }

// soundsLike reports whether token i is the SOUNDS of an operator and not a column of that name.
func (u *unit) soundsLike(i int) bool {
	if !u.is(i, "SOUNDS") || !u.is(i+1, "LIKE") || i == 0 {
		return false
	}
	switch u.toks[i-1].Kind {
	case token.Word:
		return !keywords[strings.ToUpper(string(u.text(i-1)))]
	case token.Op:
		return u.op(i-1, ")")
	case token.EOF:
		return false
	}
	return true
}

// columnList is the list of names behind the alias at token i of a derived table, without its parentheses: `(SELECT ..) AS
// d (a, b)`. Its end is 0 when there is none.
func (u *unit) columnList(i int) span {
	alias := i
	if u.is(i-1, "AS") {
		i--
	}
	if u.schema.Flavor != MySQL || !u.op(i-1, ")") || !u.op(alias+1, "(") || !u.plainName(alias) {
		return span{}
	}
	for at := alias + 2; u.plainName(at); at += 2 {
		if u.op(at+1, ")") {
			return span{alias + 2, at + 1}
		}
		if !u.op(at+1, ",") {
			break
		}
	}
	return span{}
}

// plainName reports whether token i is a name and nothing that the grammar gives a meaning.
func (u *unit) plainName(i int) bool {
	return i < u.end && (u.toks[i].Kind == token.Quoted || u.toks[i].Kind == token.Word && !keywords[strings.ToUpper(string(u.text(i)))])
}

// cut takes the tokens [from, to) out of the pieces.
func cut(pieces []piece, from, to int) []piece {
	return slices.DeleteFunc(pieces, func(p piece) bool { return from <= p.tok && p.tok < to })
}

// tableRow reports whether the parenthesis at token i begins a row of MariaDB's VALUES (1, 2), (3, 4) as a table.
func (u *unit) tableRow(i int) bool {
	if u.schema.Flavor != MariaDB {
		return false
	}
	for u.op(i-1, ",") && u.op(i-2, ")") {
		if i = u.opening(i - 2); i < 0 {
			return false
		}
	}
	at := i - 1
	for j := range max(at, 0) {
		if u.is(j, "DUPLICATE") && u.is(j+1, "KEY") {
			return false // VALUES(column)
		}
	}
	return u.is(at, "VALUES") && (at == 0 || u.op(at-1, "(") || u.is(at-1, "AS", "ALL", "DISTINCT", "UNION", "EXCEPT", "INTERSECT"))
}

// opening is the token of the parenthesis that the one at token i closes, -1 without one.
func (u *unit) opening(i int) int {
	depth := 0
	for ; i >= 0; i-- {
		switch {
		case u.op(i, ")"):
			depth++
		case u.op(i, "("):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
