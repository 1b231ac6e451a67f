package admin

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// maxBody bounds request bodies. No route reads one.
const maxBody = 64 << 10

// handler is the table of routes behind what every request must pass.
func (s *Server) handler() http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(http.StatusForbidden, "Cross-origin request refused").write(w)
	}))
	return secure(s.onlyKnownHosts(origin.Handler(http.HandlerFunc(s.dispatch))))
}

// onlyKnownHosts refuses requests for a host name that is not configured. A page of another site whose name was made to
// point here (DNS rebinding) carries its own name; an IP address cannot be rebound.
func (s *Server) onlyKnownHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knownHost(r.Host) {
			fail(http.StatusMisdirectedRequest, "Unknown host; admin.hosts lists the allowed names").write(w)
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
		slices.ContainsFunc(s.options.Config.Hosts, func(allowed string) bool { return strings.EqualFold(allowed, host) })
}

// secure sets the headers that keep a browser from doing more with an answer than showing it.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// dispatch finds the row of the table. The mux would answer 404, 405 and redirects to cleaned paths by itself, to anybody.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern == "" || path.Clean(r.URL.Path) != r.URL.Path {
		s.unknown(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// unknown answers what is not in the table: 401 as everything else, and only to a known principal what is wrong.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.admit(w, r, viewer); !ok {
		return
	}
	allowed := s.methods(r)
	if len(allowed) == 0 {
		writeJSON(w, http.StatusNotFound, failure{"Not Found"})
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeJSON(w, http.StatusMethodNotAllowed, failure{"Method Not Allowed"})
}

// methods lists those that the request's path would answer to.
func (s *Server) methods(r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := *r
		other.Method = method
		if _, pattern := s.mux.Handler(&other); pattern != "" && path.Clean(r.URL.Path) == r.URL.Path {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// protect puts authentication, the role of the row and the bound of the body before a row's handler.
func (s *Server) protect(row *route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer := &recorder{ResponseWriter: w, status: http.StatusOK}
		p, ok := s.admit(answer, r, row.role)
		if ok && smallBody(answer, r) {
			s.serveSafely(row, answer, r, p)
		}
		s.metrics.answered(row, answer.status)
		if row.role != open {
			level := zap.InfoLevel
			if row.polled && answer.status < http.StatusBadRequest {
				level = zap.DebugLevel
			}
			s.log.Log(level, "admin request", zap.String("method", row.method), zap.String("route", row.path), zap.Stringer("principal", p),
				zap.String("address", r.RemoteAddr), zap.Int("status", answer.status), zap.Duration("duration", time.Since(began)))
		}
	}
}

// serveSafely keeps what a handler panics with out of the log, which net/http would print: it may quote values.
func (s *Server) serveSafely(row *route, w http.ResponseWriter, r *http.Request, p principal) {
	defer func() {
		if recover() == nil {
			return
		}
		s.log.Error("admin handler panicked", zap.String("route", row.path), zap.Stack("stack"))
		fail(http.StatusInternalServerError, "Internal error").write(w)
	}()
	row.serve(s, w, r, p)
}

// admit authenticates the request and checks the role. When it returns false it has answered.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, need role) (principal, bool) {
	if need == open && r.Header.Get("Authorization") == "" {
		return principal{}, true
	}
	address, now := addressOf(r.RemoteAddr), time.Now()
	p, reason := s.access.Load().identify(r)
	if p.kind != "certificate" && reason != failMissing { // nothing was guessed there
		claimed := p
		if reason != "" {
			claimed = principal{}
		}
		if wait := s.throttle.wait(address, claimed, now); wait > 0 {
			s.refuse(w, r, principal{}, failThrottled, wait)
			return principal{}, false
		}
	}
	switch {
	case reason == failMissing:
		s.refuse(w, r, p, reason, 0)
	case reason != "":
		s.refuse(w, r, p, reason, 0)
		if wait := s.throttle.wrong(address, now); wait > 0 {
			s.log.Warn("admin authentication: back-off", zap.Stringer("network", address), zap.Duration("wait", wait))
		}
	case !p.role.may(need):
		s.metrics.denied.Inc()
		s.log.Warn("admin request denied: the role does not suffice", zap.Stringer("principal", p), zap.String("address", r.RemoteAddr))
		fail(http.StatusForbidden, "This needs the role "+need.String()).write(w)
	default:
		s.throttle.right(address, p, now)
		return p, true
	}
	return principal{}, false
}

// refuse answers a failed authentication, logs and counts it. All reasons look the same from outside, and nothing of what
// was sent is logged; p is known when its token has expired.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p principal, reason string, wait time.Duration) {
	s.metrics.failures.WithLabelValues(reason).Inc()
	log := s.log
	if reason == failMissing || reason == failThrottled {
		log = s.missing
	}
	log.Warn("admin authentication failed", zap.String("reason", reason), zap.String("address", r.RemoteAddr), zap.Stringer("principal", p))
	if reason == failThrottled {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		fail(http.StatusTooManyRequests, "Too many failed attempts; try again later").write(w)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="phiproxy"`)
	fail(http.StatusUnauthorized, "Authentication required").write(w)
}

// smallBody reads and drops the body, within bounds. When it returns false it has answered.
func smallBody(w http.ResponseWriter, r *http.Request) bool {
	if r.Body == nil || r.ContentLength == 0 {
		return true
	}
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		w.Header().Set("Connection", "close")
		fail(http.StatusRequestEntityTooLarge, "The body is too long or incomplete").write(w)
		return false
	}
	return true
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController and http.MaxBytesReader.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
