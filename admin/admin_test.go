package admin

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"phiproxy/audit"
	"phiproxy/config"
)

const hostile = `<script>alert("1")</script>`

// Tokens of the tests; their secrets are no secrets.
var (
	viewerToken  = testToken("grafana")
	adminToken   = testToken("alice")
	boundToken   = testToken("bound")
	expiredToken = testToken("old")
	unknownToken = testToken("mallory")
)

func testToken(name string) string { return "phx_" + name + "_" + strings.Repeat("a", 52) }

func hashOf(token string) string {
	hash := sha256.Sum256([]byte(token))
	return hex.EncodeToString(hash[:])
}

var farAway = config.Moment(time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC).Unix())

func testConfig() config.Admin {
	return config.Admin{Hosts: []string{"ops.internal"}, Tokens: []config.Token{
		{Name: "grafana", SHA256: hashOf(viewerToken), Role: "viewer", Expires: farAway},
		{Name: "alice", SHA256: strings.ToUpper(hashOf(adminToken)), Role: "admin", Expires: farAway},
		{Name: "bound", SHA256: hashOf(boundToken), Role: "admin", Expires: farAway, UserID: "ADMIN1"},
		{Name: "old", SHA256: hashOf(expiredToken), Role: "admin", Expires: 1},
	}}
}

// bench is a server with everything behind it replaced.
type bench struct {
	*Server
	fakes *fakes
	logs  *observer.ObservedLogs
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "phiproxy_statements_total", Help: "Help."}, []string{"verdict"})
	registry.MustRegister(counter)
	counter.WithLabelValues("direct").Add(3)
	f := newFakes()
	o := Options{
		Config: testConfig(), Build: Build{Version: "v1", Go: "go1"}, Provider: "local", MasterKey: "k",
		Tables: []Table{{Name: "s." + hostile, Owner: "user_id", Columns: []string{"a", "b"}}},
		Keys:   fakeKeys{f}, Store: fakeStore{f}, Users: fakeUsers{f}, Usage: fakeUsage{f},
		Sessions: func() []Session { return []Session{{ID: 1, User: hostile}, {ID: 2}} },
		Statements: func() []Statement {
			return []Statement{{Fingerprint: "f", Text: "SELECT ?", Verdict: "direct", Count: 5}, {Verdict: "refuse", Reason: "PHI-1102", Count: 2}}
		},
		Search: f.search, Audit: func() audit.Health { return audit.Health{OK: true} },
		Metrics: registry, Register: registry, Log: zap.New(core),
	}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return &bench{s, f, logs}
}

// ask sends one request with a token, "" for none, and further headers as pairs.
func (b *bench) ask(token, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "localhost"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.send(r)
}

func (b *bench) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.http.Handler.ServeHTTP(w, r)
	return w
}

func TestNotReady(t *testing.T) {
	calls := 0
	b := newBench(t, func(o *Options) {
		o.Checks = []Check{
			{"database", func(context.Context) error { return nil }},
			{"key service", func(context.Context) error { calls++; return errors.New("detail for the log") }},
		}
	})
	for range 3 {
		if w := b.ask("", "GET", "/readyz"); w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"ready":false}` {
			t.Errorf("to anybody: %d %s", w.Code, w.Body)
		}
		w := b.ask(viewerToken, "GET", "/readyz")
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"ready":false,"checks":[{"name":"database","ok":true},{"name":"key service","ok":false}]}` {
			t.Errorf("to a viewer: %d %s", w.Code, w.Body)
		}
	}
	if calls != 1 {
		t.Errorf("probes in a row made %d calls of the key service", calls)
	}
	if b.logs.FilterMessage("not ready").Len() != 1 {
		t.Errorf("log: %v", b.logs.All())
	}
}

func TestServeAndShutdown(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.Serve(l) }()
	if status := rawStatus(t, l.Addr().String(), "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != "HTTP/1.1 200 OK" {
		t.Error(status)
	}
	huge := "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"
	if status := rawStatus(t, l.Addr().String(), huge); !strings.Contains(status, "431") {
		t.Errorf("a megabyte of headers: %q", status)
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// rawStatus sends the bytes and returns the status line.
func rawStatus(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = conn.Write([]byte(request)) }() // the server may answer before it has read everything
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
