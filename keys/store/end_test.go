package store

import (
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"phiproxy/keys"

	"github.com/google/go-cmp/cmp"
)

// leftovers counts the wrapped keys in both tables.
func leftovers(t *testing.T, db *sql.DB) (blobs int) {
	t.Helper()
	err := db.QueryRow(`SELECT (SELECT COUNT(*) FROM user_encryption_keys WHERE encrypted_dek <> '') +
(SELECT COUNT(*) FROM phiproxy_key_versions WHERE wrapped_dek <> '')`).Scan(&blobs)
	if err != nil {
		t.Fatal(err)
	}
	return blobs
}

func TestDestroy(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	_, _, err := s.Destroy(ctx, "U1")
	wantKind(t, err, keys.ErrNoKey)
	must[uint64](t)(s.Create(ctx, "U1", version(1, "one")))
	must[uint64](t)(s.Rotate(ctx, "U1", 1, version(2, "two")))
	must[uint64](t)(s.Rotate(ctx, "U1", 2, version(3, "three")))
	must[uint64](t)(s.Retire(ctx, "U1", 1))
	n, epoch, err := s.Destroy(ctx, "U1")
	if n != 3 || epoch != 5 || err != nil {
		t.Fatalf("%d versions, epoch %d, %v", n, epoch, err)
	}
	want := &keys.Record{Owner: "U1", Last: 3, Current: 3, Destroyed: true}
	if diff := cmp.Diff(want, must[*keys.Record](t)(s.Load(ctx, "U1"))); diff != "" {
		t.Error(diff)
	}
	if leftovers(t, db) != 0 {
		t.Error("a wrapped key is still there")
	}
	if c := must[[]keys.Change](t)(s.Changes(ctx, 4)); len(c) != 3 || c[0].Owner != "U1" {
		t.Errorf("the others are told %v", c)
	}
	_, err = s.Create(ctx, "U1", version(4, "new"))
	wantKind(t, err, keys.ErrDestroyed)
	_, err = s.Rotate(ctx, "U1", 3, version(4, "new"))
	wantKind(t, err, keys.ErrExists)
	must[uint64](t)(s.Revive(ctx, "U1", version(4, "new")))
	_, err = s.Revive(ctx, "U1", version(5, "newer"))
	wantKind(t, err, keys.ErrExists)
	want = &keys.Record{Owner: "U1", Last: 4, Current: 4, Active: true, Versions: []keys.Version{version(4, "new")}}
	if diff := cmp.Diff(want, must[*keys.Record](t)(s.Load(ctx, "U1"))); diff != "" {
		t.Error(diff)
	}
}

// The user was deleted, and the guide's foreign key took his current row.
func TestDestroyOrphan(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	must[uint64](t)(s.Create(ctx, "U1", version(1, "one")))
	exec(t, db, `DELETE FROM user_encryption_keys`)
	if n, _, err := s.Destroy(ctx, "U1"); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	_, err := s.Create(ctx, "U1", version(2, "two"))
	wantKind(t, err, keys.ErrDestroyed)
	must[uint64](t)(s.Revive(ctx, "U1", version(2, "two")))
	if rec := must[*keys.Record](t)(s.Load(ctx, "U1")); rec.Current != 2 || rec.Destroyed {
		t.Errorf("got %+v", rec)
	}
}

func TestDestroyGuideKey(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	exec(t, db, `INSERT INTO user_encryption_keys (user_id, encrypted_dek, key_version) VALUES ('U1', ?, 3)`, base64.StdEncoding.EncodeToString([]byte("guide")))
	if n, _, err := s.Destroy(ctx, "U1"); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if rec := must[*keys.Record](t)(s.Load(ctx, "U1")); !rec.Destroyed || rec.Last != 3 || leftovers(t, db) != 0 {
		t.Errorf("got %+v", rec)
	}
	v := must[[]VersionInfo](t)(s.Versions(ctx, "U1"))
	if len(v) != 1 || v[0].KeyID != "" || v[0].State != VersionDestroyed || !v[0].Current || v[0].Ended == nil {
		t.Errorf("got %+v", v)
	}
	// A proxy that loaded the key a moment before adopts it too late.
	wantKind(t, s.Adopt(ctx, "U1", version(3, "guide")), keys.ErrCorrupt)
}

// "U1 " and "u1" are not U1, whatever the collations say.
func TestDestroyIsExact(t *testing.T) {
	s, db := newStore(t)
	must[uint64](t)(s.Create(t.Context(), "U1", version(1, "one")))
	for _, owner := range []string{"U1 ", "u1", "U2"} {
		if _, _, err := s.Destroy(t.Context(), owner); !errors.Is(err, keys.ErrOwner) && !errors.Is(err, keys.ErrNoKey) {
			t.Errorf("%q: %v", owner, err)
		}
	}
	if leftovers(t, db) != 2 {
		t.Error("somebody else's key was destroyed")
	}
}

func TestRetireAndReinstate(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	must[uint64](t)(s.Create(ctx, "U1", version(1, "one")))
	must[uint64](t)(s.Rotate(ctx, "U1", 1, version(2, "two")))
	for number, kind := range map[int]error{2: keys.ErrInUse, 3: keys.ErrNoKey} {
		_, err := s.Retire(ctx, "U1", number)
		wantKind(t, err, kind)
	}
	must[uint64](t)(s.Retire(ctx, "U1", 1))
	want := &keys.Record{
		Owner: "U1", Last: 2, Current: 2, Active: true,
		Versions: []keys.Version{version(2, "two")}, Retired: []keys.Version{version(1, "one")},
	}
	if diff := cmp.Diff(want, must[*keys.Record](t)(s.Load(ctx, "U1"))); diff != "" {
		t.Error(diff)
	}
	_, err := s.Retire(ctx, "U1", 1)
	wantKind(t, err, keys.ErrNoKey)
	must[uint64](t)(s.Reinstate(ctx, "U1", 1))
	_, err = s.Reinstate(ctx, "U1", 1)
	wantKind(t, err, keys.ErrNoKey)
	if rec := must[*keys.Record](t)(s.Load(ctx, "U1")); len(rec.Versions) != 2 || len(rec.Retired) != 0 {
		t.Errorf("got %+v", rec)
	}
	if v := must[[]VersionInfo](t)(s.Versions(ctx, "U1")); v[0].Ended != nil || v[0].State != VersionUsable {
		t.Errorf("got %+v", v)
	}
}

func TestReplace(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	must[uint64](t)(s.Create(ctx, "U1", version(1, "one")))
	must[uint64](t)(s.Rotate(ctx, "U1", 1, version(2, "two")))
	for n, blob := range map[int]string{1: "one", 2: "two"} {
		v := version(n, blob)
		v.Wrapped = keys.Wrapped{Blob: []byte(blob + " anew"), KeyARN: "other"}
		if err := s.Replace(ctx, "U1", []byte(blob), v); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.Replace(ctx, "U1", []byte(blob), v), keys.ErrExists)
	}
	rec := must[*keys.Record](t)(s.Load(ctx, "U1")) // checks the current row against its version
	if string(rec.Versions[0].Wrapped.Blob) != "one anew" || string(rec.Versions[1].Wrapped.Blob) != "two anew" || rec.Versions[1].Wrapped.KeyARN != "other" {
		t.Errorf("got %+v", rec)
	}
	if epoch := must[uint64](t)(s.Epoch(ctx)); epoch != 2 {
		t.Errorf("the fleet was told: epoch %d", epoch)
	}
	if _, _, err := s.Destroy(ctx, "U1"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Replace(ctx, "U1", nil, version(2, "two")), keys.ErrExists)
	if leftovers(t, db) != 0 {
		t.Error("a destroyed key came back")
	}
}

// Another program may write base64 with line breaks.
func TestGuideKeyWithLineBreaks(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	blob := strings.Repeat("guide", 30)
	exec(t, db, `INSERT INTO user_encryption_keys (user_id, encrypted_dek) VALUES ('U1', ?)`,
		strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(blob)), "Z3Vp", "Z3\nVp"))
	v := must[*keys.Record](t)(s.Load(ctx, "U1")).Versions[0]
	v.KeyID = version(1, "guide").KeyID
	if err := s.Adopt(ctx, "U1", v); err != nil {
		t.Fatal(err)
	}
	if rec := must[*keys.Record](t)(s.Load(ctx, "U1")); string(rec.Versions[0].Wrapped.Blob) != blob {
		t.Errorf("got %+v", rec)
	}
	moved := v
	moved.Wrapped = keys.Wrapped{Blob: []byte("anew"), KeyARN: "other"}
	if err := s.Replace(ctx, "U1", v.Wrapped.Blob, moved); err != nil {
		t.Fatal(err)
	}
	must[uint64](t)(s.Rotate(ctx, "U1", 1, version(2, "two")))
	if rec := must[*keys.Record](t)(s.Load(ctx, "U1")); len(rec.Versions) != 2 {
		t.Errorf("got %+v", rec)
	}
}

func TestReserve(t *testing.T) {
	s, _ := newStore(t)
	const workers, each = 8, 20
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[uint64]bool{}
	for range workers {
		wg.Go(func() {
			for range each {
				n, err := s.Reserve(t.Context(), "U1", 1, 10, keys.MaxSeals)
				if err != nil {
					t.Error(err, errors.Unwrap(err))
				}
				mu.Lock()
				seen[n] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != workers*each || !seen[10*workers*each] {
		t.Errorf("%d different sums", len(seen))
	}
	if n := must[uint64](t)(s.Reserve(t.Context(), "U1", 2, 5, 7)); n != 5 {
		t.Errorf("another version has %d", n)
	}
	_, err := s.Reserve(t.Context(), "U1", 2, 3, 7)
	wantKind(t, err, keys.ErrWorn)
	if n := must[uint64](t)(s.Reserve(t.Context(), "U1", 2, 2, 7)); n != 7 {
		t.Errorf("a refused block was counted: %d", n)
	}
}

func TestWrapped(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	must[uint64](t)(s.Create(ctx, "b", version(1, "one")))
	must[uint64](t)(s.Rotate(ctx, "b", 1, version(2, "two")))
	must[uint64](t)(s.Retire(ctx, "b", 1))
	must[uint64](t)(s.Create(ctx, "gone", version(1, "one")))
	if _, _, err := s.Destroy(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	exec(t, db, `INSERT INTO user_encryption_keys (user_id, encrypted_dek) VALUES ('a', 'Z3VpZGU=')`)
	want := []keys.VersionRef{{Owner: "a", Number: 1}, {Owner: "b", Number: 1}, {Owner: "b", Number: 2}}
	if diff := cmp.Diff(want, must[[]keys.VersionRef](t)(s.Wrapped(ctx))); diff != "" {
		t.Error(diff)
	}
}

// populate makes owners of every state, and fills with active ones up to n.
func populate(t *testing.T, s *Store, db *sql.DB, n int) {
	t.Helper()
	ctx := t.Context()
	for _, owner := range []string{"active", "inactive", "orphan", "destroyed"} {
		must[uint64](t)(s.Create(ctx, owner, version(1, "one")))
		must[uint64](t)(s.Rotate(ctx, owner, 1, version(2, "two")))
	}
	exec(t, db, `UPDATE user_encryption_keys SET is_active = 0 WHERE user_id = 'inactive'`)
	exec(t, db, `DELETE FROM user_encryption_keys WHERE user_id = 'orphan'`)
	exec(t, db, `INSERT INTO user_encryption_keys (user_id, encrypted_dek) VALUES ('guide', 'Z3VpZGU=')`)
	if _, _, err := s.Destroy(ctx, "destroyed"); err != nil {
		t.Fatal(err)
	}
	for i := 5; i < n; i++ {
		must[uint64](t)(s.Create(ctx, fmt.Sprintf("U%03d", i), version(1, "one")))
	}
}

func TestList(t *testing.T) {
	s, db := newStore(t)
	populate(t, s, db, 30)
	names := func(f Filter) (names []string) {
		l := must[OwnerList](t)(s.List(t.Context(), f, Page{}))
		for _, o := range l.Owners {
			names = append(names, o.Owner)
		}
		if l.Total != len(names) || l.Next != "" {
			t.Errorf("%+v: total %d, next %q", f, l.Total, l.Next)
		}
		return names
	}
	for _, c := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{State: StateDestroyed}, []string{"destroyed"}},
		{Filter{State: StateInactive}, []string{"inactive"}},
		{Filter{State: StateOrphaned}, []string{"orphan"}},
		{Filter{State: "nonsense"}, nil},
		{Filter{State: StateActive, Version: 2}, []string{"active"}},
		{Filter{Prefix: "U00"}, []string{"U005", "U006", "U007", "U008", "U009"}},
		{Filter{Prefix: "u00"}, nil},
		{Filter{Prefix: "U0%"}, nil},
		{Filter{Prefix: "g", Version: 1}, []string{"guide"}},
	} {
		if diff := cmp.Diff(c.want, names(c.filter)); diff != "" {
			t.Errorf("%+v: %s", c.filter, diff)
		}
	}
	all := names(Filter{})
	var paged []string
	for p := (Page{Limit: 7}); ; {
		l := must[OwnerList](t)(s.List(t.Context(), Filter{}, p))
		for _, o := range l.Owners {
			paged = append(paged, o.Owner)
		}
		if p.After = l.Next; l.Next == "" {
			break
		}
	}
	if diff := cmp.Diff(all, paged); diff != "" || len(all) != 30 {
		t.Errorf("%d owners: %s", len(all), diff)
	}
}

func TestListDescribes(t *testing.T) {
	s, db := newStore(t)
	populate(t, s, db, 0)
	must[uint64](t)(s.Reserve(t.Context(), "active", 2, 4096, keys.MaxSeals))
	must[uint64](t)(s.Retire(t.Context(), "active", 1))
	arn := version(1, "").Wrapped.KeyARN
	got := map[string]OwnerKey{}
	for _, o := range must[OwnerList](t)(s.List(t.Context(), Filter{}, Page{})).Owners {
		if o.CreatedAt.IsZero() || (o.RotatedAt != nil) != (o.Current == 2) {
			t.Errorf("times of %+v", o)
		}
		o.CreatedAt, o.RotatedAt = time.Time{}, nil
		got[o.Owner] = o
	}
	for owner, want := range map[string]OwnerKey{
		"active":    {State: StateActive, Current: 2, Versions: 2, Usable: 1, MasterKey: arn, Seals: 4096},
		"inactive":  {State: StateInactive, Current: 2, Versions: 2, Usable: 2, MasterKey: arn},
		"orphan":    {State: StateOrphaned, Versions: 2, Usable: 2},
		"guide":     {State: StateActive, Current: 1, Versions: 1, Usable: 1},
		"destroyed": {State: StateDestroyed, Current: 2, Versions: 2, MasterKey: arn},
	} {
		want.Owner = owner
		if diff := cmp.Diff(want, got[owner]); diff != "" {
			t.Error(diff)
		}
	}
	v := must[[]VersionInfo](t)(s.Versions(t.Context(), "active"))
	if len(v) != 2 || v[0].State != VersionRetired || v[0].Ended == nil || v[0].Current || !v[1].Current || v[1].Seals != 4096 || len(v[1].KeyID) != 32 {
		t.Errorf("got %+v", v)
	}
	if v = must[[]VersionInfo](t)(s.Versions(t.Context(), "guide")); len(v) != 1 || !v[0].Current || v[0].KeyID != "" || v[0].State != VersionUsable {
		t.Errorf("got %+v", v)
	}
	if v = must[[]VersionInfo](t)(s.Versions(t.Context(), "nobody")); v != nil {
		t.Errorf("got %+v", v)
	}
	if st := must[*Status](t)(s.Status(t.Context(), "destroyed")); !st.Destroyed || st.Active {
		t.Errorf("got %+v", st)
	}
}
