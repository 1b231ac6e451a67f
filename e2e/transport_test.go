package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// Clients reach the proxy by its unix socket, and it the server by the server's.
func TestUnixSockets(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		socket := filepath.Join(t.TempDir(), "phiproxy.sock")
		p := startProxy(t, harness.Options{Server: s, Database: "unix_sockets", Backend: filepath.Join(s.Dir, "sock"), Listen: "  socket: " + socket})
		c, err := client.Dial(client.Options{Addr: socket, User: servers.AppUser, Password: servers.AppPassword, Database: p.Database})
		opened(t, c, err)
		exec(t, c, "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('unix', '"+provider(1)+"', 'Ken')")
		if got := query(t, c, "SELECT patient_first, SUBSTRING_INDEX(USER(), '@', -1) FROM cases").Rows[0]; !cmp.Equal(text(got), []string{"Ken", "localhost"}) {
			t.Errorf("%v", text(got))
		}
		if got := query(t, app(t, p), "SELECT patient_first FROM cases").Rows[0]; !cmp.Equal(text(got), []string{"Ken"}) {
			t.Errorf("over TCP: %v", text(got))
		}
	})
}

// A load balancer's PROXY protocol header is read, and passed on to the server, which then sees the client's address.
func TestProxyProtocol(t *testing.T) {
	s := server(t, servers.MariaDB)
	exec(t, direct(t, s, ""), "SET GLOBAL proxy_protocol_networks = '127.0.0.1'")
	for _, version := range []string{"v1", "v2"} {
		p := startProxy(t, harness.Options{Server: s, Database: "proxy_protocol_" + version, BackendLines: "  proxy_protocol: " + version, Listen: "  proxy_protocol: [127.0.0.2, 10.0.0.0/8]"})
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		nc, err := from.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(nc, "PROXY TCP4 203.0.113.9 198.51.100.1 40000 3306\r\n"); err != nil {
			t.Fatal(err)
		}
		c, err := client.Over(nc, 10*time.Second)
		opened(t, c, err)
		if err := c.LogIn(client.Options{User: servers.AppUser, Password: servers.AppPassword, Database: p.Database}); err != nil {
			t.Fatal(err)
		}
		if got := query(t, c, "SELECT USER(), COUNT(patient_first) FROM cases").Rows[0]; got[0].Data != servers.AppUser+"@203.0.113.9" {
			t.Errorf("%s: the server sees %s", version, got[0].Data)
		}
		if got := query(t, app(t, p), "SELECT USER()").Rows[0][0].Data; got != servers.AppUser+"@127.0.0.1" {
			t.Errorf("%s: of a client without a balancer the server sees %s", version, got)
		}
	}
}

// KILL and COM_PROCESS_KILL from another connection take the ids that clients see.
func TestKill(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "killed")
		var seen [2][]string
		for i, side := range []struct{ addr, database string }{{p.plainServer.Addr, p.plain.database}, {p.proxy.Addr, p.sealed.database}} {
			open := func() *client.Conn {
				c, err := client.Dial(client.Options{Addr: side.addr, User: servers.AppUser, Password: servers.AppPassword, Database: side.database})
				return opened(t, c, err)
			}
			seen[i] = killed(t, open)
		}
		if diff := cmp.Diff(seen[0], seen[1]); diff != "" {
			t.Errorf("directly (-), through phiproxy (+)\n%s", diff)
		}
	})
}

// killed kills a statement and connections, and returns what became of them.
func killed(t *testing.T, open func() *client.Conn) (seen []string) {
	t.Helper()
	killer := open()
	running := func(c *client.Conn, sql string, kill func()) {
		done := make(chan string, 1)
		go func() { done <- fateOf(c, sql) }()
		for query(t, killer, "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep' AND id = "+idOf(c)).Rows[0][0].Data != "1" {
			time.Sleep(10 * time.Millisecond)
		}
		kill()
		seen = append(seen, <-done)
	}
	const slow = "SELECT patient_first, SLEEP(20) FROM cases WHERE case_id IS NOT NULL LIMIT 1"
	c := open()
	running(c, slow, func() { exec(t, killer, "KILL QUERY "+idOf(c)) })
	seen = append(seen, fateOf(c, "SELECT COUNT(patient_first) FROM cases WHERE FALSE"))
	if got := query(t, c, "SELECT CONNECTION_ID()").Rows[0][0].Data; got != idOf(c) {
		t.Errorf("the greeting says %s, the server %s", idOf(c), got)
	}
	running(c, slow, func() { exec(t, killer, "KILL "+idOf(c)) })
	idle := open()
	kill := binary.LittleEndian.AppendUint32(nil, idle.Greeting.ConnectionID)
	r, err := killer.Do(mysql.COM_PROCESS_KILL, kill)
	seen = append(seen, fmt.Sprint(r.Err, err))
	time.Sleep(200 * time.Millisecond)
	seen = append(seen, fateOf(idle, "SELECT 1"))
	r, err = killer.Do(mysql.COM_PROCESS_KILL, binary.LittleEndian.AppendUint32(nil, 1<<31))
	return append(seen, fmt.Sprint(r.Err, err))
}

func idOf(c *client.Conn) string { return fmt.Sprint(c.Greeting.ConnectionID) }

// fateOf is what a client sees of a statement that may be killed.
func fateOf(c *client.Conn, sql string) string {
	r, err := c.Query(sql)
	var se *client.ServerError
	switch {
	case errors.As(err, &se):
		return se.Error()
	case err != nil:
		return "connection lost"
	case r[0].Err != nil:
		return r[0].Err.Error()
	}
	var values []string
	for _, row := range r[0].Rows {
		values = append(values, text(row)...)
	}
	return strings.Join(values, ",")
}

// What a session tracks arrives in one piece with the answer to a statement that phiproxy runs in a transaction of its own.
func TestTrackedStateOfALookup(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "tracked"})
		c, err := client.Dial(client.Options{Addr: p.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: p.Database, Set: mysql.CLIENT_SESSION_TRACK})
		opened(t, c, err)
		exec(t, c, "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', '"+provider(1)+"', 'Ada'), ('b', '"+provider(1)+"', 'Bea')",
			"SET SESSION session_track_transaction_info = 'STATE'")
		for _, name := range []string{"Cleo", "Cleo", "Dora"} {
			exec(t, c, "UPDATE cases SET patient_first = '"+name+"' WHERE case_id IN ('a', 'b')")
			if r, err := c.Query("UPDATE cases SET patient_last = '" + name + "'"); err != nil || r[0].Err != nil || r[0].Status&mysql.SERVER_STATUS_IN_TRANS != 0 {
				t.Errorf("%+v, %v", r, err)
			}
		}
		if got := query(t, c, "SELECT patient_first, patient_last FROM cases WHERE case_id = 'b'").Rows[0]; !cmp.Equal(text(got), []string{"Dora", "Dora"}) {
			t.Errorf("%v", text(got))
		}
	})
}
