package catalog

import "strings"

// warn finds what a person should look at: code that runs on the server, beyond the proxy's sight.
func (b *builder) warn(tables []Table) {
	if b.db.Blind != "" {
		b.warning("", "", "the proxy's account lacks %s on *.*, so that views, routines and triggers of other schemas may stay unseen; grant them", b.db.Blind)
	}
	for i := range tables {
		for j := range b.db.Triggers {
			b.warnTrigger(&tables[i], &b.db.Triggers[j])
		}
		for j := range b.db.Events {
			b.warnEvent(&tables[i], &b.db.Events[j])
		}
	}
}

func (b *builder) warnTrigger(t *Table, g *Trigger) {
	home := b.db.Server.same(g.OnSchema, t.Schema) && b.db.Server.same(g.On, t.Name)
	if !home {
		if mentions(g.Text, g.Schema, object{schema: t.Schema, name: t.Name, table: true}) {
			b.warning(g.Schema, g.Name, "the trigger of %s.%s reads or writes %s on the server: what it writes is not sealed, what it reads is", g.OnSchema, g.On, t)
		}
		return
	}
	for _, column := range append([]Column{{Name: t.Owner}}, t.Columns...) {
		if findWord(g.Text, column.Name, 0) >= 0 {
			b.warning(g.Schema, g.Name, "the trigger of %s uses %s: it sees sealed values, and what it writes there is not sealed", t, column.Name)
		}
	}
}

func (b *builder) warnEvent(t *Table, e *Code) {
	if mentions(e.Text, e.Schema, object{schema: t.Schema, name: t.Name, table: true}) || e.Text == "" || strings.EqualFold(e.Schema, t.Schema) && buildsSQL(e.Text) {
		b.warning(e.Schema, e.Name, "the event may read or write %s on the server: what it writes is not sealed, what it reads is", t)
	}
}
