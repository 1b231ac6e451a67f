package catalog

import (
	"strings"

	"phiproxy/rewrite"
)

// addOpaque finds the views and routines that read protected tables, directly or through each other, and those that
// build SQL at run time. What cannot be seen is taken for the worst.
func (b *builder) addOpaque(tables []Table) {
	var named []object
	for i := range tables {
		named = append(named, object{schema: tables[i].Schema, name: tables[i].Name, table: true})
	}
	left := b.db.Code
	for {
		var rest []Code
		for i := range left {
			if why := left[i].why(named, b.db.Server.Flavor); why != "" {
				b.schema.Opaque[b.codeKey(&left[i])] = why
				named = append(named, object{schema: left[i].Schema, name: left[i].Name, table: left[i].Kind == "view"})
			} else {
				rest = append(rest, left[i])
			}
		}
		if len(rest) == len(left) {
			break
		}
		left = rest
	}
	b.addIndirect(tables)
}

// codeKey is the key of Schema.Opaque. Routine names are case-insensitive on every server and written in lower case.
func (b *builder) codeKey(c *Code) string {
	if c.Kind == "view" {
		return b.schema.Key(c.Schema, c.Name)
	}
	return b.schema.Key(c.Schema, strings.ToLower(c.Name))
}

// addIndirect adds tables of engines that are a window to other tables.
func (b *builder) addIndirect(tables []Table) {
	for _, t := range b.db.Tables {
		switch strings.ToUpper(t.Engine) {
		case "MRG_MYISAM", "FEDERATED", "CONNECT", "SPIDER":
			b.schema.Opaque[b.schema.Key(t.Schema, t.Name)] = "tables of its engine read other tables, maybe protected ones"
		}
	}
}

// object is a name that must not be reached unseen.
type object struct {
	schema, name string
	table        bool // table or view; otherwise a routine
}

// why tells why a view or routine is opaque, "" when it is not.
func (c *Code) why(named []object, flavor rewrite.Flavor) string {
	if c.Text == "" {
		return "its definition is not visible to the proxy's account"
	}
	if c.Kind != "view" && buildsSQL(c.Text) {
		return "it builds SQL at run time"
	}
	for _, o := range named {
		home := c.Schema
		if c.Kind == "view" && o.table && flavor != rewrite.Embedded {
			home = "" // MySQL and MariaDB store views with every table name qualified
		}
		if mentions(c.Text, home, o) {
			return "it reads " + o.schema + "." + o.name
		}
	}
	return ""
}

// buildsSQL finds PREPARE and EXECUTE [IMMEDIATE].
func buildsSQL(text string) bool {
	for _, word := range []string{"PREPARE", "EXECUTE"} {
		for at := findWord(text, word, 0); at >= 0; at = findWord(text, word, at+1) {
			if _, qualified := qualifier(text[:at]); !qualified {
				return true
			}
		}
	}
	return false
}

// mentions tells whether a stored text names an object, qualified or bare; home is the schema in which bare names are
// looked up, "" when the text has none. The text is searched as bytes, comments and strings included: a name too many makes
// one more refusal, a name too few would be a leak.
func mentions(text, home string, o object) bool {
	bare := home != "" && (strings.EqualFold(home, o.schema) || findWord(text, o.schema, 0) >= 0) // a comment may part schema and name
	for at := findWord(text, o.name, 0); at >= 0; at = findWord(text, o.name, at+1) {
		schema, qualified := qualifier(text[:at])
		if !qualified && bare || qualified && (schema == "" || strings.EqualFold(schema, o.schema)) {
			return true
		}
	}
	return false
}

// HasWord tells whether a text holds a name, in any case, not as part of a longer word.
func HasWord(text, name string) bool { return findWord(text, name, 0) >= 0 }

// findWord finds a name in a text from an offset on, in any case, not as part of a longer word; -1 when there is none.
func findWord(text, name string, from int) int {
	for at := from; at+len(name) <= len(text); at++ {
		if strings.EqualFold(text[at:at+len(name)], name) && !wordByte(text, at-1) && !wordByte(text, at+len(name)) {
			return at
		}
	}
	return -1
}

func wordByte(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	c := text[at]
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// qualifier reads the name before a dot at the end of text. A qualifier that cannot be read is "" and true.
func qualifier(text string) (string, bool) {
	text = strings.TrimRight(text, "`\" \t\r\n")
	if !strings.HasSuffix(text, ".") {
		return "", false
	}
	text = strings.TrimRight(text[:len(text)-1], " \t\r\n")
	if strings.HasSuffix(text, "`") || strings.HasSuffix(text, `"`) {
		quote := text[len(text)-1:]
		inner := text[:len(text)-1]
		return inner[strings.LastIndex(inner, quote)+1:], true
	}
	start := len(text)
	for start > 0 && wordByte(text, start-1) {
		start--
	}
	return text[start:], true
}
