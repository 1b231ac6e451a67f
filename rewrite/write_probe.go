package rewrite

import (
	"bytes"
	"slices"
	"strings"
	"time"

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
	p.rows = s.Rows()
	if in := &s.write.insert; p.rows > 1 && (in.setsLiterals() || in.setsKeys) {
		return nil, fault.SeveralRows.With("a literal or key is set for %d rows", p.rows)
	}
	s.eachTuple(func(row int, values []span) {
		if p.err == nil {
			p.err = p.tuple(row, values)
		}
	})
	return p.probes, p.err
}

// setsLiterals reports whether ON DUPLICATE KEY UPDATE gives a protected column a literal, which is sealed for one owner.
func (in *insertPlan) setsLiterals() bool {
	return slices.ContainsFunc(in.updates, func(u updateCell) bool { return !u.computed })
}

// Rows is how many VALUES tuples an INSERT or REPLACE has.
func (s *Statement) Rows() int {
	n := 0
	s.eachTuple(func(int, []span) { n++ })
	return n
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
	t := p.s.write.table
	if err := p.moves(values); err != nil {
		return err
	}
	var conditions []string
	for n, key := range t.UniqueKeys {
		if len(key) == 0 {
			return fault.UniqueKey.With("a unique key of %s.%s compares more than columns", t.Schema, t.Name)
		}
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
	p.probes = append(p.probes, Probe{SQL: dst, Row: row, Keys: len(conditions)})
	return nil
}

// moves refuses DEFAULT for a protected column where the row may get another owner: such a value is the server's to fill
// in, so that nobody asks whether the row may move.
func (p *prober) moves(values []span) error {
	in := &p.s.write.insert
	if !in.setsOwner {
		return nil
	}
	for i, c := range in.columns {
		if l, _ := p.s.literal(values[i]); l.Kind == token.Default && p.s.write.table.role(c) == protects {
			return fault.OwnerMove.With("DEFAULT for column %s", p.s.write.table.Columns[c].Name)
		}
	}
	return nil
}

// key returns the condition that a row has the tuple's values in a unique key, and these values in a form that is equal
// for equal keys. Both are "" when the tuple can meet no row by this key.
func (p *prober) key(key []int, values []span) (cond, id string, err error) {
	t := p.s.write.table
	var parts []string
	for _, c := range key {
		if r := t.role(c); r == protects || r == flags {
			return "", "", fault.UniqueKey.With("column %s", t.Columns[c].Name)
		}
		l, err := p.keyValue(c, values)
		if err != nil {
			return "", "", err
		}
		text, never, err := p.keyText(c, l)
		switch {
		case err != nil:
			return "", "", err
		case never:
			return "", "", nil
		}
		folded, ok := folded(text)
		if !ok && p.rows > 1 {
			return "", "", fault.SeveralRows.With("key of column %s", t.Columns[c].Name)
		}
		id += "\x00" + folded
		sql := text
		if !isInteger(t.Columns[c].Type) {
			sql = p.quoted(l, text)
		}
		parts = append(parts, quoteName(t.Columns[c].Name)+" = "+sql)
	}
	return strings.Join(parts, " AND "), id, nil
}

// keyValue is the tuple's literal for a key column; Kind None when the statement does not name the column.
func (p *prober) keyValue(c int, values []span) (Literal, error) {
	at := slices.Index(p.s.write.insert.columns, c)
	if at < 0 {
		return Literal{}, nil
	}
	l, ok := p.s.literal(values[at])
	if !ok {
		return Literal{}, fault.UniqueKey.With("column %s", p.s.write.table.Columns[c].Name)
	}
	return l, nil
}

// keyText is the text of a key column's value as it will be stored; never tells that it equals no stored one, because it
// is NULL or a number that is yet to be generated. Values that the server would store in another form than they are
// written (rounded, cut off, padded) are refused: comparing finds other rows with them than inserting meets.
func (p *prober) keyText(c int, l Literal) (text string, never bool, err error) {
	t, in := p.s.write.table, &p.s.write.insert
	col := &t.Columns[c]
	var v []byte
	stored := false
	switch l.Kind {
	case token.Null:
		return "", true, p.unless(col.Nullable || c == t.AutoInc, col)
	case token.None, token.Default:
		return "", true, p.unless(c == t.AutoInc || col.Nullable && col.Default == nil && col.HasDefault, col)
	case token.Int:
		v = canonicalDigits(l.Raw)
		stored = col.StoresInt(v)
	case token.String:
		v = l.Text(in.mode)
		stored = col.StoresText(v) && (isASCII(v) || in.mode&token.SingleByte == 0) || col.Type == "date" && isDate(v)
	}
	if c == t.AutoInc && string(v) == "0" && in.mode&token.NoAutoValueOnZero == 0 {
		return "", true, nil
	}
	return string(v), false, p.unless(stored, col)
}

func (p *prober) unless(ok bool, col *Column) error {
	if ok {
		return nil
	}
	return fault.UniqueKey.With("column %s", col.Name)
}

// quoted is the literal of a key that is no number: the client's own, or the number in quotes, since comparing a string
// with a number is another comparison.
func (p *prober) quoted(l Literal, text string) string {
	if l.Kind == token.String {
		return string(bytes.Join(append([][]byte{l.Raw}, l.Rest...), []byte(" ")))
	}
	return "'" + text + "'"
}

// canonicalDigits takes a plus sign and leading zeros off an integer literal.
func canonicalDigits(raw []byte) []byte {
	sign, digits := "", strings.TrimPrefix(string(raw), "+")
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return []byte("0")
	}
	return []byte(sign + digits)
}

func isDate(v []byte) bool {
	_, err := time.Parse(time.DateOnly, string(v))
	return err == nil
}

// folded is a key text that is equal whenever the server finds the keys equal. Letters outside of ASCII and control
// characters are left to the server, whose collation alone knows them.
func folded(text string) (string, bool) {
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= 0x7f {
			return "", false
		}
	}
	return strings.TrimRight(strings.ToLower(text), " "), true
}
