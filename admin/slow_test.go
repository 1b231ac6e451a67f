package admin

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// pipes is a listener whose connections are in memory, so that their time can be a test's.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
}

func newPipes() *pipes { return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { close(p.closed); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.waiting <- far
	return near
}

// TestSlowRequestsEnd: headers, bodies and idle connections that take for ever are cut off.
func TestSlowRequestsEnd(t *testing.T) {
	head := "POST " + clearAt + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + boundToken + "\r\n"
	for name, c := range map[string]struct {
		sent   string
		within time.Duration
		status string // "" for none
	}{
		"nothing at all": {"", 5 * time.Second, ""},
		"half a header":  {"GET / HTT", 5 * time.Second, ""},
		"no body":        {head + "Content-Length: 1000\r\n\r\nabc", 10 * time.Second, "413"},
		"endless body":   {head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 10 * time.Second, "413"},
		"idle":           {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", time.Minute, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				l := newPipes()
				done := make(chan error, 1)
				go func() { done <- b.Serve(l) }()
				conn, began := l.dial(), time.Now()
				go func() { _, _ = io.WriteString(conn, c.sent) }()
				got, _ := io.ReadAll(conn)
				if took := time.Since(began); took > c.within+time.Second {
					t.Errorf("cut off after %v", took)
				}
				if !strings.Contains(string(got), c.status) || c.status == "" && strings.Contains(string(got), " 200 ") {
					t.Errorf("%q", got)
				}
				if len(b.fakes.done()) > 0 {
					t.Errorf("half a request did %v", b.fakes.done())
				}
				if err := errors.Join(b.Shutdown(t.Context()), <-done); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		l := newPipes()
		done := make(chan error, 1)
		go func() { done <- b.Serve(l) }()
		for range maxConnections {
			l.dial()
		}
		answered := make(chan string)
		go func() {
			conn := l.dial() // blocks until another connection has ended
			go func() { _, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") }()
			line, _ := bufio.NewReader(conn).ReadString('\n')
			answered <- line
		}()
		synctest.Wait()
		select {
		case line := <-answered:
			t.Errorf("one connection too many was served: %s", line)
		default:
		}
		if line := <-answered; !strings.Contains(line, "200") {
			t.Errorf("after the silent connections were cut off: %q", line)
		}
		if err := errors.Join(b.Shutdown(t.Context()), <-done); err != nil {
			t.Error(err)
		}
	})
}

// TestPanicsTellNothing: what a handler panics with is nowhere but for the place.
func TestPanicsTellNothing(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Sessions = func() []Session { panic(hostile) } })
	w := b.ask(viewerToken, "GET", "/admin/sessions")
	if w.Code != http.StatusInternalServerError || w.Body.String() != `{"detail":{"error":"Internal error"}}` {
		t.Error(w.Code, w.Body)
	}
	if b.logs.FilterMessage("admin handler panicked").FilterField(zap.String("route", "/admin/sessions")).Len() != 1 {
		t.Error("the log does not tell")
	}
	b.silent(t)
}
