package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
)

// KeySize is the size of a DEK in bytes.
const KeySize = 32

const (
	infoKeyID = "phiproxy envelope 1 key id"
	infoSeal  = "phiproxy envelope 1 seal"
)

var errKeySize = errors.New("envelope: a data encryption key has 32 bytes")

// Key seals and opens values under one DEK. It is safe for concurrent use until it is destroyed.
type Key struct {
	id     KeyID
	aead   cipher.AEAD // with random nonces
	legacy cipher.AEAD // the guide's: the DEK itself, nonces given
}

// NewKey prepares a DEK of 32 bytes for use. The DEK itself is not kept; the caller clears its copy.
func NewKey(dek []byte) (*Key, error) {
	if len(dek) != KeySize {
		return nil, errKeySize
	}
	id, err := hkdf.Key(sha256.New, dek, nil, infoKeyID, keyIDSize)
	if err != nil {
		return nil, err
	}
	aead, err := newSealer(dek)
	if err != nil {
		return nil, err
	}
	legacy, err := newLegacy(dek)
	if err != nil {
		return nil, err
	}
	return &Key{id: KeyID(id), aead: aead, legacy: legacy}, nil
}

func newSealer(dek []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, dek, nil, infoSeal, KeySize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// newLegacy makes the cipher that opens the guide's values. Go's FIPS 140-3 module does not approve of GCM under nonces
// that it did not choose, because of the dangers of sealing; this one only ever opens.
func newLegacy(dek []byte) (aead cipher.AEAD, err error) {
	block, err := aes.NewCipher(dek)
	if err != nil {
		return nil, err
	}
	fips140.WithoutEnforcement(func() { aead, err = cipher.NewGCM(block) })
	return aead, err
}

// ID is the key's commitment, as stored in envelopes.
func (k *Key) ID() KeyID { return k.id }

// Destroy lets go of the key when nobody uses it any more; afterwards it opens nothing and sealing panics. Go's ciphers
// give no way to clear their key schedules: the memory is overwritten when it is used again.
func (k *Key) Destroy() { *k = Key{} }
