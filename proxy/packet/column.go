package packet

import "encoding/binary"

// Column is a column definition of protocol 4.1, in result sets, prepared statements and answers to COM_FIELD_LIST.
type Column struct {
	Catalog  []byte // "def"
	Schema   []byte
	Table    []byte // alias
	OrgTable []byte
	Name     []byte // alias
	OrgName  []byte
	Charset  uint16 // collation id
	Length   uint32 // display length in bytes
	Type     byte   // mysql.MYSQL_TYPE_...
	Flags    uint16 // mysql.NOT_NULL_FLAG ...
	Decimals byte
	// HasDefault is set in answers to COM_FIELD_LIST, which end with the column's default; Default is nil for NULL.
	HasDefault bool
	Default    []byte
}

// columnFixed is the length of the fields behind the names.
const columnFixed = 12

// Decode reads a column definition. The slices are views into b.
func (c *Column) Decode(b []byte) error {
	r := reader{b: b}
	*c = Column{
		Catalog: r.lenEncBytes(), Schema: r.lenEncBytes(), Table: r.lenEncBytes(), OrgTable: r.lenEncBytes(),
		Name: r.lenEncBytes(), OrgName: r.lenEncBytes(),
	}
	if r.lenEncInt() != columnFixed {
		return ErrMalformed
	}
	c.Charset, c.Length, c.Type, c.Flags, c.Decimals = r.uint16(), r.uint32(), r.uint8(), r.uint16(), r.uint8()
	r.skip(2)
	if len(r.b) > 0 {
		c.HasDefault = true
		c.Default = r.nullable()
	}
	return r.done()
}

// nullable reads a length-encoded string; nil is NULL.
func (r *reader) nullable() []byte {
	if len(r.b) > 0 && r.b[0] == Null {
		r.skip(1)
		return nil
	}
	return r.lenEncBytes()
}

// Append encodes the column definition.
func (c *Column) Append(dst []byte) []byte {
	for _, name := range [...][]byte{c.Catalog, c.Schema, c.Table, c.OrgTable, c.Name, c.OrgName} {
		dst = AppendLenEncBytes(dst, name)
	}
	dst = binary.LittleEndian.AppendUint16(append(dst, columnFixed), c.Charset)
	dst = binary.LittleEndian.AppendUint32(dst, c.Length)
	dst = binary.LittleEndian.AppendUint16(append(dst, c.Type), c.Flags)
	dst = append(dst, c.Decimals, 0, 0)
	switch {
	case !c.HasDefault:
		return dst
	case c.Default == nil:
		return AppendNull(dst)
	}
	return AppendLenEncBytes(dst, c.Default)
}

// ColumnCount reads the packet that begins a result set: the number of columns, at least one.
func ColumnCount(b []byte) (int, error) {
	n, rest, ok := LenEncInt(b)
	if !ok || len(rest) > 0 || n == 0 || n > 1<<16-1 {
		return 0, ErrMalformed
	}
	return int(n), nil
}
