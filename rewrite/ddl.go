package rewrite

import (
	"slices"

	"phiproxy/rewrite/fault"
)

// codeObjects are made of statements that run later.
var codeObjects = []string{"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"}

// planDefinition plans CREATE and ALTER.
func (u *unit) planDefinition() (*Plan, *fault.Error) {
	object, at := u.object()
	switch {
	case object == "VIEW":
		return u.planView(at)
	case slices.Contains(codeObjects, object):
		if u.namesAny(at) || u.buildsSQL(at) {
			return nil, fault.StoredCode.With("%s", object)
		}
		return relay("names no protected table"), nil
	}
	if !u.namesAny(at) {
		return relay("names no protected table"), nil
	}
	switch object {
	case "TABLE":
		return u.planTable(at + 1)
	case "INDEX":
		return u.planIndex(at)
	case "USER", "ROLE", "DATABASE", "SCHEMA", "SERVER", "TABLESPACE":
		return relay("names no table"), nil
	}
	return nil, fault.SchemaChange.With("%s", object)
}

// object is the kind of thing that a CREATE or ALTER statement defines, and its token.
func (u *unit) object() (string, int) {
	kinds := []string{"TABLE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "INDEX", "USER", "ROLE", "DATABASE",
		"SCHEMA", "SERVER", "TABLESPACE", "SEQUENCE"}
	for i := 1; i < u.end; i++ {
		for _, k := range kinds {
			if u.is(i, k) {
				return k, i
			}
		}
		if u.op(i, "(") { // behind the name: not reached by any statement that the servers know
			break
		}
	}
	return "", 1
}

// planView plans CREATE VIEW and ALTER VIEW: a view may not read a protected table, since its columns' types would be
// the stored ones and its text is beyond a plan's reach.
func (u *unit) planView(at int) (*Plan, *fault.Error) {
	if !u.namesAny(at) {
		return relay("names no protected table"), nil
	}
	if t, err := u.protectedAt(at + 1); err != nil || t != nil {
		return nil, fault.StoredCode.With("view of a protected table's name")
	}
	as := u.find(at, "AS")
	if as < 0 {
		return nil, fault.StoredCode.With("VIEW")
	}
	inner := u.from(as + 1)
	p, err := inner.plan()
	if err != nil || p.Verdict != Relay || inner.touched {
		return nil, fault.StoredCode.With("VIEW")
	}
	return relay("the view reads no protected table"), nil
}

// planTable plans CREATE TABLE and ALTER TABLE that hold a protected table's name, beginning behind TABLE.
func (u *unit) planTable(i int) (*Plan, *fault.Error) {
	for u.is(i, "IF", "NOT", "EXISTS") {
		i++
	}
	c, next, err := u.target(i)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return u.planOtherTable(next)
	case u.is(0, "ALTER"):
		return u.planAlter(c, next)
	}
	return u.planCreate(c, next)
}

// planOtherTable plans the definition of a table that is not protected: it may refer to a protected one by foreign keys
// on unprotected columns, and may have columns of its name.
func (u *unit) planOtherTable(i int) (*Plan, *fault.Error) {
	if u.hasWord(i, "SELECT", "LIKE", "WITH", "VALUES", "TABLE", "UNION") {
		return nil, fault.CopyTable.With("definition from another table")
	}
	for _, m := range u.mentions(i) {
		t, err := u.protectedAt(m)
		if err != nil {
			return nil, err
		}
		switch {
		case t == nil && u.is(m-1, "REFERENCES"):
		case u.op(m-1, "."), u.op(m+1, "."): // other.cases, cases.something
			if !u.is(m-3, "REFERENCES") && !u.is(m-1, "REFERENCES") {
				return nil, fault.SchemaChange.With("qualified name")
			}
		case u.is(m-1, "TO", "AS", "RENAME"), u.op(m-1, "=") && u.is(m-2, "RENAME"):
			return nil, fault.Renamed.With("ALTER TABLE ... RENAME")
		}
	}
	for k := i; k < u.end; k++ {
		if u.is(k, "REFERENCES") {
			if err := u.references(k + 1); err != nil {
				return nil, err
			}
		}
	}
	return relay("the definition holds no value of a protected column"), nil
}

// references refuses a foreign key on a sealed column: sealed values are never equal.
func (u *unit) references(i int) *fault.Error {
	t, err := u.protectedAt(i)
	if err != nil || t == nil {
		return err
	}
	_, _, next, _ := u.table(i)
	for next++; next < u.end && !u.op(next, ")"); next++ {
		if name, ok := u.name(next); ok && u.planner.names.columns[fold(name)] {
			return fault.ColumnUsed.With("foreign key")
		}
	}
	return nil
}

// planIndex plans CREATE INDEX i ON t and DROP INDEX i ON t.
func (u *unit) planIndex(at int) (*Plan, *fault.Error) {
	on := u.find(at, "ON")
	if on < 0 {
		return nil, fault.SchemaChange.With("INDEX")
	}
	c, next, err := u.target(on + 1)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return relay("the table is not protected"), nil
	case u.protectedIn(c, span{next, u.end}) >= 0:
		return nil, fault.ColumnUsed.With("CREATE INDEX")
	}
	return u.defining(c, "the index uses no protected column"), nil
}

// planDrop plans DROP TABLE that names a protected table.
func (u *unit) planDrop() (*Plan, *fault.Error) {
	for _, at := range u.mentions(1) {
		if c, _, err := u.target(at); err == nil && c != nil {
			return u.defining(c, "moves no value of a protected column"), nil
		}
	}
	return relay("moves no value of a protected column"), nil
}

func (u *unit) planRename() (*Plan, *fault.Error) {
	if u.is(1, "USER") {
		return relay("names no table"), nil
	}
	return nil, fault.Renamed.With("RENAME TABLE")
}
