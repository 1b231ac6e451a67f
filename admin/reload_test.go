package admin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"phiproxy/config"
)

// watched is a server whose configuration changes.
type watched struct {
	*bench
	t      *testing.T
	file   string
	now    chan os.Signal
	config atomic.Pointer[config.Admin] // what Load returns; an error when nil
}

func newWatched(t *testing.T, change ...func(*Options)) *watched {
	w := &watched{bench: newBench(t, change...), t: t, file: filepath.Join(t.TempDir(), "phiproxy.yaml"), now: make(chan os.Signal, 1)}
	w.touch("1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		w.Watch(ctx, Reload{File: w.file, Load: w.load, Now: w.now})
		close(ended)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return w
}

func (w *watched) touch(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) load() (config.Admin, error) {
	if c := w.config.Load(); c != nil {
		return *c, nil
	}
	return config.Admin{}, errors.New("phiproxy.yaml:3: unknown setting")
}

func (w *watched) expect(what, token string, want int) {
	w.t.Helper()
	if got := w.ask(token, "GET", "/version").Code; got != want {
		w.t.Errorf("%s: %d, not %d", what, got, want)
	}
}

func TestTokensAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		other := config.Admin{Tokens: []config.Token{
			{Name: "mallory", SHA256: hashOf(unknownToken), Role: "viewer", Expires: farAway},
			{Name: "soon", SHA256: hashOf(expiredToken), Role: "viewer", Expires: config.Moment(time.Now().Add(time.Hour).Unix())},
		}}
		w.config.Store(&other)
		time.Sleep(time.Minute)
		w.expect("nothing changed", adminToken, 200)
		w.touch("more")
		time.Sleep(3 * time.Second)
		w.expect("removed", adminToken, 401)
		w.expect("added", unknownToken, 200)
		if w.logs.FilterField(zap.String("name", "soon")).Len() != 1 {
			t.Errorf("no warning of a token that ends soon: %v", w.logs.All())
		}
		w.config.Store(nil)
		w.touch("broken file")
		time.Sleep(3 * time.Second)
		w.expect("a file with mistakes changes nothing", unknownToken, 200)
		wrong := config.Admin{Tokens: []config.Token{{Name: "x", SHA256: "x", Role: "admin"}}}
		w.config.Store(&wrong)
		w.touch("broken again")
		time.Sleep(3 * time.Second)
		w.expect("a wrong hash changes nothing", unknownToken, 200)
		w.config.Store(&config.Admin{})
		w.now <- syscall.SIGHUP
		synctest.Wait()
		w.expect("no tokens, by a signal", unknownToken, 401)
		if w.logs.FilterMessageSnippet("nobody can use the admin port").Len() != 1 {
			t.Error("no warning that nobody can use the port")
		}
		w.silent(t, unknownToken, hashOf(unknownToken))
	})
}

func TestCertificateIsReadAgain(t *testing.T) {
	ca := newAuthority(t)
	ca.issue("server", time.Now().Add(time.Hour), x509.ExtKeyUsageServerAuth)
	b := newBench(t, func(o *Options) {
		o.Config.TLS = config.AdminTLS{Cert: ca.path("server.pem"), Key: ca.path("server.key")}
	})
	address := serve(t, b)
	serial := func() string {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	ca.issue("server", time.Now().Add(time.Hour), x509.ExtKeyUsageServerAuth)
	b.reload(func() (config.Admin, error) { return b.options.Config, nil })
	if serial() == first {
		t.Error("the old certificate is still served")
	}
	if err := os.Remove(ca.path("server.key")); err != nil {
		t.Fatal(err)
	}
	second := serial()
	b.reload(func() (config.Admin, error) { return config.Admin{}, nil })
	if serial() != second {
		t.Error("half a certificate was taken")
	}
	if w := b.ask(adminToken, "GET", "/version"); w.Code != 200 {
		t.Error("tokens were taken with half a certificate")
	}
}
