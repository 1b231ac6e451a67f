package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// MetadataTable keeps the logical definition of every protected column, in the database of the proxy's own account.
// A row is written before its column is widened, so that what the column was is never lost.
const MetadataTable = "phiproxy_columns"

// States of a protected column.
const (
	Migrating = "migrating" // rows may hold plaintext, or values of the guide's format
	Sealed    = "sealed"    // every value is NULL, '' or an envelope
)

// MetadataKey names a column exactly as information_schema spells it.
type MetadataKey struct{ Schema, Table, Column string }

// Metadata is one row of the metadata table.
type Metadata struct {
	Ordinal     int    // position when it was recorded, from 1
	ID          string // column id of the configuration
	Type        string // COLUMN_TYPE before widening
	Definition  string // the same as SHOW CREATE TABLE printed it, character set and collation included when it printed them
	Charset     string
	Collation   string
	CollationID uint16
	Nullable    bool
	HasDefault  bool
	Default     *string
	Physical    string // COLUMN_TYPE after widening
	State       string
}

// metadata reads the metadata table. It does not exist before the first `phiproxy schema apply`.
func (r *reader) metadata(ctx context.Context, d *Database) error {
	home := d.Table(d.Server.Database, MetadataTable)
	d.Metadata = map[MetadataKey]Metadata{}
	if d.HasMetadata = home != nil; !d.HasMetadata {
		return nil
	}
	rows, err := r.rows(ctx, `SELECT table_schema, table_name, column_name, ordinal, column_id, column_type, definition, charset_name, collation_name,
		collation_id, is_nullable, has_default, column_default, physical_type, state FROM `+QuoteName(d.Server.Database)+"."+MetadataTable+`
		ORDER BY table_schema, table_name, column_name`)
	if err != nil {
		return err
	}
	for _, v := range rows {
		m, err := metadataOf(v)
		if err != nil {
			return err
		}
		d.Metadata[MetadataKey{Schema: v[0].String, Table: v[1].String, Column: v[2].String}] = m
	}
	return nil
}

func metadataOf(v row) (Metadata, error) {
	m := Metadata{
		ID: v[4].String, Type: v[5].String, Definition: v[6].String, Charset: v[7].String, Collation: v[8].String,
		Nullable: v[10].String == "1", HasDefault: v[11].String == "1", Physical: v[13].String, State: v[14].String,
	}
	ordinal, err := strconv.Atoi(v[3].String)
	if err != nil {
		return m, fmt.Errorf("%s holds an ordinal that is no number", MetadataTable)
	}
	id, err := strconv.ParseUint(v[9].String, 10, 16)
	if err != nil {
		return m, fmt.Errorf("%s holds a collation id that is no number", MetadataTable)
	}
	m.Ordinal, m.CollationID = ordinal, uint16(id)
	if v[12].Valid {
		m.Default = &v[12].String
	}
	return m, nil
}

// recorded lists the columns of the metadata table in order.
func (d *Database) recorded() []MetadataKey {
	return slices.SortedFunc(maps.Keys(d.Metadata), func(a, b MetadataKey) int {
		return cmp.Or(strings.Compare(a.Schema, b.Schema), strings.Compare(a.Table, b.Table), strings.Compare(a.Column, b.Column))
	})
}

// Renamed finds the table that a recorded column id was in, when that table is gone: then it was probably renamed.
func (d *Database) Renamed(id string) (schema, table string, found bool) {
	for _, key := range d.recorded() {
		if d.Metadata[key].ID == id && d.Table(key.Schema, key.Table) == nil {
			return key.Schema, key.Table, true
		}
	}
	return "", "", false
}

// QuoteName quotes a name for SQL.
func QuoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// Collation ids are looked up for the column definitions that clients get.
func (r *reader) collationIDs(ctx context.Context) (map[string]uint16, error) {
	rows, err := r.rows(ctx, "SELECT COLLATION_NAME, ID FROM information_schema.COLLATIONS ORDER BY COLLATION_NAME")
	ids := map[string]uint16{}
	for _, v := range rows {
		if id, err := strconv.ParseUint(v[1].String, 10, 16); err == nil {
			ids[strings.ToLower(v[0].String)] = uint16(id)
		}
	}
	return ids, err
}
