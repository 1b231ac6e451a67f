package keys

import (
	"context"
	"errors"

	"phiproxy/crypto/envelope"
)

// Usage counts the stored values of one owner by the key they are sealed under; package keys/usage makes it.
type Usage struct {
	Rows   int64                    // of all protected tables
	Values map[envelope.KeyID]int64 // sealed values by key id
	Guide  int64                    // values that may be in the guide's format, which names no key
	Plain  int64                    // other values: not sealed
}

// Destroy makes every value of the owner unreadable for good: all versions of his key are overwritten, current, earlier
// and retired ones, and marked as destroyed. It returns their number. Other proxies drop the keys within SyncEvery;
// from then on reads and writes of the owner fail with ErrDestroyed, until somebody calls Generate for him.
//
// Backups of the key tables keep what they hold: a value is beyond recovery when they, too, are gone.
func (r *Ring) Destroy(ctx context.Context, owner string) (versions int, err error) {
	if err := validOwner(owner); err != nil {
		return 0, err
	}
	rec, err := r.opt.Store.Load(ctx, owner)
	switch {
	case errors.Is(err, ErrCorrupt): // damaged keys can be destroyed, too
		rec = &Record{Owner: owner}
	case err != nil:
		return 0, err
	case rec.Destroyed:
		return 0, fail(ErrDestroyed, "destroy")
	}
	d := details{Operation: "destroy_key", KeyVersion: rec.Current, Versions: append(rec.numbers(), numbers(rec.Retired)...)}
	err = r.perform(ctx, owner, OpDestroy, d, func() (epoch uint64, err error) {
		versions, epoch, err = r.opt.Store.Destroy(ctx, owner)
		return epoch, err
	})
	return versions, err
}

// Retire takes a version that is neither current nor used by any value (ErrInUse) out of use: it is loaded no more. Its
// wrapped key is kept, so that Reinstate can bring it back, for a restored backup or a transaction that was still open
// when the values were counted.
func (r *Ring) Retire(ctx context.Context, owner string, version int, u Usage) error {
	if err := validOwner(owner); err != nil {
		return err
	}
	rec, err := r.opt.Store.Load(ctx, owner)
	if err != nil {
		return err
	}
	if err := rec.mayRetire(version, u); err != nil {
		return err
	}
	return r.perform(ctx, owner, OpRetire, details{Operation: "retire_key", KeyVersion: version}, func() (uint64, error) {
		return r.opt.Store.Retire(ctx, owner, version)
	})
}

func (r *Record) mayRetire(version int, u Usage) error {
	for i := range r.Versions {
		v := &r.Versions[i]
		switch {
		case v.Number != version:
			continue
		case version == r.Current:
			return &Error{Kind: ErrInUse, Op: "retire", Code: "current"}
		case u.Values[v.KeyID] > 0:
			return &Error{Kind: ErrInUse, Op: "retire", Code: "values"}
		case u.Guide > 0: // they may be sealed under any version
			return &Error{Kind: ErrInUse, Op: "retire", Code: "values in the guide's format"}
		}
		return nil
	}
	return &Error{Kind: ErrNoKey, Op: "retire", Code: "no usable version of that number"}
}

// Reinstate makes a retired version usable for reading again.
func (r *Ring) Reinstate(ctx context.Context, owner string, version int) error {
	if err := validOwner(owner); err != nil {
		return err
	}
	return r.perform(ctx, owner, OpReinstate, details{Operation: "reinstate_key", KeyVersion: version}, func() (uint64, error) {
		return r.opt.Store.Reinstate(ctx, owner, version)
	})
}

// perform is the order of every change of an owner's rows: record, change, forget. The owner is forgotten even when the
// change failed: it may have happened.
func (r *Ring) perform(ctx context.Context, owner string, op Operation, d details, change func() (epoch uint64, err error)) error {
	if err := r.record(ctx, owner, op, d); err != nil {
		return err
	}
	epoch, err := change()
	if err == nil {
		r.fleet.own(epoch)
	} else {
		r.recordFailure(ctx, owner, d.Operation, d.KeyVersion, err)
	}
	r.forget(owner, string(op))
	return err
}
