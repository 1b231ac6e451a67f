package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"encoding/base64"
)

// minLegacy is the length of the shortest value of the guide's format: base64 of 12 + 16 + 1 bytes.
const minLegacy = 40

// LooksLegacy reports whether a stored value has the form of the guide's format. Plaintext can have that form too, so a
// value that looks like it and does not open may be plaintext.
func LooksLegacy(v []byte) bool {
	if len(v) < minLegacy || len(v)%4 != 0 {
		return false
	}
	for i, c := range v {
		alnum := 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !alnum && c != '+' && c != '/' && (c != '=' || i < len(v)-2) {
			return false
		}
	}
	return true
}

// OpenLegacy appends the plaintext of a value of the guide's format to dst: base64(IV 12 | tag 16 | ciphertext), no
// associated data. GCM with a nonce from outside is not an approved mode for sealing in FIPS 140-3; opening what
// another program sealed is done outside the enforcement of GODEBUG=fips140=only.
func OpenLegacy(dst []byte, k *Key, v []byte) ([]byte, error) {
	if !LooksLegacy(v) {
		return dst, ErrOpen
	}
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(v)))
	n, err := base64.StdEncoding.Strict().Decode(raw, v)
	if err != nil || n <= nonceSize+tagSize {
		return dst, ErrOpen
	}
	nonce, tag, text := raw[:nonceSize], raw[nonceSize:nonceSize+tagSize], raw[nonceSize+tagSize:n]
	sealed := append(append(make([]byte, 0, len(text)+tagSize), text...), tag...)
	out := dst
	fips140.WithoutEnforcement(func() { out, err = openGCM(dst, k, nonce, sealed) })
	if err != nil {
		return dst, ErrOpen
	}
	return out, nil
}

func openGCM(dst []byte, k *Key, nonce, sealed []byte) ([]byte, error) {
	block, err := aes.NewCipher(k.raw[:])
	if err != nil {
		return dst, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return dst, err
	}
	return aead.Open(dst, nonce, sealed, nil)
}
