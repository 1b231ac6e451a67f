package packet

import "github.com/go-mysql-org/go-mysql/mysql"

// AuthSwitchRequest tells the client to prove its password with another plugin.
type AuthSwitchRequest struct {
	Plugin string // "" is the request of servers older than protocol 4.1
	Data   []byte // the plugin's challenge as sent, its final NUL included
}

// Decode reads the request.
func (a *AuthSwitchRequest) Decode(b []byte) error {
	r := reader{b: b}
	if r.uint8() != mysql.EOF_HEADER {
		return ErrMalformed
	}
	*a = AuthSwitchRequest{}
	if len(r.b) > 0 {
		a.Plugin = string(r.nul())
		a.Data = r.rest()
	}
	return r.done()
}

// Append encodes the request.
func (a *AuthSwitchRequest) Append(dst []byte) []byte {
	dst = append(dst, mysql.EOF_HEADER)
	if a.Plugin == "" && len(a.Data) == 0 {
		return dst
	}
	return append(append(append(dst, a.Plugin...), 0), a.Data...)
}

// AuthNextFactor tells a client with CLIENT_MULTI_FACTOR_AUTHENTICATION that one proof was right, and asks for another.
type AuthNextFactor struct {
	Plugin string
	Data   []byte // the plugin's challenge as sent
}

const nextFactorHeader = 2

// IsNextFactor reports whether a step of a login is an AuthNextFactor, provided that the client knows such.
func IsNextFactor(b []byte) bool { return len(b) > 0 && b[0] == nextFactorHeader }

// Decode reads the packet.
func (a *AuthNextFactor) Decode(b []byte) error {
	r := reader{b: b}
	if r.uint8() != nextFactorHeader {
		return ErrMalformed
	}
	a.Plugin = string(r.nul())
	a.Data = r.rest()
	return r.done()
}

// Append encodes the packet.
func (a *AuthNextFactor) Append(dst []byte) []byte {
	return append(append(append(dst, nextFactorHeader), a.Plugin...), append([]byte{0}, a.Data...)...)
}

// AuthMoreData is one step of a plugin's exchange from the server: for caching_sha2_password 0x03 (fast path), 0x04
// (full authentication) or a public key.
type AuthMoreData struct {
	Data []byte
}

// Decode reads the packet.
func (a *AuthMoreData) Decode(b []byte) error {
	r := reader{b: b}
	if r.uint8() != mysql.MORE_DATE_HEADER {
		return ErrMalformed
	}
	a.Data = r.rest()
	return r.done()
}

// Append encodes the packet.
func (a *AuthMoreData) Append(dst []byte) []byte {
	return append(append(dst, mysql.MORE_DATE_HEADER), a.Data...)
}
