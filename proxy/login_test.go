package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"runtime"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite/fault"
)

func alwaysOK([]byte) [][]byte { return [][]byte{okPacket(mysql.SERVER_STATUS_AUTOCOMMIT)} }

func TestGreetingOffersOnlyWhatIsPassed(t *testing.T) {
	b := newBackend(t, alwaysOK)
	b.greeting.Capabilities &^= mysql.CLIENT_LONG_PASSWORD // MariaDB: its own capabilities follow
	b.greeting.MariaDB = ^uint32(0)
	p := newProxy(t, b, nil)
	c := p.connect()
	passed := reaching(shared, fronted, wanted)
	if got, want := c.greeting.Capabilities, passed&^mysql.CLIENT_LONG_PASSWORD; got != want || c.greeting.MariaDB != 0 {
		t.Errorf("capabilities %#x, MariaDB's %#x; want %#x and none", got, c.greeting.MariaDB, want)
	}
	if !bytes.Equal(c.greeting.Nonce(), testNonce) || c.greeting.ConnectionID != 7 {
		t.Error("the challenge or the connection id was changed")
	}
	c.respond(^uint32(0)&^(mysql.CLIENT_SSL|mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM), nil)
	if r := <-b.logins; r.Capabilities&^passed != 0 || r.MariaDB != 0 {
		t.Errorf("the backend was asked for %#x, MariaDB's %#x", r.Capabilities&^passed, r.MariaDB)
	}
}

func TestSessionTrackingIsAskedForByTheProxy(t *testing.T) {
	b := newBackend(t, alwaysOK)
	p := newProxy(t, b, nil)
	p.login(baseCaps)
	if r := <-b.logins; r.Capabilities != baseCaps|mysql.CLIENT_SESSION_TRACK {
		t.Errorf("capabilities %#x", r.Capabilities)
	} else if string(r.User) != "somebody" || string(r.AuthResponse) != "proof" {
		t.Errorf("login of %q", r.User)
	}
}

func TestLoginRefusals(t *testing.T) {
	tests := []struct {
		name   string
		config func(*Config)
		login  func(*packet.HandshakeResponse)
		want   *fault.Fault
	}{
		{"gbk", nil, func(r *packet.HandshakeResponse) { r.Collation = 28 }, fault.DangerousCharset},
		{"sjis", nil, func(r *packet.HandshakeResponse) { r.Collation = 88 }, fault.DangerousCharset},
		{"gb18030", nil, func(r *packet.HandshakeResponse) { r.Collation = 248 }, fault.DangerousCharset},
		{"no TLS", func(c *Config) { c.RequireTLS = true }, nil, fault.TLSRequired},
		{"backend without TLS", func(c *Config) { c.BackendTLS = &tls.Config{} }, nil, fault.BackendTLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProxy(t, newBackend(t, alwaysOK), tt.config)
			c := p.connect()
			e := errorOf(t, c.respond(baseCaps, tt.login))
			if e.Code != tt.want.Code || e.State != tt.want.State || string(e.Message) != tt.want.Message() {
				t.Errorf("answer %d %s %s", e.Code, e.State, e.Message)
			}
			if got := p.closed()["culprit"]; got != string(tt.want.Culprit) {
				t.Errorf("culprit %v", got)
			}
		})
	}
}

func TestOldProtocolIsRefused(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), nil)
	c := p.connect()
	c.write([]byte{0x85, 0x20, 0, 0, 0, 'u', 0, 0})
	if e := errorOf(t, c.read()); e.Code != fault.ProtocolTooOld.Code {
		t.Errorf("answer %d %s", e.Code, e.Message)
	}
}

func TestBackendDown(t *testing.T) {
	b := newBackend(t, alwaysOK)
	p := newProxy(t, b, nil)
	_ = b.listener.Close()
	c := wire.New(p.dial(), "test", packetLimit)
	got, err := c.ReadPacket()
	if err != nil {
		t.Fatal(err)
	}
	if e := errorOf(t, got); e.Code != fault.BackendUnreachable.Code || e.State != "" {
		t.Errorf("answer %d %q %s", e.Code, e.State, e.Message)
	}
	if got := p.closed()["culprit"]; got != string(fault.Backend) {
		t.Errorf("culprit %v", got)
	}
}

// An error in place of the backend's greeting, such as "too many connections", reaches the client as it came.
func TestBackendErrorInPlaceOfGreeting(t *testing.T) {
	b := newBackend(t, alwaysOK)
	want := []byte("\xff\x10\x04Too many connections")
	p := newProxy(t, b, func(c *Config) {
		c.Dial = func(context.Context) (net.Conn, error) {
			here, there := net.Pipe()
			go func() { _ = write(wire.New(there, "test", packetLimit), want) }()
			return here, nil
		}
	})
	c := wire.New(p.dial(), "test", packetLimit)
	if got, err := c.ReadPacket(); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestWrongPassword(t *testing.T) {
	b := newBackend(t, alwaysOK)
	b.login = func(c *wire.Conn, _ *packet.HandshakeResponse) bool {
		_ = write(c, errPacket(1045))
		return false
	}
	p := newProxy(t, b, nil)
	if e := errorOf(t, p.connect().respond(baseCaps, nil)); e.Code != 1045 {
		t.Errorf("answer %d", e.Code)
	}
	if got := p.closed(); got["culprit"] != string(fault.Auth) || got["user"] != "somebody" {
		t.Errorf("log %v", got)
	}
}

// Plugins that the proxy does not know go back and forth as bytes.
func TestUnknownPluginIsRelayed(t *testing.T) {
	b := newBackend(t, alwaysOK)
	b.login = func(c *wire.Conn, _ *packet.HandshakeResponse) bool {
		step := packet.AuthSwitchRequest{Plugin: "dialog", Data: []byte("who?")}
		for _, exchange := range [][2][]byte{{step.Append(nil), []byte("me")}, {[]byte("\x01really?"), {}}, {[]byte("\x02and more"), []byte("yes")}} {
			if write(c, exchange[0]) != nil {
				return false
			}
			if p, err := c.ReadPacket(); err != nil || !bytes.Equal(p, exchange[1]) {
				return false
			}
		}
		return true
	}
	p := newProxy(t, b, nil)
	c := p.connect()
	first := c.respond(baseCaps, nil)
	if first[0] != mysql.EOF_HEADER {
		t.Fatalf("first step %x", first)
	}
	c.write([]byte("me"))
	if got := c.read(); string(got) != "\x01really?" {
		t.Fatalf("second step %q", got)
	}
	c.write(nil)
	if got := c.read(); string(got) != "\x02and more" {
		t.Fatalf("third step %q", got)
	}
	c.write([]byte("yes"))
	if got := c.read(); !packet.IsOK(got) {
		t.Fatalf("end %x", got)
	}
}

// Further factors go back and forth as bytes, for clients that know of them.
func TestFurtherFactorsAreRelayed(t *testing.T) {
	factor := packet.AuthNextFactor{Plugin: "dialog", Data: []byte("code?")}
	b := newBackend(t, alwaysOK)
	b.login = func(c *wire.Conn, _ *packet.HandshakeResponse) bool {
		for _, exchange := range [][2][]byte{{factor.Append(nil), []byte("1234")}, {[]byte("\x01again?"), []byte("5678")}} {
			if write(c, exchange[0]) != nil {
				return false
			}
			if p, err := c.ReadPacket(); err != nil || !bytes.Equal(p, exchange[1]) {
				return false
			}
		}
		return true
	}
	c := newProxy(t, b, nil).connect()
	if got := c.respond(baseCaps|mysql.MULTI_FACTOR_AUTHENTICATION, nil); !bytes.Equal(got, factor.Append(nil)) {
		t.Fatalf("next factor %q", got)
	}
	c.write([]byte("1234"))
	if got := c.read(); string(got) != "\x01again?" {
		t.Fatalf("second step %q", got)
	}
	c.write([]byte("5678"))
	if got := c.read(); !packet.IsOK(got) {
		t.Fatalf("end %x", got)
	}
}

// A factor in the clear does not cross from TLS to a leg without.
func TestClearFactorStaysInsideTLS(t *testing.T) {
	for _, plugin := range []string{mysql.AUTH_CLEAR_PASSWORD, dialogPlugin} {
		factor := packet.AuthNextFactor{Plugin: plugin, Data: []byte{0}}
		b := newBackend(t, alwaysOK)
		b.login = func(c *wire.Conn, _ *packet.HandshakeResponse) bool {
			_ = write(c, factor.Append(nil))
			_, _ = c.ReadPacket()
			return true
		}
		p := newProxy(t, b, func(cfg *Config) { cfg.ClientTLS = selfSigned(t) })
		c := p.connect()
		const caps = baseCaps | mysql.MULTI_FACTOR_AUTHENTICATION | mysql.CLIENT_SSL
		request := packet.SSLRequest{Capabilities: caps, MaxPacketSize: 1 << 24, Collation: 45}
		c.write(request.Append(nil))
		if err := c.StartTLS(t.Context(), tls.Client, &tls.Config{InsecureSkipVerify: true}); err != nil {
			t.Fatal(err)
		}
		if e := errorOf(t, c.respond(caps, nil)); e.Code != fault.PasswordPath.Code {
			t.Errorf("%s: answered with %d", plugin, e.Code)
		}
	}
}

// sha2Backend takes the password "secret" by caching_sha2_password's full authentication, as a server with an empty
// cache does: in the clear over TLS, encrypted with its public key otherwise.
func sha2Backend(t *testing.T, withTLS bool) *backend {
	t.Helper()
	return passwordBackend(t, withTLS, []byte{mysql.MORE_DATE_HEADER, fullAuthRequested}, publicKeyRequest)
}

// sha256Backend does the same by sha256_password.
func sha256Backend(t *testing.T, withTLS bool) *backend {
	t.Helper()
	step := packet.AuthSwitchRequest{Plugin: mysql.AUTH_SHA256_PASSWORD, Data: append(testNonce[:20:20], 0)}
	return passwordBackend(t, withTLS, step.Append(nil), sha256KeyRequest)
}

func passwordBackend(t *testing.T, withTLS bool, wish []byte, keyRequest byte) *backend {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, passwordKeyBits)
	if err != nil {
		t.Fatal(err)
	}
	b := newBackend(t, alwaysOK)
	b.greeting.AuthPlugin = mysql.AUTH_CACHING_SHA2_PASSWORD
	if withTLS {
		b.greeting.Capabilities |= mysql.CLIENT_SSL
		b.tls = selfSigned(t)
	}
	b.login = func(c *wire.Conn, _ *packet.HandshakeResponse) bool {
		password, err := passwordOf(c, key, wish, keyRequest)
		if err == nil && string(password) == "secret\x00" {
			return true
		}
		_ = write(c, errPacket(1045))
		return false
	}
	return b
}

func passwordOf(c *wire.Conn, key *rsa.PrivateKey, wish []byte, keyRequest byte) ([]byte, error) {
	if err := write(c, wish); err != nil {
		return nil, err
	}
	p, err := c.ReadPacket()
	if err != nil || c.Secure() {
		return p, err
	}
	if !bytes.Equal(p, []byte{keyRequest}) {
		return nil, fmt.Errorf("password sent without TLS")
	}
	offer, err := publicKeyOffer(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	if err := write(c, offer); err != nil {
		return nil, err
	}
	if p, err = c.ReadPacket(); err != nil {
		return nil, err
	}
	password, err := rsa.DecryptOAEP(sha1.New(), nil, key, p, nil)
	xor(password, testNonce)
	return password, err
}

func TestPasswordsWithTLSOnEitherLeg(t *testing.T) {
	plugins := map[string]func(*testing.T, bool) *backend{"caching_sha2": sha2Backend, "sha256": sha256Backend}
	for plugin, server := range plugins {
		for _, clientTLS := range []bool{false, true} {
			for _, backendTLS := range []bool{false, true} {
				for _, password := range []string{"secret", "wrong"} {
					t.Run(fmt.Sprintf("%s client %t backend %t %s", plugin, clientTLS, backendTLS, password), func(t *testing.T) {
						p := newProxy(t, server(t, backendTLS), tlsOn(t, clientTLS, backendTLS))
						err := ping(t, p.addr, password, clientTLS)
						if (err == nil) != (password == "secret") {
							t.Fatalf("login: %v; proxy: %v", err, p.closed())
						}
					})
				}
			}
		}
	}
}

func tlsOn(t *testing.T, clientLeg, backendLeg bool) func(*Config) {
	return func(c *Config) {
		if backendLeg {
			c.BackendTLS = &tls.Config{InsecureSkipVerify: true}
		}
		if clientLeg {
			c.ClientTLS = selfSigned(t)
			c.RequireTLS = true
		}
	}
}

// ping logs in with the Go driver.
func ping(t *testing.T, addr, password string, withTLS bool) error {
	t.Helper()
	cfg := driver.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = "somebody", password, "tcp", addr
	if withTLS {
		cfg.TLSConfig = "skip-verify"
	}
	connector, err := driver.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return db.PingContext(ctx)
}

// A client that holds the server's public key encrypts for the server, which over TLS expects the password in the clear.
func TestPinnedPublicKeyCannotBeBridged(t *testing.T) {
	p := newProxy(t, sha2Backend(t, true), func(c *Config) { c.BackendTLS = &tls.Config{InsecureSkipVerify: true} })
	c := p.connect()
	if got := c.respond(baseCaps, func(r *packet.HandshakeResponse) { r.AuthPlugin = []byte(mysql.AUTH_CACHING_SHA2_PASSWORD) }); got[0] != 1 {
		t.Fatalf("first step %x", got)
	}
	c.write(make([]byte, 256))
	if e := errorOf(t, c.read()); e.Code != fault.PasswordPath.Code {
		t.Errorf("answer %d %s", e.Code, e.Message)
	}
}

// The password in the clear must not leave a TLS leg for one without.
func TestClearPasswordStaysInsideTLS(t *testing.T) {
	b := newBackend(t, alwaysOK)
	answered := make(chan error, 1)
	b.login = func(c *wire.Conn, _ *packet.HandshakeResponse) bool {
		step := packet.AuthSwitchRequest{Plugin: mysql.AUTH_CLEAR_PASSWORD}
		_ = write(c, step.Append(nil))
		_, err := c.ReadPacket()
		answered <- err
		return false
	}
	p := newProxy(t, b, func(c *Config) { c.ClientTLS = selfSigned(t) })
	if err := ping(t, p.addr, "secret", true); err == nil {
		t.Fatal("logged in")
	}
	if err := <-answered; err == nil {
		t.Fatal("the server got an answer")
	}
}

func TestServerKeyMustBeReadable(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, passwordKeyBits)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := publicKeyOffer(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := serverKey(offer); err != nil || !got.Equal(&key.PublicKey) {
		t.Fatal(err)
	}
	ec, _ := pem.Decode(offer[1:])
	if _, err := x509.ParsePKIXPublicKey(ec.Bytes); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, {1}, []byte("\x01nonsense"), offer[1:], append([]byte{1}, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1, 2}})...)} {
		if _, err := serverKey(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestLoginDeadline(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), func(c *Config) { c.Limits.LoginTimeout = 50 * time.Millisecond })
	c := p.connect()
	if _, err := io.ReadAll(c.nc); err != nil {
		t.Fatalf("not closed: %v", err)
	}
	if got := p.closed(); got["culprit"] != string(fault.Client) {
		t.Errorf("log %v", got)
	}
}

func TestLoginPacketLimit(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), nil)
	c := p.connect()
	_ = write(c.Conn, make([]byte, loginPacketLimit+1))
	if got := p.closed(); got["culprit"] != string(fault.Client) {
		t.Errorf("log %v", got)
	}
}

// Nonsense in place of a login ends the connection and nothing else: no panic, no goroutine, no session left.
func TestMalformedLogins(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), nil)
	before := runtime.NumGoroutine()
	random := mathrand.New(mathrand.NewPCG(1, 2))
	const rounds, parallel = 10_000, 20
	slots := make(chan struct{}, parallel)
	for range rounds {
		slots <- struct{}{}
		login := mutatedLogin(random)
		go func() {
			defer func() { <-slots }()
			sendRaw(p.addr, login)
		}()
	}
	for range parallel {
		slots <- struct{}{}
	}
	eventually(t, "all sessions end", func() bool { return len(p.logs.FilterMessage("session closed").All()) == rounds })
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before+5 })
	for _, e := range p.logs.FilterMessage("session closed").All() {
		if e.ContextMap()["culprit"] == string(fault.Internal) {
			t.Fatalf("panic: %v", e.ContextMap())
		}
	}
}

func sendRaw(addr string, login []byte) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	_, _ = nc.Write(login)
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, nc)
}

// mutatedLogin is a login with bytes changed, cut off or put in, framed rightly or wrongly.
func mutatedLogin(r *mathrand.Rand) []byte {
	h := packet.HandshakeResponse{
		SSLRequest: packet.SSLRequest{Capabilities: r.Uint32(), MaxPacketSize: 1 << 24, Collation: byte(r.Uint32())},
		User:       []byte("somebody"), AuthResponse: []byte("proof"), Database: []byte("test"),
		AuthPlugin: []byte(mysql.AUTH_CACHING_SHA2_PASSWORD), Attributes: []byte("\x01a\x01b"),
	}
	if r.IntN(2) == 0 {
		h.Capabilities |= mysql.CLIENT_PROTOCOL_41 | mysql.CLIENT_SECURE_CONNECTION
	}
	p := h.Append(nil)
	for range r.IntN(4) {
		p[r.IntN(len(p))] = byte(r.Uint32())
	}
	p = p[:len(p)-r.IntN(len(p))/(1+r.IntN(4))]
	n := len(p)
	if r.IntN(5) == 0 {
		n = r.IntN(1 << 24)
	}
	seq := byte(1)
	if r.IntN(10) == 0 {
		seq = byte(r.Uint32())
	}
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, p...)
}
