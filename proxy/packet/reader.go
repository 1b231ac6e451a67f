package packet

import (
	"bytes"
	"encoding/binary"
)

// reader takes fields off the front of a payload. The first field that is not there makes it bad; from then on every
// read answers zero, so that a decoder checks once, at its end.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() {
	r.b, r.bad = nil, true
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) skip(n int) { r.bytes(n) }

func (r *reader) uint8() byte {
	if v := r.bytes(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if v := r.bytes(2); v != nil {
		return binary.LittleEndian.Uint16(v)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if v := r.bytes(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

// nul reads a string that ends with a NUL, which is not part of it.
func (r *reader) nul() []byte {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 {
		r.fail()
		return nil
	}
	v := r.bytes(i)
	r.skip(1)
	return v
}

// rest reads everything that is left.
func (r *reader) rest() []byte { return r.bytes(len(r.b)) }

func (r *reader) lenEncInt() uint64 {
	n, rest, ok := LenEncInt(r.b)
	if !ok {
		r.fail()
		return 0
	}
	r.b = rest
	return n
}

func (r *reader) lenEncBytes() []byte {
	v, rest, ok := LenEncBytes(r.b)
	if !ok {
		r.fail()
		return nil
	}
	r.b = rest
	return v
}

// done answers ErrMalformed when a field was missing or bytes are left.
func (r *reader) done() error {
	if r.bad || len(r.b) > 0 {
		return ErrMalformed
	}
	return nil
}
