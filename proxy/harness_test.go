package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite"
)

// patience bounds every wait of a test; nothing is expected to take that long.
const patience = 20 * time.Second

// baseCaps is what test clients and servers speak unless a test says otherwise.
const baseCaps = mysql.CLIENT_LONG_PASSWORD | mysql.CLIENT_PROTOCOL_41 | mysql.CLIENT_SECURE_CONNECTION | mysql.CLIENT_PLUGIN_AUTH |
	mysql.CLIENT_TRANSACTIONS | mysql.CLIENT_MULTI_RESULTS

var testNonce = []byte("abcdefghijklmnopqrst")

// backend is a scripted database server: it greets, takes any login, and answers commands with what the script returns.
type backend struct {
	t        testing.TB
	listener net.Listener
	greeting packet.Greeting
	tls      *tls.Config
	login    func(*wire.Conn, *packet.HandshakeResponse) bool // nil: OK for everybody
	script   func(command []byte) [][]byte                    // nil packets: the connection is closed
	logins   chan packet.HandshakeResponse

	afterSwitch bool // after a packet that asks for another plugin, one more is read and answered with OK

	mu        sync.Mutex
	commands  [][]byte
	file      []byte // of the client, that was asked for
	forget    bool   // keep no commands
	hangUp    bool   // close the connection after the next answer
	lastWords []byte // and say this before
}

func newBackend(t testing.TB, script func([]byte) [][]byte) *backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{t: t, listener: l, script: script, logins: make(chan packet.HandshakeResponse, 100)}
	b.greeting = packet.Greeting{
		ServerVersion: "8.0.39-test", ConnectionID: 7, AuthData: append(testNonce[:20:20], 0), Capabilities: ^uint32(0) &^ mysql.CLIENT_SSL,
		Collation: 45, Status: mysql.SERVER_STATUS_AUTOCOMMIT, AuthPlugin: mysql.AUTH_NATIVE_PASSWORD,
	}
	t.Cleanup(func() { _ = l.Close() })
	return b
}

func (b *backend) accept() {
	for {
		nc, err := b.listener.Accept()
		if err != nil {
			return
		}
		go b.serve(nc)
	}
}

func (b *backend) serve(nc net.Conn) {
	defer nc.Close()
	c := wire.New(nc, "test", packetLimit)
	if !b.handshake(c) {
		return
	}
	for {
		c.ResetSequence()
		p, err := c.ReadPacket()
		if err != nil {
			return
		}
		b.mu.Lock()
		if !b.forget {
			b.commands = append(b.commands, append([]byte(nil), p...))
		}
		b.mu.Unlock()
		packets := b.script(p)
		if packets == nil {
			return
		}
		if write(c, packets...) != nil || b.end(c) {
			return
		}
		if len(packets) > 0 && packet.IsLocalInfile(packets[0]) && b.readFile(c) != nil {
			return
		}
		if b.afterSwitch && packets[0][0] == mysql.EOF_HEADER {
			if _, err := c.ReadPacket(); err != nil || write(c, okPacket(mysql.SERVER_STATUS_AUTOCOMMIT)) != nil {
				return
			}
		}
	}
}

// readFile reads a client's file and answers with OK.
func (b *backend) readFile(c *wire.Conn) error {
	for {
		p, err := c.ReadPacket()
		if err != nil {
			return err
		}
		if len(p) == 0 {
			return write(c, okPacket(mysql.SERVER_STATUS_AUTOCOMMIT))
		}
		b.mu.Lock()
		b.file = append(b.file, p...)
		b.mu.Unlock()
	}
}

// end tells whether to hang up, after the last words.
func (b *backend) end(c *wire.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hangUp && b.lastWords != nil {
		c.ResetSequence()
		_ = write(c, b.lastWords)
	}
	return b.hangUp
}

func write(c *wire.Conn, packets ...[]byte) error {
	for _, p := range packets {
		if err := c.WritePacket(p); err != nil {
			return err
		}
	}
	return c.Flush()
}

func (b *backend) handshake(c *wire.Conn) bool {
	if write(c, b.greeting.Append(nil)) != nil {
		return false
	}
	p, err := c.ReadPacket()
	if err != nil {
		return false
	}
	if packet.IsSSLRequest(p) {
		if c.StartTLS(context.Background(), tls.Server, b.tls) != nil {
			return false
		}
		if p, err = c.ReadPacket(); err != nil {
			return false
		}
	}
	var r packet.HandshakeResponse
	if r.Decode(append([]byte(nil), p...)) != nil {
		return false
	}
	select {
	case b.logins <- r:
	default: // a test that logs in often does not look
	}
	if b.login != nil && !b.login(c, &r) {
		return false
	}
	return write(c, okPacket(mysql.SERVER_STATUS_AUTOCOMMIT)) == nil
}

// seen returns the commands so far.
func (b *backend) seen() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([][]byte(nil), b.commands...)
}

func okPacket(status uint16) []byte {
	ok := packet.OK{Status: status}
	return ok.Append(nil, 0)
}

func eofPacket(status uint16) []byte {
	e := packet.EOF{Status: status}
	return e.Append(nil)
}

func errPacket(code uint16) []byte {
	e := packet.Err{Code: code, State: "HY000", Message: []byte("text of the server")}
	return e.Append(nil)
}

// proxied is a proxy between a test and a scripted backend.
type proxied struct {
	t    testing.TB
	srv  *Server
	addr string
	logs *observer.ObservedLogs
}

func newProxy(t testing.TB, b *backend, change func(*Config)) *proxied {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	planner := rewrite.NewPlanner(&rewrite.Schema{}, 16)
	cfg := Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", b.listener.Addr().String())
		},
		Planner: func() *rewrite.Planner { return planner },
		Log:     zap.New(core),
	}
	if change != nil {
		change(&cfg)
	}
	srv, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go b.accept()
	p := &proxied{t: t, srv: srv, addr: l.Addr().String(), logs: logs}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // sessions that a test left open are cut
		_ = srv.Shutdown(ctx)
		if err := <-served; err != ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
	})
	return p
}

// dial opens a connection without saying anything.
func (p *proxied) dial() net.Conn {
	p.t.Helper()
	nc, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return nc
}

// client is a raw client that is logged in.
type client struct {
	*wire.Conn
	t        testing.TB
	nc       net.Conn
	greeting packet.Greeting
}

// connect reads the greeting.
func (p *proxied) connect() *client {
	p.t.Helper()
	nc := p.dial()
	c := &client{Conn: wire.New(nc, "test", packetLimit), t: p.t, nc: nc}
	if err := c.greeting.Decode(c.read()); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// login logs in with the given capabilities.
func (p *proxied) login(caps uint32) *client {
	p.t.Helper()
	c := p.connect()
	first := c.respond(caps, nil)
	if !packet.IsOK(first) {
		p.t.Fatalf("login answered with %x", first)
	}
	return c
}

// respond sends the login and returns the answer.
func (c *client) respond(caps uint32, change func(*packet.HandshakeResponse)) []byte {
	c.t.Helper()
	r := packet.HandshakeResponse{
		SSLRequest:   packet.SSLRequest{Capabilities: caps, MaxPacketSize: 1 << 24, Collation: 45},
		User:         []byte("somebody"),
		AuthResponse: []byte("proof"),
		AuthPlugin:   []byte(mysql.AUTH_NATIVE_PASSWORD),
	}
	if change != nil {
		change(&r)
	}
	c.write(r.Append(nil))
	return c.read()
}

func (c *client) write(p []byte) {
	c.t.Helper()
	if err := write(c.Conn, p); err != nil {
		c.t.Fatal(err)
	}
}

// read returns a copy of the next packet.
func (c *client) read() []byte {
	c.t.Helper()
	p, err := c.ReadPacket()
	if err != nil {
		c.t.Fatal(err)
	}
	return append([]byte(nil), p...)
}

// ask sends a command and returns the first packet of the answer.
func (c *client) ask(command []byte) []byte {
	c.t.Helper()
	c.send(command)
	return c.read()
}

func (c *client) send(command []byte) {
	c.t.Helper()
	c.ResetSequence()
	c.write(command)
}

// errorOf decodes an ERR packet.
func errorOf(t testing.TB, p []byte) packet.Err {
	t.Helper()
	var e packet.Err
	if err := e.Decode(p); err != nil {
		t.Fatalf("%x is no error: %v", p, err)
	}
	return e
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// closed waits for the log line of a session's end and returns its fields.
func (p *proxied) closed() map[string]any {
	p.t.Helper()
	var fields map[string]any
	eventually(p.t, "a session's end in the log", func() bool {
		for _, e := range p.logs.FilterMessage("session closed").All() {
			fields = e.ContextMap()
		}
		return fields != nil
	})
	return fields
}

func selfSigned(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// tcpDialer is a Config.Dial.
func tcpDialer(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", addr) }
}
