package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// leg is one way to log in.
type leg struct {
	name       string
	backendTLS string
	clientTLS  bool
}

func legs() []leg {
	var all []leg
	for _, backend := range []string{"disable", "require", "verify"} {
		for _, secure := range []bool{false, true} {
			all = append(all, leg{fmt.Sprintf("client TLS %v, backend TLS %s", secure, backend), backend, secure})
		}
	}
	return all
}

// plugins are the authentication plugins that accounts of a server can have.
func plugins(kind servers.Kind) []string {
	if kind == servers.MySQL {
		return []string{mysql.AUTH_CACHING_SHA2_PASSWORD}
	}
	return []string{mysql.AUTH_NATIVE_PASSWORD}
}

// Logging in works on every combination of TLS legs, for every plugin, on the slow path and on the fast one.
func TestAuthentication(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		proxies := map[string]*harness.Proxy{}
		for i, backend := range []string{"disable", "require", "verify"} {
			proxies[backend] = startProxy(t, harness.Options{Server: s, Database: fmt.Sprintf("auth%d", i), ListenTLS: true, BackendTLS: backend})
		}
		for i, l := range legs() {
			for j, plugin := range plugins(s.Kind) {
				t.Run(l.name+" "+plugin, func(t *testing.T) {
					p := proxies[l.backendTLS]
					o := client.Options{Addr: p.Addr, User: fmt.Sprintf("user%d%d", i, j), Password: "pa'ss\\ wörd", Database: p.Database}
					createUser(t, s, plugin, o)
					if l.clientTLS {
						o.TLS = s.PKI.Client()
					}
					checkAccount(t, s, o, l.backendTLS != "disable")
				})
			}
			t.Run(l.name+" no password", func(t *testing.T) {
				p := proxies[l.backendTLS]
				o := client.Options{Addr: p.Addr, User: servers.EmptyUser, Database: p.Database}
				if l.clientTLS {
					o.TLS = s.PKI.Client()
				}
				login(t, s, o, l.backendTLS != "disable")
			})
		}
	})
}

func createUser(t *testing.T, s *servers.Server, plugin string, o client.Options) {
	t.Helper()
	password := "'pa''ss\\\\ wörd'"
	identified := "IDENTIFIED WITH " + plugin + " BY " + password
	if s.Kind == servers.MariaDB {
		identified = "IDENTIFIED VIA " + plugin + " USING PASSWORD(" + password + ")"
	}
	c, err := s.Admin("")
	exec(t, opened(t, c, err), "SET NAMES utf8mb4", "CREATE USER '"+o.User+"'@'%' "+identified, "GRANT ALL PRIVILEGES ON *.* TO '"+o.User+"'@'%'")
}

func checkAccount(t *testing.T, s *servers.Server, o client.Options, backendTLS bool) {
	t.Helper()
	login(t, s, o, backendTLS) // the server has not seen the account before
	login(t, s, o, backendTLS) // and now it has
	direct := o
	direct.Addr = s.Addr
	for name, change := range map[string]func(*client.Options){
		"wrong password":   func(o *client.Options) { o.Password = "wrong" },
		"no password":      func(o *client.Options) { o.Password = "" },
		"unknown user":     func(o *client.Options) { o.User = "nobody" },
		"unknown database": func(o *client.Options) { o.Database = "no_such" },
	} {
		want, got := direct, o
		change(&want)
		change(&got)
		if diff := cmp.Diff(loginError(t, want), loginError(t, got)); diff != "" {
			t.Errorf("%s: directly (-), through phiproxy (+)\n%s", name, diff)
		}
	}
	login(t, s, o, backendTLS)
}

func loginError(t *testing.T, o client.Options) *client.ServerError {
	t.Helper()
	c, err := client.Dial(o)
	if err == nil {
		_ = c.Close()
		t.Errorf("logged in as %q to %q", o.User, o.Database)
		return nil
	}
	var e *client.ServerError
	if !errors.As(err, &e) {
		t.Errorf("no error packet: %v", err)
	}
	return e
}

func login(t *testing.T, s *servers.Server, o client.Options, backendTLS bool) {
	t.Helper()
	c, err := client.Dial(o)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	if got := query(t, c, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)").Rows[0][0].Data; got != o.User {
		t.Errorf("logged in as %q, want %q", got, o.User)
	}
	query(t, c, "SELECT case_id, patient_first FROM cases")
	if s.Kind == servers.Embedded {
		return // knows no status variables of TLS
	}
	cipher := query(t, c, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").Rows
	if secure := len(cipher) == 1 && cipher[0][1].Data != ""; secure != backendTLS {
		t.Errorf("the backend leg's cipher is %v", cipher)
	}
}

// A proxy that requires TLS answers others with an error, and one without a certificate does not offer it.
func TestListenTLS(t *testing.T) {
	s := server(t, servers.MariaDB)
	required := startProxy(t, harness.Options{Server: s, Database: "tls_required", ListenTLS: true, RequireTLS: true})
	o := client.Options{Addr: required.Addr, User: servers.AppUser, Password: servers.AppPassword}
	if e := loginError(t, o); e == nil || e.Code == 1045 {
		t.Errorf("without TLS: %v", e)
	}
	o.TLS = s.PKI.Client()
	login(t, s, withDatabase(o, "tls_required"), false)

	none := startProxy(t, harness.Options{Server: s, Database: "tls_none"})
	c, err := client.Connect(none.Addr, 0)
	opened(t, c, err)
	if c.Greeting.Capabilities&mysql.CLIENT_SSL != 0 {
		t.Error("TLS is offered without a certificate")
	}
}

func withDatabase(o client.Options, database string) client.Options {
	o.Database = database
	return o
}

// A backend whose certificate does not verify is not logged in to.
func TestBackendCertificate(t *testing.T) {
	s, other := server(t, servers.MariaDB), *server(t, servers.MariaDB)
	pki, err := servers.NewPKI(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	good := startProxy(t, harness.Options{Server: s, Database: "certificate"})
	other.PKI = pki
	p, err := harness.Configure(harness.Options{Server: &other, Database: "certificate", BackendTLS: "verify"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopProxy(t, p) })
	if err := p.TakeKeys(good); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		return // refusing to start is as good
	}
	if _, err := p.App(); err == nil {
		t.Error("logged in to a server that nobody vouches for")
	}
}

// Bytes that follow the request for TLS in clear must not be taken for what follows the handshake.
func TestStartTLSInjection(t *testing.T) {
	s := server(t, servers.MariaDB)
	p := startProxy(t, harness.Options{Server: s, Database: "injection", ListenTLS: true})
	c, err := client.Connect(p.Addr, 0)
	opened(t, c, err)
	request := []byte{32, 0, 0, 1, 0x0d, 0xaa, 0x3a, 0, 0, 0, 0, 64, 45}
	request = append(request, make([]byte, 23)...)
	if err := c.WriteRaw(append(request, "\x10\x00\x00\x02injected in clear"...)); err != nil {
		t.Fatal(err)
	}
	if b, err := c.Read(); err == nil && (len(b) == 0 || b[0] != mysql.ERR_HEADER) {
		t.Errorf("answered %q", b)
	}
	c, err = client.Dial(client.Options{Addr: p.Addr, User: servers.AppUser, Password: servers.AppPassword, TLS: &tls.Config{InsecureSkipVerify: true}})
	opened(t, c, err)
}
