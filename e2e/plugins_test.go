package e2e

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	driver "github.com/go-sql-driver/mysql"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// otherAccount makes an account with another plugin than the usual one.
func otherAccount(kind servers.Kind) []string {
	const grant = "GRANT ALL ON *.* TO other@'%'"
	if kind == servers.MySQL {
		return []string{"CREATE USER IF NOT EXISTS other@'%' IDENTIFIED WITH sha256_password BY 'pa ss'", grant}
	}
	return []string{"INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'", "CREATE USER IF NOT EXISTS other@'%' IDENTIFIED VIA ed25519 USING PASSWORD('pa ss')", grant}
}

func administer(t *testing.T, s *servers.Server, statements ...string) {
	t.Helper()
	c, err := s.Admin("")
	exec(t, opened(t, c, err), statements...)
}

// Accounts with other plugins log in over every combination of TLS legs.
func TestOtherPlugins(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		administer(t, s, otherAccount(s.Kind)...)
		for _, backend := range []string{"disable", "verify"} {
			p := startProxy(t, harness.Options{Server: s, Database: "plugins_" + backend, ListenTLS: true, BackendTLS: backend})
			for _, secure := range []bool{false, true} {
				for password, want := range map[string]bool{"pa ss": true, "wrong": false} {
					if err := pluginLogin(p, password, secure); (err == nil) != want {
						t.Errorf("backend TLS %s, client TLS %v, password %q: %v", backend, secure, password, err)
					}
				}
			}
		}
	})
}

func pluginLogin(p *harness.Proxy, password string, secure bool) error {
	cfg := driver.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", p.Addr, "other", password, p.Database
	if secure {
		cfg.TLS = p.Server.PKI.Client()
		cfg.TLS.MinVersion = tls.VersionTLS12
	}
	connector, err := driver.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	// The driver cuts a last zero off the server's random challenge, and then misses it: one in 256 of ed25519's.
	for tries := 0; ; tries++ {
		var n int
		err := db.QueryRow("SELECT COUNT(patient_first) FROM cases").Scan(&n)
		if tries == 3 || !errors.Is(err, driver.ErrMalformPkt) {
			return err
		}
	}
}

// On a unix socket the server asks the kernel who its client is: that is the user that phiproxy runs as. MySQL can ask for it
// as a second factor.
func TestAccountsOfTheSocket(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		account := me.Username // MariaDB's plugin takes nobody else
		setup := []string{"CREATE OR REPLACE USER '" + account + "'@'localhost' IDENTIFIED VIA unix_socket", "GRANT ALL ON *.* TO '" + account + "'@'localhost'"}
		if s.Kind == servers.MySQL {
			account = "sock"
			c, err := s.Admin("")
			if len(query(t, opened(t, c, err), "SELECT 1 FROM information_schema.plugins WHERE PLUGIN_NAME = 'auth_socket'").Rows) == 0 {
				exec(t, c, "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'")
			}
			setup = []string{"CREATE USER IF NOT EXISTS sock@'localhost' IDENTIFIED WITH auth_socket AS '" + me.Username + "'", "GRANT ALL ON *.* TO sock@'localhost'",
				"CREATE USER IF NOT EXISTS two@'localhost' IDENTIFIED WITH caching_sha2_password BY 'one' AND IDENTIFIED WITH auth_socket AS '" + me.Username + "'", "GRANT ALL ON *.* TO two@'localhost'"}
		}
		administer(t, s, setup...)
		p := startProxy(t, harness.Options{Server: s, Database: "socket_accounts", ListenTLS: true, Backend: filepath.Join(s.Dir, "sock")})
		o := client.Options{Addr: p.Addr, User: account, Database: p.Database}
		c, err := client.Dial(o)
		query(t, opened(t, c, err), "SELECT patient_first FROM cases")
		if s.Kind == servers.MariaDB {
			return
		}
		o.User, o.Password, o.TLS, o.Set = "two", "one", s.PKI.Client(), mysql.MULTI_FACTOR_AUTHENTICATION
		c, err = client.Dial(o)
		query(t, opened(t, c, err), "SELECT patient_first FROM cases")
	})
}
