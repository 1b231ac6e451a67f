package rewrite

import (
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// rows plans how the rows are read and chosen.
func (c *computingWrite) rows(w *writePlan, src *source, where ast.ExprNode, order *ast.OrderByClause, table span) (*Plan, *fault.Error) {
	if err := keyTypes(c.table); err != nil {
		return nil, err
	}
	p := &w.update
	var conditions []span
	limit := " LIMIT 18446744073709551615 FOR UPDATE" // or @@sql_select_limit would count here
	if c.chosen {
		if err := c.r.checkTail(where, order, c.sc); err != nil {
			return nil, err
		}
		if len(c.r.edits) > 0 && slices.ContainsFunc(c.r.edits, func(e edit) bool { return e.at >= p.setEnd }) || c.assigns(p.where) || c.assigns(p.tail) {
			return nil, fault.Unsure.With("WHERE")
		}
		if p.where.from < p.where.to {
			conditions = []span{p.where}
		}
	} else {
		c.expression(where)
		if order != nil {
			c.expression(order)
		}
		c.r.markAll(p.where)
		c.r.markAll(p.tail)
		conditions = c.pushed(src, where, p.where)
		c.w.where, c.w.tail, c.w.limits = p.where, p.tail, c.u.find(p.tail.from, "LIMIT") >= 0
		c.w.selects = c.w.Deletes && c.u.schema.Flavor == MariaDB
		p.where, p.tail = span{}, span{}
	}
	if c.err == nil {
		c.err = c.r.accounted()
	}
	if c.err != nil || c.c.err != nil {
		return nil, fault.Unsure.With("expression")
	}
	names := map[string]int{}
	c.question(src, table, conditions, p.tail, limit, names)
	c.subqueries(names)
	if c.c.err != nil {
		return nil, c.c.err
	}
	c.w.edits, c.w.Clock, c.w.Table, c.w.name = c.c.edits, c.c.clock, c.table, src.name
	plan := &Plan{Verdict: Scratch, Writes: true, write: w, edits: c.r.edits, ComputedWrite: c.w}
	c.touches(plan)
	return plan, nil
}

func (c *computingWrite) assigns(v span) bool {
	for i := v.from; i < v.to; i++ {
		if c.u.op(i, ":=") {
			return true
		}
	}
	return false
}

// pushed are the conditions that the backend can judge.
func (c *computingWrite) pushed(src *source, where ast.ExprNode, clause span) []span {
	if where == nil {
		return nil
	}
	exprs, spans := conjuncts(where, nil), c.u.conjunctions(clause)
	if len(exprs) != len(spans) {
		return nil
	}
	b := &computed{tables: []*tableUse{{table: c.table, name: src.name, preserved: true}}}
	var list []span
	for i, e := range exprs {
		v := &pushable{c: c.c, b: b}
		if e.Accept(v); !v.no && len(v.tables) > 0 {
			list = append(list, spans[i])
		}
	}
	return list
}

// question builds the question for the rows.
func (c *computingWrite) question(src *source, table span, conditions []span, tail span, limit string, names map[string]int) {
	probe := &Statement{Plan: &Plan{write: &writePlan{table: c.table}}}
	head := string(probe.probeHead(nil, src.ref+"."))
	keys, protected := len(c.table.PrimaryKey), c.table.ProtectedColumns()
	c.w.Owner = keys
	n := keys + 1 + len(protected)
	f := Fetch{Table: c.table}
	for i := range c.table.Columns {
		column := &c.table.Columns[i]
		at := slices.Index(protected, i)
		switch {
		case at >= 0:
			f.Columns = append(f.Columns, FetchColumn{Column: i, Definition: keys + 1 + at, Value: keys + 1 + at})
			continue
		case column.Generated && len(c.w.Assigned) > 0, len(c.w.Assigned) == 0 && !c.used[i]:
			continue
		}
		name := src.ref + "." + quoteName(column.Name)
		head += ", " + name
		fc := FetchColumn{Column: i, Definition: n, Value: n}
		n++
		if exact := exactText(column.Type, name); exact != "" {
			head += ", " + exact
			fc.Value = n
			n++
		}
		f.Columns = append(f.Columns, fc)
	}
	c.w.Columns = f.Columns
	if !c.chosen {
		c.w.Work = c.c.workName(&f, names) + "_n"
	}
	c.w.rows = []clauseText{{text: head + " FROM ", clause: table}}
	word := " WHERE ("
	for _, v := range conditions {
		c.w.rows = append(c.w.rows, clauseText{text: word, clause: v})
		word = ") AND ("
	}
	if len(conditions) > 0 {
		c.w.rows = append(c.w.rows, clauseText{text: ")"})
	}
	if tail.from < tail.to {
		c.w.rows = append(c.w.rows, clauseText{text: " ", clause: tail})
		if c.u.find(tail.from, "LIMIT") < 0 {
			c.w.rows = append(c.w.rows, clauseText{text: limit})
		} else {
			c.w.rows = append(c.w.rows, clauseText{text: " FOR UPDATE"})
		}
		return
	}
	c.w.rows = append(c.w.rows, clauseText{text: limit})
}

// subqueries fetches the tables of the subqueries, which read what is there now, as they do in a statement that writes.
//
// MySQL lets no subquery read the table that is written to, unless it makes a table of it first.
func (c *computingWrite) subqueries(names map[string]int) {
	for _, b := range c.c.blocks {
		for _, t := range b.tables {
			switch {
			case b.written && c.isTarget(t):
				continue
			case !b.written && !c.selecting && !c.inside[b] && c.writesTo(t.table):
				c.readsTarget()
				continue
			}
			f := c.c.fetch(b, t, names)
			if c.c.whole && slices.ContainsFunc(f.Columns, func(x FetchColumn) bool { return t.table.Columns[x.Column].Invisible }) {
				c.c.refuse()
			}
			if b.lock.to == 0 {
				f.parts = append(f.parts, clauseText{text: " LOCK IN SHARE MODE"})
			}
			c.w.Fetches = append(c.w.Fetches, f)
			c.c.edits = append(c.c.edits, c.c.replaced(t, f.Work))
		}
	}
	slices.SortStableFunc(c.c.edits, func(a, b edit) int { return a.at - b.at })
	c.c.edits = c.c.named(c.c.edits)
}

// readsTarget notes that a subquery reads a table that is written to, which MariaDB lets it do where there is only one.
func (c *computingWrite) readsTarget() {
	c.w.ReadsTarget = true
	if len(c.w.Targets) > 1 || c.u.schema.Flavor != MySQL {
		c.c.refuse()
	}
}
