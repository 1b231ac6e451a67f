package proxy

import (
	"bytes"
	"encoding/hex"

	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/infile"
	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
)

// line appends the backend's line for one of the client's.
func (ld *load) line(line infile.Line) error {
	owner, known, err := ld.owner(line)
	if err != nil {
		return err
	}
	for i := range ld.st.Load.Writes {
		w := &ld.st.Load.Writes[i]
		plain, null, err := ld.plaintext(w, line)
		switch {
		case err != nil:
			return err
		case null:
			ld.out = append(ld.out, `\N`...)
		case len(plain) > 0 && !known:
			return fault.LoadValue.With("line %d has no owner", ld.row+1)
		case len(plain) > 0:
			sealed, err := ld.w.sealFor(owner, ld.st.Load.Table, w.Column, plain)
			if err != nil {
				return err
			}
			ld.out = hex.AppendEncode(ld.out, sealed)
		}
		ld.out = append(ld.out, '\t')
	}
	ld.fields(line)
	return nil
}

// fields appends the client's fields. Those of protected columns are empty, but tell whether they are there, and NULL; so are
// those of variables that expressions for protected columns read.
func (ld *load) fields(line infile.Line) {
	t := ld.st.Load.Table
	for i, f := range line.Fields {
		if i > 0 {
			ld.out = append(ld.out, '\t')
		}
		column := ld.st.Load.Fields[i]
		switch {
		case f.Null:
			ld.out = append(ld.out, `\N`...)
		case column >= 0 && t.Columns[column].Protected != nil, ld.st.Load.Hidden(i):
		case column >= 0 && column == t.Flag:
			ld.out = append(ld.out, '1')
		default:
			ld.out = appendLoadField(ld.out, f.Value)
		}
	}
	if line.Cut {
		ld.out = append(ld.out, "\tx"...)
	}
	ld.out = append(ld.out, '\n')
}

// appendLoadField escapes what rewrite.LoadText's format gives a meaning.
func appendLoadField(dst, v []byte) []byte {
	for _, b := range v {
		switch b {
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\\':
			dst = append(dst, '\\', '\\')
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// owner is the line's owner; known is false when the line is too short to name one.
func (ld *load) owner(line infile.Line) (owner []byte, known bool, err error) {
	l := ld.st.Load
	switch {
	case l.Owner < 0:
		owner, err = ld.w.ownerOf(l.Table, l.OwnerSet)
		return owner, true, err
	case l.Owner >= len(line.Fields):
		return nil, false, nil
	case line.Fields[l.Owner].Null:
		return nil, true, nil
	}
	v := ld.value(line.Fields[l.Owner].Value)
	if isASCII(v.Bytes) {
		v.Kind = logical.String // whatever the file's character set
	}
	owner, err = ld.w.ownerFrom(l.Table, v)
	return bytes.Clone(owner), true, err
}

// value is a field as the type of its column reads it.
func (ld *load) value(b []byte) logical.Value {
	switch ld.charset {
	case binaryCharset:
		return logical.Value{Kind: logical.Binary, Bytes: b}
	case "latin1":
		b = logical.FromLatin1(b)
	}
	return logical.Value{Kind: logical.String, Bytes: b}
}

// plaintext is what a protected column gets. A field that is NULL or missing gives nothing: its own field tells the server.
func (ld *load) plaintext(w *rewrite.LoadWrite, line infile.Line) (plain []byte, null bool, err error) {
	t := ld.st.Load.Table
	switch {
	case w.Value.Kind == token.Null:
		return nil, true, nil
	case w.Value.Kind != token.None:
		v, err := ld.w.value(w.Value)
		if err != nil {
			return nil, false, err
		}
		plain, err = ld.converted(t, w.Column, v)
		return plain, false, err
	case w.Field < 0:
		return ld.computed(w, line)
	}
	missing := w.Field >= len(line.Fields)
	if missing || line.Fields[w.Field].Null {
		if !leftAsItIs(&t.Columns[w.Column], missing) {
			return nil, false, fault.LoadValue.With("line %d has no value for a column that must have one", ld.row+1)
		}
		return nil, false, nil
	}
	plain, err = ld.converted(t, w.Column, ld.value(line.Fields[w.Field].Value))
	return plain, false, err
}

// leftAsItIs reports whether the server makes of a field that is NULL, or missing, in the stored column what it would make in
// the column itself: NULL, or the empty text. It would make a day of zeros of a date.
func leftAsItIs(c *rewrite.Column, missing bool) bool {
	_, dated := c.Protected.Type.(logical.Date)
	switch {
	case c.Nullable:
		return !missing || c.Default == nil
	}
	return !dated
}
