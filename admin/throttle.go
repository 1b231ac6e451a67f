package admin

import (
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Back-off after wrong guesses. The secrets are too long to guess; what this bounds is the work and the log that
// guessing costs. A principal that has lately been let in from an address is let in through a back-off too, so that
// nobody locks an operator out by guessing beside him.
const (
	freeGuesses   = 5                // wrong guesses of an address without consequence
	freeGlobally  = 100              // of everybody together
	firstBackoff  = time.Second      // doubled by each further guess
	longBackoff   = 5 * time.Minute  // at most, for an address
	longGlobally  = 30 * time.Second // at most, for everybody
	forgetGuesses = 15 * time.Minute // without a guess
	knownFor      = time.Hour        // after the last success
	maxAddresses  = 4096             // remembered at a time
	maxKnown      = 1024
)

// throttle remembers wrong guesses, in bounded memory.
type throttle struct {
	mu        sync.Mutex
	everybody guesses
	addresses *simplelru.LRU[netip.Prefix, *guesses]
	known     *simplelru.LRU[acquaintance, time.Time] // last success
}

type acquaintance struct {
	address   netip.Prefix
	principal string
}

// guesses are the wrong ones of one address, or of all.
type guesses struct {
	count int
	last  time.Time
	until time.Time // nothing is looked at before
}

func newThrottle() *throttle {
	addresses, _ := simplelru.NewLRU[netip.Prefix, *guesses](maxAddresses, nil) // fails for sizes below 1 only
	known, _ := simplelru.NewLRU[acquaintance, time.Time](maxKnown, nil)
	return &throttle{addresses: addresses, known: known}
}

// wrong notes a wrong guess. It returns how long the address must wait now; 0 for not at all.
func (t *throttle) wrong(address netip.Prefix, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.everybody.add(now, freeGlobally, longGlobally)
	g, ok := t.addresses.Get(address)
	if !ok {
		g = &guesses{}
		t.addresses.Add(address, g)
	}
	g.add(now, freeGuesses, longBackoff)
	return max(0, g.until.Sub(now), t.everybody.until.Sub(now))
}

func (g *guesses) add(now time.Time, free int, longest time.Duration) {
	if now.Sub(g.last) > forgetGuesses {
		g.count = 0
	}
	g.count, g.last = g.count+1, now
	if over := g.count - free; over > 0 {
		g.until = now.Add(min(longest, firstBackoff<<min(over-1, 20)))
	}
}

// wait is how long a request from the address must wait; p is who sent it, nobody's principal when that is unknown.
func (t *throttle) wait(address netip.Prefix, p principal, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := max(0, t.everybody.until.Sub(now))
	if g, ok := t.addresses.Get(address); ok {
		wait = max(wait, g.until.Sub(now))
	}
	if last, ok := t.known.Get(acquaintance{address, p.String()}); ok && now.Sub(last) < knownFor {
		return 0
	}
	return wait
}

// right notes that a principal was let in.
func (t *throttle) right(address netip.Prefix, p principal, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known.Add(acquaintance{address, p.String()}, now)
}

// addressOf is the network that a request comes from: an IPv4 address, or the /64 that one IPv6 customer has.
func addressOf(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{} // not TCP: all of them count as one
	}
	ip, bits := ap.Addr().Unmap().WithZone(""), 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // fails for wrong numbers of bits only
	return p
}
