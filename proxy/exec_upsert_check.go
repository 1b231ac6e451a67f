package proxy

import (
	"bytes"
	"slices"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// check compares what is stored with what the probes had promised: a tuple that met no row was inserted, one that met a
// row updated that row. The statement's warnings are read before, since reading rows makes the server forget them.
func (u *upsert) check(ok packet.OK) (packet.OK, error) {
	if u.st.Rows() == 1 && len(u.existing) == 0 {
		return ok, fault.Raced.With("%d rows affected instead of 1", ok.AffectedRows)
	}
	ok, err := u.w.s.keepConditions(ok)
	if err != nil {
		return ok, err
	}
	for _, p := range u.suspects() {
		if err := u.look(p); err != nil {
			return ok, err
		}
	}
	return ok, nil
}

// suspects are the probes whose tuple may have met another row: those that found none, and those that looked for rows by
// several keys, of which one may have got a row since.
func (u *upsert) suspects() []rewrite.Probe {
	var list []rewrite.Probe
	for _, p := range u.probes {
		if _, met := u.existing[p.Row]; !met || p.Keys > 1 {
			list = append(list, p)
		}
	}
	return list
}

// proven reports whether the server's counts leave no doubt that every tuple did what its probe had promised. REPLACE needs
// no such proof, since its rows are always those of the owner in VALUES. A row that is inserted counts 1, one that is changed 2 and as a
// duplicate, one that stays as it was 0 (or 1 under CLIENT_FOUND_ROWS, but then nothing was written).
func (u *upsert) proven(ok packet.OK) bool {
	suspects, rows := u.suspects(), u.st.Rows()
	switch {
	case u.st.IsReplace(), len(suspects) == 0, ok.AffectedRows == 0:
		return true
	case len(u.existing) > 0:
		return false
	case rows == 1:
		return ok.AffectedRows == 1
	}
	return ok.AffectedRows == uint64(rows) && !u.st.Ignore() && bytes.Contains(ok.Info, []byte("Duplicates: 0 "))
}

// look reads a tuple's row again, now that nobody else can change it.
func (u *upsert) look(p rewrite.Probe) error {
	rows, err := u.w.s.readProbe(u.st, p)
	if err != nil {
		return err
	}
	if len(rows) == 0 && u.st.Ignore() {
		return nil // the server left the tuple out
	}
	met, wasMet := u.existing[p.Row]
	sent := u.sent[p.Row]
	switch {
	case len(rows) != 1:
		return fault.Raced.With("tuple %d has %d rows", p.Row, len(rows))
	case sent == nil, wasMet && u.updatedAsSent(met, rows[0], sent), !wasMet && u.insertedAsSent(rows[0], sent):
		return nil
	}
	return fault.Raced.With("tuple %d is not what was sent", p.Row)
}

// insertedAsSent reports whether the row holds the sealed values of the tuple and no others, and belongs to their owner.
func (u *upsert) insertedAsSent(row probed, sent *sentRow) bool {
	if !sameOwner(row.owner, sent.owner) {
		return false
	}
	for i, c := range u.st.Target().ProtectedColumns() {
		lit, written := sent.inserted[c]
		if written && lit != string(appendStored(nil, row.stored[i])) || !written && len(row.stored[i]) > 0 {
			return false
		}
	}
	return true
}

// updatedAsSent reports whether the row that was met is the row that holds the values now.
func (u *upsert) updatedAsSent(met, row probed, sent *sentRow) bool {
	if !slices.EqualFunc(met.key, row.key, bytes.Equal) {
		return false
	}
	for i, c := range u.st.Target().ProtectedColumns() {
		lit, written := sent.updated[c]
		if !written && u.st.AssignsFromValues(c) {
			lit, written = sent.inserted[c]
		}
		if written && lit != string(appendStored(nil, row.stored[i])) {
			return false
		}
	}
	return true
}
