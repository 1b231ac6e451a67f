package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Greeting is the first packet of a server (HandshakeV10).
type Greeting struct {
	ServerVersion string
	ConnectionID  uint32
	// AuthData is the plugin's data as sent, its final NUL included when there is one: 21 bytes in practice, of which
	// Nonce gives the first 20.
	AuthData     []byte
	Capabilities uint32
	// MariaDB holds MariaDB's further capabilities. They are sent in the filler when CLIENT_LONG_PASSWORD, which that
	// server calls CLIENT_MYSQL, is not set.
	MariaDB    uint32
	Collation  byte
	Status     uint16
	AuthPlugin string // "" without CLIENT_PLUGIN_AUTH
}

const (
	protocolVersion  = 10
	authDataHead     = 8  // bytes of AuthData before the capabilities
	minAuthDataTail  = 13 // bytes of AuthData after them, at the least
	greetingFiller   = 6
	responseFiller   = 19
	maxAuthDataBytes = 255
)

// Nonce is the random challenge, without the NUL that ends it on the wire.
func (g *Greeting) Nonce() []byte {
	if n := len(g.AuthData); n > 0 && g.AuthData[n-1] == 0 {
		return g.AuthData[:n-1]
	}
	return g.AuthData
}

// Decode reads a greeting of protocol version 10 with the fields of CLIENT_PROTOCOL_41.
func (g *Greeting) Decode(b []byte) error {
	r := reader{b: b}
	if r.uint8() != protocolVersion {
		return ErrMalformed
	}
	*g = Greeting{ServerVersion: string(r.nul()), ConnectionID: r.uint32()}
	head := r.bytes(authDataHead)
	r.skip(1)
	g.Capabilities = uint32(r.uint16())
	g.Collation = r.uint8()
	g.Status = r.uint16()
	g.Capabilities |= uint32(r.uint16()) << 16
	size := int(r.uint8())
	if g.Capabilities&mysql.CLIENT_PLUGIN_AUTH == 0 {
		size = 0
	}
	r.skip(greetingFiller)
	if extra := r.uint32(); g.Capabilities&mysql.CLIENT_LONG_PASSWORD == 0 {
		g.MariaDB = extra
	}
	var tail []byte
	if g.Capabilities&mysql.CLIENT_SECURE_CONNECTION != 0 {
		tail = r.bytes(max(minAuthDataTail, size-authDataHead))
	}
	if g.Capabilities&mysql.CLIENT_PLUGIN_AUTH != 0 {
		g.AuthPlugin = string(r.nul())
	}
	g.AuthData = append(append(make([]byte, 0, len(head)+len(tail)), head...), tail...)
	return r.done()
}

// Append encodes the greeting. AuthData must have 8 bytes, or 21 to 255 with CLIENT_SECURE_CONNECTION.
func (g *Greeting) Append(dst []byte) []byte {
	dst = append(dst, protocolVersion)
	dst = append(append(dst, g.ServerVersion...), 0)
	dst = binary.LittleEndian.AppendUint32(dst, g.ConnectionID)
	dst = append(append(dst, g.AuthData[:authDataHead]...), 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(g.Capabilities))
	dst = append(dst, g.Collation)
	dst = binary.LittleEndian.AppendUint16(dst, g.Status)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(g.Capabilities>>16))
	size := 0
	if g.Capabilities&mysql.CLIENT_PLUGIN_AUTH != 0 {
		size = min(len(g.AuthData), maxAuthDataBytes)
	}
	dst = append(dst, byte(size))
	dst = append(dst, make([]byte, greetingFiller)...)
	dst = binary.LittleEndian.AppendUint32(dst, g.MariaDB)
	if g.Capabilities&mysql.CLIENT_SECURE_CONNECTION != 0 {
		dst = append(dst, g.AuthData[authDataHead:]...)
	}
	if g.Capabilities&mysql.CLIENT_PLUGIN_AUTH != 0 {
		dst = append(append(dst, g.AuthPlugin...), 0)
	}
	return dst
}
