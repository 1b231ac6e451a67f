package keys

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"
)

// forget drops an owner from the cache and lets no question join a load that began before.
func (r *Ring) forget(owner, reason string) {
	for _, kind := range []string{"r", "w", "f"} {
		r.flights.Forget(r.flight(kind, owner))
	}
	if r.cache.del(owner) {
		r.opt.Metrics.evictions.WithLabelValues(reason).Inc()
	}
}

// forgetAll is forget for every owner.
func (r *Ring) forgetAll(reason string) {
	r.purges.Add(1)
	r.opt.Metrics.evictions.WithLabelValues(reason).Add(float64(r.cache.clear()))
}

// flight names a load; after forgetAll the same question has another name.
func (r *Ring) flight(kind, owner string) string {
	return strconv.FormatUint(r.purges.Load(), 10) + kind + owner
}

// askForCheck has the master key tried soon: one owner's denial may be everybody's.
func (r *Ring) askForCheck() {
	select {
	case r.recheck <- struct{}{}:
	default: // already asked for
	}
}

// watchMasterKey tries the master key now and then, so that a revocation is noticed although every key is cached.
func (r *Ring) watchMasterKey(ctx context.Context) {
	tick, stop := ticker(r.opt.CheckEvery)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-r.recheck:
		}
		r.checkMasterKey(ctx)
	}
}

func (r *Ring) checkMasterKey(ctx context.Context) {
	err := r.kms.check(ctx)
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, ErrRevoked):
		r.forgetAll("revoked")
		r.opt.Log.Error("the key service denies the master key: all cached keys were dropped")
	default:
		r.warn("the master key could not be checked", err)
	}
}

// watchFleet drops keys that other proxies changed or cleared. An outage is logged once.
func (r *Ring) watchFleet(ctx context.Context) {
	tick, stop := ticker(r.opt.SyncEvery)
	defer stop()
	lost := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		err := r.sync(ctx)
		if err != nil && !lost && ctx.Err() == nil {
			r.warn("changes of other proxies' keys could not be read", err)
		}
		lost = err != nil
	}
}

// sync drops what changed since the last time.
func (r *Ring) sync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.opt.LoadTimeout)
	defer cancel()
	since, known := r.fleet.since()
	if !known {
		return nil // nothing was loaded yet
	}
	changes, err := r.opt.Store.Changes(ctx, since)
	if err != nil {
		return err
	}
	for _, c := range changes {
		switch {
		case r.fleet.passed(c.Epoch):
		case c.Owner == "":
			r.forgetAll("fleet")
		default:
			r.forget(c.Owner, "fleet")
		}
	}
	return nil
}

// joinFleet notes the epoch before the first key is loaded: later changes are those that sync looks for.
func (r *Ring) joinFleet(ctx context.Context) error {
	if _, known := r.fleet.since(); known {
		return nil
	}
	epoch, err := r.opt.Store.Epoch(ctx)
	if err != nil {
		return err
	}
	r.fleet.join(epoch)
	return nil
}

// fleet is what this proxy knows of the fleet's changes.
type fleet struct {
	mu    sync.Mutex
	epoch uint64
	known bool
	mine  map[uint64]bool // epochs of this proxy's own changes that it has not met in the store yet
}

func (f *fleet) since() (epoch uint64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch, f.known
}

// join keeps the first epoch it is told.
func (f *fleet) join(epoch uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known {
		f.epoch, f.known, f.mine = epoch, true, map[uint64]bool{}
	}
}

// own notes a change of this proxy's, whose effects on the cache it takes care of itself.
func (f *fleet) own(epoch uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known && epoch > f.epoch {
		f.mine[epoch] = true
	}
}

// passed moves on to a change and reports whether it is this proxy's own.
func (f *fleet) passed(epoch uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch = epoch
	mine := f.mine[epoch]
	for e := range f.mine {
		if e < epoch {
			delete(f.mine, e)
		}
	}
	return mine
}

// ticker is a time.Ticker that never ticks when d is negative.
func ticker(d time.Duration) (<-chan time.Time, func()) {
	if d < 0 {
		return nil, func() {}
	}
	t := time.NewTicker(d)
	return t.C, t.Stop
}
