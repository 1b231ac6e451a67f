package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// ChangeUser is COM_CHANGE_USER, command byte included.
type ChangeUser struct {
	User         []byte
	AuthResponse []byte
	Database     []byte
	Collation    uint16 // 0 when the client left it out
	AuthPlugin   []byte // CLIENT_PLUGIN_AUTH
	Attributes   []byte // CLIENT_CONNECT_ATTRS, see HandshakeResponse.Attributes
}

// Decode reads the command under the capabilities that were agreed at login. The proof has a one-byte length here, even
// with CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA.
func (c *ChangeUser) Decode(b []byte, capabilities uint32) error {
	r := reader{b: b}
	if r.uint8() != mysql.COM_CHANGE_USER {
		return ErrMalformed
	}
	*c = ChangeUser{User: r.nul()}
	c.AuthResponse = readAuthResponse(&r, capabilities&^mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
	c.Database = r.nul()
	if len(r.b) > 0 {
		c.Collation = r.uint16()
	}
	readLoginTail(&r, capabilities, &c.AuthPlugin, &c.Attributes)
	return r.done()
}

// Append encodes the command.
func (c *ChangeUser) Append(dst []byte, capabilities uint32) []byte {
	dst = append(append(append(dst, mysql.COM_CHANGE_USER), c.User...), 0)
	dst = appendAuthResponse(dst, c.AuthResponse, capabilities&^mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
	dst = append(append(dst, c.Database...), 0)
	dst = binary.LittleEndian.AppendUint16(dst, c.Collation)
	return appendLoginTail(dst, capabilities, c.AuthPlugin, c.Attributes)
}
