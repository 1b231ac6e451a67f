package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/internal/testdb"

	"github.com/google/go-cmp/cmp"
)

// server is the one server of this package's tests.
var server *testdb.Server

func TestMain(m *testing.M) {
	var err error
	if server, err = testdb.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// newStore makes a store in a database of the test's own.
func newStore(t *testing.T) (*Store, *sql.DB) {
	t.Helper()
	db, err := server.Database("keys_" + strings.ToLower(strings.Map(letters, t.Name())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for range 2 { // the schema may be applied again
		for _, st := range DDL() {
			exec(t, db, st.SQL)
		}
	}
	s, err := Open(server.DSN("keys_" + strings.ToLower(strings.Map(letters, t.Name()))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, db
}

func letters(r rune) rune {
	if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
		return r
	}
	return '_'
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func version(n int, blob string) keys.Version {
	return keys.Version{
		Number: n, KeyID: envelope.KeyID([]byte("id of " + blob + strings.Repeat(".", 10-len(blob)))), Bound: true, Adopted: true,
		Wrapped: keys.Wrapped{Blob: []byte(blob), KeyARN: "arn:aws:kms:eu-central-1:000000000000:key/1"},
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
}

func TestCreateRotateLoad(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	_, err := s.Load(ctx, "U1")
	wantKind(t, err, keys.ErrNoKey)
	if e := must[uint64](t)(s.Create(ctx, "U1", version(1, "one"))); e != 1 {
		t.Errorf("the first change has epoch %d", e)
	}
	_, err = s.Create(ctx, "U1", version(1, "other"))
	wantKind(t, err, keys.ErrExists)
	if e := must[uint64](t)(s.Rotate(ctx, "U1", 1, version(2, "two"))); e != 2 {
		t.Errorf("a refused change used up an epoch: now %d", e)
	}
	_, err = s.Rotate(ctx, "U1", 1, version(3, "late"))
	wantKind(t, err, keys.ErrExists)
	want := &keys.Record{
		Owner: "U1", Last: 2, Current: 2, Active: true,
		Versions: []keys.Version{version(1, "one"), version(2, "two")},
	}
	if diff := cmp.Diff(want, must[*keys.Record](t)(s.Load(ctx, "U1"))); diff != "" {
		t.Error(diff)
	}
}

func TestInactiveKeyIsLoaded(t *testing.T) {
	s, db := newStore(t)
	must[uint64](t)(s.Create(t.Context(), "U1", version(1, "one")))
	exec(t, db, `UPDATE user_encryption_keys SET is_active = 0`)
	rec := must[*keys.Record](t)(s.Load(t.Context(), "U1"))
	if rec.Active || rec.Current != 1 || len(rec.Versions) != 1 {
		t.Errorf("got %+v", rec)
	}
	if owners := must[[]string](t)(s.Owners(t.Context())); len(owners) != 0 {
		t.Errorf("an inactive key is warmed: %q", owners)
	}
}

// The guide's code knows user_encryption_keys only, and overwrites the key there when asked to generate again.
func TestGuideKeyIsAdoptedAndNeverLost(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	guide := func(blob string) {
		exec(t, db, `INSERT INTO user_encryption_keys (user_id, encrypted_dek, key_version, created_at, is_active) VALUES ('U1', ?, 1, NOW(), 1)
ON DUPLICATE KEY UPDATE encrypted_dek = VALUES(encrypted_dek), key_version = key_version + 1, rotated_at = NOW()`,
			base64.StdEncoding.EncodeToString([]byte(blob)))
	}
	guide("first")
	rec := must[*keys.Record](t)(s.Load(ctx, "U1"))
	want := []keys.Version{{Number: 1, Wrapped: keys.Wrapped{Blob: []byte("first")}}}
	if diff := cmp.Diff(want, rec.Versions); diff != "" {
		t.Fatal(diff)
	}
	_, err := s.Rotate(ctx, "U1", 1, version(2, "early"))
	wantKind(t, err, keys.ErrExists) // not before the guide's key has its row

	v := rec.Versions[0]
	v.KeyID = version(1, "first").KeyID
	for range 2 { // of two processes that adopt it both are content
		if err := s.Adopt(ctx, "U1", v); err != nil {
			t.Fatal(err)
		}
	}
	v.KeyID[0]++
	wantKind(t, s.Adopt(ctx, "U1", v), keys.ErrCorrupt)

	guide("second")
	rec = must[*keys.Record](t)(s.Load(ctx, "U1"))
	if len(rec.Versions) != 2 || string(rec.Versions[0].Wrapped.Blob) != "first" || rec.Versions[1].Adopted || rec.Last != 2 {
		t.Errorf("got %+v", rec)
	}
}

// When a user is deleted the guide's foreign key deletes the row of his key.
func TestCascadeLeavesVersions(t *testing.T) {
	s, db := newStore(t)
	must[uint64](t)(s.Create(t.Context(), "U1", version(1, "one")))
	exec(t, db, `DELETE FROM user_encryption_keys`)
	rec := must[*keys.Record](t)(s.Load(t.Context(), "U1"))
	if rec.Current != 0 || rec.Active || len(rec.Versions) != 1 {
		t.Fatalf("got %+v", rec)
	}
	must[uint64](t)(s.Create(t.Context(), "U1", version(2, "two")))
	if rec = must[*keys.Record](t)(s.Load(t.Context(), "U1")); rec.Current != 2 || len(rec.Versions) != 2 {
		t.Errorf("got %+v", rec)
	}
}

func TestDamagedRowsAreRefused(t *testing.T) {
	for name, damage := range map[string]string{
		"blob of the current row":  `UPDATE user_encryption_keys SET encrypted_dek = 'AAAA'`,
		"blob of the version":      `UPDATE phiproxy_key_versions SET wrapped_dek = 'AAAA'`,
		"both not base64":          `UPDATE user_encryption_keys k, phiproxy_key_versions v SET encrypted_dek = '?', wrapped_dek = '?'`,
		"key id":                   `UPDATE phiproxy_key_versions SET key_id = 'zz'`,
		"version number NULL":      `UPDATE user_encryption_keys SET key_version = NULL`,
		"version number zero":      `UPDATE user_encryption_keys SET key_version = 0`,
		"guide's blob not base64":  `UPDATE user_encryption_keys SET encrypted_dek = 'A', key_version = 7`,
		"current version's number": `UPDATE phiproxy_key_versions SET wrapped_dek = 'AAAA', key_version = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			s, db := newStore(t)
			must[uint64](t)(s.Create(t.Context(), "U1", version(1, "one")))
			exec(t, db, damage)
			_, err := s.Load(t.Context(), "U1")
			wantKind(t, err, keys.ErrCorrupt)
		})
	}
}

func TestRetiredVersionIsNotLoaded(t *testing.T) {
	s, db := newStore(t)
	must[uint64](t)(s.Create(t.Context(), "U1", version(1, "one")))
	must[uint64](t)(s.Rotate(t.Context(), "U1", 1, version(2, "two")))
	exec(t, db, `UPDATE phiproxy_key_versions SET state = 'destroyed', wrapped_dek = '' WHERE key_version = 1`)
	rec := must[*keys.Record](t)(s.Load(t.Context(), "U1"))
	if len(rec.Versions) != 1 || rec.Versions[0].Number != 2 || rec.Last != 2 {
		t.Errorf("got %+v", rec)
	}
}

// user_id has a collation for which U1 and u1 are one.
func TestOwnersAreBytes(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	must[uint64](t)(s.Create(ctx, "U1", version(1, "one")))
	_, err := s.Load(ctx, "u1")
	wantKind(t, err, keys.ErrOwner)
	_, err = s.Create(ctx, "u1", version(1, "other"))
	wantKind(t, err, keys.ErrExists)
	if st := must[*Status](t)(s.Status(ctx, "u1")); st != nil {
		t.Errorf("u1 was shown the status of U1")
	}
	if st := must[*Status](t)(s.Status(ctx, "U1")); st == nil || st.KeyVersion != 1 || !st.Active || st.CreatedAt.IsZero() || st.RotatedAt != nil {
		t.Errorf("got %+v", st)
	}
	must[uint64](t)(s.Rotate(ctx, "U1", 1, version(2, "two")))
	if st := must[*Status](t)(s.Status(ctx, "U1")); st.KeyVersion != 2 || st.RotatedAt == nil {
		t.Errorf("got %+v", st)
	}
}

func TestAudit(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	for i, owner := range []string{"U1", "U2", "U1"} {
		err := s.Audit(ctx, keys.Entry{
			Owner: owner, Operation: keys.OpGenerate, Actor: keys.Actor{PerformedBy: "app", IPAddress: "2001:db8::1"},
			Details: fmt.Appendf(nil, `{"operation":"generate_key","key_version":%d}`, i),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	exec(t, db, `INSERT INTO encryption_key_audit (user_id, operation, details) VALUES ('U1', 'error', 'not JSON')`)
	entries, total, err := s.AuditLog(ctx, "U1", 2)
	if err != nil || total != 3 || len(entries) != 2 {
		t.Fatalf("got %v of %d, %v", entries, total, err)
	}
	if e := entries[0]; e.Operation != "error" || e.Details != nil || e.PerformedBy != "" || e.IPAddress != "" {
		t.Errorf("got %+v", e)
	}
	e := entries[1]
	if e.Owner != "U1" || e.Operation != "generate" || e.PerformedBy != "app" || e.IPAddress != "2001:db8::1" || e.Timestamp.IsZero() ||
		string(e.Details) != `{"operation":"generate_key","key_version":2}` {
		t.Errorf("got %+v", e)
	}
	if _, total, err = s.AuditLog(ctx, "", 10); err != nil || total != 4 {
		t.Errorf("got %d, %v", total, err)
	}
	exec(t, db, `DROP TABLE encryption_key_audit`)
	err = s.Audit(ctx, keys.Entry{Owner: "secret owner", Operation: keys.OpClear, Details: []byte(`{}`)})
	wantKind(t, err, keys.ErrAudit)
	wantKind(t, err, keys.ErrStore)
	if strings.Contains(err.Error(), "encryption_key_audit") {
		t.Errorf("the server's message is printed: %v", err)
	}
}

func TestChanges(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	changes := func(after uint64, want ...keys.Change) {
		t.Helper()
		if diff := cmp.Diff(want, must[[]keys.Change](t)(s.Changes(ctx, after))); diff != "" {
			t.Errorf("after %d: %s", after, diff)
		}
	}
	changes(0)
	must[uint64](t)(s.Create(ctx, "U1", version(1, "one")))
	must[uint64](t)(s.Create(ctx, "U2", version(1, "one")))
	must[uint64](t)(s.Touch(ctx, "U1"))
	must[uint64](t)(s.Touch(ctx, ""))
	changes(0, keys.Change{Epoch: 2, Owner: "U2"}, keys.Change{Epoch: 3, Owner: "U1"}, keys.Change{Epoch: 4})
	changes(3, keys.Change{Epoch: 4})
	changes(4)
	changes(9, keys.Change{Epoch: 4}) // the database came from a backup
	exec(t, db, `DELETE FROM phiproxy_epoch`)
	_, err := s.Touch(ctx, "U1")
	wantKind(t, err, keys.ErrStore)
}

// Many processes create the keys of the same owners at once: each owner ends with one current key and one version.
func TestCreationRace(t *testing.T) {
	first, db := newStore(t)
	second, err := Open(server.DSN("keys_testcreationrace"))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	const owners, each = 50, 4
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[string]int{}
	for i := range owners * each {
		wg.Go(func() {
			s := []*Store{first, second}[i%2]
			owner := fmt.Sprintf("U%d", i/each)
			_, err := s.Create(context.Background(), owner, version(1, fmt.Sprint(i)))
			if err != nil && !errors.Is(err, keys.ErrExists) {
				t.Error(err, errors.Unwrap(err))
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won[owner]++
			}
		})
	}
	wg.Wait()
	for owner, n := range won {
		if n != 1 {
			t.Errorf("%d created the key of %s", n, owner)
		}
	}
	var current, versions, matching int
	err = db.QueryRow(`SELECT (SELECT COUNT(*) FROM user_encryption_keys), (SELECT COUNT(*) FROM phiproxy_key_versions),
(SELECT COUNT(*) FROM user_encryption_keys k JOIN phiproxy_key_versions v ON v.user_id = k.user_id AND v.wrapped_dek = k.encrypted_dek)`).
		Scan(&current, &versions, &matching)
	if err != nil || current != owners || versions != owners || matching != owners {
		t.Errorf("%d current, %d versions, %d matching, %v", current, versions, matching, err)
	}
}

func TestStoreIsDown(t *testing.T) {
	s, err := Open("u:very-secret@tcp(127.0.0.1:1)/d")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	_, loadErr := s.Load(ctx, "U1")
	_, createErr := s.Create(ctx, "U1", version(1, "one"))
	_, changesErr := s.Changes(ctx, 1)
	_, ownersErr := s.Owners(ctx)
	_, statusErr := s.Status(ctx, "U1")
	_, _, logErr := s.AuditLog(ctx, "", 1)
	for _, err := range []error{loadErr, createErr, changesErr, ownersErr, statusErr, logErr, s.Ping(ctx)} {
		wantKind(t, err, keys.ErrStore)
	}
	wantKind(t, s.Audit(ctx, keys.Entry{}), keys.ErrAudit)
}

func TestOpenRefusesWithoutQuotingTheDSN(t *testing.T) {
	for _, dsn := range []string{"u:very-secret", "u:very-secret@tcp(h:1)/", "u:very-secret@tcp(h)/d?tls=none-such"} {
		_, err := Open(dsn)
		if err == nil || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}
