package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/scratch"
)

const (
	// loginPacketLimit is the longest packet that either side may send before the login is over.
	loginPacketLimit = 64 << 10
	// packetLimit is the longest packet that MySQL knows (max_allowed_packet).
	packetLimit = 1 << 30
	// refusalTimeout bounds the writing of an error to a client that gets no session.
	refusalTimeout = time.Second
	// lastWordsTimeout is how long a session reads what a backend that hung up said before.
	lastWordsTimeout = 50 * time.Millisecond
)

// session is one client connection and its backend connection.
type session struct {
	srv     *Server
	id      uint64
	started time.Time
	ctx     context.Context // ends with the session
	cancel  context.CancelFunc

	client  *wire.Conn
	backend *wire.Conn
	remote  net.Addr // the client's; see setRemote

	greeting  packet.Greeting
	caps      uint32          // capabilities agreed with the client; SSL is never among them
	backCaps  uint32          // capabilities agreed with the backend: caps and what the proxy asks for itself
	zstdLevel byte            // that the client asked for
	user      string          // as which the client logged in
	actor     context.Context // see keyContext
	actorUser string          // whom it names
	nonce     []byte          // challenge of the last password exchange

	planner  *rewrite.Planner          // of the statement being run
	state    rewrite.State             // valid after ensureState
	env      environment               // valid after ensureState
	dirty    bool                      // state and env may have changed
	zones    map[string]*time.Location // time_zone -> where that is
	mayLock  bool                      // the client may have locked tables
	settings *scratch.Settings         // what the scratch server shall have; nil when it may have changed
	results  string                    // the assignment that makes character_set_results what it is, found out with the settings
	status   uint16                    // status flags of the backend's last OK or EOF
	effects  effects                   // of relayed prepared statements
	// moves are the relayed prepared statements that copy or remove sealed values, by the server's statement id.
	moves map[uint32]*rewrite.Statement
	// lastPrepared is the id of the statement prepared last; hooks that prepare one set it too.
	lastPrepared uint32
	stmts        statements      // of planned prepared statements
	diag         diagnostics     // of the last statement; see askDiagnostics
	text, row    []byte          // buffers of exec*.go
	defs         definitions     // of the last answer, for the next one to use again
	multi        multi           // what the client may send
	backMulti    multi           // what the server takes
	following    bool            // the answer being given is not the last one of a batch
	failed       bool            // an error was passed on; see passError
	objected     bool            // the last probe found no row, and the server had something to say about its condition
	cursor       *cursor         // that the execution being run opened
	reparsed     bool            // the statement being run is an execution that is sent as text
	computed     *computedValues // of the statement being run, nil unless the scratch server made its values
	seen         observed        // of the statement being run
	files        [][]byte        // that the text being relayed loads from the client; see relayFile
	attributes   []byte          // of the statement being run, as packet.SplitQuery returns them; empty without CLIENT_QUERY_ATTRIBUTES

	who         identity
	view        view
	commands    uint64
	rows        uint64
	idle        atomic.Bool // between two commands
	backendGone atomic.Bool // the watcher saw the backend hang up; to be confirmed

	mu      sync.Mutex
	sockets []net.Conn // both legs, below TLS; for abort
	aborted bool
}

func newSession(srv *Server, nc net.Conn) *session {
	ctx, cancel := context.WithCancel(context.Background())
	return &session{
		sockets: []net.Conn{nc},
		srv:     srv,
		id:      srv.nextID.Add(1),
		started: time.Now(),
		ctx:     ctx,
		cancel:  cancel,
		client:  wire.New(nc, clientPeer, loginPacketLimit),
		remote:  nc.RemoteAddr(),
		view:    view{client: clientName(nc.RemoteAddr())},
		dirty:   true,
	}
}

// Names of the two legs in wire errors.
const (
	clientPeer  = "client"
	backendPeer = "backend"
)

// run carries the session from its first byte to its last, and says in one log line who ended it.
func (s *session) run() {
	err := s.guarded()
	s.lost()
	s.close()
	s.report(err)
}

// guarded runs the phases. A panic ends this session only; its value is not logged, since it may hold a client's data.
func (s *session) guarded() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	if err := s.login(); err != nil {
		return err
	}
	forget := s.srv.hangups.watch(s.sockets[1], s)
	defer forget()
	return s.serve()
}

func panicError(v any) error {
	text := fmt.Sprintf("%T", v)
	var re runtime.Error
	if err, ok := v.(error); ok && errors.As(err, &re) {
		text = re.Error()
	}
	return &internalError{text: "panic: " + text, stack: string(debug.Stack())}
}

// refuse answers a client that gets no session. Before the greeting an error has no SQLSTATE.
func (s *session) refuse(f *fault.Fault) {
	s.srv.cfg.Metrics.fault(f)
	_ = s.client.SetDeadline(time.Now().Add(refusalTimeout))
	err := s.sendEarlyFault(f)
	s.close()
	s.report(errors.Join(f.With("before the greeting"), err))
}

func (s *session) close() {
	s.cancel()
	_ = s.client.Close()
	if s.backend != nil {
		_ = s.backend.Close()
	}
}

// abort closes the sockets under a running session. Called from other goroutines.
func (s *session) abort() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
	for _, nc := range s.sockets {
		_ = nc.Close()
	}
}

// adopt makes the backend's socket the session's; it is closed at once when the session was aborted meanwhile.
func (s *session) adopt(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = append(s.sockets, nc)
	if s.aborted {
		_ = nc.Close()
	}
}

// wake interrupts a session that waits for its client. Called from other goroutines.
func (s *session) wake() {
	if s.idle.Load() {
		s.client.Interrupt()
	}
}

// serve runs commands until the session ends, and returns why.
func (s *session) serve() error {
	for {
		if err := s.await(); err != nil {
			return err
		}
		streamed, err := s.stream()
		if streamed {
			err = s.answer(err)
		} else if err == nil {
			err = s.readCommand()
		}
		if err != nil {
			return err
		}
	}
}

// readCommand reads a command whole and runs it.
func (s *session) readCommand() error {
	payload, err := s.client.ReadPacket()
	if errors.Is(err, wire.ErrTooLarge) {
		return s.skipTooLarge()
	}
	if err != nil {
		return err
	}
	s.commanded(payload)
	return s.answer(s.command(payload))
}

func (s *session) skipTooLarge() error {
	if err := s.client.Skip(); err != nil {
		return err
	}
	return s.sendFault(fault.PacketTooLarge.With("packet"))
}

// await waits for the client's next command with no buffer held.
func (s *session) await() error {
	s.backend.Release()
	s.client.Release()
	s.client.ResetSequence()
	for {
		s.settledView()
		s.idle.Store(true)
		err := s.awaitOnce()
		s.idle.Store(false)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		s.client.Resume()
		if s.backendGone.Swap(false) {
			if err := s.lastWords(); err != nil {
				return err
			}
		}
	}
}

func (s *session) awaitOnce() error {
	if s.srv.draining.Load() && !s.inTransaction() {
		return errDrained
	}
	if s.backendGone.Load() {
		return os.ErrDeadlineExceeded // as if wake had come in time
	}
	return s.client.Await()
}

// lastWords passes on what the backend said before it hung up, such as the error about a connection that was idle for
// too long. It returns nil when the backend is still there after all.
func (s *session) lastWords() error {
	_ = s.backend.SetDeadline(time.Now().Add(lastWordsTimeout))
	s.backend.ResetSequence()
	for {
		_, _, err := s.backend.Peek(0)
		if err == nil {
			err = s.backend.Pass()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return s.backend.SetDeadline(time.Time{})
		}
		if err != nil {
			_ = s.client.SetDeadline(time.Now().Add(lastWordsTimeout))
			_ = s.client.Flush() // the backend's end is the reason to report, whether this works or not
			return err
		}
	}
}

// answer gives the outcome of a command to the client when the command has not done so itself. What it returns ends
// the session.
func (s *session) answer(err error) error {
	var lost *wire.Error
	var f *fault.Error
	var se *serverError
	switch {
	case err == nil:
		return s.client.Flush()
	case errors.As(err, &lost):
		return err // whatever the reason inside says, the connection cannot go on
	case errors.As(err, &f):
		s.failedWith(f.Code, f.Message())
		return s.sendFault(f)
	case errors.As(err, &se):
		if se.forgotten {
			s.failedBeside(se)
		}
		return s.sendServerError(se)
	}
	return err
}

// report logs the end of the session once, with the one side that it is blamed on.
func (s *session) report(err error) {
	who, level := blame(err)
	s.srv.cfg.Metrics.closed(who)
	entry := s.srv.cfg.Log.Check(level, "session closed")
	if entry == nil {
		return
	}
	in, out := s.client.Traffic()
	fields := []zap.Field{
		zap.Uint64("session", s.id), zap.String("culprit", string(who)), zap.Error(err), zap.String("user", s.user), zap.String("client", clientName(s.remote)),
		zap.Uint64("commands", s.commands), zap.Uint64("rows", s.rows), zap.Uint64("bytes_in", in), zap.Uint64("bytes_out", out),
		zap.Duration("lasted", time.Since(s.started)),
	}
	var internal *internalError
	if errors.As(err, &internal) {
		fields = append(fields, zap.String("stack", internal.stack))
	}
	entry.Write(fields...)
}
