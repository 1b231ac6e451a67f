package proxy

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/pires/go-proxyproto"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
)

const (
	v2Start = "\r\n\r\n\x00\r\nQUIT\n"
	v1TCP   = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 3306\r\n"
	v2TCP   = v2Start + "\x21\x11\x00\x0c\xcb\x00\x71\x09\xc6\x33\x64\x01\x9c\x40\x0c\xea"
	v2TLV   = v2Start + "\x21\x11\x00\x13\xcb\x00\x71\x09\xc6\x33\x64\x01\x9c\x40\x0c\xea" + "\x04\x00\x04pad!"
	v2Local = v2Start + "\x20\x00\x00\x00"
)

// A header from a listed network says who the client is; what is behind it is the session's.
func TestAnnouncements(t *testing.T) {
	for name, tt := range map[string]struct{ header, client string }{
		"v1": {v1TCP, "203.0.113.9:40000"}, "v1 IPv6": {"PROXY TCP6 2001:db8::9 2001:db8::1 40000 3306\r\n", "[2001:db8::9]:40000"},
		"v2": {v2TCP, "203.0.113.9:40000"}, "v2 with more": {v2TLV, "203.0.113.9:40000"},
		"v1 unknown": {"PROXY UNKNOWN\r\n", ""}, "v2 local": {v2Local, ""},
	} {
		p := newProxy(t, newBackend(t, alwaysOK), func(c *Config) { c.Announcers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		nc := p.dial()
		for i := range tt.header { // a segment each
			if _, err := nc.Write([]byte{tt.header[i]}); err != nil {
				t.Fatal(err)
			}
		}
		c := &client{Conn: wire.New(nc, "test", packetLimit), t: t, nc: nc}
		if err := c.greeting.Decode(c.read()); err != nil {
			t.Fatal(err)
		}
		if !packet.IsOK(c.respond(baseCaps, nil)) {
			t.Fatalf("%s: no login", name)
		}
		want := tt.client
		if want == "" {
			want = nc.LocalAddr().String()
		}
		if got := p.srv.Sessions()[0].Client; got != want {
			t.Errorf("%s: client %s, want %s", name, got, want)
		}
		c.send([]byte{mysql.COM_QUIT})
		if got := p.closed()["client"]; got != want {
			t.Errorf("%s: logged as %v", name, got)
		}
	}
}

// Without a header, or with a damaged one, there is no session; from elsewhere a header is a malformed login.
func TestAnnouncementRefused(t *testing.T) {
	listed := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for name, tt := range map[string]struct {
		networks []netip.Prefix
		bytes    string
	}{
		"none": {listed, "\x20\x00\x00\x01"}, "v1 without end": {listed, "PROXY TCP4 " + string(bytesOf(200))}, "v1 nonsense": {listed, "PROXY TCP4 x y z\r\n"},
		"v2 signature": {listed, "\r\n\r\n\x00\r\nQUIX\n\x21\x11\x00\x00"}, "v2 too long": {listed, v2Start + "\x21\x11\xff\xff"}, "v2 version": {listed, v2Start + "\x31\x11\x00\x00"},
		"not listed": {elsewhere, v1TCP},
	} {
		b := newBackend(t, alwaysOK)
		p := newProxy(t, b, func(c *Config) { c.Announcers = tt.networks })
		nc := p.dial()
		if _, err := nc.Write([]byte(tt.bytes)); err != nil {
			t.Fatal(err)
		}
		if got := p.closed()["culprit"]; got != "client" {
			t.Errorf("%s: culprit %v", name, got)
		}
		select {
		case <-b.logins:
			t.Errorf("%s: there was a login", name)
		default:
		}
	}
}

// A listed balancer that says nothing is given up at the login deadline.
func TestAnnouncementDeadline(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), func(c *Config) {
		c.Announcers, c.Limits.LoginTimeout = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 50*time.Millisecond
	})
	if _, err := io.ReadAll(p.dial()); err != nil {
		t.Error(err)
	}
	if got := p.closed()["culprit"]; got != "client" {
		t.Errorf("culprit %v", got)
	}
}

// The server is told who the client is before anything else.
func TestAnnouncedToTheServer(t *testing.T) {
	for _, version := range []byte{1, 2} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		p := newProxy(t, newBackend(t, alwaysOK), func(c *Config) {
			c.Announce = version
			c.Dial = tcpDialer(l.Addr().String())
		})
		nc := p.dial()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		_ = server.SetDeadline(time.Now().Add(patience))
		header, err := readHeader(server)
		if err != nil || header.Version != version || header.SourceAddr.String() != nc.LocalAddr().String() || header.DestinationAddr.String() != nc.RemoteAddr().String() {
			t.Errorf("version %d: %+v, %v", version, header, err)
		}
	}
}

func FuzzAnnouncement(f *testing.F) {
	for _, header := range []string{v1TCP, v2TCP, v2TLV, v2Local, "PROXY UNKNOWN\r\n"} {
		f.Add([]byte(header + "behind"))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		nc := &bytesConn{Reader: bytes.NewReader(in)}
		header, err := readHeader(nc)
		if err != nil {
			return
		}
		read := len(in) - nc.Len()
		if again, err := readHeader(&bytesConn{Reader: bytes.NewReader(in[:read])}); err != nil || !again.EqualTo(header) {
			t.Fatalf("%q: %d bytes were read, which read differently: %v", in, read, err)
		}
		if _, err := header.Format(); err != nil && header.Command == proxyproto.PROXY && header.SourceAddr != nil && header.Version == 1 {
			t.Fatalf("%q: %v", in, err)
		}
	})
}

// bytesConn is a connection that says what it was given.
type bytesConn struct {
	net.Conn
	*bytes.Reader
}

func (c *bytesConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }
