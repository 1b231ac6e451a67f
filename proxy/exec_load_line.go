package proxy

import (
	"bytes"
	"encoding/hex"
	"fmt"

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
		case f.Null && (column < 0 || !demands(&t.Columns[column])):
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
		return nil, false, ld.unset(&t.Columns[w.Column], missing)
	}
	plain, err = ld.converted(t, w.Column, ld.value(line.Fields[w.Field].Value))
	return plain, false, err
}

// demands reports whether a column is a protected one that cannot be NULL.
func demands(c *rewrite.Column) bool { return c.Protected != nil && !c.Nullable }

// unset is for a field that is NULL, or missing: the server makes of that in the stored column what it would make in the column
// itself, NULL or what an empty stored value stands for. A TIMESTAMP that cannot be NULL would get the present time. MySQL
// would warn twice of a NULL that a column cannot have, so that it is left to the proxy.
func (ld *load) unset(c *rewrite.Column, missing bool) error {
	switch {
	case !c.Nullable && isTimestamp(c), c.Nullable && missing && c.Default != nil:
		return fault.LoadValue.With("line %d has no value for a column that must have one", ld.row+1)
	case !c.Nullable && !missing:
		const nullToNotNull = 1263
		ld.w.warn(warning{levelWarning, nullToNotNull, fmt.Sprintf("Column set to default value; NULL supplied to NOT NULL column '%s' at row %d", c.Name, ld.row+1)})
	}
	return nil
}
