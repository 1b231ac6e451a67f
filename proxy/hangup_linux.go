package proxy

import (
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// hangups tells sessions that wait for their client that the database server closed their backend connection. One
// edge-triggered epoll set holds every backend socket for that single event, so that it costs nothing per command.
// Without it a client's pool would hand out connections that are dead, as no pool check could see.
type hangups struct {
	epoll int
	stop  [2]int // pipe: closing the second end ends the loop

	mu       sync.Mutex
	sessions map[int32]*session // descriptor -> session
	closed   bool
}

func newHangups() (*hangups, error) {
	h := &hangups{sessions: make(map[int32]*session)}
	var err error
	if h.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if err = unix.Pipe2(h.stop[:], unix.O_CLOEXEC); err != nil {
		_ = unix.Close(h.epoll)
		return nil, err
	}
	stop := unix.EpollEvent{Events: unix.EPOLLHUP, Fd: int32(h.stop[0])}
	if err = unix.EpollCtl(h.epoll, unix.EPOLL_CTL_ADD, h.stop[0], &stop); err != nil {
		_ = unix.Close(h.epoll)
		_ = unix.Close(h.stop[0])
		_ = unix.Close(h.stop[1])
		return nil, err
	}
	go h.loop()
	return h, nil
}

// watch wakes s once its backend connection nc is closed by the other end. The function it returns ends that, and must
// be called before nc is closed, since the descriptor's number is used again.
func (h *hangups) watch(nc net.Conn, s *session) (forget func()) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return func() {}
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return func() {}
	}
	fd := int32(-1)
	_ = raw.Control(func(d uintptr) { fd = h.add(d, s) })
	return func() { h.remove(fd) }
}

func (h *hangups) add(d uintptr, s *session) int32 {
	fd := int32(d)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return -1
	}
	event := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: fd}
	if unix.EpollCtl(h.epoll, unix.EPOLL_CTL_ADD, int(fd), &event) != nil {
		return -1
	}
	h.sessions[fd] = s
	return fd
}

func (h *hangups) remove(fd int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if fd < 0 || h.closed {
		return
	}
	delete(h.sessions, fd)
	_ = unix.EpollCtl(h.epoll, unix.EPOLL_CTL_DEL, int(fd), nil)
}

func (h *hangups) loop() {
	defer h.release()
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(h.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == h.stop[0] {
				return
			}
			h.notify(e.Fd)
		}
	}
}

func (h *hangups) notify(fd int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sessions[fd]; s != nil {
		s.backendGone.Store(true)
		s.wake()
	}
}

func (h *hangups) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = unix.Close(h.epoll)
	_ = unix.Close(h.stop[0])
}

// close ends the loop. Sessions that still run are no longer woken.
func (h *hangups) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		_ = unix.Close(h.stop[1])
	}
}
