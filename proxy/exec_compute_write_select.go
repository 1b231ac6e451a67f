package proxy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

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
			row[i] = storedLiteral(&table.Columns[columns[i]], v, f.s.flavor(), noBackslash)
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
