package rewrite

import (
	"maps"
	"slices"
	"strings"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
)

// Flavor is the family of the backend server. It decides how executable comments and a few statements read.
type Flavor uint8

const (
	MySQL    Flavor = iota // Oracle MySQL, Percona, Aurora
	MariaDB                // MariaDB
	Embedded               // the in-process server of `phiproxy demo`
)

// Schema is an immutable snapshot of what the proxy knows about the backend: its tables, which of them are
// protected, and which views and routines read them. Sessions hold one snapshot per statement.
type Schema struct {
	Version        uint64 // grows with every snapshot; part of the plan cache's key
	Flavor         Flavor
	ServerVersion  int               // 80039 for 8.0.39, 101119 for 10.11.19; what /*!nnnnn compares with
	LowerCaseNames int               // @@lower_case_table_names: 0 compares table and schema names as bytes, 1 and 2 do not
	Tables         map[string]*Table // Key(schema, table) -> table; every base table of the schemas that hold protected tables
	// Configured are the tables that the configuration protects, whether they exist or not. Key(schema, table) -> table.
	Configured map[string]*Configured
	// Home is the database that holds the proxy's own tables, Own are their names.
	Home string
	Own  []string
	// InfoColumns are the columns of information_schema.COLUMNS in order.
	InfoColumns []string
	// Opaque names of views and routines whose definition reads a protected table or builds SQL at run time:
	// a statement that names one is refused. Key(schema, name) -> why.
	Opaque map[string]string
	// Views that a SELECT may read like tables, some of the opaque ones among them: see ViewOf. Key(schema, view) -> view.
	Views map[string]*Table
}

// Key is the map key of a table, view or routine: schema and name joined by a NUL, folded when the server folds names.
func (s *Schema) Key(schema, name string) string {
	if s.LowerCaseNames != 0 {
		schema, name = fold(schema), fold(name)
	}
	return schema + "\x00" + name
}

// Table is one base table of the backend, or a view that is read like one.
type Table struct {
	Schema, Name string
	Columns      []Column // in ordinal order, invisible columns included
	PrimaryKey   []int    // column indexes; empty when the table has none
	UniqueKeys   [][]int  // every unique key, the primary key first when there is one
	AutoInc      int      // column index of the AUTO_INCREMENT column, -1 without one
	View         bool     // it is a view, see Schema.Views

	// The rest is set for protected tables only.
	Protected bool
	Owner     int  // column index of the owner column
	Flag      int  // column index of the flag column (phi_encrypted), -1 without one
	ShowFlag  bool // config `show: stored`: clients see the flag as stored; otherwise they see 0
	Migrating bool // rows may still hold plaintext or values of the guide's format
}

// Unreachable is why a view or table must not be named, nil for one that may.
func (s *Schema) Unreachable(schema, name string) *fault.Error {
	key := s.Key(schema, name)
	why, opaque := s.Opaque[key]
	switch {
	case !opaque:
		return nil
	case s.Configured[key] != nil:
		return fault.NotReady.With("%s.%s: %s", schema, name, why)
	}
	return fault.Opaque.With("%s.%s", schema, name)
}

// ownNames lists the proxy's own tables as SQL texts, "" when there are none.
func (s *Schema) ownNames() string {
	texts := make([]string, len(s.Own))
	for i, name := range s.Own {
		texts[i] = infoText(name)
	}
	return strings.Join(texts, ", ")
}

// protectedTables are the schema's protected tables, and the views that show them, each in order of their names.
func protectedTables(s *Schema) []*Table {
	var list []*Table
	for _, all := range []map[string]*Table{s.Tables, s.Views} {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if all[key].Protected {
				list = append(list, all[key])
			}
		}
	}
	return list
}

// Configured is what the configuration says of a protected table.
type Configured struct {
	Schema, Name string
	Owner        string            // column with each row's owner
	Flag         string            // flag column, "" for a table without one
	IDs          map[string]string // protected column, in lower case -> its id
}

// protects reports whether a column is one of the protected ones.
func (c *Configured) protects(column string) bool {
	_, ok := c.IDs[fold(column)]
	return ok
}

// Column is one column as the backend's information_schema describes it.
type Column struct {
	Name       string
	Type       string // COLUMN_TYPE, lower case: "varchar(100)", "int unsigned"
	Collation  string // "" for types without one
	Nullable   bool
	Default    *string // literal default, nil for NULL or none (then HasDefault tells which)
	HasDefault bool    // a default exists, NULL included
	Invisible  bool    // not part of `*` nor of an INSERT without a column list
	Generated  bool

	Protected *Protected // nil for ordinary columns
}

// Protected describes a column whose values are sealed.
type Protected struct {
	ID   string       // stable id, part of the associated data; shared by cases and deleted_cases
	Type logical.Type // what clients see
	// Definition is the column's type as SHOW CREATE TABLE printed it before it was widened, for example
	// "varchar(250) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"; Collation is its collation, "" when it has none.
	Definition string
	Collation  string
	// Check is the constraint behind the column that makes a LONGTEXT MariaDB's JSON, "" for others.
	Check string
}

// fold makes names comparable as the server does: without regard to case. Beside ASCII it knows the four letters that
// some server's tables take for ASCII ones: \u0130 and \u0131 for i, \u017f for s, the Kelvin sign for k. Configured names
// are ASCII, so folding no more than that is exact for them and harmless for others.
func fold(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' || c >= 0x80 {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range []byte(foldLetters.Replace(s)) {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		b = append(b, r)
	}
	return string(b)
}

var foldLetters = strings.NewReplacer("\u0130", "i", "\u0131", "i", "\u017f", "s", "\u212a", "k")
