package scratch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
)

// Rows to load: the values of each row in the order of the columns, as the text protocol shows them (with an sql_mode
// without PAD_CHAR_TO_FULL_LENGTH, TIMESTAMP in UTC, FLOAT with all its digits), in the column's character set; BIT,
// BINARY and BLOB as bytes. nil is NULL. A row is not kept.
type RowSource = iter.Seq2[[][]byte, error]

// Load makes a work table and fills it. It may be called again with another table, before or after a query. A few rows are
// only sent with the next command, which then gives the error if they do not fit.
func (s *Session) Load(ctx context.Context, t WorkTable, rows RowSource) error {
	began := time.Now()
	end := s.guard(ctx)
	s.unapply()
	err := s.create(t.Name, t.definition())
	if err == nil {
		o := origin{schema: t.Schema, table: t.Table, columns: make(map[string]Origin)}
		for _, c := range t.Columns {
			if c.Origin != nil {
				o.columns[c.Name] = *c.Origin
			}
		}
		s.origins[t.Name] = o
		err = s.fill(t.Name, t.Columns, rows)
	}
	s.engine.metrics.phase("load", time.Since(began))
	return end(err)
}

// create makes a work table unless the slot has it, empty, already.
func (s *Session) create(name, definition string) error {
	if s.used[name] {
		return fail(Protocol, errors.New("a work table was loaded twice"))
	}
	had, ok := s.slot.tables[name]
	if ok && had == definition {
		s.used[name] = true
		return nil
	}
	if ok || len(s.slot.tables) >= keptTables {
		if err := s.discard(name); err != nil {
			return err
		}
	}
	if _, err := s.slot.conn.exec("CREATE TABLE " + quoteName(name) + " " + definition); err != nil {
		return fail(Unfit, err)
	}
	s.slot.tables[name], s.used[name] = definition, true
	return nil
}

// keptTables is how many empty work tables a slot keeps.
const keptTables = 64

// discard drops the table of that name or, when the slot has none, one that this session does not use.
func (s *Session) discard(name string) error {
	sl := s.slot
	if _, exists := sl.tables[name]; !exists {
		for other := range sl.tables { // any: maps are walked at random
			if name = other; !s.used[other] {
				break
			}
		}
	}
	if s.used[name] {
		return nil // this session uses them all
	}
	if _, err := sl.conn.exec("DROP TABLE IF EXISTS " + quoteName(name)); err != nil {
		return fail(Lost, err)
	}
	delete(sl.tables, name)
	return nil
}

// fewRows is how many rows are written by INSERT. It costs one round trip where LOAD DATA takes two, but more for each row.
const fewRows = 100

// fill puts rows into an empty table.
func (s *Session) fill(table string, columns []WorkColumn, rows RowSource) error {
	if rows == nil {
		return nil
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	l := loader{session: s, columns: columns, table: table, next: next}
	defer func() { s.engine.metrics.phase("fetch", l.waited) }()
	insert := s.slot.server.flavor == rewrite.Embedded
	for {
		more, err := l.insert()
		if err != nil || !more {
			return err
		}
		if !insert {
			return l.stream()
		}
	}
}

// loader writes the rows of one table.
type loader struct {
	session *Session
	columns []WorkColumn
	table   string
	next    func() ([][]byte, error, bool)
	waited  time.Duration // for rows to come
	wrong   int           // values of those that are not stored yet which stand for wrong ones: the server warns of each
}

// row gives the next row, nil after the last one, and keeps the limits.
func (l *loader) row() ([][]byte, error) {
	began := time.Now()
	row, err, ok := l.next()
	l.waited += time.Since(began)
	if err != nil || !ok {
		return nil, err
	}
	if len(row) != len(l.columns) {
		return nil, fail(Unfit, errors.New("a row has another number of values than its table has columns"))
	}
	size := int64(0)
	for i, v := range row {
		size += int64(len(v))
		if l.columns[i].wrong(v) {
			l.wrong++
		}
	}
	return row, l.session.hold(1, size)
}

// hold counts rows against the limits.
func (s *Session) hold(rows int, bytes int64) error {
	e := s.engine
	switch {
	case s.rows+rows > e.limits.Rows:
		return fail(TooManyRows, nil)
	case s.bytes+bytes > e.limits.Bytes:
		return fail(TooManyBytes, nil)
	}
	total := e.held.Add(bytes)
	if s.rows, s.bytes = s.rows+rows, s.bytes+bytes; total > e.limits.TotalBytes {
		return fail(Full, nil)
	}
	e.metrics.held.Set(float64(total))
	e.metrics.rows.Add(float64(rows))
	e.metrics.bytes.Add(float64(bytes))
	return nil
}

// insert writes the next rows by one INSERT and reports whether there may be more.
func (l *loader) insert() (more bool, err error) {
	c := l.session.slot.conn
	c.begin(mysql.COM_QUERY)
	c.out = l.appendInsert(c.out)
	n := 0
	for n == 0 || more {
		row, err := l.row()
		if err != nil || row == nil && n == 0 {
			c.out = c.out[:c.start]
			return false, err
		}
		if more = row != nil; !more {
			break
		}
		c.out = appendTuple(c.out, row, l.columns, n > 0)
		if n++; n == fewRows || len(c.out)-c.start > keptBuffer {
			break
		}
	}
	if !more && len(c.out) < keptBuffer {
		wrong := l.wrong
		c.later(func(ok packet.OK, err error) error { return stored(ok, err, n, wrong) })
		return false, nil
	}
	if err := c.flush(); err != nil {
		return false, err
	}
	ok, err := c.readOK()
	wrong := l.wrong
	l.wrong = 0
	return more, stored(ok, err, n, wrong)
}

func (l *loader) appendInsert(dst []byte) []byte {
	dst = append(dst, "INSERT "...)
	if slices.ContainsFunc(l.columns, func(c WorkColumn) bool { return c.Enum }) {
		dst = append(dst, "IGNORE "...) // whatever the server has to say is counted
	}
	dst = append(append(append(dst, "INTO "...), quoteName(l.table)...), " ("...)
	for i, column := range l.columns {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, quoteName(column.Name)...)
	}
	return append(dst, ") VALUES "...)
}

// stored checks that rows went in as they are.
func stored(ok packet.OK, err error, n, wrong int) error {
	switch {
	case broken(err):
		return err
	case err != nil:
		return fail(Unfit, err) // an error of ours, not of the client's statement
	case ok.AffectedRows != uint64(n) || int(ok.Warnings) != min(wrong, math.MaxUint16):
		return fail(Unfit, errors.New("the server changed or dropped rows"))
	}
	return nil
}

func appendTuple(dst []byte, row [][]byte, columns []WorkColumn, comma bool) []byte {
	if comma {
		dst = append(dst, ',')
	}
	dst = append(dst, '(')
	for i, v := range row {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch {
		case v == nil:
			dst = append(dst, "NULL"...)
			continue
		case columns[i].Digits:
			dst = append(dst, v...)
			continue
		case columns[i].utf8():
			dst = append(dst, "_utf8mb4'"...)
		default:
			dst = append(dst, "_binary'"...)
		}
		dst = append(appendEscaped(dst, v), '\'')
	}
	return append(dst, ')')
}

// appendEscaped escapes for both a string literal and LOAD DATA.
func appendEscaped(dst, v []byte) []byte {
	for _, b := range v {
		switch b {
		case 0:
			dst = append(dst, '\\', '0')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		case 0x1a:
			dst = append(dst, '\\', 'Z')
		case '\\', '\'':
			dst = append(dst, '\\', b)
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// stream writes the remaining rows by LOAD DATA LOCAL, from memory.
func (l *loader) stream() error {
	c := l.session.slot.conn
	if err := c.send(mysql.COM_QUERY, []byte(l.loadStatement())); err != nil {
		return err
	}
	b, err := c.read()
	switch {
	case err != nil:
		return err
	case packet.IsErr(b):
		return fail(Unfit, serverError(b))
	case !packet.IsLocalInfile(b):
		return fail(Protocol, nil)
	}
	n, err := l.send()
	if sent := c.WritePacket(make([]byte, 4)); sent != nil { // an empty packet ends the file
		return fail(Lost, sent)
	}
	ok, answer := c.readOK()
	if err != nil {
		return errors.Join(err, answer)
	}
	return stored(ok, answer, n, l.wrong)
}

// streamBuffer is the size of the packets that LOAD DATA gets.
const streamBuffer = 256 << 10

// send writes the file, and returns how many rows it has.
func (l *loader) send() (n int, err error) {
	c := l.session.slot.conn
	buf := make([]byte, 4, streamBuffer+streamBuffer/4)
	for {
		row, err := l.row()
		if err != nil {
			return n, err
		}
		if row != nil {
			buf = appendLine(buf, row)
			n++
		}
		if len(buf) < streamBuffer && row != nil {
			continue
		}
		if len(buf) > 4 {
			if err := c.WritePacket(buf); err != nil {
				return n, fail(Lost, err)
			}
		}
		if row == nil {
			return n, nil
		}
		buf = buf[:4]
	}
}

func appendLine(dst []byte, row [][]byte) []byte {
	for i, v := range row {
		if i > 0 {
			dst = append(dst, '\t')
		}
		if v == nil {
			dst = append(dst, `\N`...)
		} else {
			dst = appendEscaped(dst, v)
		}
	}
	return append(dst, '\n')
}

// loadStatement reads UTF-8 where no column holds bytes. Where one does it reads bytes, and those that are UTF-8 pass through a
// variable, so that they are converted, as numbers do that a column would take for bytes.
func (l *loader) loadStatement() string {
	charset, set := "utf8mb4", ""
	list, convert := make([]string, len(l.columns)), []string(nil)
	for i, c := range l.columns {
		list[i] = quoteName(c.Name)
	}
	if slices.ContainsFunc(l.columns, func(c WorkColumn) bool { return c.bytes() }) {
		charset = "binary"
		for i, c := range l.columns {
			if c.utf8() {
				convert = append(convert, fmt.Sprintf("%s=CONVERT(@phiproxy%d USING utf8mb4)", list[i], i))
				list[i] = fmt.Sprintf("@phiproxy%d", i)
			}
		}
	}
	for i, c := range l.columns {
		if c.Digits {
			convert = append(convert, fmt.Sprintf("%s=CAST(@phiproxy%d AS UNSIGNED)", list[i], i))
			list[i] = fmt.Sprintf("@phiproxy%d", i)
		}
	}
	if len(convert) > 0 {
		set = " SET " + strings.Join(convert, ",")
	}
	return "LOAD DATA LOCAL INFILE 'rows' INTO TABLE " + quoteName(l.table) + " CHARACTER SET " + charset +
		` FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' (` + strings.Join(list, ",") + ")" + set
}
