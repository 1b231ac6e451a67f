package logical

import "math"

// json is MySQL's JSON. Its plaintext is the text that the server prints. MariaDB's is a LONGTEXT.
type json struct{}

func (json) String() string { return "json" }

// MaxPlaintext is the limit of a LONGTEXT.
func (json) MaxPlaintext() int { return math.MaxUint32 }

// Normalize leaves all to the server, which has an order of keys and a way to print numbers of its own.
func (json) Normalize(Value, Mode) ([]byte, *Problem) { return nil, refuse }

// Unset is the value null.
func (json) Unset() []byte { return []byte("null") }

// Form is text.
func (json) Form() Form { return Text8 }

// AppendText is the plaintext itself: JSON is in utf8mb4 whatever the character set of results.
func (t json) AppendText(dst, plain []byte, _ Charset) []byte {
	return append(dst, orUnset(t, plain)...)
}

// AppendBinary is the text with its length in front.
func (t json) AppendBinary(dst, plain []byte, _ Charset) []byte {
	return appendCounted(dst, orUnset(t, plain))
}

// Column is the metadata of the column.
func (json) Column(Charset) Meta {
	return Meta{Type: typeJSON, Charset: binaryCollation, Length: math.MaxUint32, SetFlags: flagBinary | flagBlob}
}
