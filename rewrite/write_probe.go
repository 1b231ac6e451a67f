package rewrite

import (
	"slices"
	"strings"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// Probes returns the reads that a Lookup statement needs before it can be written: one for an UPDATE, and one for every
// tuple of an upsert that can meet a row.
func (s *Statement) Probes() ([]Probe, error) {
	if s.write.kind == updates {
		return []Probe{{SQL: s.updateProbe(), Row: -1}}, nil
	}
	p := &prober{s: s, seen: map[string]bool{}}
	s.eachTuple(func(row int, values []span) {
		if p.err == nil {
			p.err = p.tuple(row, values)
		}
	})
	if p.err != nil {
		return nil, p.err
	}
	if p.rows > 1 && s.write.insert.literalSets {
		return nil, fault.SeveralRows.With("a literal for %d rows", p.rows)
	}
	return p.probes, nil
}

func (s *Statement) updateProbe() []byte {
	p := &s.write.update
	dst := s.probeHead(nil, p.ref+".")
	dst = s.clauseText(append(dst, " FROM "...), p.table)
	if p.where.from < p.where.to {
		dst = s.clauseText(append(dst, " WHERE "...), p.where)
	}
	if p.tail.from < p.tail.to {
		dst = s.clauseText(append(dst, ' '), p.tail)
	}
	return append(dst, " FOR UPDATE"...)
}

// probeHead appends SELECT and the columns of a probe.
func (s *Statement) probeHead(dst []byte, qualifier string) []byte {
	t := s.write.table
	dst = append(dst, "SELECT "...)
	for _, c := range append(slices.Clone(t.PrimaryKey), t.Owner) {
		dst = append(append(append(append(dst, "CAST("...), qualifier...), quoteName(t.Columns[c].Name)...), " AS BINARY), "...)
	}
	for i, c := range t.ProtectedColumns() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, qualifier...), quoteName(t.Columns[c].Name)...)
	}
	return dst
}

// prober makes the probes of an upsert.
type prober struct {
	s      *Statement
	probes []Probe
	rows   int
	seen   map[string]bool // unique keys of earlier tuples
	err    error
}

func (p *prober) tuple(row int, values []span) error {
	p.rows++
	t := p.s.write.table
	var conditions []string
	for n, key := range t.UniqueKeys {
		cond, id, err := p.key(key, values)
		switch {
		case err != nil:
			return err
		case cond == "":
			continue
		}
		id = string(rune('a'+n)) + id
		if p.seen[id] {
			return fault.SeveralRows.With("tuple %d has the key of an earlier one", row+1)
		}
		p.seen[id] = true
		conditions = append(conditions, "("+cond+")")
	}
	if len(conditions) == 0 {
		return nil
	}
	dst := p.s.probeHead(nil, "")
	dst = append(append(dst, " FROM "...), quoteName(t.Schema)+"."+quoteName(t.Name)+" WHERE "+strings.Join(conditions, " OR ")+" FOR UPDATE"...)
	p.probes = append(p.probes, Probe{SQL: dst, Row: row})
	return nil
}

// key returns the condition that a row has the tuple's values in a unique key, and these values in a form that is equal
// for equal keys. Both are "" when the tuple can meet no row by this key.
func (p *prober) key(key []int, values []span) (cond, id string, err error) {
	t := p.s.write.table
	var parts []string
	for _, c := range key {
		at := slices.Index(p.s.write.insert.columns, c)
		var l Literal
		if at >= 0 {
			var ok bool
			if l, ok = p.s.literal(values[at]); !ok {
				return "", "", fault.UniqueKey.With("column %s", t.Columns[c].Name)
			}
		}
		switch never, err := p.meetsNone(c, l); {
		case err != nil:
			return "", "", err
		case never:
			return "", "", nil
		}
		parts = append(parts, quoteName(t.Columns[c].Name)+" = "+string(l.Raw))
		folded, ok := p.folded(t.Columns[c].Type, l)
		if !ok && p.several() {
			return "", "", fault.SeveralRows.With("key of column %s", t.Columns[c].Name)
		}
		id += "\x00" + folded
	}
	return strings.Join(parts, " AND "), id, nil
}

// meetsNone reports whether a key column's value equals no stored one: NULL, or a number that is yet to be generated.
func (p *prober) meetsNone(c int, l Literal) (bool, error) {
	t := p.s.write.table
	col := &t.Columns[c]
	switch l.Kind {
	case token.Null:
		return true, nil
	case token.None, token.Default:
		if c == t.AutoInc || col.Nullable && col.Default == nil && col.HasDefault {
			return true, nil
		}
		return false, fault.UniqueKey.With("default of column %s", col.Name)
	case token.String, token.Int:
		return c == t.AutoInc && string(l.Raw) == "0", nil
	}
	return false, fault.UniqueKey.With("column %s", col.Name)
}

func (p *prober) several() bool {
	n := 0
	p.s.eachTuple(func(int, []span) { n++ })
	return n > 1
}

// folded is a key text that is equal whenever the server finds the keys equal. Letters outside of ASCII and control
// characters are left to the server, whose collation alone knows them.
func (p *prober) folded(typ string, l Literal) (string, bool) {
	text := string(l.Raw)
	if l.Kind == token.String {
		text = string(token.Unquote(nil, l.Raw, 0))
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= 0x7f {
			return "", false
		}
	}
	text = strings.TrimRight(strings.ToLower(text), " ")
	if isInteger(typ) {
		text = strings.TrimLeft(strings.TrimPrefix(text, "+"), "0 ")
	}
	return text, true
}
