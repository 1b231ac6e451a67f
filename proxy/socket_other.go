//go:build !linux

package proxy

import (
	"net"
	"time"
)

// setUserTimeout has no counterpart here; keepalive alone finds a dead peer.
func setUserTimeout(*net.TCPConn, time.Duration) {}
