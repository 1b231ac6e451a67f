package proxy

import (
	"net"
	"time"
)

// A peer that vanished without a word is noticed within about a minute on either leg: idle by keepalive, with data
// under way by TCP_USER_TIMEOUT.
const (
	keepaliveIdle     = 30 * time.Second
	keepaliveInterval = 10 * time.Second
	keepaliveCount    = 3
	userTimeout       = 60 * time.Second
)

// tuneSocket sets the options of a leg. An option that cannot be set leaves a connection that works.
func tuneSocket(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: keepaliveIdle, Interval: keepaliveInterval, Count: keepaliveCount,
	})
	setUserTimeout(tcp, userTimeout)
}
