package keys

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
)

// Provider is a key management service: it makes 32-byte keys and wraps them under a master key it does not give away.
//
// Errors are [ErrUnavailable] (no answer, throttled: may work later), [ErrRevoked] (the service answered and says no) or
// [ErrCorrupt] (the blob is not one of its own, or was wrapped under another context). A call ends within the provider's
// own time budget whatever the context allows.
type Provider interface {
	// Generate makes a new DEK. The caller owns dek and overwrites it after use.
	Generate(ctx context.Context, kctx Context) (dek []byte, w Wrapped, err error)
	// Unwrap gives back the DEK of a blob that was wrapped under the same context.
	Unwrap(ctx context.Context, w Wrapped, kctx Context) (dek []byte, err error)
	// Check proves that the master key wraps and unwraps now, without touching an owner's key.
	Check(ctx context.Context) error
}

// Wrapped is a DEK under a master key.
type Wrapped struct {
	Blob   []byte // what the service needs to unwrap; opaque
	KeyARN string // master key's name as the service told it; information only, never chosen by it
}

// Context is bound to a wrapped key as associated data: a blob does not unwrap under any other. KMS shows it in clear in
// its logs (CloudTrail), so owner ids must be opaque. nil stands for the guide's keys, which were wrapped without one.
type Context map[string]string

const (
	purposeDEK   = "phiproxy-dek"
	purposeCheck = "phiproxy-check"
)

// DEKContext is the context of an owner's key version: purpose, owner, version.
func DEKContext(owner string, version int) Context {
	return Context{"purpose": purposeDEK, "owner": owner, "version": strconv.Itoa(version)}
}

// CheckContext is the context of the key that [Provider.Check] makes. It has the same fields as an owner's, so that key
// policies with conditions on them treat both alike.
func CheckContext() Context {
	return Context{"purpose": purposeCheck, "owner": purposeCheck, "version": "0"}
}

// Canonical is the one byte string of a context: its pairs in the order of their names, every string preceded by its
// length as a big-endian uint64. No two contexts have the same.
func (c Context) Canonical() []byte {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(c)) {
		for _, s := range [...]string{name, c[name]} {
			b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	return b
}
