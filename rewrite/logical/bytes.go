package logical

import (
	"bytes"
	"math"
)

// octets is BINARY, VARBINARY and the BLOB family. Its plaintext are the bytes.
type octets struct {
	name  string // "binary(16)"
	limit int    // bytes
	fixed bool   // BINARY: filled up with zeros
	blob  bool
}

func parseOctets(name string, f fields) Type {
	t := octets{name: name, fixed: f.base == "binary", blob: true}
	switch f.base {
	case "tinyblob":
		t.limit = 1<<8 - 1
	case "blob":
		t.limit = 1<<16 - 1
	case "mediumblob":
		t.limit = 1<<24 - 1
	case "longblob":
		t.limit = math.MaxUint32
	default:
		t.blob, t.limit = false, 1
		if n, ok := f.number(0); ok {
			t.limit = n
		}
	}
	return t
}

func (t octets) String() string { return t.name }

// MaxPlaintext is the limit of the type.
func (t octets) MaxPlaintext() int { return t.limit }

// Normalize takes bytes, and texts of ASCII, which are the same in every character set, when they fit.
func (t octets) Normalize(v Value, _ Mode) ([]byte, *Problem) {
	if v.Kind != Binary && (v.Kind != String || !ascii(v.Bytes)) || len(v.Bytes) > t.limit {
		return nil, refuse
	}
	if t.fixed {
		return append(bytes.Clone(v.Bytes), make([]byte, t.limit-len(v.Bytes))...), nil
	}
	return v.Bytes, nil
}

func ascii(b []byte) bool { return bytes.IndexFunc(b, func(r rune) bool { return r >= 0x80 }) < 0 }

// Unset is the empty value, of BINARY zeros.
func (t octets) Unset() []byte {
	if t.fixed {
		return make([]byte, t.limit)
	}
	return nil
}

// Form is bytes.
func (octets) Form() Form { return Bytes }

// AppendText is the plaintext itself.
func (t octets) AppendText(dst, plain []byte, _ Charset) []byte {
	return append(dst, orUnset(t, plain)...)
}

// AppendBinary is the value with its length in front.
func (t octets) AppendBinary(dst, plain []byte, _ Charset) []byte {
	return appendCounted(dst, orUnset(t, plain))
}

// appendCounted appends bytes behind their length.
func appendCounted(dst, b []byte) []byte { return append(appendLength(dst, len(b)), b...) }

// Column is the metadata of the column.
func (t octets) Column(Charset) Meta {
	m := Meta{Type: typeVarString, Charset: binaryCollation, Length: uint32(t.limit), SetFlags: flagBinary, ClearFlags: flagBlob}
	switch {
	case t.blob:
		m.Type, m.SetFlags = typeBlob, flagBinary|flagBlob
	case t.fixed:
		m.Type = typeString
	}
	return m
}

// bit is BIT. Its plaintext is the number in decimal digits.
type bit struct {
	name string // "bit(10)"
	bits int
}

func parseBit(name string, f fields) Type {
	t := bit{name: name, bits: 1}
	if n, ok := f.number(0); ok {
		t.bits = n
	}
	return t
}

func (t bit) String() string { return t.name }

// MaxPlaintext is the length of the largest number of 64 bits.
func (bit) MaxPlaintext() int { return len("18446744073709551615") }

func (t bit) number() integer { return integer{bits: t.bits, unsigned: true} }

// Normalize takes integers that fit.
func (t bit) Normalize(v Value, _ Mode) ([]byte, *Problem) {
	n, ok := t.number().parse(v.Bytes)
	if v.Kind != Int || !ok {
		return nil, refuse
	}
	return t.number().plaintext(n), nil
}

// Unset is zero.
func (bit) Unset() []byte { return []byte("0") }

// Form is a number: a text would be taken for the bits.
func (bit) Form() Form { return Digits }

// AppendText is the number in as many bytes as it has bits for, the highest first.
func (t bit) AppendText(dst, plain []byte, _ Charset) []byte {
	n, _ := t.number().parse(orUnset(t, plain))
	for i := (t.bits + 7) / 8; i > 0; i-- {
		dst = append(dst, byte(uint64(n)>>(8*(i-1))))
	}
	return dst
}

// AppendBinary is the same with its length in front.
func (t bit) AppendBinary(dst, plain []byte, cs Charset) []byte {
	return appendCounted(dst, t.AppendText(nil, plain, cs))
}

// Column is the metadata of the column.
func (t bit) Column(Charset) Meta { return numberMeta(typeBit, uint32(t.bits), true) }
