package rewrite

import (
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

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
