// Package testdb starts a MariaDB server for the tests of this tree. A server that cannot be started fails the tests.
// PHIPROXY_TEST_DSN, such as "root@tcp(127.0.0.1:3306)/", makes them use a running server instead.
package testdb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"database/sql"

	_ "github.com/go-sql-driver/mysql" // the driver
)

// Server is a running server.
type Server struct {
	base    string // DSN up to and including the slash
	dir     string // "" for a server that was there before
	process *exec.Cmd
}

const readyTime = 60 * time.Second

// Start runs the server of PHIPROXY_MARIADBD, or mariadbd on PATH, on a new data directory.
func Start() (*Server, error) {
	if base := os.Getenv("PHIPROXY_TEST_DSN"); base != "" {
		return &Server{base: base}, nil
	}
	dir, err := os.MkdirTemp("/tmp", "phiproxy-keys-") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, base: "root@unix(" + filepath.Join(dir, "s") + ")/"}
	if err := s.run(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) run() error {
	data := filepath.Join(s.dir, "data")
	out, err := exec.Command("mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+data, "--skip-test-db",
		"--auth-root-authentication-method=normal").CombinedOutput()
	if err != nil {
		return fmt.Errorf("no data directory for MariaDB: %w\n%s", err, out)
	}
	name := os.Getenv("PHIPROXY_MARIADBD")
	if name == "" {
		name = "mariadbd"
	}
	s.process = exec.Command(name, "--no-defaults", "--user=root", "--datadir="+data, "--tmpdir="+s.dir,
		"--socket="+filepath.Join(s.dir, "s"), "--skip-networking", "--innodb-flush-log-at-trx-commit=2", "--max-connections=500")
	if err := s.process.Start(); err != nil {
		return err
	}
	return s.waitReady()
}

// DSN is an administrator's, for a database of that name ("" for none).
func (s *Server) DSN(database string) string { return s.base + database }

// Database makes a new database of that name and opens it.
func (s *Server) Database(name string) (*sql.DB, error) {
	admin, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	for _, q := range []string{"DROP DATABASE IF EXISTS " + name, "CREATE DATABASE " + name + " CHARACTER SET utf8mb4"} {
		if _, err := admin.Exec(q); err != nil {
			return nil, err
		}
	}
	return sql.Open("mysql", s.DSN(name))
}

func (s *Server) waitReady() error {
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	for deadline := time.Now().Add(readyTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = db.Ping(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("MariaDB did not come up: %w", err)
}

// Stop ends the server and removes its files.
func (s *Server) Stop() error {
	var err error
	if s.process != nil && s.process.Process != nil {
		err = s.process.Process.Signal(syscall.SIGTERM)
		s.process.Wait()
	}
	if s.dir == "" {
		return nil
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
