// Package logical knows the types that protected columns have for clients although they are stored as VARBINARY:
// how a client's value is normalised (or warned about, or refused) the way MySQL would have done it, how the stored
// plaintext is shown in the text and the binary protocol, and what the column's metadata says.
//
// A type is one small file that implements Type.
//
// # Plaintext
//
// Inside an envelope is one canonical text, so that the same value always has the same plaintext: that which the server itself
// shows of it in UTF-8 with time_zone UTC, but for the types whose text tells less than the value.
//
//	CHAR, VARCHAR, TEXT family     the text in UTF-8, CHAR without trailing spaces
//	TINYINT .. BIGINT              digits: 42, -7; with ZEROFILL as many as the column is wide: 00042
//	DATE                           YYYY-MM-DD
//	TIME(n)                        [-]hh:mm:ss[.fraction of n digits], hours with two or three digits
//	DATETIME(n), TIMESTAMP(n)      YYYY-MM-DD hh:mm:ss[.fraction of n digits]; TIMESTAMP in UTC
//	YEAR                           YYYY, 0000 for the year that is none
//	DECIMAL(m,n)                   digits with n decimals: -1.50; with ZEROFILL filled up
//	FLOAT, DOUBLE                  the shortest text of the double: 0.1, 1.5e-20; a FLOAT as the double that it is
//	BINARY, VARBINARY, BLOB family the bytes; BINARY filled up with zeros
//	ENUM, SET                      the member; the members in the order of their definition, with commas
//	BIT                            the number in decimal digits
//	JSON                           the text that the server prints
//
// A value that Go cannot prove to be canonical is refused by Normalize, for the scratch server to convert.
package logical

import "time"

// Type is the logical type of a protected column.
type Type interface {
	// String is the COLUMN_TYPE as information_schema prints it: "varchar(250)", "date", "text".
	String() string
	// MaxPlaintext is the longest canonical plaintext in bytes; it sizes the physical column.
	MaxPlaintext() int
	// Normalize turns a client's value into canonical plaintext as an assignment to such a column would.
	// A Problem comes back when the server would have warned or refused; with Problem.Fatal the value must not be used.
	Normalize(v Value, m Mode) ([]byte, *Problem)
	// Unset is the plaintext that an empty stored value stands for: a server without strict mode stores one in a NOT NULL
	// column that an INSERT leaves out.
	Unset() []byte
	// Form says how the plaintext is given to a server.
	Form() Form
	// AppendText appends the plaintext as the text protocol shows it, in the result character set.
	AppendText(dst, plain []byte, cs Charset) []byte
	// AppendBinary appends the plaintext as a binary protocol row holds it, its own length prefix included.
	AppendBinary(dst, plain []byte, cs Charset) []byte
	// Column is the metadata that a column definition packet shows for it.
	Column(cs Charset) Meta
}

// Form is how a plaintext is written for a server that stores it in a column of the type.
type Form uint8

const (
	Text8  Form = iota // a string of UTF-8
	Bytes              // a binary string
	Digits             // a number
)

// orUnset is the plaintext, or what an empty one stands for.
func orUnset(t Type, plain []byte) []byte {
	if len(plain) == 0 {
		return t.Unset()
	}
	return plain
}

// ValueKind says how the client wrote a value.
type ValueKind uint8

const (
	String    ValueKind = iota // Bytes holds UTF-8 (already converted from the client's character set)
	Binary                     // Bytes holds raw bytes: x'..', 0x.., _binary'..', a BLOB parameter
	Int                        // Bytes holds decimal digits with an optional sign
	Decimal                    // Bytes holds the literal: 1.50
	Float                      // Bytes holds the shortest text MySQL prints for the double
	Temporal                   // Bytes holds "YYYY-MM-DD[ hh:mm:ss[.ffffff]]" from a DATE or DATETIME parameter of the binary protocol
	Timestamp                  // the same from a TIMESTAMP parameter
	Clock                      // Bytes holds "[-]hh:mm:ss[.ffffff]" from a TIME parameter
)

// Value is one client value; NULL and DEFAULT never get here.
type Value struct {
	Kind  ValueKind
	Bytes []byte
}

// Mode is the part of the session that decides how bad values are treated.
type Mode struct {
	Strict       bool // STRICT_TRANS_TABLES or STRICT_ALL_TABLES, and not INSERT IGNORE
	NoZeroDate   bool
	NoZeroInDate bool
	AllowInvalid bool // ALLOW_INVALID_DATES
	MariaDB      bool // texts and a few rules differ
}

// Problem is what the server would have said about a value. Text is the message without " for column ... at row N",
// which the caller knows how to finish: for 1406 it is "Data too long", for 1292 "Incorrect date value: '...'" and so on.
type Problem struct {
	Code  uint16 // 1406, 1292, 1366, 1265, 1264 ...
	State string // SQLSTATE
	Text  string
	Fatal bool // an error in this Mode; otherwise a warning, and the adjusted plaintext is returned with it
	Note  bool // no more than a note: white space or a time of day was cut off
	// Refuse is set for a value whose treatment by the server is not certain: it must not be used, whatever the Mode.
	Refuse bool
}

// Charset is the result character set of a session (character_set_results) as far as columns need it.
type Charset struct {
	Name   string // "utf8mb4", "utf8mb3", "latin1", "ascii", or "binary" when it is NULL or binary
	ID     uint16 // collation id to show in column definitions of text columns; for "binary" the column's own collation is shown unless it is 63
	MaxLen int    // bytes per character: 4, 3, 1
	// Zone is where TIMESTAMP is shown: the session's time_zone. nil is UTC.
	Zone *time.Location
}

// Meta is the part of a column definition packet that depends on the type.
type Meta struct {
	Type                 byte   // protocol type code: 253 VAR_STRING, 252 BLOB, 10 DATE
	Charset              uint16 // collation id
	Length               uint32 // display length in bytes
	Decimals             byte
	SetFlags, ClearFlags uint16 // applied to the flags that the server sent for the physical column
}
