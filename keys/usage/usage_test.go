package usage_test

import (
	"database/sql"
	"fmt"
	"os"
	"testing"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/internal/testdb"
	"phiproxy/keys/usage"

	"github.com/google/go-cmp/cmp"
)

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

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func newKey(t *testing.T, first byte) *envelope.Key {
	t.Helper()
	dek := make([]byte, 32)
	dek[0] = first
	k, err := envelope.NewKey(dek)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealed(k *envelope.Key, text string) []byte {
	return envelope.Seal(nil, k, envelope.NewContext("c", "o"), []byte(text))
}

// The columns are of all types that protected columns may have, before and after widening.
func fill(t *testing.T) (*usage.Counter, *envelope.Key, *envelope.Key) {
	t.Helper()
	db, err := server.Database("usage_test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	exec(t, db, "CREATE TABLE `a b` (id INT PRIMARY KEY AUTO_INCREMENT, `the owner` VARCHAR(100), x VARBINARY(300), y BLOB, KEY (`the owner`))")
	exec(t, db, "CREATE TABLE plain (id INT PRIMARY KEY AUTO_INCREMENT, o VARCHAR(100) CHARACTER SET latin1, x VARCHAR(300), y DATE) CHARACTER SET latin1")
	old, now := newKey(t, 1), newKey(t, 2)
	guide := "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w"
	for _, row := range [][]any{
		{"U1", sealed(old, "Ada"), sealed(now, "a long text that needs more than one bucket of bytes")},
		{"U1", sealed(now, "b"), nil},
		{"U1", []byte(guide), []byte("plain text")},
		{"U1", []byte{}, []byte{0xF8, 0, 1}},
		{"u1", sealed(old, "of another owner whom the collation holds for the same"), nil},
		{"Zoë", sealed(now, "c"), nil},
		{nil, []byte("nobody's"), nil},
	} {
		exec(t, db, "INSERT INTO `a b` (`the owner`, x, y) VALUES (?, ?, ?)", row...)
	}
	exec(t, db, "INSERT INTO plain (o, x, y) VALUES ('Zoë', 'Ada', '2000-01-02'), ('U1', NULL, NULL)")
	return &usage.Counter{DB: db, Tables: []usage.Table{
		{Schema: "usage_test", Name: "a b", Owner: "the owner", Columns: []string{"x", "y"}},
		{Schema: "usage_test", Name: "plain", Owner: "o", Columns: []string{"x", "y"}},
	}}, old, now
}

func TestUsage(t *testing.T) {
	c, old, now := fill(t)
	values := func(o, n int64) map[envelope.KeyID]int64 {
		m := map[envelope.KeyID]int64{}
		if o > 0 {
			m[old.ID()] = o
		}
		if n > 0 {
			m[now.ID()] = n
		}
		return m
	}
	u1 := values(1, 2)
	u1[envelope.KeyID{}] = 1
	want := map[string]keys.Usage{
		"":    {Rows: 1, Values: values(0, 0), Plain: 1},
		"U1":  {Rows: 5, Values: u1, Guide: 1, Plain: 1},
		"u1":  {Rows: 1, Values: values(1, 0)},
		"Zoë": {Rows: 2, Values: values(0, 1), Plain: 2},
	}
	got := map[string]keys.Usage{}
	err := c.All(t.Context(), func(owner string, u keys.Usage) error {
		got[owner] = u
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	want["nobody"] = keys.Usage{Values: values(0, 0)}
	delete(want, "") // no owner has that id
	for owner, w := range want {
		u, err := c.Owner(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, u); diff != "" {
			t.Errorf("%s: %s", owner, diff)
		}
	}
}

func TestMissingTableIsNamed(t *testing.T) {
	c, _, _ := fill(t)
	c.Tables[1].Name = "gone"
	if _, err := c.Owner(t.Context(), "U1"); err == nil {
		t.Error("a missing table was counted as empty")
	}
}
