package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
)

// writer turns the client values of one statement into what is stored.
type writer struct {
	s      *session
	ignore bool // INSERT IGNORE and UPDATE IGNORE: bad values are adjusted whatever the sql_mode
	params []packet.Param

	computed bool // values come from the scratch server
	warnings []warning
	unlisted int    // further warnings, which the server counts but does not list
	first    int    // number of warnings that are there before an attempt
	owner    string // whose keys are in `keys`
	keys     *keys.OwnerKeys
}

func (s *session) newWriter(st *rewrite.Statement) *writer {
	w := &writer{s: s, ignore: st.Ignore()}
	if s.computed != nil {
		w.computed, w.warnings = true, slices.Clone(s.computed.warnings)
		w.first = len(w.warnings)
	}
	return w
}

// reset forgets the warnings of an attempt that is repeated.
func (w *writer) reset() { w.warnings, w.unlisted = w.warnings[:w.first], 0 }

// addTo counts the writer's warnings in an OK packet and keeps them for SHOW WARNINGS.
func (w *writer) addTo(ok packet.OK) packet.OK {
	if len(w.warnings) == 0 {
		return ok
	}
	w.s.diag.own = append(w.warnings[:len(w.warnings):len(w.warnings)], w.s.diag.own...)
	ok.Warnings += uint16(min(len(w.warnings)+w.unlisted, 1<<16-1-int(ok.Warnings)))
	ok.Info = recountWarnings(ok.Info, ok.Warnings)
	return ok
}

// recountWarnings puts the number of warnings into a text like "Records: 2  Duplicates: 0  Warnings: 0".
func recountWarnings(info []byte, n uint16) []byte {
	const label = "Warnings: "
	i := bytes.LastIndex(info, []byte(label))
	if i < 0 {
		return info
	}
	return fmt.Appendf(bytes.Clone(info[:i+len(label)]), "%d", n)
}

// seal is a rewrite.SealFunc for rows whose owner the statement names.
func (w *writer) seal(dst []byte, c rewrite.Cell) ([]byte, error) {
	plain, null, err := w.normalize(c.Table, c.Column, c.Row, c.Value)
	switch {
	case err != nil:
		return dst, err
	case null || len(plain) == 0:
		return append(dst, emptyLiteral(null)...), nil
	}
	owner, err := w.ownerOf(c.Table, c.Owner)
	if err != nil {
		return dst, err
	}
	sealed, err := w.sealFor(owner, c.Table, c.Column, plain)
	return appendStored(dst, sealed), err
}

func emptyLiteral(null bool) string {
	if null {
		return "NULL"
	}
	return "''"
}

// sealFor seals a plaintext for an owner; nil is an owner of NULL, who has no key.
func (w *writer) sealFor(owner []byte, t *rewrite.Table, column int, plain []byte) ([]byte, error) {
	if owner == nil {
		return nil, fault.NoOwner.With("%s.%s.%s", t.Schema, t.Name, t.Columns[column].Name)
	}
	k, err := w.ownerKeys(string(owner))
	if err != nil {
		return nil, err
	}
	w.s.srv.cfg.Metrics.sealed()
	w.s.wrote(owner)
	key, err := k.ForSeal(w.s.keyContext())
	if err != nil {
		return nil, keyFault(err)
	}
	return envelope.NewBox(key, t.Columns[column].Protected.ID, w.owner).Seal(nil, plain), nil
}

// ownerKeys returns the owner's keys for writing, asking the ring once for a run of rows of one owner.
func (w *writer) ownerKeys(owner string) (*keys.OwnerKeys, error) {
	if w.keys != nil && w.owner == owner {
		return w.keys, nil
	}
	k, err := w.s.srv.cfg.Keys.ForWrite(w.s.keyContext(), owner)
	if err != nil {
		return nil, keyFault(err)
	}
	w.owner, w.keys = owner, k
	return k, nil
}

// keyContext names the session in the audit trail of key operations.
func (s *session) keyContext() context.Context {
	if s.actor == nil || s.actorUser != s.user {
		s.actor = keys.WithActor(s.ctx, keys.Actor{PerformedBy: s.user, IPAddress: clientName(s.remote)})
		s.actorUser = s.user
	}
	return s.actor
}

// keyFault tells the client why a key is not to be had.
func keyFault(err error) error {
	for _, m := range []struct {
		kind error
		f    *fault.Fault
	}{
		{keys.ErrNoKey, fault.KeyMissing}, {keys.ErrInactive, fault.KeyInactive}, {keys.ErrOwner, fault.KeyOwner},
		{keys.ErrUnavailable, fault.KeyUnavailable}, {keys.ErrRevoked, fault.KeyRevoked}, {keys.ErrCorrupt, fault.KeyCorrupt},
		{keys.ErrDestroyed, fault.KeyDestroyed}, {keys.ErrWorn, fault.KeyWorn}, {keys.ErrAudit, fault.KeyAudit}, {keys.ErrStore, fault.KeyStore},
	} {
		if errors.Is(err, m.kind) {
			return m.f.With("%v", err)
		}
	}
	return fault.KeyStore.With("%v", err)
}

// normalize returns the canonical plaintext of a client value, as an assignment to the column would have made it.
// row counts from 0; -1 is the only row of an assignment.
func (w *writer) normalize(t *rewrite.Table, column, row int, l rewrite.Literal) (plain []byte, null bool, err error) {
	col := &t.Columns[column]
	if w.isNull(l) {
		return nil, true, nil
	}
	if l.Kind == token.Default {
		switch {
		case !col.HasDefault: // the servers differ in what they make of it
			return nil, false, fault.ValueForm.With("%s.%s.%s has no default", t.Schema, t.Name, col.Name)
		case col.Default == nil:
			return nil, true, nil
		}
		return []byte(*col.Default), false, nil
	}
	v, err := w.value(l)
	if err != nil {
		return nil, false, err
	}
	if w.computed {
		return v.Bytes, false, nil
	}
	plain, err = w.fit(t, column, row, v)
	return plain, false, err
}

// fit returns the canonical plaintext of a value that is not NULL.
func (w *writer) fit(t *rewrite.Table, column, row int, v logical.Value) ([]byte, error) {
	col := &t.Columns[column]
	plain, problem := col.Protected.Type.Normalize(v, w.mode())
	if problem == nil {
		return plain, nil
	}
	if problem.Refuse {
		return nil, fault.ValueForm.With("%s.%s.%s", t.Schema, t.Name, col.Name)
	}
	text := w.problemText(problem, t, col.Name, max(row, 0)+1)
	if problem.Fatal {
		return nil, &serverError{payload: (&packet.Err{Code: problem.Code, State: problem.State, Message: []byte(text)}).Append(nil), forgotten: true}
	}
	level := levelWarning
	if problem.Note {
		level = levelNote
	}
	w.warn(warning{level, problem.Code, text})
	return plain, nil
}

// maxListed is how many warnings of a statement are listed; the servers list no more by default.
const maxListed = 1024

// warn keeps a warning of the proxy's own.
func (w *writer) warn(own warning) {
	if len(w.warnings) >= maxListed {
		w.unlisted++
		return
	}
	w.warnings = append(w.warnings, own)
}

func (w *writer) isNull(l rewrite.Literal) bool {
	return l.Kind == token.Null || l.Kind == token.Param && w.params[l.Param].Null
}

func (w *writer) mode() logical.Mode {
	m := w.s.env.Mode
	m.Strict = m.Strict && !w.ignore
	return m
}

// problemText finishes a message the way the backend's family does.
func (w *writer) problemText(p *logical.Problem, t *rewrite.Table, column string, row int) string {
	const tooLong, truncated = 1406, 1265
	if w.s.env.Mode.MariaDB && p.Code != tooLong && p.Code != truncated {
		return fmt.Sprintf("%s for column `%s`.`%s`.`%s` at row %d", p.Text, t.Schema, t.Name, column, row)
	}
	return fmt.Sprintf("%s for column '%s' at row %d", p.Text, column, row)
}

// ownerOf returns the owner id that the statement names, as the server will store it in the table's owner column; nil for
// NULL or none. An id that would be stored in another form (cut off, padded, rounded, converted) is refused: its values
// would be sealed for somebody who is not the row's owner.
func (w *writer) ownerOf(t *rewrite.Table, l rewrite.Literal) ([]byte, error) {
	if l.Kind == token.None || l.Kind == token.Default || w.isNull(l) {
		return nil, nil
	}
	v, err := w.value(l)
	if err != nil {
		return nil, err
	}
	return w.ownerFrom(t, v)
}

// ownerFrom is ownerOf for a value that is not NULL.
func (w *writer) ownerFrom(t *rewrite.Table, v logical.Value) ([]byte, error) {
	column := &t.Columns[t.Owner]
	switch v.Kind {
	case logical.String:
		if column.StoresText(v.Bytes) {
			return v.Bytes, nil
		}
	case logical.Int:
		owner, err := canonicalInt(v.Bytes)
		if err != nil || column.StoresInt(owner) {
			return owner, err
		}
	}
	return nil, fault.OwnerForm.With("owner of %s.%s", t.Schema, t.Name)
}

// canonicalInt takes plus signs and leading zeros off.
func canonicalInt(b []byte) ([]byte, error) {
	sign := b[:0]
	switch {
	case len(b) > 0 && b[0] == '-':
		sign, b = b[:1], b[1:]
	case len(b) > 0 && b[0] == '+':
		b = b[1:]
	}
	b = bytes.TrimLeft(b, "0")
	if len(b) == 0 {
		return []byte("0"), nil
	}
	return append(bytes.Clone(sign), b...), nil
}

// change is one protected value of a row that an UPDATE finds.
type change struct {
	table    *rewrite.Table
	column   int
	row      int
	from, to []byte // owner before and after; nil is NULL
	stored   []byte // nil is NULL
}

// assign returns what to store for a value that the client sets; nil is NULL. A value that is already there is kept byte
// for byte, so that the server sees no change where there is none.
func (w *writer) assign(c change, l rewrite.Literal) ([]byte, error) {
	plain, null, err := w.normalize(c.table, c.column, c.row, l)
	if err != nil || null {
		return nil, err
	}
	return w.keep(c, append([]byte{}, plain...))
}

// keep is assign for a plaintext as it shall be stored; nil is NULL.
func (w *writer) keep(c change, plain []byte) ([]byte, error) {
	if len(plain) == 0 || c.stored != nil && len(c.stored) == 0 && bytes.Equal(plain, c.table.Columns[c.column].Protected.Type.Unset()) {
		return plain[:0], nil
	}
	if len(c.stored) > 0 && sameOwner(c.from, c.to) {
		old, err := w.s.open(c.table, c.column, c.from, c.stored)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(old, plain) {
			return c.stored, nil
		}
	}
	return w.sealFor(c.to, c.table, c.column, plain)
}

// reseal returns what to store for a value whose row changes owner.
func (w *writer) reseal(c change) ([]byte, error) {
	if len(c.stored) == 0 || sameOwner(c.from, c.to) {
		return c.stored, nil
	}
	plain, err := w.s.open(c.table, c.column, c.from, c.stored)
	if err != nil {
		return nil, err
	}
	return w.sealFor(c.to, c.table, c.column, plain)
}

func sameOwner(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// newOwner returns the owner of a row after the statement, and whether that is another one.
func (w *writer) newOwner(st *rewrite.Statement, old []byte) (owner []byte, moved bool, err error) {
	l, assigned := st.OwnerAssigned()
	if !assigned {
		return old, false, nil
	}
	owner, err = w.ownerOf(st.Target(), l)
	return owner, !sameOwner(owner, old), err
}
