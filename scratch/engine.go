package scratch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"phiproxy/rewrite"
)

// Engine keeps a scratch server running and hands out sessions on it. Its methods may be called from many goroutines.
type Engine struct {
	options  Options
	limits   Limits
	log      *zap.Logger
	metrics  *metrics
	launcher launcher // nil when off
	pool     *pool
	held     atomic.Int64 // bytes loaded by all sessions now

	stop     context.CancelFunc
	wanted   chan struct{} // closed when the server shall run
	want     sync.Once
	finished chan struct{} // closed when run has returned

	mu      sync.Mutex
	state   state
	changed chan struct{} // closed, and replaced, when state changes
	twins   *twins        // what Sync asked for

	syncing sync.Mutex // held while twins are made
}

// state is what is known about the server.
type state struct {
	server   *server // nil while none runs
	born     uint64  // counts servers; a session of an earlier one is useless
	restarts int
	err      error // why there is none
	closed   bool
	schemas  []string // databases of the twins; set by ready
}

// Status is what an operator may know.
type Status struct {
	Mode     Mode
	Running  bool
	Flavor   rewrite.Flavor
	Version  string // as the program says it; "" before the first start, and for ModeDSN until it was reached
	PID      int    // 0 when it is not a child
	Restarts int    // times that the server had to be started again
	Problem  string // why it does not run
}

// Open makes an engine. With ModeOff, or with ModeAuto where no server can be run, the engine exists but every Session is
// refused with Off, which the log says once.
func Open(ctx context.Context, o Options) (*Engine, error) {
	set(&o.Mode, ModeAuto)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	e := &Engine{options: o, limits: o.Limits.complete(), log: o.Log, wanted: make(chan struct{}), finished: make(chan struct{}), changed: make(chan struct{})}
	e.metrics = newMetrics(o.Metrics)
	e.pool = newPool(e)
	var err error
	if e.launcher, err = newLauncher(ctx, o, e.limits); err != nil {
		if o.Mode != ModeAuto {
			e.metrics.unregister()
			return nil, err
		}
		e.log.Warn("statements that need the scratch server will be refused", zap.Error(err))
		e.launcher = nil
	}
	if e.launcher == nil {
		e.state.err = fail(Off, err)
		close(e.finished)
		e.stop = func() {}
		return e, nil
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	go e.run(running)
	if !o.AtBoot {
		return e, nil
	}
	if _, err := e.ready(ctx); err != nil && o.Mode != ModeAuto {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// newLauncher gives nil, without an error, for ModeOff.
func newLauncher(ctx context.Context, o Options, l Limits) (launcher, error) {
	switch o.Mode {
	case ModeOff:
		return nil, nil
	case ModeDSN:
		return newSidecar(o.DSN)
	case ModeEmbedded:
		return embeddedLauncher{}, nil
	case ModeCommand:
		if len(o.Command) == 0 {
			return nil, errors.New("scratch: the mode is command, but no command is given")
		}
	case ModeAuto:
		o.Command = nil
	default:
		return nil, fmt.Errorf("scratch: unknown mode %q", o.Mode)
	}
	p, err := find(ctx, o)
	if err != nil {
		return nil, err
	}
	d, err := makeDirectory(o.Directory, neededSpace(p.flavor))
	if err != nil {
		return nil, fail(Unavailable, err)
	}
	return &childLauncher{program: p, arguments: o.Arguments, fold: o.LowerCaseNames, sessions: l.Sessions, dir: d}, nil
}

// Available reports whether there is anything to run a server with; where there is not, every Session is refused with Off.
func (e *Engine) Available() bool { return e.launcher != nil }

// Close ends the server and removes everything of it. Sessions that are still open fail.
func (e *Engine) Close() error {
	e.stop()
	<-e.finished
	e.pool.close()
	e.metrics.unregister()
	return nil
}

// Directory is where the child's files are, "" when there is no child.
func (e *Engine) Directory() string {
	if l, ok := e.launcher.(*childLauncher); ok {
		return l.dir.path
	}
	return ""
}

// Status tells how the engine is.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := Status{Mode: e.options.Mode, Running: e.state.server != nil, Restarts: e.state.restarts}
	if e.state.err != nil {
		s.Problem = e.state.err.Error()
	}
	if v := e.state.server; v != nil {
		s.Flavor, s.Version, s.PID = v.flavor, v.version, v.pid
	}
	return s
}

// Back-off between starts.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 30 * time.Second
	// stable is how long a server must have run for the next pause to be the first again.
	stable = 10 * time.Second
)

// run starts servers until it is told to stop.
func (e *Engine) run(ctx context.Context) {
	defer close(e.finished)
	defer e.closeLauncher()
	select {
	case <-e.wanted:
	case <-ctx.Done():
		return
	}
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, lastPause) {
		began := time.Now()
		e.once(ctx)
		if time.Since(began) > stable {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (e *Engine) closeLauncher() {
	e.set(func(s *state) { s.server, s.closed, s.err = nil, true, fail(Off, errors.New("the engine is closed")) })
	if err := e.launcher.close(); err != nil {
		e.log.Error("what the scratch server left could not be removed", zap.Error(err))
	}
}

// once runs one server from its start to its end.
func (e *Engine) once(ctx context.Context) {
	s := e.begin(ctx)
	if s == nil {
		return
	}
	e.metrics.up.Set(1)
	e.watch(ctx, s)
	e.metrics.up.Set(0)
	e.set(func(st *state) { st.server, st.err = nil, fail(Unavailable, errors.New("it ended")); st.restarts++ })
	s.stop()
	if ctx.Err() == nil {
		e.metrics.restarts.Inc()
		e.log.Error("the scratch server ended and is started again")
	}
}

// begin starts a server and makes it known; nil when it cannot be started.
func (e *Engine) begin(ctx context.Context) *server {
	e.syncing.Lock()
	defer e.syncing.Unlock()
	began := time.Now()
	s, err := e.start(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("the scratch server cannot be started", zap.Error(err))
		}
		e.set(func(st *state) { st.err = err })
		return nil
	}
	if s.flavor != e.options.Family && s.flavor != rewrite.Embedded {
		e.log.Warn("the scratch server is not of the backend's family; some functions and collations differ", zap.String("version", s.version))
	}
	e.log.Info("the scratch server is ready", zap.String("version", s.version), zap.Int("pid", s.pid), zap.Duration("took", time.Since(began)))
	e.set(func(st *state) { st.server, st.err = s, nil; st.born++ })
	return s
}

// start launches a server and gives it the twins.
func (e *Engine) start(ctx context.Context) (*server, error) {
	s, err := e.launcher.launch(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.learn(ctx); err != nil {
		s.stop()
		return nil, err
	}
	s.twins = make(map[string]standingTwin)
	_, t := e.current()
	if err := t.create(ctx, s); err != nil { // what needs one of these is refused, the rest goes on
		e.log.Error("some protected tables have no twin", zap.Error(err))
	}
	return s, nil
}

// Health checks.
const (
	checkEvery   = 5 * time.Second
	checkTimeout = 5 * time.Second
	checkFails   = 3 // in a row, until the server is taken for hung
)

// watch returns when the server has ended or no longer answers, or the context ends.
func (e *Engine) watch(ctx context.Context, s *server) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for failed := 0; failed < checkFails; {
		select {
		case <-ctx.Done():
			return
		case <-s.done:
			return
		case <-tick.C:
		}
		if err := ping(ctx, s.account); err != nil {
			failed++
			e.log.Warn("the scratch server does not answer", zap.Error(err))
		} else {
			failed = 0
		}
	}
}

func ping(ctx context.Context, a account) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	c, err := dial(ctx, a)
	if err != nil {
		return err
	}
	return c.Close()
}

// set changes the state and wakes those who wait for a change.
func (e *Engine) set(change func(*state)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.state)
	close(e.changed)
	e.changed = make(chan struct{})
}

// ready waits until a server runs, starting it when it was not asked for before.
func (e *Engine) ready(ctx context.Context) (state, error) {
	e.want.Do(func() { close(e.wanted) })
	ctx, cancel := context.WithTimeout(ctx, e.limits.Wait)
	defer cancel()
	for {
		e.mu.Lock()
		s, changed := e.state, e.changed
		s.schemas = e.twins.schemas()
		e.mu.Unlock()
		switch {
		case s.server != nil && !s.server.dead():
			return s, nil
		case s.closed || errors.Is(s.err, &Error{Kind: Off}):
			return s, s.err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if s.err == nil {
				s.err = ctx.Err()
			}
			return s, fail(Unavailable, s.err)
		}
	}
}
