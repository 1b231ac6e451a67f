package rewrite

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// updatePlan tells where the parts of an UPDATE stand.
type updatePlan struct {
	ref     string     // how columns of the table are named: "`c`"
	table   span       // the table reference with its alias
	sets    []assigned // protected columns and the owner, in the order of the text
	setEnd  int        // token behind the SET list
	where   span       // condition without the word WHERE; empty without one
	tail    span       // ORDER BY and LIMIT
	owner   int        // index into sets of the owner's assignment, -1 without one
	keySets bool       // a column of the primary key is assigned
}

type assigned struct {
	column int
	value  span
}

// planUpdate plans an UPDATE.
func planUpdate(u *unit) (*Plan, *fault.Error) {
	pr, err := u.parse(u.pieces())
	if err != nil {
		return nil, err
	}
	stmt, ok := pr.stmt.(*ast.UpdateStmt)
	if !ok {
		return nil, fault.Unparsable.With("not an UPDATE")
	}
	up := &updating{u: u, r: newResolver(pr), stmt: stmt}
	ctes, err := up.r.with(stmt.With, nil, nil)
	if err != nil {
		return nil, err
	}
	if up.sc, err = up.r.from(stmt.TableRefs, nil, ctes); err != nil {
		return nil, err
	}
	return up.plan()
}

type updating struct {
	u    *unit
	r    *resolver
	stmt *ast.UpdateStmt
	sc   *scope
	w    *writePlan // nil when no single protected table is written to
}

func (up *updating) plan() (*Plan, *fault.Error) {
	if src := single(up.sc); src != nil && up.stmt.With == nil {
		up.w = &writePlan{kind: updates, table: src.table, ignore: up.stmt.IgnoreErr, update: updatePlan{ref: src.ref, owner: -1}}
		up.locate()
	}
	if err := up.sets(); err != nil {
		return nil, err
	}
	if err := up.r.checkTail(up.stmt.Where, up.stmt.Order, up.sc); err != nil {
		return nil, err
	}
	if up.w == nil || len(up.w.update.sets) == 0 {
		return up.r.finish(nil, "")
	}
	return up.lookup()
}

// locate finds the clauses by their words outside of parentheses.
func (up *updating) locate() {
	u, p := up.u, &up.w.update
	set := u.find(0, "SET")
	p.table = span{up.tableAt(set), set}
	p.setEnd = u.find(set, "WHERE", "ORDER", "LIMIT")
	if p.setEnd < 0 {
		p.setEnd = u.end
	}
	p.tail = span{u.end, u.end}
	if at := u.find(set, "ORDER", "LIMIT"); at >= 0 {
		p.tail.from = at
	}
	if u.is(p.setEnd, "WHERE") {
		p.where = span{p.setEnd + 1, p.tail.from}
	}
}

// tableAt is the token behind UPDATE and its modifiers.
func (up *updating) tableAt(set int) int {
	i := up.u.find(0, "UPDATE") + 1
	for i < set-1 && up.u.is(i, "LOW_PRIORITY", "IGNORE") {
		i++
	}
	return i
}

// sets checks the SET list.
func (up *updating) sets() *fault.Error {
	var list []assignment
	if up.w != nil {
		list = up.u.assignments(up.u.find(0, "SET")+1, up.w.update.setEnd)
		if len(list) != len(up.stmt.List) {
			return fault.Unsure.With("SET list")
		}
	}
	for i, a := range up.stmt.List {
		ref := up.r.reference(a.Column)
		o, err := up.r.resolve(ref, up.sc, false)
		if err != nil {
			return err
		}
		switch {
		case up.w != nil && o.table == up.w.table:
			err = up.set(o.column, list[i], a)
		case o.table != nil && o.table.Protected && o.table.role(o.column) != ordinary:
			err = fault.MultiTable.With("column %s", o.table.Columns[o.column].Name)
		default:
			err = up.r.check(a.Expr, up.sc, clause{reason: fault.Expression})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (up *updating) set(c int, a assignment, n *ast.Assignment) *fault.Error {
	t, p := up.w.table, &up.w.update
	p.keySets = p.keySets || slices.Contains(t.PrimaryKey, c)
	role := t.role(c)
	if role == ordinary {
		return up.r.check(n.Expr, up.sc, clause{reason: fault.Expression})
	}
	if role == flags {
		up.r.edit(a.value.from, a.value.to, p.column(t, c))
		return nil
	}
	l, ok := up.u.bound().literal(a.value)
	switch {
	case role == protects && !ok:
		return fault.ValueForm.With("column %s", t.Columns[c].Name)
	case role == owns && (!ok || !ownerKind(l.Kind) || l.Kind == token.Default):
		return fault.OwnerForm.With("column %s", t.Columns[c].Name)
	case slices.ContainsFunc(p.sets, func(x assigned) bool { return x.column == c }):
		return fault.TwiceSet.With("column %s", t.Columns[c].Name)
	}
	if role == owns {
		p.owner = len(p.sets)
	}
	p.sets = append(p.sets, assigned{column: c, value: a.value})
	return nil
}

// column is the qualified name of a column of the updated table.
func (p *updatePlan) column(t *Table, c int) string {
	return p.ref + "." + quoteName(t.Columns[c].Name)
}

func (up *updating) lookup() (*Plan, *fault.Error) {
	if err := keyTypes(up.w.table); err != nil {
		return nil, err
	}
	if p := &up.w.update; up.assigns(p.where) || up.assigns(p.tail) {
		return nil, fault.RunsTwice.With("UPDATE")
	}
	if err := up.r.accounted(); err != nil {
		return nil, err
	}
	p := &Plan{Verdict: Lookup, Writes: true, write: up.w, edits: up.r.edits, Why: "the rows and their owners are read first; values are sealed for each row's owner, and those that stay the same keep their bytes"}
	p.point, p.pointTable = up.u.findPoint(up.w.table, up.w.update.where), up.w.table
	for _, wc := range (&Statement{Plan: p, SQL: up.u.sql, Tokens: up.u.toks}).WrittenColumns() {
		p.Touches = append(p.Touches, Touch{Table: up.w.table, Column: wc.Column, Write: true})
	}
	return p, nil
}

func (up *updating) assigns(v span) bool {
	for i := v.from; i < v.to; i++ {
		if up.u.op(i, ":=") {
			return true
		}
	}
	return false
}

// keyTypes refuses tables whose rows cannot be named by the text of their primary key.
func keyTypes(t *Table) *fault.Error {
	if len(t.PrimaryKey) == 0 {
		return fault.KeyType.With("%s.%s has no primary key", t.Schema, t.Name)
	}
	for _, c := range t.PrimaryKey {
		if !isInteger(t.Columns[c].Type) && !isBytes(t.Columns[c].Type) {
			return fault.KeyType.With("%s.%s: column %s", t.Schema, t.Name, t.Columns[c].Name)
		}
	}
	return nil
}

func isInteger(typ string) bool {
	return hasAnyPrefix(typ, "tinyint", "smallint", "mediumint", "int", "bigint")
}

func isBytes(typ string) bool { return hasAnyPrefix(typ, "char", "varchar", "binary", "varbinary") }

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// WrittenColumn is a protected column that an UPDATE writes.
type WrittenColumn struct {
	Column int     // index into Table.Columns
	Value  Literal // what the client assigns; Kind token.None when the column is sealed again because its row changes owner
}

// Assigned reports whether the client assigns the column.
func (w WrittenColumn) Assigned() bool { return w.Value.Kind != token.None }

// WrittenColumns lists the protected columns that an UPDATE writes: those that the client assigns in the order of the
// text, then, when the owner is assigned, all others.
func (s *Statement) WrittenColumns() []WrittenColumn {
	p := &s.write.update
	var list []WrittenColumn
	for _, a := range p.sets {
		if s.write.table.role(a.column) == protects {
			l, _ := s.literal(a.value)
			list = append(list, WrittenColumn{Column: a.column, Value: l})
		}
	}
	if p.owner < 0 {
		return list
	}
	for _, c := range s.write.table.ProtectedColumns() {
		if !slices.ContainsFunc(list, func(w WrittenColumn) bool { return w.Column == c }) {
			list = append(list, WrittenColumn{Column: c})
		}
	}
	return list
}

// OwnerAssigned returns the owner that an UPDATE gives its rows.
func (s *Statement) OwnerAssigned() (Literal, bool) {
	if s.write == nil || s.write.kind != updates || s.write.update.owner < 0 {
		return Literal{}, false
	}
	return s.literal(s.write.update.sets[s.write.update.owner].value)
}

// insteadOfUpdate renders an UPDATE for COM_STMT_PREPARE, which checks it but never executes it: the values of protected
// columns are NULL.
func (s *Statement) insteadOfUpdate(t *text) ([]byte, error) {
	edits := s.edits
	for _, a := range s.write.update.sets {
		for len(edits) > 0 && edits[0].at < a.value.from {
			t.apply(edits[0])
			edits = edits[1:]
		}
		if l, _ := s.literal(a.value); l.Kind != token.Param {
			t.replace(a.value.from, a.value.to)
			t.dst = append(t.dst, "NULL"...)
		}
	}
	for _, e := range edits {
		t.apply(e)
	}
	return t.rest(), nil
}

// clauseText renders the tokens of a span with the plan's edits.
func (s *Statement) clauseText(dst []byte, v span) []byte {
	if v.from >= v.to {
		return dst
	}
	t := &text{s: s, dst: dst, last: int(s.Tokens[v.from].Start)}
	for _, e := range s.edits {
		if v.from <= e.at && e.at < v.to {
			t.apply(e)
		}
	}
	t.replace(v.to, v.to)
	return trimRight(t.dst)
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\n' || b[len(b)-1] == '\t' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// UpdateText renders the UPDATE of the rows that the probe found.
func (s *Statement) UpdateText(dst []byte, rows []RowPatch) ([]byte, error) {
	return s.updateText(dst, rows, "FALSE")
}

// NoneText renders an UPDATE that changes no row but has its condition evaluated, as the server's optimizer does not do in
// front of a FALSE: the condition had something to say when the probe read by it.
func (s *Statement) NoneText(dst []byte) ([]byte, error) {
	return s.updateText(dst, nil, "RAND() < 0")
}

// updateText renders an UPDATE; none is the condition that stands for no row.
func (s *Statement) updateText(dst []byte, rows []RowPatch, none string) ([]byte, error) {
	p, t := &s.write.update, s.write.table
	if len(rows) > 1 && p.keySets {
		return dst, fault.KeyAssigned.With("%d rows", len(rows))
	}
	x := &text{s: s, dst: dst}
	written := s.WrittenColumns()
	edits, n := s.edits, 0
	for _, a := range p.sets {
		for len(edits) > 0 && edits[0].at < a.value.from {
			x.apply(edits[0])
			edits = edits[1:]
		}
		if t.role(a.column) == protects {
			x.replace(a.value.from, a.value.to)
			x.dst = s.choose(x.dst, a.column, n, rows)
			n++
		}
	}
	for len(edits) > 0 && edits[0].at < p.setEnd {
		x.apply(edits[0])
		edits = edits[1:]
	}
	x.replace(p.setEnd, p.setEnd)
	x.dst = trimRight(x.dst)
	for ; n < len(written); n++ {
		x.dst = append(append(append(x.dst, ", "...), p.column(t, written[n].Column)...), " = "...)
		x.dst = s.choose(x.dst, written[n].Column, n, rows)
	}
	x.dst = s.setFlag(x.dst, rows)
	return s.restrict(x.dst, rows, none), nil
}

// choose appends the value of written column n: the literal of the one row, or a CASE over the rows' keys.
func (s *Statement) choose(dst []byte, column, n int, rows []RowPatch) []byte {
	switch len(rows) {
	case 0:
		return append(dst, s.write.update.column(s.write.table, column)...)
	case 1:
		return append(dst, rows[0].Set[n]...)
	}
	dst = append(dst, "CASE"...)
	for _, r := range rows {
		dst = s.keyMatch(append(dst, " WHEN "...), r.Key)
		dst = append(append(dst, " THEN "...), r.Set[n]...)
	}
	return append(dst, " END"...)
}

// setFlag appends the assignment of the flag for rows that are sealed as a whole now.
func (s *Statement) setFlag(dst []byte, rows []RowPatch) []byte {
	t := s.write.table
	sealed := 0
	for _, r := range rows {
		if r.SetFlag {
			sealed++
		}
	}
	if t.Flag < 0 || sealed == 0 {
		return dst
	}
	name := s.write.update.column(t, t.Flag)
	dst = append(append(append(dst, ", "...), name...), " = "...)
	if sealed == len(rows) {
		return append(dst, '1')
	}
	dst = append(dst, "CASE"...)
	for _, r := range rows {
		if r.SetFlag {
			dst = append(s.keyMatch(append(dst, " WHEN "...), r.Key), " THEN 1"...)
		}
	}
	return append(append(append(dst, " ELSE "...), name...), " END"...)
}

// keyMatch appends the condition that a row has the key.
func (s *Statement) keyMatch(dst []byte, key [][]byte) []byte {
	t := s.write.table
	if key == nil {
		return dst // the client's condition names it
	}
	for i, c := range t.PrimaryKey {
		if i > 0 {
			dst = append(dst, " AND "...)
		}
		dst = append(append(dst, s.write.update.column(t, c)...), " = "...)
		dst = t.Columns[c].appendKey(dst, key[i])
	}
	return dst
}

// appendKey appends a value as the column holds it. Text gets its character set in front: against a byte string MySQL
// compares wrongly where the same column is compared with another literal, too ('KEPT' in the client's condition for 'kept').
func (c *Column) appendKey(dst, v []byte) []byte {
	if isInteger(c.Type) {
		return append(dst, v...)
	}
	if cs, _, text := strings.Cut(c.Collation, "_"); text {
		dst = append(append(append(dst, '_'), cs...), ' ')
	}
	return appendHex(dst, v)
}

// appendHex appends a byte string; nil is NULL. An empty x” would be a number's zero to some servers.
func appendHex(dst, v []byte) []byte {
	switch {
	case v == nil:
		return append(dst, "NULL"...)
	case len(v) == 0:
		return append(dst, "''"...)
	}
	return append(hex.AppendEncode(append(dst, "x'"...), v), '\'')
}

// restrict appends WHERE with the client's condition and the keys of the rows, then ORDER BY and LIMIT.
func (s *Statement) restrict(dst []byte, rows []RowPatch, none string) []byte {
	p := &s.write.update
	dst = append(dst, " WHERE "...)
	if p.where.from < p.where.to {
		dst = append(s.clauseText(append(dst, '('), p.where), ") AND "...)
	}
	dst = s.rowMatch(dst, rows, none)
	if p.tail.from < p.tail.to {
		dst = s.clauseText(append(dst, ' '), p.tail)
	}
	return dst
}

func (s *Statement) rowMatch(dst []byte, rows []RowPatch, none string) []byte {
	if len(rows) == 0 {
		return append(dst, none...)
	}
	dst = append(dst, '(')
	for i, r := range rows {
		if i > 0 {
			dst = append(dst, " OR "...)
		}
		dst = s.keyMatch(dst, r.Key)
		dst = s.guard(dst, r)
	}
	return append(dst, ')')
}

// guard appends the conditions that a row still is as it was seen.
func (s *Statement) guard(dst []byte, r RowPatch) []byte {
	if r.Guard == nil {
		return dst
	}
	t := s.write.table
	columns := []int{t.Owner}
	for _, w := range s.WrittenColumns() {
		columns = append(columns, w.Column)
	}
	for i, c := range columns {
		if r.Key != nil || i > 0 {
			dst = append(dst, " AND "...)
		}
		name := s.write.update.column(t, c)
		if c == t.Owner {
			name = "CAST(" + name + " AS BINARY)" // its collation may take another owner for this one
		}
		dst = append(append(dst, name...), " <=> "...)
		if r.marks {
			dst = append(dst, '?')
		} else {
			dst = appendHex(dst, r.Guard[i])
		}
	}
	return dst
}

// GuardedText renders an UPDATE of the row that Point names for COM_STMT_PREPARE: behind the client's parameters come those
// of a guard (see RowPatch.Guard), and the flag is set. ok is false when values, or something behind them, stand in the
// client's text.
func (s *Statement) GuardedText() (text []byte, ok bool) {
	p := &s.write.update
	if s.point == 0 || p.owner >= 0 || p.tail.from < p.tail.to {
		return nil, false
	}
	written := s.WrittenColumns()
	r := RowPatch{SetFlag: true, Guard: make([][]byte, 1+len(written)), marks: true}
	for _, w := range written {
		if w.Value.Kind != token.Param {
			return nil, false
		}
		r.Set = append(r.Set, []byte("?"))
	}
	text, err := s.UpdateText(nil, []RowPatch{r})
	return text, err == nil
}
