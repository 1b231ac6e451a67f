package logical

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// integer is TINYINT to BIGINT. Its plaintext is the number in decimal digits, filled up with zeros where the column is ZEROFILL.
type integer struct {
	name     string // "int(5) unsigned zerofill"
	bits     int
	protocol byte
	length   uint32
	unsigned bool
	fill     int // digits of a ZEROFILL column, 0 for others
}

// integers are the types by name. Their length is that of the longest number when the type does not say one.
var integers = map[string]struct {
	bits             int
	protocol         byte
	signed, unsigned uint32
}{
	"tinyint": {8, typeTiny, 4, 3}, "smallint": {16, typeShort, 6, 5}, "mediumint": {24, typeInt24, 9, 8}, "int": {32, typeLong, 11, 10}, "bigint": {64, typeLongLong, 20, 20},
}

func parseInteger(name string, f fields) Type {
	kind := integers[f.base]
	t := integer{name: name, bits: kind.bits, protocol: kind.protocol, length: kind.signed, unsigned: f.unsigned}
	if t.unsigned {
		t.length = kind.unsigned
	}
	if n, ok := f.number(0); ok {
		t.length = uint32(n)
	}
	if f.zerofill {
		t.fill = int(t.length)
	}
	return t
}

func (t integer) String() string { return t.name }

// MaxPlaintext is the length of the longest number, or of the fill.
func (t integer) MaxPlaintext() int { return max(len("-9223372036854775808"), t.fill) }

// Normalize takes integers, and texts of plain digits, that are in range.
func (t integer) Normalize(v Value, _ Mode) ([]byte, *Problem) {
	if v.Kind != Int && v.Kind != String || v.Kind == String && !plainDigits(v.Bytes) {
		return nil, refuse
	}
	n, ok := t.parse(v.Bytes)
	if !ok {
		return nil, refuse
	}
	return t.plaintext(n), nil
}

// plainDigits reports whether a text is an integer as the servers print it.
func plainDigits(b []byte) bool {
	digits := bytes.TrimPrefix(b, []byte("-"))
	return allDigits(digits) && (len(digits) == 1 && len(b) == 1 || digits[0] != '0')
}

// parse reads a number of the column's range. What it returns for one that is not signed are its bits.
func (t integer) parse(b []byte) (int64, bool) {
	if t.unsigned {
		n, err := strconv.ParseUint(string(bytes.TrimPrefix(b, []byte("+"))), 10, t.bits)
		return int64(n), err == nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil && n >= math.MinInt64>>(64-t.bits) && n <= math.MaxInt64>>(64-t.bits)
}

func (t integer) plaintext(n int64) []byte {
	switch {
	case t.fill > 0:
		return fmt.Appendf(nil, "%0*d", t.fill, uint64(n))
	case t.unsigned:
		return strconv.AppendUint(nil, uint64(n), 10)
	}
	return strconv.AppendInt(nil, n, 10)
}

// Unset is zero.
func (t integer) Unset() []byte { return t.plaintext(0) }

// Form is text.
func (integer) Form() Form { return Text8 }

// AppendText is the plaintext itself.
func (t integer) AppendText(dst, plain []byte, _ Charset) []byte {
	return append(dst, orUnset(t, plain)...)
}

// AppendBinary is the number in 1, 2, 4 or 8 bytes.
func (t integer) AppendBinary(dst, plain []byte, _ Charset) []byte {
	n, _ := t.parse(orUnset(t, plain))
	switch {
	case t.bits == 8:
		return append(dst, byte(n))
	case t.bits == 16:
		return binary.LittleEndian.AppendUint16(dst, uint16(n))
	case t.bits <= 32:
		return binary.LittleEndian.AppendUint32(dst, uint32(n))
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(n))
}

// Column is the metadata of the column.
func (t integer) Column(Charset) Meta {
	m := numberMeta(t.protocol, t.length, t.unsigned)
	if t.fill > 0 {
		m.SetFlags |= flagZerofill
	}
	return m
}

// numberMeta is the metadata of a number.
func numberMeta(protocol byte, length uint32, unsigned bool) Meta {
	m := Meta{Type: protocol, Charset: binaryCollation, Length: length, ClearFlags: flagBlob | flagBinary}
	if unsigned {
		m.SetFlags = flagUnsigned
	}
	return m
}
