// Package client is a MySQL client for tests. It shows everything a server says that a driver would hide: every column
// definition, status flag, warning count and sequence number, and it can send packets that no driver would.
package client

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
)

// Options say where and how to log in.
type Options struct {
	Addr, User, Password, Database string
	TLS                            *tls.Config // nil: no TLS
	Set, Clear                     uint32      // capabilities besides the usual ones, and usual ones to leave out
	Collation                      byte        // utf8mb4_general_ci when 0
	Attributes                     map[string]string
	Timeout                        time.Duration // of every read and write; 30 s when 0
}

// usual are the capabilities that PyMySQL asks for.
const usual = mysql.CLIENT_LONG_PASSWORD | mysql.CLIENT_LONG_FLAG | mysql.CLIENT_PROTOCOL_41 | mysql.CLIENT_TRANSACTIONS |
	mysql.CLIENT_SECURE_CONNECTION | mysql.CLIENT_MULTI_RESULTS | mysql.CLIENT_PS_MULTI_RESULTS | mysql.CLIENT_PLUGIN_AUTH |
	mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA | mysql.CLIENT_CONNECT_ATTRS

const (
	defaultCollation = 45
	defaultTimeout   = 30 * time.Second
	maxPacketSize    = 1 << 30
)

// Conn is one connection. It is not safe for concurrent use.
type Conn struct {
	Greeting     packet.Greeting
	Capabilities uint32 // agreed
	Login        packet.OK
	Files        map[string]string // name -> content, for LOAD DATA LOCAL INFILE
	Attributes   []packet.Param    // sent with every statement when CLIENT_QUERY_ATTRIBUTES is agreed

	net     net.Conn
	packed  *wire.Compressed // net when it is compressed
	in      *bufio.Reader
	seq     byte
	timeout time.Duration
}

// ServerError is an ERR packet.
type ServerError struct {
	Code    uint16
	State   string
	Message string
}

func (e *ServerError) Error() string { return fmt.Sprintf("%d (%s): %s", e.Code, e.State, e.Message) }

// Connect opens a connection and reads the greeting, without logging in. The address may be the path of a unix socket.
func Connect(addr string, timeout time.Duration) (*Conn, error) {
	if timeout == 0 {
		timeout = defaultTimeout
	}
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, addr, timeout)
	if err != nil {
		return nil, err
	}
	return Over(conn, timeout)
}

// Over reads the greeting on an open connection, which it closes when there is none.
func Over(conn net.Conn, timeout time.Duration) (*Conn, error) {
	c := &Conn{net: conn, in: bufio.NewReader(conn), timeout: timeout}
	b, err := c.Read()
	if err == nil {
		err = c.greet(b)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func (c *Conn) greet(b []byte) error {
	if packet.IsErr(b) {
		return serverError(b)
	}
	return c.Greeting.Decode(b)
}

func serverError(b []byte) error {
	var e packet.Err
	if err := e.Decode(b); err != nil {
		return err
	}
	return &ServerError{Code: e.Code, State: e.State, Message: string(e.Message)}
}

// Dial connects and logs in.
func Dial(o Options) (*Conn, error) {
	c, err := Connect(o.Addr, o.Timeout)
	if err != nil {
		return nil, err
	}
	if err := c.LogIn(o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// LogIn proves the password and starts TLS before that if asked.
func (c *Conn) LogIn(o Options) error {
	h := c.response(o)
	if o.TLS != nil {
		if err := c.startTLS(h.SSLRequest, o); err != nil {
			return err
		}
	}
	plugin := c.Greeting.AuthPlugin
	auth, err := proof(plugin, o.Password, c.Greeting.Nonce())
	if err != nil {
		return err
	}
	h.AuthResponse, h.AuthPlugin = auth, []byte(plugin)
	if err := c.Write(h.Append(nil)); err != nil {
		return err
	}
	return c.finishLogin(o, c.Greeting.Nonce())
}

func (c *Conn) response(o Options) packet.HandshakeResponse {
	caps := (uint32(usual) | o.Set) &^ o.Clear
	if o.Database != "" {
		caps |= mysql.CLIENT_CONNECT_WITH_DB
	}
	if o.TLS != nil {
		caps |= mysql.CLIENT_SSL
	}
	c.Capabilities = caps & (c.Greeting.Capabilities | mysql.CLIENT_LONG_PASSWORD | mysql.CLIENT_CONNECT_WITH_DB)
	h := packet.HandshakeResponse{User: []byte(o.User), Database: []byte(o.Database)}
	h.Capabilities, h.MaxPacketSize, h.Collation, h.ZstdLevel = c.Capabilities, maxPacketSize, o.Collation, 3
	if h.Collation == 0 {
		h.Collation = defaultCollation
	}
	for k, v := range o.Attributes {
		h.Attributes = packet.AppendLenEncBytes(packet.AppendLenEncBytes(h.Attributes, k), v)
	}
	return h
}

// ErrNoTLS says that the server did not offer TLS.
var ErrNoTLS = errors.New("the server offers no TLS")

func (c *Conn) startTLS(request packet.SSLRequest, o Options) error {
	if c.Greeting.Capabilities&mysql.CLIENT_SSL == 0 {
		return ErrNoTLS
	}
	if err := c.Write(request.Append(nil)); err != nil {
		return err
	}
	secure := tls.Client(c.net, o.TLS)
	if err := secure.Handshake(); err != nil {
		return err
	}
	c.net, c.in = secure, bufio.NewReader(secure)
	return nil
}

// SetTimeout changes how long every later read and write may take.
func (c *Conn) SetTimeout(d time.Duration) { c.timeout = d }

// Secure reports whether a password may go in the clear: over TLS, or a unix socket.
func (c *Conn) Secure() bool {
	nc := c.net
	if c.packed != nil {
		nc = c.packed.Conn
	}
	_, ok := nc.(*tls.Conn)
	return ok || nc.RemoteAddr().Network() == "unix"
}

// Close closes the connection without COM_QUIT.
func (c *Conn) Close() error { return c.net.Close() }

// Quit says goodbye as drivers do.
func (c *Conn) Quit() error {
	err := c.Command(mysql.COM_QUIT, nil)
	return errors.Join(err, c.Close())
}

// Read reads one payload and checks the sequence numbers.
func (c *Conn) Read() ([]byte, error) {
	var whole []byte
	for {
		if err := c.net.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
			return nil, err
		}
		var head [4]byte
		if _, err := io.ReadFull(c.in, head[:]); err != nil {
			return nil, err
		}
		if head[3] != c.seq && c.packed == nil {
			return nil, fmt.Errorf("sequence number %d, want %d", head[3], c.seq)
		}
		c.seq = head[3] + 1
		size := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		part := make([]byte, size)
		if _, err := io.ReadFull(c.in, part); err != nil {
			return nil, err
		}
		whole = append(whole, part...)
		if size < packet.MaxFragment {
			return whole, nil
		}
	}
}

// Write sends one payload under the next sequence numbers.
func (c *Conn) Write(payload []byte) error {
	var out bytes.Buffer
	for {
		n := min(len(payload), packet.MaxFragment)
		out.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), c.seq})
		c.seq++
		out.Write(payload[:n])
		payload = payload[n:]
		if n < packet.MaxFragment {
			return c.WriteRaw(out.Bytes())
		}
	}
}

// WriteRaw sends bytes as they are.
func (c *Conn) WriteRaw(b []byte) error {
	if err := c.net.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	_, err := c.net.Write(b)
	return err
}

// start begins a command: both kinds of sequence numbers start again.
func (c *Conn) start() {
	c.seq = 0
	if c.packed != nil {
		c.packed.ResetSequence()
	}
}

// startCompression goes on as the login agreed. Nothing has been read ahead: the server waits.
func (c *Conn) startCompression() {
	const level = 3
	switch {
	case c.packed != nil: // COM_CHANGE_USER
		return
	case c.Capabilities&mysql.CLIENT_COMPRESS != 0:
		c.packed = wire.Compress(c.net, wire.Zlib, level)
	case c.Capabilities&mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM != 0:
		c.packed = wire.Compress(c.net, wire.Zstd, level)
	default:
		return
	}
	c.net, c.in = c.packed, bufio.NewReader(c.packed)
}

// Command begins a command: the sequence numbers start again.
func (c *Conn) Command(command byte, argument []byte) error {
	c.start()
	return c.Write(append([]byte{command}, argument...))
}

// Prepared is a statement of the binary protocol.
type Prepared struct {
	packet.PrepareOK
	ParamDefs, ColumnDefs []Column
}

// Prepare prepares a statement.
func (c *Conn) Prepare(sql string) (*Prepared, error) {
	if err := c.Command(mysql.COM_STMT_PREPARE, []byte(sql)); err != nil {
		return nil, err
	}
	b, err := c.Read()
	if err != nil {
		return nil, err
	}
	if packet.IsErr(b) {
		return nil, serverError(b)
	}
	p := new(Prepared)
	if err := p.Decode(b); err != nil {
		return nil, err
	}
	if p.ParamDefs, err = c.definitions(int(p.Params)); err == nil {
		p.ColumnDefs, err = c.definitions(int(p.Columns))
	}
	return p, err
}

// definitions reads n column definitions and the EOF packet behind them.
func (c *Conn) definitions(n int) ([]Column, error) {
	columns := make([]Column, n)
	for i := range columns {
		b, err := c.Read()
		if err != nil {
			return nil, err
		}
		if columns[i], err = readColumn(b); err != nil {
			return nil, err
		}
	}
	if n == 0 || c.Capabilities&mysql.CLIENT_DEPRECATE_EOF != 0 {
		return columns, nil
	}
	b, err := c.Read()
	if err == nil && !packet.IsEOF(b) {
		err = packet.ErrMalformed
	}
	return columns, err
}

// Execute runs a prepared statement once.
func (c *Conn) Execute(p *Prepared, params ...packet.Param) ([]Result, error) {
	return c.Send(packet.Execute{StatementID: p.StatementID, Iterations: 1, NewTypes: true, Params: params})
}

// Send runs a prepared statement as the packet says.
func (c *Conn) Send(e packet.Execute) ([]Result, error) {
	encode := e.Append
	if c.attributed() {
		e.Attributes = c.Attributes
		encode = e.AppendAttributed
	}
	return c.SendRaw(encode(nil))
}

// SendRaw sends an execution that is encoded already.
func (c *Conn) SendRaw(execution []byte) ([]Result, error) {
	c.start()
	if err := c.Write(execution); err != nil {
		return nil, err
	}
	return c.results(true)
}

func (c *Conn) attributed() bool { return c.Capabilities&mysql.CLIENT_QUERY_ATTRIBUTES != 0 }

// CloseStatement closes a prepared statement; there is no answer.
func (c *Conn) CloseStatement(p *Prepared) error {
	return c.Command(mysql.COM_STMT_CLOSE, binary.LittleEndian.AppendUint32(nil, p.StatementID))
}

// SendLongData sends a piece of a parameter; there is no answer.
func (c *Conn) SendLongData(p *Prepared, param int, data []byte) error {
	long := packet.SendLongData{StatementID: p.StatementID, Param: uint16(param), Data: data}
	c.start()
	return c.Write(long.Append(nil))
}
