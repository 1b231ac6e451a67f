package scratch

import (
	"context"
	"crypto/fips140"
	"crypto/rand"
	"errors"
	"net"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// account is how to log in at a server.
type account struct {
	network, address string // "unix" and a path; "tcp" only for the embedded server
	user, password   string
	database         string
}

// newPassword makes a password that needs no escape. Its end satisfies validate_password where a sidecar has it.
func newPassword() string { return rand.Text() + "aA1!" }

// conn is one connection, used by one goroutine at a time.
type conn struct {
	*client.Conn
	out []byte // the next command, four bytes for the header in front
	in  []byte // the last packet
}

// capabilities are those of go-mysql's client that decide how answers read.
const capabilities = mysql.CLIENT_PROTOCOL_41 | mysql.CLIENT_DEPRECATE_EOF

const dialTimeout = 5 * time.Second

// maxPacket bounds one packet towards the server; its --max-allowed-packet is the same.
const maxPacket = 64 << 20

// dial logs in. MariaDB's passwords are proved with SHA-1, which FIPS enforcement refuses although nothing rests on it
// here: the socket's directory is the protection.
func dial(ctx context.Context, a account) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var c *client.Conn
	var err error
	fips140.WithoutEnforcement(func() {
		c, err = client.ConnectWithDialer(ctx, a.network, a.address, a.user, a.password, a.database, dialWithin, loginOptions)
	})
	if err != nil {
		return nil, fail(Unavailable, err)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return nil, fail(Unavailable, errors.Join(err, c.Close()))
	}
	return &conn{Conn: c}, nil
}

// dialWithin bounds the login as well, which does not look at the context.
func dialWithin(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = c.SetDeadline(deadline)
	}
	return c, err
}

func loginOptions(c *client.Conn) error {
	c.UnsetCapability(mysql.CLIENT_QUERY_ATTRIBUTES) // it changes the layout of commands
	return c.SetCapability(mysql.CLIENT_LOCAL_FILES)
}

// send writes a command. Whatever was begun before must have been read to its end.
func (c *conn) send(command byte, parts ...[]byte) error {
	c.out = append(c.out[:0], 0, 0, 0, 0, command)
	for _, p := range parts {
		c.out = append(c.out, p...)
	}
	return c.flush()
}

// begin starts a command that is written piece by piece into c.out and sent by flush.
func (c *conn) begin(command byte) { c.out = append(c.out[:0], 0, 0, 0, 0, command) }

func (c *conn) flush() error {
	c.ResetSequence()
	if err := c.WritePacket(c.out); err != nil {
		return fail(Lost, err)
	}
	if cap(c.out) > keptBuffer {
		c.out = nil
	}
	return nil
}

// keptBuffer is the size up to which a buffer is used again.
const keptBuffer = 1 << 20

// read reads a packet that is valid until the next read.
func (c *conn) read() ([]byte, error) {
	b, err := c.ReadPacketReuseMem(c.in[:0])
	if err != nil {
		return nil, fail(Lost, err)
	}
	if c.in = nil; cap(b) <= keptBuffer {
		c.in = b
	}
	return b, nil
}

// readOK reads an answer that has no rows.
func (c *conn) readOK() (packet.OK, error) {
	var ok packet.OK
	b, err := c.read()
	switch {
	case err != nil:
		return ok, err
	case packet.IsErr(b):
		return ok, serverError(b)
	case !packet.IsOK(b):
		return ok, fail(Protocol, nil)
	}
	if err := ok.Decode(b, capabilities); err != nil {
		return ok, fail(Protocol, err)
	}
	return ok, nil
}

func serverError(b []byte) error {
	var e packet.Err
	if err := e.Decode(b); err != nil {
		return fail(Protocol, err)
	}
	return &ServerError{Code: e.Code, State: e.State, Message: append([]byte(nil), e.Message...)}
}

// exec runs a statement that has no rows.
func (c *conn) exec(sql string) (packet.OK, error) {
	if err := c.send(mysql.COM_QUERY, []byte(sql)); err != nil {
		return packet.OK{}, err
	}
	return c.readOK()
}

// command runs a command that has neither arguments nor rows.
func (c *conn) command(command byte) error {
	if err := c.send(command); err != nil {
		return err
	}
	_, err := c.readOK()
	return err
}

// broken tells that a connection cannot be used any more: anything but an answer of the server.
func broken(err error) bool {
	var answer *ServerError
	return err != nil && !errors.As(err, &answer)
}
