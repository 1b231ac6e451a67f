package keys

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"
)

const (
	negativeTTL  = time.Second      // how long "no key", "revoked" and "corrupt" are believed
	outageRetry  = 10 * time.Second // during an outage a stale key is used that long before asking again
	refreshPause = time.Second      // when Refresh found nothing new, it answers from the cache that long
	maxOwner     = 100              // characters of an owner id: user_id is VARCHAR(100) in the guide's tables
)

// RingOptions make a [Ring]. Store and Provider are required; zero durations and numbers mean the default.
type RingOptions struct {
	Store    Store
	Provider Provider

	TTL         time.Duration // life of a cached key; default 24 h
	StaleFor    time.Duration // how much longer it is used during an outage; default 1 h, negative: not at all
	NoGenerate  bool          // ForWrite fails with ErrNoKey instead of making an owner's first key
	MaxOwners   int           // owners in the cache; default 100,000 (about 1 KiB each)
	LoadTimeout time.Duration // bound of one miss: store, audit and provider together; default 5 s

	CheckEvery  time.Duration // how often the master key is tried, i.e. the time to notice a revocation; default 30 s, negative: never
	SyncEvery   time.Duration // how often other proxies' changes are looked for; default 2 s, negative: never
	Parallel    int           // owners handled at once by Warm, Bulk and Rewrap; default 8
	RotateAfter uint64        // seals after which a key gets its next version; default DefaultRotateAfter

	Metrics *Metrics    // default: not registered anywhere
	Log     *zap.Logger // background failures; default: none
	EMF     *EMF        // CloudWatch metrics in the log; default: none
}

func (o *RingOptions) setDefaults() {
	o.TTL = orDefault(o.TTL, 24*time.Hour)
	o.StaleFor = max(0, orDefault(o.StaleFor, time.Hour))
	o.MaxOwners = orDefault(o.MaxOwners, 100_000)
	o.LoadTimeout = orDefault(o.LoadTimeout, 5*time.Second)
	o.CheckEvery = orDefault(o.CheckEvery, 30*time.Second)
	o.SyncEvery = orDefault(o.SyncEvery, 2*time.Second)
	o.Parallel = orDefault(o.Parallel, 8)
	o.RotateAfter = orDefault(o.RotateAfter, DefaultRotateAfter)
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
}

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// Ring hands out owners' keys. It is safe for concurrent use.
type Ring struct {
	opt     RingOptions
	kms     *guard
	cache   *cache
	flights singleflight.Group
	purges  atomic.Uint64 // how often everybody was dropped
	fleet   fleet

	stop    context.CancelFunc // ends the background work
	done    sync.WaitGroup
	recheck chan struct{}   // capacity 1: a denial asks for a check of the master key
	worn    chan VersionRef // versions that have sealed enough
}

// New makes a ring and starts its background work; Close ends it.
func New(o RingOptions) (*Ring, error) {
	if o.Store == nil || o.Provider == nil {
		return nil, errors.New("keys: a ring needs a store and a provider")
	}
	o.setDefaults()
	c, err := newCache(int64(o.MaxOwners))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Ring{
		opt: o, cache: c, stop: stop, recheck: make(chan struct{}, 1), worn: make(chan VersionRef, 64),
		kms: &guard{provider: o.Provider, metrics: o.Metrics},
	}
	r.done.Go(func() { r.watchMasterKey(ctx) })
	r.done.Go(func() { r.watchFleet(ctx) })
	r.done.Go(func() { r.watchWorn(ctx) })
	r.done.Go(func() { r.watchMetrics(ctx) })
	return r, nil
}

// Close ends the background work and empties the cache. Keys that are still held elsewhere stay usable.
func (r *Ring) Close() {
	r.stop()
	r.done.Wait()
	r.cache.close()
}

// ForRead returns the owner's keys for opening values: ErrNoKey when he has none.
func (r *Ring) ForRead(ctx context.Context, owner string) (*OwnerKeys, error) {
	if e := r.cache.get(owner); e != nil && time.Now().Before(e.fresh) {
		r.opt.Metrics.hits.Add(1)
		return e.keys, e.err
	}
	r.opt.Metrics.misses.Add(1)
	if err := validOwner(owner); err != nil {
		return nil, err
	}
	return r.read(ctx, owner)
}

func (r *Ring) read(ctx context.Context, owner string) (*OwnerKeys, error) {
	return fly(ctx, r, "r", owner, func(ctx context.Context) (*OwnerKeys, error) {
		return r.load(ctx, owner, false)
	})
}

// ForWrite returns the owner's keys for sealing values. It makes his first key when he has none, and fails with
// ErrInactive when an administrator closed his key for writing.
func (r *Ring) ForWrite(ctx context.Context, owner string) (*OwnerKeys, error) {
	k, err := r.ForRead(ctx, owner)
	switch lacks := lacksKey(k, err); {
	case !lacks && err != nil:
		return nil, err
	case !lacks && !k.active:
		return nil, fail(ErrInactive, "write")
	case !lacks:
		return k, nil
	case r.opt.NoGenerate:
		return nil, fail(ErrNoKey, "write")
	}
	return fly(ctx, r, "w", owner, func(ctx context.Context) (*OwnerKeys, error) {
		return r.firstKey(ctx, owner)
	})
}

// Refresh asks the store again, for a value whose key id is unknown: another proxy may have rotated the key a moment ago.
// When there was nothing new, it answers from the cache for a second, so that ids which nobody knows cost little.
func (r *Ring) Refresh(ctx context.Context, owner string) (*OwnerKeys, error) {
	if err := validOwner(owner); err != nil {
		return nil, err
	}
	return fly(ctx, r, "f", owner, func(ctx context.Context) (*OwnerKeys, error) {
		return r.load(ctx, owner, true)
	})
}

// Cached tells whether the owner's keys are in memory.
func (r *Ring) Cached(owner string) bool {
	e := r.cache.get(owner)
	return e != nil && e.keys != nil
}

// Stats describes the cache, as the guide's key-status does.
type Stats struct {
	TotalCached  int           // owners with keys in memory
	ExpiredCount int           // of them past their time to live (kept for an outage)
	ActiveCount  int           // of them within it
	TTL          time.Duration // time to live
	OutageNow    bool          // the circuit breaker holds calls back
}

// Stats counts by walking the cache: for the admin port, not for every statement.
func (r *Ring) Stats() Stats {
	total, expired := r.cache.count(time.Now())
	return Stats{
		TotalCached: total, ExpiredCount: expired, ActiveCount: total - expired,
		TTL: r.opt.TTL, OutageNow: r.kms.breaker.open(),
	}
}

// Check asks the provider whether the master key works, for readiness.
func (r *Ring) Check(ctx context.Context) error { return r.kms.check(ctx) }

// fly runs f once for all simultaneous callers with the same kind and owner. It does not end with the caller that
// happened to come first: the others need its result, and a key that was generated must be stored.
func fly[T any](ctx context.Context, r *Ring, kind, owner string, f func(context.Context) (T, error)) (T, error) {
	result := r.flights.DoChan(r.flight(kind, owner), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opt.LoadTimeout)
		defer cancel()
		return f(ctx)
	})
	var zero T
	select {
	case <-ctx.Done():
		return zero, ctx.Err()
	case res := <-result:
		if res.Err != nil {
			return zero, res.Err
		}
		return res.Val.(T), nil
	}
}

// validOwner refuses owner ids that the guide's tables cannot hold.
func validOwner(owner string) error {
	if owner == "" || !utf8.ValidString(owner) || utf8.RuneCountInString(owner) > maxOwner {
		return fail(ErrOwner, "owner")
	}
	return nil
}
