package packet

import "github.com/go-mysql-org/go-mysql/mysql"

// TextValue reads the next value of a text row. The value is nil and null is set for NULL. The raw bytes of the value,
// length included, are row[:len(row)-len(rest)].
func TextValue(row []byte) (value []byte, null bool, rest []byte, err error) {
	if len(row) > 0 && row[0] == Null {
		return nil, true, row[1:], nil
	}
	value, rest, ok := LenEncBytes(row)
	if !ok {
		return nil, false, nil, ErrMalformed
	}
	return value, false, rest, nil
}

// NullBitmap tells which values of a binary row, or which parameters, are NULL.
type NullBitmap struct {
	bits   []byte
	offset int
}

const (
	rowBitmapOffset   = 2 // the first two bits of a binary row's bitmap are reserved
	paramBitmapOffset = 0
)

// bitmapSize is the size in bytes of a bitmap of n values.
func bitmapSize(n, offset int) int { return (n + offset + 7) / 8 }

// Null reports whether value i is NULL.
func (n NullBitmap) Null(i int) bool {
	i += n.offset
	return n.bits[i>>3]&(1<<(i&7)) != 0
}

// BinaryRow splits a binary row of the given number of columns into its NULL bitmap and its values.
func BinaryRow(row []byte, columns int) (nulls NullBitmap, values []byte, err error) {
	r := reader{b: row}
	header := r.uint8()
	nulls = NullBitmap{bits: r.bytes(bitmapSize(columns, rowBitmapOffset)), offset: rowBitmapOffset}
	if r.bad || header != 0 {
		return NullBitmap{}, nil, ErrMalformed
	}
	return nulls, r.b, nil
}

// AppendBinaryHead appends the first bytes of a binary row: its header and a bitmap without a NULL, to be set by SetNull.
func AppendBinaryHead(dst []byte, columns int) []byte {
	dst = append(dst, 0)
	for range bitmapSize(columns, rowBitmapOffset) {
		dst = append(dst, 0)
	}
	return dst
}

// SetNull marks column i of the binary row that begins at row[0] as NULL.
func SetNull(row []byte, i int) {
	i += rowBitmapOffset
	row[1+i>>3] |= 1 << (i & 7)
}

// BinaryValue reads the next value that is not NULL of a binary row. The value is without the length that precedes
// strings and temporal values; the raw bytes, length included, are values[:len(values)-len(rest)].
func BinaryValue(typ byte, values []byte) (value, rest []byte, err error) {
	size, known := binarySize(typ)
	switch {
	case !known:
		return nil, nil, ErrMalformed
	case size >= 0:
		if len(values) < size {
			return nil, nil, ErrMalformed
		}
		return values[:size:size], values[size:], nil
	}
	value, rest, ok := LenEncBytes(values)
	if !ok || (size == temporal && !temporalSize(typ, len(value))) {
		return nil, nil, ErrMalformed
	}
	return value, rest, nil
}

const (
	lenEnc   = -1 // a length-encoded string
	temporal = -2 // one byte of length, then the fields of a date or time
)

// binarySize is the size of a type's values in the binary protocol: bytes, or lenEnc or temporal.
func binarySize(typ byte) (size int, known bool) {
	switch typ {
	case mysql.MYSQL_TYPE_NULL:
		return 0, true
	case mysql.MYSQL_TYPE_TINY:
		return 1, true
	case mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_YEAR:
		return 2, true
	case mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_FLOAT:
		return 4, true
	case mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_DOUBLE:
		return 8, true
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIME:
		return temporal, true
	case mysql.MYSQL_TYPE_DECIMAL, mysql.MYSQL_TYPE_NEWDECIMAL, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING,
		mysql.MYSQL_TYPE_BIT, mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET, mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB,
		mysql.MYSQL_TYPE_LONG_BLOB, mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_GEOMETRY, mysql.MYSQL_TYPE_JSON, mysql.MYSQL_TYPE_VECTOR:
		return lenEnc, true
	}
	return 0, false
}

// temporalSize reports whether a date or time may have n bytes: trailing fields that are zero are left out.
func temporalSize(typ byte, n int) bool {
	if typ == mysql.MYSQL_TYPE_TIME {
		return n == 0 || n == 8 || n == 12
	}
	return n == 0 || n == 4 || n == 7 || n == 11
}
