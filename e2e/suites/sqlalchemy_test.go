package suites

import (
	"fmt"
	"regexp"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// pytestFormat is that of pytest -v, in the directory that has its settings.
var pytestFormat = format{
	result: regexp.MustCompile(`(?m)^(?P<test>test_suite\.py::.*) (?P<result>PASSED|FAILED|SKIPPED|ERROR) .*\[ *\d+%\]$`),
	end:    regexp.MustCompile(`(?m)^=* .*\d+ passed.* in [0-9.]+s`),
	dir:    "sqlalchemy",
}

// alchemyShort are the tests of values, results and cursors by parts of their names: those that make few tables.
const alchemyShort = "round_trip or insert or rowcount or cursor or fetch or null or literal"

// SQLAlchemy's tests of its dialect, on PyMySQL. Some fail on every server, since its defaults do not know what these offer; they
// must fail through the proxy too. The database test_schema is the suite's name for another one.
func TestSQLAlchemy(t *testing.T) {
	t.Parallel()
	tests := alchemyShort
	if *whole {
		tests = ""
	}
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := startProxy(t, kind, "alchemy_app", "alchemy_direct", "alchemy_proxied", "test_schema")
			run := func(addr, database string) (outcomes, string) {
				uri := fmt.Sprintf("mysql+pymysql://%s:%s@%s/%s?charset=utf8mb4", servers.AppUser, servers.AppPassword, addr, database)
				return suite(t, pytestFormat, []string{"PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1"}, harness.Python(), "-m", "pytest", "-v", "-k", tests, "--dburi="+uri, "test_suite.py")
			}
			direct, _ := run(p.Server.Addr, "alchemy_direct")
			proxied, out := run(p.Addr, "alchemy_proxied")
			compare(t, "sqlalchemy-"+string(kind)+".list", direct, proxied)
			if t.Failed() {
				t.Logf("through the proxy: %s", out)
			}
		})
	}
}
