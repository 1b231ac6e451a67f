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
	JSON        bool   // LONGTEXT that MariaDB calls JSON
	MariaDB     bool   // whose column definitions differ in a flag
}

// Parse makes the type of a column. The error names a type or character set that cannot be protected.
func Parse(d Definition) (Type, error) {
	f, err := parseFields(d.Type)
	if err != nil {
		return nil, err
	}
	name := strings.ToLower(strings.TrimSpace(d.Type))
	switch f.base {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return parseInteger(name, f), nil
	case "date":
		return Date{}, nil
	case "time", "datetime", "timestamp":
		return parseMoment(name, f, d.MariaDB), nil
	case "year":
		return year{name: name}, nil
	case "decimal":
		return parseDecimal(name, f), nil
	case "float", "double":
		return parseFloating(name, f), nil
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return parseOctets(name, f), nil
	case "bit":
		return parseBit(name, f), nil
	case "enum", "set":
		return parseMembers(d, f)
	case "json":
		return json{}, nil
	}
	return parseText(d, f)
}

// fields are the parts of a COLUMN_TYPE.
type fields struct {
	base               string   // "decimal"
	args               []string // "10", "2"; the members of ENUM and SET, unquoted
	unsigned, zerofill bool
}

// number is the argument at an index as a number, which no server has above 65,535.
func (f *fields) number(i int) (int, bool) {
	if i >= len(f.args) {
		return 0, false
	}
	n, err := strconv.Atoi(f.args[i])
	return n, err == nil && n >= 0 && n < 1<<16
}

// parseFields takes a COLUMN_TYPE apart: a name, arguments in parentheses, UNSIGNED, ZEROFILL.
func parseFields(typ string) (fields, error) {
	typ = strings.TrimSpace(typ)
	end := strings.IndexAny(typ, "( ")
	if end < 0 {
		return fields{base: strings.ToLower(typ)}, nil
	}
	f := fields{base: strings.ToLower(typ[:end])}
	rest := typ[end:]
	if rest[0] == '(' {
		var ok bool
		if f.args, rest, ok = parseArguments(rest[1:]); !ok {
			return f, fmt.Errorf("type %s cannot be read", typ)
		}
	}
	for word := range strings.FieldsSeq(strings.ToLower(rest)) {
		switch word {
		case "unsigned":
			f.unsigned = true
		case "zerofill":
			f.zerofill, f.unsigned = true, true
		default:
			return f, fmt.Errorf("type %s cannot be protected", typ)
		}
	}
	return f, nil
}

// parseArguments reads a list of numbers or of quoted texts, and what follows its parenthesis.
func parseArguments(s string) (args []string, rest string, ok bool) {
	for {
		arg, rest, ok := parseArgument(s)
		switch {
		case !ok || rest == "":
			return nil, "", false
		case rest[0] == ')':
			return append(args, arg), rest[1:], true
		case rest[0] != ',':
			return nil, "", false
		}
		args, s = append(args, arg), rest[1:]
	}
}

// parseArgument reads one argument and what follows it. In quotes the servers double quotes and escape the backslash and a
// few control characters.
func parseArgument(s string) (arg, rest string, ok bool) {
	if !strings.HasPrefix(s, "'") {
		end := strings.IndexAny(s, ",)")
		if end < 0 {
			return "", "", false
		}
		return s[:end], s[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch next := s[min(i+1, len(s)-1)]; {
		case s[i] == '\\':
			b.WriteByte(unescape(next))
			i++
		case s[i] == '\'' && i+1 < len(s) && next == '\'':
			b.WriteByte('\'')
			i++
		case s[i] == '\'':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	}
	return c
}

func parseText(d Definition, f fields) (Type, error) {
	t := text{name: strings.ToLower(d.Type), column: charsetOf(d), json: d.JSON, fixed: f.base == "char", bin: strings.HasSuffix(d.Collation, "_bin")}
	if t.column.MaxLen == 0 {
		return nil, fmt.Errorf("columns of type %s with character set %q cannot be protected", d.Type, d.Charset)
	}
	switch f.base {
	case "varchar", "char":
		n, ok := f.number(0)
		if !ok || n < 1 {
			return nil, fmt.Errorf("type %s cannot be protected", d.Type)
		}
		t.chars = n
		return t, nil
	}
	if t.bytes = blobSize(f.base); t.bytes == 0 {
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
	default:
		c.MaxLen = foreign[c.Name]
	}
	return c
}
