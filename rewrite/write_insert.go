package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// insertPlan tells what the values of an INSERT or REPLACE are. Tokens behind the VALUES list are counted as in the
// statement that was planned; `end` tells by how much another statement of the shape is longer.
type insertPlan struct {
	columns []int // column of each value
	owner   int   // index of the owner's value, -1 when the statement does not name it
	flag    int   // index of the flag's value, -1 likewise
	set     []assignment
	first   int  // token of the first tuple, -1 for the SET form
	end     int  // token behind the VALUES list
	addFlag bool // the flag column is added to every tuple

	// updates are the literals that ON DUPLICATE KEY UPDATE assigns to protected columns.
	updates   []updateCell
	copies    []int // protected columns that it assigns from VALUES
	setsOwner bool  // it assigns the owner column from VALUES
	setsAll   bool  // it assigns every protected column
	setsKeys  bool  // it may give a row other unique keys than those it was found by

	mode token.Mode // how literals read
}

type updateCell struct {
	column   int
	value    span
	computed bool // an expression, which the scratch server computes
}

// planInsert plans INSERT and REPLACE.
func planInsert(u *unit) (*Plan, *fault.Error) {
	in := &inserting{u: u, list: findTuples(u.sql, u.toks), dup: -1}
	in.locate()
	if u.find(1, "RETURNING") >= 0 {
		return nil, fault.Returning.With("RETURNING")
	}
	pr, err := u.parse(in.pieces())
	if err != nil {
		return nil, err
	}
	stmt, ok := pr.stmt.(*ast.InsertStmt)
	if !ok {
		return nil, fault.Unparsable.With("not an INSERT")
	}
	in.stmt, in.r = stmt, newResolver(pr)
	if in.sc, err = in.r.from(stmt.Table, nil, nil); err != nil {
		return nil, err
	}
	in.target = single(in.sc)
	return in.plan()
}

// inserting is an INSERT or REPLACE that is being planned.
type inserting struct {
	u      *unit
	r      *resolver
	stmt   *ast.InsertStmt
	sc     *scope
	target *source // protected table that is written to, nil for any other
	list   tupleList
	// computed says that values of protected columns may be expressions, which somebody else looks at.
	computed bool
	// expressions says the same of ON DUPLICATE KEY UPDATE.
	expressions bool
	dup         int // token of ON in ON DUPLICATE KEY UPDATE, -1 without it

	alias        span // AS new [(columns)] in front of ON DUPLICATE KEY UPDATE
	aliasName    string
	aliasColumns []string
}

// locate finds ON DUPLICATE KEY UPDATE and the row alias in front of it.
func (in *inserting) locate() {
	u := in.u
	for i := 1; i < u.end; i++ {
		if u.is(i, "DUPLICATE") && u.is(i-1, "ON") && u.is(i+1, "KEY") && u.is(i+2, "UPDATE") {
			in.dup = i - 1
		}
	}
	at := in.list.end
	if in.list.first < 0 || at >= u.end || !u.is(at, "AS") {
		return
	}
	in.alias = span{at, at + 2}
	in.aliasName, _ = u.name(at + 1)
	if u.op(at+2, "(") {
		end := u.closing(at + 2)
		for _, c := range u.split(at+3, end) {
			name, _ := u.name(c.from)
			in.aliasColumns = append(in.aliasColumns, name)
		}
		in.alias.to = end + 1
	}
}

// pieces leaves out what the parser does not read, and the tuples that are like the first.
func (in *inserting) pieces() []piece {
	pieces := in.u.pieces()
	if in.alias.to > 0 {
		pieces = cut(pieces, in.alias.from, in.alias.to)
		delete(in.u.lists, in.alias.from+1)
	}
	if l := simpleTuples(in.u.sql, in.u.toks); l.second >= 0 {
		pieces = cut(pieces, l.second, l.end)
	}
	return slices.DeleteFunc(pieces, func(p piece) bool { return in.opensRow(p.tok) })
}

func (in *inserting) plan() (*Plan, *fault.Error) {
	if in.target == nil {
		return in.elsewhere()
	}
	columns, err := in.columns()
	if err != nil {
		return nil, err
	}
	switch {
	case in.stmt.Select != nil:
		return in.copy(columns)
	case in.onlyDefaults():
		return in.r.finish(nil, "stores nothing but defaults")
	}
	if err := in.rowForm(); err != nil {
		return nil, err
	}
	w := &writePlan{kind: inserts, table: in.target.table, ignore: in.stmt.IgnoreErr}
	w.insert = insertPlan{columns: columns, owner: slices.Index(columns, w.table.Owner), flag: slices.Index(columns, w.table.Flag), first: in.list.first, end: in.list.end, mode: in.u.state.Mode}
	if err := in.values(w); err != nil {
		return nil, err
	}
	in.addFlag(w)
	in.nameColumns(w)
	if err := in.duplicates(w); err != nil {
		return nil, err
	}
	return in.finish(w)
}

func (in *inserting) finish(w *writePlan) (*Plan, *fault.Error) {
	if !in.computed && !in.expressions { // else whoever looks at the values asks
		if err := in.r.accounted(); err != nil {
			return nil, err
		}
	}
	p := &Plan{Verdict: Direct, Writes: true, write: w, edits: in.r.edits, Why: "values are sealed for the owner that each row names"}
	if w.kind == replaces || w.kind == upserts {
		if err := keyTypes(w.table); err != nil {
			return nil, err
		}
		p.Verdict, p.Why = Lookup, "rows that are already there are read first: they decide the owner, and values that stay the same keep their bytes"
	}
	for _, c := range w.insert.columns {
		if w.table.role(c) == protects {
			p.Touches = append(p.Touches, Touch{Table: w.table, Column: c, Write: true})
		}
	}
	return p, nil
}

// elsewhere plans an INSERT into another table, whose values may come from protected ones.
func (in *inserting) elsewhere() (*Plan, *fault.Error) {
	for _, c := range in.stmt.Columns {
		in.r.reference(c)
	}
	if in.stmt.Select != nil {
		b, err := in.r.query(in.stmt.Select, nil, nil, asCopy)
		switch {
		case err != nil:
			return nil, err
		case b.has(sealed):
			return nil, fault.Copy.With("into an unprotected table")
		case b.has(flagged):
			return nil, fault.Flag.With("into an unprotected table")
		}
	}
	if err := in.checkValues(func(int) bool { return true }); err != nil {
		return nil, err
	}
	for _, a := range in.stmt.OnDuplicate {
		in.r.reference(a.Column)
		if err := in.r.check(a.Expr, in.sc, clause{reason: fault.Expression}); err != nil {
			return nil, err
		}
	}
	if len(in.r.edits) > 0 {
		in.u.literal = true // its tokens are counted for this text only
	}
	return in.r.finish(nil, "")
}

// columns are the columns that the values are for.
func (in *inserting) columns() ([]int, *fault.Error) {
	t := in.target.table
	var list []int
	if len(in.stmt.Columns) == 0 && in.u.setForm() < 0 {
		for i, c := range t.Columns {
			if !c.Invisible {
				list = append(list, i)
			}
		}
		return list, nil
	}
	for _, c := range in.stmt.Columns {
		ref := in.r.reference(c)
		i := t.columnIndex(ref.column)
		if i < 0 {
			return nil, fault.Unknown.With("column in the column list")
		}
		if slices.Contains(list, i) && t.role(i) != ordinary {
			return nil, fault.TwiceSet.With("column list")
		}
		list = append(list, i)
	}
	return list, nil
}

// setForm is the token of SET in INSERT INTO t SET a = 1, -1 for the other forms.
func (u *unit) setForm() int {
	i := u.find(1, "SET", "VALUES", "VALUE", "SELECT")
	if i >= 0 && u.is(i, "SET") {
		return i
	}
	return -1
}

// nameColumns adds the column list to a statement without one. Values bound by their position would be stored in other columns,
// unsealed, when the table's columns have changed and the proxy does not know yet.
func (in *inserting) nameColumns(w *writePlan) {
	at := in.u.find(1, "VALUES", "VALUE")
	if len(in.stmt.Columns) > 0 || len(w.insert.set) > 0 || in.u.op(at-1, ")") && in.u.op(at-2, "(") {
		return // () is an error of the server's
	}
	names := make([]string, len(w.insert.columns))
	for i, c := range w.insert.columns {
		names[i] = quoteName(w.table.Columns[c].Name)
	}
	in.r.edit(at, at, "("+strings.Join(names, ", ")+") ")
}

// addFlag adds the flag column to a statement that names its columns without it.
func (in *inserting) addFlag(w *writePlan) {
	t := w.table
	if t.Flag < 0 || w.insert.flag >= 0 {
		return
	}
	name := quoteName(t.Columns[t.Flag].Name)
	switch {
	case len(w.insert.set) > 0:
		end := w.insert.end
		in.r.edit(end, end, ", "+name+" = 1 ")
	case len(in.stmt.Columns) > 0:
		in.r.edit(in.columnListEnd(), in.columnListEnd(), ", "+name)
		w.insert.addFlag = true
	}
}

// columnListEnd is the token of the parenthesis that closes the column list.
func (in *inserting) columnListEnd() int {
	i := in.u.find(1, "VALUES", "VALUE")
	return i - 1
}
