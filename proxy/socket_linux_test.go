package proxy

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// Both legs of a session notice a peer that vanished: idle by keepalive, else by the user timeout.
func TestSocketsAreTuned(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), nil)
	p.login(baseCaps)
	var sockets []net.Conn
	p.srv.mu.Lock()
	for s := range p.srv.sessions {
		s.mu.Lock()
		sockets = append(sockets, s.sockets...)
		s.mu.Unlock()
	}
	p.srv.mu.Unlock()
	if len(sockets) != 2 {
		t.Fatalf("%d sockets", len(sockets))
	}
	for i, nc := range sockets {
		raw, err := nc.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		for _, option := range []struct{ level, name, want int }{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepaliveIdle.Seconds())},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepaliveInterval.Seconds())}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepaliveCount},
			{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds())},
		} {
			var got int
			if failed := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), option.level, option.name) }); failed != nil || err != nil || got != option.want {
				t.Errorf("leg %d, option %d: %d, want %d (%v, %v)", i, option.name, got, option.want, failed, err)
			}
		}
	}
}
