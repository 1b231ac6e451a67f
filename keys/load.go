package keys

import (
	"context"
	"errors"
	"time"

	"phiproxy/crypto/envelope"

	"go.uber.org/zap"
)

// load brings the owner's keys into the cache. An entry that is fresh is used as it is, and anew only while the last such
// question, which found nothing new, is not long ago. In an outage an entry past its time to live serves on.
func (r *Ring) load(ctx context.Context, owner string, anew bool) (*OwnerKeys, error) {
	old, now := r.cache.get(owner), time.Now()
	if old != nil && now.Before(old.fresh) && (!anew || now.Sub(old.futile) < refreshPause) {
		return old.keys, old.err
	}
	t := r.cache.begin(owner)
	defer r.cache.end(owner, t)
	k, err := r.fetch(ctx, owner)
	switch {
	case err == nil:
		k.inherit(old)
		e := &entry{owner: owner, keys: k}
		if anew && old != nil && k.sameVersions(old.keys) {
			e.futile = now
		}
		r.keep(e, r.opt.TTL, r.opt.StaleFor, t)
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrStore):
		return r.serveStale(old, err, t)
	case errors.Is(err, ErrAudit):
		// nothing is known about the keys: they stay cached but are not handed out unrecorded
	default:
		r.refuse(owner, old, err, t)
	}
	return k, err
}

// keep puts an entry into the cache.
func (r *Ring) keep(e *entry, ttl, staleFor time.Duration, t *ticket) {
	e.fresh = time.Now().Add(ttl)
	e.dead = e.fresh.Add(staleFor)
	if !r.cache.set(e, t) {
		r.opt.Metrics.dropped.Inc()
	}
}

// serveStale answers with the keys of before the outage, if there are any and their bound is not over.
func (r *Ring) serveStale(old *entry, cause error, t *ticket) (*OwnerKeys, error) {
	now := time.Now()
	if old == nil || old.keys == nil || !now.Before(old.dead) {
		return nil, cause
	}
	r.opt.Metrics.stale.Inc()
	e := *old
	e.fresh, e.futile = now.Add(outageRetry), now
	if old.fresh.After(e.fresh) { // a refresh ahead of time failed
		e.fresh = old.fresh
	}
	if e.fresh.After(e.dead) {
		e.fresh = e.dead
	}
	r.cache.set(&e, t)
	return old.keys, nil
}

// refuse replaces what is cached by the reason why there are no keys, for a second.
func (r *Ring) refuse(owner string, old *entry, err error, t *ticket) {
	if old != nil && old.keys != nil {
		r.opt.Metrics.evictions.WithLabelValues(kindOf(err)).Inc()
	}
	r.keep(&entry{owner: owner, err: err, futile: time.Now()}, negativeTTL, 0, t)
	if errors.Is(err, ErrRevoked) {
		r.askForCheck()
	}
}

// fetch reads and unwraps all of the owner's keys, after recording that it will.
func (r *Ring) fetch(ctx context.Context, owner string) (*OwnerKeys, error) {
	if err := r.joinFleet(ctx); err != nil {
		return nil, err
	}
	rec, err := r.opt.Store.Load(ctx, owner)
	if err != nil {
		return nil, err
	}
	switch {
	case rec.Destroyed:
		return nil, fail(ErrDestroyed, "load")
	case len(rec.Versions) == 0:
		return nil, fail(ErrNoKey, "load")
	}
	if err := r.record(ctx, owner, OpDecrypt, details{Operation: "decrypt_key", KeyVersion: rec.Current, Versions: rec.numbers()}); err != nil {
		return nil, err
	}
	k, err := r.unwrapAll(ctx, rec)
	if err != nil {
		r.recordFailure(ctx, owner, "decrypt_key", rec.Current, err)
	}
	return k, err
}

func (r *Ring) unwrapAll(ctx context.Context, rec *Record) (*OwnerKeys, error) {
	o := &OwnerKeys{Owner: rec.Owner, current: -1, active: rec.Active}
	for i := range rec.Versions {
		v := &rec.Versions[i]
		key, err := r.unwrap(ctx, rec.Owner, v)
		if err != nil {
			return nil, err
		}
		if v.Number == rec.Current {
			o.current = i
		}
		o.versions = append(o.versions, ownedKey{v.Number, key})
	}
	o.seals = &sealCounter{ring: r, owner: rec.Owner, number: rec.Current}
	return o, nil
}

// unwrap opens one version and proves that it is the recorded key. A key of the guide's, which has no record yet, gets
// one: from then on overwriting its row in user_encryption_keys cannot lose it.
func (r *Ring) unwrap(ctx context.Context, owner string, v *Version) (*envelope.Key, error) {
	dek, err := r.kms.unwrap(ctx, v.Wrapped, v.context(owner))
	if err != nil {
		return nil, err
	}
	key, err := newKey(dek)
	if err != nil {
		return nil, err
	}
	if v.Adopted {
		if key.ID() != v.KeyID {
			return nil, &Error{Kind: ErrCorrupt, Op: "unwrap", Code: "another key than recorded"}
		}
		return key, nil
	}
	v.KeyID = key.ID()
	if err := r.opt.Store.Adopt(ctx, owner, *v); err != nil {
		return nil, err
	}
	v.Adopted = true
	return key, nil
}

// warn logs a background failure; errors of this package hold no values.
func (r *Ring) warn(what string, err error) {
	r.opt.Log.Warn(what, zap.Error(err))
}
