package rewrite

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"phiproxy/rewrite/fault"
)

// information_schema.COLUMNS says what the database stores: VARBINARY. In a client's statement the table is replaced by a
// derived one of the same columns, whose rows of protected columns say what those are to clients, and which leaves the proxy's
// own tables out. The database then evaluates the statement as it is, whatever it joins, filters and computes.

const (
	infoSchema  = "information_schema"
	infoColumns = "columns"
)

// planInformation adds to a plan what statements over information_schema.COLUMNS need.
func (u *unit) planInformation(p *Plan) (*Plan, *fault.Error) {
	edits, certain := u.infoEdits()
	switch {
	case len(edits) == 0 && certain, u.is(0, "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "ALTER", "DROP"), u.is(0, "CREATE") && !u.hasWord(1, "TABLE"):
		return p, nil
	case !certain || p.Verdict != Relay && p.Verdict != Direct || p.Definition != nil:
		return nil, fault.Unsure.With("information_schema.COLUMNS")
	}
	all := *p
	all.edits = append(append([]edit(nil), p.edits...), edits...)
	if p.Verdict == Relay {
		all.Verdict, all.Why = Direct, "information_schema.COLUMNS shows the types that clients see"
	}
	return &all, nil
}

// infoEdits finds the references to information_schema.COLUMNS. certain is false when a name may be one.
func (u *unit) infoEdits() (edits []edit, certain bool) {
	inside := fold(u.state.Database) == infoSchema
	bare := false    // a reference without an alias
	var names []edit // of columns, qualified by the table's name
	certain = true
	for i := 0; i < u.end; i++ {
		if !u.named(i, infoColumns) {
			continue
		}
		from := i
		if u.op(i-1, ".") {
			if !u.named(i-2, infoSchema) || u.op(i-3, ".") {
				continue
			}
			from = i - 2
		}
		switch {
		case u.op(i+1, "."): // [information_schema.]columns.name
			names = append(names, edit{at: from, end: i + 1, text: u.infoAlias(i)})
		case from == i && !inside:
		case from == i && !u.is(i-1, "FROM", "JOIN", "STRAIGHT_JOIN"), u.is(from-1, "TABLE"):
			certain = false
		default:
			text := informationTable(u.schema, u.infoNames())
			if !u.aliased(i + 1) {
				text, bare = text+" AS "+u.infoAlias(i), true
			}
			edits = append(edits, edit{at: from, end: i + 1, text: text})
		}
	}
	if bare {
		edits = append(edits, names...)
	}
	return edits, certain
}

// infoAlias is what the derived table is called for the name at token i.
func (u *unit) infoAlias(i int) string {
	name, _ := u.name(i)
	return quoteName(name)
}

// named reports whether token i is an identifier of the given name, in lower case.
func (u *unit) named(i int, name string) bool {
	if i < 0 || i >= u.end {
		return false
	}
	n, ok := u.name(i)
	return ok && fold(n) == name
}

// aliased reports whether token i, behind a table reference, is its alias or the word AS in front of that.
func (u *unit) aliased(i int) bool {
	if i >= u.end {
		return false
	}
	_, ok := u.name(i)
	return ok && !u.is(i, "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "FOR", "INTO", "LOCK", "PROCEDURE", "JOIN", "INNER", "CROSS", "LEFT", "RIGHT",
		"NATURAL", "STRAIGHT_JOIN", "FULL", "ON", "USING", "UNION", "INTERSECT", "EXCEPT", "MINUS", "WINDOW", "USE", "FORCE", "IGNORE", "SET", "OFFSET", "FETCH", "QUALIFY")
}

// infoNames are the columns of information_schema.COLUMNS as the derived table spells them. MariaDB names the columns of a result
// set as a derived table does, and those of a table as the statement does.
func (u *unit) infoNames() []string {
	names := append([]string(nil), u.schema.InfoColumns...)
	if u.schema.Flavor != MariaDB {
		return names
	}
	spelled := map[string]string{}
	for i := range u.end {
		name, ok := u.name(i)
		if _, known := spelled[fold(name)]; ok && !known {
			spelled[fold(name)] = name
		}
		if u.op(i, "*") && (u.is(i-1, "SELECT", "DISTINCT") || u.op(i-1, ",") || u.op(i-1, ".")) {
			return names
		}
	}
	for i, name := range names {
		if as, ok := spelled[fold(name)]; ok {
			names[i] = as
		}
	}
	return names
}

// informationTable makes the derived table of a schema.
func informationTable(s *Schema, spelled []string) string {
	var b strings.Builder
	b.WriteString("(SELECT ")
	tables := protectedTables(s)
	for i, name := range s.InfoColumns {
		if i > 0 {
			b.WriteString(", ")
		}
		if attribute := attributeOf(name, s.Flavor); attribute == nil || len(tables) == 0 {
			b.WriteString("phi_c." + name)
		} else {
			writeCase(&b, s, tables, name, attribute)
		}
		b.WriteString(" AS " + quoteName(spelled[i]))
	}
	b.WriteString(" FROM information_schema.COLUMNS AS phi_c")
	if own := s.ownNames(); own != "" {
		fmt.Fprintf(&b, " WHERE NOT (phi_c.TABLE_SCHEMA = %s AND phi_c.TABLE_NAME IN (%s))", infoText(s.Home), own)
	}
	b.WriteString(")")
	return b.String()
}

// writeCase writes a column that is another for protected columns.
func writeCase(b *strings.Builder, s *Schema, tables []*Table, name string, attribute func(*columnInfo) string) {
	b.WriteString("CASE")
	for _, t := range tables {
		for i := range t.Columns {
			if c := &t.Columns[i]; c.Protected != nil {
				fmt.Fprintf(b, " WHEN CAST(phi_c.TABLE_SCHEMA AS BINARY) = %s AND CAST(phi_c.TABLE_NAME AS BINARY) = %s AND phi_c.COLUMN_NAME = %s THEN %s",
					infoText(t.Schema), infoText(t.Name), infoText(c.Name), attribute(infoOf(s, c)))
			}
		}
	}
	b.WriteString(" ELSE phi_c." + name + " END")
}

func infoText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// columnInfo is what information_schema.COLUMNS says of a type. A number below 0 is NULL.
type columnInfo struct {
	dataType, columnType, charset, collation string
	length, octets                           int64
	precision, scale, fraction               int64
	defaultText                              string // SQL
}

// attributeOf gives the attribute that a column of information_schema.COLUMNS shows, as SQL; nil for one that protected columns
// have from the database.
func attributeOf(name string, f Flavor) func(*columnInfo) string {
	number := func(n int64) string {
		digits, as := strconv.FormatInt(n, 10), "UNSIGNED"
		if n < 0 {
			digits = "NULL"
		}
		if f == MySQL && strings.HasPrefix(name, "CHARACTER_") { // signed and unsigned numbers make a DECIMAL together
			as = "SIGNED"
		}
		return "CAST(" + digits + " AS " + as + ")"
	}
	text := func(s string) string {
		if s == "" {
			return "NULL"
		}
		return infoText(s)
	}
	switch name {
	case "DATA_TYPE":
		return func(c *columnInfo) string { return text(c.dataType) }
	case "COLUMN_TYPE":
		return func(c *columnInfo) string { return text(c.columnType) }
	case "CHARACTER_SET_NAME":
		return func(c *columnInfo) string { return text(c.charset) }
	case "COLLATION_NAME":
		return func(c *columnInfo) string { return text(c.collation) }
	case "CHARACTER_MAXIMUM_LENGTH":
		return func(c *columnInfo) string { return number(c.length) }
	case "CHARACTER_OCTET_LENGTH":
		return func(c *columnInfo) string { return number(c.octets) }
	case "NUMERIC_PRECISION":
		return func(c *columnInfo) string { return number(c.precision) }
	case "NUMERIC_SCALE":
		return func(c *columnInfo) string { return number(c.scale) }
	case "DATETIME_PRECISION":
		return func(c *columnInfo) string { return number(c.fraction) }
	case "COLUMN_DEFAULT":
		return func(c *columnInfo) string { return c.defaultText }
	}
	return nil
}

func infoOf(s *Schema, c *Column) *columnInfo {
	typ := c.Protected.Type.String()
	name, rest, _ := strings.Cut(typ, "(")
	name, _, _ = strings.Cut(name, " ")
	digits, _, _ := strings.Cut(rest, ")")
	digits, _, _ = strings.Cut(digits, ",")
	n, _ := strconv.ParseInt(digits, 10, 64) // of an ENUM there is none
	i := &columnInfo{dataType: name, columnType: typ, collation: c.Protected.Collation, length: -1, octets: -1, precision: -1, scale: -1, fraction: -1}
	i.charset, _, _ = strings.Cut(i.collation, "_")
	i.defaultText = infoDefault(s, c)
	i.measure(name, typ, n)
	return i
}

// measure fills in what depends on the type.
func (i *columnInfo) measure(name, typ string, n int64) {
	switch name {
	case "char", "varchar":
		i.length, i.octets = n, n*charsetBytes(i.charset)
	case "binary", "varbinary":
		i.length, i.octets = n, n
	case "tinytext", "tinyblob":
		i.length, i.octets = 1<<8-1, 1<<8-1
	case "text", "blob":
		i.length, i.octets = 1<<16-1, 1<<16-1
	case "mediumtext", "mediumblob":
		i.length, i.octets = 1<<24-1, 1<<24-1
	case "longtext", "longblob":
		i.length, i.octets = 1<<32-1, 1<<32-1
	case "time", "datetime", "timestamp":
		i.fraction = n
	case "enum", "set":
		i.length = membersLength(typ, name == "set")
		i.octets = i.length * charsetBytes(i.charset)
	default:
		i.measureNumber(name, typ, n)
	}
}

// membersLength is how many characters the longest value of an ENUM or SET has.
func membersLength(typ string, all bool) int64 {
	_, list, _ := strings.Cut(typ, "('")
	longest, total := 0, -1
	for _, member := range strings.Split(strings.TrimSuffix(list, "')"), "','") {
		n := utf8.RuneCountInString(strings.ReplaceAll(member, "''", "'"))
		longest, total = max(longest, n), total+n+1
	}
	if all {
		return int64(total)
	}
	return int64(longest)
}

func (i *columnInfo) measureNumber(name, typ string, n int64) {
	digits := map[string]int64{"tinyint": 3, "smallint": 5, "mediumint": 7, "int": 10, "bigint": 19}
	switch name {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		i.precision, i.scale = digits[name], 0
		if name == "bigint" && strings.Contains(typ, "unsigned") {
			i.precision++
		}
	case "decimal":
		i.precision, i.scale = n, secondNumber(typ)
	case "float", "double":
		if i.precision = map[string]int64{"float": 12, "double": 22}[name]; n > 0 {
			i.precision, i.scale = n, secondNumber(typ)
		}
	case "bit":
		i.precision = n
	}
}

// secondNumber reads the 2 of "decimal(10,2)", 0 without one.
func secondNumber(typ string) int64 {
	_, rest, _ := strings.Cut(typ, ",")
	digits, _, _ := strings.Cut(rest, ")")
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}

func charsetBytes(charset string) int64 {
	switch charset {
	case "utf8mb4", "utf16", "utf32":
		return 4
	case "utf8mb3", "utf8":
		return 3
	case "ucs2":
		return 2
	}
	return 1
}

// infoDefault is COLUMN_DEFAULT: the value on MySQL, an expression on MariaDB.
func infoDefault(s *Schema, c *Column) string {
	switch {
	case c.Default == nil && s.Flavor == MariaDB && c.HasDefault:
		return "'NULL'"
	case c.Default == nil:
		return "NULL"
	case s.Flavor == MariaDB:
		return infoText(infoText(*c.Default))
	}
	return infoText(*c.Default)
}
