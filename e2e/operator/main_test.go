package operator

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/keys/kmsemu"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "aws" {
		if err := awsCommand(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "aws:", err)
			os.Exit(254)
		}
		return
	}
	code := m.Run()
	for _, end := range append(cleanups, harness.RemoveBinaries) {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, "cleaning up:", err)
			code = 1
		}
	}
	os.Exit(code)
}

var (
	cleanupLock sync.Mutex
	cleanups    []func() error // run when all tests are done
)

// shared starts a server when first asked for.
func shared(kind servers.Kind) func() (*servers.Server, error) {
	return sync.OnceValues(func() (*servers.Server, error) {
		s, err := servers.Start(kind, servers.Options{})
		if err == nil {
			cleanupLock.Lock()
			defer cleanupLock.Unlock()
			cleanups = append(cleanups, s.Stop)
		}
		return s, err
	})
}

// The servers of these tests: production, the one of the restore drill, and MySQL for what depends on the server.
var production, drill, mysql = shared(servers.MariaDB), shared(servers.MariaDB), shared(servers.MySQL)

func server(t *testing.T, start func() (*servers.Server, error)) *servers.Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// startKMS runs the emulator of the key service.
func startKMS(t *testing.T, aliases ...string) (*kmsemu.Emulator, string) {
	t.Helper()
	e, err := kmsemu.New(kmsemu.Options{Aliases: aliases})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return e, s.URL
}
