package scratch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"phiproxy/embedded"
	"phiproxy/rewrite"
)

// sidecar is a server that somebody else runs, for this proxy alone: everything in it that has the engine's names is
// removed.
type sidecar struct{ account account }

func newSidecar(dsn string) (launcher, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("scratch: the DSN cannot be read; it is user:password@unix(/path/to/socket)/")
	}
	if c.Net != "unix" {
		return nil, errors.New("scratch: the DSN must name a unix socket: rows in plaintext do not belong on a network")
	}
	return sidecar{account{network: "unix", address: c.Addr, user: c.User, password: c.Passwd}}, nil
}

// launch finds the server running, or not.
func (l sidecar) launch(ctx context.Context) (*server, error) {
	c, err := dial(ctx, l.account)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := &server{account: l.account, flavor: rewrite.MySQL, version: c.GetServerVersion(), stop: func() {}}
	if strings.Contains(s.version, "MariaDB") {
		s.flavor = rewrite.MariaDB
	}
	if err := c.quiet(); err != nil {
		return nil, err
	}
	return s, nil
}

func (sidecar) close() error { return nil }

// quiet refuses a server that keeps what it is told.
func (c *conn) quiet() error {
	for _, name := range []string{"general_log", "slow_query_log", "log_bin", "performance_schema"} {
		on := true
		err := c.rows("SELECT @@global."+name+" + 0", func(row []byte) error {
			v, err := textRow(row, 1)
			on = len(v) != 1 || string(v[0]) != "0"
			return err
		})
		if err != nil {
			return fail(Unavailable, err)
		}
		if on {
			return fail(Unavailable, fmt.Errorf("the scratch server runs with %s, which would keep rows; switch it off", name))
		}
	}
	_, err := c.exec("SET GLOBAL local_infile=ON")
	return err
}

// embeddedLauncher runs phiproxy's own server inside this process. It listens on a port of the loopback interface, which
// only a random password opens: it is for demonstrations, whose backend is the same server.
type embeddedLauncher struct{}

func (embeddedLauncher) launch(context.Context) (*server, error) {
	a := account{network: "tcp", user: userName, password: newPassword()}
	running, err := embedded.Start("127.0.0.1:0", embedded.Options{Accounts: []embedded.Account{{User: a.user, Password: a.password}}})
	if err != nil {
		return nil, fail(Unavailable, err)
	}
	a.address = running.Addr()
	stop := func() { _ = running.Close() } // which complains about open sessions
	return &server{account: a, flavor: rewrite.Embedded, version: embedded.Version, stop: stop}, nil
}

func (embeddedLauncher) close() error { return nil }
