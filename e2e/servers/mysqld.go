package servers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"phiproxy/e2e/process"
)

// mysqldPath is the server to run. MySQL 9.7 lives in a tree of its own (see mysql97.sh) unless the environment says otherwise.
func mysqldPath(kind Kind) string {
	if kind == MariaDB {
		return environment("PHIPROXY_MARIADBD", "mariadbd")
	}
	return environment("PHIPROXY_MYSQLD", environment("MYSQL97_ROOT", "/var/tmp/mysql97")+".bin/mysqld")
}

// Tool is the path of a client program of the server's own version: "mysql" or "mysqldump".
func (s *Server) Tool(name string) string {
	if s.Kind == MySQL {
		return filepath.Join(filepath.Dir(mysqldPath(MySQL)), name)
	}
	return name
}

func environment(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// common are arguments of every run: quick rather than durable, apart from what a crash of the process can lose.
func (s *Server) common() []string {
	return []string{"--no-defaults", "--user=root", "--datadir=" + s.DataDir(), "--tmpdir=" + s.Dir}
}

// initialize makes the data directory.
func (s *Server) initialize() error {
	if err := os.Mkdir(s.DataDir(), 0o700); err != nil {
		return err
	}
	cmd := exec.Command(mysqldPath(s.Kind), append(s.common(), "--initialize-insecure")...)
	if s.Kind == MariaDB {
		cmd = exec.Command("mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+s.DataDir(), "--tmpdir="+s.Dir, "--skip-test-db",
			"--auth-root-authentication-method=normal")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make a data directory (has e2e/setup.sh been run?): %w\n%s", err, out)
	}
	return s.writeAccounts()
}

func (s *Server) initFile() string { return filepath.Join(s.Dir, "accounts.sql") }

// writeAccounts writes what the server runs when it starts.
func (s *Server) writeAccounts() error {
	var b strings.Builder
	for _, a := range s.accounts() {
		by := "BY"
		if s.Kind == MariaDB {
			fmt.Fprintf(&b, "CREATE OR REPLACE USER '%s'@'%%' IDENTIFIED VIA %s USING PASSWORD('%s');\n", a.User, a.Plugin, a.Password)
		} else {
			fmt.Fprintf(&b, "CREATE USER IF NOT EXISTS '%s'@'%%' IDENTIFIED WITH %s %s '%s';\n", a.User, a.Plugin, by, a.Password)
		}
		fmt.Fprintf(&b, "GRANT ALL ON *.* TO '%s'@'%%' WITH GRANT OPTION;\n", a.User)
	}
	return os.WriteFile(s.initFile(), []byte(b.String()), 0o600)
}

func (s *Server) accounts() []Account {
	return []Account{
		{AppUser, AppPassword, s.Plugin}, {StoreUser, StorePassword, s.Plugin}, {AdminUser, AdminPassword, s.Plugin}, {EmptyUser, "", s.Plugin},
	}
}

// Run starts the server over its data directory, on the address it had before if it had one, and waits until it is ready.
func (s *Server) Run(o Options) error {
	if s.Addr == "" {
		port, err := FreePort()
		if err != nil {
			return err
		}
		s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	p, err := process.Start(exec.Command(mysqldPath(s.Kind), s.arguments(o)...), filepath.Join(s.Dir, "server.log"))
	if err != nil {
		return err
	}
	s.process = p
	return s.waitReady()
}

func (s *Server) arguments(o Options) []string {
	_, port, _ := net.SplitHostPort(s.Addr)
	args := append(s.common(), "--port="+port, "--bind-address=127.0.0.1", "--socket="+filepath.Join(s.Dir, "sock"),
		"--pid-file="+filepath.Join(s.Dir, "pid"), "--init-file="+s.initFile(), "--skip-name-resolve", "--max-allowed-packet=256M",
		"--max-connections=300", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--performance-schema=OFF",
		"--character-set-server=utf8mb4", "--local-infile=1")
	if s.Kind == MySQL {
		args = append(args, "--mysqlx=OFF", "--innodb-redo-log-capacity=64M")
	}
	if !o.NoTLS {
		args = append(args, "--ssl-ca="+s.PKI.CAFile, "--ssl-cert="+s.PKI.CertFile, "--ssl-key="+s.PKI.KeyFile)
	} else if s.Kind == MySQL {
		args = append(args, "--tls-version=", "--auto-generate-certs=OFF")
	}
	return append(append(args, s.logArguments(o)...), o.Args...)
}

func (s *Server) logArguments(o Options) []string {
	if !o.Logs {
		if s.Kind == MySQL {
			return []string{"--skip-log-bin"}
		}
		return nil
	}
	args := []string{"--general-log=ON", "--general-log-file=" + filepath.Join(s.Dir, "general.log"), "--slow-query-log=ON",
		"--slow-query-log-file=" + filepath.Join(s.Dir, "slow.log"), "--long-query-time=0", "--log-bin=binlog", "--server-id=1"}
	if s.Kind == MariaDB {
		return append(args, "--binlog-annotate-row-events=ON")
	}
	// Unless raw, the general log leaves out statements that do not parse.
	return append(args, "--binlog-rows-query-log-events=ON", "--log-raw=ON")
}
