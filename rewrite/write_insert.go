package rewrite

import (
	"slices"

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
	column int
	value  span
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
	dup    int // token of ON in ON DUPLICATE KEY UPDATE, -1 without it

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

// opensRow reports whether token i is the ROW of a tuple in VALUES ROW(..), ROW(..).
func (in *inserting) opensRow(i int) bool {
	u := in.u
	return in.list.first <= i && i < in.list.end && u.is(i, "ROW") && u.op(i+1, "(") && (i == in.list.first || u.op(i-1, ",") && u.op(i-2, ")"))
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
	if err := in.duplicates(w); err != nil {
		return nil, err
	}
	return in.finish(w)
}

// onlyDefaults reports whether the statement is INSERT INTO t () VALUES (), which writes no value.
func (in *inserting) onlyDefaults() bool {
	if in.stmt.IsReplace || len(in.stmt.OnDuplicate) > 0 || len(in.stmt.Columns) > 0 || len(in.stmt.Lists) == 0 {
		return false
	}
	return !slices.ContainsFunc(in.stmt.Lists, func(row []ast.ExprNode) bool { return len(row) > 0 })
}

// rowForm refuses VALUES ROW(..) where it is more than another spelling. The server makes a table of the rows first, which
// MariaDB does not know, and which gives each column one type.
func (in *inserting) rowForm() *fault.Error {
	if in.list.first < 0 || !in.u.is(in.list.first, "ROW") {
		return nil
	}
	switch {
	case in.u.schema.Flavor != MySQL:
		return fault.Unparsable.With("VALUES ROW")
	case in.stmt.IsReplace, len(in.stmt.OnDuplicate) > 0:
		return fault.ValueForm.With("VALUES ROW in a statement that can meet rows")
	}
	return nil
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

// checkValues checks the expressions of the values whose column wanted says.
func (in *inserting) checkValues(wanted func(value int) bool) *fault.Error {
	for _, row := range in.stmt.Lists {
		for i, e := range row {
			if !wanted(i) {
				continue
			}
			if err := in.r.check(e, in.sc, clause{reason: fault.Expression}); err != nil {
				return err
			}
		}
	}
	return nil
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

// values checks that every protected value and owner is one literal, and that the others read nothing protected.
func (in *inserting) values(w *writePlan) *fault.Error {
	t, columns := w.table, w.insert.columns
	if set := in.u.setForm(); set >= 0 {
		end := in.u.end
		if in.dup >= 0 {
			end = in.dup
		}
		w.insert.set = in.u.assignments(set+1, end)
		w.insert.first, w.insert.end = -1, end
		if len(w.insert.set) != len(columns) {
			return fault.Unsure.With("SET list")
		}
	} else if w.insert.first < 0 {
		return fault.Unparsable.With("no VALUES list")
	}
	s := in.u.bound()
	s.Plan = &Plan{write: w}
	var failed *fault.Error
	types := rowTypes{table: t, columns: columns}
	s.eachTuple(func(row int, values []span) {
		if failed == nil {
			failed = checkTuple(s, t, columns, values)
		}
		if failed == nil && in.list.first >= 0 && in.u.is(in.list.first, "ROW") {
			failed = types.check(s, values)
		}
	})
	if failed != nil {
		return failed
	}
	return in.checkValues(func(i int) bool { return i >= len(columns) || t.role(columns[i]) == ordinary })
}

func checkTuple(s *Statement, t *Table, columns []int, values []span) *fault.Error {
	if len(values) != len(columns) {
		if len(values) == 1 && values[0].from >= values[0].to && len(s.write.insert.set) == 0 {
			return fault.ValueForm.With("an empty tuple")
		}
		return &fault.Error{Fault: fault.ColumnCount, Detail: "tuple"}
	}
	for i, v := range values {
		if v.from >= v.to {
			return fault.ValueForm.With("an empty value")
		}
		switch t.role(columns[i]) {
		case protects:
			if _, ok := s.literal(v); !ok {
				return fault.ValueForm.With("column %s", t.Columns[columns[i]].Name)
			}
		case owns:
			if l, ok := s.literal(v); !ok || !ownerKind(l.Kind) {
				return fault.OwnerForm.With("column %s", t.Columns[columns[i]].Name)
			}
		}
	}
	return nil
}

// rowTypes checks that the values of VALUES ROW(..), ROW(..) in each protected or owner column are of one kind: the server
// gives the column a type that takes all of them, so that 2 becomes 2.00 beside 1.50.
type rowTypes struct {
	table   *Table
	columns []int
	kinds   map[int]token.Kind // index of the value -> kind
}

func (r *rowTypes) check(s *Statement, values []span) *fault.Error {
	if r.kinds == nil {
		r.kinds = make(map[int]token.Kind)
	}
	for i, v := range values {
		if role := r.table.role(r.columns[i]); role != protects && role != owns {
			continue
		}
		l, _ := s.literal(v)
		if l.Kind == token.Null {
			continue
		}
		if before, ok := r.kinds[i]; ok && before != l.Kind || l.Kind != token.String && l.Kind != token.Int || l.Charset != "" {
			return fault.ValueForm.With("VALUES ROW, column %s", r.table.Columns[r.columns[i]].Name)
		}
		r.kinds[i] = l.Kind
	}
	return nil
}

// ownerKind reports whether an owner can be read from a literal of the kind.
func ownerKind(k token.Kind) bool {
	switch k {
	case token.String, token.Int, token.Null, token.Default, token.Param:
		return true
	}
	return false
}

// eachTuple calls f with the values of every tuple; the SET form is one tuple. It returns the token behind the list.
func (s *Statement) eachTuple(f func(row int, values []span)) (end int) {
	in := &s.write.insert
	if in.first < 0 {
		values := make([]span, len(in.set))
		for i, a := range in.set {
			values[i] = a.value
		}
		f(0, values)
		return in.end
	}
	values := make([]span, 0, len(in.columns))
	i, _ := tupleAt(s.SQL, s.Tokens, in.first)
	for row := 0; ; row++ {
		values = values[:0]
		depth, start := 0, i+1
		for i++; depth > 0 || !s.Tokens[i].IsOp(s.SQL, ")"); i++ {
			switch t := s.Tokens[i]; {
			case t.Kind != token.Op:
			case t.IsOp(s.SQL, "("):
				depth++
			case t.IsOp(s.SQL, ")"):
				depth--
			case depth == 0 && t.IsOp(s.SQL, ","):
				values = append(values, span{start, i})
				start = i + 1
			}
		}
		f(row, append(values, span{start, i}))
		i++
		next, ok := tupleAt(s.SQL, s.Tokens, i+1)
		if !s.Tokens[i].IsOp(s.SQL, ",") || !ok {
			return i
		}
		i = next
	}
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

// duplicates plans ON DUPLICATE KEY UPDATE.
func (in *inserting) duplicates(w *writePlan) *fault.Error {
	if in.stmt.IsReplace {
		w.kind = replaces
	}
	if len(in.stmt.OnDuplicate) == 0 {
		return nil
	}
	list := in.u.assignments(in.dup+4, in.u.end)
	if len(list) != len(in.stmt.OnDuplicate) {
		return fault.Unsure.With("ON DUPLICATE KEY UPDATE list")
	}
	set := map[int]bool{}
	if in.aliasName != "" {
		in.sc.sources = append(in.sc.sources, in.aliasSource(w))
	}
	for i, a := range in.stmt.OnDuplicate {
		ref := in.r.reference(a.Column)
		c := w.table.columnIndex(ref.column)
		if c < 0 {
			return fault.Unknown.With("column in ON DUPLICATE KEY UPDATE")
		}
		if set[c] && w.table.role(c) != ordinary {
			return fault.TwiceSet.With("ON DUPLICATE KEY UPDATE")
		}
		set[c] = true
		w.insert.setsKeys = w.insert.setsKeys || in.setsKey(w, c, a.Expr)
		if err := in.duplicate(w, c, list[i], a.Expr); err != nil {
			return err
		}
	}
	if w.insert.setsOwner && !slices.ContainsFunc(w.insert.columns, func(c int) bool { return w.table.role(c) == protects }) {
		return fault.OwnerMove.With("the statement has no protected values")
	}
	w.insert.setsAll = true
	for _, c := range w.table.ProtectedColumns() {
		w.insert.setsAll = w.insert.setsAll && set[c] && slices.Contains(w.insert.columns, c)
	}
	return nil
}

// setsKey reports whether assigning the expression to column c can change a unique key of the row: not when it is the new
// row's value of the only unique key there is, by which the row was found.
func (in *inserting) setsKey(w *writePlan, c int, e ast.ExprNode) bool {
	keys := w.table.UniqueKeys
	if !slices.ContainsFunc(keys, func(key []int) bool { return slices.Contains(key, c) }) {
		return false
	}
	return len(keys) > 1 || !in.fromNewRow(w, e, c)
}

// aliasSource is the new row under its alias.
func (in *inserting) aliasSource(w *writePlan) *source {
	s := baseSource(w.table, &source{name: in.aliasName, ref: quoteName(in.aliasName)})
	for i, name := range in.aliasColumns {
		if i < len(w.insert.columns) {
			s.columns[w.insert.columns[i]].name = name
		}
	}
	return s
}

func (in *inserting) duplicate(w *writePlan, c int, a assignment, e ast.ExprNode) *fault.Error {
	switch w.table.role(c) {
	case protects:
		w.kind = upserts
		if in.fromNewRow(w, e, c) {
			w.insert.copies = append(w.insert.copies, c)
			return nil
		}
		if _, ok := in.u.bound().literal(a.value); !ok {
			return fault.SelfAssigned.With("column %s", w.table.Columns[c].Name)
		}
		w.insert.updates = append(w.insert.updates, updateCell{column: c, value: a.value})
		return nil
	case owns:
		w.kind = upserts
		if !in.fromNewRow(w, e, c) {
			return fault.OwnerMove.With("owner is not taken from VALUES")
		}
		w.insert.setsOwner = true
		return nil
	case flags:
		in.r.check(e, in.sc, clause{reason: fault.Expression})
		in.r.edits = slices.DeleteFunc(in.r.edits, func(x edit) bool { return a.value.from <= x.at && x.at < a.value.to })
		in.r.edit(a.value.from, a.value.to, quoteName(w.table.Columns[c].Name))
		return nil
	}
	return in.r.check(e, in.sc, clause{reason: fault.Expression})
}

// fromNewRow reports whether the expression is the same column of the row that was to be inserted.
func (in *inserting) fromNewRow(w *writePlan, e ast.ExprNode, c int) bool {
	switch e := bare(e).(type) {
	case *ast.ValuesExpr:
		return in.sameColumn(w, in.r.reference(e.Column.Name).named, c)
	case *ast.ColumnNameExpr:
		ref := in.r.reference(e.Name)
		return in.aliasName != "" && ref.table == in.aliasName && in.sameColumn(w, ref.named, c)
	}
	return false
}

func (in *inserting) sameColumn(w *writePlan, n named, c int) bool {
	if len(in.aliasColumns) > 0 && n.table == in.aliasName {
		i := slices.IndexFunc(in.aliasColumns, func(s string) bool { return sameName(s, n.column) })
		return i >= 0 && i < len(w.insert.columns) && w.insert.columns[i] == c
	}
	return w.table.columnIndex(n.column) == c
}

func (in *inserting) finish(w *writePlan) (*Plan, *fault.Error) {
	if err := in.r.accounted(); err != nil {
		return nil, err
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

// copy plans INSERT ... SELECT into a protected table: sealed values may be copied as they are, with their owner.
func (in *inserting) copy(columns []int) (*Plan, *fault.Error) {
	t := in.target.table
	if len(in.stmt.OnDuplicate) > 0 {
		return nil, fault.Copy.With("ON DUPLICATE KEY UPDATE")
	}
	b, err := in.r.query(in.stmt.Select, nil, nil, asCopy)
	if err != nil {
		return nil, err
	}
	if b.open || b.starHidden || len(b.outputs) != len(columns) {
		return nil, fault.Copy.With("columns of the SELECT are not certain")
	}
	if err := copies(t, columns, b); err != nil {
		return nil, err
	}
	if len(in.r.edits) > 0 {
		return nil, fault.Flag.With("in INSERT ... SELECT")
	}
	p, err := in.r.finish(nil, "sealed values are copied as they are, with their owner")
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		if o := b.outputs[i]; t.role(c) == protects {
			p.Touches = appendTouch(p.Touches, Touch{Table: o.table, Column: o.column.column})
			p.Touches = appendTouch(p.Touches, Touch{Table: t, Column: c, Write: true})
		}
	}
	return p, nil
}

// copies checks each position of a copy.
func copies(t *Table, columns []int, b *block) *fault.Error {
	var from *source // where protected values come from
	protected := false
	for i, o := range b.outputs {
		switch t.role(columns[i]) {
		case protects:
			if o.kind != sealed || o.wrapped != nil || o.root == nil || o.table.Columns[o.column.column].Protected.ID != t.Columns[columns[i]].Protected.ID {
				return fault.Copy.With("column %s", t.Columns[columns[i]].Name)
			}
			if from != nil && from != o.via {
				return fault.Copy.With("values of two rows")
			}
			from, protected = o.via, true
		case flags:
			if o.kind != flagged && o.table != nil {
				return fault.Copy.With("the flag column")
			}
		default:
			if o.kind == sealed || o.kind == flagged {
				return one(o.kind, fault.Copy).With("into column %s", t.Columns[columns[i]].Name)
			}
		}
	}
	if !protected {
		return nil
	}
	at := slices.Index(columns, t.Owner)
	if at < 0 {
		return fault.Copy.With("the owner is not copied")
	}
	o := b.outputs[at]
	if o.table == nil || o.via != from || o.column.column != o.table.Owner || !o.table.Protected {
		return fault.Copy.With("the owner is another row's")
	}
	return nil
}

// InsertOwnerAssigned reports whether ON DUPLICATE KEY UPDATE gives the row to the owner in VALUES.
func (s *Statement) InsertOwnerAssigned() bool { return s.write.insert.setsOwner }

// AssignsFromValues reports whether ON DUPLICATE KEY UPDATE sets a protected column to the new row's value.
func (s *Statement) AssignsFromValues(column int) bool {
	return slices.Contains(s.write.insert.copies, column)
}

// AssignsAllProtected reports whether ON DUPLICATE KEY UPDATE sets every protected column.
func (s *Statement) AssignsAllProtected() bool { return s.write.insert.setsAll }

// Cells calls f with every client value bound for a protected column, in the order of the text.
func (s *Statement) Cells(f func(Cell)) {
	if s.write == nil || s.write.kind == updates {
		return
	}
	in := &s.write.insert
	var owner Literal
	end := s.eachTuple(func(row int, values []span) {
		owner = s.ownerIn(values)
		for i, v := range values {
			if i < len(in.columns) && s.write.table.role(in.columns[i]) == protects {
				l, _ := s.literal(v)
				f(Cell{Table: s.write.table, Column: in.columns[i], Row: row, Value: l, Owner: owner})
			}
		}
	})
	for _, u := range in.updates {
		l, _ := s.literal(span{u.value.from + end - in.end, u.value.to + end - in.end})
		f(Cell{Table: s.write.table, Column: u.column, Row: -1, Value: l, Owner: owner})
	}
}

func (s *Statement) ownerIn(values []span) Literal {
	i := s.write.insert.owner
	if i < 0 || i >= len(values) {
		return Literal{}
	}
	l, _ := s.literal(values[i])
	return l
}

// insertText renders an INSERT or REPLACE.
func (s *Statement) insertText(t *text, seal SealFunc) ([]byte, error) {
	in := &s.write.insert
	edits := s.edits
	for len(edits) > 0 && (edits[0].at < in.first || in.first < 0 && edits[0].at < in.set[0].value.from) {
		t.apply(edits[0])
		edits = edits[1:]
	}
	var failed error
	var owner Literal
	end := s.eachTuple(func(row int, values []span) {
		if failed == nil {
			owner = s.ownerIn(values)
			edits, failed = s.tupleText(t, seal, row, values, edits)
		}
	})
	if failed != nil {
		return nil, failed
	}
	return s.tailText(t, seal, edits, end-in.end, owner)
}

// tupleText renders one tuple. Edits of the plan fall into it only when it is the statement's own, not one of many alike.
func (s *Statement) tupleText(t *text, seal SealFunc, row int, values []span, edits []edit) ([]edit, error) {
	in := &s.write.insert
	if len(values) != len(in.columns) {
		return edits, fault.ColumnCount.With("tuple %d", row+1)
	}
	owner := s.ownerIn(values)
	for i, v := range values {
		for len(edits) > 0 && edits[0].at < v.to && edits[0].at < in.end {
			t.apply(edits[0])
			edits = edits[1:]
		}
		switch s.write.table.role(in.columns[i]) {
		case flags:
			t.apply(edit{at: v.from, end: v.to, text: "1"})
		case protects:
			l, ok := s.literal(v)
			if !ok {
				return edits, fault.ValueForm.With("tuple %d", row+1)
			}
			if l.Kind == token.Default {
				continue // the default of a protected column is NULL or '', for the server to fill in
			}
			t.replace(v.from, v.to)
			var err error
			if t.dst, err = seal(t.dst, Cell{Table: s.write.table, Column: in.columns[i], Row: row, Value: l, Owner: owner}); err != nil {
				return edits, err
			}
		}
	}
	if in.addFlag {
		last := values[len(values)-1].to
		t.replace(last, last)
		t.dst = append(t.dst, ", 1"...)
	}
	return edits, nil
}

// tailText renders what stands behind the VALUES list, shift tokens further than in the plan.
func (s *Statement) tailText(t *text, seal SealFunc, edits []edit, shift int, owner Literal) ([]byte, error) {
	for _, u := range s.write.insert.updates {
		for len(edits) > 0 && edits[0].at < u.value.from {
			t.apply(edits[0].moved(shift))
			edits = edits[1:]
		}
		v := span{u.value.from + shift, u.value.to + shift}
		l, _ := s.literal(v)
		t.replace(v.from, v.to)
		var err error
		if t.dst, err = seal(t.dst, Cell{Table: s.write.table, Column: u.column, Row: -1, Value: l, Owner: owner}); err != nil {
			return nil, err
		}
	}
	for _, e := range edits {
		t.apply(e.moved(shift))
	}
	return t.rest(), nil
}

func (e edit) moved(by int) edit { return edit{at: e.at + by, end: e.end + by, text: e.text} }
