package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// ComputedUpdates is how an INSERT whose ON DUPLICATE KEY UPDATE computes with protected values is run. The rows that the tuples meet
// are read, and put into a copy of the table's twin under the tuples' numbers, by a key of which the scratch server runs the
// statement: what the rows then hold is sealed and assigned instead.
type ComputedUpdates struct {
	Existing WriteTarget // the question for the rows that are met
	Columns  []int       // that the tuples have in the scratch server: protected ones, and those that expressions read
	alias    string      // of the new row
	sets     []assignment
}

// planUpsert plans an INSERT whose ON DUPLICATE KEY UPDATE assigns expressions to protected columns.
func (c *computingWrite) planUpsert() (*Plan, *fault.Error) {
	in := &inserting{u: c.u, list: findTuples(c.u.sql, c.u.toks), dup: -1, expressions: true}
	in.locate()
	pr, err := c.u.parse(in.pieces())
	if err != nil {
		return nil, err
	}
	stmt, ok := pr.stmt.(*ast.InsertStmt)
	if !ok || c.u.find(1, "RETURNING") >= 0 || stmt.Select != nil || len(stmt.OnDuplicate) == 0 || len(in.aliasColumns) > 0 {
		return nil, fault.Unsure.With("form of INSERT")
	}
	in.stmt, in.r, c.c.pr = stmt, newResolver(pr), pr
	if in.sc, err = in.r.from(stmt.Table, nil, nil); err != nil {
		return nil, err
	}
	if in.target = single(in.sc); in.target == nil {
		return nil, fault.Unsure.With("target")
	}
	c.r, c.sc, c.table, c.upserts = in.r, in.sc, in.target.table, true
	p, err := in.plan()
	if err != nil {
		return nil, err
	}
	if w := p.write; w == nil || w.kind != upserts || w.insert.setsOwner || w.insert.setsKeys || len(w.insert.updates) == 0 {
		return nil, fault.Unsure.With("form of ON DUPLICATE KEY UPDATE")
	}
	return c.updates(in, p)
}

// updates looks at the assignments: those of protected columns run in the scratch server, and those of the columns that they read.
func (c *computingWrite) updates(in *inserting, p *Plan) (*Plan, *fault.Error) {
	list := c.u.assignments(in.dup+4, c.u.end)
	columns := make([]int, len(list))
	for i, a := range in.stmt.OnDuplicate {
		name, _ := c.u.ident(a.Column.Name)
		if columns[i] = c.table.columnIndex(name); columns[i] < 0 {
			return nil, fault.Unknown.With("column in ON DUPLICATE KEY UPDATE")
		}
		if c.table.role(columns[i]) == protects {
			if isJSON(c.table.Columns[columns[i]].Protected) && !document(a.Expr) {
				return nil, fault.Unsure.With("JSON out of other values")
			}
			c.expression(a.Expr)
			c.r.markAll(list[i].value)
		}
	}
	c.w.Updates = &ComputedUpdates{alias: in.aliasName}
	for i, a := range in.stmt.OnDuplicate {
		role := c.table.role(columns[i])
		if role == ordinary && c.used[columns[i]] {
			c.expression(a.Expr)
		}
		if role == protects || role == ordinary && c.used[columns[i]] {
			c.w.Updates.sets = append(c.w.Updates.sets, list[i])
		}
	}
	if c.err == nil {
		c.err = c.r.accounted()
	}
	if c.err != nil || c.c.err != nil || len(c.c.edits)+len(c.c.blocks) > 0 || c.table.Flag >= 0 && c.used[c.table.Flag] {
		return nil, fault.Unsure.With("expression in ON DUPLICATE KEY UPDATE")
	}
	existing, err := c.target(&computed{stmt: &ast.SelectStmt{}}, &tableUse{table: c.table, name: in.target.name, ref: in.target.ref})
	if err != nil {
		return nil, err
	}
	c.w.Updates.Existing = existing
	for _, column := range p.write.insert.columns {
		if c.table.role(column) == protects || c.used[column] {
			c.w.Updates.Columns = append(c.w.Updates.Columns, column)
		}
	}
	c.w.Inserts, c.w.Clock = true, c.c.clock
	p.Verdict, p.ComputedWrite = Scratch, c.w
	for column := range c.used {
		if c.table.role(column) == protects {
			p.Touches = appendTouch(p.Touches, Touch{Table: c.table, Column: column})
		}
	}
	return p, nil
}

// ByKeys is the question for the rows with the keys.
func (t *WriteTarget) ByKeys(rows []TargetRow) []byte {
	s, patches := t.statement(rows)
	return append(s.rowMatch([]byte(t.parts[0].text+" WHERE "), patches, "FALSE"), " FOR UPDATE"...)
}

// UpsertRows gives, for every tuple, the literals of the columns that ComputedUpdates lists; a tuple that has something else
// there is an error.
func (s *Statement) UpsertRows() ([][]Literal, error) {
	var rows [][]Literal
	var failed error
	s.eachTuple(func(row int, values []span) {
		var list []Literal
		for i, c := range s.write.insert.columns {
			if !slices.Contains(s.ComputedWrite.Updates.Columns, c) {
				continue
			}
			l, ok := s.literal(values[i])
			if !ok {
				failed = fault.ValueForm.With("tuple %d", row+1)
			}
			list = append(list, l)
		}
		rows = append(rows, list)
	})
	return rows, failed
}

// UpsertText is the statement for the copy of the twin: rows are the texts of the values of the columns, and further columns
// with them.
func (s *Statement) UpsertText(columns []int, rows [][][]byte) []byte {
	t, u := s.write.table, s.ComputedWrite.Updates
	dst := []byte("INSERT ")
	if s.Ignore() {
		dst = append(dst, "IGNORE "...)
	}
	names := make([]string, 0, len(columns)+1)
	for _, c := range columns {
		names = append(names, quoteName(t.Columns[c].Name))
	}
	dst = append(dst, "INTO "+quoteName(t.Name)+" ("+strings.Join(append(names, RowNumber), ", ")+") VALUES "...)
	for i, row := range rows {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, '(')
		for _, v := range row {
			dst = append(append(dst, v...), ", "...)
		}
		dst = fmt.Appendf(dst, "%d)", i+1)
	}
	if u.alias != "" {
		dst = append(dst, " AS "+quoteName(u.alias)...)
	}
	shift := s.eachTuple(func(int, []span) {}) - s.write.insert.end
	for i, a := range u.sets {
		word := ", "
		if i == 0 {
			word = " ON DUPLICATE KEY UPDATE "
		}
		dst, _ = s.clauseWith(append(dst, word...), span{a.name.from + shift, a.value.to + shift}, nil)
	}
	return dst
}

// ComputesUpdate reports whether a cell of ON DUPLICATE KEY UPDATE is an expression.
func (s *Statement) ComputesUpdate(c Cell) bool {
	return c.Row < 0 && slices.ContainsFunc(s.write.insert.updates, func(u updateCell) bool { return u.computed && u.column == c.Column })
}

// ComputedValuesCalls is how often the expressions call VALUES(column), which MySQL warns of each time.
func (s *Statement) ComputedValuesCalls() (n int) {
	shift := s.eachTuple(func(int, []span) {}) - s.write.insert.end
	for _, u := range s.write.insert.updates {
		for i := u.value.from + shift; i < u.value.to+shift; i++ {
			if s.Tokens[i].Is(s.SQL, "VALUES") {
				n++
			}
		}
	}
	return n
}

// ChooseUpdate appends the value of a protected column in ON DUPLICATE KEY UPDATE: that of the row which is met. The rows' Set has one literal.
func (s *Statement) ChooseUpdate(dst []byte, column int, rows []TargetRow) []byte {
	own := &WriteTarget{Fetch: Fetch{Table: s.write.table}}
	bound, patches := own.statement(rows)
	return bound.choose(dst, column, 0, patches)
}

func (s *Statement) explainUpdates(b *strings.Builder) {
	t := &s.ComputedWrite.Updates.Existing
	fmt.Fprintf(b, "reads:   the rows that the tuples meet, by their unique keys\n")
	fmt.Fprintf(b, "backend: %s ..\n         into %s\n", t.parts[0].text, t.Table.Name)
	fmt.Fprintf(b, "scratch: %s\n", s.UpsertText(nil, nil))
	fmt.Fprintf(b, "then:    the statement with what came out, sealed for the owner of each row that is met\n")
}
