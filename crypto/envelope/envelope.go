// Package envelope turns one value into one sealed value and back.
//
// # Format
//
//	offset  size  field
//	0       1     0xF9: magic and version 1
//	1       1     flags, 0
//	2       16    key id
//	18      12    nonce
//	30      p     ciphertext of the padded plaintext
//	30+p    16    tag
//
// The cipher is AES-256-GCM with a random nonce. Everything is derived from the data encryption key (DEK, 32 bytes) by
// HKDF-SHA256 without salt: the key id with info "phiproxy envelope 1 key id", the AES key with info "phiproxy envelope
// 1 seal". The key id finds the key, proves that it is the right one, and commits the value to it: no value opens under
// two keys. The AES key is not the DEK itself, so that envelopes share nothing with the guide's format (see OpenLegacy).
//
// The associated data is three fields, each preceded by its length (4 bytes, big endian): the first two bytes of the
// envelope, the id of the protected column, the id of the owner. A value that is moved to another column or another
// owner does not open.
//
// The plaintext is followed by 0x80 and zeros up to a bucket: 16, 32, 64 ... 1024 bytes, from there on eight buckets to
// each doubling. What a sealed value tells of its plaintext's length is its bucket: short names all look alike, and
// padding costs at most a factor of two for short values (or 16 bytes) and an eighth for values over 1 KiB. A
// VARCHAR(250) of four-byte characters (1000 bytes) has at most SealedSize(1000) = 1070 bytes.
//
// Bytes 0xF8 to 0xFF cannot begin UTF-8 text, and all of them are kept for envelopes: plaintext is never mistaken for an
// envelope, nor an envelope of a later version for plaintext. Flag bit 0 is reserved for a search token of 16 bytes
// between flags and key id; version 1 as it stands refuses every flag.
//
// # Promise
//
// Whatever this package has sealed in a released version stays readable. testdata/known_answers.json holds sealed values
// that must open and values that must be refused; entries are added to it and never changed or removed.
//
// # Limits
//
// With random nonces, one DEK must not seal more than 2^32 values (NIST SP 800-38D, 8.3). Values of one owner are
// far fewer; rotate the key long before.
package envelope

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

const (
	version1 = 0xf9 // first byte
	reserved = 0xf8 // the first of the bytes that cannot begin UTF-8 text

	headerSize = 2
	keyIDSize  = 16
	prefixSize = headerSize + keyIDSize
	nonceSize  = 12
	tagSize    = 16

	padMark    = 0x80
	minBucket  = 16
	fineBucket = 1024 // above it there are eight buckets to each doubling
)

// Overhead is what an envelope adds to the padded plaintext, in bytes.
const Overhead = prefixSize + nonceSize + tagSize

// ErrOpen is the only error of Open and OpenLegacy: a value that does not open does not tell why.
var ErrOpen = errors.New("envelope: sealed value does not verify")

// KeyID commits to a DEK. It is stored in every envelope and is not secret.
type KeyID [keyIDSize]byte

// Context is where a value belongs: a protected column and an owner. Its zero value is not useful.
type Context struct{ aad []byte }

// NewContext computes the associated data for a column and an owner once for many values.
func NewContext(columnID, owner string) Context {
	aad := make([]byte, 0, 12+headerSize+len(columnID)+len(owner))
	aad = appendField(aad, string([]byte{version1, 0}))
	aad = appendField(aad, columnID)
	return Context{aad: appendField(aad, owner)}
}

func appendField(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}

// Seal appends the envelope of the plaintext to dst, which must not overlap it. It does not allocate when dst has room
// for SealedSize(len(plaintext)) more bytes. Sealing the same value twice gives different envelopes.
func Seal(dst []byte, k *Key, c Context, plaintext []byte) []byte {
	padded := bucket(len(plaintext) + 1)
	dst = slices.Grow(dst, Overhead+padded)
	dst = append(dst, version1, 0)
	dst = append(dst, k.id[:]...)
	// The cipher wants its input where its output begins; it moves it up by the nonce itself.
	start := len(dst)
	dst = append(dst, plaintext...)
	dst = append(dst, padMark)
	dst = dst[:start+padded]
	clear(dst[start+len(plaintext)+1:])
	return k.aead.Seal(dst[:start], nil, dst[start:], c.aad)
}

// Open appends the plaintext of a sealed value to dst, which must not overlap it. It does not allocate when dst has
// room for len(sealed) more bytes. The error is ErrOpen whatever is wrong: another key, column or owner, a changed bit.
func Open(dst []byte, k *Key, c Context, sealed []byte) ([]byte, error) {
	id, ok := KeyIDOf(sealed)
	if !ok || k.aead == nil || subtle.ConstantTimeCompare(id[:], k.id[:]) != 1 {
		return nil, ErrOpen
	}
	start := len(dst)
	dst, err := k.aead.Open(dst, nil, sealed[prefixSize:], c.aad)
	if err != nil {
		return nil, ErrOpen
	}
	n, ok := unpad(dst[start:])
	if !ok {
		return nil, ErrOpen
	}
	return dst[:start+n], nil
}

// IsEnvelope reports whether a stored value claims to be an envelope, of this version or a later one. Plaintext that
// is UTF-8 never does. A damaged envelope does, so that it is an error and not plaintext.
func IsEnvelope(v []byte) bool { return len(v) > 0 && v[0] >= reserved }

// KeyIDOf returns the key id of an envelope. It is not ok when the value is not an envelope that this version knows:
// header, flags or length are wrong.
func KeyIDOf(sealed []byte) (id KeyID, ok bool) {
	if len(sealed) < Overhead+minBucket || sealed[0] != version1 || sealed[1] != 0 {
		return KeyID{}, false
	}
	if padded := len(sealed) - Overhead; bucket(padded) != padded {
		return KeyID{}, false
	}
	return KeyID(sealed[headerSize:prefixSize]), true
}

// SealedSize is the size in bytes of the envelope of a plaintext of n bytes.
func SealedSize(n int) int { return Overhead + bucket(n+1) }

// bucket rounds a padded plaintext's size up to the sizes that are stored.
func bucket(n int) int {
	if n <= minBucket {
		return minBucket
	}
	double := 1 << bits.Len(uint(n-1)) // the power of two that is not smaller
	if n <= fineBucket {
		return double
	}
	step := double / 16
	return (n + step - 1) / step * step
}

// unpad finds the length of a padded plaintext. Padding that Seal would not have written is refused.
func unpad(padded []byte) (n int, ok bool) {
	n = len(padded) - 1
	for n >= 0 && padded[n] == 0 {
		n--
	}
	return n, n >= 0 && padded[n] == padMark && bucket(n+1) == len(padded)
}
