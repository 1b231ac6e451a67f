package rewrite

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// fetch is the question for the rows of one table reference.
func (c *computing) fetch(b *computed, t *tableUse, names map[string]int) Fetch {
	f := Fetch{Table: t.table, Alias: t.name, Owner: -1}
	var list []string
	add := func(expr string) int {
		list = append(list, expr)
		return len(list) - 1
	}
	if t.table.Protected {
		f.Owner = add("CAST(" + t.ref + "." + quoteName(t.table.Columns[t.table.Owner].Name) + " AS BINARY)")
	}
	for _, i := range c.needed(t) {
		name := t.ref + "." + quoteName(t.table.Columns[i].Name)
		column := FetchColumn{Column: i, Definition: add(name)}
		column.Value = column.Definition
		if exact := exactText(t.table.Columns[i].Type, name); exact != "" {
			column.Value = add(exact)
		}
		f.Columns = append(f.Columns, column)
	}
	f.Work = c.workName(&f, names)
	conditions := c.pushed(b, t)
	if from, ok := c.joinable(b, t, conditions); ok {
		f.Joined = true
		f.parts = []clauseText{{text: "SELECT DISTINCT " + strings.Join(list, ", ") + " FROM ", clause: from}}
	} else {
		f.parts = []clauseText{{text: "SELECT " + strings.Join(list, ", ") + " FROM " + quoteName(t.table.Schema) + "." + quoteName(t.table.Name)}}
		if t.partitions.to > 0 {
			f.parts = append(f.parts, clauseText{text: " ", clause: t.partitions})
		}
		if t.alias != "" {
			f.parts = append(f.parts, clauseText{text: " AS " + t.ref})
		}
		if t.hints.to > 0 {
			f.parts = append(f.parts, clauseText{text: " ", clause: t.hints})
		}
		conditions = slices.DeleteFunc(conditions, func(p condition) bool { return len(p.tables) != 1 || p.tables[0] != t })
	}
	word := " WHERE ("
	for _, p := range conditions {
		f.parts = append(f.parts, clauseText{text: word, clause: p.clause})
		word = ") AND ("
	}
	if len(conditions) > 0 {
		f.parts = append(f.parts, clauseText{text: ")"})
	}
	if f.Joined && !t.preserved {
		f.parts = append(f.parts, clauseText{text: " AND " + t.ref + "." + quoteName(t.table.Columns[t.table.PrimaryKey[0]].Name) + " IS NOT NULL"})
	}
	f.parts = append(f.parts, clauseText{text: " LIMIT 18446744073709551615"}) // or @@sql_select_limit would count here
	f.parts = append(f.parts, locked(b, t, f.Joined)...)
	return f
}

// locked is the locking clause of a fetch. One that joins locks the rows of its own table alone, which the other fetches' clauses
// complete, where the statement says which tables are meant.
func locked(b *computed, t *tableUse, joined bool) []clauseText {
	if b.lock.to == 0 || len(b.of) > 0 && !slices.ContainsFunc(b.of, func(name string) bool { return fold(name) == fold(t.name) }) {
		return nil
	}
	parts := []clauseText{{text: " ", clause: b.lock}}
	if joined && len(b.of) > 0 {
		parts = append(parts, clauseText{text: " OF " + quoteName(t.name)})
	}
	if b.wait.to > b.wait.from {
		parts = append(parts, clauseText{text: " ", clause: b.wait})
	}
	return parts
}

// exactText is an expression for the value of types whose text depends on the session or loses digits.
func exactText(typ, name string) string {
	switch {
	case strings.HasPrefix(typ, "timestamp"):
		return "UNIX_TIMESTAMP(" + name + ")"
	case strings.HasPrefix(typ, "float"):
		return name + "+0e0"
	}
	return ""
}

// needed are the columns of a table that the statement may look at: those it names, all when it says `*`.
func (c *computing) needed(t *tableUse) []int {
	var list []int
	for i := range t.table.Columns {
		col := &t.table.Columns[i]
		if c.whole && !col.Invisible || slices.Contains(t.table.PrimaryKey, i) || c.mentions(col.Name) {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		list = []int{0}
	}
	return list
}

func (c *computing) mentions(column string) bool {
	for i := range c.u.end {
		if name, ok := c.u.name(i); ok && sameName(name, column) {
			return true
		}
	}
	return false
}

// workName names a work table after its table and columns, so that the same name always means the same columns.
func (c *computing) workName(f *Fetch, names map[string]int) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%t\x00%s\x00%s", c.keys, f.Table.Schema, f.Table.Name)
	for _, c := range f.Columns {
		fmt.Fprintf(h, "\x00%s\x00%s", f.Table.Columns[c.Column].Name, f.Table.Columns[c.Column].Type)
	}
	name := fmt.Sprintf("w_%016x", h.Sum64())
	names[name]++
	return fmt.Sprintf("%s_%d", name, names[name])
}

// UniqueKeys are the unique keys of the table as indexes into Columns, those whose columns the work table all has.
func (f *Fetch) UniqueKeys() [][]int {
	var keys [][]int
	for _, key := range f.Table.UniqueKeys {
		var at []int
		for _, column := range key {
			i := slices.IndexFunc(f.Columns, func(c FetchColumn) bool { return c.Column == column })
			if i >= 0 && f.Table.Columns[column].Protected == nil {
				at = append(at, i)
			}
		}
		if len(at) > 0 && len(at) == len(key) {
			keys = append(keys, at)
		}
	}
	return keys
}
