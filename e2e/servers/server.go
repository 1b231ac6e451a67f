// Package servers starts the database servers that end-to-end tests run against: MariaDB, MySQL 9.7, and phiproxy's own
// embedded server. Each has a data directory of its own below /tmp, certificates of a throw-away authority, and the same
// accounts. A server that cannot be started is an error, never a reason to test less.
package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"phiproxy/e2e/client"
)

// Kind is a family of servers.
type Kind string

// The kinds.
const (
	MariaDB  Kind = "mariadb"
	MySQL    Kind = "mysql"
	Embedded Kind = "embedded"
)

// Kinds are all kinds.
func Kinds() []Kind { return []Kind{MariaDB, MySQL, Embedded} }

// Account is a database user.
type Account struct {
	User, Password, Plugin string
}

// The accounts that every server has; the passwords are not worth hiding.
const (
	AppUser       = "app" // what applications log in as
	AppPassword   = "app-secret"
	StoreUser     = "keys" // the proxy's own
	StorePassword = "keys-secret"
	AdminUser     = "admin" // sets up and looks behind the proxy
	AdminPassword = "admin-secret"
	EmptyUser     = "empty" // has no password
)

// Server is a running server.
type Server struct {
	Kind Kind
	Addr string // host:port
	Dir  string // holds the data directory "data", logs and certificates; "" for the embedded server
	PKI  *PKI   // certificates; the server offers TLS with them
	// Plugin is the authentication plugin of the accounts.
	Plugin string

	process stopper
}

// stopper is what can be stopped.
type stopper interface {
	Stop() error // cleanly
	Kill() error // at once
}

// Options vary a server.
type Options struct {
	NoTLS bool
	Logs  bool     // general log, slow log with every statement, and binary log
	Args  []string // further arguments of mysqld or mariadbd
}

const readyTimeout = 60 * time.Second

// Start runs a server and waits until it can be logged in to.
func Start(kind Kind, o Options) (*Server, error) {
	dir, err := os.MkdirTemp("/tmp", "phiproxy-e2e-"+string(kind)+"-")
	if err != nil {
		return nil, err
	}
	s := &Server{Kind: kind, Dir: dir}
	if err := s.start(o); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", kind, err), s.Stop())
	}
	return s, nil
}

func (s *Server) start(o Options) (err error) {
	if s.PKI, err = NewPKI(s.Dir); err != nil {
		return err
	}
	switch s.Kind {
	case Embedded:
		return s.startEmbedded(o)
	case MariaDB:
		s.Plugin = "mysql_native_password"
	case MySQL:
		s.Plugin = "caching_sha2_password"
	}
	if err := s.initialize(); err != nil {
		return err
	}
	return s.Run(o)
}

// waitReady tries to log in until the server is up.
func (s *Server) waitReady() error {
	deadline := time.Now().Add(readyTimeout)
	for {
		c, err := s.Admin("")
		if err == nil {
			return c.Quit()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Admin logs in as the administrator, past any proxy.
func (s *Server) Admin(database string) (*client.Conn, error) {
	return client.Dial(client.Options{Addr: s.Addr, User: AdminUser, Password: AdminPassword, Database: database})
}

// Stop stops the server and removes its directory.
func (s *Server) Stop() error {
	return errors.Join(s.Shutdown(), os.RemoveAll(s.Dir))
}

// Shutdown stops the server cleanly and keeps its directory.
func (s *Server) Shutdown() error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	return p.Stop()
}

// Kill ends the server as a crash would.
func (s *Server) Kill() error {
	p := s.process
	s.process = nil
	return p.Kill()
}

// FreePort is a TCP port of the loopback interface that nobody listens on. It is none of those that Linux gives to
// connections by itself (ip_local_port_range), one of which could take it before a server does.
func FreePort() (int, error) {
	const first, last = 10_000, 32_767
	for tries := 0; ; tries++ {
		port := first + rand.IntN(last-first+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		if tries == 100 {
			return 0, err
		}
	}
}

// DataDir is where a server keeps its files.
func (s *Server) DataDir() string { return filepath.Join(s.Dir, "data") }
