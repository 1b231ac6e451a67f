package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"phiproxy/crypto/envelope"
	"phiproxy/migrate/catalog"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// Definer keeps the metadata table in step with definitions of protected columns that come through the proxy.
type Definer struct {
	db     *sql.DB
	tables []catalog.Table
	turn   chan struct{} // holds one while a definition is under way, so that those that wait take no connections
}

// NewDefiner makes a definer for the configured tables. db is of the proxy's own account.
func NewDefiner(db *sql.DB, tables []catalog.Table) *Definer {
	return &Definer{db: db, tables: tables, turn: make(chan struct{}, 1)}
}

// Redefinition is what a statement makes of protected columns. While it is not closed no proxy of a fleet makes another one: of two
// sessions that create the same table, the one whose statement fails would take back what the other one recorded.
type Redefinition struct {
	db      *sql.DB
	turn    chan struct{}
	held    *connection // holds the lock
	home    string      // database of the metadata table
	columns []redefined
	nothing bool // the table is there already, so that the statement changes nothing
}

// redefined is one column.
type redefined struct {
	key    catalog.MetadataKey
	stored *catalog.ColumnInfo // the column that is changed, nil for a new one
	before *catalog.Metadata   // nil when there was none
	after  catalog.Metadata
	need   int    // bytes of the longest sealed value
	kept   string // its present type, when that is wide enough
}

// turnTimeout is how long a definition waits for another one.
const turnTimeout = 30 * time.Second

// begin waits until no other definition is under way.
func (d *Definer) begin(ctx context.Context) (*Redefinition, error) {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.Defining.With("%v", ctx.Err())
	}
	r := &Redefinition{db: d.db, turn: d.turn}
	conn, err := d.db.Conn(ctx)
	if err != nil {
		<-d.turn
		return nil, fault.KeyStore.With("%v", err)
	}
	r.held = &connection{Conn: conn}
	if err := r.held.lock(ctx); err != nil {
		r.Close()
		return nil, fault.Defining.With("%v", err)
	}
	return r, nil
}

// Close lets others have their turn.
func (r *Redefinition) Close() {
	r.held.close()
	<-r.turn
}

// Define judges the protected columns of a statement as the scratch server understood them. A refusal is a *fault.Error.
func (d *Definer) Define(ctx context.Context, def *rewrite.Definition, shown rewrite.Shown) (*Redefinition, error) {
	r, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.judge(ctx, r, def, shown); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (d *Definer) judge(ctx context.Context, r *Redefinition, def *rewrite.Definition, shown rewrite.Shown) error {
	found, err := catalog.Inspect(ctx, d.db, d.tables)
	if err != nil {
		return fault.KeyStore.With("%v", err)
	}
	lines, err := parseCreate(shown.Create)
	if err != nil || !found.HasMetadata || len(shown.Columns) != len(def.Columns) {
		return fault.DefinitionForm.With("%s.%s cannot be read", def.Table.Schema, def.Table.Name)
	}
	info := found.Table(def.Table.Schema, def.Table.Name)
	r.home, r.nothing = found.Server.Database, def.Create && !def.Replace && info != nil
	for i := range def.Columns {
		c := &redefined{key: catalog.MetadataKey{Schema: def.Table.Schema, Table: def.Table.Name, Column: def.Columns[i].Name}}
		if info != nil && !def.Create {
			at := info.Column(c.key.Column)
			if at < 0 {
				return fault.DefinitionForm.With("%s is not there", c.key.Column)
			}
			c.stored = &info.Columns[at]
			c.key.Column = c.stored.Name // the metadata spells it as the table does
		}
		if err := c.read(found, def.Columns[i].ID, &shown.Columns[i], lines); err != nil {
			return err
		}
		r.columns = append(r.columns, *c)
	}
	return nil
}

// read reads what the column is to clients, and judges it.
func (c *redefined) read(found *catalog.Database, id string, shown *rewrite.ShownColumn, lines *created) error {
	name := c.key.Column
	line := lines.column(name)
	if line == nil {
		return fault.DefinitionForm.With("%s is not shown", name)
	}
	charset, _, _ := strings.Cut(shown.Collation, "_")
	c.after = catalog.Metadata{
		ID: id, Type: shown.Type, Definition: line.typ,
		Charset: charset, Collation: shown.Collation, CollationID: found.Collations[strings.ToLower(shown.Collation)],
		Nullable: shown.Nullable, HasDefault: shown.Default != nil || shown.Nullable, Default: shown.Default, State: catalog.Sealed,
	}
	if strings.HasPrefix(shown.Type, "timestamp") && shown.Nullable {
		c.after.Definition += " NULL" // which SHOW CREATE TABLE prints of no other type
	}
	if jsonCheck(line) {
		c.after.Definition += " " + catalog.JSONCheck(name)
	} else if strings.Contains(strings.ToUpper(unquoted(line.rest)), "CHECK") {
		return fault.DefinitionForm.With("%s has a CHECK", name)
	}
	if before, known := found.Metadata[c.key]; known {
		c.before = &before
	}
	typ, err := c.after.Logical(found.Server.Flavor)
	switch {
	case err != nil:
		return fault.DefinitionForm.With("%s: %v", name, err)
	case shown.Collation != "" && c.after.CollationID == 0:
		return fault.DefinitionForm.With("%s: the database does not know %s", name, shown.Collation)
	case !plainExtra(shown.Extra), shown.Default != nil && *shown.Default != "":
		return fault.DefinitionForm.With("%s has a default or a computed value", name)
	case strings.HasPrefix(shown.Type, "enum") && !c.after.HasDefault: // an INSERT without it stores the first member
		return fault.DefinitionForm.With("%s is an ENUM NOT NULL without a default", name)
	}
	c.need = envelope.SealedSize(typ.MaxPlaintext())
	if c.stored == nil {
		return nil
	}
	return c.follow()
}

// plainExtra reports whether a column's Extra tells of no default and no value that the server computes. MySQL says NULL for a
// temporary table's column that has none.
func plainExtra(extra string) bool {
	return extra == "" || extra == "NULL" || strings.EqualFold(extra, "invisible")
}

// follow judges the change of a column that is there.
func (c *redefined) follow() error {
	switch {
	case c.before == nil:
		return fault.DefinitionForm.With("%s is not recorded", c.key.Column)
	case !convertible(c.before, &c.after):
		return fault.Conversion.With("%s from %s to %s", c.key.Column, c.before.Type, c.after.Type)
	}
	c.after.Ordinal, c.after.State = c.before.Ordinal, c.before.State
	if c.stored.Capacity() >= c.need || c.stored.DataType == "longblob" {
		c.kept = c.stored.Type
	}
	return nil
}

// convertible reports whether every value of a column is read the same under its new definition.
func convertible(before, after *catalog.Metadata) bool {
	_, was := before.Split()
	_, is := after.Split()
	switch {
	case (was == "") != (is == ""): // JSON on one side
		return false
	case before.Type == after.Type && before.Charset == after.Charset:
		return true
	}
	order := []string{"char", "varchar", "text"}
	from, chars := textKind(before)
	to, room := textKind(after)
	i, j := slices.Index(order, from), slices.Index(order, to)
	switch {
	case i < 0 || j < i:
		return false
	case before.Charset != after.Charset && (after.Charset != "utf8mb4" || from == "text"):
		return false
	case to == "text" && from != "text":
		return room >= chars*bytesPerCharacter(after.Charset)
	}
	return room >= chars
}

// textKind is char, varchar or text, and how much such a column holds: characters, or bytes of a text; "" for another type.
func textKind(m *catalog.Metadata) (kind string, size int) {
	switch m.Type {
	case "tinytext":
		return "text", 1<<8 - 1
	case "text":
		return "text", 1<<16 - 1
	case "mediumtext":
		return "text", 1<<24 - 1
	case "longtext":
		return "text", 1<<32 - 1
	}
	for _, kind := range []string{"char", "varchar"} {
		if _, err := fmt.Sscanf(m.Type, kind+"(%d)", &size); err == nil {
			return kind, size
		}
	}
	return "", 0
}

// Stored gives the columns' types in the database, with their defaults. With roomy they take no room in the row.
func (r *Redefinition) Stored(roomy bool) []string {
	var out []string
	for i := range r.columns {
		c := &r.columns[i]
		switch {
		case c.kept != "":
			c.after.Physical = c.kept
		case roomy, c.need > 1<<14, blobs[strings.ToLower(c.after.Type)]:
			c.after.Physical = blobFor(c.need)
		default:
			c.after.Physical = fmt.Sprintf("varbinary(%d)", c.need)
		}
		text := c.after.Physical
		if c.after.Default != nil {
			text += " DEFAULT ''"
		}
		out = append(out, text)
	}
	return out
}

// Record writes what the columns are to clients.
func (r *Redefinition) Record(ctx context.Context) error {
	if r.nothing {
		return nil
	}
	for i := range r.columns {
		if err := r.put(ctx, r.columns[i].key, &r.columns[i].after); err != nil {
			return err
		}
	}
	return nil
}

// Forget takes Record back.
func (r *Redefinition) Forget(ctx context.Context) error {
	if r.nothing {
		return nil
	}
	for i := range r.columns {
		c := &r.columns[i]
		if c.before != nil {
			if err := r.put(ctx, c.key, c.before); err != nil {
				return err
			}
			continue
		}
		_, err := r.db.ExecContext(ctx, "DELETE FROM "+catalog.QuoteName(r.home)+"."+catalog.MetadataTable+
			" WHERE table_schema = ? AND table_name = ? AND column_name = ?", c.key.Schema, c.key.Table, c.key.Column)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Redefinition) put(ctx context.Context, key catalog.MetadataKey, m *catalog.Metadata) error {
	_, err := r.db.ExecContext(ctx, "REPLACE INTO "+catalog.QuoteName(r.home)+"."+catalog.MetadataTable+
		` (table_schema, table_name, column_name, ordinal, column_id, column_type, definition, charset_name, collation_name, collation_id,
		is_nullable, has_default, column_default, physical_type, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		key.Schema, key.Table, key.Column, m.Ordinal, m.ID, m.Type, m.Definition, orNil(m.Charset), orNil(m.Collation), m.CollationID,
		m.Nullable, m.HasDefault, m.Default, m.Physical, m.State)
	return err
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
