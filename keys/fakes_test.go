package keys_test

import (
	"cmp"
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
	seals   map[keys.VersionRef]uint64

	loads     atomic.Int64
	reserves  atomic.Int64
	down      atomic.Bool // every call fails but Audit
	auditBad  atomic.Bool
	afterLoad func() // called between reading a record and returning it
}

func newMemStore() *memStore {
	return &memStore{records: map[string]*keys.Record{}, seals: map[keys.VersionRef]uint64{}}
}

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
	c.Versions, c.Retired = slices.Clone(rec.Versions), slices.Clone(rec.Retired)
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
	switch {
	case rec.Destroyed && from == 0:
		return 0, &keys.Error{Kind: keys.ErrDestroyed, Op: "test"}
	case rec.Destroyed && from == revive:
		rec.Destroyed = false
	case rec.Current != from || rec.Destroyed:
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

// revive is add's from for an owner whose keys were destroyed.
const revive = -1

func (m *memStore) Revive(_ context.Context, owner string, v keys.Version) (uint64, error) {
	return m.add(owner, revive, v)
}

// update changes an owner's record and makes it known to the fleet.
func (m *memStore) update(owner string, f func(*keys.Record) error) (uint64, error) {
	if err := m.trouble(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rec := m.records[owner]
	if rec == nil {
		return 0, &keys.Error{Kind: keys.ErrNoKey, Op: "test"}
	}
	if err := f(rec); err != nil {
		return 0, err
	}
	return m.change(owner), nil
}

func (m *memStore) Destroy(_ context.Context, owner string) (n int, epoch uint64, err error) {
	epoch, err = m.update(owner, func(rec *keys.Record) error {
		n = len(rec.Versions) + len(rec.Retired)
		rec.Versions, rec.Retired, rec.Destroyed, rec.Active = nil, nil, true, false
		return nil
	})
	return n, epoch, err
}

func (m *memStore) Retire(_ context.Context, owner string, version int) (uint64, error) {
	return m.update(owner, func(rec *keys.Record) error { return moveVersion(&rec.Versions, &rec.Retired, version) })
}

func (m *memStore) Reinstate(_ context.Context, owner string, version int) (uint64, error) {
	return m.update(owner, func(rec *keys.Record) error { return moveVersion(&rec.Retired, &rec.Versions, version) })
}

func moveVersion(from, to *[]keys.Version, number int) error {
	i := slices.IndexFunc(*from, func(v keys.Version) bool { return v.Number == number })
	if i < 0 {
		return &keys.Error{Kind: keys.ErrNoKey, Op: "test"}
	}
	*to = append(*to, (*from)[i])
	*from = slices.Delete(*from, i, i+1)
	slices.SortFunc(*to, func(a, b keys.Version) int { return a.Number - b.Number })
	return nil
}

func (m *memStore) Replace(_ context.Context, owner string, old []byte, v keys.Version) error {
	if err := m.trouble(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rec := m.records[owner]
	for _, versions := range [][]keys.Version{rec.Versions, rec.Retired} {
		for i := range versions {
			if versions[i].Number == v.Number && string(versions[i].Wrapped.Blob) == string(old) {
				versions[i] = v
				return nil
			}
		}
	}
	return &keys.Error{Kind: keys.ErrExists, Op: "test"}
}

func (m *memStore) Reserve(_ context.Context, owner string, version int, n, most uint64) (uint64, error) {
	if err := m.trouble(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ref := keys.VersionRef{Owner: owner, Number: version}
	m.reserves.Add(1)
	if m.seals[ref]+n > most {
		return 0, &keys.Error{Kind: keys.ErrWorn, Op: "test"}
	}
	m.seals[ref] += n
	return m.seals[ref], nil
}

func (m *memStore) Wrapped(context.Context) ([]keys.VersionRef, error) {
	if err := m.trouble(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var refs []keys.VersionRef
	for owner, rec := range m.records {
		for _, v := range slices.Concat(rec.Versions, rec.Retired) {
			refs = append(refs, keys.VersionRef{Owner: owner, Number: v.Number})
		}
	}
	slices.SortFunc(refs, func(a, b keys.VersionRef) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), a.Number-b.Number)
	})
	return refs, nil
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
