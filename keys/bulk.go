package keys

import (
	"context"
)

// BulkStep is the outcome for one owner.
type BulkStep struct {
	Owner   string
	Version int   // what the act returned
	Err     error // nil: done
	Done    int   // owners handled so far, this one included
	Total   int
}

// BulkResult counts the outcomes. Owners that were not reached, because the context ended or the key service denies or is
// out, are Total - Succeeded - Failed.
type BulkResult struct {
	Total, Succeeded, Failed int
}

// Bulk performs an act, such as [Ring.Generate] or [Ring.Rotate], for many owners, RingOptions.Parallel at a time. When the
// key service throttles or does not answer, all of them pause, longer each time, and try again. each is called
// after every owner, one call at a time; it may be nil. The error is set when Bulk ended early, not for single owners.
func (r *Ring) Bulk(ctx context.Context, owners []string, act func(ctx context.Context, owner string) (version int, err error), each func(BulkStep)) (BulkResult, error) {
	return BulkResult{}, errNotYet
}
