package logical

import (
	"fmt"
	"strconv"
	"strings"
)

// Definition is a column as information_schema.COLUMNS describes it before it is widened.
type Definition struct {
	Type        string // COLUMN_TYPE: "varchar(250)"
	Charset     string // CHARACTER_SET_NAME, "" for types without one
	Collation   string // COLLATION_NAME, likewise
	CollationID uint16 // information_schema.COLLATIONS.ID of it
}

// Parse makes the type of a column. The error names a type or character set that cannot be protected.
func Parse(d Definition) (Type, error) {
	base, arg, _ := strings.Cut(strings.ToLower(strings.TrimSpace(d.Type)), "(")
	if base == "date" {
		return Date{}, nil
	}
	t := text{name: strings.ToLower(d.Type), column: charsetOf(d), fixed: base == "char", bin: strings.HasSuffix(d.Collation, "_bin")}
	if t.column.MaxLen == 0 {
		return nil, fmt.Errorf("columns of type %s with character set %q cannot be protected", d.Type, d.Charset)
	}
	switch base {
	case "varchar", "char":
		n, err := strconv.Atoi(strings.TrimSuffix(arg, ")"))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("type %s cannot be protected", d.Type)
		}
		t.chars = n
		return t, nil
	}
	if t.bytes = blobSize(base); t.bytes == 0 {
		return nil, fmt.Errorf("type %s cannot be protected", d.Type)
	}
	return t, nil
}

// blobSize is how many bytes a type of the TEXT family holds, 0 for other types.
func blobSize(base string) int {
	switch base {
	case "tinytext":
		return 1<<8 - 1
	case "text":
		return 1<<16 - 1
	case "mediumtext":
		return 1<<24 - 1
	case "longtext":
		return 1<<32 - 1
	}
	return 0
}

func charsetOf(d Definition) Charset {
	c := Charset{Name: strings.ToLower(d.Charset), ID: d.CollationID}
	switch c.Name {
	case "utf8":
		c.Name, c.MaxLen = "utf8mb3", 3
	case "utf8mb3":
		c.MaxLen = 3
	case "utf8mb4":
		c.MaxLen = 4
	case "latin1", "ascii":
		c.MaxLen = 1
	}
	return c
}
