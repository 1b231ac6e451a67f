// Package catalog tells the planner what the backend's database looks like: it reads information_schema and the metadata
// table through the proxy's own account and makes a [rewrite.Schema] of them.
//
// It fails closed. A configured table that is not as the configuration says (missing, not widened yet, changed behind the
// proxy's back) is left out of Schema.Tables and put into Schema.Opaque instead, so that no statement reaches it; the
// reason, and what to do about it, is among the Problems.
package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"phiproxy/keys/store"
	"phiproxy/rewrite"
)

// Table is one configured protected table.
type Table struct {
	Schema, Name string
	Owner        string // column with the owner of each row
	Flag         string // column that says 1 when every protected value of the row is sealed; "" for a table without one
	ShowStored   bool   // clients see the flag as stored
	Migrating    bool   // rows may hold plaintext whatever the metadata says
	Columns      []Column
}

// String is the table's name for messages.
func (t *Table) String() string { return t.Schema + "." + t.Name }

// Column is one configured protected column.
type Column struct {
	Name string
	ID   string // stable id that is part of every value's associated data
}

// Problem is something that is not as it must be. Text says what, and what to do.
type Problem struct {
	Schema, Table string
	Column        string // "" when it concerns the whole table
	Text          string
}

func (p Problem) String() string {
	name := p.Schema
	for _, part := range []string{p.Table, p.Column} {
		if part != "" {
			name += "." + part
		}
	}
	if name == "" {
		return p.Text
	}
	return name + ": " + p.Text
}

// Snapshot is what was found at one moment. It is immutable.
type Snapshot struct {
	Schema   *rewrite.Schema
	Problems []Problem // configured tables that cannot be used; statements that name them are refused
	Warnings []Problem // to be looked at by a person: triggers and events near protected columns, missing grants
	print    fingerprint
}

// Load reads the database once. The error is the database's; what is wrong with the tables is in Problems.
func Load(ctx context.Context, db *sql.DB, tables []Table) (*Snapshot, error) {
	found, err := Inspect(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	return found.Snapshot(tables), nil
}

// Snapshot judges what was read.
func (d *Database) Snapshot(tables []Table) *Snapshot {
	b := &builder{db: d, schema: d.emptySchema()}
	b.addOrdinary()
	for i := range tables {
		b.addProtected(&tables[i])
	}
	b.addForgotten(tables)
	b.addOpaque(tables)
	b.addViews()
	b.warn(tables)
	return &Snapshot{Schema: b.schema, Problems: b.problems, Warnings: b.warnings, print: d.print}
}

func (d *Database) emptySchema() *rewrite.Schema {
	return &rewrite.Schema{
		Home: d.Server.Database, Own: d.own(), InfoColumns: d.InfoColumns,
		Flavor: d.Server.Flavor, ServerVersion: d.Server.Version, LowerCaseNames: d.Server.LowerCaseNames,
		Tables: map[string]*rewrite.Table{}, Configured: map[string]*rewrite.Configured{}, Opaque: map[string]string{},
	}
}

// own are the names of the proxy's own tables that are there. Those of the original guide belong to the application.
func (d *Database) own() []string {
	var names []string
	for _, t := range d.Tables {
		if d.Server.same(t.Schema, d.Server.Database) && slices.Contains([]string{store.TableVersions, store.TableLife, store.TableEpoch, MetadataTable}, t.Name) {
			names = append(names, t.Name)
		}
	}
	return names
}

// builder makes a schema of what was found.
type builder struct {
	db       *Database
	schema   *rewrite.Schema
	problems []Problem
	warnings []Problem
}

// addOrdinary adds every base table as if none were protected.
func (b *builder) addOrdinary() {
	for _, t := range b.db.Tables {
		if t.Kind == BaseTable {
			b.schema.Tables[b.schema.Key(t.Schema, t.Name)] = t.ordinary()
		}
	}
}

func (t *TableInfo) ordinary() *rewrite.Table {
	out := &rewrite.Table{Schema: t.Schema, Name: t.Name, AutoInc: -1, Owner: -1, Flag: -1}
	for i, c := range t.Columns {
		out.Columns = append(out.Columns, c.ordinary())
		if c.AutoInc {
			out.AutoInc = i
		}
	}
	for _, k := range t.Keys {
		if !k.Unique {
			continue
		}
		parts := t.probeColumns(k)
		if k.Primary {
			out.PrimaryKey = parts
			out.UniqueKeys = append([][]int{parts}, out.UniqueKeys...)
		} else {
			out.UniqueKeys = append(out.UniqueKeys, parts)
		}
	}
	return out
}

// probeColumns gives the indexes of a key's columns; empty when rows cannot be found by comparing columns, because a
// part is a prefix or an expression.
func (t *TableInfo) probeColumns(k Key) []int {
	parts := []int{}
	for _, p := range k.Parts {
		i := t.Column(p.Column)
		if i < 0 || p.Prefix > 0 {
			return []int{}
		}
		parts = append(parts, i)
	}
	return parts
}

func (c *ColumnInfo) ordinary() rewrite.Column {
	return rewrite.Column{
		Name: c.Name, Type: c.Type, Collation: c.Collation, Nullable: c.Nullable, Default: c.Default, HasDefault: c.HasDefault,
		Invisible: c.Invisible, Generated: c.Generated,
	}
}

func (b *builder) problem(t *Table, column, format string, args ...any) {
	b.problems = append(b.problems, Problem{Schema: t.Schema, Table: t.Name, Column: column, Text: fmt.Sprintf(format, args...)})
}

func (b *builder) warning(schema, table, format string, args ...any) {
	b.warnings = append(b.warnings, Problem{Schema: schema, Table: table, Text: fmt.Sprintf(format, args...)})
}
