package packet

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// ErrNoLiteral says that a parameter has no SQL literal that means the same: a float that is not a number, say.
var ErrNoLiteral = errors.New("parameter has no literal form")

// LiteralStyle says how literals are written.
type LiteralStyle struct {
	NoBackslashEscapes bool // the session's sql_mode holds NO_BACKSLASH_ESCAPES
	// TypedTemporal writes TIMESTAMP'..', DATE'..' and TIME'..' instead of plain strings. That is what a bound value
	// means everywhere; a plain string means the same only where a date or time of the kind is wanted, and is
	// understood by more parsers. Dates outside the calendar are always plain: they have no typed form.
	TypedTemporal bool
}

// Inline appends the statement with each parameter mark replaced by the literal of its parameter, set off by spaces so
// that it cannot grow together with its neighbours. marks holds the byte offsets of the marks, ascending, one for each
// parameter. Parameters that were sent as long data must have their collected bytes in Value. Dates and times are written
// as plain strings, which is what the planner reads as a value for a protected column.
func Inline(dst, sql []byte, marks []int, params []Param, noBackslashEscapes bool) ([]byte, error) {
	if len(marks) != len(params) {
		return dst, ErrNoLiteral
	}
	at, style := 0, LiteralStyle{NoBackslashEscapes: noBackslashEscapes}
	for i, mark := range marks {
		dst = append(append(dst, sql[at:mark]...), ' ')
		var err error
		if dst, err = AppendLiteral(dst, params[i], style); err != nil {
			return dst, err
		}
		dst = append(dst, ' ')
		at = mark + 1
	}
	return append(dst, sql[at:]...), nil
}

// AppendLiteral appends a SQL literal that means what binding the parameter means. Text stays in the character set of the
// client, byte for byte; the session must not use one whose trail bytes can be a backslash or a quote. Text is
// right in every sql_mode whose NO_BACKSLASH_ESCAPES is as given.
//
// Two differences remain, both of MySQL alone: a bound text that a column's character set cannot hold is error 3988 where a
// literal is 1366, and a bound time with microseconds loses them in a text column.
func AppendLiteral(dst []byte, p Param, style LiteralStyle) ([]byte, error) {
	if p.Null {
		return append(dst, "NULL"...), nil
	}
	switch p.Type {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG:
		return appendInt(dst, p)
	case mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE:
		return appendFloat(dst, p)
	case mysql.MYSQL_TYPE_DECIMAL, mysql.MYSQL_TYPE_NEWDECIMAL:
		return appendDecimal(dst, p.Value)
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIME:
		return appendTemporalLiteral(dst, p, style.TypedTemporal)
	case mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB, mysql.MYSQL_TYPE_BLOB,
		mysql.MYSQL_TYPE_BIT, mysql.MYSQL_TYPE_GEOMETRY, mysql.MYSQL_TYPE_VECTOR:
		return AppendBinaryLiteral(dst, p.Value), nil
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET,
		mysql.MYSQL_TYPE_JSON:
		return AppendTextLiteral(dst, p.Value, style.NoBackslashEscapes), nil
	}
	return dst, ErrNoLiteral
}

// AppendTextLiteral appends a quoted string.
func AppendTextLiteral(dst, text []byte, noBackslashEscapes bool) []byte {
	dst = append(dst, '\'')
	for _, c := range text {
		if c == '\'' || (c == '\\' && !noBackslashEscapes) {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, '\'')
}

// AppendBinaryLiteral appends a binary string. The introducer makes it a string everywhere: a bare x'..' is a number where
// one is wanted.
func AppendBinaryLiteral(dst, value []byte) []byte {
	dst = append(dst, "_binary x'"...)
	return append(hex.AppendEncode(dst, value), '\'')
}

// Text reports whether the parameter is a character string.
func (p Param) Text() bool {
	switch p.Type {
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING:
		return true
	}
	return false
}

// Int reads an integer parameter. For an unsigned one the value is that of the bits.
func (p Param) Int() (n int64, ok bool) {
	switch v := p.Value; {
	case p.Type == mysql.MYSQL_TYPE_TINY && len(v) == 1:
		if p.Unsigned {
			return int64(v[0]), true
		}
		return int64(int8(v[0])), true
	case p.Type == mysql.MYSQL_TYPE_SHORT && len(v) == 2:
		u := binary.LittleEndian.Uint16(v)
		if p.Unsigned {
			return int64(u), true
		}
		return int64(int16(u)), true
	case p.Type == mysql.MYSQL_TYPE_LONG && len(v) == 4:
		u := binary.LittleEndian.Uint32(v)
		if p.Unsigned {
			return int64(u), true
		}
		return int64(int32(u)), true
	case p.Type == mysql.MYSQL_TYPE_LONGLONG && len(v) == 8:
		return int64(binary.LittleEndian.Uint64(v)), true
	}
	return 0, false
}

func appendInt(dst []byte, p Param) ([]byte, error) {
	n, ok := p.Int()
	switch {
	case !ok:
		return dst, ErrNoLiteral
	case p.Unsigned:
		return strconv.AppendUint(dst, uint64(n), 10), nil
	}
	return strconv.AppendInt(dst, n, 10), nil
}

// Float reads a FLOAT or DOUBLE parameter.
func (p Param) Float() (f float64, ok bool) {
	switch v := p.Value; {
	case p.Type == mysql.MYSQL_TYPE_FLOAT && len(v) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v))), true
	case p.Type == mysql.MYSQL_TYPE_DOUBLE && len(v) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(v)), true
	}
	return 0, false
}

// appendFloat always writes an exponent: without one the servers read an exact decimal.
func appendFloat(dst []byte, p Param) ([]byte, error) {
	f, ok := p.Float()
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, ErrNoLiteral
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64), nil
}

// appendDecimal writes a decimal parameter, which is text on the wire, after a look at its syntax. A decimal without a
// point gets one: without it the servers read an integer.
func appendDecimal(dst, v []byte) ([]byte, error) {
	digits, points := 0, 0
	for i, c := range v {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case c == '.':
			points++
		case i == 0 && (c == '-' || c == '+'):
		default:
			return dst, ErrNoLiteral
		}
	}
	if digits == 0 || points > 1 {
		return dst, ErrNoLiteral
	}
	dst = append(dst, v...)
	if points == 0 {
		dst = append(dst, '.')
	}
	return dst, nil
}
