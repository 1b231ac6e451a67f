package servers

import (
	"crypto/tls"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/e2e/client"
)

// Every server must be up, know the accounts, and answer the same to both protocols and with every capability that
// changes the shape of packets.
func TestServers(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, err := Start(kind, Options{Logs: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			})
			for name, o := range map[string]client.Options{
				"TLS":          {TLS: s.PKI.Client()},
				"plain":        {},
				"modern":       {TLS: &tls.Config{InsecureSkipVerify: true}, Set: mysql.CLIENT_DEPRECATE_EOF | mysql.CLIENT_SESSION_TRACK},
				"plain modern": {Set: mysql.CLIENT_DEPRECATE_EOF | mysql.CLIENT_SESSION_TRACK},
			} {
				o.Addr, o.User, o.Password = s.Addr, AppUser, AppPassword
				t.Run(name, func(t *testing.T) { checkLogin(t, o) })
			}
			t.Run("no password", func(t *testing.T) { checkLogin(t, client.Options{Addr: s.Addr, User: EmptyUser}) })
		})
	}
}

func checkLogin(t *testing.T, o client.Options) {
	c, err := client.Dial(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := c.Query("SELECT 1 AS one, 'x' AS text, NULL")
	if err != nil || len(r) != 1 || len(r[0].Rows) != 1 || r[0].Rows[0][1].Data != "x" || !r[0].Rows[0][2].Null {
		t.Fatalf("got %+v, %v", r, err)
	}
	p, err := c.Prepare("SELECT 1 AS one, 'x' AS text")
	if err != nil {
		t.Fatal(err)
	}
	if r, err = c.Execute(p); err != nil || r[0].Rows[0][1].Data != "x" {
		t.Fatalf("got %+v, %v", r, err)
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
}

// A server that is killed and run again still has its data.
func TestKillAndRun(t *testing.T) {
	s, err := Start(MariaDB, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := s.Admin("")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "INSERT INTO d.t VALUES (7)"} {
		if err := c.Exec(sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(Options{}); err != nil {
		t.Fatal(err)
	}
	if c, err = s.Admin("d"); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if r, err := c.Query("SELECT a FROM t"); err != nil || len(r[0].Rows) != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
}
