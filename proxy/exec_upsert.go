package proxy

import (
	"bytes"
	"errors"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// upsertTries is how often an upsert in a transaction of the proxy's own is begun again because another session was faster.
const upsertTries = 8

// execUpsert runs REPLACE and INSERT ... ON DUPLICATE KEY UPDATE: for every tuple it reads the row that is already
// there, if any, so that values are sealed for the owner whom the row will have, and values that stay as they are keep
// their bytes. Then the client's statement runs as one statement.
//
// A row that is not there cannot be locked under READ COMMITTED: another session may insert it before the statement runs,
// which then updates that row with values sealed for another owner. What the server did is compared with what was read,
// and undone when it is not the same.
func (s *session) execUpsert(st *rewrite.Statement) error {
	w := s.newWriter(st)
	own := s.autocommit() && !s.inTransaction()
	ok, err := s.upsertOnce(st, w)
	for tries := 1; own && tries < upsertTries && wasFaster(err); tries++ {
		w.reset()
		ok, err = s.upsertOnce(st, w)
	}
	if !own && isRaced(err) {
		return s.abandon(err)
	}
	if err != nil {
		return err
	}
	return s.sendOK(w.addTo(ok))
}

func (s *session) upsertOnce(st *rewrite.Statement, w *writer) (packet.OK, error) {
	s.diag = diagnostics{}
	return s.transaction(func() (packet.OK, error) {
		u := newUpsert(st, w)
		if err := u.read(); err != nil {
			return packet.OK{}, err
		}
		if err := u.computeUpdates(); err != nil {
			return packet.OK{}, scratchFault(err)
		}
		text, err := st.Text(nil, u.seal)
		if err == nil {
			text, err = s.bulk(text)
		}
		if err != nil {
			return packet.OK{}, err
		}
		ok, err := s.sendText(text)
		if err != nil || u.proven(ok) {
			return ok, err
		}
		return u.check(ok)
	})
}

// wasFaster reports whether a transaction of the proxy's own failed because of another session.
func wasFaster(err error) bool {
	const deadlock = 1213
	var se *serverError
	return isRaced(err) || errors.As(err, &se) && se.code() == deadlock
}

func isRaced(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Fault == fault.Raced
}

// abandon rolls the client's transaction back, which holds a row that must not stay. Deadlocks end the same way, and so
// does the error: clients begin the transaction again.
func (s *session) abandon(why error) error {
	if _, err := s.exec([]byte("ROLLBACK")); err != nil {
		return err
	}
	return why
}

type upsert struct {
	w        *writer
	st       *rewrite.Statement
	probes   []rewrite.Probe
	existing map[int]probed // VALUES tuple -> the row it meets
	sent     map[int]*sentRow
	updated  map[int][][]byte // VALUES tuple -> plaintext that ON DUPLICATE KEY UPDATE gives its row, see computeUpdates
}

// sentRow is what a tuple was sent as.
type sentRow struct {
	owner    []byte         // whom the tuple names; nil is NULL
	inserted map[int]string // protected column -> SQL literal in VALUES
	updated  map[int]string // the same for literals that ON DUPLICATE KEY UPDATE assigns
}

func newUpsert(st *rewrite.Statement, w *writer) *upsert {
	return &upsert{w: w, st: st, existing: make(map[int]probed), sent: make(map[int]*sentRow)}
}

func (u *upsert) read() error {
	var err error
	if u.probes, err = u.st.Probes(); err != nil {
		return err
	}
	for _, p := range u.probes {
		rows, err := u.w.s.readProbe(u.st, p)
		switch {
		case err != nil:
			return err
		case len(rows) > 1 && !u.st.IsReplace():
			return fault.SeveralRows.With("tuple %d", p.Row)
		case len(rows) == 1:
			u.existing[p.Row] = rows[0]
		}
	}
	return nil
}

// seal is the rewrite.SealFunc of an upsert.
func (u *upsert) seal(dst []byte, c rewrite.Cell) ([]byte, error) {
	if u.st.ComputesUpdate(c) {
		return u.sealUpdate(dst, c)
	}
	owner, err := u.w.ownerOf(c.Table, c.Owner)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	row, met := u.existing[max(c.Row, 0)]
	if met {
		dst, err = u.sealMet(dst, c, row, owner)
	} else {
		dst, err = u.w.seal(dst, c)
	}
	if err == nil {
		u.note(c, owner, string(dst[start:]))
	}
	return dst, err
}

func (u *upsert) sealMet(dst []byte, c rewrite.Cell, row probed, owner []byte) ([]byte, error) {
	stored := row.stored[c.Table.ProtectedIndex(c.Column)]
	to := owner
	if !u.st.IsReplace() && !u.st.InsertOwnerAssigned() {
		to = row.owner // the row stays its owner's, whatever VALUES says
	}
	if err := u.mayMove(c.Table, row.owner, to); err != nil {
		return dst, err
	}
	now, err := u.w.assign(change{table: c.Table, column: c.Column, row: max(c.Row, 0), from: row.owner, to: to, stored: stored}, c.Value)
	if err != nil {
		return dst, err
	}
	return appendStored(dst, now), nil
}

// note remembers a value as it is sent.
func (u *upsert) note(c rewrite.Cell, owner []byte, literal string) {
	if u.st.IsReplace() {
		return
	}
	at := max(c.Row, 0)
	row := u.sent[at]
	if row == nil {
		row = &sentRow{owner: owner, inserted: make(map[int]string), updated: make(map[int]string)}
		u.sent[at] = row
	}
	if c.Row < 0 {
		row.updated[c.Column] = literal
	} else {
		row.inserted[c.Column] = literal
	}
}

// mayMove refuses an update that gives a row to another owner without writing every protected column of it.
func (u *upsert) mayMove(t *rewrite.Table, from, to []byte) error {
	if u.st.IsReplace() || bytes.Equal(from, to) && (from == nil) == (to == nil) || u.st.AssignsAllProtected() {
		return nil
	}
	return fault.OwnerMove.With("%s.%s", t.Schema, t.Name)
}
