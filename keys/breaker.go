package keys

import (
	"errors"
	"sync"
	"time"
)

const (
	breakerTrips = 3                // consecutive outages that open it
	breakerFirst = time.Second      // first pause
	breakerMost  = 30 * time.Second // longest pause
)

// breaker stops asking a provider that does not answer: while it is open, statements fail (or use cached keys) at once
// instead of each waiting for a timeout. After a pause, which doubles up to 30 s, one call is let through to try.
type breaker struct {
	mu       sync.Mutex
	failures int
	pause    time.Duration
	until    time.Time // open until then; zero when closed
	probing  bool      // the one trial call is under way
}

// allow reports whether a call may be made now.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return true
	}
	if b.probing || time.Now().Before(b.until) {
		return false
	}
	b.probing = true
	return true
}

// report takes a call's outcome. Only outages count: a service that says no is a service that answers.
func (b *breaker) report(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	if !errors.Is(err, ErrUnavailable) {
		b.failures, b.pause, b.until = 0, 0, time.Time{}
		return
	}
	now := time.Now()
	b.failures++
	if b.failures < breakerTrips || now.Before(b.until) { // calls begun before it opened do not lengthen the pause
		return
	}
	b.pause = min(max(2*b.pause, breakerFirst), breakerMost)
	b.until = now.Add(b.pause)
}

// open reports whether calls are being held back.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero()
}
