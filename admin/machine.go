package admin

import (
	"context"
	"net/http"
)

// healthz says that the process is alive, and nothing else to anybody.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readyz tells everybody whether the proxy is ready, and who has a role what is not.
func (s *Server) readyz(ctx context.Context, c *call) (any, error) {
	report := s.ready.report(ctx)
	if c.who.role == nobody {
		report.Checks = nil
	}
	if !report.Ready {
		return nil, &apiError{status: http.StatusServiceUnavailable, body: report}
	}
	return report, nil
}

func (s *Server) version(context.Context, *call) (any, error) { return s.options.Build, nil }

func (s *Server) describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.document)
}
