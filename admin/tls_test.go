package admin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phiproxy/config"
)

// authority signs the certificates of a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// issue makes a certificate, writes it as name.pem and name.key, and returns it.
func (a *authority) issue(name string, notAfter time.Time, usage x509.ExtKeyUsage) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+".key", "PRIVATE KEY", private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsBench serves with TLS and client certificates.
type tlsBench struct {
	*bench
	ca      *authority
	address string
}

func newTLSBench(t *testing.T) *tlsBench {
	ca := newAuthority(t)
	ca.issue("server", time.Now().Add(time.Hour), x509.ExtKeyUsageServerAuth)
	b := newBench(t, func(o *Options) {
		o.Config.TLS = config.AdminTLS{Cert: ca.path("server.pem"), Key: ca.path("server.key"), ClientCA: ca.path("ca.pem")}
		o.Config.Certificates = []config.Certificate{
			{Name: "ops", Role: "admin", UserID: "ADMIN1"}, {Name: "grafana", Role: "viewer"},
		}
	})
	return &tlsBench{b, ca, serve(t, b)}
}

// serve serves on a port of its own until the test ends.
func serve(t *testing.T, b *bench) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(b.Shutdown(context.Background()), <-done); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// fetch asks over a connection of its own, with the certificate unless that is empty.
func (b *tlsBench) fetch(certificate tls.Certificate, token, method, target string) (int, string, error) {
	onTLS := &tls.Config{RootCAs: x509.NewCertPool()}
	onTLS.RootCAs.AddCert(b.ca.cert)
	if certificate.PrivateKey != nil {
		onTLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
	}
	transport := &http.Transport{TLSClientConfig: onTLS}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest(method, "https://"+b.address+target, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestClientCertificates(t *testing.T) {
	b := newTLSBench(t)
	client := func(name string, notAfter time.Time) tls.Certificate {
		return b.ca.issue(name, notAfter, x509.ExtKeyUsageClientAuth)
	}
	soon := time.Now().Add(time.Hour)
	ops, grafana := client("ops", soon), client("grafana", soon)
	for _, c := range []struct {
		name           string
		certificate    tls.Certificate
		token          string
		method, target string
		want           int // 0: the handshake fails
	}{
		{"none", tls.Certificate{}, "", "GET", "/version", 401},
		{"token", tls.Certificate{}, viewerToken, "GET", "/version", 200},
		{"viewer", grafana, "", "GET", "/version", 200},
		{"viewer changes nothing", grafana, "", "POST", clearAt + "?" + asAdmin, 403},
		{"admin, acting as a user", ops, "", "POST", clearAt, 200},
		{"admin, acting as another", ops, "", "POST", clearAt + "?admin_user_id=USER1", 403},
		{"not listed", client("mallory", soon), "", "GET", "/version", 401},
		{"not listed, with a token", client("mallory", soon), viewerToken, "GET", "/version", 200},
		{"listed, with a wrong token", ops, unknownToken, "GET", "/version", 401},
		{"expired", client("ops", time.Now().Add(-time.Hour)), "", "GET", "/version", 0},
		{"other authority", newAuthority(t).issue("ops", soon, x509.ExtKeyUsageClientAuth), "", "GET", "/version", 0},
		{"for servers", b.ca.issue("ops", soon, x509.ExtKeyUsageServerAuth), "", "GET", "/version", 0},
		{"name in other case", client("OPS", soon), "", "GET", "/version", 401},
	} {
		got, body, err := b.fetch(c.certificate, c.token, c.method, c.target)
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%s: %d %s %v", c.name, got, body, err)
		}
	}
	_, body, err := b.fetch(ops, "", "GET", "/admin/status")
	want := `"user":{"name":"ops","kind":"certificate","role":"admin","admin_user_id":"ADMIN1","expires":"20`
	if err != nil || !strings.Contains(body, want) {
		t.Errorf("%v %s", err, body)
	}
}

// TestOldCertificateOnAnOpenConnection: the handshake looked at the date once.
func TestOldCertificateOnAnOpenConnection(t *testing.T) {
	b := newTLSBench(t)
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "ops"}, NotAfter: time.Now().Add(-time.Second)}
	r := &http.Request{Header: http.Header{}, TLS: &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}}
	if p, reason := b.access.Load().identify(r); reason != failExpired {
		t.Error(p, reason)
	}
}

func TestPlainAndOldTLSAreRefused(t *testing.T) {
	b := newTLSBench(t)
	if status := rawStatus(t, b.address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); !strings.Contains(status, "400") {
		t.Errorf("without TLS: %s", status)
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		conn, err := tls.Dial("tcp", b.address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if err == nil {
			conn.Close()
			t.Errorf("TLS %x was accepted", version)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	ca := newAuthority(t)
	ca.issue("server", time.Now().Add(time.Hour), x509.ExtKeyUsageServerAuth)
	good := config.AdminTLS{Cert: ca.path("server.pem"), Key: ca.path("server.key"), ClientCA: ca.path("ca.pem")}
	base := newBench(t).options
	base.Register = nil
	for name, change := range map[string]func(*Options){
		"no keys":             func(o *Options) { o.Keys = nil },
		"no log":              func(o *Options) { o.Log = nil },
		"no self-signed":      func(o *Options) { o.Config.TLS = config.AdminTLS{SelfSigned: true} },
		"no certificate":      func(o *Options) { o.Config.TLS = good; o.Config.TLS.Cert = ca.path("nothing.pem") },
		"no authority":        func(o *Options) { o.Config.TLS = good; o.Config.TLS.ClientCA = ca.path("nothing.pem") },
		"key as authority":    func(o *Options) { o.Config.TLS = good; o.Config.TLS.ClientCA = ca.path("server.key") },
		"hash":                func(o *Options) { o.Config.Tokens = []config.Token{{Name: "a", SHA256: "ab", Role: "admin"}} },
		"role":                func(o *Options) { o.Config.Tokens = []config.Token{{Name: "a", SHA256: hashOf("a"), Role: "root"}} },
		"certificate's role":  func(o *Options) { o.Config.Certificates = []config.Certificate{{Name: "a", Role: "open"}} },
		"self-signed failing": func(o *Options) { o.Config.TLS = config.AdminTLS{SelfSigned: true}; o.SelfSigned = noCertificate },
	} {
		o := base
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func noCertificate() (tls.Certificate, error) { return tls.Certificate{}, errors.New("no") }
