package keys

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// BulkStep is the outcome for one owner.
type BulkStep struct {
	Owner   string
	Version int   // what the act returned
	Err     error // nil: done
	Done    int   // owners handled so far, this one included
	Total   int
}

// BulkResult counts the outcomes. Owners that were not reached, because Bulk ended early, are Total - Succeeded - Failed.
type BulkResult struct {
	Total, Succeeded, Failed int
}

// Bulk performs an act, such as [Ring.Generate] or [Ring.Rotate], for many owners, RingOptions.Parallel at a time. When the
// key service throttles or does not answer, all of them pause, longer each time, and try again. each is called
// after every owner, one call at a time; it may be nil. Bulk ends early, with an error, when the context ends (acts that have
// begun are carried through, their context does not end), the key service denies, does not answer for two minutes,
// or the audit trail cannot be written.
func (r *Ring) Bulk(ctx context.Context, owners []string, act func(ctx context.Context, owner string) (version int, err error), each func(BulkStep)) (BulkResult, error) {
	var mu sync.Mutex
	result := BulkResult{Total: len(owners)}
	err := r.inParallel(ctx, len(owners), func(ctx context.Context, p *pace, i int) error {
		step := BulkStep{Owner: owners[i], Total: len(owners)}
		finished, err := p.do(ctx, func(ctx context.Context) (err error) {
			step.Version, err = act(ctx, owners[i])
			return err
		})
		if !finished {
			return err
		}
		step.Err = err
		mu.Lock()
		defer mu.Unlock()
		if step.Err == nil {
			result.Succeeded++
		} else {
			result.Failed++
		}
		step.Done = result.Succeeded + result.Failed
		if each != nil {
			each(step)
		}
		return hopeless(step.Err)
	})
	return result, err
}

// hopeless returns errors that the next owner would meet as well.
func hopeless(err error) error {
	for _, kind := range []error{ErrUnavailable, ErrRevoked, ErrAudit} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return nil
}

// inParallel calls f for 0 to n-1, a few at a time and at a common pace, until one of them returns an error.
func (r *Ring) inParallel(ctx context.Context, n int, f func(ctx context.Context, p *pace, i int) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(r.opt.Parallel)
	p := &pace{answered: time.Now()}
	for i := range n {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return f(inner, p, i) })
	}
	return errors.Join(group.Wait(), ctx.Err())
}

const (
	paceFirst = 100 * time.Millisecond // first pause after the key service throttled
	paceMost  = 10 * time.Second
	patience  = 2 * time.Minute // without any answer of the key service
)

// pace is common to the workers of one bulk act: when the key service wants less, all of them wait.
type pace struct {
	mu       sync.Mutex
	pause    time.Duration // of the last time; 0 while all is well
	until    time.Time
	answered time.Time // when an act last ended with anything but an outage
}

// do repeats an act until the key service answers or patience is over. When the context ends meanwhile, an act that has
// begun is carried through, and none begins any more: then finished is false.
func (p *pace) do(ctx context.Context, act func(context.Context) error) (finished bool, err error) {
	for {
		if err := p.wait(ctx); err != nil {
			return false, err
		}
		err := act(context.WithoutCancel(ctx))
		if !p.again(err) {
			return true, err
		}
	}
}

// wait returns when no pause is on.
func (p *pace) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		d := time.Until(p.until)
		p.mu.Unlock()
		if d <= 0 {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
		}
	}
}

// again takes an act's outcome and reports whether it is to be tried again. Pauses double, and are random by half so that
// several machines do not come back together.
func (p *pace) again(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !errors.Is(err, ErrUnavailable) {
		p.pause /= 2
		p.answered = now
		return false
	}
	if !now.Before(p.until) { // the first to fail after a pause lengthens it; the others failed with it
		p.pause = min(max(2*p.pause, paceFirst), paceMost)
		p.until = now.Add(p.pause/2 + rand.N(p.pause/2))
	}
	return now.Sub(p.answered) < patience
}
