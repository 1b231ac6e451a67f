package keys

import (
	"context"
	"errors"
	"slices"
	"sync"

	"phiproxy/crypto/envelope"
)

// Wrapper is a provider that wraps a given key under its master key.
type Wrapper interface {
	Wrap(ctx context.Context, dek []byte, kctx Context) (Wrapped, error)
}

// Rewrapper is a provider that moves a blob from another provider's master key to its own inside the key service.
type Rewrapper interface {
	// CanRewrap reports whether both live in the same key service.
	CanRewrap(from Provider) bool
	// Rewrap wraps anew what from wrapped under the context old.
	Rewrap(ctx context.Context, from Provider, w Wrapped, old, kctx Context) (Wrapped, error)
}

// RewrapProgress tells about one key version.
type RewrapProgress struct {
	Owner   string
	Version int
	Skipped bool  // it was wrapped by the target already, or is gone by now
	Err     error // nil: done
	Done    int   // versions handled so far, this one included
	Total   int
}

// RewrapResult counts key versions. Those that were not reached are Total minus the others.
type RewrapResult struct {
	Total, Rewrapped, Skipped, Failed int
	MasterKey                         string // the target's name
}

// Rewrap moves every version of every owner's key, retired ones included, from the ring's provider to the target's master
// key, and gives the guide's blobs their encryption context. The target may be the ring's own provider, when that still
// knows the old master keys. Each new blob is proved to hold the recorded key before it replaces the old one. Rewrap
// may be interrupted and run again: what the target's master key has wrapped is skipped. Cached keys stay, since no key
// changes. Running proxies must know both master keys until it is through. progress is called one at a time and may be nil.
// The error is set when Rewrap ended early, as Bulk does; single failures are counted.
func (r *Ring) Rewrap(ctx context.Context, target Provider, progress func(RewrapProgress)) (RewrapResult, error) {
	w := &rewrap{ring: r, target: r.kms, progress: progress}
	if target != r.opt.Provider {
		w.target = &guard{provider: target, metrics: r.opt.Metrics}
	}
	refs, err := w.begin(ctx)
	if err != nil {
		return w.result, err
	}
	owners := byOwner(refs)
	err = r.inParallel(ctx, len(owners), func(ctx context.Context, p *pace, i int) error {
		return w.owner(ctx, p, owners[i])
	})
	return w.result, err
}

// rewrap is one run of Rewrap.
type rewrap struct {
	ring   *Ring
	target *guard

	mu       sync.Mutex
	result   RewrapResult
	progress func(RewrapProgress)
}

// begin learns the target's name, with the permissions that a proxy needs anyway, and what there is to wrap.
func (w *rewrap) begin(ctx context.Context) ([]VersionRef, error) {
	dek, probe, err := w.target.generate(ctx, CheckContext())
	clear(dek)
	if err != nil {
		return nil, err
	}
	w.result.MasterKey = probe.KeyARN
	refs, err := w.ring.opt.Store.Wrapped(ctx)
	w.result.Total = len(refs)
	return refs, err
}

// byOwner splits versions that are sorted by owner.
func byOwner(refs []VersionRef) (owners [][]VersionRef) {
	for i, ref := range refs {
		if i == 0 || refs[i-1].Owner != ref.Owner {
			owners = append(owners, nil)
		}
		last := &owners[len(owners)-1]
		*last = append(*last, ref)
	}
	return owners
}

// owner handles all versions of one owner. A version that has begun is carried through when the context ends.
func (w *rewrap) owner(ctx context.Context, p *pace, refs []VersionRef) error {
	rec, err := w.ring.opt.Store.Load(context.WithoutCancel(ctx), refs[0].Owner)
	if err != nil {
		rec = &Record{}
	}
	versions := append(slices.Clone(rec.Versions), rec.Retired...)
	for _, ref := range refs {
		done := RewrapProgress{Owner: ref.Owner, Version: ref.Number, Err: err}
		at := slices.IndexFunc(versions, func(v Version) bool { return v.Number == ref.Number })
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
		case at < 0, versions[at].Bound && versions[at].Wrapped.KeyARN == w.result.MasterKey:
			done.Skipped = true
		default:
			var finished bool
			finished, done.Err = p.do(ctx, func(ctx context.Context) error { return w.move(ctx, ref.Owner, &versions[at]) })
			if !finished {
				return done.Err
			}
		}
		w.count(done)
		if err := hopeless(done.Err); err != nil {
			return err
		}
	}
	return nil
}

func (w *rewrap) count(p RewrapProgress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case p.Err != nil:
		w.result.Failed++
	case p.Skipped:
		w.result.Skipped++
	default:
		w.result.Rewrapped++
	}
	p.Done, p.Total = w.result.Failed+w.result.Skipped+w.result.Rewrapped, w.result.Total
	if w.progress != nil {
		w.progress(p)
	}
}

// move wraps one version anew, after recording that it will.
func (w *rewrap) move(ctx context.Context, owner string, v *Version) error {
	d := details{Operation: "rewrap_key", KeyVersion: v.Number, MasterKey: w.result.MasterKey}
	if err := w.ring.record(ctx, owner, OpRewrap, d); err != nil {
		return err
	}
	err := w.moveRecorded(ctx, owner, v)
	if err != nil {
		w.ring.recordFailure(ctx, owner, d.Operation, v.Number, err)
	}
	return err
}

func (w *rewrap) moveRecorded(ctx context.Context, owner string, v *Version) error {
	if !v.Adopted {
		if _, err := w.ring.unwrap(ctx, owner, v); err != nil {
			return err
		}
	}
	moved := *v
	moved.Bound = true
	var err error
	if moved.Wrapped, err = w.wrap(ctx, v.Wrapped, v.context(owner), moved.context(owner)); err != nil {
		return err
	}
	if err := w.prove(ctx, owner, &moved); err != nil {
		return err
	}
	return w.ring.opt.Store.Replace(ctx, owner, v.Wrapped.Blob, moved)
}

// wrap makes the new blob: inside the key service where both master keys live in one, else with the DEK in this process.
func (w *rewrap) wrap(ctx context.Context, blob Wrapped, old, kctx Context) (moved Wrapped, err error) {
	from := w.ring.opt.Provider
	if inside, ok := w.target.provider.(Rewrapper); ok && inside.CanRewrap(from) {
		err = w.target.call("rewrap", func() (err error) {
			moved, err = inside.Rewrap(ctx, from, blob, old, kctx)
			return err
		})
		return moved, err
	}
	wrapper, ok := w.target.provider.(Wrapper)
	if !ok {
		return Wrapped{}, errors.New("keys: the target provider cannot wrap a given key")
	}
	dek, err := w.ring.kms.unwrap(ctx, blob, old)
	if err != nil {
		return Wrapped{}, err
	}
	defer clear(dek)
	err = w.target.call("wrap", func() (err error) {
		moved, err = wrapper.Wrap(ctx, dek, kctx)
		return err
	})
	return moved, err
}

// prove opens the new blob and compares the key with the recorded one: the old blob is about to be lost.
func (w *rewrap) prove(ctx context.Context, owner string, v *Version) error {
	dek, err := w.target.unwrap(ctx, v.Wrapped, v.context(owner))
	if err != nil {
		return err
	}
	defer clear(dek)
	key, err := envelope.NewKey(dek)
	if err != nil || key.ID() != v.KeyID {
		return &Error{Kind: ErrCorrupt, Op: "rewrap", Code: "another key than recorded", Cause: err}
	}
	key.Destroy()
	return nil
}
