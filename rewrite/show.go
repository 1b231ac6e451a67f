package rewrite

import (
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// planShow plans SHOW. Only what prints a protected table's definition needs care.
func (u *unit) planShow() (*Plan, *fault.Error) {
	i, full := 1, false
	for u.is(i, "FULL", "EXTENDED") {
		full = full || u.is(i, "FULL")
		i++
	}
	switch {
	case u.hasWord(1, "SELECT"):
		return nil, fault.Statement.With("a subquery in SHOW")
	case u.is(i, "COLUMNS", "FIELDS") && u.is(i+1, "FROM", "IN"):
		return u.showColumns(i+2, full)
	case u.is(i, "CREATE") && u.is(i+1, "TABLE"):
		return u.showTable(i+2, ShowCreate)
	case u.is(i, "TABLES"):
		return u.showTables(i + 1), nil
	}
	return relay("shows no type of a protected column"), nil
}

// showTables plans SHOW TABLES [FROM db]: the proxy's own tables are left out.
func (u *unit) showTables(i int) *Plan {
	schema := u.state.Database
	if u.is(i, "FROM", "IN") {
		schema, _ = u.name(i + 1)
	}
	if len(u.schema.Own) == 0 || u.schema.Key(schema, "") != u.schema.Key(u.schema.Home, "") {
		return relay("shows no type of a protected column")
	}
	return &Plan{Verdict: Direct, Why: "the proxy's own tables are not shown", Show: &Show{Kind: ShowTables, Hidden: u.schema.Own}}
}

// showColumns plans SHOW COLUMNS FROM t [FROM db] [LIKE 'x'] from the table's name on.
func (u *unit) showColumns(i int, full bool) (*Plan, *fault.Error) {
	schema, name, next, ok := u.table(i)
	if !ok {
		return nil, fault.Unparsable.With("SHOW COLUMNS")
	}
	if u.is(next, "FROM", "IN") {
		if schema, ok = u.name(next + 1); !ok {
			return nil, fault.Unparsable.With("SHOW COLUMNS")
		}
		next += 2
	}
	kind := ShowColumns
	if full {
		kind = ShowFullColumns
	}
	p, err := u.show(schema, name, kind)
	if err == nil && p.Show != nil && u.filtersTypes(next) {
		return nil, fault.ShowFilter.With("SHOW COLUMNS")
	}
	return p, err
}

// filtersTypes reports whether a WHERE at token i looks at what the answer shows otherwise than the database: the database
// chooses the lines.
func (u *unit) filtersTypes(i int) bool {
	for ; i < u.end; i++ {
		name, ok := u.name(i)
		if !ok {
			continue
		}
		switch fold(name) {
		case "type", "collation", "default", "column_type", "collation_name", "column_default", "data_type", "character_set_name":
			return true
		}
	}
	return false
}

// showTable plans a statement that shows a table whose name begins at token i.
func (u *unit) showTable(i int, kind ShowKind) (*Plan, *fault.Error) {
	schema, name, next, ok := u.table(i)
	if !ok {
		return nil, fault.Unparsable.With("table name")
	}
	if next+1 < u.end { // more than a column's name: some form of EXPLAIN
		return nil, fault.Explain.With("form of EXPLAIN")
	}
	return u.show(schema, name, kind)
}

func (u *unit) show(schema, name string, kind ShowKind) (*Plan, *fault.Error) {
	if v := u.schema.Views[u.schema.Key(schema, name)]; v != nil && v.Protected && kind != ShowCreate {
		return &Plan{Verdict: Direct, Why: "the answer shows the logical types of protected columns", Show: &Show{Table: v, Kind: kind}}, nil
	}
	if err := u.schema.Unreachable(schema, name); err != nil && (kind != ShowCreate || err.Fault == fault.NotReady) {
		return nil, err
	}
	t, err := u.protected(schema, name)
	if err != nil && err.Fault != fault.Absent {
		return nil, err
	}
	if t == nil {
		return relay("the table is not protected"), nil
	}
	return &Plan{Verdict: Direct, Why: "the answer shows the logical types of protected columns", Show: &Show{Table: t, Kind: kind}}, nil
}

// planDescribe plans DESCRIBE of a table, and EXPLAIN of a statement.
func (u *unit) planDescribe() (*Plan, *fault.Error) {
	i := 1
	for {
		switch {
		case u.is(i, "ANALYZE", "EXTENDED", "PARTITIONS"):
			i++
		case u.is(i, "FORMAT") && u.op(i+1, "="):
			i += 3
		case u.is(i, "FOR") && u.is(i+1, "CONNECTION"):
			return relay("names no table"), nil
		case u.statement(i):
			return u.planExplained(i)
		default:
			return u.showTable(i, ShowColumns)
		}
	}
}

// planAnalyze plans ANALYZE TABLE, and MariaDB's ANALYZE of a statement, which runs it.
func (u *unit) planAnalyze() (*Plan, *fault.Error) {
	i := 1
	if u.is(i, "FORMAT") && u.op(i+1, "=") {
		i += 3
	}
	if u.statement(i) {
		return u.planExplained(i)
	}
	return relay("moves no value of a protected column"), nil
}

func (u *unit) statement(i int) bool {
	return u.is(i, "SELECT", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE", "VALUES") || u.op(i, "(") ||
		u.is(i, "TABLE") && u.toks[i+1].Kind != token.EOF
}

// planExplained plans EXPLAIN of the statement at token i: it is shown as the client wrote it, since neither hidden
// owners nor the flag's value change how rows are found.
func (u *unit) planExplained(i int) (*Plan, *fault.Error) {
	inner := u.from(i)
	p, err := inner.plan()
	if err != nil {
		return u.explainComputed(i, err)
	}
	if p.Verdict != Relay && p.Outputs == nil && !u.is(i, "SELECT") { // ANALYZE runs it as it was written
		return nil, fault.Explain.With("the statement would be rewritten")
	}
	return relay("explains a statement that needs no sealed value"), nil
}

// explainComputed plans EXPLAIN of a SELECT at token i that the scratch server would run: the backend explains each question
// that it would be asked. why is why it cannot explain the statement itself, whose text it must not see.
func (u *unit) explainComputed(i int, why *fault.Error) (*Plan, *fault.Error) {
	u.reads = true
	pieces, into := u.withoutInto(u.withoutJSONTable(cut(u.pieces(), 0, i)))
	pr, err := u.parse(pieces)
	if err != nil || into {
		return nil, why
	}
	p, err := u.planCompute(pr, why)
	if err != nil {
		return nil, err
	}
	p.Why, p.Touches = "the database explains each question that it would be asked for the statement", nil
	p.Compute.Explain = i
	return p, nil
}
