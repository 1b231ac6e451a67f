package admin

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxBody bounds request bodies; no route takes a long one.
const maxBody = 64 << 10

// handler is the table of routes behind what every request must pass.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.pattern, r.handler)
	}
	var h http.Handler = http.NewCrossOriginProtection().Handler(mux)
	h = http.MaxBytesHandler(h, maxBody)
	return secure(s.onlyKnownHosts(h))
}

// onlyKnownHosts refuses requests for a host name that is not configured. A page of another site whose name was made to
// point here (DNS rebinding) carries its own name; an IP address cannot be rebound.
func (s *Server) onlyKnownHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knownHost(r.Host) {
			http.Error(w, "unknown host; admin.hosts lists the allowed names", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.EqualFold(host, "localhost") ||
		slices.ContainsFunc(s.options.Hosts, func(allowed string) bool { return strings.EqualFold(allowed, host) })
}

// secure sets the headers that keep a browser from doing more with an answer than showing it.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
