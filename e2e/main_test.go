package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// shared are the servers that tests share, each started when first asked for. Tests keep apart by database names.
var shared = map[servers.Kind]func() (*servers.Server, error){
	servers.MariaDB:  sync.OnceValues(func() (*servers.Server, error) { return startShared(servers.MariaDB) }),
	servers.MySQL:    sync.OnceValues(func() (*servers.Server, error) { return startShared(servers.MySQL) }),
	servers.Embedded: sync.OnceValues(func() (*servers.Server, error) { return startShared(servers.Embedded) }),
}

var (
	cleanupLock sync.Mutex
	cleanups    []func() error // run when all tests are done
)

func atEnd(f func() error) {
	cleanupLock.Lock()
	defer cleanupLock.Unlock()
	cleanups = append(cleanups, f)
}

func startShared(kind servers.Kind) (*servers.Server, error) {
	s, err := servers.Start(kind, servers.Options{})
	if err == nil {
		atEnd(s.Stop)
	}
	return s, err
}

func TestMain(m *testing.M) {
	code := m.Run()
	cleanups = append([]func() error{harness.RemoveBinaries}, cleanups...)
	for i := len(cleanups) - 1; i >= 0; i-- {
		if err := cleanups[i](); err != nil {
			fmt.Fprintln(os.Stderr, "cleaning up:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func server(t *testing.T, kind servers.Kind) *servers.Server {
	t.Helper()
	s, err := shared[kind]()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onEach runs a test on every kind of server, all at once.
func onEach(t *testing.T, kinds []servers.Kind, f func(t *testing.T, s *servers.Server)) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f(t, server(t, kind))
		})
	}
}

// real are the servers that are not our own.
func real() []servers.Kind { return []servers.Kind{servers.MariaDB, servers.MySQL} }

// startProxy makes a database with the application's tables and puts a proxy in front of it.
func startProxy(t *testing.T, o harness.Options) *harness.Proxy {
	t.Helper()
	if o.Database == "" {
		t.Fatal("a test names its own database")
	}
	if err := harness.CreateDatabase(o.Server, o.Database); err != nil {
		t.Fatal(err)
	}
	p, err := harness.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopProxy(t, p) })
	return p
}

// stopProxy stops a proxy; when the test failed it shows the end of the proxy's log first.
func stopProxy(t *testing.T, p *harness.Proxy) {
	if t.Failed() {
		log, err := os.ReadFile(p.LogFile())
		t.Logf("the proxy's log ends with (%v):\n%s", err, log[max(0, len(log)-4000):])
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

// app logs in through the proxy, for the length of the test.
func app(t *testing.T, p *harness.Proxy) *client.Conn {
	t.Helper()
	c, err := p.App()
	return opened(t, c, err)
}

// direct logs in past any proxy, for the length of the test.
func direct(t *testing.T, s *servers.Server, database string) *client.Conn {
	t.Helper()
	c, err := harness.Direct(s, database)
	return opened(t, c, err)
}

func opened(t *testing.T, c *client.Conn, err error) *client.Conn {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// exec runs statements that must succeed.
func exec(t *testing.T, c *client.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := c.Exec(sql); err != nil {
			t.Fatalf("%v in %.200s", err, sql)
		}
	}
}

// query runs a statement that must give one result without an error.
func query(t *testing.T, c *client.Conn, sql string) client.Result {
	t.Helper()
	r, err := c.Query(sql)
	if err != nil {
		t.Fatalf("%v in %.200s", err, sql)
	}
	if len(r) != 1 || r[0].Err != nil {
		t.Fatalf("%+v for %.200s", r, sql)
	}
	return r[0]
}

// text is a row as text, for comparing with what was expected.
func text(row []client.Value) []string {
	out := make([]string, len(row))
	for i, v := range row {
		out[i] = v.Data
		if v.Null {
			out[i] = "NULL"
		}
	}
	return out
}
