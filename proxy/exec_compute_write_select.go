package proxy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// fetchedInsert runs an INSERT or REPLACE for which rows are read first: those of a SELECT, or of subqueries in its values.
// Everything happens in one transaction, which is begun again when another session was faster.
func (s *session) fetchedInsert(st *rewrite.Statement) error {
	own := s.autocommit() && !s.inTransaction()
	f := &fetchedInsert{s: s, st: st}
	ok, err := s.transaction(f.run)
	for tries := 1; own && tries < upsertTries && wasFaster(err); tries++ {
		ok, err = s.transaction(f.run)
	}
	if !own && isRaced(err) {
		return s.abandon(err)
	}
	if err != nil {
		if f.w != nil {
			s.diag.own = f.w.warnings // the server shows its error behind them
		}
		return err
	}
	return s.sendOK(f.w.addTo(ok))
}

// noDefault is ER_NO_DEFAULT_FOR_FIELD.
const noDefault = 1364

type fetchedInsert struct {
	s  *session
	st *rewrite.Statement
	w  *writer // of the statement that is sent
}

func (f *fetchedInsert) run() (packet.OK, error) {
	s := f.s
	s.diag = diagnostics{}
	stored, err := f.compute()
	if err != nil {
		return packet.OK{}, scratchFault(err)
	}
	s.computed = &computedValues{warnings: ownWarnings(stored.Warnings)}
	defer func() { s.computed = nil }()
	if f.st.ComputedWrite.Selects() {
		s.computed.selected = true
		s.computed.warnings = slices.DeleteFunc(s.computed.warnings, func(w warning) bool { return w.code == noDefault }) // they come again
		return f.selected(stored)
	}
	return f.send(f.st.WithValues(nil, stored.Rows), s.planner.Plan)
}

func (f *fetchedInsert) compute() (*scratch.Stored, error) {
	if f.st.ComputedWrite.Selects() {
		return f.s.computeSelect(f.st)
	}
	return f.s.computeValues(f.st)
}

// send runs the statement with what came out of the scratch server.
func (f *fetchedInsert) send(text []byte, plan func(rewrite.State, []byte) (*rewrite.Statement, *fault.Error)) (packet.OK, error) {
	planned, err := f.s.plannedWith(text, plan)
	if err != nil {
		return packet.OK{}, err
	}
	f.w = f.s.newWriter(planned)
	if planned.Verdict == rewrite.Lookup || planned.ComputedWrite != nil {
		return f.s.upsertOnce(planned, f.w)
	}
	sealed, err := planned.Text(nil, f.w.seal)
	if err == nil {
		sealed, err = f.s.bulk(sealed)
	}
	if err != nil {
		return packet.OK{}, err
	}
	return f.s.sendText(sealed)
}

// selected stores the rows that the SELECT gave.
func (f *fetchedInsert) selected(stored *scratch.Stored) (packet.OK, error) {
	table, columns := f.st.SelectTarget()
	rows := stored.Rows
	if n := len(rows); n > f.s.srv.cfg.Limits.LookupRows {
		return packet.OK{}, fault.TooManyRows.With("%d rows", n)
	}
	noBackslash := f.s.state.Mode&token.NoBackslashEscapes != 0
	for _, row := range rows {
		for i, v := range row {
			column := &table.Columns[columns[i]]
			if err := f.s.singleTime(column, v); err != nil {
				return packet.OK{}, err
			}
			row[i] = storedLiteral(column, v, f.s.flavor(), noBackslash)
		}
	}
	text := f.st.SelectedText(nil, rows)
	if len(rows) > 0 {
		return f.send(text, f.s.planner.PlanOnce)
	}
	f.w = f.s.newWriter(f.st)
	return f.s.sendText(text)
}

// computeSelect runs the SELECT in the scratch server and gives what it stores in the target's columns.
func (s *session) computeSelect(st *rewrite.Statement) (*scratch.Stored, error) {
	settings, err := s.scratchSettings(st.ComputedWrite.Clock)
	if err != nil {
		return nil, err
	}
	c := &compute{s: s, st: st, opener: s.newOpener()}
	defer c.close()
	if c.scratch, err = s.srv.cfg.Scratch.Session(s.ctx, settings); err != nil {
		return nil, err
	}
	if err := s.reading(false, c.fetches); err != nil {
		return nil, err
	}
	table, columns := st.SelectTarget()
	return c.scratch.Select(s.ctx, table, st.SelectText(nil), columns)
}

// storedLiteral is the SQL text of a value as scratch.Stored has it, for a column that is not protected or the plaintext of one
// that is.
func storedLiteral(c *rewrite.Column, v []byte, flavor rewrite.Flavor, noBackslash bool) []byte {
	typ := strings.ToLower(c.Type)
	switch {
	case v == nil:
		return []byte("NULL")
	case c.Protected != nil, isBinaryType(typ):
		return packet.AppendBinaryLiteral(nil, v)
	case hasPrefix(typ, "float", "double"):
		if !bytes.ContainsAny(v, "eE") {
			return append(bytes.Clone(v), "e0"...)
		}
		return v
	case hasPrefix(typ, "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year", "bit"):
		return v
	case strings.HasPrefix(typ, "timestamp") && !bytes.HasPrefix(v, []byte("0000")):
		return timestampLiteral(v, flavor)
	case c.Collation == "" && typ != "json":
		return packet.AppendTextLiteral(nil, v, noBackslash)
	}
	return packet.AppendTextLiteral([]byte("_utf8mb4 "), v, noBackslash)
}

// timestampLiteral is a time of UTC as a literal that means the same in every time zone.
func timestampLiteral(utc []byte, flavor rewrite.Flavor) []byte {
	if flavor == rewrite.MySQL {
		return fmt.Appendf(nil, "'%s+00:00'", utc)
	}
	return fmt.Appendf(nil, "FROM_UNIXTIME(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', '%s') / 1000000)", utc)
}

// singleTime refuses a TIMESTAMP of an hour that the session's clock shows twice: MariaDB has no literal for it.
func (s *session) singleTime(c *rewrite.Column, utc []byte) error {
	if s.flavor() != rewrite.MariaDB || c.Protected != nil || !strings.HasPrefix(strings.ToLower(c.Type), "timestamp") {
		return nil
	}
	t, err := time.Parse("2006-01-02 15:04:05.999999", string(utc))
	if err != nil {
		return nil // NULL, or zeros, which are no time
	}
	zone, err := s.zone()
	if err != nil {
		return err
	}
	if shownTwice(t, zone) {
		return fault.TwiceShown.With("column %s", c.Name)
	}
	return nil
}

// shownTwice reports whether the clocks of a zone show a time that they show at another moment, too, because they were set
// back in between.
func shownTwice(t time.Time, zone *time.Location) bool {
	const longest = 24 * time.Hour // between two moments of the same name
	_, offset := t.In(zone).Zone()
	for _, near := range []time.Time{t.Add(-longest), t.Add(longest)} {
		_, other := near.In(zone).Zone()
		twin := t.Add(time.Duration(offset-other) * time.Second)
		if _, shown := twin.In(zone).Zone(); other != offset && shown == other {
			return true
		}
	}
	return false
}

func isBinaryType(typ string) bool {
	return hasPrefix(typ, "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
