package proxy

import (
	"bytes"
	"errors"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
)

// openOwners is how many owners a statement remembers between its rows.
const openOwners = 64

// opener opens the stored values of one statement. It is a result.Opener.
type opener struct {
	s      *session
	owners map[string]*openOwner
	last   *openOwner
	opened int // values
}

// openOwner is what opening one owner's values takes.
type openOwner struct {
	name  string
	keys  *keys.OwnerKeys
	boxes []columnBox
	room  [4]columnBox // for the first boxes
}

// columnBox opens one column's values under one of the owner's keys.
type columnBox struct {
	id  string
	box envelope.Box
}

func (s *session) newOpener() *opener { return &opener{s: s} }

// open returns the plaintext of one stored value.
func (s *session) open(t *rewrite.Table, column int, owner, stored []byte) ([]byte, error) {
	o := s.newOpener()
	defer o.finish()
	return o.Open(nil, &rewrite.Output{Table: t, Column: column}, owner, stored)
}

// Open appends the plaintext of a stored value to dst.
func (o *opener) Open(dst []byte, out *rewrite.Output, owner, stored []byte) ([]byte, error) {
	switch {
	case len(stored) == 0:
		return dst, nil
	}
	o.s.shown(owner)
	switch {
	case !envelope.IsEnvelope(stored):
		return o.openPlain(dst, out, owner, stored)
	case owner == nil:
		return dst, fault.Unowned.With("%s", place(out))
	}
	who, err := o.owner(owner)
	if err != nil {
		return dst, err
	}
	box, err := o.box(who, out, stored)
	if err != nil {
		return dst, err
	}
	plain, err := box.Open(dst, stored)
	if err != nil {
		return dst, fault.Tampered.With("%s, owner %q", place(out), owner)
	}
	o.opened++
	return plain, nil
}

// box finds what opens a value of the owner: nearly always the box that opened the column's value in the row before.
func (o *opener) box(who *openOwner, out *rewrite.Output, stored []byte) (envelope.Box, error) {
	column := out.Table.Columns[out.Column].Protected.ID
	for i := range who.boxes {
		if b := &who.boxes[i]; b.id == column && b.box.Holds(stored) {
			return b.box, nil
		}
	}
	id, ok := envelope.Parse(stored)
	if !ok {
		return envelope.Box{}, fault.Tampered.With("%s: form", place(out))
	}
	key := who.keys.Find(id)
	if key == nil {
		var err error
		if key, err = o.lateKey(who, id); err != nil {
			return envelope.Box{}, err
		}
	}
	if key == nil {
		return envelope.Box{}, fault.Foreign.With("%s, owner %q, key id %x", place(out), who.name, id)
	}
	box := envelope.NewBox(key, column, who.name)
	who.boxes = append(who.boxes, columnBox{column, box})
	return box, nil
}

// finish reports how many values were opened and forgets the keys: those of the next rows of a cursor are asked for anew.
func (o *opener) finish() {
	o.s.srv.cfg.Metrics.opened(o.opened)
	*o = opener{s: o.s}
}

func place(out *rewrite.Output) string {
	return out.Table.Schema + "." + out.Table.Name + "." + out.Table.Columns[out.Column].Name
}

// lateKey looks for a key that another proxy made after this one read the owner's keys.
func (o *opener) lateKey(who *openOwner, id envelope.KeyID) (*envelope.Key, error) {
	k, err := o.s.srv.cfg.Keys.Refresh(o.s.keyContext(), who.name)
	if err != nil {
		return nil, keyFault(err)
	}
	who.keys = k
	return k.Find(id), nil
}

// openPlain reads a value that is no envelope: a literal of the statement, or what a table holds while it is migrating,
// which is a value of the guide's format or plaintext.
func (o *opener) openPlain(dst []byte, out *rewrite.Output, owner, stored []byte) ([]byte, error) {
	if plain, ok := o.s.literal(out.Wrapped, stored); ok {
		return append(dst, plain...), nil
	}
	if !out.Table.Migrating {
		return dst, fault.Plain.With("%s", place(out))
	}
	if owner == nil || !envelope.LooksLegacy(stored) {
		return append(dst, stored...), nil
	}
	who, err := o.owner(owner)
	var f *fault.Error
	switch {
	case errors.As(err, &f) && f.Fault == fault.KeyMissing:
		return append(dst, stored...), nil // nothing can have been sealed for this owner
	case err != nil:
		return dst, err
	}
	for _, key := range who.keys.All() {
		if plain, err := envelope.OpenLegacy(dst, key, stored); err == nil {
			o.opened++
			return plain, nil
		}
	}
	return append(dst, stored...), nil
}

// owner returns the owner's keys; rows of one owner often follow each other.
func (o *opener) owner(name []byte) (*openOwner, error) {
	if o.last != nil && o.last.name == string(name) {
		return o.last, nil
	}
	if who := o.owners[string(name)]; who != nil {
		o.last = who
		return who, nil
	}
	k, err := o.s.srv.cfg.Keys.ForRead(o.s.keyContext(), string(name))
	if err != nil {
		return nil, keyFault(err)
	}
	who := &openOwner{name: string(name), keys: k}
	who.boxes = who.room[:0]
	o.keep(who)
	return who, nil
}

// keep remembers the owner. A statement about one owner, as most are, needs no map.
func (o *opener) keep(who *openOwner) {
	switch {
	case o.last == nil:
	case o.owners == nil, len(o.owners) >= openOwners:
		o.owners = map[string]*openOwner{o.last.name: o.last, who.name: who}
	default:
		o.owners[who.name] = who
	}
	o.last = who
}

// literal finds the literal of COALESCE that a value is. It comes in the client's character set or the connection's, and from
// MariaDB in that of the results.
func (s *session) literal(w *rewrite.Wrapped, value []byte) (plain []byte, ok bool) {
	if w == nil {
		return nil, false
	}
	for _, l := range w.Literals {
		plain := l
		if s.env.Client == "latin1" {
			plain = logical.FromLatin1(l)
		}
		for _, form := range [][]byte{l, convert(plain, s.env.Connection), convert(plain, s.env.Results.Name)} {
			if bytes.Equal(form, value) {
				return plain, true
			}
		}
	}
	return nil, false
}

func convert(text []byte, charset string) []byte {
	if charset == "binary" {
		return text
	}
	return logical.Text(len(text)).AppendText(nil, text, logical.Charset{Name: charset})
}
