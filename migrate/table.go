package migrate

import (
	"context"
	"fmt"
	"strings"

	"phiproxy/migrate/catalog"
)

// target is one protected column on its way.
type target struct {
	config   *catalog.Column
	info     *catalog.ColumnInfo
	ordinal  int
	meta     catalog.Metadata // what the column is to clients
	recorded bool             // the metadata row is there and right
	physical string           // type it must have, e.g. "varbinary(1102)"
	done     bool             // it has that type, or a larger one
}

// table plans one configured table.
func (p *planner) table(ctx context.Context, t *catalog.Table) error {
	before := len(p.plan.Refusals)
	info := p.found.Table(t.Schema, t.Name)
	switch {
	case info == nil: // the catalog warns of it
		return nil
	case info.Kind != catalog.BaseTable:
		p.refuse(t, "", "is not a base table; name the table itself in the configuration, not a view of it")
		return nil
	}
	definition, err := p.showCreate(ctx, info)
	if err != nil {
		return err
	}
	p.checkTable(t, info, definition)
	targets, err := p.targets(ctx, t, info, definition)
	if err != nil {
		return err
	}
	if len(p.plan.Refusals) > before {
		return nil
	}
	p.chooseTypes(info, targets)
	p.checkTypes(t, targets)
	if len(p.plan.Refusals) > before {
		return nil
	}
	p.flagColumn(t, info)
	p.record(info, targets)
	p.widen(info, targets)
	return p.settle(ctx, t, info, targets)
}

func (p *planner) showCreate(ctx context.Context, t *catalog.TableInfo) (*created, error) {
	conn, err := open(ctx, p.db, p.found.Server.Flavor)
	if err != nil {
		return nil, err
	}
	defer conn.close()
	var name, text string
	if err := conn.QueryRowContext(ctx, "SHOW CREATE TABLE "+qualified(t)).Scan(&name, &text); err != nil {
		return nil, err
	}
	return parseCreate(text)
}

func qualified(t *catalog.TableInfo) string {
	return catalog.QuoteName(t.Schema) + "." + catalog.QuoteName(t.Name)
}

// targets finds out what each protected column is and was.
func (p *planner) targets(ctx context.Context, t *catalog.Table, info *catalog.TableInfo, definition *created) ([]*target, error) {
	var out []*target
	for i := range t.Columns {
		c := &t.Columns[i]
		at := info.Column(c.Name)
		if at < 0 {
			p.refuse(t, c.Name, "there is no such column; correct `columns:` in the configuration")
			continue
		}
		g := &target{config: c, info: &info.Columns[at], ordinal: at + 1}
		sealed, err := p.looksSealed(ctx, info, g)
		if err != nil {
			return nil, err
		}
		if p.identify(t, info, g, definition, sealed) {
			p.checkColumn(t, g, definition)
			out = append(out, g)
		}
	}
	return out, nil
}

// looksSealed reports whether a column of bytes that was never recorded holds a value that begins as sealed ones do.
func (p *planner) looksSealed(ctx context.Context, info *catalog.TableInfo, g *target) (bool, error) {
	_, known := p.found.Metadata[catalog.MetadataKey{Schema: info.Schema, Table: info.Name, Column: g.info.Name}]
	if known || !g.info.Binary() && g.info.DataType != "binary" {
		return false, nil
	}
	return p.exists(ctx, fmt.Sprintf("SELECT 1 FROM %s WHERE LENGTH(%s) > 0 AND LEFT(HEX(%[2]s), 2) >= 'F8' LIMIT 1", qualified(info), catalog.QuoteName(g.info.Name)))
}

// identify fills in the logical definition: the recorded one of a column that was widened, or is on its way; the present
// one of any other.
func (p *planner) identify(t *catalog.Table, info *catalog.TableInfo, g *target, definition *created, sealed bool) bool {
	old, known := p.found.Metadata[catalog.MetadataKey{Schema: info.Schema, Table: info.Name, Column: g.info.Name}]
	switch {
	case known && old.ID != g.config.ID:
		p.refuse(t, g.config.Name, "the configuration gives it the id %q, but its values are sealed under %q; an id never changes: set `id: %s`", g.config.ID, old.ID, old.ID)
		return false
	case sealed, g.info.Binary() && !known && p.gone(g.config.ID):
		p.refuse(t, g.config.Name, "it is %s, holds bytes that begin as sealed values do (F8 or above), or its table was renamed, and %s does not tell what it was; %s", g.info.Type, catalog.MetadataTable, p.remember(info, g.config.ID))
		return false
	case g.info.Binary() && known, known && underway(g.info, &old):
		g.meta, g.recorded = old, true
		return true
	}
	g.meta = p.present(info, g, definition)
	if known && old.State == catalog.Migrating && sameDefinition(&old, &g.meta) {
		g.meta, g.recorded = old, true
	}
	return true
}

// gone reports whether the column's id was that of a table which is not there any more.
func (p *planner) gone(id string) bool {
	_, _, renamed := p.found.Renamed(id)
	return renamed
}

// remember tells how to mend lost metadata.
func (p *planner) remember(info *catalog.TableInfo, id string) string {
	schema, table, renamed := p.found.Renamed(id)
	if !renamed {
		return "restore that table's row for it, or change the column back to its original type; if the values are no sealed ones, store them otherwise (HEX, BASE64) before the column is protected"
	}
	return fmt.Sprintf("if %s.%s was renamed, tell so: UPDATE %s.%s SET table_schema = %s, table_name = %s WHERE table_schema = %s AND table_name = %s",
		schema, table, catalog.QuoteName(p.plan.Database), catalog.MetadataTable, quote(info.Schema), quote(info.Name), quote(schema), quote(table))
}

// underway tells that an interrupted run left the column between its two changes.
func underway(c *catalog.ColumnInfo, old *catalog.Metadata) bool {
	via := passing(old)
	return via != "" && c.Type == via && c.Type != old.Type && (c.Charset == "" || c.Charset == "utf8mb4")
}

func (p *planner) present(info *catalog.TableInfo, g *target, definition *created) catalog.Metadata {
	m := catalog.Metadata{
		Ordinal: g.ordinal, ID: g.config.ID, Type: g.info.Type, Charset: g.info.Charset, Collation: g.info.Collation,
		CollationID: p.found.Collations[strings.ToLower(g.info.Collation)],
		Nullable:    g.info.Nullable, HasDefault: g.info.HasDefault, Default: g.info.Default, State: catalog.Migrating,
		Definition: g.info.Type,
	}
	if c := definition.column(g.info.Name); c != nil {
		m.Definition = c.typ
		if jsonCheck(c) {
			m.Definition += " " + catalog.JSONCheck(c.name)
		}
	}
	if g.info.DataType == "timestamp" && m.Nullable {
		m.Definition += " NULL" // which SHOW CREATE TABLE prints of no other type
	}
	return m
}

func sameDefinition(a, b *catalog.Metadata) bool {
	return a.Type == b.Type && a.Definition == b.Definition && a.Collation == b.Collation && a.CollationID == b.CollationID && a.Nullable == b.Nullable &&
		a.HasDefault == b.HasDefault && (a.Default == nil) == (b.Default == nil) && (a.Default == nil || *a.Default == *b.Default)
}

func (p *planner) flagColumn(t *catalog.Table, info *catalog.TableInfo) {
	if t.Flag == "" || info.Column(t.Flag) >= 0 {
		return
	}
	flag := catalog.QuoteName(t.Flag)
	p.step(t.String(), "says 1 when every protected value of the row is sealed. It is a new last column: a statement that lists no columns sees it "+
		"(`flag: ''` in the configuration does without)", fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", qualified(info), flag),
		"ALTER TABLE %s ADD COLUMN %s TINYINT DEFAULT 0", qualified(info), flag)
}

// record writes the metadata of columns that are about to be changed.
func (p *planner) record(info *catalog.TableInfo, targets []*target) {
	var rows []string
	for _, g := range targets {
		if !g.recorded || g.meta.Physical != g.physical && !g.done {
			rows = append(rows, metadataRow(info, g))
		}
	}
	if len(rows) == 0 {
		return
	}
	p.step(p.own(catalog.MetadataTable), "written before the columns change, so that what they were is never lost", "",
		"REPLACE INTO %s.%s (table_schema, table_name, column_name, ordinal, column_id, column_type, definition, charset_name, collation_name, collation_id, "+
			"is_nullable, has_default, column_default, physical_type, state) VALUES\n  %s",
		catalog.QuoteName(p.plan.Database), catalog.MetadataTable, strings.Join(rows, ",\n  "))
}

func metadataRow(info *catalog.TableInfo, g *target) string {
	m := &g.meta
	defaultText := "NULL"
	if m.Default != nil {
		defaultText = quote(*m.Default)
	}
	return fmt.Sprintf("(%s, %s, %s, %d, %s, %s, %s, %s, %s, %d, %s, %s, %s, %s, %s)",
		quote(info.Schema), quote(info.Name), quote(g.info.Name), m.Ordinal, quote(m.ID), quote(m.Type), quote(m.Definition),
		orNull(m.Charset), orNull(m.Collation), m.CollationID, digit(m.Nullable), digit(m.HasDefault), defaultText, quote(g.physical), quote(m.State))
}

// widen changes the columns: first, where needed, to UTF-8, then to bytes.
func (p *planner) widen(info *catalog.TableInfo, targets []*target) {
	var recode, modify, undo, names []string
	for _, g := range targets {
		if g.done {
			continue
		}
		name := catalog.QuoteName(g.info.Name)
		if via := passing(&g.meta); via != "" && !underway(g.info, &g.meta) {
			if transcodes(g.meta.Charset) {
				via += " CHARACTER SET utf8mb4"
			}
			recode = append(recode, fmt.Sprintf("MODIFY COLUMN %s %s%s", name, via, notNull(g.info)))
		}
		modify = append(modify, fmt.Sprintf("MODIFY COLUMN %s %s%s", name, g.physical, attributes(g)))
		definition, check := g.meta.Split()
		undo = append(undo, fmt.Sprintf("MODIFY COLUMN %s %s%s", name, definition, strings.TrimRight(attributes(g)+" "+check, " ")))
		names = append(names, g.info.Name)
	}
	if len(modify) == 0 {
		return
	}
	head, table := "ALTER TABLE "+qualified(info)+"\n  ", info.Schema+"."+info.Name
	if len(recode) > 0 {
		p.step(table, "sealed text is UTF-8 and sealed numbers have all their digits, so values still in plain are converted to that first", "", "%s", head+strings.Join(recode, ",\n  "))
	}
	p.step(table, "makes room for sealed values in "+strings.Join(names, ", ")+"; the values that are there stay as they are, byte for byte. The table is rebuilt",
		"while no value is sealed: "+head+strings.Join(undo, ",\n  "), "%s", head+strings.Join(modify, ",\n  "))
	p.embeddedDates(info, targets)
}

// attributes are what a column keeps beside its type.
func attributes(g *target) string {
	s := notNull(g.info)
	switch m := &g.meta; {
	case m.Default != nil:
		s += " DEFAULT " + quote(*m.Default)
	case m.HasDefault && m.Nullable && !strings.HasSuffix(g.physical, "blob"):
		s += " DEFAULT NULL"
	}
	if g.info.Invisible {
		s += " INVISIBLE"
	}
	if g.info.Comment != "" {
		s += " COMMENT " + quote(g.info.Comment)
	}
	return s
}

func notNull(c *catalog.ColumnInfo) string {
	if c.Nullable {
		return " NULL"
	}
	return " NOT NULL"
}

// settle decides whether the table is migrating or sealed.
func (p *planner) settle(ctx context.Context, t *catalog.Table, info *catalog.TableInfo, targets []*target) error {
	state := TableState{Table: t.String(), State: catalog.Sealed}
	var now, then []string // conditions for a value that is not sealed: before the steps, and after
	open := false
	for _, g := range targets {
		name := catalog.QuoteName(g.info.Name)
		then = append(then, plainBytes(name))
		now = append(now, plainNow(g, name))
		open = open || g.meta.State != catalog.Sealed
	}
	if open {
		plain, err := p.exists(ctx, "SELECT 1 FROM "+qualified(info)+" WHERE "+strings.Join(now, " OR ")+" LIMIT 1")
		if err != nil {
			return err
		}
		if plain {
			state.State = catalog.Migrating
		} else {
			p.step(p.own(catalog.MetadataTable), "no value is plaintext any more: from now on one that is not sealed counts as tampering", "", "%s", p.sealSQL(info, then))
		}
	}
	p.plan.Tables = append(p.plan.Tables, state)
	return nil
}

// sealSQL looks at the values again, in the same statement that marks the columns.
func (p *planner) sealSQL(info *catalog.TableInfo, plain []string) string {
	sql := fmt.Sprintf("UPDATE %s.%s SET state = '%s' WHERE table_schema = %s AND table_name = %s",
		catalog.QuoteName(p.plan.Database), catalog.MetadataTable, catalog.Sealed, quote(info.Schema), quote(info.Name))
	if p.embedded() {
		return sql
	}
	return sql + fmt.Sprintf("\n  AND NOT EXISTS (SELECT 1 FROM %s WHERE %s)", qualified(info), strings.Join(plain, "\n  OR "))
}

// plainBytes is the condition for bytes that are no envelope: these begin with a byte of F8 or above, as no text does.
func plainBytes(name string) string {
	return fmt.Sprintf("(LENGTH(%s) > 0 AND LEFT(HEX(%s), 2) < 'F8')", name, name)
}

func plainNow(g *target, name string) string {
	switch {
	case g.info.Binary():
		return plainBytes(name)
	case g.info.Charset != "":
		return "LENGTH(" + name + ") > 0"
	}
	return name + " IS NOT NULL"
}

func (p *planner) exists(ctx context.Context, query string) (bool, error) {
	rows, err := p.db.QueryContext(ctx, query)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	return rows.Next(), rows.Err()
}
