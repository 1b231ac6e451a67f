package rewrite

import (
	"slices"

	"phiproxy/rewrite/fault"
)

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

// sameValues reports whether a sealed value of one column is one of another as it is: a text may be, whatever its length.
func sameValues(a, b *Protected) bool {
	return a.ID == b.ID && (a.Type.String() == b.Type.String() || isText(a.Type) && isText(b.Type))
}

// copies checks each position of a copy.
func copies(t *Table, columns []int, b *block) *fault.Error {
	var from *source // where protected values come from
	protected := false
	for i, o := range b.outputs {
		switch t.role(columns[i]) {
		case protects:
			if o.kind != sealed || o.wrapped != nil || o.root == nil || !sameValues(o.table.Columns[o.column.column].Protected, t.Columns[columns[i]].Protected) {
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
