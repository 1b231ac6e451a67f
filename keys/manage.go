package keys

import (
	"context"
	"errors"
)

// Generate makes a new key version for the owner and returns its number: his first, or one more that is current from
// then on. Earlier versions stay, so values sealed under them stay readable. After [Ring.Destroy] the owner begins anew.
func (r *Ring) Generate(ctx context.Context, owner string) (version int, err error) {
	return r.newVersion(ctx, owner, newVersion{op: OpGenerate})
}

// Rotate is Generate for an owner who has a key, ErrNoKey or ErrDestroyed otherwise; the audit trail calls it a rotation.
// ErrExists means that somebody else changed the owner's key at the same time.
func (r *Ring) Rotate(ctx context.Context, owner string) (version int, err error) {
	return r.newVersion(ctx, owner, newVersion{op: OpRotate})
}

// newVersion says why a version is made.
type newVersion struct {
	op     Operation // OpGenerate or OpRotate
	after  int       // only when this version is still current; 0: whichever is
	reason string    // for the audit trail, when the proxy acts by itself
}

// newVersion returns the number of the version that it made, or that somebody else made after n.after.
func (r *Ring) newVersion(ctx context.Context, owner string, n newVersion) (int, error) {
	if err := validOwner(owner); err != nil {
		return 0, err
	}
	return fly(ctx, r, "n", owner, func(ctx context.Context) (int, error) {
		number, err := r.addVersion(ctx, owner, n)
		if err == nil {
			r.forget(owner, "version")
		}
		return number, err
	})
}

func (r *Ring) addVersion(ctx context.Context, owner string, n newVersion) (number int, err error) {
	rec, err := r.opt.Store.Load(ctx, owner)
	missing := errors.Is(err, ErrNoKey) || err == nil && (rec.Current == 0 || rec.Destroyed)
	switch {
	case err != nil && !missing:
		return 0, err
	case missing:
		return rec.next(), r.addFirst(ctx, owner, n, rec)
	case n.after != 0 && n.after != rec.Current:
		return rec.Current, nil
	}
	if err := r.adoptAll(ctx, rec); err != nil {
		return 0, err
	}
	return rec.next(), r.make(ctx, owner, n, rec.next(), func(v Version) (uint64, error) {
		return r.opt.Store.Rotate(ctx, owner, rec.Current, v)
	})
}

// addFirst makes a version for an owner without a current one.
func (r *Ring) addFirst(ctx context.Context, owner string, n newVersion, rec *Record) error {
	destroyed := rec != nil && rec.Destroyed
	switch {
	case n.op == OpRotate && destroyed:
		return fail(ErrDestroyed, "rotate")
	case n.op == OpRotate:
		return fail(ErrNoKey, "rotate")
	case !destroyed:
		return r.create(ctx, owner, rec)
	}
	return r.make(ctx, owner, n, rec.next(), func(v Version) (uint64, error) {
		return r.opt.Store.Revive(ctx, owner, v)
	})
}

// adoptAll makes sure that the key which is about to leave user_encryption_keys has its own row.
func (r *Ring) adoptAll(ctx context.Context, rec *Record) error {
	for i := range rec.Versions {
		v := &rec.Versions[i]
		if v.Adopted {
			continue
		}
		if err := r.record(ctx, rec.Owner, OpDecrypt, details{Operation: "decrypt_key", KeyVersion: v.Number}); err != nil {
			return err
		}
		if _, err := r.unwrap(ctx, rec.Owner, v); err != nil {
			return err
		}
	}
	return nil
}

// Clear drops the owner's cached keys here and, within their SyncEvery, on the other proxies of the fleet.
func (r *Ring) Clear(ctx context.Context, owner string) error {
	if err := validOwner(owner); err != nil {
		return err
	}
	if err := r.record(ctx, owner, OpClear, details{Operation: "clear_cache"}); err != nil {
		return err
	}
	err := r.touch(ctx, owner)
	r.forget(owner, "clear")
	return err
}

// ClearAll is Clear for every owner.
func (r *Ring) ClearAll(ctx context.Context) error {
	if err := r.record(ctx, everybody, OpClear, details{Operation: "clear_cache"}); err != nil {
		return err
	}
	err := r.touch(ctx, "")
	r.forgetAll("clear")
	return err
}

// touch tells the fleet. It comes before the removal here, so that this proxy may pass over its own message.
func (r *Ring) touch(ctx context.Context, owner string) error {
	epoch, err := r.opt.Store.Touch(ctx, owner)
	if err == nil {
		r.fleet.own(epoch)
	}
	return err
}

// WarmResult counts what Warm did.
type WarmResult struct {
	Owners int // with an active key
	Loaded int // in the cache now
	Failed int
}

// Warm loads the keys of all owners with an active key, as Bulk does: at the pace of the key service, ending early when
// that denies or stays out.
func (r *Ring) Warm(ctx context.Context) (WarmResult, error) {
	owners, err := r.opt.Store.Owners(ctx)
	if err != nil {
		return WarmResult{}, err
	}
	done, err := r.Bulk(ctx, owners, func(ctx context.Context, owner string) (version int, err error) {
		_, err = r.ForRead(ctx, owner)
		return 0, err
	}, nil)
	return WarmResult{Owners: done.Total, Loaded: done.Succeeded, Failed: done.Failed}, err
}
