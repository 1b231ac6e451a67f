package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest sends anything as path, query, Authorization and Host. Whatever comes, the answer is one that the table
// knows, JSON where it is not a file, and nothing is done for who has no token.
func FuzzRequest(f *testing.F) {
	for _, x := range append(guideExchanges, furtherExchanges...) {
		path, query, _ := strings.Cut(x.target, "?")
		f.Add(x.method, path, query, "Bearer "+adminToken, "localhost")
	}
	f.Add("GET", "/admin/status", "", "Bearer "+unknownToken, "evil.example")
	f.Add("POST", "/admin/encryption/destroy-key", "user_id=USER1;x", "bearer\t", "[::1")
	f.Fuzz(func(t *testing.T, method, path, query, authorization, host string) {
		b := newBench(t)
		if method == "" {
			method = "GET"
		}
		r := &http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: host, RemoteAddr: "127.0.0.1:1",
			Header: http.Header{"Authorization": {authorization}}, Body: http.NoBody,
		}
		w := b.send(r)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s %q?%q: %s", method, path, query, w.Body)
		}
		trusted := strings.Contains(authorization, adminToken) || strings.Contains(authorization, boundToken)
		if acts := b.fakes.done(); len(acts) > 0 && !trusted {
			t.Errorf("%q did %v", authorization, acts)
		}
		if w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Error("no security headers")
		}
	})
}
