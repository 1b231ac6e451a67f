package suites

import (
	"fmt"
	"os"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// running holds one server of each real kind.
var running = map[servers.Kind]*servers.Server{}

var kinds = []servers.Kind{servers.MariaDB, servers.MySQL}

func TestMain(m *testing.M) {
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

// startProxy makes an empty database and another one with a proxy in front of it.
func startProxy(t *testing.T, kind servers.Kind, direct, proxied string) *harness.Proxy {
	t.Helper()
	s := running[kind]
	c, err := s.Admin("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec("CREATE DATABASE IF NOT EXISTS " + direct); err != nil {
		t.Fatal(err)
	}
	if err := harness.CreateDatabase(s, proxied); err != nil {
		t.Fatal(err)
	}
	p, err := harness.Start(harness.Options{Server: s, Database: proxied, ListenTLS: true, BackendTLS: "verify"})
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
