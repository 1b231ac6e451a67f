package envelope

import (
	"encoding/base64"
	"slices"
)

const (
	legacyMinText  = 40 // base64 of one byte of ciphertext, nonce and tag
	legacyMinBytes = nonceSize + tagSize + 1
)

var legacyEncoding = base64.StdEncoding.Strict()

// LooksLegacy reports whether a stored value has the form of the guide's format: standard base64 with padding and
// nothing else, 40 characters or more, of nonce (12) | tag (16) | ciphertext (1 or more). Plaintext may look like that
// too: only OpenLegacy tells them apart.
func LooksLegacy(v []byte) bool {
	if len(v) < legacyMinText || len(v)%4 != 0 {
		return false
	}
	body, pad := splitBase64(v)
	for _, c := range body {
		if !isBase64(c) {
			return false
		}
	}
	return len(v)/4*3-pad >= legacyMinBytes
}

// splitBase64 takes the padding off.
func splitBase64(v []byte) (body []byte, pad int) {
	for pad < 2 && v[len(v)-1-pad] == '=' {
		pad++
	}
	return v[:len(v)-pad], pad
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

// OpenLegacy appends to dst the plaintext of a value that the guide's Python code sealed: base64 of nonce | tag |
// ciphertext, AES-256-GCM under the DEK itself, without associated data. dst must not overlap v. The error is ErrOpen.
//
// Such a value is bound to its owner's key and to nothing else: it opens in every column and row of that owner.
func OpenLegacy(dst []byte, k *Key, v []byte) ([]byte, error) {
	if !LooksLegacy(v) || k.legacy == nil {
		return nil, ErrOpen
	}
	start := len(dst)
	dst = slices.Grow(dst, len(v)/4*3)
	buf := dst[start : start+len(v)/4*3]
	n, err := legacyEncoding.Decode(buf, v)
	if err != nil {
		return nil, ErrOpen
	}
	buf = buf[:n]
	moveTag(buf[nonceSize:])
	plain, err := k.legacy.Open(buf[nonceSize:nonceSize], buf[:nonceSize], buf[nonceSize:], nil)
	if err != nil {
		return nil, ErrOpen
	}
	return append(dst, plain...), nil
}

// moveTag turns tag | ciphertext into ciphertext | tag, which is what Go expects.
func moveTag(b []byte) {
	var tag [tagSize]byte
	copy(tag[:], b)
	copy(b, b[tagSize:])
	copy(b[len(b)-tagSize:], tag[:])
}
