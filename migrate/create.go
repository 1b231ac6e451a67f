package migrate

import (
	"errors"
	"strings"

	"phiproxy/migrate/catalog"
)

// created is a table definition as SHOW CREATE TABLE prints it, taken apart.
type created struct {
	columns []createdColumn
	keys    []string // keys and constraints, as printed
	tail    string   // what follows the closing parenthesis: options, partitions
}

// createdColumn is one column: its type with character set and collation, and what follows it.
type createdColumn struct{ name, typ, rest string }

var errCreate = errors.New("SHOW CREATE TABLE printed something that cannot be read")

// parseCreate takes the text apart. It relies on what the servers print, not on everything that CREATE TABLE accepts:
// names are backquoted, backslashes escape in strings.
func parseCreate(text string) (*created, error) {
	open := strings.Index(text, "(\n")
	if open < 0 {
		return nil, errCreate
	}
	items, end, err := splitList(text, open)
	if err != nil {
		return nil, err
	}
	c := &created{tail: text[end:]}
	for _, item := range items {
		if item = strings.TrimSpace(item); !strings.HasPrefix(item, "`") {
			c.keys = append(c.keys, item)
			continue
		}
		column, err := parseColumn(item)
		if err != nil {
			return nil, err
		}
		c.columns = append(c.columns, column)
	}
	return c, nil
}

// splitList splits the parenthesis that opens at text[open] at its commas, and gives the offset behind it.
func splitList(text string, open int) (items []string, end int, err error) {
	depth, start := 0, open+1
	for at := open; at < len(text); {
		switch text[at] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return append(items, text[start:at]), at + 1, nil
			}
		case ',':
			if depth == 1 {
				items, start = append(items, text[start:at]), at+1
			}
		}
		at = skip(text, at)
	}
	return nil, 0, errCreate
}

// skip gives the offset behind the byte, or behind the quoted text, that begins at an offset.
func skip(text string, at int) int {
	quote := text[at]
	if quote != '\'' && quote != '`' {
		return at + 1
	}
	for at++; at < len(text); at++ {
		switch {
		case text[at] == '\\' && quote == '\'':
			at++
		case text[at] == quote && at+1 < len(text) && text[at+1] == quote:
			at++
		case text[at] == quote:
			return at + 1
		}
	}
	return len(text)
}

func parseColumn(item string) (createdColumn, error) {
	end := skip(item, 0)
	if end < 3 || end >= len(item) {
		return createdColumn{}, errCreate
	}
	c := createdColumn{name: strings.ReplaceAll(item[1:end-1], "``", "`")}
	c.typ, c.rest = splitType(strings.TrimSpace(item[end:]))
	return c, nil
}

// splitType cuts a column definition behind its type, its character set and its collation.
func splitType(text string) (typ, rest string) {
	end := word(text, 0)
	for {
		next := spaces(text, end)
		switch {
		case end < len(text) && text[end] == '(':
			_, after, err := splitList(text, end)
			if err != nil {
				return text, ""
			}
			end = after
			continue
		case hasWord(text, next, "unsigned"), hasWord(text, next, "zerofill"), hasWord(text, next, "precision"):
			end = word(text, next)
			continue
		case hasWord(text, next, "COLLATE"):
			end = word(text, spaces(text, word(text, next)))
			continue
		case hasWord(text, next, "CHARACTER"):
			end = word(text, spaces(text, word(text, spaces(text, word(text, next)))))
			continue
		}
		return text[:end], strings.TrimSpace(text[end:])
	}
}

func spaces(text string, at int) int {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	return at
}

// word gives the offset behind the word at an offset.
func word(text string, at int) int {
	for at < len(text) && text[at] != ' ' && text[at] != '(' && text[at] != ',' {
		at++
	}
	return at
}

func hasWord(text string, at int, want string) bool {
	return strings.EqualFold(text[at:word(text, at)], want)
}

func (c *created) column(name string) *createdColumn {
	for i := range c.columns {
		if strings.EqualFold(c.columns[i].name, name) {
			return &c.columns[i]
		}
	}
	return nil
}

// uses lists what refers to a column: keys, constraints, generated columns, checks, partitions.
func (c *created) uses(name string) []string {
	quoted := "`" + strings.ToLower(strings.ReplaceAll(name, "`", "``")) + "`"
	var out []string
	for _, key := range c.keys {
		// A key may have the column's name, and a foreign key may refer to another table's column of that name.
		if at := strings.IndexByte(key, '('); at >= 0 && strings.Contains(strings.ToLower(own(key[at:])), quoted) {
			out = append(out, key)
		}
	}
	for _, other := range c.columns {
		if !strings.EqualFold(other.name, name) && strings.Contains(strings.ToLower(unquoted(other.rest)), quoted) {
			out = append(out, "column `"+other.name+"` "+other.rest)
		}
	}
	if at := strings.Index(c.tail, "PARTITION BY"); at >= 0 && catalog.HasWord(c.tail[at:], name) {
		out = append(out, "PARTITION BY")
	}
	return out
}

// own cuts a constraint before the table it refers to.
func own(constraint string) string {
	before, _, _ := strings.Cut(constraint, ") REFERENCES ")
	return before
}
