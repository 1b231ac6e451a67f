package admin

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// route is one row of the table of everything that the port answers.
type route struct {
	pattern string // of http.ServeMux, method included
	meaning string // for the status page
	handler http.HandlerFunc
}

// routes is the whole table. A handler exists only by standing here.
func (s *Server) routes() []route {
	metrics := promhttp.HandlerFor(s.options.Metrics, promhttp.HandlerOpts{ErrorLog: s.errors})
	return []route{
		{"GET /{$}", "this page", s.statusPage},
		{"GET /style.css", "", s.style},
		{"GET /healthz", "the process is alive", s.healthz},
		{"GET /readyz", "database, key service and schema can be used", s.readyz},
		{"GET /metrics", "Prometheus metrics", metrics.ServeHTTP},
		{"GET /version", "what is running", s.version},
	}
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	report := s.ready.report(r.Context())
	status := http.StatusOK
	if !report.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, report)
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.options.Build)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client went away: nobody is left to tell
}
