package proxy

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/infile"
	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// line appends the backend's line for one of the client's.
func (ld *load) line(line infile.Line) error {
	owner, known, err := ld.owner(line)
	if err != nil {
		return err
	}
	for i := range ld.st.Load.Writes {
		w := &ld.st.Load.Writes[i]
		plain, err := ld.plaintext(w, line)
		if err != nil {
			return err
		}
		if len(plain) > 0 {
			if !known {
				return fault.LoadValue.With("line %d has no owner", ld.row+1)
			}
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

// fields appends the client's fields. Those of protected columns are empty, but tell whether they are there, and NULL.
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
		case column >= 0 && t.Columns[column].Protected != nil:
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

// plaintext is what a protected column gets; nil for NULL and for nothing.
func (ld *load) plaintext(w *rewrite.LoadWrite, line infile.Line) ([]byte, error) {
	t := ld.st.Load.Table
	if w.Field < 0 {
		if w.Value.Kind == token.Null {
			return nil, nil
		}
		v, err := ld.w.value(w.Value)
		if err != nil {
			return nil, err
		}
		return ld.converted(t, w.Column, v)
	}
	if w.Field >= len(line.Fields) || line.Fields[w.Field].Null {
		if !leftAsItIs(&t.Columns[w.Column], w.Field >= len(line.Fields)) {
			return nil, fault.LoadValue.With("line %d has no value for a column that must have one", ld.row+1)
		}
		return nil, nil
	}
	return ld.converted(t, w.Column, ld.value(line.Fields[w.Field].Value))
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

// converted is the canonical plaintext of a value. What only a server can convert, the scratch server converts.
func (ld *load) converted(t *rewrite.Table, column int, v logical.Value) ([]byte, error) {
	plain, err := ld.w.fit(t, column, ld.row, v)
	var f *fault.Error
	if !errors.As(err, &f) || f.Fault != fault.ValueForm {
		return plain, err
	}
	if ld.settings == nil {
		return nil, fault.LoadValue.With("line %d, column %s", ld.row+1, t.Columns[column].Name)
	}
	plain, err = ld.stored(t, column, v)
	return plain, scratchFault(err)
}

// stored is what the server stores for a value.
func (ld *load) stored(t *rewrite.Table, column int, v logical.Value) ([]byte, error) {
	session, err := ld.s.srv.cfg.Scratch.Session(ld.s.ctx, *ld.settings)
	if err != nil {
		return nil, err
	}
	defer session.Release()
	literal := "_utf8mb4"
	if v.Kind == logical.Binary {
		literal = ""
	}
	w := scratch.Write{Table: t, Columns: []int{column}, Ignore: true, Read: []int{column},
		Rows: [][][]byte{{fmt.Appendf(nil, "%s x'%x'", literal, v.Bytes)}}}
	if err := fillIn(&w); err != nil {
		return nil, err
	}
	stored, err := session.Normalise(ld.s.ctx, w)
	if err != nil {
		return nil, err
	}
	if len(stored.Rows) != 1 {
		return nil, fault.LoadValue.With("line %d is left out by a check", ld.row+1)
	}
	for _, own := range ownWarnings(stored.Warnings) {
		own.text = atRow(own.text, ld.row+1)
		ld.w.warn(own)
	}
	return stored.Rows[0][0], nil
}

// atRow puts the number of another row into a condition about the first.
func atRow(text string, row int) string {
	const first = " at row 1"
	i := strings.LastIndex(text, first)
	if i < 0 {
		return text
	}
	return fmt.Sprintf("%s at row %d%s", text[:i], row, text[i+len(first):])
}
