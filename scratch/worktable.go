package scratch

import (
	"fmt"
	"slices"
	"strings"

	"phiproxy/rewrite/logical"
)

// WorkTable is a table to be made in a session.
type WorkTable struct {
	// Name is how the statement calls it. A name that always means the same columns lets sessions keep the table: making
	// one costs more than loading a few rows.
	Name    string
	Columns []WorkColumn
	Keys    [][]int // indexes into Columns, each an index that joins may use
	Unique  [][]int // the same, unique; those that MyISAM cannot index whole are left out
	// Schema and Table are what error messages call it; "" when it stands for no table of the client's.
	Schema, Table string
}

// WorkColumn is a column of a work table.
type WorkColumn struct {
	Name    string
	Type    string // as in CREATE TABLE: "varchar(250) CHARACTER SET latin1 COLLATE latin1_bin", "int unsigned"
	NotNull bool
	// UTF8 says that values are given in UTF-8 although the column has another character set. JSON is always UTF-8.
	UTF8   bool
	Digits bool    // values are given as numbers, those of BIT as well
	Enum   bool    // the empty text may be the one that stands for a wrong value, of which the server warns
	Origin *Origin // nil: metadata stays that of the work table
}

func (t *WorkTable) definition() string {
	var b strings.Builder
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", quoteName(c.Name), c.Type)
		if c.NotNull {
			b.WriteString(" NOT NULL" + c.someDefault())
		} else {
			b.WriteString(" NULL")
		}
	}
	for _, key := range t.Keys {
		parts := make([]string, len(key))
		for i, column := range key {
			parts[i] = quoteName(t.Columns[column].Name) + keyPrefix(t.Columns[column].Type)
		}
		fmt.Fprintf(&b, ", KEY (%s)", strings.Join(parts, ", "))
	}
	for _, key := range t.Unique {
		parts, size := make([]string, len(key)), 0
		for i, column := range key {
			parts[i], size = quoteName(t.Columns[column].Name), size+keySize(t.Columns[column].Type)
		}
		if size <= longestKey {
			fmt.Fprintf(&b, ", UNIQUE KEY (%s)", strings.Join(parts, ", "))
		}
	}
	return "(" + b.String() + ") ENGINE=MyISAM"
}

// someDefault is any default for a column whose original has one or AUTO_INCREMENT: what is made of a column without one is flagged
// so even in a derived table.
func (c *WorkColumn) someDefault() string {
	if c.Origin == nil || c.Origin.Flags&noDefaultValue != 0 {
		return ""
	}
	switch name := typeName(c.Type); {
	case isNumber(c.Type):
		return " DEFAULT 0"
	case strings.HasSuffix(name, "char"), strings.HasSuffix(name, "binary"):
		return " DEFAULT ''"
	}
	return ""
}

// typeName is the first word of a column's type.
func typeName(typ string) string {
	name, _, _ := strings.Cut(strings.ToLower(typ), "(")
	name, _, _ = strings.Cut(name, " ")
	return name
}

func isNumber(typ string) bool {
	return slices.Contains([]string{"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double"}, typeName(typ))
}

// noDefaultValue is the flag of a column that must be given a value.
const noDefaultValue = 1 << 12

// keyPrefix keeps keys of texts below MyISAM's 1,000 bytes. A shorter text than the prefix gets an error, so types that
// are short are indexed whole.
func keyPrefix(typ string) string {
	const characters = 50
	name, rest, _ := strings.Cut(typ, "(")
	length := 0
	for _, digit := range rest {
		if digit < '0' || digit > '9' {
			break
		}
		length = length*10 + int(digit-'0')
	}
	switch name = strings.ToLower(name); {
	case strings.Contains(name, "text"), strings.Contains(name, "blob"), strings.Contains(name, "char") && length > characters,
		strings.Contains(name, "binary") && length > characters:
		return fmt.Sprintf("(%d)", characters)
	}
	return ""
}

// longestKey is how many bytes a key of MyISAM can have.
const longestKey = 1000

// keySize bounds the bytes of a column in a key.
func keySize(typ string) int {
	name, rest, _ := strings.Cut(strings.ToLower(typ), "(")
	length := 0
	for _, digit := range rest {
		if digit < '0' || digit > '9' {
			break
		}
		length = length*10 + int(digit-'0')
	}
	switch {
	case strings.Contains(name, "text"), strings.Contains(name, "blob"), strings.Contains(name, "json"):
		return longestKey + 1
	case strings.Contains(name, "char"):
		return 4*length + 3
	case strings.Contains(name, "binary"):
		return length + 3
	}
	return 36 // DECIMAL(65) takes most
}

// Given says in which form the values of a protected column of a type are given.
func (c *WorkColumn) Given(t logical.Type) {
	c.UTF8, c.Digits, c.Enum = t.Form() == logical.Text8, t.Form() == logical.Digits, logical.WrongIsEmpty(t)
}

// wrong reports whether a value is the one that stands for a wrong one.
func (c *WorkColumn) wrong(v []byte) bool { return c.Enum && v != nil && len(v) == 0 }

func (c *WorkColumn) utf8() bool {
	return c.UTF8 || len(c.Type) >= 4 && strings.EqualFold(c.Type[:4], "json")
}

// bytes reports whether values are given as bytes that may be no UTF-8: of binary types, and of text in a character set of its own.
func (c *WorkColumn) bytes() bool {
	switch typeName(c.Type) {
	case "date", "datetime", "timestamp", "time", "year":
		return false
	}
	return !c.utf8() && !c.Digits && !isNumber(c.Type)
}
