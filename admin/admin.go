// Package admin is the HTTP port of the operator: the key API of the guide, health, metrics, sessions, statements, the
// access log and the operator's page. It shows names and counts only; no protected value, SQL literal or key gets here.
//
// Every request passes the same gates in the same order: known host, same origin, a row of the route table, a principal
// with the row's role, a bounded body, parameters as the row declares them. What is not in the table is answered only
// after the first four, with 404.
package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/netutil"
)

// maxConnections keep the port from using up the files of the process, which the database sessions need.
const maxConnections = 1024

// Server is the admin port.
type Server struct {
	options  Options
	log      *zap.Logger
	started  time.Time
	ready    readiness
	metrics  *metrics
	throttle *throttle
	access   atomic.Pointer[credentials]
	cert     atomic.Pointer[tls.Certificate] // nil without TLS
	mux      *http.ServeMux
	table    []route
	document []byte // openapi.json
	confirm  *confirmations
	jobs     *jobs
	coverage memo[*Coverage]
	errors   *log.Logger // for what serves HTTP: the standard library's kind of logger
	missing  *zap.Logger // sampled: requests without credentials would fill the log
	http     *http.Server
	stop     context.CancelFunc // ends background jobs
	work     sync.WaitGroup
}

// New makes a server. The error is about options, tokens or certificates.
func New(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.Background())
	s := &Server{
		options: o, log: o.Log, started: time.Now(), stop: stop,
		metrics: newMetrics(o.Register), throttle: newThrottle(), confirm: newConfirmations(),
		errors: zap.NewStdLog(o.Log.Named("http")), missing: sampled(o.Log),
	}
	s.jobs = newJobs(background, &s.work, o.Log)
	s.ready = readiness{checks: o.Checks, log: o.Log}
	s.coverage.make = s.countCoverage
	if err := s.prepare(); err != nil {
		stop()
		return nil, err
	}
	s.warn(o.Config)
	return s, nil
}

func (s *Server) prepare() error {
	access, err := newCredentials(s.options.Config)
	if err != nil {
		return err
	}
	s.access.Store(access)
	onTLS, err := s.tlsConfig()
	if err != nil {
		return err
	}
	s.table = s.routes()
	if s.document, err = s.openAPI(); err != nil {
		return err
	}
	if s.mux, err = s.newMux(); err != nil {
		return err
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		TLSConfig:         onTLS,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      callTimeout + 5*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          s.errors,
	}
	return nil
}

// Serve answers requests until Shutdown, and returns nil then. It speaks TLS when the configuration says so.
func (s *Server) Serve(l net.Listener) error {
	l = netutil.LimitListener(l, maxConnections)
	serve := s.http.Serve
	if s.http.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops accepting requests, interrupts background jobs, and waits for what is under way until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	err := s.http.Shutdown(ctx)
	s.work.Wait()
	return err
}
