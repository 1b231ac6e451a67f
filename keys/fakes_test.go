package keys_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/kmslocal"
)

// memStore is a store in memory with knobs. Several rings may share it.
type memStore struct {
	mu      sync.Mutex
	records map[string]*keys.Record
	changes []keys.Change
	audit   []keys.Entry

	loads     atomic.Int64
	down      atomic.Bool // every call fails but Audit
	auditBad  atomic.Bool
	afterLoad func() // called between reading a record and returning it
}

func newMemStore() *memStore { return &memStore{records: map[string]*keys.Record{}} }

func (m *memStore) trouble() error {
	if m.down.Load() {
		return &keys.Error{Kind: keys.ErrStore, Op: "test"}
	}
	return nil
}

func (m *memStore) Load(_ context.Context, owner string) (*keys.Record, error) {
	m.loads.Add(1)
	if m.afterLoad != nil {
		defer m.afterLoad()
	}
	if err := m.trouble(); err != nil {
		return nil, err
	}
	return m.read(owner)
}

func (m *memStore) read(owner string) (*keys.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec := m.records[owner]
	if rec == nil {
		return nil, &keys.Error{Kind: keys.ErrNoKey, Op: "load"}
	}
	c := *rec
	c.Versions = slices.Clone(rec.Versions)
	return &c, nil
}

// add stores a version as the current one, if from is current now.
func (m *memStore) add(owner string, from int, v keys.Version) (uint64, error) {
	if err := m.trouble(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rec := m.records[owner]
	if rec == nil {
		rec = &keys.Record{Owner: owner}
		m.records[owner] = rec
	}
	if rec.Current != from {
		return 0, &keys.Error{Kind: keys.ErrExists, Op: "test"}
	}
	rec.Versions = append(rec.Versions, v)
	rec.Last, rec.Current, rec.Active = v.Number, v.Number, true
	return m.change(owner), nil
}

func (m *memStore) change(owner string) uint64 {
	e := uint64(len(m.changes) + 1)
	m.changes = append(m.changes, keys.Change{Epoch: e, Owner: owner})
	return e
}

func (m *memStore) Create(_ context.Context, owner string, v keys.Version) (uint64, error) {
	return m.add(owner, 0, v)
}

func (m *memStore) Rotate(_ context.Context, owner string, from int, v keys.Version) (uint64, error) {
	return m.add(owner, from, v)
}

func (m *memStore) Adopt(_ context.Context, owner string, v keys.Version) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, old := range m.records[owner].Versions {
		if old.Number == v.Number {
			v.Adopted = true
			m.records[owner].Versions[i] = v
			return nil
		}
	}
	return errors.New("adopted a version that is not there")
}

func (m *memStore) Audit(_ context.Context, e keys.Entry) error {
	if m.auditBad.Load() {
		return errors.New("disk full")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.audit = append(m.audit, e)
	return nil
}

func (m *memStore) Touch(_ context.Context, owner string) (uint64, error) {
	if err := m.trouble(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.change(owner), nil
}

func (m *memStore) Epoch(context.Context) (uint64, error) {
	if err := m.trouble(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.changes)), nil
}

func (m *memStore) Changes(_ context.Context, after uint64) ([]keys.Change, error) {
	if err := m.trouble(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.changes[after:]), nil
}

func (m *memStore) Owners(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var owners []string
	for owner, rec := range m.records {
		if rec.Active {
			owners = append(owners, owner)
		}
	}
	slices.Sort(owners)
	return owners, nil
}

// operations lists the audit records of one owner.
func (m *memStore) operations(owner string) []keys.Operation {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ops []keys.Operation
	for _, e := range m.audit {
		if e.Owner == owner {
			ops = append(ops, e.Operation)
		}
	}
	return ops
}

func (m *memStore) edit(owner string, f func(*keys.Record)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m.records[owner])
}

// kms is a real provider with knobs and counters.
type kms struct {
	keys.Provider
	generates, unwraps, checks atomic.Int64

	mu     sync.Mutex
	err    error
	onCall func()
}

func newKMS(t *testing.T) *kms {
	t.Helper()
	p, err := kmslocal.New(kmslocal.Options{File: filepath.Join(t.TempDir(), "master"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return &kms{Provider: p}
}

// fail makes every call fail with an error of that kind; nil heals.
func (k *kms) fail(kind error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = nil
	if kind != nil {
		k.err = &keys.Error{Kind: kind, Op: "test"}
	}
}

func (k *kms) trouble() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.onCall != nil {
		k.onCall()
	}
	return k.err
}

func (k *kms) Generate(ctx context.Context, c keys.Context) ([]byte, keys.Wrapped, error) {
	k.generates.Add(1)
	if err := k.trouble(); err != nil {
		return nil, keys.Wrapped{}, err
	}
	return k.Provider.Generate(ctx, c)
}

func (k *kms) Unwrap(ctx context.Context, w keys.Wrapped, c keys.Context) ([]byte, error) {
	k.unwraps.Add(1)
	if err := k.trouble(); err != nil {
		return nil, err
	}
	return k.Provider.Unwrap(ctx, w, c)
}

func (k *kms) Check(ctx context.Context) error {
	k.checks.Add(1)
	if err := k.trouble(); err != nil {
		return err
	}
	return k.Provider.Check(ctx)
}

// newRing makes a ring without background work unless o says otherwise.
func newRing(t *testing.T, s keys.Store, p keys.Provider, o keys.RingOptions) *keys.Ring {
	t.Helper()
	o.Store, o.Provider = s, p
	if o.CheckEvery == 0 {
		o.CheckEvery = -1
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = -1
	}
	r, err := keys.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
}

func forWrite(t *testing.T, r *keys.Ring, owner string) *keys.OwnerKeys {
	t.Helper()
	k, err := r.ForWrite(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	if k.Owner != owner || k.Current() == nil || k.Find(k.Current().ID()) != k.Current() {
		t.Fatalf("keys that do not fit: %+v", k)
	}
	return k
}

func forRead(t *testing.T, r *keys.Ring, owner string) *keys.OwnerKeys {
	t.Helper()
	k, err := r.ForRead(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// usable proves that a key still seals and opens.
func usable(t *testing.T, k *envelope.Key) {
	t.Helper()
	c := envelope.NewContext("column", "owner")
	got, err := envelope.Open(nil, k, c, envelope.Seal(nil, k, c, []byte("text")))
	if err != nil || string(got) != "text" {
		t.Fatalf("got %q, %v", got, err)
	}
}
