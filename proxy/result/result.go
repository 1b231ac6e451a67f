// Package result changes the result set of a planned statement into the one that the client would have got from a
// plaintext database: hidden columns are left out, protected values opened, and column definitions given their logical
// types. It is pure: payloads in, payloads out.
package result

import (
	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
)

// Opener opens stored values.
type Opener interface {
	// Open appends the plaintext of a stored value to dst; owner nil is an owner of NULL. wrapped tells that the value may be a
	// literal of the statement instead of a stored one. Errors are *fault.Error.
	Open(dst []byte, o *rewrite.Output, owner, stored []byte) ([]byte, error)
}

// Set transforms one result set. It is for one goroutine.
type Set struct {
	schema  *rewrite.Schema
	outputs []rewrite.Output
	charset logical.Charset
	opener  Opener

	shown  []logical.Type // of every protected column
	types  []byte         // protocol type of every column as the backend sends it
	values [][]byte       // of the present row: raw values without their lengths, nil is NULL
	raw    [][]byte       // with their lengths, as they stand in the row
	plain  []byte
}

// New prepares the transformation of a result set whose plan has outputs.
func New(schema *rewrite.Schema, p *rewrite.Plan, cs logical.Charset, o Opener) *Set {
	n := len(p.Outputs)
	cells := make([][]byte, 2*n)
	s := &Set{schema: schema, outputs: p.Outputs, charset: cs, opener: o, shown: make([]logical.Type, n), types: make([]byte, n), values: cells[:n], raw: cells[n:]}
	for i := range s.outputs {
		if out := &s.outputs[i]; out.Table != nil && !out.Flag {
			s.shown[i] = out.Type()
		}
	}
	return s
}

// Stored is what the backend sent as output i of the row that was transformed last; nil is NULL.
func (s *Set) Stored(i int) []byte { return s.values[i] }

// Columns is the number of columns that the backend must send.
func (s *Set) Columns() int { return len(s.outputs) }

// Visible is the number of columns that the client sees.
func (s *Set) Visible() int {
	n := 0
	for i := range s.outputs {
		if !s.outputs[i].Hidden {
			n++
		}
	}
	return n
}

// Column appends the client's definition of column i to dst. shown is false for a hidden column.
func (s *Set) Column(dst []byte, i int, payload []byte) (out []byte, shown bool, err error) {
	var c packet.Column
	if err := c.Decode(payload); err != nil {
		return dst, false, err
	}
	s.types[i] = c.Type
	o := &s.outputs[i]
	switch {
	case o.Hidden:
		return dst, false, nil
	case o.Table == nil || o.Flag:
		if o.Table == nil && s.unplanned(&c) {
			return dst, false, fault.ColumnsChanged.With("column %d", i)
		}
		return append(dst, payload...), true, nil
	case !stored(c.Type):
		return dst, false, fault.ColumnsChanged.With("type %d of column %d", c.Type, i)
	}
	if !logical.Shows(o.Type(), s.charset) {
		return dst, false, fault.SessionCharset.With("column %d in its own character set", i)
	}
	Logical(&c, o, s.charset)
	return c.Append(dst), true, nil
}

// stored reports whether a protected column can have the protocol type: it is VARBINARY or a BLOB.
func stored(typ byte) bool {
	switch typ {
	case mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_TINY_BLOB,
		mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB:
		return true
	}
	return false
}

// unplanned reports that the server says a column comes from a protected one although the plan does not know of it. Of a
// derived table that is not merged the servers give the names that its columns have there, so that an ordinary column under a
// protected one's name is told from it by its type.
func (s *Set) unplanned(c *packet.Column) bool {
	if len(c.OrgTable) == 0 || !stored(c.Type) || c.Charset != binaryCollation {
		return false
	}
	t := s.schema.Tables[s.schema.Key(string(c.Schema), string(c.OrgTable))]
	if t == nil || !t.Protected {
		return false
	}
	for i := range t.Columns {
		if t.Columns[i].Protected != nil && t.Columns[i].Name == string(c.OrgName) {
			return true
		}
	}
	return false
}

const binaryCollation = 63

// Logical gives a definition of a protected column the type that clients see.
func Logical(c *packet.Column, o *rewrite.Output, cs logical.Charset) {
	m := o.Type().Column(cs)
	c.Type, c.Charset, c.Length = m.Type, m.Charset, m.Length
	c.Flags = c.Flags&^m.ClearFlags | m.SetFlags
	if !stored(c.Type) {
		c.Decimals = m.Decimals // those of texts and bytes are the server's: none, not fixed, or those of its temporary table
	}
	if o.Wrapped == nil {
		return
	}
	if c.Type == mysql.MYSQL_TYPE_VAR_STRING {
		c.Length = max(c.Length, uint32(o.Wrapped.Width()*cs.MaxLen))
	}
	if o.Wrapped.NotNull {
		c.Flags |= mysql.NOT_NULL_FLAG
	}
}

// TextRow appends the client's row to dst.
func (s *Set) TextRow(dst, row []byte) ([]byte, error) {
	rest := row
	for i := range s.outputs {
		v, null, after, err := packet.TextValue(rest)
		if err != nil {
			return dst, err
		}
		s.keep(i, v, null, rest[:len(rest)-len(after)])
		rest = after
	}
	if len(rest) > 0 {
		return dst, packet.ErrMalformed
	}
	var err error
	for i := range s.outputs {
		if dst, err = s.textValue(dst, i); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (s *Set) keep(i int, v []byte, null bool, raw []byte) {
	if null {
		v = nil
	} else if v == nil {
		v = []byte{}
	}
	s.values[i], s.raw[i] = v, raw
}

func (s *Set) textValue(dst []byte, i int) ([]byte, error) {
	o := &s.outputs[i]
	switch {
	case o.Hidden:
		return dst, nil
	case o.Table == nil || s.values[i] == nil || o.Flag && o.Table.ShowFlag:
		return append(dst, s.raw[i]...), nil
	case o.Flag:
		return packet.AppendLenEncBytes(dst, "0"), nil
	}
	if err := s.open(i); err != nil {
		return dst, err
	}
	// The text's length is known only behind it: its character set may differ from the plaintext's.
	t := s.shown[i]
	start := len(s.plain)
	s.plain = t.AppendText(s.plain, s.plain[:start], s.charset)
	return packet.AppendLenEncBytes(dst, s.plain[start:]), nil
}

// open puts the plaintext of value i into s.plain.
func (s *Set) open(i int) (err error) {
	o := &s.outputs[i]
	s.plain, err = s.opener.Open(s.plain[:0], o, s.values[o.Owner], s.values[i])
	return err
}

// BinaryRow appends the client's row of the binary protocol to dst.
func (s *Set) BinaryRow(dst, row []byte) ([]byte, error) {
	nulls, rest, err := packet.BinaryRow(row, len(s.outputs))
	if err != nil {
		return dst, err
	}
	for i, typ := range s.types {
		if nulls.Null(i) {
			s.keep(i, nil, true, nil)
			continue
		}
		v, after, err := packet.BinaryValue(typ, rest)
		if err != nil {
			return dst, err
		}
		s.keep(i, v, false, rest[:len(rest)-len(after)])
		rest = after
	}
	if len(rest) > 0 {
		return dst, packet.ErrMalformed
	}
	return s.appendBinary(dst)
}

func (s *Set) appendBinary(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = packet.AppendBinaryHead(dst, s.Visible())
	at := 0
	var err error
	for i := range s.outputs {
		if s.outputs[i].Hidden {
			continue
		}
		if s.values[i] == nil {
			packet.SetNull(dst[start:], at)
		} else if dst, err = s.binaryValue(dst, i); err != nil {
			return dst, err
		}
		at++
	}
	return dst, nil
}

func (s *Set) binaryValue(dst []byte, i int) ([]byte, error) {
	o := &s.outputs[i]
	switch {
	case o.Table == nil || o.Flag && o.Table.ShowFlag:
		return append(dst, s.raw[i]...), nil
	case o.Flag:
		for range s.raw[i] {
			dst = append(dst, 0)
		}
		return dst, nil
	}
	if err := s.open(i); err != nil {
		return dst, err
	}
	return s.shown[i].AppendBinary(dst, s.plain, s.charset), nil
}
