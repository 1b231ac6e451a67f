package rewrite

import (
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// ComputedRows gives, for every tuple of an INSERT or REPLACE, the SQL texts of the values of the columns that
// ComputedColumns lists.
func (s *Statement) ComputedRows() [][][]byte {
	var rows [][][]byte
	s.eachTuple(func(_ int, values []span) {
		var row [][]byte
		for i, c := range s.write.insert.columns {
			if s.write.table.role(c) == protects {
				row = append(row, s.computedClause(nil, values[i]))
			}
		}
		rows = append(rows, row)
	})
	return rows
}

// ComputedColumns are the protected columns that an INSERT or REPLACE names.
func (s *Statement) ComputedColumns() []int {
	return slices.DeleteFunc(slices.Clone(s.write.insert.columns), func(c int) bool { return s.write.table.role(c) != protects })
}

// WithValues is the client's INSERT or REPLACE with the given values of the protected columns, nil for NULL.
func (s *Statement) WithValues(dst []byte, rows [][][]byte) []byte {
	t := &text{s: s, dst: dst}
	s.eachTuple(func(row int, values []span) {
		n := 0
		for i, c := range s.write.insert.columns {
			if s.write.table.role(c) != protects {
				continue
			}
			t.replace(values[i].from, values[i].to)
			t.dst = append(appendHex(append(t.dst, ' '), rows[row][n]), ' ')
			n++
		}
	})
	return t.rest()
}

// insert plans an INSERT or REPLACE whose values of protected columns are expressions.
func (c *computingWrite) insert() (*Plan, *fault.Error) {
	in := &inserting{u: c.u, list: findTuples(c.u.sql, c.u.toks), dup: -1, computed: true}
	in.locate()
	pr, err := c.u.parse(in.pieces())
	if err != nil {
		return nil, err
	}
	stmt, ok := pr.stmt.(*ast.InsertStmt)
	if !ok || c.u.find(1, "RETURNING") >= 0 {
		return nil, fault.Unsure.With("form of INSERT")
	}
	in.stmt, in.r, c.c.pr = stmt, newResolver(pr), pr
	if in.sc, err = in.r.from(stmt.Table, nil, nil); err != nil {
		return nil, err
	}
	if in.target = single(in.sc); in.target == nil {
		return nil, fault.Unsure.With("target")
	}
	c.r, c.sc, c.table, c.values, c.w.Inserts = in.r, in.sc, in.target.table, true, true
	if stmt.Select != nil {
		return c.insertSelect(in)
	}
	p, err := in.plan()
	if err != nil {
		return nil, err
	}
	if p.write == nil || len(p.write.insert.updates) > 0 {
		return nil, fault.Unsure.With("nothing to compute")
	}
	for _, row := range stmt.Lists {
		for i, e := range row {
			if i < len(p.write.insert.columns) && c.table.role(p.write.insert.columns[i]) == protects {
				c.source(p.write.insert.columns[i], e)
			}
		}
	}
	c.subqueries(map[string]int{})
	c.understood(p)
	if c.err == nil {
		c.err = in.r.accounted()
	}
	if c.err != nil || c.c.err != nil {
		return nil, fault.Unsure.With("expression")
	}
	c.w.Clock, c.w.edits = c.c.clock, c.c.edits
	for i := range c.w.Fetches {
		p.reads(&c.w.Fetches[i])
	}
	p.Verdict, p.ComputedWrite = Scratch, c.w
	return p, nil
}

// understood tells the resolver of the names in the values that run in the scratch server.
func (c *computingWrite) understood(p *Plan) {
	s := c.u.bound()
	s.Plan = p
	s.eachTuple(func(_ int, values []span) {
		for i, v := range values {
			if i < len(p.write.insert.columns) && c.table.role(p.write.insert.columns[i]) == protects {
				c.r.markAll(v)
			}
		}
	})
}
