package keys_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"phiproxy/keys"

	"github.com/google/go-cmp/cmp"
)

func owners(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("U%03d", i)
	}
	return list
}

func TestBulk(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	done := map[string]int{}
	last := 0
	each := func(step keys.BulkStep) { // one at a time: the race detector would tell
		if step.Done != last+1 || step.Total != 750 || step.Err != nil {
			t.Errorf("got %+v", step)
		}
		last = step.Done
		done[step.Owner] += step.Version
	}
	got, err := r.Bulk(t.Context(), owners(750), r.Generate, each)
	if err != nil || got != (keys.BulkResult{Total: 750, Succeeded: 750}) || len(done) != 750 {
		t.Errorf("got %+v, %v", got, err)
	}
	if p.generates.Load() != 750 || p.unwraps.Load() != 0 {
		t.Errorf("%d generated, %d unwrapped", p.generates.Load(), p.unwraps.Load())
	}
	if got, err = r.Bulk(t.Context(), owners(750), r.Rotate, nil); err != nil || got.Succeeded != 750 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Some owners fail for reasons of their own; the others go on.
func TestBulkGoesOn(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	got, err := r.Bulk(t.Context(), []string{"A", "", "B", "\xff", "C"}, r.Generate, nil)
	if err != nil || got != (keys.BulkResult{Total: 5, Succeeded: 3, Failed: 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = r.Bulk(t.Context(), []string{"A", "D"}, r.Rotate, nil)
	if err != nil || got != (keys.BulkResult{Total: 2, Succeeded: 1, Failed: 1}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// limited answers so many calls a second and throttles the others.
type limited struct {
	keys.Provider
	perSecond       int64
	second, n       atomic.Int64
	refused, inside atomic.Int64
	most            atomic.Int64 // calls at a time
}

func (l *limited) Generate(ctx context.Context, c keys.Context) ([]byte, keys.Wrapped, error) {
	l.most.Store(max(l.most.Load(), l.inside.Add(1)))
	defer l.inside.Add(-1)
	time.Sleep(5 * time.Millisecond)
	if now := time.Now().Unix(); l.second.Swap(now) != now {
		l.n.Store(0)
	}
	if l.n.Add(1) > l.perSecond {
		l.refused.Add(1)
		return nil, keys.Wrapped{}, &keys.Error{Kind: keys.ErrUnavailable, Op: "generate", Code: "ThrottlingException"}
	}
	return l.Provider.Generate(ctx, c)
}

func TestBulkObeysThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), &limited{Provider: newKMS(t), perSecond: 20}
		r := newRing(t, s, p, keys.RingOptions{Parallel: 4})
		got, err := r.Bulk(t.Context(), owners(200), r.Generate, nil)
		if err != nil || got.Succeeded != 200 {
			t.Fatalf("got %+v, %v", got, err)
		}
		if len(s.changes) != 200 {
			t.Errorf("%d versions for 200 owners", len(s.changes))
		}
		if p.most.Load() > 4 || p.refused.Load() > 400 {
			t.Errorf("%d at a time, %d refused", p.most.Load(), p.refused.Load())
		}
	})
}

func TestBulkEndsEarly(t *testing.T) {
	for _, c := range []struct {
		kind error
		long time.Duration
	}{{keys.ErrRevoked, time.Second}, {keys.ErrUnavailable, 3 * time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			s, p := newMemStore(), newKMS(t)
			r := newRing(t, s, p, keys.RingOptions{})
			p.fail(c.kind)
			began := time.Now()
			got, err := r.Bulk(t.Context(), owners(500), r.Generate, nil)
			if !errors.Is(err, c.kind) || got.Succeeded != 0 || got.Failed > 20 || time.Since(began) > c.long {
				t.Errorf("got %+v, %v after %v", got, err, time.Since(began))
			}
		})
	}
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	s.auditBad.Store(true)
	if _, err := r.Bulk(t.Context(), owners(500), r.Generate, nil); !errors.Is(err, keys.ErrAudit) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Bulk(ctx, owners(500), r.Generate, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Whoever interrupts a bulk act gets whole owners: those that have begun are carried through, the others are not counted.
func TestBulkInterrupted(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.onCall = func() { // called under a lock
		if p.generates.Load() == 20 {
			cancel()
		}
	}
	got, err := r.Bulk(ctx, owners(500), r.Generate, func(step keys.BulkStep) {
		if step.Err != nil {
			t.Error(step.Err)
		}
	})
	if !errors.Is(err, context.Canceled) || got.Failed != 0 || got.Succeeded < 20 || got.Succeeded > 40 || got.Succeeded != len(s.records) {
		t.Errorf("got %+v, %v, %d keys", got, err, len(s.records))
	}
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{})
		if h := r.Health(); h != (keys.Health{}) {
			t.Errorf("got %+v", h)
		}
		began := time.Now()
		for range 2 {
			r.Check(t.Context())
			time.Sleep(time.Second)
		}
		want := keys.Health{Checked: began.Add(time.Second), Since: began}
		if diff := cmp.Diff(want, r.Health()); diff != "" {
			t.Error(diff)
		}
		p.fail(keys.ErrUnavailable)
		for range 5 {
			r.Check(t.Context())
		}
		want = keys.Health{Checked: began.Add(2 * time.Second), Since: began.Add(2 * time.Second), Kind: "unavailable", OutageNow: true}
		if diff := cmp.Diff(want, r.Health()); diff != "" {
			t.Error(diff)
		}
	})
}
