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
	out     []byte  // commands that are not sent yet, headers included
	start   int     // in out, where the last command begins
	pending []check // for the answers to the commands in out before the last one
	in      []byte  // the last packet
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

// begin starts a command, which is written piece by piece to the end of c.out.
func (c *conn) begin(command byte) {
	c.start = len(c.out)
	c.out = append(c.out, 0, 0, 0, 0, command)
}

// check looks at the answer to a command that has no rows.
type check func(packet.OK, error) error

// later puts off the command that was begun: it goes out together with the next one that is sent, which saves a round
// trip. When its check fails, the answer to that next one stays unread, so the check must give an *Error: the connection
// is then thrown away. The command must fit into one packet.
func (c *conn) later(f check) {
	c.header()
	c.pending = append(c.pending, f)
}

func (c *conn) header() {
	n := len(c.out) - c.start - 4
	c.out[c.start], c.out[c.start+1], c.out[c.start+2], c.out[c.start+3] = byte(n), byte(n>>8), byte(n>>16), 0
}

// send sends a command after those that were put off. Whatever was begun before must have been read to its end.
func (c *conn) send(command byte, parts ...[]byte) error {
	c.begin(command)
	for _, p := range parts {
		c.out = append(c.out, p...)
	}
	return c.flush()
}

// flush sends the command that was begun after those that were put off, and reads the answers to those.
func (c *conn) flush() error {
	long := len(c.out)-c.start-4 >= packet.MaxFragment
	early := c.out
	if long {
		early = c.out[:c.start]
	} else {
		c.header()
	}
	if len(early) > 0 {
		if _, err := c.Conn.Conn.Write(early); err != nil {
			return fail(Lost, err)
		}
	}
	if err := c.settle(); err != nil {
		return err
	}
	if c.Sequence = 1; long { // must be cut into packets
		c.ResetSequence()
		if err := c.WritePacket(c.out[c.start:]); err != nil {
			return fail(Lost, err)
		}
	}
	c.forget()
	return nil
}

// settle reads the answers to the commands that were put off.
func (c *conn) settle() error {
	for _, f := range c.pending {
		c.Sequence = 1
		if err := f(c.readOK()); err != nil {
			return err
		}
	}
	return nil
}

// forget drops what was put off and is not sent.
func (c *conn) forget() {
	c.pending, c.start = c.pending[:0], 0
	if c.out = c.out[:0]; cap(c.out) > keptBuffer {
		c.out = nil
	}
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

// broken tells that a connection cannot be used any more: anything but an answer of the server.
func broken(err error) bool {
	var own *Error // also one whose cause the server named: the answer to what was sent behind it was not read
	var answer *ServerError
	return err != nil && (errors.As(err, &own) || !errors.As(err, &answer))
}
