package migrate

import (
	"strings"

	"phiproxy/migrate/catalog"
)

// checkTable refuses tables whose rows could not be sealed, or not be found again.
func (p *planner) checkTable(t *catalog.Table, info *catalog.TableInfo, definition *created) {
	switch owner := info.Column(t.Owner); {
	case owner < 0:
		p.refuse(t, t.Owner, "there is no such owner column; correct `owner:` in the configuration")
	case !ownerTypes[info.Columns[owner].DataType]:
		p.refuse(t, t.Owner, "the owner column is %s; it must be an integer, CHAR or VARCHAR", info.Columns[owner].Type)
	}
	if why := info.KeyProblem(); why != "" {
		p.refuse(t, "", "%s", why)
	}
	for _, f := range info.ForeignKeys {
		if why := f.OwnerProblem(t.Owner); why != "" {
			p.refuse(t, t.Owner, "%s", why)
		}
	}
	if strings.Contains(definition.tail, "WITH SYSTEM VERSIONING") {
		p.refuse(t, "", "the table keeps its history (SYSTEM VERSIONING), in which old rows would stay readable; drop the versioning first")
	}
	switch strings.ToUpper(info.RowFormat) {
	case "COMPACT", "REDUNDANT":
		p.warn(t, "its row format %s keeps the first 768 bytes of every long value in the row, which may become too large; ALTER TABLE %s ROW_FORMAT=DYNAMIC avoids that", info.RowFormat, qualified(info))
	}
}

var ownerTypes = map[string]bool{
	"tinyint": true, "smallint": true, "mediumint": true, "int": true, "bigint": true, "char": true, "varchar": true,
}

// checkColumn refuses columns that other parts of the table rely on.
func (p *planner) checkColumn(t *catalog.Table, g *target, definition *created) {
	name := g.info.Name
	if strings.EqualFold(name, t.Owner) || strings.EqualFold(name, t.Flag) {
		p.refuse(t, name, "the owner column and the flag column cannot be protected themselves")
	}
	if g.info.Generated || g.info.AutoInc {
		p.refuse(t, name, "the server computes its values, which it cannot seal")
	}
	if c := definition.column(name); c != nil && strings.Contains(strings.ToUpper(unquoted(c.rest)), "ON UPDATE") {
		p.refuse(t, name, "it has ON UPDATE CURRENT_TIMESTAMP, and the server cannot seal the time that it stores; have the application store it, and drop the clause first")
	}
	if g.info.DataType == "enum" && !g.info.Nullable && !g.info.HasDefault {
		p.refuse(t, name, "it is an ENUM NOT NULL without a default: an INSERT that leaves it out stores its first member, which the server cannot seal; make it NULL, or have the application store it always and make it VARCHAR")
	}
	if g.meta.Default != nil && *g.meta.Default != "" || g.info.Expression {
		p.refuse(t, name, "it has a DEFAULT other than NULL or '', which the server would store unsealed; drop the default first: ALTER TABLE %s.%s ALTER COLUMN %s DROP DEFAULT",
			catalog.QuoteName(t.Schema), catalog.QuoteName(t.Name), catalog.QuoteName(name))
	}
	for _, use := range definition.uses(name) {
		p.refuse(t, name, "%s", useProblem(t, use))
	}
	if c := definition.column(name); c != nil && strings.Contains(strings.ToUpper(unquoted(c.rest)), "CHECK") && !jsonCheck(c) {
		p.refuse(t, name, "it has a CHECK, which would look at sealed values; drop it first")
	}
}

// jsonCheck reports whether a column's CHECK is the one that makes a LONGTEXT MariaDB's JSON.
func jsonCheck(c *createdColumn) bool {
	before, ok := strings.CutSuffix(c.rest, catalog.JSONCheck(c.name))
	return ok && strings.HasPrefix(c.typ, "longtext") && !strings.Contains(strings.ToUpper(unquoted(before)), "CHECK")
}

// useProblem words a refusal for something that uses a protected column.
func useProblem(t *catalog.Table, use string) string {
	table := catalog.QuoteName(t.Schema) + "." + catalog.QuoteName(t.Name)
	switch {
	case use == "PARTITION BY":
		return "the table's partitioning uses it, and sealed values are in no order; remove the partitioning first: ALTER TABLE " + table + " REMOVE PARTITIONING"
	case strings.HasPrefix(use, "column "):
		return use + ": computed from it on the server, which sees sealed values only; drop that column or default first"
	case strings.Contains(use, "FOREIGN KEY"):
		return use + ": sealed values are random, so no reference can be kept; drop the constraint first"
	case strings.HasPrefix(use, "CONSTRAINT") || strings.HasPrefix(use, "CHECK"):
		return use + ": it would look at sealed values; drop the constraint first"
	}
	return use + ": sealed values are random bytes, by which the index finds nothing, and with which it would pass the server's limit of 3072 bytes for a key; " +
		"drop it first: ALTER TABLE " + table + " DROP " + dropWhat(use)
}

// dropWhat turns "UNIQUE KEY `name` (...)" into "INDEX `name`".
func dropWhat(key string) string {
	if strings.HasPrefix(key, "PRIMARY KEY") {
		return "PRIMARY KEY"
	}
	at := strings.IndexByte(key, '`')
	if at < 0 {
		return "the index"
	}
	return "INDEX " + key[at:skip(key, at)]
}

// unquoted takes strings out of a text.
func unquoted(text string) string {
	var b strings.Builder
	for at := 0; at < len(text); {
		next := skip(text, at)
		if text[at] != '\'' {
			b.WriteString(text[at:next])
		}
		at = next
	}
	return b.String()
}

// checkTypes refuses types that cannot be sealed yet, and those that do not fit.
func (p *planner) checkTypes(t *catalog.Table, targets []*target) {
	for _, g := range targets {
		if _, err := g.meta.Logical(p.found.Server.Flavor); err != nil {
			p.refuse(t, g.info.Name, "%s cannot be protected: %v", g.meta.Type, err)
			continue
		}
		blob := strings.HasSuffix(g.physical, "blob")
		if blob && g.meta.Default != nil && !blobs[strings.ToLower(g.meta.Type)] {
			p.refuse(t, g.info.Name, "the table's row has no room for %s as VARBINARY, and a BLOB has no DEFAULT ''; drop the default, or shorten other columns", g.meta.Type)
		}
	}
}
