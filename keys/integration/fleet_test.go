package integration

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/kmsaws"
	"phiproxy/keys/kmsemu"
	"phiproxy/keys/store"
)

// agreeTime is what a fleet may take to agree.
const agreeTime = 5 * time.Second

// fleet starts proxies that look for each other's changes as often as real ones.
func (w *world) fleet(n int) []*keys.Ring {
	w.Helper()
	rings := make([]*keys.Ring, n)
	for i := range rings {
		rings[i] = w.proxy(func(o *keys.RingOptions) { o.SyncEvery = 0 })
	}
	return rings
}

// agree waits until every proxy says what is wanted.
func (w *world) agree(what string, rings []*keys.Ring, want func(*keys.Ring) bool) {
	w.Helper()
	began := time.Now()
	for _, r := range rings {
		for !want(r) {
			if time.Since(began) > agreeTime {
				w.Fatalf("%s: the proxies do not agree", what)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func TestFleetAgrees(t *testing.T) {
	w := newWorld(t)
	f := w.fleet(3)
	ctx := t.Context()
	for _, r := range f {
		_, err := r.ForRead(ctx, "U1") // each believes for a moment that there is none
		w.wantKind(err, keys.ErrNoKey)
	}
	first := w.write(f[0], "U1").Current().ID()
	w.write(f[1], "bystander")
	w.agree("a new key", f, func(r *keys.Ring) bool {
		k, err := r.ForRead(ctx, "U1")
		return err == nil && k.Current().ID() == first
	})
	if _, err := f[1].Rotate(ctx, "U1"); err != nil {
		t.Fatal(err)
	}
	w.agree("a rotated key", f, func(r *keys.Ring) bool {
		k, err := r.ForWrite(ctx, "U1")
		return err == nil && k.CurrentVersion() == 2 && k.Find(first) != nil
	})
	if err := f[2].Clear(ctx, "U1"); err != nil {
		t.Fatal(err)
	}
	w.agree("a cleared key", f, func(r *keys.Ring) bool { return !r.Cached("U1") })
	for _, r := range f {
		w.write(r, "U1")
	}
	if err := f[0].ClearAll(ctx); err != nil {
		t.Fatal(err)
	}
	w.agree("a cleared cache", f, func(r *keys.Ring) bool { return r.Stats().TotalCached == 0 })
	for _, r := range f {
		w.write(r, "U1")
		w.write(r, "bystander")
	}
	if n, err := f[1].Destroy(ctx, "U1"); n != 2 || err != nil {
		t.Fatalf("%d versions, %v", n, err)
	}
	w.agree("a destroyed key", f, func(r *keys.Ring) bool {
		_, err := r.ForRead(ctx, "U1")
		return errors.Is(err, keys.ErrDestroyed)
	})
	w.kms.Reset()
	for _, r := range f {
		_, err := r.ForWrite(ctx, "U1")
		w.wantKind(err, keys.ErrDestroyed)
		if !r.Cached("bystander") {
			t.Error("somebody else was forgotten")
		}
	}
	if n, err := f[2].Generate(ctx, "U1"); n != 3 || err != nil {
		t.Fatalf("version %d, %v", n, err)
	}
	w.agree("a key after destruction", f, func(r *keys.Ring) bool {
		k, err := r.ForWrite(ctx, "U1")
		return err == nil && k.CurrentVersion() == 3 && len(k.All()) == 1
	})
	if c := w.kms.Counts(); c["GenerateDataKey"] != 1 || c["Decrypt"] != 3 {
		t.Errorf("KMS was called: %v", c)
	}
}

// A version that has sealed enough is replaced once, whichever proxy notices, and the count outlives the processes.
func TestFleetRotatesWornKeys(t *testing.T) {
	w := newWorld(t)
	worn := func(o *keys.RingOptions) { o.RotateAfter, o.SyncEvery = 4000, 0 }
	for range 2 { // processes that end leave their blocks counted
		w.seal(w.proxy(worn), "U1", 1)
	}
	f := []*keys.Ring{w.proxy(worn), w.proxy(worn)}
	var wg sync.WaitGroup
	for _, r := range f {
		wg.Go(func() { w.seal(r, "U1", 2500) })
	}
	wg.Wait()
	w.agree("a worn key", f, func(r *keys.Ring) bool { return w.write(r, "U1").CurrentVersion() == 2 })
	v, err := w.store().Versions(t.Context(), "U1")
	if err != nil || len(v) != 2 || v[0].Seals < 4000 || v[0].Seals > 12_000 {
		t.Errorf("got %+v, %v", v, err)
	}
	w.exec(`UPDATE phiproxy_key_life SET seals = 4294967296`)
	w.exec(`INSERT INTO phiproxy_key_life VALUES ('U1', 2, 4294967296, NULL) ON DUPLICATE KEY UPDATE seals = 4294967296`)
	w.kms.Set(kmsemu.Faults{Fail: -1, Only: "GenerateDataKey"}) // no next version
	k, err := w.proxy(nil).ForWrite(t.Context(), "U1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.ForSeal(t.Context())
	w.wantKind(err, keys.ErrWorn)
}

func (w *world) store() *store.Store {
	w.Helper()
	s, err := store.Open(server.DSN(w.name))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { s.Close() })
	return s
}

func (w *world) seal(r *keys.Ring, owner string, n int) {
	w.Helper()
	k := w.write(r, owner)
	for range n {
		if _, err := k.ForSeal(w.Context()); err != nil {
			w.Error(err)
			return
		}
	}
}

func manyOwners(n int) []string {
	owners := make([]string, n)
	for i := range owners {
		owners[i] = fmt.Sprintf("U%03d", i)
	}
	return owners
}

func TestManyOwnersAtOnce(t *testing.T) {
	w := newWorld(t)
	r := w.proxy(nil)
	began := time.Now()
	got, err := r.Bulk(t.Context(), manyOwners(750), r.Generate, nil)
	if err != nil || got.Succeeded != 750 {
		t.Fatalf("got %+v, %v", got, err)
	}
	t.Logf("750 keys in %v, at most %d calls at a time", time.Since(began), w.kms.Peak())
	if w.kms.Peak() > 8 || w.kms.Counts()["GenerateDataKey"] != 750 || w.count(`SELECT COUNT(*) FROM user_encryption_keys`) != 750 {
		t.Errorf("%d calls at a time, %v", w.kms.Peak(), w.kms.Counts())
	}
	cold := w.proxy(nil)
	if warmed, err := cold.Warm(t.Context()); err != nil || warmed.Loaded != 750 {
		t.Errorf("got %+v, %v", warmed, err)
	}
	if got, err = r.Bulk(t.Context(), manyOwners(100), r.Rotate, nil); err != nil || got.Succeeded != 100 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestManyOwnersThrottled(t *testing.T) {
	w := newWorld(t)
	w.kms.Set(kmsemu.Faults{Rate: 40})
	r := w.proxy(nil)
	got, err := r.Bulk(t.Context(), manyOwners(120), r.Generate, nil)
	if err != nil || got.Succeeded != 120 || w.count(`SELECT COUNT(*) FROM phiproxy_key_versions`) != 120 {
		t.Errorf("got %+v, %v", got, err)
	}
	if n := w.kms.Counts()["GenerateDataKey"]; n > 500 || w.kms.Peak() > 8 {
		t.Errorf("%d calls for 120 keys, %d at a time", n, w.kms.Peak())
	}
}

func TestMasterKeyRotation(t *testing.T) {
	w := newWorld(t)
	r := w.proxy(nil)
	owners := manyOwners(40)
	want := map[string]envelope.KeyID{} // owner -> first key
	for _, owner := range owners {
		want[owner] = w.write(r, owner).Current().ID()
	}
	if _, err := r.Bulk(t.Context(), owners, r.Rotate, nil); err != nil {
		t.Fatal(err)
	}
	want["guide"] = w.guideKey("guide")
	both := func(o *keys.RingOptions) { o.Provider = w.providerOf(newAlias, kmsaws.DefaultKeyID) }
	mover := w.proxy(both)
	stopReading := w.readAllTheTime(w.proxy(both), owners)
	first := w.rewrapUntil(mover, 30)
	w.kms.Reset()
	got, err := mover.Rewrap(t.Context(), w.providerOf(newAlias, kmsaws.DefaultKeyID), nil)
	t.Logf("%d before, then %+v", first, got)
	if err != nil || got.Total != 81 || got.Failed != 0 || got.Skipped != first || got.Rewrapped != 81-first {
		t.Errorf("got %+v, %v; %d before", got, err, first)
	}
	if n := w.kms.Counts()["ReEncrypt"]; n < got.Rewrapped || n > 2*got.Rewrapped { // the new key is tried as source first
		t.Errorf("%d calls of ReEncrypt", n)
	}
	stopReading()
	again, err := mover.Rewrap(t.Context(), w.providerOf(newAlias), nil)
	if err != nil || again.Skipped != 81 {
		t.Errorf("got %+v, %v", again, err)
	}
	alone := w.proxy(func(o *keys.RingOptions) { o.Provider = w.providerOf(newAlias) })
	for owner, id := range want {
		if w.write(alone, owner).Find(id) == nil {
			t.Errorf("a key of %s is lost", owner)
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM phiproxy_key_versions WHERE context_bound = 0`); n != 0 {
		t.Errorf("%d keys without a context", n)
	}
}

// guideKey stores a key as the guide's code made it.
func (w *world) guideKey(owner string) envelope.KeyID {
	w.Helper()
	dek, wrapped, err := w.provider().Generate(w.Context(), nil)
	if err != nil {
		w.Fatal(err)
	}
	w.exec(`INSERT INTO user_encryption_keys (user_id, encrypted_dek) VALUES (?, ?)`, owner, base64.StdEncoding.EncodeToString(wrapped.Blob))
	key, err := envelope.NewKey(dek)
	if err != nil {
		w.Fatal(err)
	}
	return key.ID()
}

// rewrapUntil interrupts a re-wrap after n versions and returns how many are done.
func (w *world) rewrapUntil(r *keys.Ring, n int) (done int) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	result, err := r.Rewrap(ctx, w.providerOf(newAlias, kmsaws.DefaultKeyID), func(p keys.RewrapProgress) {
		if p.Done == n {
			cancel()
		}
	})
	w.wantKind(err, context.Canceled)
	done = w.count(`SELECT COUNT(*) FROM phiproxy_key_versions WHERE kms_key = '` + result.MasterKey + `'`)
	if done < n-8 || done >= 81 {
		w.Errorf("%d versions are moved after %d", done, n)
	}
	return done
}

// readAllTheTime loads owners' keys from the tables while others change them: no load may fail.
func (w *world) readAllTheTime(r *keys.Ring, owners []string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			owner := owners[i%len(owners)]
			if _, err := r.ForRead(ctx, owner); err != nil && ctx.Err() == nil {
				w.Error(err)
			}
			if err := r.Clear(ctx, owner); err != nil && ctx.Err() == nil {
				w.Error(err)
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// An outage leaves cached keys in use and takes none away; a denial takes all of them, at the next check.
func TestOutageAgainstRevocation(t *testing.T) {
	w := newWorld(t)
	r := w.proxy(func(o *keys.RingOptions) { o.CheckEvery = 20 * time.Millisecond })
	w.write(w.proxy(nil), "cold")
	for name, f := range map[string]kmsemu.Faults{
		"500": {Fail: -1}, "throttled": {Throttle: 1 << 30}, "dropped": {Drop: true}, "unknown code": {Code: "SomethingNew"},
		"expired": {Code: "ExpiredTokenException"},
	} {
		w.write(r, "U1")
		w.kms.Set(f)
		_, err := r.ForRead(t.Context(), "cold")
		w.wantKind(err, keys.ErrUnavailable)
		w.kms.Reset()
		w.write(r, "U1")
		if !r.Cached("U1") || w.kms.Counts()["Decrypt"] != 0 {
			t.Errorf("%s: a cached key was given up", name)
		}
		w.kms.Set(kmsemu.Faults{})
		w.agree(name+" is over", []*keys.Ring{r}, func(r *keys.Ring) bool { return !r.Health().OutageNow && r.Health().Kind == "" })
	}
	for _, code := range []string{"AccessDeniedException", "DisabledException", "KMSInvalidStateException", "NotFoundException"} {
		w.write(r, "U1")
		w.kms.Set(kmsemu.Faults{Code: code})
		w.agree(code, []*keys.Ring{r}, func(r *keys.Ring) bool { return !r.Cached("U1") })
		_, err := r.ForRead(t.Context(), "U1")
		w.wantKind(err, keys.ErrRevoked)
		w.kms.Set(kmsemu.Faults{})
		w.agree(code+" is over", []*keys.Ring{r}, func(r *keys.Ring) bool {
			_, err := r.ForWrite(t.Context(), "U1")
			return err == nil
		})
	}
}
