package admin

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const hostile = `<script>alert(1)</script>`

func newServer(t *testing.T, checks ...Check) *Server {
	t.Helper()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "phiproxy_test_total", Help: "Help."}, []string{"name"})
	registry.MustRegister(counter)
	counter.WithLabelValues(hostile).Add(3)
	return New(Options{
		Build:   Build{Version: "v1", Go: "go1"},
		Tables:  []Table{{Name: "s." + hostile, Owner: "user_id", Columns: []string{"a", "b"}}},
		Checks:  checks,
		Metrics: registry,
		Hosts:   []string{"ops.internal"},
		Log:     zap.NewNop(),
	})
}

func get(s *Server, host, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}

func TestRoutes(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		method, path string
		status       int
		contains     string
	}{
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 200, `"ready":true`},
		{"GET", "/version", 200, `"version":"v1"`},
		{"GET", "/metrics", 200, "phiproxy_test_total"},
		{"GET", "/", 200, "Protected tables"},
		{"GET", "/style.css", 200, "body"},
		{"GET", "/nothing", 404, ""},
		{"POST", "/readyz", 405, ""},
		{"DELETE", "/", 405, ""},
	} {
		w := get(s, "127.0.0.1:8306", c.method, c.path)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.contains) {
			t.Errorf("%s %s: %d %q", c.method, c.path, w.Code, w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: no security headers", c.method, c.path)
		}
	}
}

func TestEveryRouteRefusesForeignHosts(t *testing.T) {
	s := newServer(t)
	for _, r := range s.routes() {
		method, path, _ := strings.Cut(strings.TrimSuffix(r.pattern, "{$}"), " ")
		if w := get(s, "evil.example", method, path); w.Code != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", r.pattern, w.Code)
		}
	}
}

func TestHosts(t *testing.T) {
	s := newServer(t)
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8306": true, "127.0.0.1:1": true, "[::1]:8306": true, "::1": true, "10.1.2.3": true, "ops.internal": true,
		"OPS.internal:80": true, "evil.example": false, "": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "ops.internal.": false,
	} {
		if got := s.knownHost(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestCrossOriginWritesAreRefused(t *testing.T) {
	w := get(newServer(t), "localhost", "POST", "/version", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d", w.Code)
	}
}

func TestNotReady(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	calls := 0
	s := newServer(t,
		Check{"database", func(context.Context) error { return nil }},
		Check{"key service", func(context.Context) error { calls++; return errors.New("detail for the log") }})
	s.ready.log = zap.New(core)
	for range 3 {
		w := get(s, "localhost", "GET", "/readyz")
		if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "detail") ||
			!strings.Contains(w.Body.String(), `{"name":"key service","ok":false}`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if calls != 1 {
		t.Errorf("three probes in a row made %d calls of the key service", calls)
	}
	if logged.FilterMessage("not ready").Len() != 1 {
		t.Errorf("log: %v", logged.All())
	}
}

func TestPageEscapes(t *testing.T) {
	body := get(newServer(t), "localhost", "GET", "/").Body.String()
	if strings.Contains(body, "<script") || strings.Count(body, "&lt;script&gt;") < 2 {
		t.Error(body)
	}
}

func TestServeAndShutdown(t *testing.T) {
	s := newServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	if status := rawStatus(t, l.Addr().String(), "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != "HTTP/1.1 200 OK" {
		t.Error(status)
	}
	huge := "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"
	if status := rawStatus(t, l.Addr().String(), huge); !strings.Contains(status, "431") {
		t.Errorf("a megabyte of headers: %q", status)
	}
	if err := s.Shutdown(t.Context()); err != nil {
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
