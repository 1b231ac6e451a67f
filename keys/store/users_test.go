package store

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"phiproxy/config"
	"phiproxy/keys"

	"github.com/google/go-cmp/cmp"
)

var guideUsers = config.Users{
	Table: "user_profile", ID: "user_id", Active: "active", Type: "user_type",
	FirstName: "first_name", LastName: "last_name", Email: "user_email",
}

// newUsers makes the guide's table, with another collation than the key tables'.
func newUsers(t *testing.T) (*Users, *Store, *sql.DB) {
	t.Helper()
	s, db := newStore(t)
	exec(t, db, `CREATE TABLE user_profile (user_id VARCHAR(100) PRIMARY KEY, user_email VARCHAR(250), first_name VARCHAR(250), last_name VARCHAR(250),
user_type INT UNSIGNED DEFAULT 1, active TINYINT DEFAULT 1) DEFAULT CHARSET=utf8mb4 COLLATE utf8mb4_unicode_520_ci`)
	exec(t, db, `INSERT INTO user_profile VALUES ('A', 'a@x', 'Ada', 'L', 100, 1), ('B', NULL, NULL, NULL, NULL, 1), ('C', 'c@x', 'Zoë', 'M', 1, 0), ('D', 'd@x', 'D', 'D', 7, 1)`)
	must[uint64](t)(s.Create(t.Context(), "A", version(1, "one")))
	must[uint64](t)(s.Create(t.Context(), "C", version(1, "one")))
	must[uint64](t)(s.Create(t.Context(), "D", version(1, "one")))
	must[uint64](t)(s.Create(t.Context(), "stranger", version(1, "one")))
	exec(t, db, `UPDATE user_encryption_keys SET is_active = 0 WHERE user_id = 'D'`)
	return NewUsers(db, guideUsers), s, db
}

func TestUsers(t *testing.T) {
	u, _, _ := newUsers(t)
	ctx := t.Context()
	a := User{ID: "A", FirstName: "Ada", LastName: "L", Email: "a@x", Active: true, Type: 100, HasKey: true}
	if diff := cmp.Diff(&a, must[*User](t)(u.Get(ctx, "A"))); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{"a", "A ", "E"} {
		if got := must[*User](t)(u.Get(ctx, id)); got != nil {
			t.Errorf("%q is %+v", id, got)
		}
	}
	for _, c := range []struct {
		filter UserFilter
		want   string
	}{
		{UserFilter{}, "[A B C D]"},
		{UserFilter{OnlyActive: true}, "[A B D]"},
		{UserFilter{OnlyActive: true, WithoutKey: true}, "[B]"},
		{UserFilter{WithoutKey: true, ID: "A"}, "[]"},
	} {
		ids := []string{}
		for _, user := range must[[]User](t)(u.List(ctx, c.filter)) {
			ids = append(ids, user.ID)
		}
		if got := fmt.Sprint(ids); got != c.want {
			t.Errorf("%+v: got %s", c.filter, got)
		}
	}
	if total, with, err := u.Coverage(ctx); total != 3 || with != 1 || err != nil {
		t.Errorf("%d of %d, %v", with, total, err)
	}
}

func TestUsersWithoutNames(t *testing.T) {
	u, _, db := newUsers(t)
	u.names.FirstName, u.names.LastName, u.names.Email = "", "", ""
	u.names.Table = "keys_testuserswithoutnames.user_profile"
	if got := must[*User](t)(u.Get(t.Context(), "A")); got.FirstName != "" || got.Type != 100 {
		t.Errorf("got %+v", got)
	}
	for _, damage := range []string{`ALTER TABLE user_profile DROP COLUMN active`, `DROP TABLE user_profile`} {
		exec(t, db, damage)
		if _, err := u.Get(t.Context(), "A"); !errors.Is(err, ErrNoUserTable) || !errors.Is(err, keys.ErrStore) {
			t.Errorf("%s: %v", damage, err)
		}
	}
}

func TestEachAudit(t *testing.T) {
	s, db := newStore(t)
	ctx := t.Context()
	for i := range 2500 {
		owner := []string{"U1", "U2"}[i%2]
		exec(t, db, `INSERT INTO encryption_key_audit (user_id, operation, performed_by, operation_timestamp) VALUES (?, 'generate', 'x', FROM_UNIXTIME(?))`, owner, 1000+i)
	}
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for _, c := range []struct {
		filter AuditFilter
		want   int
	}{
		{AuditFilter{}, 2500},
		{AuditFilter{Owner: "U1"}, 1250},
		{AuditFilter{From: at(1010), To: at(1020)}, 10},
		{AuditFilter{From: at(1010).Add(time.Millisecond), To: at(1020).Add(time.Millisecond), Owner: "U2"}, 5},
	} {
		last, n := int64(0), 0
		err := s.EachAudit(ctx, c.filter, func(e AuditEntry) error {
			if e.ID <= last || c.filter.Owner != "" && e.Owner != c.filter.Owner {
				t.Fatalf("got %+v after %d", e, last)
			}
			last = e.ID
			n++
			return nil
		})
		if err != nil || n != c.want {
			t.Errorf("%+v: %d records, %v", c.filter, n, err)
		}
	}
	stop := errors.New("enough")
	if err := s.EachAudit(ctx, AuditFilter{}, func(AuditEntry) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
}
