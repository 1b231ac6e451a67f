package logical

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// AppendDouble appends a double as the servers print it (my_gcvt): the shortest digits that read as the same number, with an
// exponent when the point would be far away.
func AppendDouble(dst []byte, f float64) []byte { return appendFloat(dst, f, -1) }

// appendFloat rounds to so many significant digits; -1 is as many as are needed.
func appendFloat(dst []byte, f float64, digits int) []byte {
	const farthest = 15 // digits before the point, or zeros behind it
	if digits > 0 {
		digits-- // FormatFloat counts those behind the point
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', digits, 64), "e")
	if whole, fraction, dotted := strings.Cut(mantissa, "."); dotted {
		mantissa = strings.TrimSuffix(whole+"."+strings.TrimRight(fraction, "0"), ".")
	}
	e, _ := strconv.Atoi(exponent)
	if e >= farthest || e < -farthest {
		return strconv.AppendInt(append(append(dst, mantissa...), 'e'), int64(e), 10)
	}
	rounded, _ := strconv.ParseFloat(mantissa+"e"+exponent, 64)
	return strconv.AppendFloat(dst, rounded, 'f', -1, 64)
}

// floating is FLOAT and DOUBLE. Its plaintext is the text of a double.
type floating struct {
	name     string // "double(10,3) unsigned"
	single   bool   // FLOAT
	length   int    // 0 when the type does not say it
	decimals int    // notFixed when the type does not say them
	unsigned bool
	zerofill bool
}

const notFixed = 31 // NOT_FIXED_DEC of the servers

func parseFloating(name string, f fields) Type {
	t := floating{name: name, single: f.base == "float", decimals: notFixed, unsigned: f.unsigned, zerofill: f.zerofill}
	if n, ok := f.number(1); ok {
		t.decimals = n
		t.length, _ = f.number(0)
	}
	return t
}

func (t floating) String() string { return t.name }

// MaxPlaintext is the length of the longest double: the smallest one without an exponent.
func (floating) MaxPlaintext() int { return len("-0.0000000000000012345678901234567") }

// Normalize takes numbers that surely are stored as they are.
func (t floating) Normalize(v Value, _ Mode) ([]byte, *Problem) {
	const exactSingle, exactDouble = 1 << 24, 1 << 53
	f, err := strconv.ParseFloat(string(v.Bytes), 64)
	whole := float64(exactDouble)
	if t.single {
		whole = exactSingle
	}
	switch {
	case err != nil, t.decimals != notFixed, t.unsigned && f < 0, f == 0 && math.Signbit(f):
		return nil, refuse
	case v.Kind == Int && math.Abs(f) <= whole, v.Kind == Float && !t.single && len(v.Bytes) > 0 && !math.IsInf(f, 0) && !math.IsNaN(f):
		return AppendDouble(nil, f), nil
	}
	return nil, refuse
}

// Unset is zero.
func (floating) Unset() []byte { return []byte("0") }

// Form is text.
func (floating) Form() Form { return Text8 }

// AppendText shows a FLOAT with six digits, and either with the decimals of its type.
func (t floating) AppendText(dst, plain []byte, _ Charset) []byte {
	const singleDigits = 6 // FLT_DIG
	f := t.value(plain)
	var text []byte
	switch {
	case t.decimals != notFixed:
		text = strconv.AppendFloat(nil, f, 'f', t.decimals, 64)
	case t.single:
		text = appendFloat(nil, f, singleDigits)
	default:
		text = AppendDouble(nil, f)
	}
	if n := int(t.Column(Charset{}).Length) - len(text); t.zerofill && n > 0 {
		dst = append(dst, strings.Repeat("0", n)...)
	}
	return append(dst, text...)
}

func (t floating) value(plain []byte) float64 {
	f, _ := strconv.ParseFloat(string(orUnset(t, plain)), 64)
	return f
}

// AppendBinary is the number in four or eight bytes.
func (t floating) AppendBinary(dst, plain []byte, _ Charset) []byte {
	if t.single {
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(t.value(plain))))
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(t.value(plain)))
}

// Column is the metadata of the column.
func (t floating) Column(Charset) Meta {
	m := numberMeta(typeDouble, 22, t.unsigned)
	if t.single {
		m.Type, m.Length = typeFloat, 12
	}
	if t.length > 0 {
		m.Length = uint32(t.length)
	}
	m.Decimals = byte(t.decimals)
	if t.zerofill {
		m.SetFlags |= flagZerofill
	}
	return m
}
