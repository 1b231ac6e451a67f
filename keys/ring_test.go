package keys_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"

	"github.com/google/go-cmp/cmp"
)

func TestFirstWriteGenerates(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	_, err := r.ForRead(t.Context(), "U1")
	wantKind(t, err, keys.ErrNoKey)
	k := forWrite(t, r, "U1")
	usable(t, k.Current())
	if again := forWrite(t, r, "U1"); again != k {
		t.Error("the second write got other keys")
	}
	if got := forRead(t, r, "U1"); got != k {
		t.Error("a read got other keys")
	}
	want := []keys.Operation{keys.OpGenerate, keys.OpDecrypt}
	if diff := cmp.Diff(want, s.operations("U1")); diff != "" {
		t.Error(diff)
	}
	if g, u := p.generates.Load(), p.unwraps.Load(); g != 1 || u != 1 {
		t.Errorf("%d generated, %d unwrapped", g, u)
	}
}

func TestNoGenerate(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{NoGenerate: true})
	_, err := r.ForWrite(t.Context(), "U1")
	wantKind(t, err, keys.ErrNoKey)
	if p.generates.Load() != 0 {
		t.Error("generated nevertheless")
	}
}

func TestOwnersThatTheTablesCannotHold(t *testing.T) {
	r := newRing(t, newMemStore(), newKMS(t), keys.RingOptions{})
	for _, owner := range []string{"", "\xff", strings.Repeat("é", 101)} {
		for name, ask := range map[string]func(context.Context, string) error{
			"read":    func(ctx context.Context, o string) error { _, err := r.ForRead(ctx, o); return err },
			"write":   func(ctx context.Context, o string) error { _, err := r.ForWrite(ctx, o); return err },
			"refresh": func(ctx context.Context, o string) error { _, err := r.Refresh(ctx, o); return err },
			"rotate":  func(ctx context.Context, o string) error { _, err := r.Rotate(ctx, o); return err },
			"clear":   r.Clear,
		} {
			if err := ask(t.Context(), owner); !errors.Is(err, keys.ErrOwner) {
				t.Errorf("%s %q: %v", name, owner, err)
			}
		}
	}
	forWrite(t, r, strings.Repeat("é", 100))
}

// 1,000 sessions, one owner, nothing cached: one call of the key service.
func TestSingleFlight(t *testing.T) {
	for name, warm := range map[string]bool{"first write": false, "read": true} {
		t.Run(name, func(t *testing.T) {
			s, p := newMemStore(), newKMS(t)
			if warm {
				forWrite(t, newRing(t, s, p, keys.RingOptions{}), "U1")
				p.generates.Store(0)
				p.unwraps.Store(0)
			}
			r := newRing(t, s, p, keys.RingOptions{})
			var start, wg sync.WaitGroup
			start.Add(1)
			found := make([]*keys.OwnerKeys, 1000)
			for i := range found {
				wg.Go(func() {
					start.Wait()
					k, err := r.ForWrite(context.Background(), "U1")
					if err != nil {
						t.Error(err)
					}
					found[i] = k
				})
			}
			start.Done()
			wg.Wait()
			for _, k := range found {
				if k == nil || k.Current().ID() != found[0].Current().ID() {
					t.Fatal("sessions got different keys")
				}
			}
			wantGenerates := int64(1)
			if warm {
				wantGenerates = 0
			}
			if g, u := p.generates.Load(), p.unwraps.Load(); g != wantGenerates || u != 1 {
				t.Errorf("%d generated, %d unwrapped", g, u)
			}
		})
	}
}

// The caller that came first may leave; the others need the result.
func TestLoadOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		p.onCall = func() { time.Sleep(time.Second) }
		r := newRing(t, s, p, keys.RingOptions{})
		first, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(100 * time.Millisecond)
			cancel()
		}()
		go func() {
			if _, err := r.ForWrite(first, "U1"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}()
		time.Sleep(10 * time.Millisecond)
		forWrite(t, r, "U1")
		if p.generates.Load() != 1 {
			t.Errorf("%d generated", p.generates.Load())
		}
	})
}

func TestLoadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newKMS(t)
		r := newRing(t, newMemStore(), blocking{p}, keys.RingOptions{LoadTimeout: 3 * time.Second})
		began := time.Now()
		_, err := r.ForWrite(t.Context(), "U1")
		wantKind(t, err, keys.ErrUnavailable)
		if d := time.Since(began); d > 4*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// blocking is a provider that answers nothing.
type blocking struct{ keys.Provider }

func (blocking) Generate(ctx context.Context, _ keys.Context) ([]byte, keys.Wrapped, error) {
	<-ctx.Done()
	return nil, keys.Wrapped{}, ctx.Err()
}

func TestTimeToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{})
		forWrite(t, r, "U1")
		time.Sleep(24*time.Hour - time.Second)
		forRead(t, r, "U1")
		if n := p.unwraps.Load(); n != 1 {
			t.Errorf("%d unwraps before the day was over", n)
		}
		time.Sleep(2 * time.Second)
		if st := r.Stats(); st.TotalCached != 1 || st.ExpiredCount != 1 || st.ActiveCount != 0 || st.TTL != 24*time.Hour {
			t.Errorf("got %+v", st)
		}
		forRead(t, r, "U1")
		if n := p.unwraps.Load(); n != 2 {
			t.Errorf("%d unwraps after the day was over", n)
		}
		if st := r.Stats(); st.TotalCached != 1 || st.ExpiredCount != 0 || !r.Cached("U1") {
			t.Errorf("got %+v", st)
		}
	})
}

func TestNoKeyIsBelievedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r, other := newRing(t, s, p, keys.RingOptions{}), newRing(t, s, p, keys.RingOptions{})
		for range 100 {
			_, err := r.ForRead(t.Context(), "U1")
			wantKind(t, err, keys.ErrNoKey)
		}
		if n := s.loads.Load(); n != 1 {
			t.Errorf("the store was asked %d times", n)
		}
		forWrite(t, other, "U1")
		time.Sleep(time.Second + time.Millisecond)
		forRead(t, r, "U1")
	})
}

// A read that found no key must not hide the key that somebody made before it told.
func TestNegativeResultDoesNotOvertakeCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{LoadTimeout: time.Hour})
		slow := true
		s.afterLoad = func() {
			if slow {
				slow = false
				time.Sleep(time.Minute)
			}
		}
		told := make(chan error)
		go func() {
			_, err := r.ForRead(t.Context(), "U1")
			told <- err
		}()
		synctest.Wait()
		if _, err := r.Generate(t.Context(), "U1"); err != nil {
			t.Fatal(err)
		}
		forRead(t, r, "U1")
		wantKind(t, <-told, keys.ErrNoKey)
		forRead(t, r, "U1")
	})
}

func TestOutageServesStaleKeysUpToABound(t *testing.T) {
	for name, outage := range map[string]func(*memStore, *kms, bool){
		"provider": func(_ *memStore, p *kms, on bool) {
			p.fail(nil)
			if on {
				p.fail(keys.ErrUnavailable)
			}
		},
		"store": func(s *memStore, _ *kms, on bool) { s.down.Store(on) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := newMemStore(), newKMS(t)
				r := newRing(t, s, p, keys.RingOptions{StaleFor: time.Hour})
				k := forWrite(t, r, "U1")
				outage(s, p, true)
				time.Sleep(24*time.Hour + time.Minute)
				for range 100 {
					if got := forWrite(t, r, "U1"); got != k {
						t.Fatal("other keys")
					}
				}
				if n := p.unwraps.Load() - 1 + s.loads.Load() - 3; n > 2 {
					t.Errorf("the service that is down was asked %d times", n)
				}
				_, err := r.ForRead(t.Context(), "U2")
				if !errors.Is(err, keys.ErrUnavailable) && !errors.Is(err, keys.ErrStore) && !errors.Is(err, keys.ErrNoKey) {
					t.Error(err)
				}
				time.Sleep(time.Hour - 2*time.Minute)
				forRead(t, r, "U1")
				time.Sleep(2 * time.Minute)
				if _, err := r.ForRead(t.Context(), "U1"); err == nil {
					t.Error("served past the bound")
				}
				outage(s, p, false)
				time.Sleep(time.Minute)
				forRead(t, r, "U1")
			})
		})
	}
}

func TestRevocationEvictsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{CheckEvery: 30 * time.Second})
		forWrite(t, r, "U1")
		time.Sleep(time.Hour)
		forRead(t, r, "U1")
		p.fail(keys.ErrRevoked)
		time.Sleep(31 * time.Second)
		if r.Cached("U1") {
			t.Error("still cached after the check of the master key")
		}
		_, err := r.ForRead(t.Context(), "U1")
		wantKind(t, err, keys.ErrRevoked)
		p.fail(nil)
		time.Sleep(2 * time.Second)
		forRead(t, r, "U1")
	})
}

// One owner's denial has the master key checked: when that is denied too, nobody's keys stay.
func TestOneDenialIsCheckedForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		forWrite(t, newRing(t, s, p, keys.RingOptions{}), "U2")
		r := newRing(t, s, p, keys.RingOptions{})
		forWrite(t, r, "U1")
		p.fail(keys.ErrRevoked)
		_, err := r.ForRead(t.Context(), "U2")
		wantKind(t, err, keys.ErrRevoked)
		synctest.Wait()
		if r.Cached("U1") {
			t.Error("U1 is still cached")
		}
	})
}

func TestOutageDoesNotEvict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{CheckEvery: 30 * time.Second})
		forWrite(t, r, "U1")
		p.fail(keys.ErrUnavailable)
		time.Sleep(10 * time.Minute)
		if !r.Cached("U1") || !r.Stats().OutageNow {
			t.Errorf("cached %v, %+v", r.Cached("U1"), r.Stats())
		}
		if n := p.checks.Load(); n > 21 {
			t.Errorf("%d checks", n)
		}
		p.fail(nil)
		time.Sleep(2 * time.Minute)
		if r.Stats().OutageNow {
			t.Error("the breaker did not close")
		}
	})
}

// After a few timeouts nobody waits for the service any more.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{})
		p.fail(keys.ErrUnavailable)
		p.onCall = func() { time.Sleep(2 * time.Second) }
		for i := range 10 {
			began := time.Now()
			_, err := r.ForWrite(t.Context(), fmt.Sprintf("U%d", i))
			wantKind(t, err, keys.ErrUnavailable)
			if d := time.Since(began); i >= 3 && d > 0 {
				t.Errorf("owner %d waited %v", i, d)
			}
		}
		p.fail(nil)
		time.Sleep(time.Second)
		forWrite(t, r, "U1")
	})
}

func TestNothingHappensWithoutItsAuditRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{})
		k := forWrite(t, r, "U1")
		s.auditBad.Store(true)
		generates, unwraps := p.generates.Load(), p.unwraps.Load()
		_, err := r.ForWrite(t.Context(), "U2")
		wantKind(t, err, keys.ErrAudit)
		_, err = r.Rotate(t.Context(), "U1")
		wantKind(t, err, keys.ErrAudit)
		wantKind(t, r.Clear(t.Context(), "U1"), keys.ErrAudit)
		wantKind(t, r.ClearAll(t.Context()), keys.ErrAudit)
		if forRead(t, r, "U1") != k {
			t.Error("a clear without record cleared")
		}
		time.Sleep(25 * time.Hour) // the keys are past their time to live
		_, err = r.ForRead(t.Context(), "U1")
		wantKind(t, err, keys.ErrAudit)
		if p.generates.Load() != generates || p.unwraps.Load() != unwraps {
			t.Error("the provider was called")
		}
		if _, ok := s.records["U2"]; ok {
			t.Error("a key was stored")
		}
		s.auditBad.Store(false)
		forRead(t, r, "U1")
	})
}

func TestAuditRecordsSayWhoAndWhat(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	ctx := keys.WithActor(t.Context(), keys.Actor{PerformedBy: "app", IPAddress: "[::ffff:192.0.2.7]:51000"})
	if _, err := r.ForWrite(ctx, "U1"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rotate(ctx, "U1"); err != nil {
		t.Fatal(err)
	}
	p.fail(keys.ErrRevoked)
	if _, err := r.Rotate(ctx, "U1"); err == nil {
		t.Fatal("rotated")
	}
	var ops []string
	for _, e := range s.audit {
		text := string(e.Details)
		stamp := strings.Index(text, `,"timestamp":"20`)
		if e.Actor != (keys.Actor{PerformedBy: "app", IPAddress: "192.0.2.7"}) || stamp < 0 {
			t.Errorf("got %+v %s", e.Actor, text)
			continue
		}
		ops = append(ops, string(e.Operation)+" "+text[:stamp])
	}
	want := []string{
		`generate {"operation":"generate_key","key_version":1`,
		`decrypt {"operation":"decrypt_key","key_version":1`,
		`rotate {"operation":"rotate_key","key_version":2`,
		`rotate {"operation":"rotate_key","key_version":3`,
		`error {"operation":"rotate_key","key_version":3,"error":"revoked"`,
	}
	if diff := cmp.Diff(want, ops); diff != "" {
		t.Error(diff)
	}
}

func TestRotate(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	_, err := r.Rotate(t.Context(), "U1")
	wantKind(t, err, keys.ErrNoKey)
	old := forWrite(t, r, "U1")
	for _, act := range []struct {
		want int
		act  func(context.Context, string) (int, error)
	}{{2, r.Rotate}, {3, r.Generate}} {
		if n, err := act.act(t.Context(), "U1"); err != nil || n != act.want {
			t.Fatalf("version %d, %v", n, err)
		}
	}
	k := forWrite(t, r, "U1")
	if k.CurrentVersion() != 3 || k.Current().ID() == old.Current().ID() || k.Find(old.Current().ID()) == nil {
		t.Errorf("version %d", k.CurrentVersion())
	}
	all := k.All()
	if len(all) != 3 || all[0] != k.Current() || all[2].ID() != old.Current().ID() {
		t.Error("All is not every key, newest first")
	}
	usable(t, old.Current()) // a statement that still holds it may finish
	if n, err := r.Generate(t.Context(), "new"); err != nil || n != 1 {
		t.Errorf("version %d, %v", n, err)
	}
}

func TestInactiveKeyReadsOnly(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	forWrite(t, newRing(t, s, p, keys.RingOptions{}), "U1")
	s.edit("U1", func(rec *keys.Record) { rec.Active = false })
	r := newRing(t, s, p, keys.RingOptions{})
	if k := forRead(t, r, "U1"); k.Active() || k.Current() == nil {
		t.Errorf("got %+v", k)
	}
	_, err := r.ForWrite(t.Context(), "U1")
	wantKind(t, err, keys.ErrInactive)
}

// The guide's foreign key deletes a deleted user's row; his versions stay readable, and a new write makes the next one.
func TestOwnerWithoutCurrentRow(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	old := forWrite(t, newRing(t, s, p, keys.RingOptions{}), "U1").Current().ID()
	s.edit("U1", func(rec *keys.Record) { rec.Current, rec.Active = 0, false })
	r := newRing(t, s, p, keys.RingOptions{})
	if k := forRead(t, r, "U1"); k.Current() != nil || k.CurrentVersion() != 0 || k.Find(old) == nil {
		t.Errorf("got %+v", k)
	}
	k := forWrite(t, r, "U1")
	if k.CurrentVersion() != 2 || k.Find(old) == nil {
		t.Errorf("got %+v", k)
	}
}

func TestGuideKeyIsAdopted(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	_, w, err := p.Provider.Generate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.records["U1"] = &keys.Record{
		Owner: "U1", Current: 4, Last: 4, Active: true, Versions: []keys.Version{{Number: 4, Wrapped: w}},
	}
	r := newRing(t, s, p, keys.RingOptions{})
	k := forWrite(t, r, "U1")
	if v := s.records["U1"].Versions[0]; !v.Adopted || v.KeyID != k.Current().ID() || v.Bound {
		t.Errorf("got %+v", v)
	}
	if n, err := r.Rotate(t.Context(), "U1"); err != nil || n != 5 {
		t.Fatalf("version %d, %v", n, err)
	}
	if k = forRead(t, r, "U1"); len(k.All()) != 2 {
		t.Errorf("%d keys", len(k.All()))
	}
}

func TestRotateAdoptsTheGuideKeyFirst(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	_, w, err := p.Provider.Generate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.records["U1"] = &keys.Record{
		Owner: "U1", Current: 1, Last: 1, Active: true, Versions: []keys.Version{{Number: 1, Wrapped: w}},
	}
	if _, err := newRing(t, s, p, keys.RingOptions{}).Rotate(t.Context(), "U1"); err != nil {
		t.Fatal(err)
	}
	if !s.records["U1"].Versions[0].Adopted {
		t.Error("the guide's key was left behind")
	}
}

func TestSwappedAndForeignBlobsAreRefused(t *testing.T) {
	for name, damage := range map[string]func(a, b *keys.Version){
		"another owner's blob":      func(a, b *keys.Version) { a.Wrapped = b.Wrapped },
		"another owner's whole key": func(a, b *keys.Version) { *a = *b },
		"without its context":       func(a, _ *keys.Version) { a.Bound = false },
		"another version number":    func(a, _ *keys.Version) { a.Number = 7 },
		"another commitment":        func(a, b *keys.Version) { a.KeyID = b.KeyID },
		"truncated":                 func(a, _ *keys.Version) { a.Wrapped.Blob = a.Wrapped.Blob[:20] },
		"empty":                     func(a, _ *keys.Version) { a.Wrapped.Blob = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s, p := newMemStore(), newKMS(t)
			first := newRing(t, s, p, keys.RingOptions{})
			forWrite(t, first, "A")
			forWrite(t, first, "B")
			damage(&s.records["A"].Versions[0], &s.records["B"].Versions[0])
			r := newRing(t, s, p, keys.RingOptions{})
			_, err := r.ForRead(t.Context(), "A")
			wantKind(t, err, keys.ErrCorrupt)
			_, err = r.ForWrite(t.Context(), "A")
			wantKind(t, err, keys.ErrCorrupt)
			forRead(t, r, "B")
			if ops := s.operations("A"); ops[len(ops)-1] != keys.OpError {
				t.Errorf("recorded %v", ops)
			}
		})
	}
}

func TestClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{SyncEvery: 2 * time.Second})
		other := newRing(t, s, p, keys.RingOptions{SyncEvery: 2 * time.Second})
		for _, owner := range []string{"U1", "U2"} {
			forWrite(t, r, owner)
			forRead(t, other, owner)
		}
		time.Sleep(3 * time.Second)
		forRead(t, other, "U2") // its creation was news
		held := forRead(t, r, "U1")
		if err := r.Clear(t.Context(), "U1"); err != nil {
			t.Fatal(err)
		}
		if r.Cached("U1") || !r.Cached("U2") {
			t.Error("cleared the wrong one")
		}
		usable(t, held.Current())
		time.Sleep(3 * time.Second)
		if other.Cached("U1") || !other.Cached("U2") {
			t.Error("the other proxy did not follow")
		}
		if err := other.ClearAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		forRead(t, other, "U1")
		time.Sleep(3 * time.Second)
		if r.Cached("U2") {
			t.Error("the first proxy did not follow")
		}
		if !other.Cached("U1") {
			t.Error("a proxy dropped keys for its own message")
		}
	})
}

func TestFleetAgreesOnRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{SyncEvery: 2 * time.Second})
		other := newRing(t, s, p, keys.RingOptions{SyncEvery: 2 * time.Second})
		forWrite(t, r, "U1")
		forRead(t, other, "U1")
		if _, err := r.Rotate(t.Context(), "U1"); err != nil {
			t.Fatal(err)
		}
		id := forRead(t, r, "U1").Current().ID()
		if forRead(t, other, "U1").Find(id) != nil {
			t.Fatal("known already")
		}
		// A value under the new key is met before the poll, a moment after the owner's keys were loaded, and soon another one.
		if k, err := other.Refresh(t.Context(), "U1"); err != nil || k.Find(id) == nil {
			t.Fatalf("refresh: %v", err)
		}
		if _, err := r.Rotate(t.Context(), "U1"); err != nil {
			t.Fatal(err)
		}
		id = forRead(t, r, "U1").Current().ID()
		if k, err := other.Refresh(t.Context(), "U1"); err != nil || k.Find(id) == nil {
			t.Fatalf("refresh after another rotation: %v", err)
		}
		if _, err := other.Refresh(t.Context(), "U1"); err != nil {
			t.Fatal(err)
		}
		unwraps := p.unwraps.Load()
		for range 50 { // an id that nobody knows does not cause a call each time
			if _, err := other.Refresh(t.Context(), "U1"); err != nil {
				t.Fatal(err)
			}
		}
		if p.unwraps.Load() != unwraps {
			t.Error("refreshed at every question")
		}
		if _, err := other.Rotate(t.Context(), "U1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if got := forRead(t, r, "U1").CurrentVersion(); got != 4 {
			t.Errorf("version %d after the poll", got)
		}
	})
}

func TestSyncSurvivesAnOutageOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		r := newRing(t, s, p, keys.RingOptions{SyncEvery: 2 * time.Second})
		forWrite(t, r, "U1")
		s.down.Store(true)
		time.Sleep(time.Minute)
		s.mu.Lock()
		s.change("U1")
		s.mu.Unlock()
		s.down.Store(false)
		time.Sleep(3 * time.Second)
		if r.Cached("U1") {
			t.Error("the change was missed")
		}
	})
}

// Keys that left the cache are destroyed, but not before the last user let go.
func TestKeysLiveAsLongAsTheirUsers(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	key := forWrite(t, r, "U1").Current()
	if err := r.ClearAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for range 3 {
		runtime.GC()
	}
	usable(t, key)
	watch := weak.Make(key)
	key = nil
	for deadline := time.Now().Add(10 * time.Second); watch.Value() != nil; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the key is still held")
		}
	}
}

func TestWarm(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	first := newRing(t, s, p, keys.RingOptions{})
	for i := range 50 {
		forWrite(t, first, fmt.Sprintf("U%d", i))
	}
	s.edit("U7", func(rec *keys.Record) { rec.Versions[0].KeyID = envelope.KeyID{} })
	r := newRing(t, s, p, keys.RingOptions{})
	got, err := r.Warm(t.Context())
	if err != nil || got != (keys.WarmResult{Owners: 50, Loaded: 49, Failed: 1}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if st := r.Stats(); st.TotalCached != 49 {
		t.Errorf("got %+v", st)
	}
}

// An outage of a minute delays the warming, one without end ends it.
func TestWarmInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newMemStore(), newKMS(t)
		first := newRing(t, s, p, keys.RingOptions{})
		for i := range 50 {
			forWrite(t, first, fmt.Sprintf("U%d", i))
		}
		p.fail(keys.ErrUnavailable)
		if _, err := newRing(t, s, p, keys.RingOptions{}).Warm(t.Context()); !errors.Is(err, keys.ErrUnavailable) {
			t.Error(err)
		}
		go func() {
			time.Sleep(time.Minute)
			p.fail(nil)
		}()
		if got, err := newRing(t, s, p, keys.RingOptions{}).Warm(t.Context()); err != nil || got.Loaded != 50 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// Two proxies create the keys of the same owners at once: every owner ends with one key, which both use.
func TestCreationRace(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	a, b := newRing(t, s, p, keys.RingOptions{}), newRing(t, s, p, keys.RingOptions{})
	const owners = 200
	found := make([][2]envelope.KeyID, owners)
	var wg sync.WaitGroup
	for i := range owners {
		for j, r := range []*keys.Ring{a, b} {
			wg.Go(func() {
				k, err := r.ForWrite(context.Background(), fmt.Sprintf("U%d", i))
				if err != nil {
					t.Error(err)
					return
				}
				found[i][j] = k.Current().ID()
			})
		}
	}
	wg.Wait()
	for i, ids := range found {
		rec := s.records[fmt.Sprintf("U%d", i)]
		if ids[0] != ids[1] || len(rec.Versions) != 1 || rec.Versions[0].KeyID != ids[0] {
			t.Fatalf("owner %d: %x, %x, %d versions", i, ids[0], ids[1], len(rec.Versions))
		}
	}
}

// The store fails after the key was generated: the key is not used.
func TestKeyThatIsNotStoredIsNotUsed(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	p.onCall = func() { s.down.Store(true) }
	_, err := r.ForWrite(t.Context(), "U1")
	wantKind(t, err, keys.ErrStore)
	if r.Cached("U1") {
		t.Error("cached")
	}
	p.onCall = nil
	s.down.Store(false)
	forWrite(t, r, "U1")
}

func TestCloseWhileInUse(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				r.ForWrite(context.Background(), fmt.Sprintf("U%d", i%20))
			}
		})
	}
	r.ClearAll(t.Context())
	r.Close()
	r.Close()
	wg.Wait()
	if st := r.Stats(); st.TotalCached != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestNewWantsStoreAndProvider(t *testing.T) {
	if _, err := keys.New(keys.RingOptions{}); err == nil {
		t.Error("made a ring of nothing")
	}
}
