package keys

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"phiproxy/crypto/envelope"
)

// Bounds of how many values are sealed under one key version (NIST SP 800-38D, 8.3: 2^32 with random nonces).
const (
	MaxSeals           = 1 << 32
	DefaultRotateAfter = 1 << 30
)

// Sizes of the blocks of seals that are reserved in the store: the first of a process is small, since what is left of
// it when the process ends stays counted, and each further one is twice as large.
const (
	firstBlock = 1 << 12
	mostBlock  = 1 << 20
)

// ForSeal returns the key for one new value and counts the value, before it is sealed: a process that dies has counted too
// many, never too few. It asks the store once in many thousand calls. ErrWorn means that the version has sealed
// MaxSeals values and could not be replaced in time.
func (o *OwnerKeys) ForSeal(ctx context.Context) (*envelope.Key, error) {
	switch {
	case o.current < 0:
		return nil, fail(ErrNoKey, "seal")
	case !o.active:
		return nil, fail(ErrInactive, "seal")
	}
	if err := o.seals.take(ctx); err != nil {
		return nil, err
	}
	return o.Current(), nil
}

// sealCounter counts the seals of one owner's current version in this process.
type sealCounter struct {
	ring   *Ring
	owner  string
	number int

	left atomic.Int64 // of the reserved block; below zero when it is used up

	mu   sync.Mutex // held while reserving
	size uint64     // of the last block; 0 before the first
}

func (c *sealCounter) take(ctx context.Context) error {
	if c.left.Add(-1) >= 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left.Add(-1) >= 0 { // somebody else reserved meanwhile
		return nil
	}
	size, err := c.reserve(ctx)
	if err != nil {
		return err
	}
	c.left.Store(int64(size) - 1)
	return nil
}

// reserve has the next block counted in the store. At the configured count it asks for the version that comes next;
// until that is there, and on proxies that did not notice it yet, this one goes on.
func (c *sealCounter) reserve(ctx context.Context) (size uint64, err error) {
	opt := &c.ring.opt
	ctx, cancel := context.WithTimeout(ctx, opt.LoadTimeout)
	defer cancel()
	size = max(1, min(max(2*c.size, firstBlock), mostBlock, opt.RotateAfter/4))
	seals, err := opt.Store.Reserve(ctx, c.owner, c.number, size, MaxSeals)
	if errors.Is(err, ErrWorn) || err == nil && seals >= opt.RotateAfter {
		select {
		case c.ring.worn <- VersionRef{Owner: c.owner, Number: c.number}:
		default: // the next block asks again
		}
	}
	if err != nil {
		return 0, err
	}
	c.size = size
	return size, nil
}

// inherit goes on with the block that an earlier load of the same version reserved.
func (o *OwnerKeys) inherit(old *entry) {
	if old != nil && old.keys != nil && o.CurrentVersion() != 0 && old.keys.CurrentVersion() == o.CurrentVersion() {
		o.seals = old.keys.seals
	}
}

// watchWorn makes the next version of keys that have sealed enough.
func (r *Ring) watchWorn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case v := <-r.worn:
			if err := r.replaceWorn(ctx, v); err != nil && ctx.Err() == nil {
				r.warn("a key that has sealed many values could not be rotated", err)
			}
		}
	}
}

// replaceWorn rotates the key unless another proxy has done so.
func (r *Ring) replaceWorn(ctx context.Context, worn VersionRef) error {
	_, err := r.newVersion(ctx, worn.Owner, newVersion{op: OpRotate, after: worn.Number, reason: "seals"})
	return err
}
