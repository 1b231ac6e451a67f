package logical

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// text is CHAR, VARCHAR and the TEXT family.
type text struct {
	name   string  // "varchar(250)"
	column Charset // of the column; ID is its collation's
	chars  int     // limit in characters; 0 for the TEXT family
	bytes  int     // limit in bytes of the TEXT family
	fixed  bool    // CHAR: trailing spaces are no part of the value
	json   bool    // MariaDB's JSON: only the server says what is
	bin    bool    // the collation compares bytes
}

// Text is the type of a text expression of so many characters in the connection's character set.
func Text(chars int) Type {
	return text{name: fmt.Sprintf("varchar(%d)", chars), column: Charset{Name: "utf8mb4", MaxLen: 4}, chars: chars}
}

func (t text) String() string { return t.name }

// MaxPlaintext counts UTF-8, whatever the column's character set.
func (t text) MaxPlaintext() int {
	const widest = 4 // bytes of UTF-8
	if t.chars > 0 {
		return t.chars * widest
	}
	if (t.column.MaxLen == 1 || t.column.foreign()) && t.bytes < math.MaxInt/widest {
		return t.bytes * widest
	}
	return t.bytes
}

// Normalize is an assignment to the column.
func (t text) Normalize(v Value, m Mode) ([]byte, *Problem) {
	if t.json || t.column.foreign() && !t.easy(v) {
		return nil, refuse
	}
	switch v.Kind {
	case String:
	case Temporal, Timestamp:
		if !v.Certain(m) || bytes.IndexByte(v.Bytes, '.') >= 0 { // MySQL drops the fraction of a second
			return nil, refuse
		}
	case Binary:
		if t.column.MaxLen == 1 {
			return nil, refuse
		}
	case Int:
		if v.Bytes = plainInt(v.Bytes); v.Bytes == nil {
			return nil, refuse
		}
	case Decimal:
		if !plainDecimal(v.Bytes) {
			return nil, refuse
		}
	default:
		return nil, refuse
	}
	if p := t.wrongCharacter(v.Bytes, m); p != nil {
		return nil, p
	}
	if !t.fixed {
		return t.fit(v.Bytes, m)
	}
	plain, p := t.fit(bytes.TrimRight(v.Bytes, " "), m)
	if p != nil && p.Note {
		p = nil // white space is cut off without a word
	}
	return bytes.TrimRight(plain, " "), p
}

// easy reports whether a value for a column in a foreign character set is ASCII that surely fits.
func (t text) easy(v Value) bool {
	limit := t.chars
	if limit == 0 {
		limit = t.bytes / t.column.MaxLen
	}
	return v.Kind == String && t.column.asciiOf(v.Bytes) && len(v.Bytes) <= limit
}

// shownBytes is how many bytes of a wrong text error 1366 shows.
const shownBytes = 6

var refuse = &Problem{Fatal: true, Refuse: true}

// fit checks the length.
func (t text) fit(b []byte, m Mode) ([]byte, *Problem) {
	end := t.end(b)
	switch {
	case end == len(b):
		return b, nil
	case len(bytes.TrimRight(b[end:], " \t\n\v\f\r")) == 0:
		return b[:end], &Problem{Code: 1265, State: "01000", Text: "Data truncated", Note: true}
	case m.MariaDB && t.chars == 0 && t.column.MaxLen > 1 && end < t.bytes:
		return nil, refuse // it cuts within a character and then says that the character is incorrect
	case m.Strict:
		return nil, &Problem{Code: 1406, State: "22001", Text: "Data too long", Fatal: true}
	}
	return b[:end], &Problem{Code: 1265, State: "01000", Text: "Data truncated"}
}

// end is how many bytes of the value fit.
func (t text) end(b []byte) int {
	if t.chars > 0 && len(b) <= t.chars {
		return len(b)
	}
	n, size := 0, 0
	for i := 0; i < len(b); {
		r, w := utf8.DecodeRune(b[i:])
		size += t.stored(r, w)
		if n++; t.chars > 0 && n > t.chars || t.chars == 0 && size > t.bytes {
			return i
		}
		i += w
	}
	return len(b)
}

// stored is how many bytes a character has in the column's character set.
func (t text) stored(_ rune, utf8Width int) int {
	if t.column.MaxLen == 1 {
		return 1
	}
	return utf8Width
}

// wrongCharacter looks for bytes that are no text, and for characters that the column's character set does not have.
func (t text) wrongCharacter(b []byte, m Mode) *Problem {
	if utf8.Valid(b) && t.column.Name == "utf8mb4" {
		return nil
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 || !t.column.holds(r) {
			if !m.Strict || !t.saidAlike(b, i) {
				return refuse
			}
			state := "HY000"
			if m.MariaDB {
				state = "22007"
			}
			return &Problem{Code: 1366, State: state, Text: "Incorrect string value: '" + shown(b[i:]) + "'", Fatal: true}
		}
		i += n
	}
	return nil
}

// saidAlike reports whether every server says 1366 of the wrong character at i, in the same words.
func (t text) saidAlike(b []byte, i int) bool {
	const (
		del        = 0x7f // shown raw, in octal or in hexadecimal
		surrogates = 0xed // MariaDB stores them
	)
	switch {
	case t.end(b) < len(b): // 1406 may come first
		return false
	case !utf8.Valid(b) && (t.column.Name != "utf8mb4" || b[i] == surrogates):
		return false
	}
	return bytes.IndexByte(b[i:min(i+shownBytes, len(b))], del) < 0
}

// shown prints the first six bytes as the servers do in error 1366.
func shown(b []byte) string {
	var out []byte
	for i, c := range b {
		if i == shownBytes {
			return string(out) + "..."
		}
		if c < ' ' || c > '~' {
			out = fmt.Appendf(out, `\x%02X`, c)
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

// plainInt is the text that an integer literal becomes, nil when that is not certain.
func plainInt(b []byte) []byte {
	const longest = 18 // digits that surely fit 64 bits
	sign := ""
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		if b[0] == '-' {
			sign = "-"
		}
		b = b[1:]
	}
	b = bytes.TrimLeft(b, "0")
	switch {
	case len(b) > longest:
		return nil
	case len(b) == 0:
		return []byte("0")
	}
	return append([]byte(sign), b...)
}

// plainDecimal reports whether a decimal literal is printed as it is written.
func plainDecimal(b []byte) bool {
	whole, fraction, ok := bytes.Cut(bytes.TrimPrefix(b, []byte("-")), []byte("."))
	if len(bytes.Trim(b, "-0.")) == 0 && len(b) > 0 && b[0] == '-' {
		return false // zero loses its sign
	}
	return ok && len(whole) > 0 && len(fraction) > 0 && len(whole)+len(fraction) <= 30 && (len(whole) == 1 || whole[0] != '0')
}

// Unset is the empty text.
func (text) Unset() []byte { return nil }

// Form is text.
func (text) Form() Form { return Text8 }

// AppendText shows the value in the result character set.
func (t text) AppendText(dst, plain []byte, cs Charset) []byte {
	return t.shownIn(cs).appendText(dst, plain)
}

func (t text) shownIn(cs Charset) Charset {
	if cs.Name == "binary" {
		return t.column
	}
	return cs
}

// AppendBinary is the value with its length in front.
func (t text) AppendBinary(dst, plain []byte, cs Charset) []byte {
	cs = t.shownIn(cs)
	if cs.Name == "utf8mb4" {
		return append(appendLength(dst, len(plain)), plain...)
	}
	shown := cs.appendText(nil, plain)
	return append(appendLength(dst, len(shown)), shown...)
}

// appendLength appends a length-encoded integer.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 0xfb:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(dst, 0xfc), uint16(n))
	case n < 1<<24:
		return append(dst, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), uint64(n))
}

// Protocol constants: types, and flags of column definitions.
const (
	typeTiny       = 1
	typeShort      = 2
	typeLong       = 3
	typeFloat      = 4
	typeDouble     = 5
	typeTimestamp  = 7
	typeLongLong   = 8
	typeInt24      = 9
	typeDate       = 10
	typeTime       = 11
	typeDatetime   = 12
	typeYear       = 13
	typeBit        = 16
	typeJSON       = 245
	typeNewDecimal = 246
	typeBlob       = 252
	typeVarString  = 253
	typeString     = 254

	flagBlob     = 16
	flagUnsigned = 32
	flagZerofill = 64
	flagBinary   = 128
	flagEnum     = 256
	flagSet      = 2048

	binaryCollation = 63
)

// Column is the metadata of the column.
func (t text) Column(cs Charset) Meta {
	shown := t.shownIn(cs)
	if cs.ID == binaryCollation {
		shown = cs
	}
	m := Meta{Type: typeVarString, Charset: shown.ID, Length: uint32(t.chars * shown.MaxLen), ClearFlags: flagBinary | flagBlob}
	if t.fixed {
		m.Type = typeString
	}
	if t.chars == 0 {
		m.Type, m.SetFlags = typeBlob, flagBlob
		m.Length = uint32(min(uint64(t.bytes/t.column.least())*uint64(shown.MaxLen), math.MaxUint32))
		if cs.Name == "binary" {
			m.Length = uint32(t.bytes)
		}
	}
	if t.bin {
		m.SetFlags |= flagBinary
	}
	return m
}
