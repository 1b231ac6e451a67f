package keys

import (
	"context"
	"errors"

	"phiproxy/crypto/envelope"
)

var errNotYet = errors.New("keys: not built yet")

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
func (r *Ring) Destroy(ctx context.Context, owner string) (versions int, err error) {
	return 0, errNotYet
}

// Retire takes a version that is neither current nor used by any value (ErrInUse) out of use: it is loaded no more. Its
// wrapped key is kept, so that Reinstate can bring it back for a restored backup.
func (r *Ring) Retire(ctx context.Context, owner string, version int, u Usage) error {
	return errNotYet
}

// Reinstate makes a retired version usable for reading again.
func (r *Ring) Reinstate(ctx context.Context, owner string, version int) error {
	return errNotYet
}
