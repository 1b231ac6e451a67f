package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// sslRequestSize is the size of the part that SSLRequest and HandshakeResponse41 share, and of the whole SSLRequest.
const sslRequestSize = 32

// SSLRequest is what a client sends before it starts TLS: the head of its HandshakeResponse.
type SSLRequest struct {
	Capabilities  uint32
	MaxPacketSize uint32
	Collation     byte
	MariaDB       uint32 // see Greeting.MariaDB
}

// IsSSLRequest reports whether the client's first packet asks for TLS.
func IsSSLRequest(b []byte) bool {
	return len(b) == sslRequestSize && binary.LittleEndian.Uint32(b)&mysql.CLIENT_SSL != 0
}

// Decode reads an SSLRequest.
func (s *SSLRequest) Decode(b []byte) error {
	r := reader{b: b}
	s.read(&r)
	return r.done()
}

func (s *SSLRequest) read(r *reader) {
	*s = SSLRequest{Capabilities: r.uint32(), MaxPacketSize: r.uint32(), Collation: r.uint8()}
	r.skip(responseFiller)
	if extra := r.uint32(); s.Capabilities&mysql.CLIENT_LONG_PASSWORD == 0 {
		s.MariaDB = extra
	}
}

// Append encodes the request.
func (s *SSLRequest) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, s.Capabilities)
	dst = binary.LittleEndian.AppendUint32(dst, s.MaxPacketSize)
	dst = append(dst, s.Collation)
	dst = append(dst, make([]byte, responseFiller)...)
	return binary.LittleEndian.AppendUint32(dst, s.MariaDB)
}

// HandshakeResponse is the login of a client that speaks protocol 4.1 (HandshakeResponse41). The fields that a
// capability announces are only meaningful when it is set.
type HandshakeResponse struct {
	SSLRequest
	User         []byte
	AuthResponse []byte
	Database     []byte // CLIENT_CONNECT_WITH_DB
	AuthPlugin   []byte // CLIENT_PLUGIN_AUTH
	Attributes   []byte // CLIENT_CONNECT_ATTRS: the key and value strings without the length in front of them
	ZstdLevel    byte   // CLIENT_ZSTD_COMPRESSION_ALGORITHM
}

// Decode reads a login. A client without CLIENT_PROTOCOL_41 is malformed.
func (h *HandshakeResponse) Decode(b []byte) error {
	r := reader{b: b}
	*h = HandshakeResponse{}
	h.read(&r)
	if h.Capabilities&mysql.CLIENT_PROTOCOL_41 == 0 {
		return ErrMalformed
	}
	h.User = r.nul()
	h.AuthResponse = readAuthResponse(&r, h.Capabilities)
	if h.Capabilities&mysql.CLIENT_CONNECT_WITH_DB != 0 {
		h.Database = r.nul()
	}
	readLoginTail(&r, h.Capabilities, &h.AuthPlugin, &h.Attributes)
	if h.Capabilities&mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM != 0 {
		h.ZstdLevel = r.uint8()
	}
	return r.done()
}

// Append encodes the login. User, Database and AuthPlugin must not hold a NUL.
func (h *HandshakeResponse) Append(dst []byte) []byte {
	dst = h.SSLRequest.Append(dst)
	dst = append(append(dst, h.User...), 0)
	dst = appendAuthResponse(dst, h.AuthResponse, h.Capabilities)
	if h.Capabilities&mysql.CLIENT_CONNECT_WITH_DB != 0 {
		dst = append(append(dst, h.Database...), 0)
	}
	dst = appendLoginTail(dst, h.Capabilities, h.AuthPlugin, h.Attributes)
	if h.Capabilities&mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM != 0 {
		dst = append(dst, h.ZstdLevel)
	}
	return dst
}

// readAuthResponse reads the password's proof in the form that the capabilities choose.
func readAuthResponse(r *reader, capabilities uint32) []byte {
	switch {
	case capabilities&mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA != 0:
		return r.lenEncBytes()
	case capabilities&mysql.CLIENT_SECURE_CONNECTION != 0:
		return r.bytes(int(r.uint8()))
	}
	return r.nul()
}

func appendAuthResponse(dst, auth []byte, capabilities uint32) []byte {
	switch {
	case capabilities&mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA != 0:
		return AppendLenEncBytes(dst, auth)
	case capabilities&mysql.CLIENT_SECURE_CONNECTION != 0:
		return append(append(dst, byte(len(auth))), auth...)
	}
	return append(append(dst, auth...), 0)
}

// readLoginTail reads what a login and a COM_CHANGE_USER have in common at their ends. Servers forgive a plugin name or
// attributes that are announced and missing, and so do we: some clients leave them out.
func readLoginTail(r *reader, capabilities uint32, plugin, attributes *[]byte) {
	if capabilities&mysql.CLIENT_PLUGIN_AUTH != 0 && len(r.b) > 0 {
		*plugin = r.nul()
	}
	if capabilities&mysql.CLIENT_CONNECT_ATTRS != 0 && len(r.b) > 0 {
		*attributes = r.lenEncBytes()
	}
}

func appendLoginTail(dst []byte, capabilities uint32, plugin, attributes []byte) []byte {
	if capabilities&mysql.CLIENT_PLUGIN_AUTH != 0 {
		dst = append(append(dst, plugin...), 0)
	}
	if capabilities&mysql.CLIENT_CONNECT_ATTRS != 0 {
		dst = AppendLenEncBytes(dst, attributes)
	}
	return dst
}

// EachAttribute calls f for every connection attribute of HandshakeResponse.Attributes.
func EachAttribute(attributes []byte, f func(key, value []byte)) error {
	r := reader{b: attributes}
	for len(r.b) > 0 {
		k, v := r.lenEncBytes(), r.lenEncBytes()
		if r.bad {
			return ErrMalformed
		}
		f(k, v)
	}
	return r.done()
}
