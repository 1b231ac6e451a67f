package rewrite

import (
	"encoding/binary"

	"phiproxy/rewrite/token"
)

// The shape of a statement is its text without the literals' values. Statements of one shape have the same plan: a plan
// depends on what kind a literal is, but not on its value, except for numbers in ORDER BY and GROUP BY, which name
// columns by position.
//
// VALUES lists of an INSERT or REPLACE that hold nothing but literals count as one tuple each, so that the number of rows is
// no part of the shape. Plans count tokens from the end of the list, or as if it had one tuple.

// Marks of a shape key. None of them is text.
const (
	markString = 0x01 + iota
	markNumber
	markBinary
	markTuples
	markEnd
	markGlued
)

// shapeKey appends the key of a statement's shape to dst.
func shapeKey(dst []byte, st State, sql []byte, toks []token.Token) []byte {
	dst = append(append(dst, st.Database...), 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(st.Mode))
	if st.Prepared {
		dst = append(dst, 'p')
	}
	list := simpleTuples(sql, toks)
	positions := false // inside of ORDER BY or GROUP BY
	for i := 0; i < len(toks); i++ {
		if i == list.second {
			dst = append(dst, markTuples)
			i = list.end
		}
		t := toks[i]
		dst = append(dst, 0)
		if glueMatters(sql, toks, i) {
			dst = append(dst, markGlued)
		}
		switch t.Kind {
		case token.String:
			dst = append(dst, markString)
		case token.Int, token.Decimal, token.Float:
			if positions {
				dst = append(dst, t.Text(sql)...)
			} else {
				dst = append(dst, markNumber, byte(t.Kind))
			}
		case token.Hex, token.Bit:
			dst = append(dst, markBinary, byte(t.Kind))
		case token.EOF:
			dst = append(dst, markEnd)
		default:
			positions = inPositions(positions, t, sql)
			dst = append(dst, t.Text(sql)...)
		}
	}
	return dst
}

// glueMatters reports whether token i follows a word without a space and means something else with one: a call, the string
// of an introducer, a qualified name.
func glueMatters(sql []byte, toks []token.Token, i int) bool {
	if i == 0 || toks[i-1].Kind != token.Word || toks[i-1].End != toks[i].Start {
		return false
	}
	return toks[i].Kind == token.String || toks[i].IsOp(sql, "(") || toks[i].IsOp(sql, ".")
}

// inPositions follows whether numbers are column positions: from BY to the clause behind it.
func inPositions(was bool, t token.Token, sql []byte) bool {
	switch {
	case t.Kind != token.Word:
		return was
	case t.Is(sql, "BY"):
		return true
	case t.Is(sql, "LIMIT"), t.Is(sql, "HAVING"), t.Is(sql, "WHERE"), t.Is(sql, "SELECT"), t.Is(sql, "FROM"):
		return false
	}
	return was
}

// tupleList is where the VALUES list of a statement stands.
type tupleList struct {
	first  int // token of the first tuple's parenthesis; -1 without a list
	second int // token of the comma in front of the second tuple; -1 when there is no second one, or when the list is not simple
	end    int // token behind the list
}

// simpleTuples finds a VALUES list of literals. Only the first tuple counts in a shape; the others must have as many
// values.
func simpleTuples(sql []byte, toks []token.Token) tupleList {
	none := tupleList{first: -1, second: -1}
	if !toks[0].Is(sql, "INSERT") && !toks[0].Is(sql, "REPLACE") {
		return none
	}
	list := findTuples(sql, toks)
	if list.first < 0 || list.second < 0 || !toks[list.first].IsOp(sql, "(") { // the kinds of all values in ROW(..) matter
		return none
	}
	width := -1
	for i := list.first; i < list.end; {
		next, n := simpleTuple(sql, toks, i)
		if n < 0 || width >= 0 && n != width {
			return none
		}
		width, i = n, next+1
	}
	return list
}

// findTuples finds the VALUES list behind INSERT INTO t [(columns)].
func findTuples(sql []byte, toks []token.Token) tupleList {
	none := tupleList{first: -1, second: -1}
	depth := 0
	for i, t := range toks {
		switch {
		case t.IsOp(sql, "("):
			depth++
		case t.IsOp(sql, ")"):
			depth--
		case depth == 0 && (t.Is(sql, "SELECT") || t.Is(sql, "SET") || t.Is(sql, "TABLE") || t.Is(sql, "WITH")):
			return none
		case depth == 0 && (t.Is(sql, "VALUES") || t.Is(sql, "VALUE")):
			if _, ok := tupleAt(sql, toks, i+1); ok {
				return tuplesFrom(sql, toks, i+1)
			}
		}
	}
	return none
}

// tupleAt is the parenthesis of the tuple that begins at token i, which may be written ROW(..).
func tupleAt(sql []byte, toks []token.Token, i int) (open int, ok bool) {
	if i+1 < len(toks) && toks[i].Is(sql, "ROW") {
		i++
	}
	return i, i < len(toks) && toks[i].IsOp(sql, "(")
}

func tuplesFrom(sql []byte, toks []token.Token, first int) tupleList {
	list := tupleList{first: first, second: -1}
	for i := first; ; {
		end := closingToken(sql, toks, i)
		list.end = end + 1
		if _, ok := tupleAt(sql, toks, list.end+1); !ok || !toks[list.end].IsOp(sql, ",") {
			return list
		}
		if list.second < 0 {
			list.second = list.end
		}
		i = list.end + 1
	}
}

// closingToken is the token that closes the parenthesis at token i, or the one in front of EOF.
func closingToken(sql []byte, toks []token.Token, i int) int {
	depth := 0
	for ; i < len(toks)-2; i++ {
		switch {
		case toks[i].IsOp(sql, "("):
			depth++
		case toks[i].IsOp(sql, ")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// simpleTuple reads a tuple of literals: how many values it has, and the token behind it. n is -1 for any other tuple.
func simpleTuple(sql []byte, toks []token.Token, i int) (next, n int) {
	for i++; ; i++ {
		if toks[i].IsOp(sql, "-") || toks[i].IsOp(sql, "+") {
			if i++; toks[i].Kind != token.Int && toks[i].Kind != token.Decimal && toks[i].Kind != token.Float {
				return 0, -1
			}
		}
		if !simpleValue(sql, toks[i]) {
			return 0, -1
		}
		n++
		i++
		switch {
		case toks[i].IsOp(sql, ")"):
			return i + 1, n
		case !toks[i].IsOp(sql, ","):
			return 0, -1
		}
	}
}

func simpleValue(sql []byte, t token.Token) bool {
	switch t.Kind {
	case token.String, token.Int, token.Decimal, token.Float, token.Hex, token.Bit, token.Param:
		return true
	case token.Word:
		return t.Is(sql, "NULL") || t.Is(sql, "DEFAULT") || t.Is(sql, "TRUE") || t.Is(sql, "FALSE")
	}
	return false
}
