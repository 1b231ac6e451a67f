package catalog

import (
	"slices"
	"strings"

	"phiproxy/crypto/envelope"
	"phiproxy/rewrite"
)

// apply is the advice of most problems.
const apply = "run `phiproxy schema apply`"

// addProtected marks one configured table, or takes it out of reach when it is not as it must be.
func (b *builder) addProtected(t *Table) {
	before := len(b.problems)
	key := b.schema.Key(t.Schema, t.Name)
	b.schema.Configured[key] = t.configured()
	b.protect(t, key)
	if len(b.problems) > before {
		b.hide(t)
	}
}

// Missing tells of a configured table that does not exist.
const Missing = "there is no such table; CREATE TABLE through the proxy makes it with protected columns; correct `tables:` in the configuration if it is misspelt"

func (t *Table) configured() *rewrite.Configured {
	c := &rewrite.Configured{Schema: t.Schema, Name: t.Name, Owner: t.Owner, Flag: t.Flag, IDs: map[string]string{}}
	for _, column := range t.Columns {
		c.IDs[strings.ToLower(column.Name)] = column.ID
	}
	return c
}

// hide takes a table that has a problem out of reach.
func (b *builder) hide(t *Table) {
	key := b.schema.Key(t.Schema, t.Name)
	delete(b.schema.Tables, key)
	b.schema.Opaque[key] = "the table is not ready: " + b.problems[len(b.problems)-1].Text
}

func (b *builder) protect(t *Table, key string) {
	info, out := b.db.Table(t.Schema, t.Name), b.schema.Tables[key]
	switch {
	case info == nil:
		b.warning(t.Schema, t.Name, "%s", Missing)
	case out == nil:
		b.problem(t, "", "is not a base table; name the table itself in the configuration, not a view of it")
	default:
		out.Protected, out.ShowFlag, out.Migrating = true, t.ShowStored, t.Migrating
		b.protectTable(t, info, out)
		for i := range t.Columns {
			b.protectColumn(t, &t.Columns[i], info, out)
		}
	}
}

func (b *builder) protectTable(t *Table, info *TableInfo, out *rewrite.Table) {
	out.Owner = info.Column(t.Owner)
	if out.Owner < 0 {
		b.problem(t, t.Owner, "the owner column does not exist; correct `owner:` in the configuration")
	}
	if t.Flag != "" {
		if out.Flag = info.Column(t.Flag); out.Flag < 0 {
			b.problem(t, t.Flag, "the flag column does not exist yet; %s, or set `flag: ''` to do without", apply)
		}
	}
	if why := info.KeyProblem(); why != "" {
		b.problem(t, "", "%s", why)
	}
	for _, f := range info.ForeignKeys {
		if why := f.OwnerProblem(t.Owner); why != "" {
			b.problem(t, t.Owner, "%s", why)
		}
	}
}

// KeyProblem tells why rows of the table cannot be told apart by their primary key, "" when they can.
func (t *TableInfo) KeyProblem() string {
	k := t.PrimaryKey()
	if k == nil {
		return "has no primary key, by which an UPDATE finds the rows whose values it seals; add one"
	}
	for _, p := range k.Parts {
		i := t.Column(p.Column)
		if i < 0 || p.Prefix > 0 || !keyTypes[t.Columns[i].DataType] {
			return "its primary key has a column that is not an integer, CHAR, VARCHAR, BINARY or VARBINARY; such a key cannot be compared exactly"
		}
	}
	return ""
}

var keyTypes = map[string]bool{
	"tinyint": true, "smallint": true, "mediumint": true, "int": true, "bigint": true,
	"char": true, "varchar": true, "binary": true, "varbinary": true,
}

// OwnerProblem tells why a foreign key would change owners behind the proxy's back, "" when it does not.
func (f *ForeignKey) OwnerProblem(owner string) string {
	mine := false
	for _, c := range f.Columns {
		mine = mine || strings.EqualFold(c, owner)
	}
	if !mine || keeps(f.OnUpdate) && (keeps(f.OnDelete) || f.OnDelete == "CASCADE") { // a cascading delete removes the row whole
		return ""
	}
	return "foreign key " + QuoteName(f.Name) + " changes the owner of rows by itself (ON UPDATE " + f.OnUpdate + ", ON DELETE " + f.OnDelete +
		"), after which their values open for nobody; make it RESTRICT"
}

func keeps(rule string) bool { return rule == "RESTRICT" || rule == "NO ACTION" || rule == "" }

// addForgotten takes tables out of reach that hold sealed values of columns which the configuration does not name: clients
// would write plaintext beside them.
func (b *builder) addForgotten(tables []Table) {
	for _, key := range b.db.recorded() {
		meta, info := b.db.Metadata[key], b.db.Table(key.Schema, key.Table)
		if info == nil {
			continue
		}
		at := info.Column(key.Column)
		if at < 0 || !info.Columns[at].Binary() {
			continue
		}
		t := b.configured(tables, info)
		switch {
		case t == nil:
			b.schema.Opaque[b.schema.Key(info.Schema, info.Name)] = "it has sealed values, but the configuration does not name it"
			delete(b.schema.Tables, b.schema.Key(info.Schema, info.Name))
			b.warning(info.Schema, info.Name, "%s says that %s is protected, but the configuration does not name the table; statements that name it are refused", MetadataTable, key.Column)
		case !t.has(key.Column):
			b.problem(t, key.Column, "the column is recorded as protected (id %q), but the configuration does not name it; add it, or its values stay sealed and new ones would not be", meta.ID)
			b.hide(t)
		}
	}
}

func (b *builder) configured(tables []Table, info *TableInfo) *Table {
	for i := range tables {
		if b.db.Server.same(tables[i].Schema, info.Schema) && b.db.Server.same(tables[i].Name, info.Name) {
			return &tables[i]
		}
	}
	return nil
}

func (t *Table) has(column string) bool {
	return slices.ContainsFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, column) })
}

// protectColumn checks one column and gives it its logical type.
func (b *builder) protectColumn(t *Table, c *Column, info *TableInfo, out *rewrite.Table) {
	i := info.Column(c.Name)
	if i < 0 {
		b.problem(t, c.Name, "the column does not exist; correct `columns:` in the configuration")
		return
	}
	if strings.EqualFold(c.Name, t.Owner) || strings.EqualFold(c.Name, t.Flag) {
		b.problem(t, c.Name, "the owner column and the flag column cannot be protected themselves")
		return
	}
	column := &info.Columns[i]
	meta, known := b.db.Metadata[MetadataKey{info.Schema, info.Name, column.Name}]
	if !known || !column.Binary() {
		b.problem(t, c.Name, "the column is not prepared for sealed values yet (it is %s); %s", column.Type, apply)
		return
	}
	if meta.ID != c.ID {
		b.problem(t, c.Name, "the configuration gives it the id %q, but its values were sealed under %q; an id never changes: set `id: %s`", c.ID, meta.ID, meta.ID)
		return
	}
	typ, err := meta.Logical(b.schema.Flavor)
	if err != nil {
		b.problem(t, c.Name, "its recorded type %s is not supported by this version: %v", meta.Type, err)
		return
	}
	if need := envelope.SealedSize(typ.MaxPlaintext()); column.Capacity() < need && column.DataType != "longblob" {
		b.problem(t, c.Name, "%s is too small for the longest sealed value of %d bytes; %s", column.Type, need, apply)
		return
	}
	out.Migrating = out.Migrating || meta.State != Sealed
	target := &out.Columns[i]
	target.Default, target.HasDefault = meta.Default, meta.HasDefault
	definition, check := meta.Split()
	target.Protected = &rewrite.Protected{ID: meta.ID, Type: typ, Definition: definition, Check: check, Collation: meta.Collation}
}
