// Package proxy carries MySQL sessions between clients and the database server. Each client connection has one backend
// connection of its own and one goroutine, which works in lockstep: it reads a command, sends it on, and carries the
// response back. A statement that cannot touch a protected table is relayed as bytes; any other is run by its plan.
//
// The phases of a session are greeting.go, login.go, auth.go and command.go; relay.go knows the grammar of responses.
package proxy

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"phiproxy/audit"
	"phiproxy/keys"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/scratch"
)

// Config is what a Server needs. Dial, Planner and Log must be set.
type Config struct {
	// Dial connects to the database server. Its context ends with the login deadline.
	Dial func(ctx context.Context) (net.Conn, error)
	// BackendTLS, when set, is used on every backend connection; a server that offers no TLS is then refused.
	BackendTLS *tls.Config
	// ClientTLS, when set, is offered to clients.
	ClientTLS *tls.Config
	// RequireTLS refuses clients that do not switch to TLS, those on a local socket excepted.
	RequireTLS bool

	// ClientCompression is what clients may choose from, BackendCompression what is asked of the server.
	ClientCompression, BackendCompression Compression

	// Announcers are the networks of load balancers, whose connections begin with a PROXY protocol header. Announce is the
	// version of the header that the server gets; 0 for none.
	Announcers []netip.Prefix
	Announce   byte

	// Planner returns the planner of the current schema; it is asked once per statement.
	Planner func() *rewrite.Planner
	// SchemaChanged, when set, is called after a statement that may have changed tables, views or routines.
	SchemaChanged func()
	// Definitions, when set, keeps what protected columns are to clients in step with DDL that comes through the proxy.
	Definitions Definitions
	// Keys finds the data keys of owners.
	Keys Keys
	// Scratch runs statements that compute with protected values; the planner must know whether it is there.
	Scratch *scratch.Engine

	// Access, when set, records who touches protected values. ApplicationAttribute is the connection attribute that names
	// the user within the application.
	Access               *audit.Log
	ApplicationAttribute string

	Limits  Limits
	Log     *zap.Logger
	Metrics *Metrics // nil: not measured
}

// Keys finds the data keys of owners; *keys.Ring is one. The context may carry the actor for the audit trail.
type Keys interface {
	// ForRead returns every key of an owner that opens stored values.
	ForRead(ctx context.Context, owner string) (*keys.OwnerKeys, error)
	// ForWrite returns an owner's keys for sealing, making a first one when the ring is configured to.
	ForWrite(ctx context.Context, owner string) (*keys.OwnerKeys, error)
	// Refresh asks the store again, for a value whose key is not among those known: another proxy may have made it a
	// moment ago.
	Refresh(ctx context.Context, owner string) (*keys.OwnerKeys, error)
}

// Limits bound what clients can make the server hold. A zero field means its default.
type Limits struct {
	MaxConnections int           // 10,000
	LoginTimeout   time.Duration // 10 s, from accepting a connection to the end of its login
	MaxStatement   int           // 64 MiB, bytes of a statement that names a protected table
	MaxLookupBytes int           // 64 MiB, bytes that the proxy reads into memory for one statement
	LookupRows     int           // 10,000, rows that one UPDATE of protected columns may change
	RememberedRows int           // 65,536, rows whose sealed values are kept in memory; negative for none
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.MaxConnections, 10_000)
	setDefault(&l.LoginTimeout, 10*time.Second)
	setDefault(&l.MaxStatement, 64<<20)
	setDefault(&l.MaxLookupBytes, 64<<20)
	setDefault(&l.LookupRows, 10_000)
	setDefault(&l.RememberedRows, 65_536)
	return l
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("proxy: server closed")

// Server accepts client connections and runs their sessions.
type Server struct {
	cfg      Config
	key      func() (*rsa.PrivateKey, error) // of this process, for clients that encrypt their password; see auth.go
	hangups  *hangups
	legs     legs
	draining atomic.Bool
	nextID   atomic.Uint64
	shapes   shapeCounts

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	sessions  map[*session]struct{}
	rows      *rowMemory
	open      int           // connections, refused ones excepted
	idle      chan struct{} // closed when draining and no session is left
}

// New makes a server. It starts nothing but the watcher of backend connections, which Shutdown ends.
func New(cfg Config) (*Server, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.ClientTLS, cfg.BackendTLS = fullRecords(cfg.ClientTLS), fullRecords(cfg.BackendTLS)
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	watcher, err := newHangups()
	if err != nil {
		return nil, err
	}
	return &Server{
		cfg:       cfg,
		key:       sync.OnceValues(newPasswordKey),
		hangups:   watcher,
		legs:      newLegs(cfg.ClientCompression, cfg.BackendCompression),
		rows:      newRowMemory(cfg.Limits.RememberedRows),
		listeners: make(map[net.Listener]struct{}),
		sessions:  make(map[*session]struct{}),
		idle:      make(chan struct{}),
	}, nil
}

// fullRecords makes TLS write records of full size from the first byte on: responses are written in large pieces, and
// nobody renders half a row.
func fullRecords(cfg *tls.Config) *tls.Config {
	if cfg == nil {
		return nil
	}
	cfg = cfg.Clone()
	cfg.DynamicRecordSizingDisabled = true
	return cfg
}

// Serve accepts connections until Shutdown, and returns ErrServerClosed then. It may be called for several listeners.
func (srv *Server) Serve(l net.Listener) error {
	if !srv.track(l) {
		return ErrServerClosed
	}
	defer srv.untrack(l)
	var pause backoff
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause.reset()
			go srv.handle(nc)
		case srv.draining.Load():
			return ErrServerClosed
		case outOfResources(err):
			srv.cfg.Log.Warn("accepting connections pauses", zap.Error(err))
			pause.wait()
		default:
			return err
		}
	}
}

// backoff is the pause after a failed accept: it doubles up to a second.
type backoff time.Duration

func (b *backoff) reset() { *b = 0 }

func (b *backoff) wait() {
	*b = min(max(2**b, backoff(5*time.Millisecond)), backoff(time.Second))
	time.Sleep(time.Duration(*b))
}

// outOfResources tells an accept that may succeed later: no descriptors or memory, or a client that was gone already.
func outOfResources(err error) bool {
	for _, e := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (srv *Server) handle(nc net.Conn) {
	tuneSocket(nc)
	s := newSession(srv, nc)
	if f := srv.enter(s); f != nil {
		s.refuse(f)
		return
	}
	defer srv.leave(s)
	s.run()
}

func (srv *Server) enter(s *session) *fault.Fault {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.open >= srv.cfg.Limits.MaxConnections {
		return fault.TooManyConnections
	}
	if srv.draining.Load() {
		return fault.ShuttingDown
	}
	srv.open++
	srv.sessions[s] = struct{}{}
	srv.cfg.Metrics.open.Inc()
	return nil
}

func (srv *Server) leave(s *session) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.open--
	delete(srv.sessions, s)
	srv.cfg.Metrics.open.Dec()
	if srv.draining.Load() && srv.open == 0 {
		close(srv.idle)
	}
}

func (srv *Server) track(l net.Listener) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.draining.Load() {
		return false
	}
	srv.listeners[l] = struct{}{}
	return true
}

func (srv *Server) untrack(l net.Listener) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.listeners, l)
	_ = l.Close() // it is closed already after Shutdown
}

// Shutdown accepts no more connections and ends each session as soon as it is between transactions. When ctx ends
// first, what is left is closed and ctx's error returned.
func (srv *Server) Shutdown(ctx context.Context) error {
	defer srv.hangups.close()
	srv.drain()
	select {
	case <-srv.idle:
		return nil
	case <-ctx.Done():
	}
	srv.closeSessions()
	<-srv.idle
	return ctx.Err()
}

// drain starts the end of every session. A second call has no effect.
func (srv *Server) drain() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.draining.Swap(true) {
		return
	}
	for l := range srv.listeners {
		_ = l.Close()
	}
	for s := range srv.sessions {
		s.wake()
	}
	if srv.open == 0 {
		close(srv.idle)
	}
}

func (srv *Server) closeSessions() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for s := range srv.sessions {
		s.abort()
	}
}
