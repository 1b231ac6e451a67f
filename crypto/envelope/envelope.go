// Package envelope turns one value into one sealed envelope and back. It uses the standard library only.
//
// # Format 1
//
//	offset  size  field
//	0       1     magic and version, 0xF8 for format 1
//	1       1     flags; bit 0: a search token follows (reserved, not written yet); all others are zero
//	2       16    key id: HKDF-SHA256 commitment of the DEK
//	18      12    nonce, random (NIST SP 800-38D, 8.2.2)
//	30      n     ciphertext of the padded plaintext, n a bucket size
//	30+n    16    GCM tag
//
// The cipher is AES-256-GCM. 0xF8 begins no UTF-8 text, so plaintext of a half-migrated column is never mistaken for an
// envelope, nor an envelope for plaintext.
//
// The associated data is the first 18 bytes of the envelope, then the column id and the owner id, each preceded by its
// length as a big-endian uint64. A value that was moved to another column or owner does not open, and no two pairs of
// column and owner have the same associated data.
//
// The plaintext is followed by 0x80 and as many zero bytes as fill its bucket (ISO/IEC 7816-4), so that lengths tell
// little. Buckets are 16, 32, 48 and 64 bytes, then multiples of 32 up to 256, then multiples of 128.
//
// The key id commits to the key: GCM alone lets a forger make a ciphertext that opens under two keys, here the second
// key's id does not match. It is compared before the value is opened.
//
// # Promise
//
// What format 1 sealed will open with every later version of this package. testdata/known_answers.json holds values that
// must open, and values that must not; it only grows.
//
// # The guide's format
//
// Values that the original Python code wrote, base64(IV 12 | tag 16 | ciphertext) without associated data, are opened by
// [OpenLegacy]. They are never written.
package envelope

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	magic  = 0xF8 // format 1
	flags  = 0x00 // no flag is defined for writing yet
	dekLen = 32

	// KeyIDSize is the size of a key id in bytes.
	KeyIDSize = 16

	headerSize = 2 + KeyIDSize
	nonceSize  = 12
	tagSize    = 16

	// Overhead is the number of bytes that an envelope has besides its padded plaintext.
	Overhead = headerSize + nonceSize + tagSize
)

// ErrOpen is the one answer to every value that does not open, whatever the reason.
var ErrOpen = errors.New("envelope: the value does not verify")

// KeyID names a key and commits to it.
type KeyID [KeyIDSize]byte

// Key is one DEK, ready for use. It is safe for concurrent use.
type Key struct {
	id   KeyID
	seal cipher.AEAD // writes its own random nonce in front
	raw  [dekLen]byte
}

// NewKey makes a key of 32 bytes, which it copies.
func NewKey(dek []byte) (*Key, error) {
	if len(dek) != dekLen {
		return nil, fmt.Errorf("envelope: a key has %d bytes, not %d", dekLen, len(dek))
	}
	block, err := aes.NewCipher(dek)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	k := &Key{seal: aead}
	copy(k.raw[:], dek)
	id, err := hkdf.Key(sha256.New, dek, nil, "phiproxy envelope 1 key id", KeyIDSize)
	if err != nil {
		return nil, err
	}
	copy(k.id[:], id)
	return k, nil
}

// ID is the key's id: 16 bytes that say nothing about the key itself.
func (k *Key) ID() KeyID { return k.id }

// Destroy overwrites the key bytes that this package holds. The expanded key inside the standard library's cipher is
// out of reach; it goes with the garbage collector. The key must not be in use.
func (k *Key) Destroy() {
	clear(k.raw[:])
	k.seal = nil
}

// Context is where a value lives: the column and the owner that its envelope is bound to.
type Context struct {
	aad []byte // lengths and ids; the envelope's header goes in front
}

// NewContext prepares the context of a column's values of one owner. The column id is the configured one, not the
// column's present name.
func NewContext(columnID, owner string) Context {
	return Context{aad: appendContext(make([]byte, 0, 16+len(columnID)+len(owner)), columnID, owner)}
}

func appendContext(aad []byte, columnID, owner string) []byte {
	for _, s := range [...]string{columnID, owner} {
		aad = binary.BigEndian.AppendUint64(aad, uint64(len(s)))
		aad = append(aad, s...)
	}
	return aad
}

// Box seals and opens the values of one context under one key. It is prepared once for many values and safe for
// concurrent use.
type Box struct {
	key *Key
	aad []byte // the header of every envelope of this key, then the context
}

// Box joins the context and a key.
func (c Context) Box(k *Key) Box {
	return Box{key: k, aad: append(k.header(len(c.aad)), c.aad...)}
}

// NewBox is NewContext and Box at once, for a context that has no further use.
func NewBox(k *Key, columnID, owner string) Box {
	return Box{key: k, aad: appendContext(k.header(16+len(columnID)+len(owner)), columnID, owner)}
}

// header begins every envelope of the key; more bytes are to follow.
func (k *Key) header(more int) []byte {
	return append(append(make([]byte, 0, headerSize+more), magic, flags), k.id[:]...)
}

// Seal appends the envelope of plaintext to dst.
func (b Box) Seal(dst, plaintext []byte) []byte {
	dst = append(dst, b.aad[:headerSize]...)
	dst = grow(dst, nonceSize+padded(len(plaintext))+tagSize)
	// The padded plaintext is laid where the cipher's output begins: the one place from which it can seal in place.
	text := pad(dst[len(dst):], plaintext)
	return b.key.seal.Seal(dst, nil, text, b.aad)
}

// Holds reports whether a stored value is an envelope of the box's key. Whether it opens, Open tells. The header is no
// secret, it stands in every stored value: comparing it need not take constant time.
func (b Box) Holds(sealed []byte) bool {
	n := len(sealed) - Overhead
	return n > 0 && padded(n-1) == n && bytes.Equal(sealed[:headerSize], b.aad[:headerSize])
}

// Open appends the plaintext of an envelope to dst, or returns ErrOpen and dst as it was.
func (b Box) Open(dst, sealed []byte) ([]byte, error) {
	if !b.Holds(sealed) {
		return dst, ErrOpen
	}
	start := len(dst)
	out, err := b.key.seal.Open(dst, nil, sealed[headerSize:], b.aad)
	if err != nil {
		return dst, ErrOpen
	}
	n, ok := unpad(out[start:])
	if !ok {
		return dst, ErrOpen
	}
	return out[:start+n], nil
}

// Seal appends the envelope of plaintext to dst.
func Seal(dst []byte, k *Key, c Context, plaintext []byte) []byte {
	return c.Box(k).Seal(dst, plaintext)
}

// Open appends the plaintext of an envelope to dst, or returns ErrOpen and dst as it was.
func Open(dst []byte, k *Key, c Context, sealed []byte) ([]byte, error) {
	return c.Box(k).Open(dst, sealed)
}

func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	larger := make([]byte, len(b), max(2*cap(b), len(b)+n))
	copy(larger, b)
	return larger
}

// Parse checks the form of an envelope and returns the id of the key that sealed it.
func Parse(sealed []byte) (KeyID, bool) {
	n := len(sealed) - Overhead
	if !IsEnvelope(sealed) || n <= 0 || padded(n-1) != n {
		return KeyID{}, false
	}
	return KeyID(sealed[2:headerSize]), sealed[1] == flags
}

// IsEnvelope reports whether a stored value claims to be an envelope of this or a later format: such a value is never
// shown as plaintext. Whether it is a good one, Open tells.
func IsEnvelope(v []byte) bool { return len(v) > 0 && v[0] >= magic }

// SealedSize is the size of the envelope of a plaintext of n bytes. It does not shrink as n grows.
func SealedSize(n int) int { return Overhead + padded(n) }

// padded is the bucket for a plaintext of n bytes and at least one byte of padding.
func padded(n int) int {
	switch n++; {
	case n <= 64:
		return roundUp(n, 16)
	case n <= 256:
		return roundUp(n, 32)
	}
	return roundUp(n, 128)
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

const padMark = 0x80

func pad(dst, plaintext []byte) []byte {
	zeros := padded(len(plaintext)) - len(plaintext) - 1
	dst = append(append(dst, plaintext...), padMark)
	for range zeros {
		dst = append(dst, 0)
	}
	return dst
}

// unpad returns the length of the plaintext in a padded one whose tag has verified.
func unpad(b []byte) (int, bool) {
	for i := len(b) - 1; i >= 0; i-- {
		switch b[i] {
		case 0:
		case padMark:
			return i, padded(i) == len(b)
		default:
			return 0, false
		}
	}
	return 0, false
}
