package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phiproxy/config"
)

func TestDoctor(t *testing.T) {
	configFile := prepared(t)
	code, out, text := invoke(t, "doctor", "--config", configFile)
	for _, want := range []string{"ok    database", "ok    clock", "ok    grants", "ok    schema", "warn  key coverage   2 of 2 active users have no key", "warn  key service    the master key is a file", "warn  client TLS"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q is missing in\n%s%s", code, want, out, text)
		}
	}
	if err := os.Remove(filepath.Join(filepath.Dir(configFile), "master.key")); err != nil {
		t.Fatal(err)
	}
	if code, out, _ = invoke(t, "doctor", "--config", configFile); code != exitFailed || !strings.Contains(out, "fail  key service    keys.local_file: there is no such file") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestExcessive(t *testing.T) {
	for grant, want := range map[string]string{
		"GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION":         "ALL PRIVILEGES",
		"GRANT SELECT, SUPER, DELETE ON *.* TO `a`@`%`":                       "SUPER",
		"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO `phiproxy`@`%`":    "",
		"GRANT USAGE ON *.* TO `phiproxy`@`%`":                                "",
		"GRANT ALL PRIVILEGES ON `surgicase`.* TO `phiproxy`@`%`":             "",
		"GRANT SHOW_ROUTINE ON *.* TO `phiproxy`@`%`":                         "",
		"GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION":        "",
		"GRANT SELECT, INSERT, UPDATE ON *.* TO `x`@`%` IDENTIFIED BY 'a, b'": "INSERT",
	} {
		if got := excessive(grant); got != want {
			t.Errorf("%s: %q", grant, got)
		}
	}
}

// judged is the last finding.
func judged(d *doctor) finding { return d.findings[len(d.findings)-1] }

func TestClock(t *testing.T) {
	for ahead, want := range map[time.Duration]level{
		0: levelOK, time.Second: levelOK, -time.Second: levelOK, 2 * time.Second: levelWarn, -3 * time.Minute: levelWarn, 4 * time.Minute: levelFail, -time.Hour: levelFail,
	} {
		d := &doctor{}
		if d.judgeClock("clock", ahead); judged(d).Level != want {
			t.Errorf("%v: %+v", ahead, judged(d))
		}
	}
}

// issue makes a certificate that ends then.
func issue(t *testing.T, end time.Time) config.ListenTLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "phiproxy"}, NotBefore: end.AddDate(-1, 0, 0), NotAfter: end}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := config.ListenTLS{Cert: filepath.Join(t.TempDir(), "cert.pem"), Key: filepath.Join(t.TempDir(), "key.pem"), Require: true}
	for file, block := range map[string]*pem.Block{c.Cert: {Type: "CERTIFICATE", Bytes: certificate}, c.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestClientLeg(t *testing.T) {
	now := time.Now()
	good := issue(t, now.AddDate(1, 0, 0))
	optional := good
	optional.Require = false
	for name, c := range map[string]struct {
		listen config.Listen
		want   level
		text   string
	}{
		"none on loopback":   {config.Listen{Address: "127.0.0.1:1"}, levelOK, "none"},
		"none on a network":  {config.Listen{Address: "0.0.0.0:1"}, levelWarn, "readable"},
		"self-signed":        {config.Listen{TLS: config.ListenTLS{SelfSigned: true}}, levelWarn, "made anew"},
		"good":               {config.Listen{TLS: good}, levelOK, "CN=phiproxy"},
		"not required":       {config.Listen{TLS: optional}, levelWarn, "without TLS"},
		"ends soon":          {config.Listen{TLS: issue(t, now.AddDate(0, 0, 20))}, levelWarn, "valid until"},
		"has ended":          {config.Listen{TLS: issue(t, now.AddDate(0, 0, -1))}, levelFail, "expired"},
		"no such file":       {config.Listen{TLS: config.ListenTLS{Cert: "none.pem", Key: "none.pem"}}, levelFail, "none.pem"},
		"key of another one": {config.Listen{TLS: config.ListenTLS{Cert: good.Cert, Key: issue(t, now).Key}}, levelFail, "private key"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &doctor{cfg: &config.Config{Listen: c.listen}, now: func() time.Time { return now }}
			d.clientLeg(t.Context())
			if f := judged(d); f.Level != c.want || !strings.Contains(f.Text, c.text) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	token := func(days int) config.Token {
		return config.Token{Name: "alice", Expires: config.Moment(now.AddDate(0, 0, days).Unix())}
	}
	for name, c := range map[string]struct {
		admin config.Admin
		want  string
	}{
		"off":        {config.Admin{}, "ok"},
		"nobody":     {config.Admin{Enabled: true}, "warn"},
		"good":       {config.Admin{Enabled: true, Tokens: []config.Token{token(90)}}, "ok"},
		"ends soon":  {config.Admin{Enabled: true, Tokens: []config.Token{token(90), token(3)}}, "warn"},
		"has ended":  {config.Admin{Enabled: true, Tokens: []config.Token{token(-1)}}, "warn"},
		"no token":   {config.Admin{Enabled: true, Certificates: make([]config.Certificate, 1)}, "ok"},
		"two of bad": {config.Admin{Enabled: true, Tokens: []config.Token{token(-1), token(1)}}, "warn warn"},
	} {
		d := &doctor{cfg: &config.Config{Admin: c.admin}, now: func() time.Time { return now }}
		d.tokens(t.Context())
		var levels []string
		for _, f := range d.findings {
			levels = append(levels, string(f.Level))
		}
		if got := strings.Join(levels, " "); got != c.want {
			t.Errorf("%s: %+v", name, d.findings)
		}
	}
}

// On a terminal there is one line that is drawn again and again, and a line more for each failure.
func TestProgressBar(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, 2, "made a key for %s")
	p.done(1, 2, subject{id: "U1"}, nil)
	p.done(2, 2, subject{id: "U2", label: "Bob"}, os.ErrClosed)
	p.end()
	if got, want := b.String(), "[1/2] Processing user: U1\n  ✓ made a key for U1\n[2/2] Processing user: U2 (Bob)\n  ✗ file already closed\n"; got != want {
		t.Errorf("got %q", got)
	}
	b.Reset()
	p.bar = newBar(&b, 2)
	p.done(1, 2, subject{id: "U1"}, nil)
	p.done(2, 2, subject{id: "U2", label: "Bob"}, os.ErrClosed)
	p.end()
	if got := b.String(); !strings.Contains(got, "[2/2] Processing user: U2 (Bob)\n  ✗ file already closed\n") || !strings.Contains(got, "100%") || strings.Contains(got, "✓") {
		t.Errorf("got %q", got)
	}
}
