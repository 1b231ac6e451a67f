package keys

import (
	"sync"
	"time"

	"github.com/dgraph-io/ristretto/v2"
)

// cache is ristretto with what it leaves to its users: a Set that is visible when it returns, no Clear or Close beside
// other changes, full comparison of owners behind its hashes, and loads that cannot undo a removal that happened while
// they ran.
type cache struct {
	life   sync.RWMutex // held for reading by get: ristretto's Close must not run beside a Get
	closed bool         // under life
	c      *ristretto.Cache[string, *entry]

	mu    sync.Mutex         // held by every change; taken before life
	loads map[string]*ticket // owner -> loads under way
}

// ticket is held during the loads of one owner that began before the same removal.
type ticket struct {
	refs    int
	removed bool // the owner was removed since: the result must not be cached
}

// newCache holds the keys of up to limit owners. Choose it above the number of owners: when it is full, admission is
// ristretto's, and an owner that it does not admit is asked for again at each use.
func newCache(limit int64) (*cache, error) {
	c, err := ristretto.NewCache(&ristretto.Config[string, *entry]{
		NumCounters: 10 * limit, MaxCost: limit, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, err
	}
	return &cache{c: c, loads: map[string]*ticket{}}, nil
}

// get returns the owner's entry, fresh or stale, or nil.
func (c *cache) get(owner string) *entry {
	c.life.RLock()
	defer c.life.RUnlock()
	if c.closed {
		return nil
	}
	e, ok := c.c.Get(owner)
	if !ok || e.owner != owner {
		return nil
	}
	return e
}

// begin announces a load; end must follow.
func (c *cache) begin(owner string) *ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.loads[owner]
	if t == nil {
		t = &ticket{}
		c.loads[owner] = t
	}
	t.refs++
	return t
}

func (c *cache) end(owner string, t *ticket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.refs--
	if t.refs == 0 && c.loads[owner] == t {
		delete(c.loads, owner)
	}
}

// set stores what a load found, unless the owner was removed meanwhile. It reports whether the entry is in the cache.
func (c *cache) set(e *entry, t *ticket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ttl := time.Until(e.dead)
	if c.closed || t.removed || ttl <= 0 {
		return false
	}
	if !c.c.SetWithTTL(e.owner, e, 1, ttl) { // its buffer is full: let it drain, then once more
		c.c.Wait()
		c.c.SetWithTTL(e.owner, e, 1, ttl)
	}
	c.c.Wait()
	return c.get(e.owner) == e
}

// del removes one owner and reports whether his keys were there.
func (c *cache) del(owner string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.loads[owner]; t != nil {
		t.removed = true
		delete(c.loads, owner)
	}
	if c.closed {
		return false
	}
	e := c.get(owner)
	c.c.Del(owner)
	c.c.Wait()
	return e != nil && e.keys != nil
}

// clear removes everybody and returns how many owners had keys.
func (c *cache) clear() (owners int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.loads {
		t.removed = true
	}
	clear(c.loads)
	if c.closed {
		return 0
	}
	owners, _ = c.tally(time.Time{})
	c.c.Clear()
	return owners
}

func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life.Lock()
	defer c.life.Unlock()
	if !c.closed {
		c.closed = true
		c.c.Close()
	}
}

// count returns the numbers of owners with keys and of those whose time to live is over.
func (c *cache) count(now time.Time) (total, expired int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tally(now)
}

func (c *cache) tally(now time.Time) (total, expired int) {
	c.c.IterValues(func(e *entry) bool {
		if e.keys != nil {
			total++
			if !now.Before(e.fresh) {
				expired++
			}
		}
		return false
	})
	return total, expired
}
