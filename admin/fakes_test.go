package admin

import (
	"context"
	"iter"
	"sync"
	"time"

	"phiproxy/audit"
	"phiproxy/keys"
	"phiproxy/keys/store"
)

// fakes stand for the ring, the store, the table of users and the counter of usage.
type fakes struct {
	mu       sync.Mutex
	users    map[string]store.User
	status   map[string]store.Status
	versions map[string][]store.VersionInfo
	entries  []store.AuditEntry
	owners   store.OwnerList
	lists    []store.Page // pages asked for
	cached   map[string]bool
	usage    keys.Usage
	events   []audit.Event
	acts     []string      // what was done, in order
	block    chan struct{} // when set, Rotate waits for it

	keyErr, storeErr, userErr, usageErr, searchErr error
}

func newFakes() *fakes {
	at := time.Date(2025, 11, 13, 2, 13, 20, 0, time.UTC)
	return &fakes{
		users: map[string]store.User{
			"ADMIN1": {ID: "ADMIN1", Active: true, Type: 100}, "USER1": {ID: "USER1", Active: true, Type: 10},
			"USER2": {ID: "USER2", Active: true, Type: 10}, "GONE": {ID: "GONE", Type: 100},
			hostile: {ID: hostile, Active: true, Type: 10},
		},
		status: map[string]store.Status{
			"USER1": {Owner: "USER1", KeyVersion: 2, CreatedAt: at, RotatedAt: new(at.Add(time.Hour)), Active: true},
			hostile: {Owner: hostile, KeyVersion: 1, CreatedAt: at, Active: true},
		},
		versions: map[string][]store.VersionInfo{
			"USER1":     {{Number: 1, State: store.VersionRetired}, {Number: 2, State: store.VersionUsable, Current: true}},
			"DESTROYED": {{Number: 1, State: store.VersionDestroyed}},
		},
		entries: []store.AuditEntry{
			{ID: 2, Owner: "USER1", Operation: "generate", PerformedBy: "ADMIN1", Timestamp: at, Details: []byte(`{"operation":"generate_key","key_version":1,"timestamp":"2025-11-13T02:13:20"}`), IPAddress: "10.0.0.9"},
			{ID: 1, Owner: hostile, Operation: "clear", Timestamp: at},
		},
		owners: store.OwnerList{Total: 1, Owners: []store.OwnerKey{{Owner: "USER1", State: store.StateActive, Current: 2, Versions: 2, Usable: 2, CreatedAt: at, RotatedAt: new(at.Add(time.Hour)), MasterKey: "alias/x", Seals: 3}}},
		cached: map[string]bool{"USER1": true},
		usage:  keys.Usage{Rows: 12, Guide: 30},
		events: []audit.Event{{ID: 1, Time: at, Session: 3, User: "surgicase", Client: "10.0.0.9:1", Verdict: "direct", Owners: []string{"USER1"}, Outcome: audit.Done}, {ID: 2, Time: at, User: hostile, Verdict: "refuse", Outcome: audit.Refused}},
	}
}

// did notes an act.
func (f *fakes) did(act string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keyErr != nil {
		return f.keyErr
	}
	f.acts = append(f.acts, act)
	return nil
}

func (f *fakes) done() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.acts...)
}

type fakeKeys struct{ *fakes }

func (f fakeKeys) Generate(_ context.Context, owner string) (int, error) {
	return f.fakes.status[owner].KeyVersion + 1, f.did("generate " + owner)
}

func (f fakeKeys) Rotate(ctx context.Context, owner string) (int, error) {
	if _, ok := f.fakes.status[owner]; !ok {
		return 0, &keys.Error{Kind: keys.ErrNoKey, Op: "rotate"}
	}
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return f.fakes.status[owner].KeyVersion + 1, f.did("rotate " + owner)
}

func (f fakeKeys) Destroy(_ context.Context, owner string) (int, error) {
	return 2, f.did("destroy " + owner)
}

func (f fakeKeys) Clear(_ context.Context, owner string) error { return f.did("clear " + owner) }

func (f fakeKeys) ClearAll(_ context.Context) error { return f.did("clear all") }

func (f fakeKeys) Bulk(ctx context.Context, owners []string, act func(context.Context, string) (int, error), each func(keys.BulkStep)) (keys.BulkResult, error) {
	for i, owner := range owners {
		version, err := act(ctx, owner)
		if ctx.Err() != nil {
			return keys.BulkResult{}, ctx.Err()
		}
		each(keys.BulkStep{Owner: owner, Version: version, Err: err, Done: i + 1, Total: len(owners)})
	}
	return keys.BulkResult{}, nil
}

func (f fakeKeys) Cached(owner string) bool { return f.cached[owner] }

func (f fakeKeys) Stats() keys.Stats {
	return keys.Stats{TotalCached: 3, ExpiredCount: 1, ActiveCount: 2, TTL: 24 * time.Hour}
}

func (f fakeKeys) Health() keys.Health { return keys.Health{Kind: "unavailable", OutageNow: true} }

type fakeStore struct{ *fakes }

func (f fakeStore) Status(_ context.Context, owner string) (*store.Status, error) {
	if s, ok := f.status[owner]; ok {
		return &s, f.storeErr
	}
	return nil, f.storeErr
}

func (f fakeStore) AuditLog(_ context.Context, owner string, limit int) ([]store.AuditEntry, int, error) {
	found := []store.AuditEntry{}
	for _, e := range f.entries {
		if owner == "" || e.Owner == owner {
			found = append(found, e)
		}
	}
	return found[:min(limit, len(found))], len(found), f.storeErr
}

func (f fakeStore) List(_ context.Context, _ store.Filter, p store.Page) (store.OwnerList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists = append(f.lists, p)
	return f.owners, f.storeErr
}

func (f fakeStore) Versions(_ context.Context, owner string) ([]store.VersionInfo, error) {
	return f.versions[owner], f.storeErr
}

type fakeUsers struct{ *fakes }

func (f fakeUsers) Get(_ context.Context, id string) (*store.User, error) {
	if u, ok := f.users[id]; ok {
		return &u, f.userErr
	}
	return nil, f.userErr
}

func (f fakeUsers) Coverage(context.Context) (int, int, error) { return 110, 108, f.userErr }

type fakeUsage struct{ *fakes }

func (f fakeUsage) Owner(context.Context, string) (keys.Usage, error) { return f.usage, f.usageErr }

func (f *fakes) search(audit.Query) iter.Seq2[audit.Event, error] {
	return func(yield func(audit.Event, error) bool) {
		for _, e := range f.events {
			if !yield(e, nil) {
				return
			}
		}
		if f.searchErr != nil {
			yield(audit.Event{}, f.searchErr)
		}
	}
}
