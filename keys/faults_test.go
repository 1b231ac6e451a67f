package keys_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
)

// injector decides which calls fail, by a fixed seed.
type injector struct {
	mu       sync.Mutex
	rng      *rand.Rand
	off      bool
	failures int
}

// when a call fails: not at all, before it has done anything, or after it has done everything and only the answer is lost.
type when int

const (
	never when = iota
	before
	after
)

func (i *injector) next() when {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.off || i.rng.IntN(3) != 0 {
		return never
	}
	i.failures++
	return before + when(i.rng.IntN(2))
}

// count returns the number of failures so far.
func (i *injector) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failures
}

// stop ends the failures.
func (i *injector) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.off = true
}

func (i *injector) intN(n int) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.rng.IntN(n)
}

// flaky performs a call with its failure.
func flaky[T any](i *injector, kind error, f func() (T, error)) (T, error) {
	var zero T
	lost := &keys.Error{Kind: kind, Op: "injected"}
	switch i.next() {
	case before:
		return zero, lost
	case after:
		if _, err := f(); err != nil {
			return zero, err
		}
		return zero, lost
	}
	return f()
}

func flakyOnly(i *injector, kind error, f func() error) error {
	_, err := flaky(i, kind, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// flakyStore fails as an injector wants. It notes the last audit record of each owner and which keys were destroyed.
type flakyStore struct {
	*memStore
	faults *injector

	notes     sync.Mutex
	recorded  map[string]keys.Operation // owner -> last operation whose record was committed
	destroyed map[envelope.KeyID]bool
}

func (s *flakyStore) Load(ctx context.Context, owner string) (*keys.Record, error) {
	return flaky(s.faults, keys.ErrStore, func() (*keys.Record, error) { return s.memStore.Load(ctx, owner) })
}

func (s *flakyStore) Create(ctx context.Context, owner string, v keys.Version) (uint64, error) {
	return flaky(s.faults, keys.ErrStore, func() (uint64, error) { return s.memStore.Create(ctx, owner, v) })
}

func (s *flakyStore) Revive(ctx context.Context, owner string, v keys.Version) (uint64, error) {
	return flaky(s.faults, keys.ErrStore, func() (uint64, error) { return s.memStore.Revive(ctx, owner, v) })
}

func (s *flakyStore) Rotate(ctx context.Context, owner string, from int, v keys.Version) (uint64, error) {
	return flaky(s.faults, keys.ErrStore, func() (uint64, error) { return s.memStore.Rotate(ctx, owner, from, v) })
}

func (s *flakyStore) Adopt(ctx context.Context, owner string, v keys.Version) error {
	return flakyOnly(s.faults, keys.ErrStore, func() error { return s.memStore.Adopt(ctx, owner, v) })
}

func (s *flakyStore) Replace(ctx context.Context, owner string, old []byte, v keys.Version) error {
	return flakyOnly(s.faults, keys.ErrStore, func() error { return s.memStore.Replace(ctx, owner, old, v) })
}

func (s *flakyStore) Touch(ctx context.Context, owner string) (uint64, error) {
	return flaky(s.faults, keys.ErrStore, func() (uint64, error) { return s.memStore.Touch(ctx, owner) })
}

func (s *flakyStore) Reserve(ctx context.Context, owner string, version int, n, most uint64) (uint64, error) {
	return flaky(s.faults, keys.ErrStore, func() (uint64, error) { return s.memStore.Reserve(ctx, owner, version, n, most) })
}

func (s *flakyStore) Changes(ctx context.Context, since uint64) ([]keys.Change, error) {
	return flaky(s.faults, keys.ErrStore, func() ([]keys.Change, error) { return s.memStore.Changes(ctx, since) })
}

func (s *flakyStore) Destroy(ctx context.Context, owner string) (n int, epoch uint64, err error) {
	type answer struct {
		n     int
		epoch uint64
	}
	a, err := flaky(s.faults, keys.ErrStore, func() (a answer, err error) {
		s.noteDestroyed(owner)
		a.n, a.epoch, err = s.memStore.Destroy(ctx, owner)
		return a, err
	})
	return a.n, a.epoch, err
}

func (s *flakyStore) noteDestroyed(owner string) {
	ids := s.ids(owner)
	s.notes.Lock()
	defer s.notes.Unlock()
	for _, id := range ids {
		s.destroyed[id] = true
	}
}

// ids are the keys that the store holds for an owner.
func (s *flakyStore) ids(owner string) (ids []envelope.KeyID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec := s.records[owner]; rec != nil {
		for _, v := range rec.Versions {
			ids = append(ids, v.KeyID)
		}
	}
	return ids
}

func (s *flakyStore) Audit(ctx context.Context, e keys.Entry) error {
	return flakyOnly(s.faults, keys.ErrAudit, func() error {
		s.notes.Lock()
		defer s.notes.Unlock()
		s.recorded[e.Owner] = e.Operation
		return nil
	})
}

func (s *flakyStore) isDestroyed(id envelope.KeyID) bool {
	s.notes.Lock()
	defer s.notes.Unlock()
	return s.destroyed[id]
}

// lastRecorded is the last operation in the audit trail of the owner that a KMS context names.
func (s *flakyStore) lastRecorded(kctx keys.Context) keys.Operation {
	s.notes.Lock()
	defer s.notes.Unlock()
	return s.recorded[kctx["owner"]]
}

// auditedKMS fails as an injector wants, and fails the test for calls that have no record.
type auditedKMS struct {
	keys.Provider
	t      *testing.T
	faults *injector
	store  *flakyStore
}

// trouble is mostly an outage, sometimes a revocation.
func (k *auditedKMS) trouble() error {
	if k.faults.intN(20) == 0 {
		return keys.ErrRevoked
	}
	return keys.ErrUnavailable
}

func (k *auditedKMS) Generate(ctx context.Context, c keys.Context) ([]byte, keys.Wrapped, error) {
	if op := k.store.lastRecorded(c); op != keys.OpGenerate && op != keys.OpRotate {
		k.t.Errorf("a key of %s was generated after the record %q", c["owner"], op)
	}
	if k.faults.next() != never {
		return nil, keys.Wrapped{}, &keys.Error{Kind: k.trouble(), Op: "injected"}
	}
	return k.Provider.Generate(ctx, c)
}

func (k *auditedKMS) Unwrap(ctx context.Context, w keys.Wrapped, c keys.Context) ([]byte, error) {
	if op := k.store.lastRecorded(c); op != keys.OpDecrypt {
		k.t.Errorf("a key of %s was unwrapped after the record %q", c["owner"], op)
	}
	if k.faults.next() != never {
		return nil, &keys.Error{Kind: k.trouble(), Op: "injected"}
	}
	return k.Provider.Unwrap(ctx, w, c)
}

// ordeal is a fleet of two proxies that lives through failures, and the values that it sealed.
type ordeal struct {
	*testing.T
	store  *flakyStore
	kms    *auditedKMS
	rings  [2]*keys.Ring
	values map[string]map[envelope.KeyID][]byte // owner -> key -> a value
	seen   map[error]int
}

var ordealContext = envelope.NewContext("column", "owner")

func newOrdeal(t *testing.T) *ordeal {
	faults := &injector{rng: rand.New(rand.NewPCG(1, 2))}
	o := &ordeal{T: t, values: map[string]map[envelope.KeyID][]byte{}, seen: map[error]int{}}
	o.store = &flakyStore{memStore: newMemStore(), faults: faults, recorded: map[string]keys.Operation{}, destroyed: map[envelope.KeyID]bool{}}
	o.kms = &auditedKMS{Provider: newKMS(t).Provider, t: t, faults: faults, store: o.store}
	for i := range o.rings {
		o.restart(i)
	}
	return o
}

func (o *ordeal) restart(i int) {
	if o.rings[i] != nil {
		o.rings[i].Close()
	}
	r, err := keys.New(keys.RingOptions{
		Store: o.store, Provider: o.kms, TTL: 20 * time.Second, StaleFor: 10 * time.Second, SyncEvery: 2 * time.Second, CheckEvery: -1, MaxOwners: 1000,
	})
	if err != nil {
		o.Fatal(err)
	}
	o.rings[i] = r
}

// step does one thing with one owner on one proxy.
func (o *ordeal) step() {
	i, owner := o.kms.faults.intN(2), fmt.Sprintf("U%d", o.kms.faults.intN(300))
	r, ctx := o.rings[i], context.Background()
	var err error
	switch n := o.kms.faults.intN(200); {
	case n < 100:
		err = o.write(r, owner)
	case n < 180:
		err = o.read(r, owner)
	case n < 183:
		_, err = r.Rotate(ctx, owner)
	case n < 184:
		_, err = r.Generate(ctx, owner)
	case n < 190:
		_, err = r.Refresh(ctx, owner)
	case n < 197:
		err = r.Clear(ctx, owner)
	case n < 198:
		err = r.ClearAll(ctx)
	case n < 199:
		if o.kms.faults.intN(6) == 0 {
			_, err = r.Destroy(ctx, owner)
		}
	default:
		o.restart(i)
	}
	o.note(err)
}

// note counts an error, which must be of a known kind.
func (o *ordeal) note(err error) {
	for _, kind := range []error{
		nil, keys.ErrUnavailable, keys.ErrRevoked, keys.ErrStore, keys.ErrAudit, keys.ErrNoKey, keys.ErrDestroyed,
	} {
		if errors.Is(err, kind) {
			o.seen[kind]++
			return
		}
	}
	o.Errorf("got %v", err)
}

func (o *ordeal) write(r *keys.Ring, owner string) error {
	k, err := r.ForWrite(context.Background(), owner)
	if err != nil {
		return err
	}
	key, err := k.ForSeal(context.Background())
	if err != nil {
		return err
	}
	id := key.ID()
	if o.store.isDestroyed(id) { // this proxy has not noticed yet
		return nil
	}
	if !slices.Contains(o.store.ids(owner), id) {
		o.Errorf("%s got a key that is not stored", owner)
	}
	if o.values[owner] == nil {
		o.values[owner] = map[envelope.KeyID][]byte{}
	}
	o.values[owner][id] = envelope.Seal(nil, key, ordealContext, []byte(owner))
	return nil
}

// read opens a value of the owner. Not to know its key is allowed for as long as the other proxy's rotation is news.
func (o *ordeal) read(r *keys.Ring, owner string) error {
	k, err := r.ForRead(context.Background(), owner)
	if err != nil {
		return err
	}
	for id, value := range o.values[owner] {
		if key := k.Find(id); key != nil {
			o.open(key, owner, value)
		}
	}
	return nil
}

func (o *ordeal) open(key *envelope.Key, owner string, value []byte) {
	if text, err := envelope.Open(nil, key, ordealContext, value); err != nil || string(text) != owner {
		o.Errorf("a value of %s does not open: %v", owner, err)
	}
}

// settle ends the failures and opens everything that was ever sealed, but for destroyed keys.
func (o *ordeal) settle() (opened int) {
	o.kms.faults.stop()
	time.Sleep(time.Hour)
	for owner, values := range o.values {
		k, err := o.rings[0].ForRead(context.Background(), owner)
		if errors.Is(err, keys.ErrDestroyed) {
			k = &keys.OwnerKeys{}
		} else if err != nil {
			o.Fatal(err)
		}
		for id, value := range values {
			if o.store.isDestroyed(id) {
				continue
			}
			key := k.Find(id)
			if key == nil {
				o.Fatalf("a key of %s is lost", owner)
			}
			o.open(key, owner, value)
			opened++
		}
	}
	return opened
}

// 10^5 calls of the key service, the store and the audit trail fail, before or after they took effect: no key is lost, none
// is used before it is stored, and none is handed out without a record.
func TestHundredThousandFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrdeal(t)
		defer func() {
			for _, r := range o.rings {
				r.Close()
			}
		}()
		for o.kms.faults.count() < 100_000 {
			o.step()
			time.Sleep(time.Duration(o.kms.faults.intN(1000)) * time.Millisecond)
		}
		opened := o.settle()
		t.Logf("%d values under different keys opened, outcomes %v", opened, o.seen)
		if opened < 200 || len(o.seen) != 7 {
			t.Error("too little happened")
		}
	})
}
