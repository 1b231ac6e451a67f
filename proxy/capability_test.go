package proxy

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// varied are the capabilities that change packets, or that must never be agreed to.
var varied = [...]uint32{
	mysql.CLIENT_DEPRECATE_EOF, mysql.CLIENT_SESSION_TRACK, mysql.CLIENT_QUERY_ATTRIBUTES, mysql.CLIENT_MULTI_STATEMENTS,
	mysql.CLIENT_LOCAL_FILES, mysql.CLIENT_OPTIONAL_RESULTSET_METADATA,
}

func combination(bits int) (caps uint32) {
	for i, c := range varied {
		if bits&(1<<i) != 0 {
			caps |= c
		}
	}
	return caps
}

// In every combination of what a server offers and a client asks for, both legs hold what the table says and no more, and
// a statement and its answer have the form that each leg agreed on.
func TestCapabilitiesInAllCombinations(t *testing.T) {
	for server := range 1 << len(varied) {
		b := newBackend(t, nil)
		b.greeting.Capabilities = baseCaps | combination(server)
		asked := make(chan []byte, 1)
		b.forget = true
		b.script = func(command []byte) [][]byte {
			asked <- append([]byte(nil), command...)
			tracked := packet.OK{Status: idle | mysql.SERVER_SESSION_STATE_CHANGED, StateChanges: []byte{packet.StateSchema, 2, 1, 'd'}}
			return [][]byte{tracked.Append(nil, combination(server))}
		}
		p := newProxy(t, b, nil)
		for client := range 1 << len(varied) {
			checkCombination(t, p, b, asked, combination(server), combination(client))
		}
	}
}

func checkCombination(t *testing.T, p *proxied, b *backend, asked chan []byte, server, client uint32) {
	t.Helper()
	c := p.connect()
	defer c.nc.Close()
	const passed = mysql.CLIENT_DEPRECATE_EOF | mysql.CLIENT_SESSION_TRACK | mysql.CLIENT_QUERY_ATTRIBUTES | mysql.CLIENT_LOCAL_FILES
	if got, want := c.greeting.Capabilities, baseCaps|server&(passed|mysql.CLIENT_MULTI_STATEMENTS); got != want {
		t.Fatalf("server %#x: offered %#x, want %#x", server, got, want)
	}
	if first := c.respond(baseCaps|client, nil); !packet.IsOK(first) {
		t.Fatalf("login answered with %x", first)
	}
	agreed := server & client & passed
	if got, want := (<-b.logins).Capabilities, baseCaps|agreed|server&mysql.CLIENT_SESSION_TRACK; got != want {
		t.Fatalf("server %#x, client %#x: the server was asked for %#x, want %#x", server, client, got, want)
	}
	command := []byte{mysql.COM_QUERY}
	if agreed&mysql.CLIENT_QUERY_ATTRIBUTES != 0 {
		command = append(command, packet.NoAttributes...)
	}
	command = append(command, "SELECT 1"...)
	answer := c.ask(command)
	if got := <-asked; string(got) != string(command) {
		t.Fatalf("server %#x, client %#x: the server got %q", server, client, got)
	}
	var ok packet.OK
	if err := ok.Decode(answer, agreed); err != nil || (ok.StateChanges != nil) != (agreed&mysql.CLIENT_SESSION_TRACK != 0) {
		t.Fatalf("server %#x, client %#x: answer %x, %v", server, client, answer, err)
	}
}

// Each capability by itself, offered by the server or not, asked for by the client or not: what holds on either leg is what the
// table says.
func TestEveryCapability(t *testing.T) {
	for bit := range 32 {
		capability := uint32(1) << bit
		if capability&(mysql.CLIENT_SSL|mysql.CLIENT_COMPRESS|mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM|mysql.CLIENT_PROTOCOL_41) != 0 {
			continue // each leg's own affair, see TestLegs; and nobody goes without the last, see TestOldProtocolIsRefused
		}
		reached := masked
		for _, c := range capabilities {
			if c.bit == capability {
				reached = c.reach
			}
		}
		for _, server := range []uint32{baseCaps &^ capability, baseCaps | capability} {
			b := newBackend(t, alwaysOK)
			b.greeting.Capabilities = server
			p := newProxy(t, b, nil)
			for _, client := range []uint32{baseCaps &^ capability, baseCaps | capability} {
				checkCapability(t, p, b, capability, reached, client)
			}
		}
	}
}

func checkCapability(t *testing.T, p *proxied, b *backend, capability uint32, reached reach, client uint32) {
	t.Helper()
	c := p.connect()
	defer c.nc.Close()
	server := b.greeting.Capabilities
	if offered := c.greeting.Capabilities&capability != 0; offered != (server&capability != 0 && reached != masked) {
		t.Errorf("capability %#x: server %#x, offered %v", capability, server, offered)
	}
	c.respond(client, func(r *packet.HandshakeResponse) {
		if client&mysql.CLIENT_CONNECT_WITH_DB != 0 {
			r.Database = []byte("d")
		}
	})
	both := server & client & capability
	switch {
	case reached == masked, reached == fronted:
		both = 0
	case reached == wanted:
		both = server & capability
	case capability == mysql.CLIENT_LONG_PASSWORD:
		both = client & capability // who the client is, whatever was offered
	}
	if r := <-b.logins; r.Capabilities&capability != both {
		t.Errorf("capability %#x: server %#x, client %#x, the server was asked for %#x", capability, server, client, r.Capabilities&capability)
	}
}

// Of what MariaDB calls its own, nothing is offered and nothing asked for, whatever the server offers and the client asks for.
func TestMariaDBsCapabilities(t *testing.T) {
	for bit := range 32 {
		b := newBackend(t, alwaysOK)
		b.greeting.Capabilities, b.greeting.MariaDB = baseCaps&^mysql.CLIENT_LONG_PASSWORD, 1<<bit
		c := newProxy(t, b, nil).connect()
		c.respond(baseCaps&^mysql.CLIENT_LONG_PASSWORD, func(r *packet.HandshakeResponse) { r.MariaDB = 1 << bit })
		if r := <-b.logins; c.greeting.MariaDB != 0 || r.MariaDB != 0 {
			t.Errorf("bit %d: offered %#x, asked for %#x", bit, c.greeting.MariaDB, r.MariaDB)
		}
		c.nc.Close()
	}
}

// Only TLS and compression are agreed on a leg without being offered by the other.
func TestLegs(t *testing.T) {
	l := newLegs(Zlib, Zlib|Zstd)
	if got := l.offer(0, true); got != mysql.CLIENT_SSL|mysql.CLIENT_COMPRESS {
		t.Errorf("offered %#x", got)
	}
	if got := l.agree(^uint32(0), l.offer(mysql.CLIENT_PROTOCOL_41, true)); got != mysql.CLIENT_PROTOCOL_41|mysql.CLIENT_LONG_PASSWORD|mysql.CLIENT_COMPRESS {
		t.Errorf("agreed %#x", got)
	}
	if got := l.ask(0, ^uint32(0)); got != mysql.CLIENT_SESSION_TRACK|mysql.CLIENT_COMPRESS|mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM {
		t.Errorf("asked for %#x", got)
	}
}
