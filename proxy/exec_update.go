package proxy

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"

	"phiproxy/crypto/envelope"
	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// guardTries is how often an UPDATE of one row is tried again because another session changed the row between the
// probe and the UPDATE.
const guardTries = 8

// execUpdate runs an UPDATE that writes protected columns or moves rows to another owner: it reads the rows and their
// owners, seals the new values for them, and sends one UPDATE.
//
// With autocommit, one row is changed under a guard (the row must still be what was read) instead of in a transaction:
// this costs two round trips instead of four and leaves the UPDATE the session's last statement.
func (s *session) execUpdate(st *rewrite.Statement) error {
	w := s.newWriter(st)
	ok, err := s.guardedUpdate(st, w)
	if err != nil {
		return err
	}
	return s.sendOK(w.addTo(ok))
}

func (s *session) guardedUpdate(st *rewrite.Statement, w *writer) (packet.OK, error) {
	if ok, done, err := s.updateRemembered(st, w); done || err != nil {
		return ok, err
	}
	own := s.autocommit() && !s.inTransaction()
	for range guardTries {
		rows, err := s.probe(st, !own)
		switch {
		case err != nil:
			return packet.OK{}, err
		case !own:
			return s.updateRows(st, w, rows, false)
		case len(rows) > 1:
			return s.updateInTransaction(st, w)
		}
		ok, err := s.updateRows(st, w, rows, true)
		if err != nil || len(rows) == 0 || !matchedNone(ok) {
			return ok, err
		}
	}
	return s.updateInTransaction(st, w)
}

func (s *session) updateInTransaction(st *rewrite.Statement, w *writer) (packet.OK, error) {
	return s.transaction(func() (packet.OK, error) {
		rows, err := s.probe(st, true)
		if err != nil {
			return packet.OK{}, err
		}
		return s.updateRows(st, w, rows, false)
	})
}

// matchedNone reports that an UPDATE found no row: nothing affected, and "Rows matched: 0". Servers that send no such
// text count as having found theirs.
func matchedNone(ok packet.OK) bool {
	return ok.AffectedRows == 0 && bytes.HasPrefix(ok.Info, []byte("Rows matched: 0"))
}

// probe reads the rows that an UPDATE will change. They are locked where a transaction is open; under a guard they need
// not be.
func (s *session) probe(st *rewrite.Statement, lock bool) ([]probed, error) {
	probes, err := st.Probes()
	if err != nil {
		return nil, err
	}
	if !lock {
		probes[0].SQL = bytes.TrimSuffix(probes[0].SQL, []byte(" FOR UPDATE"))
	}
	return s.readProbe(st, probes[0])
}

func (s *session) readProbe(st *rewrite.Statement, p rewrite.Probe) ([]probed, error) {
	a, err := s.query(p.SQL)
	if s.objected = objects(a, err); s.objected && st.IsUpdate() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if n := len(a.Rows); n > s.srv.cfg.Limits.LookupRows {
		return nil, fault.TooManyRows.With("%d rows", n)
	}
	table := st.Target()
	keys, cols := len(table.PrimaryKey), table.ProtectedColumns()
	want := keys + 1 + len(cols)
	rows := make([]probed, 0, len(a.Rows))
	for _, r := range a.Rows {
		if len(r) < want {
			return nil, fault.ColumnsChanged.With("probe of %s.%s", table.Schema, table.Name)
		}
		rows = append(rows, probed{key: r[:keys], owner: r[keys], stored: r[keys+1 : want]})
	}
	s.found(rows)
	return rows, nil
}

// objects reports whether the server has something to say about a condition by which it found no row. What a SELECT is
// warned of can be an error of an UPDATE, with another code.
func objects(a *answer, err error) bool {
	const wrongValue = 1525
	var e *serverError
	if errors.As(err, &e) {
		return e.code() == wrongValue
	}
	return err == nil && len(a.Rows) == 0 && a.OK.Warnings > 0
}

// probed is one row as the probe found it. nil is NULL.
type probed struct {
	key    [][]byte
	owner  []byte
	stored [][]byte // protected columns, in column order
}

func (s *session) updateRows(st *rewrite.Statement, w *writer, rows []probed, guard bool) (packet.OK, error) {
	w.reset()
	patches := make([]rewrite.RowPatch, 0, len(rows))
	var last probed
	for i, row := range rows {
		p, after, err := s.patch(st, w, row, i)
		if err != nil {
			return packet.OK{}, err
		}
		p.Set = after.written(st)
		if guard {
			p.Guard = row.guard(st)
		}
		patches, last = append(patches, p), after
	}
	text, err := s.updateText(st, patches)
	if err != nil {
		return packet.OK{}, err
	}
	ok, err := s.sendText(text)
	if len(rows) == 1 && err == nil {
		s.rememberRow(st, last)
	}
	if len(rows) == 0 && s.flavor() == rewrite.MariaDB && len(ok.Info) == 0 {
		ok.Info = []byte("Rows matched: 0  Changed: 0  Warnings: 0") // MariaDB leaves it out when it sees that WHERE is false
	}
	return ok, err
}

func (s *session) updateText(st *rewrite.Statement, patches []rewrite.RowPatch) ([]byte, error) {
	if len(patches) == 0 && s.objected {
		return st.NoneText(nil)
	}
	return st.UpdateText(nil, patches)
}

func (s *session) flavor() rewrite.Flavor { return s.planner.Schema().Flavor }

// patch decides what is stored in the protected columns of one row, and returns the row as it will be. The values are
// still to be written into the patch.
func (s *session) patch(st *rewrite.Statement, w *writer, row probed, n int) (p rewrite.RowPatch, after probed, err error) {
	p.Key = row.key
	table := st.Target()
	owner, moved, err := w.newOwner(st, row.owner)
	if err != nil {
		return p, row, err
	}
	after = probed{key: row.key, owner: owner, stored: slices.Clone(row.stored)}
	for _, wc := range st.WrittenColumns() {
		at := table.ProtectedIndex(wc.Column)
		c := change{table: table, column: wc.Column, row: n, from: row.owner, to: owner, stored: row.stored[at]}
		if wc.Assigned() {
			after.stored[at], err = w.assign(c, wc.Value)
		} else {
			after.stored[at], err = w.reseal(c)
		}
		if err != nil {
			return p, row, err
		}
	}
	p.SetFlag = (moved || !after.same(row)) && after.sealed()
	return p, after, nil
}

// written is what the statement stores in the row, as SQL.
func (r probed) written(st *rewrite.Statement) [][]byte {
	columns := st.WrittenColumns()
	values := make([][]byte, 0, len(columns))
	for _, wc := range columns {
		values = append(values, appendStored(nil, r.stored[st.Target().ProtectedIndex(wc.Column)]))
	}
	return values
}

// same reports whether two rows hold the same values.
func (r probed) same(other probed) bool {
	return slices.EqualFunc(r.stored, other.stored, func(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) })
}

// sealed reports whether no value of the row is plaintext.
func (r probed) sealed() bool {
	return !slices.ContainsFunc(r.stored, func(v []byte) bool { return !isSealed(v) })
}

// isSealed reports whether a stored value holds no plaintext: NULL, ” or an envelope.
func isSealed(stored []byte) bool { return len(stored) == 0 || envelope.IsEnvelope(stored) }

// appendStored appends a stored value as SQL.
func appendStored(dst, v []byte) []byte {
	switch {
	case v == nil:
		return append(dst, "NULL"...)
	case len(v) == 0:
		return append(dst, "''"...)
	}
	return append(hex.AppendEncode(append(dst, "x'"...), v), '\'')
}
