package keys_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"

	"github.com/google/go-cmp/cmp"
)

func TestDestroyedOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		here := newRing(t, s, p, keys.RingOptions{})
		there := newRing(t, s, p, keys.RingOptions{SyncEvery: 2 * time.Second})
		old := forWrite(t, here, "U1").Current().ID()
		if _, err := here.Rotate(t.Context(), "U1"); err != nil {
			t.Fatal(err)
		}
		forWrite(t, there, "U1")
		forWrite(t, there, "U2")
		if n, err := here.Destroy(t.Context(), "U1"); n != 2 || err != nil {
			t.Fatalf("%d versions, %v", n, err)
		}
		time.Sleep(3 * time.Second)
		for name, r := range map[string]*keys.Ring{"here": here, "there": there} {
			_, err := r.ForRead(t.Context(), "U1")
			wantKind(t, err, keys.ErrDestroyed)
			_, err = r.ForWrite(t.Context(), "U1")
			wantKind(t, err, keys.ErrDestroyed)
			_, err = r.Rotate(t.Context(), "U1")
			wantKind(t, err, keys.ErrDestroyed)
			_, err = r.Destroy(t.Context(), "U1")
			wantKind(t, err, keys.ErrDestroyed)
			if !r.Cached("U2") && name == "there" {
				t.Error("somebody else was forgotten, too")
			}
		}
		if len(s.records["U1"].Versions) != 0 {
			t.Fatal("a key was made without being asked for")
		}
		if n, err := there.Generate(t.Context(), "U1"); n != 3 || err != nil {
			t.Fatalf("version %d, %v", n, err)
		}
		time.Sleep(3 * time.Second)
		if k := forWrite(t, here, "U1"); k.CurrentVersion() != 3 || k.Find(old) != nil || len(k.All()) != 1 {
			t.Errorf("got %+v", k)
		}
	})
}

func TestDestroyIsRecordedFirst(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	forWrite(t, r, "U1")
	s.auditBad.Store(true)
	_, err := r.Destroy(t.Context(), "U1")
	wantKind(t, err, keys.ErrAudit)
	if len(s.records["U1"].Versions) != 1 {
		t.Fatal("destroyed without a record")
	}
	s.auditBad.Store(false)
	ctx := keys.WithActor(t.Context(), keys.Actor{PerformedBy: "alice", IPAddress: "192.0.2.1:99", Principal: "token:ops"})
	if _, err = r.Destroy(ctx, "U1"); err != nil {
		t.Fatal(err)
	}
	e := s.audit[len(s.audit)-1]
	if e.Operation != keys.OpDestroy || e.Actor != (keys.Actor{PerformedBy: "alice", IPAddress: "192.0.2.1", Principal: "token:ops"}) ||
		!strings.HasPrefix(string(e.Details), `{"operation":"destroy_key","key_version":1,"principal":"token:ops","timestamp":`) {
		t.Errorf("got %+v %s", e, e.Details)
	}
	_, err = r.Destroy(t.Context(), "nobody")
	wantKind(t, err, keys.ErrNoKey)
}

// The store fails in the middle: the owner is forgotten here, and the trail tells that the act failed.
func TestDestroyFails(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, failing{s}, p, keys.RingOptions{})
	forWrite(t, r, "U1")
	_, err := r.Destroy(t.Context(), "U1")
	wantKind(t, err, keys.ErrStore)
	if r.Cached("U1") {
		t.Error("still cached")
	}
	if diff := cmp.Diff([]keys.Operation{keys.OpGenerate, keys.OpDecrypt, keys.OpDestroy, keys.OpError}, s.operations("U1")); diff != "" {
		t.Error(diff)
	}
}

// failing is a store that cannot destroy.
type failing struct{ *memStore }

func (failing) Destroy(_ context.Context, _ string) (int, uint64, error) {
	return 0, 0, &keys.Error{Kind: keys.ErrStore, Op: "test"}
}

func TestRetire(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	ctx := t.Context()
	first := forWrite(t, r, "U1").Current().ID()
	for range 2 {
		if _, err := r.Rotate(ctx, "U1"); err != nil {
			t.Fatal(err)
		}
	}
	used := keys.Usage{Values: map[envelope.KeyID]int64{first: 1}}
	for name, c := range map[string]struct {
		version int
		usage   keys.Usage
		kind    error
	}{
		"current":         {3, keys.Usage{}, keys.ErrInUse},
		"used":            {1, used, keys.ErrInUse},
		"perhaps guide's": {2, keys.Usage{Guide: 1}, keys.ErrInUse},
		"no such":         {4, keys.Usage{}, keys.ErrNoKey},
	} {
		if err := r.Retire(ctx, "U1", c.version, c.usage); !errors.Is(err, c.kind) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := r.Retire(ctx, "U1", 2, used); err != nil {
		t.Fatal(err)
	}
	if k := forRead(t, r, "U1"); len(k.All()) != 2 || k.Find(first) == nil {
		t.Errorf("got %d keys", len(k.All()))
	}
	if err := r.Reinstate(ctx, "U1", 2); err != nil {
		t.Fatal(err)
	}
	if k := forRead(t, r, "U1"); len(k.All()) != 3 {
		t.Errorf("got %d keys", len(k.All()))
	}
}
