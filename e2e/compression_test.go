package e2e

import (
	stdcmp "cmp"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

var clientCompressions = map[string]uint32{"none": 0, "zlib": mysql.CLIENT_COMPRESS, "zstd": mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM}

// Each leg is compressed as it agreed to be, whatever the other one does.
func TestCompression(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "compression")
		plain, err := client.Dial(client.Options{Addr: p.plainServer.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: p.plain.database})
		want := compressionRun(t, side{conn: opened(t, plain, err), database: p.plain.database})
		for _, backend := range []string{"none", "zlib", "zstd"} {
			proxy, err := harness.StartPrepared(harness.Options{Server: s, Database: p.sealed.database, BackendLines: "  compression: " + backend}, p.proxy)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { stopProxy(t, proxy) })
			for name, capability := range clientCompressions {
				c, err := client.Dial(client.Options{Addr: proxy.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: p.sealed.database, Set: capability})
				opened(t, c, err)
				if c.Capabilities&capability != capability {
					t.Fatalf("%s is not offered", name)
				}
				if diff := cmp.Diff(want, compressionRun(t, side{conn: c, database: p.sealed.database})); diff != "" {
					t.Errorf("client %s, backend %s: directly (-), through phiproxy (+)\n%s", name, backend, diff)
				}
				compressed := query(t, c, "SHOW STATUS LIKE 'Compression'").Rows[0][1].Data
				offered := plain.Greeting.Capabilities & clientCompressions[backend]
				if (compressed == "ON") != (offered != 0) {
					t.Errorf("backend %s, offered %#x: the server says %s", backend, offered, compressed)
				}
			}
		}
	})
}

// compressionRun is everything that a client sees of statements with short and long packets.
func compressionRun(t *testing.T, s side) (all []any) {
	t.Helper()
	for _, sql := range []string{
		"SELECT 1", "SELECT * FROM cases ORDER BY case_id", "SELECT REPEAT('x', 5000000), 'end'", "SELECT REPEAT(UUID(), 0), REPEAT('ab', 3000)",
		"BEGIN", "UPDATE cases SET patient_first = 'Zip' WHERE case_id = '{E01}'", "SELECT patient_first FROM cases WHERE case_id = '{E01}'",
		"ROLLBACK", "SELECT no_such FROM cases",
		"SELECT LENGTH('" + strings.Repeat("0123456789", 200_000) + "')",
	} {
		all = append(all, s.runText(t, seedNames().Replace(sql)))
	}
	all = append(all, s.runPrepared(t, "SELECT patient_first, patient_dob FROM cases WHERE user_id >= ? ORDER BY case_id", []packet.Param{stringParam("")}))
	if err := s.conn.ChangeUser(client.Options{User: servers.AppUser, Password: servers.AppPassword, Database: s.database}); err != nil {
		t.Fatal(err)
	}
	return append(all, s.runText(t, "SELECT patient_last FROM cases ORDER BY case_id LIMIT 3"))
}

// Compressed packets of 16 MiB and more, in both directions.
func TestBigCompressedPackets(t *testing.T) {
	s := server(t, servers.MySQL)
	p := startProxy(t, harness.Options{Server: s, Database: "big_compressed", BackendLines: "  compression: zstd"})
	exec(t, direct(t, s, p.Database), "CREATE TABLE big (id INT, v LONGBLOB)", "GRANT ALL ON big_compressed.* TO "+servers.AppUser)
	for i, capability := range []uint32{mysql.CLIENT_COMPRESS, mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM} {
		c, err := client.Dial(client.Options{Addr: p.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: p.Database, Set: capability})
		opened(t, c, err)
		for j, size := range []int{1<<24 - 1, 1 << 24, 1<<24 + 300_000} {
			bigText(t, c, 10*i+j, size)
		}
	}
}

// The command line of either server, which compresses by code of its own, gets its rows.
func TestCommandLineCompresses(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "cli_compression")
		host, port, _ := strings.Cut(p.proxy.Addr, ":")
		for _, flags := range compressionFlags[s.Kind] {
			args := append(strings.Fields(flags), "-h", host, "-P", port, "-u", servers.AppUser, "-p"+servers.AppPassword, p.sealed.database, "-B", "-N", "-e",
				"SELECT COUNT(patient_first) FROM cases; SELECT patient_first FROM cases ORDER BY case_id; SELECT LENGTH(REPEAT('x', 1000000)); SHOW STATUS LIKE 'Compression'")
			out, err := osexec.Command(args[0], args[1:]...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "1000000\nCompression\tOFF\n") || strings.Count(string(out), "\n") < 10 {
				t.Errorf("%s: %v\n%s", flags, err, out)
			}
		}
	})
}

var compressionFlags = map[servers.Kind][]string{
	servers.MariaDB: {"mariadb --compress"},
	servers.MySQL: {
		mysqlCommandLine() + " --compression-algorithms=zlib", mysqlCommandLine() + " --compression-algorithms=zstd",
		mysqlCommandLine() + " --compression-algorithms=zstd --zstd-compression-level=19",
	},
}

// mysqlCommandLine is MySQL's own client, beside the server that the tests start.
func mysqlCommandLine() string {
	return stdcmp.Or(os.Getenv("MYSQL97_ROOT"), "/var/tmp/mysql97") + ".bin/mysql"
}
