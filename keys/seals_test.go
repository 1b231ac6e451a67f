package keys_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"phiproxy/keys"
)

// seal counts n values under the owner's current keys and returns them.
func seal(t *testing.T, r *keys.Ring, owner string, n int) *keys.OwnerKeys {
	t.Helper()
	k := forWrite(t, r, owner)
	for range n {
		got, err := k.ForSeal(t.Context())
		if err != nil || got != k.Current() {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	return k
}

func (m *memStore) sealed(owner string, version int) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seals[keys.VersionRef{Owner: owner, Number: version}]
}

func TestSealsAreCountedInBlocks(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	seal(t, r, "U1", 100_000)
	if n, asked := s.sealed("U1", 1), s.reserves.Load(); n < 100_000 || n > 200_000 || asked > 6 {
		t.Errorf("%d counted, the store was asked %d times", n, asked)
	}
	seal(t, r, "U2", 1)
	before := s.sealed("U2", 1)
	seal(t, newRing(t, s, p, keys.RingOptions{}), "U2", 0)
	if s.sealed("U2", 1) != before {
		t.Error("reading reserved seals")
	}
}

// A process that dies leaves more counted than it sealed.
func TestRestartCountsTooMany(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	for range 10 {
		seal(t, newRing(t, s, p, keys.RingOptions{}), "U1", 7)
	}
	if n := s.sealed("U1", 1); n < 70 {
		t.Errorf("%d counted", n)
	}
}

func TestSealsOfManySessions(t *testing.T) {
	s := newMemStore()
	r := newRing(t, s, newKMS(t), keys.RingOptions{RotateAfter: 1 << 40})
	k := forWrite(t, r, "U1")
	var wg sync.WaitGroup
	const sessions, each = 50, 5000
	for range sessions {
		wg.Go(func() {
			for range each {
				if _, err := k.ForSeal(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := s.sealed("U1", 1); n < sessions*each || n > 3*sessions*each {
		t.Errorf("%d counted", n)
	}
}

func TestReloadGoesOnWithTheBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore()
		r := newRing(t, s, newKMS(t), keys.RingOptions{TTL: time.Hour})
		before := seal(t, r, "U1", 10)
		time.Sleep(61 * time.Minute)
		if seal(t, r, "U1", 10) == before {
			t.Fatal("the keys were not loaded again")
		}
		if s.reserves.Load() != 1 {
			t.Errorf("%d blocks", s.reserves.Load())
		}
	})
}

func TestKeyIsReplacedAtTheConfiguredCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{RotateAfter: 1000})
		other := newRing(t, s, p, keys.RingOptions{RotateAfter: 1000, SyncEvery: time.Second})
		forWrite(t, other, "U1")
		seal(t, r, "U1", 750)
		synctest.Wait()
		if v := forWrite(t, r, "U1").CurrentVersion(); v != 1 {
			t.Fatalf("replaced too early: version %d", v)
		}
		old := seal(t, r, "U1", 1)
		synctest.Wait()
		if v := forWrite(t, r, "U1").CurrentVersion(); v != 2 {
			t.Fatalf("version %d", v)
		}
		if _, err := old.ForSeal(t.Context()); err != nil { // a statement that runs on
			t.Error(err)
		}
		// The other proxy still writes under version 1, asks for its replacement, and gets the one that is there.
		seal(t, other, "U1", 300)
		time.Sleep(2 * time.Second)
		if v := forWrite(t, other, "U1").CurrentVersion(); v != 2 || len(s.records["U1"].Versions) != 2 {
			t.Errorf("version %d of %d", v, len(s.records["U1"].Versions))
		}
		i := slices.IndexFunc(s.audit, func(e keys.Entry) bool { return e.Operation == keys.OpRotate })
		if e := s.audit[i]; e.Actor.PerformedBy != "phiproxy" || !strings.Contains(string(e.Details), `"reason":"seals"`) {
			t.Errorf("got %+v %s", e, e.Details)
		}
	})
}

func TestWornKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{})
		k := forWrite(t, r, "U1")
		s.seals[keys.VersionRef{Owner: "U1", Number: 1}] = keys.MaxSeals - 1
		p.fail(keys.ErrUnavailable)
		for range 3 {
			_, err := k.ForSeal(t.Context())
			wantKind(t, err, keys.ErrWorn)
			synctest.Wait()
		}
		if n := s.sealed("U1", 1); n > keys.MaxSeals {
			t.Errorf("%d counted", n)
		}
		p.fail(nil)
		time.Sleep(time.Minute) // the circuit breaker
		_, err := k.ForSeal(t.Context())
		wantKind(t, err, keys.ErrWorn)
		synctest.Wait()
		if k := seal(t, r, "U1", 1); k.CurrentVersion() != 2 {
			t.Errorf("version %d", k.CurrentVersion())
		}
	})
}

func TestForSealRefuses(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	forWrite(t, r, "U1")
	k := forWrite(t, r, "U2")
	s.down.Store(true)
	_, err := k.ForSeal(t.Context())
	wantKind(t, err, keys.ErrStore)
	s.down.Store(false)
	if len(s.records["U2"].Versions) != 1 {
		t.Error("an outage of the store was taken for wear")
	}
	if _, err = k.ForSeal(t.Context()); err != nil {
		t.Error(err)
	}
	s.edit("U1", func(rec *keys.Record) { rec.Active = false })
	s.edit("U2", func(rec *keys.Record) { rec.Current = 0 })
	fresh := newRing(t, s, p, keys.RingOptions{})
	_, err = forRead(t, fresh, "U1").ForSeal(t.Context())
	wantKind(t, err, keys.ErrInactive)
	_, err = forRead(t, fresh, "U2").ForSeal(t.Context())
	wantKind(t, err, keys.ErrNoKey)
}
