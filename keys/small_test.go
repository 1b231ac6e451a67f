package keys

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestActor(t *testing.T) {
	for _, c := range []struct{ in, want Actor }{
		{Actor{}, Actor{PerformedBy: "phiproxy"}},
		{Actor{PerformedBy: "app", IPAddress: "192.0.2.1:3306"}, Actor{PerformedBy: "app", IPAddress: "192.0.2.1"}},
		{Actor{PerformedBy: "app", IPAddress: "[fe80::1%eth0]:1"}, Actor{PerformedBy: "app", IPAddress: "fe80::1"}},
		{Actor{PerformedBy: "app", IPAddress: "::ffff:192.0.2.1"}, Actor{PerformedBy: "app", IPAddress: "192.0.2.1"}},
		{Actor{PerformedBy: "app", IPAddress: "/run/socket"}, Actor{PerformedBy: "app"}},
		{Actor{PerformedBy: strings.Repeat("é", 101), Principal: strings.Repeat("é", 201)},
			Actor{PerformedBy: strings.Repeat("é", 100), Principal: strings.Repeat("é", 200)}},
	} {
		if got := actorOf(WithActor(context.Background(), c.in)); got != c.want {
			t.Errorf("%+v became %+v", c.in, got)
		}
	}
	if got := actorOf(context.Background()); got.PerformedBy != "phiproxy" {
		t.Errorf("got %+v", got)
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("Duplicate entry 'Ada'")
	err := &Error{Kind: ErrStore, Op: "create", Code: "mysql 1062", Cause: cause}
	if err.Error() != "keys: create: the key store failed (mysql 1062)" {
		t.Error(err)
	}
	if !errors.Is(err, ErrStore) || !errors.Is(err, cause) {
		t.Error("kind or cause is not reachable")
	}
}

// No two contexts have the same associated data.
func FuzzCanonical(f *testing.F) {
	f.Add("a", "bc", "ab", "c")
	f.Add("", "", "", "x")
	f.Add("owner", "U1", "owner", "U2")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string) {
		a, b := Context{n1: v1}, Context{n2: v2}
		if same := n1 == n2 && v1 == v2; same != bytes.Equal(a.Canonical(), b.Canonical()) {
			t.Errorf("%q and %q", a, b)
		}
		both := Context{n1: v1, n2: v2}
		if n1 != n2 && (bytes.Equal(both.Canonical(), a.Canonical()) || bytes.Equal(both.Canonical(), b.Canonical())) {
			t.Errorf("%q is as one of its parts", both)
		}
	})
}

func TestBreakerPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		outage := fail(ErrUnavailable, "test")
		trip := func() {
			t.Helper()
			if !b.allow() {
				t.Fatal("held back")
			}
			b.report(outage)
		}
		for range breakerTrips {
			trip()
		}
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			if b.allow() || !b.open() {
				t.Fatal("closed")
			}
			b.report(outage) // a call that began earlier
			time.Sleep(pause*time.Second - time.Millisecond)
			if b.allow() {
				t.Fatalf("opened before %d s", pause)
			}
			time.Sleep(time.Millisecond)
			trip()
		}
		time.Sleep(30 * time.Second)
		if !b.allow() || b.allow() {
			t.Fatal("not exactly one call to try")
		}
		b.report(fail(ErrRevoked, "test")) // it answers
		if !b.allow() || b.open() {
			t.Error("still open")
		}
	})
}

func TestFullCacheAndCollisions(t *testing.T) {
	c, err := newCache(4)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	kept := 0
	for i := range 20 {
		e := &entry{owner: strings.Repeat("U", i+1), keys: &OwnerKeys{}, dead: time.Now().Add(time.Hour)}
		if c.set(e, &ticket{}) {
			kept++
		}
	}
	if total, _ := c.count(time.Now()); kept < 4 || total > 4 {
		t.Errorf("%d were kept, %d are there", kept, total)
	}
	e := &entry{owner: "A", dead: time.Now().Add(time.Hour)}
	if c.set(e, &ticket{removed: true}) || c.set(&entry{owner: "A"}, &ticket{}) {
		t.Error("kept what was removed meanwhile, or dead")
	}
}
