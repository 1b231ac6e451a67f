package keys

import (
	"context"
	"errors"
)

// firstKey makes the owner's first key (or, when his current row was deleted, the next), unless somebody was faster.
func (r *Ring) firstKey(ctx context.Context, owner string) (*OwnerKeys, error) {
	k, err := r.read(ctx, owner) // a flight like this one may have ended a moment ago
	if !lacksKey(k, err) {
		return k, err
	}
	rec, err := r.opt.Store.Load(ctx, owner)
	if err != nil && !errors.Is(err, ErrNoKey) {
		return nil, err
	}
	if rec != nil && rec.Destroyed {
		return nil, fail(ErrDestroyed, "write")
	}
	if rec == nil || rec.Current == 0 {
		if err := r.create(ctx, owner, rec); err != nil && !errors.Is(err, ErrExists) {
			return nil, err
		}
	}
	if k, err = r.read(ctx, owner); !lacksKey(k, err) {
		return k, err
	}
	return r.reload(ctx, owner) // that answer was from before the creation
}

// lacksKey reports that an owner needs a key before his values can be sealed.
func lacksKey(k *OwnerKeys, err error) bool {
	return errors.Is(err, ErrNoKey) || err == nil && k.Current() == nil
}

// create generates and stores a version for an owner who has no current one.
func (r *Ring) create(ctx context.Context, owner string, rec *Record) error {
	return r.make(ctx, owner, newVersion{op: OpGenerate}, rec.next(), func(v Version) (uint64, error) {
		return r.opt.Store.Create(ctx, owner, v)
	})
}

// make is the order of every creation: record, generate, store. The plaintext is not kept: the key is used only after
// it came back from the store, so what is sealed with can always be unwrapped again.
func (r *Ring) make(ctx context.Context, owner string, n newVersion, number int, store func(Version) (uint64, error)) error {
	v := Version{Number: number, Bound: true, Adopted: true}
	name := string(n.op) + "_key"
	if err := r.record(ctx, owner, n.op, details{Operation: name, KeyVersion: v.Number, Reason: n.reason}); err != nil {
		return err
	}
	err := r.generateInto(ctx, owner, &v)
	var epoch uint64
	if err == nil {
		epoch, err = store(v)
	}
	if err != nil {
		r.recordFailure(ctx, owner, name, v.Number, err)
		return err
	}
	r.fleet.own(epoch)
	r.opt.Metrics.generated.WithLabelValues(string(n.op)).Inc()
	return nil
}

func (r *Ring) generateInto(ctx context.Context, owner string, v *Version) error {
	dek, wrapped, err := r.kms.generate(ctx, v.context(owner))
	if err != nil {
		return err
	}
	key, err := newKey(dek)
	if err != nil {
		return err
	}
	v.KeyID, v.Wrapped = key.ID(), wrapped
	return nil
}

// reload loads the owner anew, whatever is cached and whatever loads are under way; questions asked from now on share it.
func (r *Ring) reload(ctx context.Context, owner string) (*OwnerKeys, error) {
	r.forget(owner, "version")
	k, err := r.read(ctx, owner)
	if err == nil && k.Current() == nil {
		return nil, fail(ErrNoKey, "write")
	}
	return k, err
}
