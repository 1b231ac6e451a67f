package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"sort"
	"strings"

	"phiproxy/rewrite"
)

// Database is everything that was read, before it is judged.
type Database struct {
	Server     Server
	Tables     []*TableInfo // base tables and views of the schemas that matter: those of protected tables and the account's own
	Code       []Code       // views and routines of all schemas
	Triggers   []Trigger
	Events     []Code
	Metadata   map[MetadataKey]Metadata
	Collations map[string]uint16 // name in lower case -> id
	// InfoColumns are the columns of information_schema.COLUMNS in order.
	InfoColumns []string
	// HasMetadata tells that the metadata table exists.
	HasMetadata bool
	// Blind is set when the account cannot see all views, routines and triggers; it says which privileges it lacks.
	Blind string

	print fingerprint
}

// Kind of a table.
type Kind uint8

const (
	BaseTable Kind = iota
	View
	Sequence
)

// TableInfo is one table of information_schema.
type TableInfo struct {
	Schema, Name string
	Kind         Kind
	Engine       string
	RowFormat    string // "Dynamic", "Compact", ...
	Collation    string // default of the table
	Options      string // CREATE_OPTIONS: "partitioned", ...
	Columns      []ColumnInfo
	Keys         []Key
	ForeignKeys  []ForeignKey
}

// ColumnInfo is one column of information_schema.
type ColumnInfo struct {
	Name       string
	Type       string // COLUMN_TYPE in lower case
	DataType   string // "varchar"
	Charset    string
	Collation  string
	Nullable   bool
	Default    *string // literal default; nil for NULL, none, or an expression
	HasDefault bool    // NULL and expressions included
	Expression bool    // the default is an expression
	AutoInc    bool
	Invisible  bool
	Generated  bool
	Comment    string
}

// Key is one index.
type Key struct {
	Name            string
	Unique, Primary bool
	Parts           []KeyPart
}

// KeyPart is one column of an index. Column is "" for an expression, Prefix is 0 for the whole column.
type KeyPart struct {
	Column string
	Prefix int
}

// ForeignKey is one constraint of a table that refers to another.
type ForeignKey struct {
	Name               string
	Columns            []string
	ToSchema, ToTable  string
	ToColumns          []string
	OnUpdate, OnDelete string // "CASCADE", "RESTRICT", "SET NULL", ...
}

// Code is a view, routine or event: something with a stored text. Text is "" when the account may not see it.
type Code struct {
	Schema, Name string
	Kind         string // "view", "procedure", "function", "package", "event"
	Text         string
}

// Trigger is one trigger.
type Trigger struct {
	Schema, Name  string
	OnSchema, On  string // table it belongs to
	Timing, Event string // "BEFORE", "INSERT"
	Text          string
}

// Column gives the index of a column by name, -1 when there is none. Column names are case-insensitive.
func (t *TableInfo) Column(name string) int {
	return slices.IndexFunc(t.Columns, func(c ColumnInfo) bool { return strings.EqualFold(c.Name, name) })
}

// PrimaryKey gives the primary key, nil when there is none.
func (t *TableInfo) PrimaryKey() *Key {
	for i := range t.Keys {
		if t.Keys[i].Primary {
			return &t.Keys[i]
		}
	}
	return nil
}

// Table finds a table under the server's rules for names, nil when there is none.
func (d *Database) Table(schema, name string) *TableInfo {
	for _, t := range d.Tables {
		if d.Server.same(t.Schema, schema) && d.Server.same(t.Name, name) {
			return t
		}
	}
	return nil
}

// same compares schema or table names as the server does.
func (s *Server) same(a, b string) bool {
	return a == b || s.LowerCaseNames != 0 && strings.EqualFold(a, b)
}

// Inspect reads the schemas of the configured tables and of the account's own database.
func Inspect(ctx context.Context, db *sql.DB, tables []Table) (*Database, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := &reader{conn: conn, sum: sha256.New()}
	d, err := r.database(ctx, tables)
	if err != nil {
		return nil, fmt.Errorf("reading the database's catalog: %w", err)
	}
	d.print = r.fingerprint()
	return d, nil
}

func (r *reader) database(ctx context.Context, tables []Table) (*Database, error) {
	d := &Database{}
	var err error
	if d.Server, err = r.server(ctx); err != nil {
		return nil, err
	}
	schemas := schemasOf(tables, d.Server.Database)
	steps := []func() error{
		func() (err error) { d.Tables, err = r.tables(ctx, schemas); return err },
		func() error { return r.columns(ctx, d, schemas) },
		func() error { return r.keys(ctx, d, schemas) },
		func() error { return r.foreignKeys(ctx, d, schemas) },
		func() error { return r.infoColumns(ctx, d) },
		func() (err error) { d.Code, err = r.code(ctx); return err },
		func() (err error) { d.Triggers, err = r.triggers(ctx); return err },
		func() (err error) { d.Events, err = r.events(ctx, d.Server.Flavor); return err },
		func() error { return r.metadata(ctx, d) },
		func() (err error) { d.Collations, err = r.collationIDs(ctx); return err },
		func() (err error) { d.Blind, err = r.blind(ctx, d.Server.Flavor); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func schemasOf(tables []Table, own string) []string {
	set := map[string]bool{own: own != ""}
	for _, t := range tables {
		set[t.Schema] = true
	}
	var names []string
	for name, want := range set {
		if want {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func (r *reader) tables(ctx context.Context, schemas []string) ([]*TableInfo, error) {
	list, args := in(schemas)
	rows, err := r.rows(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, ROW_FORMAT, TABLE_COLLATION, CREATE_OPTIONS
		FROM information_schema.TABLES WHERE TABLE_SCHEMA IN `+list+` ORDER BY TABLE_SCHEMA, TABLE_NAME`, args...)
	if err != nil {
		return nil, err
	}
	var out []*TableInfo
	for _, v := range rows {
		t := &TableInfo{Schema: v[0].String, Name: v[1].String, Engine: v[3].String, RowFormat: v[4].String, Collation: v[5].String, Options: v[6].String}
		switch v[2].String {
		case "VIEW", "SYSTEM VIEW":
			t.Kind = View
		case "SEQUENCE":
			t.Kind = Sequence
		case "TEMPORARY": // of this very session
			continue
		}
		out = append(out, t)
	}
	return out, nil
}

func (r *reader) columns(ctx context.Context, d *Database, schemas []string) error {
	list, args := in(schemas)
	rows, err := r.rows(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME,
		IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLUMN_COMMENT
		FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN `+list+` ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`, args...)
	if err != nil {
		return err
	}
	index := d.index()
	for _, v := range rows {
		if t := index[v[0].String+"\x00"+v[1].String]; t != nil {
			t.Columns = append(t.Columns, columnOf(v, d.Server.Flavor))
		}
	}
	return nil
}

// infoColumns reads what information_schema.COLUMNS itself consists of. The embedded server's is left as it is.
func (r *reader) infoColumns(ctx context.Context, d *Database) error {
	if d.Server.Flavor == rewrite.Embedded {
		return nil
	}
	rows, err := r.rows(ctx, `SELECT COLUMN_NAME FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'COLUMNS' ORDER BY ORDINAL_POSITION`)
	for _, v := range rows {
		d.InfoColumns = append(d.InfoColumns, strings.ToUpper(v[0].String))
	}
	return err
}

// index finds tables by schema, NUL, name exactly as information_schema spells them.
func (d *Database) index() map[string]*TableInfo {
	m := map[string]*TableInfo{}
	for _, t := range d.Tables {
		m[t.Schema+"\x00"+t.Name] = t
	}
	return m
}

func columnOf(v row, flavor rewrite.Flavor) ColumnInfo {
	extra := strings.ToLower(v[9].String)
	c := ColumnInfo{
		Name: v[2].String, Type: strings.ToLower(v[3].String), DataType: strings.ToLower(v[4].String),
		Charset: v[5].String, Collation: v[6].String, Nullable: strings.EqualFold(v[7].String, "YES"),
		AutoInc: strings.Contains(extra, "auto_increment"), Invisible: strings.Contains(extra, "invisible"),
		Generated: strings.Contains(extra, "virtual generated") || strings.Contains(extra, "stored generated"),
		Comment:   v[10].String,
	}
	if strings.HasPrefix(c.Type, "enum(") || strings.HasPrefix(c.Type, "set(") {
		c.Type = v[3].String // members keep their case
	}
	if flavor == rewrite.MariaDB {
		c.setMariaDefault(v[8])
	} else {
		c.setDefault(v[8], strings.Contains(extra, "default_generated"))
	}
	return c
}

// setDefault reads COLUMN_DEFAULT of MySQL: the bare text, or NULL both for "none" and for "DEFAULT NULL".
func (c *ColumnInfo) setDefault(v sql.NullString, expression bool) {
	c.HasDefault = v.Valid || c.Nullable
	c.Expression = v.Valid && expression
	if v.Valid && !expression {
		c.Default = &v.String
	}
}

// setMariaDefault reads COLUMN_DEFAULT of MariaDB (10.2.7 and later): an SQL expression, where NULL is the word NULL and
// a string is quoted.
func (c *ColumnInfo) setMariaDefault(v sql.NullString) {
	c.HasDefault = v.Valid || c.Nullable
	if !v.Valid || v.String == "NULL" {
		return
	}
	if text, ok := unquote(v.String); ok {
		c.Default = &text
		return
	}
	if isNumber(v.String) {
		c.Default = &v.String
		return
	}
	c.Expression = true
}

func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return "", false
	}
	return strings.NewReplacer("''", "'", `\\`, `\`).Replace(s[1 : len(s)-1]), true
}

func isNumber(s string) bool {
	digits := strings.TrimLeft(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789.") == ""
}

func (r *reader) keys(ctx context.Context, d *Database, schemas []string) error {
	list, args := in(schemas)
	rows, err := r.rows(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART
		FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN `+list+` ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`, args...)
	if err != nil {
		return err
	}
	index := d.index()
	for _, v := range rows {
		t := index[v[0].String+"\x00"+v[1].String]
		if t == nil {
			continue
		}
		name := v[2].String
		if n := len(t.Keys); n == 0 || t.Keys[n-1].Name != name {
			t.Keys = append(t.Keys, Key{Name: name, Unique: v[3].String == "0", Primary: name == "PRIMARY"})
		}
		prefix := 0
		fmt.Sscan(v[5].String, &prefix) // NULL and nonsense stay 0
		k := &t.Keys[len(t.Keys)-1]
		k.Parts = append(k.Parts, KeyPart{Column: v[4].String, Prefix: prefix})
	}
	return nil
}

func (r *reader) foreignKeys(ctx context.Context, d *Database, schemas []string) error {
	list, args := in(schemas)
	rows, err := r.rows(ctx, `SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME,
		c.UPDATE_RULE, c.DELETE_RULE, k.REFERENCED_COLUMN_NAME
		FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS c
		ON c.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND c.TABLE_NAME = k.TABLE_NAME
		WHERE k.TABLE_SCHEMA IN `+list+` AND k.REFERENCED_TABLE_NAME IS NOT NULL
		ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`, args...)
	if err != nil {
		return err
	}
	index := d.index()
	for _, v := range rows {
		t := index[v[0].String+"\x00"+v[1].String]
		if t == nil {
			continue
		}
		if n := len(t.ForeignKeys); n == 0 || t.ForeignKeys[n-1].Name != v[2].String {
			t.ForeignKeys = append(t.ForeignKeys, ForeignKey{
				Name: v[2].String, ToSchema: v[4].String, ToTable: v[5].String, OnUpdate: v[6].String, OnDelete: v[7].String,
			})
		}
		f := &t.ForeignKeys[len(t.ForeignKeys)-1]
		f.Columns, f.ToColumns = append(f.Columns, v[3].String), append(f.ToColumns, v[8].String)
	}
	return nil
}

// systemSchemas hold views over the server's own tables only.
const systemSchemas = "('mysql', 'information_schema', 'performance_schema', 'sys')"

// code reads views, and routines. Those of the sys schema count too: sys.execute_prepared_stmt runs any text.
func (r *reader) code(ctx context.Context) ([]Code, error) {
	views, err := r.rows(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME, 'view', VIEW_DEFINITION FROM information_schema.VIEWS
		WHERE TABLE_SCHEMA NOT IN `+systemSchemas+` ORDER BY TABLE_SCHEMA, TABLE_NAME`)
	if err != nil {
		return nil, err
	}
	routines, err := r.rows(ctx, `SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION FROM information_schema.ROUTINES
		ORDER BY ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE`)
	if err != nil {
		return nil, err
	}
	return codeOf(append(views, routines...)), nil
}

func codeOf(rows []row) []Code {
	var out []Code
	for _, v := range rows {
		out = append(out, Code{Schema: v[0].String, Name: v[1].String, Kind: strings.ToLower(v[2].String), Text: v[3].String})
	}
	return out
}

func (r *reader) triggers(ctx context.Context) ([]Trigger, error) {
	rows, err := r.rows(ctx, `SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT
		FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN `+systemSchemas+` ORDER BY TRIGGER_SCHEMA, TRIGGER_NAME`)
	var out []Trigger
	for _, v := range rows {
		out = append(out, Trigger{
			Schema: v[0].String, Name: v[1].String, OnSchema: v[2].String, On: v[3].String,
			Timing: v[4].String, Event: v[5].String, Text: v[6].String,
		})
	}
	return out, err
}

func (r *reader) events(ctx context.Context, flavor rewrite.Flavor) ([]Code, error) {
	if flavor == rewrite.Embedded { // has no scheduler
		return nil, nil
	}
	rows, err := r.rows(ctx, `SELECT EVENT_SCHEMA, EVENT_NAME, 'event', EVENT_DEFINITION FROM information_schema.EVENTS ORDER BY EVENT_SCHEMA, EVENT_NAME`)
	return codeOf(rows), err
}

// blind tells which global privileges the account lacks to see every view, routine, trigger and event. Privileges that
// come by way of a role are not seen here, so this is for a warning only.
func (r *reader) blind(ctx context.Context, flavor rewrite.Flavor) (string, error) {
	if flavor == rewrite.Embedded { // its accounts hold every privilege
		return "", nil
	}
	rows, err := r.rows(ctx, `SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES
		WHERE GRANTEE = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') ORDER BY PRIVILEGE_TYPE`)
	held := map[string]bool{}
	for _, v := range rows {
		held[v[0].String] = true
	}
	var missing []string
	for _, p := range []string{"SELECT", "SHOW VIEW", "TRIGGER", "EVENT"} {
		if !held[p] {
			missing = append(missing, p)
		}
	}
	return strings.Join(missing, ", "), err
}
