// Package legacytest makes values of the guide's format for tests. Nothing else may seal that way: it has no key id and
// no associated data.
package legacytest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
)

const (
	nonceSize = 12
	tagSize   = 16
)

// Seal gives base64(nonce | tag | ciphertext) as the guide's Python code stored it. The DEK has 32 bytes.
func Seal(dek, plaintext []byte) (string, error) {
	block, err := aes.NewCipher(dek)
	if err != nil {
		return "", err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return "", err
	}
	sealed := aead.Seal(nil, nil, plaintext, nil) // nonce | ciphertext | tag
	tag := len(sealed) - tagSize
	v := append([]byte{}, sealed[:nonceSize]...)
	v = append(v, sealed[tag:]...)
	v = append(v, sealed[nonceSize:tag]...)
	return base64.StdEncoding.EncodeToString(v), nil
}

// Random gives n random bytes, a DEK for example.
func Random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
