package keys_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/kmslocal"

	"github.com/google/go-cmp/cmp"
)

// masters makes a provider for an old master key and one for a new master key that knows the old one.
func masters(t *testing.T) (before, after *kmslocal.Provider) {
	t.Helper()
	dir := t.TempDir()
	var err error
	if before, err = kmslocal.New(kmslocal.Options{File: filepath.Join(dir, "old"), Create: true}); err != nil {
		t.Fatal(err)
	}
	after, err = kmslocal.New(kmslocal.Options{File: filepath.Join(dir, "new"), Create: true, OldFiles: []string{filepath.Join(dir, "old")}})
	if err != nil {
		t.Fatal(err)
	}
	return before, after
}

// history makes owners with several versions, one retired, one of the guide's, and returns every key's id by owner.
func history(t *testing.T, s *memStore, p keys.Provider) map[string][]envelope.KeyID {
	t.Helper()
	r := newRing(t, s, p, keys.RingOptions{})
	ids := map[string][]envelope.KeyID{}
	for _, owner := range owners(20) {
		forWrite(t, r, owner)
		if _, err := r.Rotate(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
		for _, k := range forRead(t, r, owner).All() {
			ids[owner] = append(ids[owner], k.ID())
		}
	}
	if err := r.Retire(t.Context(), "U000", 1, keys.Usage{}); err != nil {
		t.Fatal(err)
	}
	dek, w, err := p.Generate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := envelope.NewKey(dek)
	if err != nil {
		t.Fatal(err)
	}
	s.records["guide"] = &keys.Record{Owner: "guide", Last: 1, Current: 1, Active: true, Versions: []keys.Version{{Number: 1, Wrapped: w}}}
	ids["guide"] = []envelope.KeyID{key.ID()}
	return ids
}

// opens proves that a provider alone gives every owner the keys that he had.
func opens(t *testing.T, s *memStore, p keys.Provider, want map[string][]envelope.KeyID) {
	t.Helper()
	r := newRing(t, s, p, keys.RingOptions{})
	if err := r.Reinstate(t.Context(), "U000", 1); err != nil {
		t.Fatal(err)
	}
	for owner, ids := range want {
		var got []envelope.KeyID
		for _, k := range forRead(t, r, owner).All() {
			got = append(got, k.ID())
		}
		if diff := cmp.Diff(ids, got); diff != "" {
			t.Errorf("%s: %s", owner, diff)
		}
	}
}

func TestRewrap(t *testing.T) {
	for _, flow := range []string{"to another provider", "within the ring's own"} {
		t.Run(flow, func(t *testing.T) {
			before, after := masters(t)
			s := newMemStore()
			ids := history(t, s, before)
			own := keys.Provider(before)
			if flow != "to another provider" {
				own = after
			}
			r := newRing(t, s, own, keys.RingOptions{})
			warm := forRead(t, r, "U001")
			last := 0
			got, err := r.Rewrap(t.Context(), after, func(p keys.RewrapProgress) {
				if p.Done != last+1 || p.Total != 41 || p.Err != nil || p.Skipped {
					t.Errorf("got %+v", p)
				}
				last = p.Done
			})
			if want := (keys.RewrapResult{Total: 41, Rewrapped: 41, MasterKey: after.ARN()}); err != nil || got != want {
				t.Fatalf("got %+v, %v", got, err)
			}
			if forRead(t, r, "U001") != warm {
				t.Error("cached keys were dropped")
			}
			if ops := s.operations("U001"); slices.Index(ops, keys.OpRewrap) < 0 {
				t.Errorf("got %v", ops)
			}
			if v := s.records["guide"].Versions[0]; !v.Bound || !v.Adopted {
				t.Errorf("the guide's key has no context: %+v", v)
			}
			again, err := r.Rewrap(t.Context(), after, nil)
			if err != nil || again.Skipped != 41 {
				t.Errorf("got %+v, %v", again, err)
			}
			opens(t, s, after, ids)
		})
	}
}

// counting counts what is wrapped, and stops the run after some.
type counting struct {
	*kmslocal.Provider
	wraps int
	stop  func(n int)
}

func (c *counting) Wrap(ctx context.Context, dek []byte, kctx keys.Context) (keys.Wrapped, error) {
	c.wraps++
	c.stop(c.wraps)
	return c.Provider.Wrap(ctx, dek, kctx)
}

func TestRewrapIsResumed(t *testing.T) {
	before, after := masters(t)
	s := newMemStore()
	ids := history(t, s, before)
	r := newRing(t, s, before, keys.RingOptions{Parallel: 1})
	ctx, cancel := context.WithCancel(t.Context())
	target := &counting{Provider: after, stop: func(n int) {
		if n == 10 {
			cancel()
		}
	}}
	got, err := r.Rewrap(ctx, target, nil)
	if !errors.Is(err, context.Canceled) || got.Rewrapped != 10 || got.Failed != 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	first := got.Rewrapped
	target.stop = func(int) {}
	target.wraps = 0
	got, err = r.Rewrap(t.Context(), target, nil)
	if err != nil || got.Skipped != first || got.Rewrapped != 41-first || target.wraps != 41-first {
		t.Errorf("got %+v, %v, %d wrapped", got, err, target.wraps)
	}
	opens(t, s, after, ids)
}

// liar wraps another key than it is given.
type liar struct{ *kmslocal.Provider }

func (l liar) Wrap(ctx context.Context, _ []byte, kctx keys.Context) (keys.Wrapped, error) {
	return l.Provider.Wrap(ctx, make([]byte, 32), kctx)
}

func TestRewrapProvesBeforeItReplaces(t *testing.T) {
	before, after := masters(t)
	s := newMemStore()
	ids := history(t, s, before)
	r := newRing(t, s, before, keys.RingOptions{})
	got, err := r.Rewrap(t.Context(), liar{after}, nil)
	if err != nil || got.Failed != 41 {
		t.Errorf("got %+v, %v", got, err)
	}
	opens(t, s, before, ids)
	s.auditBad.Store(true)
	if _, err := r.Rewrap(t.Context(), after, nil); !errors.Is(err, keys.ErrAudit) {
		t.Error(err)
	}
	s.auditBad.Store(false)
	forRead(t, newRing(t, s, before, keys.RingOptions{}), "U003")
}

// unwrapper can only do what a provider must.
type unwrapper struct{ keys.Provider }

func TestRewrapToAProviderThatCannot(t *testing.T) {
	before, after := masters(t)
	s := newMemStore()
	history(t, s, before)
	got, err := newRing(t, s, before, keys.RingOptions{}).Rewrap(t.Context(), unwrapper{after}, nil)
	if err != nil || got.Failed != 41 {
		t.Errorf("got %+v, %v", got, err)
	}
}
