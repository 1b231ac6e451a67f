package scratch

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/rewrite"
)

// Stored is what became of rows that were written to a twin.
type Stored struct {
	// Rows holds the values of the asked columns, in the order of the written rows, as canonical text: UTF-8, TIMESTAMP in
	// UTC, FLOAT with all its digits. nil is NULL.
	Rows     [][][]byte
	Warnings []Warning
	// Dropped tells that the server left rows out (an IGNORE that met a CHECK): Rows are then fewer than were written, and
	// they must be written one by one to know which.
	Dropped bool
}

// Write is an INSERT of rows into the twin of a table.
type Write struct {
	Table   *rewrite.Table
	Columns []int      // that are written, indexes into Table.Columns
	Rows    [][][]byte // SQL text of each value, in the client's character set: literals, expressions, DEFAULT
	Ignore  bool       // INSERT IGNORE
	Read    []int      // columns to read back; nil: those that were written
}

// Normalise lets the server decide what an INSERT stores: conversions, truncation, defaults, generated columns, CHECK, strict
// or not as the client's sql_mode says. An error is the one that the client's own INSERT would have got, a *ServerError.
func (s *Session) Normalise(ctx context.Context, w Write) (*Stored, error) {
	end := s.guard(ctx)
	stored, err := s.normalise(w)
	if err = end(err); err != nil {
		return nil, err
	}
	return stored, nil
}

// Select is Normalise for rows that a SELECT gives. text is the whole INSERT into the table's twin; the tables that the SELECT
// names must have been loaded. Rows that IGNORE leaves out are missing, as they are in the server.
func (s *Session) Select(ctx context.Context, t *rewrite.Table, text []byte, read []int) (*Stored, error) {
	end := s.guard(ctx)
	err := s.twin(t)
	if err = end(err); err != nil {
		return nil, err
	}
	r, err := s.Query(ctx, text)
	if err != nil {
		return nil, err
	}
	stored := &Stored{}
	if r.OK.Warnings > 0 {
		if stored.Warnings, err = s.Warnings(ctx); err != nil {
			return nil, err
		}
	}
	end = s.guard(ctx)
	stored.Rows, err = s.readTwin(t, read)
	return stored, end(err)
}

func (s *Session) normalise(w Write) (*Stored, error) {
	if err := s.twin(w.Table); err != nil {
		return nil, err
	}
	if err := s.hold(len(w.Rows), w.size()); err != nil {
		return nil, err
	}
	s.apply()
	c := s.slot.conn
	c.begin(mysql.COM_QUERY)
	c.out = w.append(c.out)
	if err := c.flush(); err != nil {
		return nil, err
	}
	ok, err := c.readOK()
	if err != nil {
		return nil, err
	}
	stored := &Stored{Dropped: ok.AffectedRows != uint64(len(w.Rows))}
	if ok.Warnings > 0 {
		if stored.Warnings, err = s.warnings(); err != nil {
			return nil, err
		}
	}
	read := w.Read
	if read == nil {
		read = w.Columns
	}
	stored.Rows, err = s.readTwin(w.Table, read)
	return stored, err
}

func (w *Write) size() (n int64) {
	for _, row := range w.Rows {
		for _, v := range row {
			n += int64(len(v))
		}
	}
	return n
}

func (w *Write) append(dst []byte) []byte {
	dst = append(dst, "INSERT "...)
	if w.Ignore {
		dst = append(dst, "IGNORE "...)
	}
	dst = append(append(dst, "INTO "...), quoteName(w.Table.Name)...)
	dst = append(append(append(dst, " ("...), names(w.Table, w.Columns)...), ") VALUES "...)
	for i, row := range w.Rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '('), bytes.Join(row, []byte(", "))...), ')')
	}
	return dst
}

func names(t *rewrite.Table, columns []int) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = quoteName(t.Columns[c].Name)
	}
	return strings.Join(list, ", ")
}

// twin gives the session its own copy of a twin, under the table's own name, and empty.
func (s *Session) twin(t *rewrite.Table) error {
	found, err := s.standing(t)
	if err != nil {
		return err
	}
	s.unapply()
	if s.used[t.Name] {
		if _, err := s.slot.conn.exec("DELETE FROM " + quoteName(t.Name)); err != nil {
			return fail(Lost, err)
		}
		return nil
	}
	return s.copyTwin(t, t.Name, found.definition())
}

// standing is what is known of a table's twin.
func (s *Session) standing(t *rewrite.Table) (*twin, error) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if found := s.engine.twins.find(t); found != nil {
		return found, nil
	}
	return nil, fail(Unavailable, errors.New("the table has no twin"))
}

func (s *Session) copyTwin(t *rewrite.Table, name, definition string) error {
	columns := make(map[string]Origin, len(t.Columns))
	for _, c := range t.Columns {
		columns[c.Name] = Origin{Schema: t.Schema, Table: t.Name, Column: c.Name}
	}
	s.origins[name] = origin{schema: t.Schema, table: t.Name, columns: columns}
	return s.create(name, definition)
}

// LoadTwin fills the session's own copy of a table's twin, which has the table's name, with values of the given columns:
// rows that the client's UPDATE then changes by Query, CHECK and generated columns included. The values are as for Load.
func (s *Session) LoadTwin(ctx context.Context, t *rewrite.Table, columns []int, rows RowSource) error {
	end := s.guard(ctx)
	err := s.twin(t)
	if err == nil {
		err = s.fill(t.Name, twinColumns(t, columns), rows)
	}
	return end(err)
}

// LoadNumbered is LoadTwin for a copy of another name that has one column more: rewrite.RowNumber, a BIGINT that is the last
// value of each row. With unique it is a key, the only one.
func (s *Session) LoadNumbered(ctx context.Context, name string, t *rewrite.Table, columns []int, unique bool, rows RowSource) error {
	end := s.guard(ctx)
	found, err := s.standing(t)
	if err != nil {
		return end(err)
	}
	s.unapply()
	further := []string{rewrite.RowNumber + " BIGINT NOT NULL"}
	if unique {
		further = append(further, "UNIQUE KEY ("+rewrite.RowNumber+")")
	}
	if err = s.copyTwin(t, name, found.definition(further...)); err == nil {
		err = s.fill(name, append(twinColumns(t, columns), WorkColumn{Name: rewrite.RowNumber, Type: "bigint"}), rows)
	}
	return end(err)
}

func twinColumns(t *rewrite.Table, columns []int) []WorkColumn {
	list := make([]WorkColumn, len(columns))
	for i, c := range columns {
		list[i] = WorkColumn{Name: t.Columns[c].Name, Type: t.Columns[c].Type}
		if p := t.Columns[c].Protected; p != nil {
			list[i].Type = p.Definition
			list[i].Given(p.Type)
		}
	}
	return list
}

// ReadTwin gives the rows of the session's copy of a twin, in the order in which they were loaded, as Stored.Rows has them.
func (s *Session) ReadTwin(ctx context.Context, t *rewrite.Table, columns []int) ([][][]byte, error) {
	end := s.guard(ctx)
	rows, err := s.readTwin(t, columns)
	return rows, end(err)
}

func (s *Session) readTwin(t *rewrite.Table, columns []int) ([][][]byte, error) {
	return s.readRows(t.Name, exactColumns(t, columns), "")
}

// ReadNumbered gives the rows of a table that has a column rewrite.RowNumber, by it: its value, then those of the columns as
// Stored.Rows has them.
func (s *Session) ReadNumbered(ctx context.Context, name string, t *rewrite.Table, columns []int) ([][][]byte, error) {
	end := s.guard(ctx)
	rows, err := s.readRows(name, append([]string{rewrite.RowNumber}, exactColumns(t, columns)...), " ORDER BY "+rewrite.RowNumber)
	return rows, end(err)
}

func exactColumns(t *rewrite.Table, columns []int) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = quoteName(t.Columns[c].Name)
		list[i] += exactText(columnType(&t.Columns[c]))
	}
	return list
}

func (s *Session) readRows(table string, columns []string, order string) ([][][]byte, error) {
	s.unapply()
	var rows [][][]byte
	err := s.slot.conn.rows("SELECT "+strings.Join(columns, ", ")+" FROM "+quoteName(table)+order, func(row []byte) error {
		values, err := textRow(row, len(columns))
		rows = append(rows, values)
		return err
	})
	return rows, err
}

// exactText follows a column whose text tells less than its value: FLOAT shows six digits, the same value as DOUBLE shows all,
// and only a DOUBLE without decimals and ZEROFILL; BIT shows bytes, as a number digits.
func exactText(typ string) string {
	switch typ = strings.ToLower(typ); {
	case strings.HasPrefix(typ, "float"), strings.HasPrefix(typ, "double"):
		return "*1e0"
	case strings.HasPrefix(typ, "bit"):
		return "+0"
	}
	return ""
}

func columnType(c *rewrite.Column) string {
	if c.Protected != nil {
		return c.Protected.Definition
	}
	return c.Type
}
