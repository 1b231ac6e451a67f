package suites

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// whole is off in `go test ./...`, which leaves out a few long tests, and on in `make suites`.
var whole = flag.Bool("whole", false, "run the suites' longest tests, too")

// running holds one server of each real kind.
var running = map[servers.Kind]*servers.Server{}

var kinds = []servers.Kind{servers.MariaDB, servers.MySQL}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	defer func() {
		for _, s := range running {
			if stop := s.Stop(); err == nil {
				err = stop
			}
		}
		if removed := harness.RemoveBinaries(); err == nil {
			err = removed
		}
	}()
	for _, kind := range kinds {
		s, err := servers.Start(kind, servers.Options{Args: []string{"--local-infile=ON"}})
		if err != nil {
			return 1, err
		}
		running[kind] = s
	}
	return m.Run(), nil
}

// startProxy starts a proxy in front of a database of the application's, and makes other databases that are empty.
func startProxy(t *testing.T, kind servers.Kind, application string, empty ...string) *harness.Proxy {
	t.Helper()
	s := running[kind]
	for _, name := range empty {
		createDatabase(t, s, name)
	}
	if err := harness.CreateDatabase(s, application); err != nil {
		t.Fatal(err)
	}
	p, err := harness.Start(harness.Options{Server: s, Database: application, ListenTLS: true, BackendTLS: "verify"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func createDatabase(t *testing.T, s *servers.Server, name string) {
	t.Helper()
	c, err := s.Admin("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec("CREATE DATABASE IF NOT EXISTS " + name); err != nil {
		t.Fatal(err)
	}
}
