package rewrite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
)

// ownerPrefix begins the names of hidden columns; clients cannot use it.
const ownerPrefix = "__phi_owner_"

// addOwners adds a hidden output with the row's owner for every protected one. Outputs of one table share it; in a set
// operation they share it when they do so in every part.
func (r *resolver) addOwners(b *block) *fault.Error {
	if !b.has(sealed) {
		return nil
	}
	hiddenAt := map[string]int{} // tables in every leaf -> index of the hidden output
	var added []strings.Builder
	for range b.leaves {
		added = append(added, strings.Builder{})
	}
	for i := range b.outputs {
		if b.outputs[i].kind != sealed {
			continue
		}
		key := ownersKey(b.leaves, i)
		at, ok := hiddenAt[key]
		if !ok {
			r.named++
			name := fmt.Sprint(ownerPrefix, r.named)
			at = len(b.outputs)
			hiddenAt[key] = at
			b.outputs = append(b.outputs, output{column: column{name: name, origin: origin{kind: hidden}}})
			b.appended++
			for j, l := range b.leaves {
				fmt.Fprintf(&added[j], ", %s AS %s", l.owner(i), quoteName(name))
			}
		}
		b.outputs[i].owner, b.outputs[i].ownerAt = b.outputs[at].name, at
	}
	for j, l := range b.leaves {
		switch {
		case l.table >= 0:
			r.edit(l.table, l.table+1, "SELECT *"+added[j].String()+" FROM")
		case l.insertAt >= 0:
			r.edit(l.insertAt, l.insertAt, strings.TrimSpace(added[j].String())+" ")
		default:
			return fault.Statement.With("nowhere to add the owner")
		}
	}
	return nil
}

// ownersKey tells which tables output i comes from in each leaf.
func ownersKey(leaves []*leaf, i int) string {
	var b strings.Builder
	for _, l := range leaves {
		o := l.outputs[i].origin
		fmt.Fprintf(&b, "%p %s;", o.via, o.owner)
	}
	return b.String()
}

// owner is the expression for the owner of output i.
func (l *leaf) owner(i int) string {
	o := l.outputs[i].origin
	expr := o.via.ref + "." + quoteName(o.owner)
	if o.owner == "" {
		expr = "CAST(" + o.via.ref + "." + quoteName(o.table.Columns[o.table.Owner].Name) + " AS BINARY)"
	}
	if l.grouped {
		return "MIN(" + expr + ")"
	}
	return expr
}

// setOpr is a UNION, INTERSECT or EXCEPT.
type setOpr struct {
	with    *ast.WithClause
	selects []ast.Node
	order   *ast.OrderByClause
}

func (r *resolver) setOpr(s *setOpr, outer *scope, ctes *cte, u use) (*block, *fault.Error) {
	ctes, err := r.with(s.with, outer, ctes)
	if err != nil {
		return nil, err
	}
	if u != asExists && u != asValue {
		u = asCopy // the parts get their owners together
	}
	var all *block
	onlyAll := true
	for i, n := range s.selects {
		b, err := r.query(n, outer, ctes, u)
		if err != nil {
			return nil, err
		}
		onlyAll = onlyAll && (i == 0 || unionAll(n))
		if all == nil {
			all = b
			continue
		}
		if all, err = merge(all, b); err != nil {
			return nil, err
		}
	}
	if u != asExists && len(s.selects) > 1 {
		if err := setRules(all, onlyAll); err != nil {
			return nil, err
		}
	}
	return all, r.ordering(s.order, &scope{outer: outer, ctes: ctes, aliases: columnsOf(all.outputs)}, all.positions())
}

// unionAll reports whether the part is joined to those before it by UNION ALL.
func unionAll(n ast.Node) bool {
	var t *ast.SetOprType
	switch n := n.(type) {
	case *ast.SelectStmt:
		t = n.AfterSetOperator
	case *ast.SetOprSelectList:
		t = n.AfterSetOperator
	}
	return t != nil && *t == ast.UnionAll
}

func columnsOf(outputs []output) []column {
	columns := make([]column, len(outputs))
	for i, o := range outputs {
		columns[i] = o.column
	}
	return columns
}

func setRules(b *block, onlyAll bool) *fault.Error {
	switch {
	case b.has(sealed) && (b.starHidden || b.open):
		return fault.SetOp.With("`*` with hidden or unknown columns in a set operation")
	case !onlyAll && b.has(sealed):
		return fault.SetOp.With("rows are compared")
	case !onlyAll && b.has(flagged):
		return fault.Flag.With("rows are compared")
	}
	return nil
}

// merge joins two parts of a set operation. The names are those of the first.
func merge(a, b *block) (*block, *fault.Error) {
	m := &block{open: a.open || b.open, starHidden: a.starHidden || b.starHidden, leaves: append(a.leaves, b.leaves...)}
	if a.open || b.open || len(a.outputs) != len(b.outputs) {
		if a.protected() || b.protected() {
			return nil, fault.SetOp.With("the parts' columns differ in number")
		}
		m.outputs = a.outputs
		return m, nil
	}
	m.outputs = make([]output, len(a.outputs))
	for i, x := range a.outputs {
		o, ok := mergeOrigin(x.origin, b.outputs[i].origin)
		if !ok {
			return nil, one(max(x.kind, b.outputs[i].kind), fault.SetOp).With("column %d", i+1)
		}
		m.outputs[i] = output{column: column{name: x.name, origin: o}}
	}
	return m, nil
}

// merges reports whether a union of such columns is said to be what the column is. Of other types the server makes one with other
// flags or another length.
func (p *Protected) merges() bool {
	charset, _, _ := strings.Cut(p.Collation, "_")
	if strings.HasSuffix(p.Type.String(), "text") && p.Type.String() != "text" { // MariaDB says by the length which it becomes
		return false
	}
	return isDateType(p.Type) || isText(p.Type) && slices.Contains([]string{"", "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"}, charset)
}

// mergeOrigin is the origin of a column that has two.
func mergeOrigin(a, b origin) (origin, bool) {
	if a.kind != b.kind {
		return origin{}, false
	}
	a.root = nil
	if a.kind != sealed {
		if a.kind == plain {
			a.table = nil
		}
		return a, true
	}
	p, q := a.table.Columns[a.column].Protected, b.table.Columns[b.column].Protected
	if !p.merges() {
		return origin{}, false
	}
	if p.ID != q.ID || p.Type.String() != q.Type.String() || (a.wrapped == nil) != (b.wrapped == nil) {
		return origin{}, false
	}
	if a.wrapped != nil {
		if isDateType(p.Type) && a.wrapped.notNull != b.wrapped.notNull { // one is text, the other still a date
			return origin{}, false
		}
		a.wrapped = &wrapping{
			literals: append(a.wrapped.literals[:len(a.wrapped.literals):len(a.wrapped.literals)], b.wrapped.literals...),
			notNull:  a.wrapped.notNull && b.wrapped.notNull,
		}
	}
	return a, true
}
