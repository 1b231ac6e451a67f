package e2e

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

var slowMegabytes = flag.Int("slow-megabytes", 300, "size of each result of TestSlowReader")

// A result of hundreds of megabytes for a client that does not read is held back at the server, and not in the proxy's
// memory, whether the rows are relayed or opened.
func TestSlowReader(t *testing.T) {
	const rowBytes, allowance = 1_000_000, 64 << 20
	rows := *slowMegabytes
	s := server(t, servers.MariaDB)
	p := startProxy(t, harness.Options{Server: s, Database: "slow_reader"})
	exec(t, app(t, p), "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('slow', '"+provider(1)+"', 'Slow')")
	for name, caps := range map[string]uint32{"plain": 0, "zlib": mysql.CLIENT_COMPRESS} {
		for _, sql := range []string{
			fmt.Sprintf("SELECT 'x', REPEAT(UUID(), %d) FROM seq_1_to_%d", rowBytes/36, rows),
			fmt.Sprintf("SELECT patient_first, REPEAT(UUID(), %d) FROM cases, seq_1_to_%d", rowBytes/36, rows),
		} {
			c, err := client.Dial(client.Options{Addr: p.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: p.Database, Set: caps})
			opened(t, c, err)
			before := residentBytes(t, p)
			if err := c.Command(mysql.COM_QUERY, []byte(sql)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
			if grown := residentBytes(t, p) - before; grown > allowance {
				t.Errorf("%s, %s: the proxy grew by %d bytes while nobody read", name, sql, grown)
			}
			if got := countRows(t, c); got != rows {
				t.Errorf("%s, %s: %d rows", name, sql, got)
			}
			if grown := residentBytes(t, p) - before; grown > allowance {
				t.Errorf("%s, %s: the proxy grew by %d bytes", name, sql, grown)
			}
		}
	}
}

// countRows reads a result set and keeps nothing of it.
func countRows(t *testing.T, c *client.Conn) int {
	t.Helper()
	packets, ends := 0, 0
	for ends < 2 {
		b, err := c.Read()
		if err != nil || packet.IsErr(b) {
			t.Fatalf("%v after %d packets", err, packets)
		}
		if packet.IsEOF(b) && len(b) == 5 {
			ends++
		} else {
			packets++
		}
	}
	const head = 3 // the count and two definitions
	return packets - head
}

// residentBytes is the memory that the proxy's process takes.
func residentBytes(t *testing.T, p *harness.Proxy) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
