// Package admin is the HTTP port of the operator: health, readiness, metrics, version and a status page. It shows names
// and counts only; no protected value, SQL literal or key ever gets here.
package admin

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Build says what is running.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	FIPS     bool   `json:"fips140"` // Go's FIPS 140-3 module is in use
}

// Table is a protected table as the status page shows it.
type Table struct {
	Name    string   // schema.table
	Owner   string   // owner column
	Columns []string // protected columns
}

// Options are what a Server shows.
type Options struct {
	Build   Build
	Backend string // address of the database server
	Listen  string // address of the proxy
	Tables  []Table
	Checks  []Check
	Metrics prometheus.Gatherer
	Hosts   []string // host names that requests may carry besides localhost and IP addresses
	Log     *zap.Logger
}

// Server is the admin port.
type Server struct {
	options Options
	started time.Time
	ready   readiness
	errors  *log.Logger // for what serves HTTP: the standard library's kind of logger
	http    *http.Server
}

// New makes a server.
func New(o Options) *Server {
	s := &Server{options: o, started: time.Now(), errors: zap.NewStdLog(o.Log.Named("http"))}
	s.ready = readiness{checks: o.Checks, log: o.Log}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          s.errors,
	}
	return s
}

// Serve answers requests until Shutdown, and returns nil then.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops accepting requests and waits for those under way, until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }
