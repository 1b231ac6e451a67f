package rewrite

import (
	"strings"

	"phiproxy/rewrite/fault"
)

// constraints begin the parts of CREATE TABLE that define no column.
var constraints = []string{"PRIMARY", "KEY", "INDEX", "UNIQUE", "FULLTEXT", "SPATIAL", "CONSTRAINT", "FOREIGN", "CHECK", "PERIOD"}

// planCreate plans CREATE TABLE of a protected table's name: its protected columns are made ready for sealed values at once.
// next is the token behind the name.
func (u *unit) planCreate(c *Configured, next int) (*Plan, *fault.Error) {
	end := u.closing(next)
	switch {
	case u.hasWord(1, "TEMPORARY") && u.find(1, "TEMPORARY") < u.find(1, "TABLE"):
		return nil, fault.SchemaChange.With("TEMPORARY TABLE")
	case !u.op(next, "(") || !u.op(end, ")") || u.is(next+1, "LIKE"):
		return nil, fault.CopyTable.With("CREATE TABLE of a protected table from another")
	case u.hasWord(end, "SELECT", "WITH", "VALUES", "TABLE", "UNION", "LIKE"): // WITH SYSTEM VERSIONING, too
		return nil, fault.CopyTable.With("CREATE TABLE of a protected table with a query")
	case u.protectedIn(c, span{end, u.end}) >= 0:
		return nil, fault.ColumnUsed.With("table option")
	}
	d := &Definition{Table: c, Create: true, Replace: u.is(1, "OR"), options: u.charsetOptions(end + 1)}
	seen := map[string]bool{}
	for _, part := range u.split(next+1, end) {
		if err := u.createPart(d, part, seen); err != nil {
			return nil, err
		}
	}
	if !complete(c, seen) {
		return nil, fault.Incomplete.With("%s.%s", c.Schema, c.Name)
	}
	if u.state.Prepared {
		return nil, fault.DefinitionPrepared.With("CREATE TABLE")
	}
	u.literal = true // lengths are numbers, which a shape does not hold
	return &Plan{Verdict: Direct, Why: "protected columns are created wide enough for sealed values", Definition: d}, nil
}

// createPart reads one column, key or constraint.
func (u *unit) createPart(d *Definition, part span, seen map[string]bool) *fault.Error {
	if part.from >= part.to {
		return fault.Unparsable.With("CREATE TABLE")
	}
	if u.changesOwners(d.Table, part) {
		return fault.OwnerColumn.With("foreign key")
	}
	if u.is(part.from, constraints...) {
		return u.createConstraint(d.Table, part)
	}
	name, ok := u.name(part.from)
	if !ok {
		return fault.Unparsable.With("CREATE TABLE")
	}
	seen[fold(name)] = true
	rest := span{part.from + 1, part.to}
	if !d.Table.protects(name) {
		if u.protectedIn(d.Table, rest) >= 0 {
			return fault.ColumnUsed.With("column")
		}
		return nil
	}
	column, err := u.define(d.Table, name, rest)
	d.Columns = append(d.Columns, column)
	return err
}

// createConstraint refuses keys and constraints over protected columns. Those may have the name of one.
func (u *unit) createConstraint(c *Configured, part span) *fault.Error {
	for i := part.from; i < part.to; i++ {
		if u.is(i, "REFERENCES") {
			return u.references(i + 1)
		}
		if u.op(i, "(") {
			if u.protectedIn(c, span{i, u.closing(i)}) >= 0 {
				return fault.ColumnUsed.With("key or constraint")
			}
			i = u.closing(i)
		}
	}
	return nil
}

// complete reports whether every column that the configuration names was seen.
func complete(c *Configured, seen map[string]bool) bool {
	for column := range c.IDs {
		if !seen[column] {
			return false
		}
	}
	return seen[strings.ToLower(c.Owner)] && (c.Flag == "" || seen[strings.ToLower(c.Flag)])
}
