package logical

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Date is DATE. Its plaintext is "YYYY-MM-DD".
type Date struct{}

const dateLength = len("YYYY-MM-DD")

func (Date) String() string { return "date" }

// MaxPlaintext is the length of "YYYY-MM-DD".
func (Date) MaxPlaintext() int { return dateLength }

// Normalize is an assignment to the column. Forms that the servers read with a warning of their own (other delimiters) are
// refused.
func (Date) Normalize(v Value, m Mode) ([]byte, *Problem) {
	if !v.Certain(m) {
		return nil, refuse
	}
	if v.Kind == Int {
		v.Bytes = withoutZeros(v.Bytes)
	}
	d, ok := parseDate(v)
	switch day, cut := withoutClock(v); {
	case cut:
		return dayOf(day, v.Bytes, m)
	case ok && d.valid(m):
		return d.plaintext(), nil
	case !ok && !hopeless(v):
		return nil, refuse
	case m.Strict && !plainlyShown(v.Bytes):
		return nil, refuse
	case m.Strict:
		return nil, &Problem{Code: 1292, State: "22007", Text: "Incorrect date value: '" + string(v.Bytes) + "'", Fatal: true}
	case d.year == 0 && d.month == 0 && d.day == 0 && ok, ok && (d.month == 0 || d.day == 0):
		return nil, refuse // the warning differs between servers
	case ok && !m.MariaDB && v.Kind != Int && d.month <= 12 && d.day <= 31:
		return []byte("0000-00-00"), &Problem{Code: 1264, State: "22003", Text: "Out of range value"}
	}
	return []byte("0000-00-00"), &Problem{Code: 1265, State: "01000", Text: "Data truncated"}
}

// withoutClock is the day of a moment that is no midnight, as "YYYY-MM-DD hh:mm:ss".
func withoutClock(v Value) (d date, ok bool) {
	const moment = len("YYYY-MM-DD hh:mm:ss")
	if v.Kind == Int || len(v.Bytes) != moment || v.Bytes[dateLength] != ' ' || !inRange(string(v.Bytes[dateLength+1:]), ":", 23, 59, 59) {
		return date{}, false
	}
	if d, ok = dashedDate(v.Bytes[:dateLength]); !ok || len(withoutMidnight(v.Bytes)) == dateLength {
		return date{}, false
	}
	return d, true
}

// dayOf stores the day of a moment, with a note that its time of day is lost.
func dayOf(d date, moment []byte, m Mode) ([]byte, *Problem) {
	if !d.valid(m) || (d == date{}) {
		return nil, refuse
	}
	if m.Strict && !m.MariaDB {
		return d.plaintext(), &Problem{Code: 1292, State: "22007", Text: "Incorrect date value: '" + string(moment) + "'", Note: true}
	}
	return d.plaintext(), &Problem{Code: 1265, State: "01000", Text: "Data truncated", Note: true}
}

func (d date) plaintext() []byte { return fmt.Appendf(nil, "%04d-%02d-%02d", d.year, d.month, d.day) }

// withoutZeros takes the leading zeros off a number: the server never sees them.
func withoutZeros(digits []byte) []byte {
	if rest := bytes.TrimLeft(digits, "0"); len(rest) > 0 || len(digits) == 0 {
		return rest
	}
	return digits[:1]
}

// hopeless reports whether a text is certainly no date, and one that the servers show alike: its first character is no
// digit and no white space.
func hopeless(v Value) bool {
	if v.Kind != String || !utf8.Valid(v.Bytes) {
		return false
	}
	return len(v.Bytes) == 0 || v.Bytes[0] > ' ' && v.Bytes[0] < 0x7f && (v.Bytes[0] < '0' || v.Bytes[0] > '9') && bytes.IndexByte([]byte("-+.:/,*"), v.Bytes[0]) < 0
}

// plainlyShown reports whether every server shows a wrong date as it is: longer ones are cut, control characters escaped,
// each server in its own way.
func plainlyShown(b []byte) bool {
	const most = 128
	return len(b) <= most && bytes.IndexFunc(b, unicode.IsControl) < 0
}

type date struct{ year, month, day int }

// parseDate reads the forms that every server reads alike and without a word.
func parseDate(v Value) (date, bool) {
	switch v.Kind {
	case Int:
		return numberDate(v.Bytes)
	case String:
		b := v.Bytes
		if d, ok := digitDate(b); ok {
			return d, ok
		}
		return dashedDate(withoutMidnight(b))
	case Temporal, Timestamp:
		return dashedDate(withoutMidnight(v.Bytes))
	}
	return date{}, false
}

// Certain reports whether the server reads a date of the binary protocol as the text that it is here. One whose fields are
// out of range is an error to MySQL and a zero date to MariaDB, each in its own words; a TIMESTAMP is a moment to MariaDB,
// which takes it through the session's time zone: there is none before 1970. Values of other kinds are always certain.
func (v Value) Certain(m Mode) bool {
	if v.Kind != Temporal && v.Kind != Timestamp {
		return true
	}
	moment := string(v.Bytes)
	day, clock, _ := strings.Cut(moment, " ")
	if v.Kind == Timestamp && m.MariaDB && day != "0000-00-00" {
		return false
	}
	return inRange(day, "-", 9999, 12, 31) && (clock == "" || inRange(clock, ":", 23, 59, 59))
}

// inRange reports whether the numbers of a text are at most so large; what follows a point in the last one does not count.
func inRange(text, separator string, most ...int) bool {
	parts := strings.Split(text, separator)
	if len(parts) != len(most) {
		return false
	}
	for i, p := range parts {
		p, _, _ = strings.Cut(p, ".")
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil || int(n) > most[i] {
			return false
		}
	}
	return true
}

// withoutMidnight takes a time of day of zero off.
func withoutMidnight(b []byte) []byte {
	if len(b) > dateLength && (b[dateLength] == ' ' || b[dateLength] == 'T') {
		switch string(b[dateLength+1:]) {
		case "00:00:00", "00:00:00.000000", "00:00":
			return b[:dateLength]
		}
	}
	return b
}

// digitDate reads YYYYMMDD and YYMMDD.
func digitDate(b []byte) (date, bool) {
	if len(b) != 8 && len(b) != 6 || !allDigits(b) {
		return date{}, false
	}
	n := len(b) - 4
	d := date{number(b[:n]), number(b[n : n+2]), number(b[n+2:])}
	if n == 2 {
		d = d.inCentury()
	}
	return d, true
}

// numberDate reads a number: 0, YMMDD, YYMMDD or YYYYMMDD, without leading zeros (MySQL's number_to_datetime). Of the years
// of two digits 70 to 99 are of the last century, and the numbers in between that begin or end no year are no dates.
func numberDate(b []byte) (date, bool) {
	const longest = len("YYYYMMDD")
	if len(b) > longest || !allDigits(b) {
		return date{}, false
	}
	n, _ := strconv.Atoi(string(b))
	switch {
	case n == 0:
		return date{}, true
	case n >= 1000_01_01:
		return date{n / 1_00_00, n / 1_00 % 100, n % 100}, true
	case n >= 70_01_01 && n <= 99_12_31, n >= 1_01 && n <= 69_12_31:
		return date{n / 1_00_00, n / 1_00 % 100, n % 100}.inCentury(), true
	case n > 99_12_31 && n <= 99_99_99, n > 69_12_31 && n < 70_01_01, n < 1_01:
		return date{1, 99, 99}, true // no day in any mode
	}
	return date{}, false
}

// dashedDate reads YYYY-M-D and YY-M-D.
func dashedDate(b []byte) (date, bool) {
	year, rest, _ := bytes.Cut(b, []byte("-"))
	month, day, ok := bytes.Cut(rest, []byte("-"))
	if !ok {
		return date{}, false
	}
	parts := [...][]byte{year, month, day}
	for i, p := range parts {
		if !allDigits(p) || i > 0 && len(p) > 2 {
			return date{}, false
		}
	}
	d := date{number(parts[0]), number(parts[1]), number(parts[2])}
	switch len(parts[0]) {
	case 2:
		d = d.inCentury()
	case 4:
	default:
		return date{}, false
	}
	return d, true
}

// inCentury completes a year of two digits: 70 to 99 are of the last century (MySQL manual, "2-Digit Years in Dates").
// The zero date stays what it is.
func (d date) inCentury() date {
	switch {
	case d == date{}:
		return d
	case d.year < 70:
		d.year += 2000
	default:
		d.year += 1900
	}
	return d
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// number reads at most four digits.
func number(b []byte) int {
	n, _ := strconv.Atoi(string(b))
	return n
}

func (d date) valid(m Mode) bool {
	switch {
	case d == date{}:
		return !m.NoZeroDate
	case d.month > 12 || d.day > 31:
		return false
	case d.month == 0 || d.day == 0:
		return !m.NoZeroInDate
	}
	return m.AllowInvalid || d.day <= daysIn(d.year, d.month)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0 && year != 0) { // the servers' year 0 is no leap year
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// Unset is the zero date.
func (Date) Unset() []byte { return []byte("0000-00-00") }

// Form is text.
func (Date) Form() Form { return Text8 }

// AppendText is the plaintext itself.
func (t Date) AppendText(dst, plain []byte, _ Charset) []byte {
	return append(dst, orUnset(t, plain)...)
}

// AppendBinary is year, month and day behind their length; the zero date has length 0 (MySQL manual, "Binary Protocol
// Value").
func (Date) AppendBinary(dst, plain []byte, _ Charset) []byte {
	d, _ := dashedDate(plain)
	if (d == date{}) {
		return append(dst, 0)
	}
	return append(binary.LittleEndian.AppendUint16(append(dst, 4), uint16(d.year)), byte(d.month), byte(d.day))
}

// Column is the metadata of the column.
func (Date) Column(Charset) Meta {
	return Meta{Type: typeDate, Charset: binaryCollation, Length: uint32(dateLength), SetFlags: flagBinary, ClearFlags: flagBlob}
}
