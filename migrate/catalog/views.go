package catalog

import "phiproxy/rewrite"

// addViews finds the views that a SELECT may read like tables: those over unprotected tables alone, and those that show protected
// columns with their owner. One view may read another, so it looks until it finds no more.
func (b *builder) addViews() {
	b.schema.Views = map[string]*rewrite.Table{}
	for found := true; found; {
		found = false
		for i := range b.db.Code {
			c := &b.db.Code[i]
			key := b.codeKey(c)
			info := b.db.Table(c.Schema, c.Name)
			if c.Kind != "view" || info == nil || info.Kind != View || b.schema.Views[key] != nil {
				continue
			}
			v := info.ordinary()
			v.View = true
			if _, opaque := b.schema.Opaque[key]; opaque {
				v = rewrite.ViewOf(b.schema, info.Schema, info.Name, c.Text, v.Columns)
			}
			if v != nil {
				b.schema.Views[key], found = v, true
			}
		}
	}
}
