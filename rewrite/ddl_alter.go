package rewrite

import (
	"slices"
	"strings"

	"phiproxy/rewrite/fault"
)

// plainChanges begin the parts of ALTER TABLE that concern no column, and do not change what protected ones are to clients.
var plainChanges = []string{"ENGINE", "COMMENT", "AUTO_INCREMENT", "ROW_FORMAT", "ALGORITHM", "LOCK", "FORCE", "ENABLE", "DISABLE", "KEY_BLOCK_SIZE",
	"MAX_ROWS", "MIN_ROWS", "AVG_ROW_LENGTH", "CHECKSUM", "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES", "COMPRESSION", "ENCRYPTION"}

// tableWide are words of options that concern every column, or where rows are; options may follow each other without a comma.
var tableWide = []string{"CHARSET", "CHARACTER", "COLLATE", "CONVERT", "CONNECTION", "UNION", "DIRECTORY", "TABLESPACE", "PARTITION", "SYSTEM", "RENAME"}

// planAlter plans ALTER TABLE of a protected table. next is the token behind its name.
func (u *unit) planAlter(c *Configured, next int) (*Plan, *fault.Error) {
	t, err := u.protected(c.Schema, c.Name) // it must exist
	if err != nil || t == nil {
		return nil, err
	}
	if u.is(next, "WAIT") {
		next += 2
	} else if u.is(next, "NOWAIT") {
		next++
	}
	if u.is(next, "DISABLE", "ENABLE") && u.is(next+1, "KEYS") && next+2 == u.end {
		return relay("changes no definition"), nil
	}
	d := &Definition{Table: c}
	dropped, added := false, false // the primary key
	for _, part := range u.split(next, u.end) {
		if err := u.alterPart(d, part); err != nil {
			return nil, err
		}
		primary := u.wordIn(part, "PRIMARY") >= 0
		dropped, added = dropped || primary && u.is(part.from, "DROP"), added || primary && u.is(part.from, "ADD")
	}
	switch {
	case dropped && !added:
		return nil, fault.OwnerColumn.With("primary key")
	case len(d.Columns) == 0:
		return u.defining(c, "changes no protected column"), nil
	case u.state.Prepared:
		return nil, fault.DefinitionPrepared.With("ALTER TABLE")
	}
	u.literal = true // lengths are numbers, which a shape does not hold
	return &Plan{Verdict: Direct, Why: "protected columns keep a type that is wide enough for sealed values", Definition: d}, nil
}

// alterPart reads one change.
func (u *unit) alterPart(d *Definition, part span) *fault.Error {
	i := part.from
	switch {
	case part.from >= part.to:
		return fault.Unparsable.With("ALTER TABLE")
	case u.is(i, plainChanges...) && u.wordIn(part, tableWide...) < 0:
		return u.unused(d.Table, part)
	case u.is(i, "ORDER"), u.is(i, "ADD"):
		return u.alterAdd(d.Table, part)
	case u.is(i, "RENAME") && u.is(i+1, "INDEX", "KEY"),
		u.is(i, "DROP") && u.is(i+1, "INDEX", "KEY", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK", "PARTITION"),
		u.is(i, "ALTER") && u.is(i+1, "INDEX", "CHECK", "CONSTRAINT", "KEY"):
		const names = 5 // DROP INDEX IF EXISTS i, RENAME INDEX i TO j: they may be those of protected columns
		return u.unused(d.Table, span{min(i+names, part.to), part.to})
	case u.is(i, "RENAME") && u.is(i+1, "COLUMN"), u.is(i, "DROP", "ALTER", "MODIFY", "CHANGE"):
		return u.alterColumn(d, part)
	case u.is(i, "RENAME"):
		return fault.Renamed.With("ALTER TABLE ... RENAME")
	}
	return fault.SchemaChange.With("ALTER TABLE")
}

// unused refuses a part that names a protected column.
func (u *unit) unused(c *Configured, part span) *fault.Error {
	if u.protectedIn(c, part) >= 0 {
		return fault.ColumnUsed.With("ALTER TABLE")
	}
	return nil
}

// alterAdd reads ADD: a column may stand behind a protected one, a key or constraint may have the name of one.
func (u *unit) alterAdd(c *Configured, part span) *fault.Error {
	at := part.from + 1
	switch {
	case u.is(at, "SYSTEM", "PERIOD"):
		return fault.SchemaChange.With("ADD SYSTEM VERSIONING")
	case u.changesOwners(c, part):
		return fault.OwnerColumn.With("foreign key")
	case u.is(at, constraints...):
		return u.createConstraint(c, span{at, part.to})
	}
	return u.unused(c, u.withoutPlace(part))
}

// withoutPlace cuts FIRST or AFTER column off a definition's end.
func (u *unit) withoutPlace(of span) span {
	switch {
	case of.to-1 > of.from && u.is(of.to-1, "FIRST"):
		of.to--
	case of.to-2 > of.from && u.is(of.to-2, "AFTER"):
		of.to -= 2
	}
	return of
}

// alterColumn reads a change of a column that is there.
func (u *unit) alterColumn(d *Definition, part span) *fault.Error {
	i := part.from + 1
	for u.is(i, "COLUMN", "IF", "EXISTS") {
		i++
	}
	name, ok := u.name(i)
	c := d.Table
	switch {
	case !ok:
		return fault.Unparsable.With("ALTER TABLE")
	case strings.EqualFold(name, c.Owner), c.Flag != "" && strings.EqualFold(name, c.Flag):
		return fault.OwnerColumn.With("%s", fold(name))
	case !c.protects(name):
		return u.unused(c, u.withoutPlace(span{i, part.to}))
	case u.is(part.from, "DROP"), u.is(part.from, "RENAME"):
		return fault.Renamed.With("%s", fold(name))
	case u.is(part.from, "ALTER"):
		return fault.DefinitionForm.With("ALTER COLUMN %s", fold(name))
	}
	again := name // MODIFY, too, gives the column the name as it is written
	if u.is(part.from, "CHANGE") {
		i++
		again, _ = u.name(i)
	}
	if again != u.spelling(c, name) {
		return fault.Renamed.With("%s", fold(name))
	}
	column, err := u.define(c, name, u.withoutPlace(span{i + 1, part.to}))
	d.Columns = append(d.Columns, column)
	return err
}

// spelling is the name of a column as its table spells it.
func (u *unit) spelling(c *Configured, name string) string {
	t := u.schema.Tables[u.schema.Key(c.Schema, c.Name)]
	i := slices.IndexFunc(t.Columns, func(column Column) bool { return strings.EqualFold(column.Name, name) })
	if i < 0 {
		return ""
	}
	return t.Columns[i].Name
}
