package rewrite

import "strings"

// names are the spellings that a statement must not get past us with, all folded.
type names struct {
	tables  map[string]bool // protected tables, without schema
	opaque  map[string]bool // opaque views and routines, without schema
	columns map[string]bool // protected and flag columns of every protected table
	others  map[string]bool // owner columns and keys: tagged in parse texts
}

func newNames(s *Schema) *names {
	n := &names{tables: map[string]bool{}, opaque: map[string]bool{}, columns: map[string]bool{}, others: map[string]bool{}}
	for _, t := range s.Tables {
		if !t.Protected {
			continue
		}
		n.tables[fold(t.Name)] = true
		for i, c := range t.Columns {
			if columnKind(t, i) != plain {
				n.columns[fold(c.Name)] = true
			}
		}
		n.others[fold(t.Columns[t.Owner].Name)] = true
		for _, i := range t.PrimaryKey {
			n.others[fold(t.Columns[i].Name)] = true
		}
	}
	for _, v := range s.Views {
		for i, c := range v.Columns {
			if columnKind(v, i) != plain {
				n.columns[fold(c.Name)] = true
			}
		}
	}
	for _, c := range s.Configured {
		n.tables[fold(c.Name)] = true
		for column := range c.IDs {
			n.columns[column] = true
		}
	}
	for key := range s.Opaque {
		_, name, _ := strings.Cut(key, "\x00")
		n.opaque[fold(name)] = true
	}
	return n
}

// table reports whether a name is spelled like a protected table or an opaque view or routine.
func (n *names) table(name string) bool {
	f := fold(name)
	return n.tables[f] || n.opaque[f]
}

// otherCase reports whether a name that is no table's differs from that of a protected table or an opaque view only in case, on
// a server that tells them apart. It would answer that there is no such table, and write the whole statement to its logs.
func (n *names) otherCase(s *Schema, schema, name string) bool {
	if s.LowerCaseNames != 0 || !n.table(name) {
		return false
	}
	key := s.Key(schema, name)
	if _, opaque := s.Opaque[key]; opaque || s.Configured[key] != nil {
		return false
	}
	for _, t := range s.Tables {
		if t.Protected && fold(t.Schema) == fold(schema) && fold(t.Name) == fold(name) {
			return true
		}
	}
	for _, c := range s.Configured {
		if fold(c.Schema) == fold(schema) && fold(c.Name) == fold(name) {
			return true
		}
	}
	for known := range s.Opaque {
		if fold(known) == fold(key) {
			return true
		}
	}
	return false
}

// special reports whether a statement's meaning for protected tables can hang on the name.
func (n *names) special(name string) bool {
	f := fold(name)
	return n.tables[f] || n.opaque[f] || n.columns[f] || n.others[f]
}

// opaqueRoutine reports whether a routine must not be called. Without a schema any of its name counts.
func (n *names) opaqueRoutine(s *Schema, schema, name string) bool {
	if !n.opaque[fold(name)] {
		return false
	}
	if schema == "" {
		return true
	}
	for key := range s.Opaque { // routine names are compared without regard to case on every server
		in, of, _ := strings.Cut(key, "\x00")
		if fold(in) == fold(schema) && fold(of) == fold(name) {
			return true
		}
	}
	return false
}

// words of which a statement may build SQL at run time, choose a character set, or ask for the types of columns.
var words = []string{"prepare", "immediate", "atomic", "names", "charset", "character", "collation_connection", infoColumns, "tables"}

// spellings are those of the protected tables and of opaque views and routines.
func (n *names) spellings() []string {
	var needles []string
	for _, m := range []map[string]bool{n.tables, n.opaque} {
		for name := range m {
			needles = append(needles, name)
		}
	}
	return needles
}
