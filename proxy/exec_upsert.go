package proxy

import (
	"bytes"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// execUpsert runs REPLACE and INSERT ... ON DUPLICATE KEY UPDATE: for every tuple it reads the row that is already
// there, if any, so that values are sealed for the owner whom the row will have, and values that stay as they are keep
// their bytes. Then the client's statement runs as one statement.
func (s *session) execUpsert(st *rewrite.Statement) error {
	w := s.newWriter(st)
	ok, err := s.transaction(func() (packet.OK, error) {
		u := upsert{w: w, st: st, existing: make(map[int]probed)}
		if err := u.read(); err != nil {
			return packet.OK{}, err
		}
		text, err := st.Text(nil, u.seal)
		if err != nil {
			return packet.OK{}, err
		}
		return s.sendText(text)
	})
	if err != nil {
		return err
	}
	return s.sendOK(w.addTo(ok))
}

type upsert struct {
	w        *writer
	st       *rewrite.Statement
	existing map[int]probed // VALUES tuple -> the row it meets
}

func (u *upsert) read() error {
	probes, err := u.st.Probes()
	if err != nil {
		return err
	}
	for _, p := range probes {
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
	owner, err := u.w.ownerOf(c.Table, c.Owner)
	if err != nil {
		return dst, err
	}
	row, met := u.existing[max(c.Row, 0)]
	if !met {
		return u.w.seal(dst, c)
	}
	stored := row.stored[c.Table.ProtectedIndex(c.Column)]
	to := owner
	if !u.st.IsReplace() && !u.st.InsertOwnerAssigned() {
		to = row.owner // the row stays its owner's, whatever VALUES says
	}
	if err := u.mayMove(c.Table, row.owner, to); err != nil {
		return dst, err
	}
	lit, _, err := u.w.assign(change{table: c.Table, column: c.Column, row: max(c.Row, 0), from: row.owner, to: to, stored: stored}, c.Value)
	return append(dst, lit...), err
}

// mayMove refuses an update that gives a row to another owner without writing every protected column of it.
func (u *upsert) mayMove(t *rewrite.Table, from, to []byte) error {
	if u.st.IsReplace() || bytes.Equal(from, to) && (from == nil) == (to == nil) || u.st.AssignsAllProtected() {
		return nil
	}
	return fault.OwnerMove.With("%s.%s", t.Schema, t.Name)
}
