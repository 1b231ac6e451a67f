package rewrite

// ViewOf makes a table of a view that reads protected tables, so that a SELECT can read it as one: the backend runs the view,
// and its columns are opened. That is possible when the view only shows protected columns, all of one table reference whose owner column
// it shows, too. definition is the view's SELECT as information_schema has it, columns are the view's. It is nil for any other
// view. Views that it reads must be in s.Views.
func ViewOf(s *Schema, schema, name, definition string, columns []Column) *Table {
	u, err := NewPlanner(s, 0).newUnit(State{Database: schema}, []byte(definition))
	if err != nil {
		return nil
	}
	u.reads = true
	pr, f := u.parse(u.pieces())
	if f != nil {
		return nil
	}
	r := newResolver(pr)
	b, f := r.query(pr.stmt, nil, nil, asCopy)
	if f != nil || r.accounted() != nil || len(r.edits) > 0 || b.open || b.starHidden || len(b.leaves) != 1 || len(b.outputs) != len(columns) {
		return nil
	}
	return viewTable(&Table{Schema: schema, Name: name, Columns: append([]Column(nil), columns...), AutoInc: -1, Flag: -1, View: true}, b.outputs)
}

// viewTable says which columns of the view are protected.
func viewTable(v *Table, outputs []output) *Table {
	var of *source // the table reference whose columns are shown
	for i, o := range outputs {
		if o.kind == plain {
			continue
		}
		if o.wrapped != nil || o.root == nil || of != nil && o.root != of {
			return nil
		}
		of = o.root
		if o.kind == flagged {
			v.Flag = i
		} else {
			v.Columns[i].Protected = o.table.Columns[o.column.column].Protected
		}
		v.Protected, v.ShowFlag, v.Migrating = true, o.table.ShowFlag, v.Migrating || o.table.Migrating
	}
	if of == nil {
		return v
	}
	for i, o := range outputs {
		if o.kind == plain && o.root == of && o.column.column == o.table.Owner {
			v.Owner = i
			return v
		}
	}
	return nil
}

// view is a view that the statement may read like a table, nil for any other name.
func (u *unit) view(schema, name string) *Table {
	if !u.reads {
		return nil
	}
	return u.schema.Views[u.schema.Key(schema, name)]
}
