package keys

import (
	"context"
)

// RewrapProgress tells about one key version.
type RewrapProgress struct {
	Owner   string
	Version int
	Skipped bool  // it was wrapped by the target already
	Err     error // nil: done
	Done    int   // versions handled so far, this one included
	Total   int
}

// RewrapResult counts key versions.
type RewrapResult struct {
	Total, Rewrapped, Skipped, Failed int
	MasterKey                         string // the target's name
}

// Rewrap moves every version of every owner's key, retired ones included, from the ring's provider to the target's master
// key, and gives the guide's blobs their encryption context. Each new blob is proved to hold the recorded key before
// it replaces the old one. It may be interrupted and run again: what the target's master key has wrapped is skipped.
// Cached keys stay, since no key changes. progress is called one at a time and may be nil. The error is set when Rewrap
// ended early; single failures are counted.
func (r *Ring) Rewrap(ctx context.Context, target Provider, progress func(RewrapProgress)) (RewrapResult, error) {
	return RewrapResult{}, errNotYet
}
