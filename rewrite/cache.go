package rewrite

import (
	"hash/maphash"
	"sync"

	"phiproxy/rewrite/fault"
)

// planCache remembers plans and refusals by statement shape. When a part of it is full, an arbitrary shape of that part
// gives way.
type planCache struct {
	seed   maphash.Seed
	limit  int // per shard
	shards [16]shard
}

type shard struct {
	mu    sync.RWMutex
	plans map[string]planned // shape key -> plan
}

// planned is a plan or a refusal.
type planned struct {
	plan  *Plan
	fault *fault.Error
}

func newPlanCache(shapes int) *planCache {
	c := &planCache{seed: maphash.MakeSeed()}
	c.limit = max(shapes/len(c.shards), 1)
	for i := range c.shards {
		c.shards[i].plans = map[string]planned{}
	}
	return c
}

func (c *planCache) shard(key []byte) *shard {
	return &c.shards[maphash.Bytes(c.seed, key)%uint64(len(c.shards))]
}

func (c *planCache) get(key []byte) (planned, bool) {
	s := c.shard(key)
	s.mu.RLock()
	p, ok := s.plans[string(key)]
	s.mu.RUnlock()
	return p, ok
}

func (c *planCache) put(key []byte, p planned) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.plans) >= c.limit {
		for k := range s.plans {
			delete(s.plans, k)
			break
		}
	}
	s.plans[string(key)] = p
}
