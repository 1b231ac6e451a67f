//go:build !linux

package proxy

import "net"

// hangups needs epoll; elsewhere a closed backend connection is noticed at the next command.
type hangups struct{}

func newHangups() (*hangups, error) { return &hangups{}, nil }

func (*hangups) watch(net.Conn, *session) (forget func()) { return func() {} }

func (*hangups) close() {}
