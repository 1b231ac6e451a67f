package packet

import "encoding/binary"

// Null is the byte that stands for SQL NULL where a length-encoded string is expected.
const Null = 0xfb

// LenEncInt reads a length-encoded integer. It is not ok when bytes are missing or the first byte is 0xFB (NULL) or 0xFF.
func LenEncInt(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	switch c := b[0]; {
	case c < Null:
		return uint64(c), b[1:], true
	case c == 0xfc && len(b) >= 3:
		return uint64(binary.LittleEndian.Uint16(b[1:])), b[3:], true
	case c == 0xfd && len(b) >= 4:
		return uint64(b[1]) | uint64(b[2])<<8 | uint64(b[3])<<16, b[4:], true
	case c == 0xfe && len(b) >= 9:
		return binary.LittleEndian.Uint64(b[1:]), b[9:], true
	}
	return 0, nil, false
}

// LenEncBytes reads a length-encoded string that is not NULL.
func LenEncBytes(b []byte) (v, rest []byte, ok bool) {
	n, rest, ok := LenEncInt(b)
	if !ok || n > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:n:n], rest[n:], true
}

// AppendLenEncInt appends n in its shortest form.
func AppendLenEncInt(dst []byte, n uint64) []byte {
	switch {
	case n < Null:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(dst, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), n)
}

// AppendLenEncBytes appends a length-encoded string.
func AppendLenEncBytes[T []byte | string](dst []byte, v T) []byte {
	return append(AppendLenEncInt(dst, uint64(len(v))), v...)
}

// AppendNull appends the NULL of a text row.
func AppendNull(dst []byte) []byte { return append(dst, Null) }

// LenEncSize is the number of bytes that AppendLenEncInt(nil, n) has.
func LenEncSize(n uint64) int {
	switch {
	case n < Null:
		return 1
	case n < 1<<16:
		return 3
	case n < 1<<24:
		return 4
	}
	return 9
}
