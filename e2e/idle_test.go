package e2e

import (
	"crypto/tls"
	"flag"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

var idleConnections = flag.Int("idle", 300, "connections of each kind in TestIdleConnections")

// A connection that waits for its client costs the proxy little memory, whether it was used or not.
func TestIdleConnections(t *testing.T) {
	s := ownServer(t, servers.MariaDB, servers.Options{})
	admin, err := s.Admin("")
	exec(t, opened(t, admin, err), "SET GLOBAL max_connections = 20000")
	for _, kind := range []struct {
		name  string
		caps  uint32
		tls   *tls.Config
		bound int // bytes; about twice what was measured, or more
	}{
		{"plain", 0, nil, 48 << 10}, {"compressed", mysql.CLIENT_COMPRESS, nil, 128 << 10}, {"TLS", 0, &tls.Config{InsecureSkipVerify: true}, 192 << 10},
	} {
		t.Run(kind.name, func(t *testing.T) {
			p := startProxy(t, harness.Options{Server: s, Database: "idle_" + kind.name, ListenTLS: true}) // memory that others gave back is not counted
			before := residentBytes(t, p)
			for range *idleConnections {
				c, err := client.Dial(client.Options{Addr: p.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: p.Database, Set: kind.caps, TLS: kind.tls})
				exec(t, opened(t, c, err), "SELECT 1", "SELECT patient_first FROM cases")
			}
			time.Sleep(500 * time.Millisecond) // buffers are given back when a connection has come to rest
			each := (residentBytes(t, p) - before) / *idleConnections
			t.Logf("%s: %d bytes for each of %d connections", kind.name, each, *idleConnections)
			if each > kind.bound {
				t.Errorf("%s: %d bytes for each connection, at most %d are allowed", kind.name, each, kind.bound)
			}
		})
	}
}
