package proxy

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

func TestTooManyConnections(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), func(c *Config) { c.Limits.MaxConnections = 2 })
	first, _ := p.login(baseCaps), p.login(baseCaps)
	c := wire.New(p.dial(), "test", packetLimit)
	got, err := c.ReadPacket()
	if err != nil {
		t.Fatal(err)
	}
	if e := errorOf(t, got); e.Code != 1040 {
		t.Fatalf("answer %d %s", e.Code, e.Message)
	}
	first.send([]byte{mysql.COM_QUIT})
	eventually(t, "a place is free again", func() bool {
		c := wire.New(p.dial(), "test", packetLimit)
		got, err := c.ReadPacket()
		return err == nil && !packet.IsErr(got)
	})
}

func TestQuitIsPassedOn(t *testing.T) {
	b := newBackend(t, alwaysOK)
	p := newProxy(t, b, nil)
	p.login(baseCaps).send([]byte{mysql.COM_QUIT})
	if got := p.closed(); got["culprit"] != string(fault.Client) || got["commands"] != uint64(1) {
		t.Errorf("log %v", got)
	}
	eventually(t, "the server sees it", func() bool { return len(b.seen()) == 1 })
}

// A client that vanishes takes its backend connection with it, so that the server rolls back.
func TestClientLoss(t *testing.T) {
	b := newBackend(t, alwaysOK)
	p := newProxy(t, b, nil)
	before := runtime.NumGoroutine()
	c := p.login(baseCaps)
	_ = c.nc.Close()
	if got := p.closed(); got["culprit"] != string(fault.Client) {
		t.Errorf("log %v", got)
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

// A client that waits between two commands hears at once that the server is gone, as on a direct connection.
func TestBackendLossWhileIdle(t *testing.T) {
	b := newBackend(t, func([]byte) [][]byte {
		time.Sleep(time.Millisecond) // the answer, then the end
		return [][]byte{okPacket(idle)}
	})
	p := newProxy(t, b, nil)
	c := p.login(baseCaps)
	b.mu.Lock()
	b.hangUp = true
	b.mu.Unlock()
	if got := c.ask([]byte{mysql.COM_PING}); !packet.IsOK(got) {
		t.Fatalf("answer %x", got)
	}
	if _, err := c.ReadPacket(); !wire.Closed(err) {
		t.Fatalf("not closed: %v", err)
	}
	if got := p.closed(); got["culprit"] != string(fault.Backend) {
		t.Errorf("log %v", got)
	}
}

// What the server says before it hangs up, such as that a connection was idle for too long, reaches the client.
func TestLastWordsOfTheBackend(t *testing.T) {
	b := newBackend(t, alwaysOK)
	last := errPacket(4031)
	b.lastWords = last
	p := newProxy(t, b, nil)
	c := p.login(baseCaps)
	b.mu.Lock()
	b.hangUp = true
	b.mu.Unlock()
	if got := c.ask([]byte{mysql.COM_PING}); !packet.IsOK(got) {
		t.Fatalf("answer %x", got)
	}
	c.ResetSequence()
	if got := c.read(); !bytes.Equal(got, last) {
		t.Fatalf("got %x", got)
	}
}

func TestDrainLetsTransactionsFinish(t *testing.T) {
	b := newBackend(t, func(command []byte) [][]byte {
		if bytes.Contains(command, []byte("BEGIN")) {
			return [][]byte{okPacket(idle | mysql.SERVER_STATUS_IN_TRANS)}
		}
		return [][]byte{okPacket(idle)}
	})
	p := newProxy(t, b, nil)
	idler, worker := p.login(baseCaps), p.login(baseCaps)
	worker.ask([]byte("\x03BEGIN"))
	down := make(chan error, 1)
	go func() { down <- p.srv.Shutdown(context.Background()) }()
	if _, err := idler.ReadPacket(); !wire.Closed(err) {
		t.Fatalf("the idle session was not closed: %v", err)
	}
	if _, err := net.Dial("tcp", p.addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("still accepting: %v", err)
	}
	select {
	case err := <-down:
		t.Fatalf("did not wait for the transaction: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if got := worker.ask([]byte("\x03COMMIT")); !packet.IsOK(got) {
		t.Fatalf("COMMIT answered with %x", got)
	}
	if err := <-down; err != nil {
		t.Fatal(err)
	}
}

func TestDrainEndsInTime(t *testing.T) {
	b := newBackend(t, func([]byte) [][]byte { return [][]byte{okPacket(idle | mysql.SERVER_STATUS_IN_TRANS)} })
	p := newProxy(t, b, nil)
	p.login(baseCaps).ask([]byte("\x03BEGIN"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := p.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// A session that waits for the server can be cut as well.
func TestDrainCutsRunningStatements(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	b := newBackend(t, func([]byte) [][]byte { <-release; return nil })
	p := newProxy(t, b, nil)
	c := p.login(baseCaps)
	c.send([]byte("\x03SELECT SLEEP(1000)"))
	eventually(t, "the statement runs", func() bool { return len(b.seen()) == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := p.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestPanicEndsOneSession(t *testing.T) {
	b := newBackend(t, alwaysOK)
	calls := 0
	planner := rewrite.NewPlanner(&rewrite.Schema{}, 16)
	p := newProxy(t, b, func(c *Config) {
		c.Planner = func() *rewrite.Planner {
			if calls++; calls == 1 {
				panic("a client's value")
			}
			return planner
		}
	})
	other := p.login(baseCaps)
	c := p.login(baseCaps)
	c.send([]byte("\x03SELECT 1"))
	if _, err := c.ReadPacket(); err == nil {
		t.Fatal("answered")
	}
	got := p.closed()
	if got["culprit"] != string(fault.Internal) || got["stack"] == "" || got["error"] != "panic: string" {
		t.Errorf("log %v", got)
	}
	if got := other.ask([]byte("\x03SELECT 1")); !packet.IsOK(got) {
		t.Fatalf("the other session: %x", got)
	}
}

// acceptFailures is a listener whose first accepts fail.
type acceptFailures struct {
	net.Listener
	errs []error
}

func (l *acceptFailures) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		return l.Listener.Accept()
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
}

func TestAcceptGoesOnAfterShortage(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failing := &acceptFailures{Listener: l, errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED}}
	go func() { _ = p.srv.Serve(failing) }()
	p.addr = l.Addr().String()
	p.login(baseCaps)
	broken := &acceptFailures{Listener: l, errs: []error{syscall.EBADF}}
	if err := p.srv.Serve(broken); !errors.Is(err, syscall.EBADF) {
		t.Fatal(err)
	}
}

// stateAnswer is the server's answer to stateQuery.
func stateAnswer(values ...[]byte) [][]byte {
	packets := [][]byte{{stateColumns}}
	for range stateColumns {
		packets = append(packets, column("v"))
	}
	var row []byte
	for _, v := range values {
		if v == nil {
			row = packet.AppendNull(row)
		} else {
			row = packet.AppendLenEncBytes(row, v)
		}
	}
	return append(packets, eofPacket(idle), row, eofPacket(idle))
}

func TestEnsureStateAsksTheServerOnce(t *testing.T) {
	b := newBackend(t, func([]byte) [][]byte {
		return stateAnswer([]byte("STRICT_TRANS_TABLES,NO_ZERO_DATE"), []byte("utf8mb4"), []byte("utf8mb4"), nil, []byte("hospital"), []byte("18446744073709551615"))
	})
	s := looseSession(t, b)
	for range 2 {
		if err := s.ensureState(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.seen()); n != 1 {
		t.Errorf("asked %d times", n)
	}
	e := s.env
	if s.state.Database != "hospital" || !e.Mode.Strict || !e.Mode.NoZeroDate || e.Mode.AllowInvalid || e.SelectLimit != 1<<64-1 {
		t.Errorf("state %+v, %+v", s.state, e)
	}
	if e.Results.Name != "binary" || e.Results.ID != 45 {
		t.Errorf("results %+v", e.Results)
	}
	if err := s.readable(); err != nil {
		t.Error(err)
	}
	s.setDirty()
	if err := s.ensureState(); err != nil || len(b.seen()) != 2 {
		t.Errorf("a dirty session was not asked: %v", err)
	}
}

func TestUnsupportedCharsets(t *testing.T) {
	tests := []struct {
		client, connection, results string
		ok                          bool
	}{
		{"utf8mb4", "utf8mb4", "utf8mb4", true}, {"utf8mb3", "utf8mb3", "utf8mb3", true}, {"utf8", "utf8", "utf8", true},
		{"latin1", "latin1", "ascii", true}, {"utf8mb4", "utf8mb4", "binary", true},
		{"gbk", "utf8mb4", "utf8mb4", false}, {"utf8mb4", "sjis", "utf8mb4", false}, {"utf8mb4", "utf8mb4", "euckr", false},
		{"binary", "utf8mb4", "utf8mb4", false},
	}
	for _, tt := range tests {
		s := &session{env: environment{Client: tt.client, Connection: tt.connection, Results: resultCharset([]byte(tt.results), 1)}}
		if err := s.readable(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// A session under a character set that is not supported can do what names no protected table, and so leave it.
func TestLegible(t *testing.T) {
	s := looseSession(t, newBackend(t, func([]byte) [][]byte { return nil }))
	s.planner = rewrite.NewPlanner(protectedSchema(t), 16)
	for _, tt := range []struct {
		client, sql string
		ok          bool
	}{
		{"cp1257", "SET NAMES utf8mb4", true}, {"binary", "SELECT @@collation_connection", true}, {"cp1257", "SELECT 1 FROM cases", false},
		{"gbk", "SET NAMES utf8mb4", false}, {"utf8mb4", "SELECT 1 FROM cases", true},
	} {
		s.env = environment{Client: tt.client, Connection: tt.client, Results: resultCharset([]byte("utf8mb4"), 45)}
		if err := s.legible([]byte(tt.sql)); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// looseSession is a session whose backend leg is logged in at b and whose client leg nobody uses.
func looseSession(t *testing.T, b *backend) *session {
	t.Helper()
	p := newProxy(t, b, nil)
	here, there := net.Pipe()
	t.Cleanup(func() { _ = here.Close(); _ = there.Close() })
	s := newSession(p.srv, here)
	nc, err := net.Dial("tcp", b.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	c := &client{Conn: wire.New(nc, backendPeer, packetLimit), t: t, nc: nc}
	if err := c.greeting.Decode(c.read()); err != nil {
		t.Fatal(err)
	}
	c.respond(baseCaps, nil)
	s.backend, s.caps, s.backCaps = c.Conn, baseCaps, baseCaps
	s.planner = p.srv.cfg.Planner()
	wire.Pair(s.client, s.backend)
	return s
}

func TestQueryBoundsItsAnswer(t *testing.T) {
	rows := make([][]byte, 100)
	for i := range rows {
		rows[i] = textOf("0123456789", "0123456789")
	}
	b := newBackend(t, func([]byte) [][]byte { return resultSet(baseCaps, idle, rows...) })
	s := looseSession(t, b)
	a, err := s.query([]byte("SELECT"))
	if err != nil || len(a.Rows) != 100 || string(a.Rows[99][1]) != "0123456789" {
		t.Fatalf("%v", err)
	}
	s.srv.cfg.Limits.MaxLookupBytes = 1000
	var f *fault.Error
	if _, err := s.query([]byte("SELECT")); !errors.As(err, &f) || f.Fault != fault.AnswerTooLarge {
		t.Fatalf("%v", err)
	}
	s.srv.cfg.Limits.MaxLookupBytes = 1 << 20
	if a, err = s.query([]byte("SELECT")); err != nil || len(a.Rows) != 100 {
		t.Fatalf("out of step: %v", err)
	}
}

func TestQueryReturnsTheServersError(t *testing.T) {
	response := [][]byte{errPacket(1213)}
	b := newBackend(t, func([]byte) [][]byte { return response })
	s := looseSession(t, b)
	for range 2 {
		var se *serverError
		if _, err := s.query([]byte("SELECT")); !errors.As(err, &se) || se.code() != 1213 {
			t.Fatalf("%v", err)
		}
		response = append(resultSet(baseCaps, idle, textOf("x", "y"))[:5], errPacket(1213))
	}
}

func TestTextRowsMustFit(t *testing.T) {
	for _, p := range [][]byte{nil, textOf("a"), textOf("a", "b", "c"), {5, 'a'}, {0xff, 0}} {
		if _, err := textRow(p, 2); err == nil {
			t.Errorf("accepted %x", p)
		}
	}
}
