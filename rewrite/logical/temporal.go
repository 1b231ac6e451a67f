package logical

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// moment is TIME, DATETIME and TIMESTAMP.
type moment struct {
	name     string // "datetime(3)"
	base     string // "time", "datetime", "timestamp"
	decimals int    // of the seconds
	unsigned bool   // MariaDB says so of TIMESTAMP
}

func parseMoment(name string, f fields, mariaDB bool) Type {
	n, _ := f.number(0)
	return moment{name: name, base: f.base, decimals: n, unsigned: mariaDB && f.base == "timestamp"}
}

func (t moment) String() string { return t.name }

const (
	longestTime   = len("-838:59:59")
	longestMoment = len("YYYY-MM-DD hh:mm:ss")
)

// MaxPlaintext is the length of the longest time, or of a moment.
func (t moment) MaxPlaintext() int {
	n := longestMoment
	if t.base == "time" {
		n = longestTime
	}
	if t.decimals > 0 {
		n += 1 + t.decimals
	}
	return n
}

// Normalize takes times and moments that are written out, without more decimals than the column has. Moments of a TIMESTAMP are
// the session's, and are left to the server.
func (t moment) Normalize(v Value, m Mode) ([]byte, *Problem) {
	switch {
	case t.base == "time" && (v.Kind == String || v.Kind == Clock):
		return t.time(v.Bytes)
	case t.base == "datetime" && (v.Kind == String || v.Kind == Temporal || v.Kind == Timestamp) && v.Certain(m):
		return t.datetime(v.Bytes)
	}
	return nil, refuse
}

func (t moment) time(b []byte) ([]byte, *Problem) {
	clock, ok := t.padded(b)
	if !ok {
		return nil, refuse
	}
	whole, _, _ := strings.Cut(strings.TrimPrefix(clock, "-"), ".")
	const mostHours = 838 // of its last hour only the beginning can be stored
	if len(whole) > len("hh:mm:ss") && whole[0] == '0' || !writtenOut(whole, mostHours-1) {
		return nil, refuse
	}
	if clock[0] == '-' && strings.Trim(clock, "-0:.") == "" {
		return nil, refuse // zero loses its sign
	}
	return []byte(clock), nil
}

// writtenOut reports whether a text is hh:mm:ss.
func writtenOut(clock string, mostHours int) bool {
	n := len(clock)
	return n >= len("hh:mm:ss") && clock[n-3] == ':' && clock[n-6] == ':' && inRange(clock, ":", mostHours, 59, 59)
}

// padded fills the decimals up. A text with more of them than the column has would be rounded.
func (t moment) padded(b []byte) (string, bool) {
	whole, fraction, dotted := strings.Cut(string(b), ".")
	if len(fraction) > t.decimals || dotted && !allDigits([]byte(fraction)) {
		return "", false
	}
	if t.decimals == 0 {
		return whole, true
	}
	return whole + "." + fraction + strings.Repeat("0", t.decimals-len(fraction)), true
}

func (t moment) datetime(b []byte) ([]byte, *Problem) {
	if len(b) == dateLength {
		b = append(bytes.Clone(b), " 00:00:00"...)
	}
	full, ok := t.padded(b)
	if !ok || len(full) < longestMoment || full[dateLength] != ' ' {
		return nil, refuse
	}
	d, ok := dashedDate([]byte(full[:dateLength]))
	clock, _, _ := strings.Cut(full[dateLength+1:], ".")
	switch {
	case !ok || d.year == 0 || d.month == 0 || d.day == 0 || !d.valid(Mode{}):
		return nil, refuse
	case len(clock) != len("hh:mm:ss") || !writtenOut(clock, 23):
		return nil, refuse
	}
	return []byte(full), nil
}

// Unset is the zero of the type.
func (t moment) Unset() []byte {
	zero := "0000-00-00 00:00:00"
	if t.base == "time" {
		zero = "00:00:00"
	}
	if t.decimals > 0 {
		zero += "." + strings.Repeat("0", t.decimals)
	}
	return []byte(zero)
}

// Form is text.
func (moment) Form() Form { return Text8 }

// local is the plaintext as the session sees it.
func (t moment) local(plain []byte, zone *time.Location) []byte {
	plain = orUnset(t, plain)
	if t.base != "timestamp" || zone == nil || bytes.HasPrefix(plain, []byte("0000")) {
		return plain
	}
	layout := "2006-01-02 15:04:05"
	if t.decimals > 0 {
		layout += "." + strings.Repeat("0", t.decimals)
	}
	at, err := time.Parse(layout, string(plain))
	if err != nil {
		return plain
	}
	return at.In(zone).AppendFormat(nil, layout)
}

// AppendText is the plaintext, a TIMESTAMP in the session's zone.
func (t moment) AppendText(dst, plain []byte, cs Charset) []byte {
	return append(dst, t.local(plain, cs.Zone)...)
}

// AppendBinary is the fields behind their length; those at the end that are zero are left out (MySQL manual, "Binary Protocol
// Value").
func (t moment) AppendBinary(dst, plain []byte, cs Charset) []byte {
	text := string(t.local(plain, cs.Zone))
	clock := text
	if t.base != "time" {
		_, clock, _ = strings.Cut(text, " ")
	}
	n, micros := clockOf(clock)
	if t.base == "time" {
		return appendTime(dst, text[0] == '-', n, micros)
	}
	d, _ := dashedDate([]byte(text[:min(dateLength, len(text))]))
	return appendMoment(dst, d, n, micros)
}

// clockOf reads [-]hh:mm:ss[.fraction].
func clockOf(text string) (n [3]int, micros uint32) {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	for i, part := range strings.SplitN(whole, ":", 3) {
		n[i], _ = strconv.Atoi(part)
	}
	const digits = 6
	f, _ := strconv.ParseUint((fraction + "000000")[:digits], 10, 32)
	return n, uint32(f)
}

func appendTime(dst []byte, negative bool, n [3]int, micros uint32) []byte {
	const day = 24
	if (n == [3]int{}) && micros == 0 {
		return append(dst, 0)
	}
	length, sign := byte(8), byte(0)
	if micros > 0 {
		length = 12
	}
	if negative {
		sign = 1
	}
	dst = binary.LittleEndian.AppendUint32(append(dst, length, sign), uint32(n[0]/day))
	dst = append(dst, byte(n[0]%day), byte(n[1]), byte(n[2]))
	if micros > 0 {
		dst = binary.LittleEndian.AppendUint32(dst, micros)
	}
	return dst
}

func appendMoment(dst []byte, d date, n [3]int, micros uint32) []byte {
	length := byte(4)
	switch {
	case micros > 0:
		length = 11
	case n != [3]int{}:
		length = 7
	case d == date{}:
		return append(dst, 0)
	}
	dst = binary.LittleEndian.AppendUint16(append(dst, length), uint16(d.year))
	dst = append(dst, byte(d.month), byte(d.day))
	if length > 4 {
		dst = append(dst, byte(n[0]), byte(n[1]), byte(n[2]))
	}
	if micros > 0 {
		dst = binary.LittleEndian.AppendUint32(dst, micros)
	}
	return dst
}

// Column is the metadata of the column.
func (t moment) Column(Charset) Meta {
	m := Meta{Charset: binaryCollation, Decimals: byte(t.decimals), SetFlags: flagBinary, ClearFlags: flagBlob}
	m.Type, m.Length = typeDatetime, uint32(t.MaxPlaintext())
	switch {
	case t.base == "time":
		m.Type = typeTime
	case t.base == "timestamp":
		m.Type = typeTimestamp
	}
	if t.unsigned {
		m.SetFlags |= flagUnsigned
	}
	return m
}

// year is YEAR.
type year struct{ name string }

func (t year) String() string { return t.name }

// MaxPlaintext is the length of "YYYY".
func (year) MaxPlaintext() int { return 4 }

// Normalize takes years of four digits.
func (year) Normalize(v Value, _ Mode) ([]byte, *Problem) {
	if v.Kind != Int && v.Kind != String || len(v.Bytes) != 4 || !allDigits(v.Bytes) {
		return nil, refuse
	}
	if n := number(v.Bytes); n < 1901 || n > 2155 {
		return nil, refuse
	}
	return v.Bytes, nil
}

// Unset is the year that is none.
func (year) Unset() []byte { return []byte("0000") }

// Form is text.
func (year) Form() Form { return Text8 }

// AppendText is the plaintext itself.
func (t year) AppendText(dst, plain []byte, _ Charset) []byte {
	return append(dst, orUnset(t, plain)...)
}

// AppendBinary is the year in two bytes.
func (t year) AppendBinary(dst, plain []byte, _ Charset) []byte {
	return binary.LittleEndian.AppendUint16(dst, uint16(number(orUnset(t, plain))))
}

// Column is the metadata of the column.
func (t year) Column(Charset) Meta {
	m := numberMeta(typeYear, 4, true)
	m.SetFlags |= flagZerofill
	return m
}
