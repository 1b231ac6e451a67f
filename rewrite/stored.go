package rewrite

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// StoresInt reports whether an integer, in decimal digits without a plus sign or leading zeros, is read back from the
// column as the same text: it is not out of range, and the column is an integer or long enough a string.
func (c *Column) StoresInt(digits []byte) bool {
	if !isInteger(c.Type) {
		return c.StoresText(digits)
	}
	bits, ok := integerBits(c.Type)
	if !ok || strings.Contains(c.Type, "zerofill") {
		return false
	}
	if strings.Contains(c.Type, "unsigned") {
		n, err := strconv.ParseUint(string(digits), 10, bits)
		return err == nil && strconv.FormatUint(n, 10) == string(digits)
	}
	n, err := strconv.ParseInt(string(digits), 10, bits)
	return err == nil && strconv.FormatInt(n, 10) == string(digits)
}

func integerBits(typ string) (bits int, ok bool) {
	for _, t := range []struct {
		name string
		bits int
	}{{"tinyint", 8}, {"smallint", 16}, {"mediumint", 24}, {"int", 32}, {"bigint", 64}} {
		if strings.HasPrefix(typ, t.name) {
			return t.bits, true
		}
	}
	return 0, false
}

// StoresText reports whether a string in UTF-8 is read back from the column as the same bytes: nothing is cut off, padded,
// converted or rounded, whatever the sql_mode.
func (c *Column) StoresText(v []byte) bool {
	if isInteger(c.Type) {
		return c.StoresInt(v)
	}
	name, n := typeLength(c.Type)
	switch name {
	case "varchar":
		return utf8.RuneCount(v) <= n && c.holds(v)
	case "char":
		return utf8.RuneCount(v) <= n && c.holds(v) && (len(v) == 0 || v[len(v)-1] != ' ')
	case "varbinary":
		return len(v) <= n && isASCII(v)
	case "binary":
		return len(v) == n && isASCII(v)
	}
	return false
}

// holds reports whether the column's character set keeps the characters of v, with the same bytes.
func (c *Column) holds(v []byte) bool {
	if isASCII(v) {
		return !strings.HasPrefix(c.Collation, "u") || strings.HasPrefix(c.Collation, "utf8") // ucs2, utf16, utf32: other bytes
	}
	if !utf8.Valid(v) {
		return false
	}
	charset, _, _ := strings.Cut(c.Collation, "_")
	switch charset {
	case "utf8mb4":
		return true
	case "utf8", "utf8mb3":
		return !hasFourBytes(v)
	}
	return false
}

func isASCII(v []byte) bool {
	for _, b := range v {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func hasFourBytes(v []byte) bool {
	for _, b := range v {
		if b >= 0xf0 {
			return true
		}
	}
	return false
}

// typeLength reads "varchar(100)" as varchar and 100; the length is 0 when the type says none.
func typeLength(typ string) (name string, n int) {
	name, rest, _ := strings.Cut(typ, "(")
	digits, _, _ := strings.Cut(rest, ")")
	n, _ = strconv.Atoi(digits)
	return name, n
}
