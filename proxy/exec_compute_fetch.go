package proxy

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// reading runs f, which reads from the backend, with results in utf8mb4 and, where several answers must show one state of
// the database, in one snapshot.
func (s *session) reading(several bool, f func() error) error {
	if !several || !s.autocommit() || s.inTransaction() {
		return s.inUTF8(f)
	}
	own := s.ownTransaction()
	if own.begin == "BEGIN" {
		own.begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
	}
	for _, sql := range []string{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", own.begin} {
		if _, err := s.exec([]byte(sql)); err != nil {
			return err
		}
	}
	err := s.inUTF8(f)
	if s.outOfStep(err) {
		return err
	}
	_, after := s.exec([]byte(own.commit))
	return errors.Join(err, after)
}

// inUTF8 runs f with results in utf8mb4, and brings back what they were in.
func (s *session) inUTF8(f func() error) error {
	if s.env.Results.Name == "utf8mb4" {
		return f()
	}
	if _, err := s.exec([]byte("SET character_set_results = utf8mb4")); err != nil {
		return err
	}
	err := f()
	if s.outOfStep(err) {
		return err
	}
	_, after := s.exec([]byte("SET " + s.results))
	return errors.Join(err, after)
}

// outOfStep reports whether an error is one after which the backend's connection cannot be used.
func (s *session) outOfStep(err error) bool {
	var f *fault.Error
	var se *serverError
	var sc *scratch.Error
	var ss *scratch.ServerError
	return err != nil && !errors.As(err, &f) && !errors.As(err, &se) && !errors.As(err, &sc) && !errors.As(err, &ss)
}

// fetch loads the rows of one table reference.
func (c *compute) fetch(i int) error {
	s, f := c.s, &c.st.Fetches()[i]
	text, err := c.st.FetchText(nil, i, c.literal)
	if err != nil {
		return fault.ValueForm.With("parameter")
	}
	var asked []uint16
	if f.Joined { // through a temporary table, in which columns lose their flags
		if asked, err = s.columnFlags(f); err != nil {
			return err
		}
	}
	if err := s.send(mysql.COM_QUERY, text); err != nil {
		return err
	}
	h, err := s.head()
	if err != nil {
		return err
	}
	shown := make([]packet.Column, h.columns)
	for i := range shown {
		if err := s.readColumn(&shown[i]); err != nil {
			return err
		}
	}
	flags := make([]uint16, len(f.Columns))
	for at, fc := range f.Columns {
		flags[at] = shown[min(fc.Definition, h.columns-1)].Flags
	}
	if err := s.readDefinitionsEnd(); err != nil {
		return err
	}
	if asked != nil {
		flags = asked
	}
	rows := &fetchedRows{c: c, f: f, columns: h.columns, row: make([][]byte, len(f.Columns))}
	work := c.workTable(f, flags)
	showView(f, work.Columns, shown)
	err = c.scratch.Load(s.ctx, work, rows.all)
	if c.broken != nil {
		return c.broken
	}
	if !rows.ended {
		if drained := s.drainRows(); drained != nil {
			return drained
		}
	}
	return err
}

// literal appends the literal of a parameter.
func (c *compute) literal(dst []byte, n int) ([]byte, error) {
	if c.execution == nil || n >= len(c.execution.exec.Params) {
		return dst, packet.ErrNoLiteral
	}
	style := packet.LiteralStyle{NoBackslashEscapes: c.s.state.Mode&token.NoBackslashEscapes != 0, TypedTemporal: true}
	return packet.AppendLiteral(dst, c.execution.exec.Params[n], style)
}

// columnFlags asks the backend for the flags of the columns that a fetch takes from its table.
func (s *session) columnFlags(f *rewrite.Fetch) ([]uint16, error) {
	text := []byte("SELECT ")
	for i, fc := range f.Columns {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = appendName(text, f.Table.Columns[fc.Column].Name)
	}
	text = append(appendName(append(text, " FROM "...), f.Table.Schema), '.')
	a, err := s.query(append(appendName(text, f.Table.Name), " LIMIT 0"...))
	if err != nil {
		return nil, err
	}
	flags := make([]uint16, len(a.Columns))
	for i := range a.Columns {
		flags[i] = a.Columns[i].Flags
	}
	return flags, nil
}

func appendName(dst []byte, name string) []byte {
	return append(append(append(dst, '`'), strings.ReplaceAll(name, "`", "``")...), '`')
}

// workTable describes the table that stands for a table reference.
func (c *compute) workTable(f *rewrite.Fetch, flags []uint16) scratch.WorkTable {
	t := f.Table
	w := scratch.WorkTable{Name: f.Work, Schema: t.Schema, Table: t.Name}
	if c.st.Compute != nil && c.st.Compute.Keys {
		w.Unique = f.UniqueKeys()
	}
	for i, fc := range f.Columns {
		column := &t.Columns[fc.Column]
		work := scratch.WorkColumn{
			Name: column.Name, Type: logicalType(column), NotNull: !column.Nullable, UTF8: column.Collation != "",
			Origin: &scratch.Origin{Schema: t.Schema, Table: t.Name, Column: column.Name, Flags: flags[i]},
		}
		if p := column.Protected; p != nil {
			work.Given(p.Type)
		}
		w.Columns = append(w.Columns, work)
	}
	return w
}

// showView gives columns of a view the origin that the backend says they have: the view, or the table behind it.
func showView(f *rewrite.Fetch, columns []scratch.WorkColumn, shown []packet.Column) {
	for i, fc := range f.Columns {
		if f.Table.View && fc.Definition < len(shown) {
			d := &shown[fc.Definition]
			columns[i].Origin.Table, columns[i].Origin.Column = string(d.OrgTable), string(d.OrgName)
		}
	}
}

// logicalType is a column's type as clients see it, as in CREATE TABLE.
func logicalType(c *rewrite.Column) string {
	if c.Protected != nil {
		return c.Protected.Definition
	}
	if c.Collation == "" {
		return c.Type
	}
	charset, _, _ := strings.Cut(c.Collation, "_")
	return c.Type + " CHARACTER SET " + charset + " COLLATE " + c.Collation
}

// fetchedRows are the rows of one answer on their way to a work table.
type fetchedRows struct {
	c       *compute
	f       *rewrite.Fetch
	columns int
	ended   bool
	row     [][]byte
	plain   []byte
}

// all is a scratch.RowSource.
func (r *fetchedRows) all(yield func([][]byte, error) bool) {
	var end packet.OK
	for {
		p, done, err := r.c.s.nextRow(&end)
		var se *serverError
		switch {
		case err != nil:
			if r.ended = errors.As(err, &se); !r.ended {
				r.c.broken = err
			}
			yield(nil, err)
			return
		case done:
			r.ended = true
			return
		}
		row, err := r.open(p)
		if !yield(row, err) || err != nil {
			return
		}
	}
}

func (r *fetchedRows) open(p []byte) ([][]byte, error) {
	values, err := textRow(p, r.columns)
	if err != nil {
		r.c.broken = err
		return nil, err
	}
	r.plain = r.plain[:0]
	for i, fc := range r.f.Columns {
		if r.row[i], err = r.value(values, fc); err != nil {
			return nil, err
		}
	}
	return r.row, nil
}

// value is the value of one column for its work table.
func (r *fetchedRows) value(values [][]byte, fc rewrite.FetchColumn) ([]byte, error) {
	t, v := r.f.Table, values[fc.Value]
	column := &t.Columns[fc.Column]
	switch {
	case v == nil:
		return nil, nil
	case column.Protected != nil && len(v) == 0: // which is not sealed
		return append([]byte{}, column.Protected.Type.Unset()...), nil
	case column.Protected != nil:
		start := len(r.plain)
		plain, err := r.c.opener.Open(r.plain, &rewrite.Output{Table: t, Column: fc.Column}, values[r.f.Owner], v)
		if err != nil {
			return nil, err
		}
		if r.plain = plain; len(plain) == start {
			return []byte{}, nil // not nil, which is NULL
		}
		return plain[start:len(plain):len(plain)], nil
	case t.Protected && fc.Column == t.Flag && !t.ShowFlag:
		return []byte("0"), nil
	case strings.HasPrefix(column.Type, "timestamp"):
		return utcTimestamp(v, values[fc.Definition]), nil
	}
	return v, nil
}

// utcTimestamp writes seconds since 1970 as a timestamp of UTC. The zero timestamp, whose number is 0, is shown as zero.
func utcTimestamp(seconds, shown []byte) []byte {
	if bytes.HasPrefix(shown, []byte("0000")) {
		return shown
	}
	n, ok := new(big.Rat).SetString(string(seconds))
	if !ok {
		return shown
	}
	micros := new(big.Int).Quo(new(big.Int).Mul(n.Num(), big.NewInt(1_000_000)), n.Denom()).Int64()
	return time.UnixMicro(micros).UTC().AppendFormat(nil, "2006-01-02 15:04:05.000000")
}
