package suites

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"phiproxy/e2e/servers"
)

// goFormat is that of the testing package; subtests are indented.
var goFormat = format{
	result: regexp.MustCompile(`(?m)^ *--- (?P<result>PASS|FAIL|SKIP): (?P<test>\S+)`),
	end:    regexp.MustCompile(`(?m)^(PASS|FAIL)$`),
}

const (
	// goOutside is a test of the dialer that calls an address of the Internet and nothing of ours.
	goOutside = "TestConnectorReturnsTimeout"
	goLong    = "TestLongData|TestConcurrent|TestPreparedManyCols|TestSQLInjection"
)

// The tests of github.com/go-sql-driver/mysql, of the version that the module uses.
func TestGoSQLDriver(t *testing.T) {
	t.Parallel()
	left := goOutside
	if !*whole {
		left += "|" + goLong
	}
	f := goFormat
	f.dir = t.TempDir()
	binary := filepath.Join(f.dir, "suite")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, "github.com/go-sql-driver/mysql").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := startProxy(t, kind, "go_app", "go_direct", "go_proxied")
			run := func(addr, database string) (outcomes, string) {
				return suite(t, f, []string{"MYSQL_TEST_ADDR=" + addr, "MYSQL_TEST_DBNAME=" + database, "MYSQL_TEST_CONCURRENT=1",
					"MYSQL_TEST_USER=" + servers.AppUser, "MYSQL_TEST_PASS=" + servers.AppPassword}, binary, "-test.v", "-test.timeout=170s", "-test.skip=^("+left+")$")
			}
			direct, _ := run(p.Server.Addr, "go_direct")
			proxied, out := run(p.Addr, "go_proxied")
			compare(t, "go-"+string(kind)+".list", direct, proxied)
			if t.Failed() {
				t.Logf("through the proxy: %s", out)
			}
		})
	}
}
