package audit

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// options are those of a log in a new directory, whose timers do not come into the tests' way.
func options(t testing.TB) Options {
	t.Helper()
	dir := t.TempDir()
	return Options{Dir: filepath.Join(dir, "log"), KeyFile: filepath.Join(dir, "key"), Interval: time.Hour, SyncInterval: time.Hour}
}

func open(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// event is a SELECT by a user.
func event(user string) Event {
	return Event{
		Session: 7, User: user, Client: "192.0.2.1:4711", Application: "nurse 5", Fingerprint: "fp", Verb: "SELECT", Verdict: "direct",
		Tables: []string{"app.people"}, Columns: []string{"app.people.name"},
	}
}

// access records a whole statement over owners.
func access(t testing.TB, l *Log, e Event, owners ...string) {
	t.Helper()
	entry, err := l.Begin(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range owners {
		entry.Owner([]byte(o))
	}
	if err := entry.End(Event{Rows: int64(len(owners)), Opened: int64(len(owners)), Outcome: Done}); err != nil {
		t.Fatal(err)
	}
}

func publicKey(t testing.TB, o Options) ed25519.PublicKey {
	t.Helper()
	key, err := ReadPublicKey(o.KeyFile + PublicSuffix)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func verify(t testing.TB, o Options) Report {
	t.Helper()
	r, err := Verify(o.Dir, publicKey(t, o))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sound verifies a log that must be without fault.
func sound(t testing.TB, o Options) Report {
	t.Helper()
	r := verify(t, o)
	if r.Bad != nil {
		t.Fatal(r.Bad)
	}
	return r
}

func search(t testing.TB, o Options, q Query) []Event {
	t.Helper()
	var events []Event
	for e, err := range Search(o.Dir, q) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func users(events []Event) string {
	var names []string
	for _, e := range events {
		names = append(names, e.User)
	}
	return strings.Join(names, " ")
}

func TestWhoSawAnOwner(t *testing.T) {
	o := options(t)
	l := open(t, o)
	access(t, l, event("ann"), "1", "2")
	access(t, l, event("bob"), "2")
	access(t, l, event("cid"), "12")
	access(t, l, event("dan"))
	closeLog(t, l)
	for owner, want := range map[string]string{"1": "ann", "2": "ann bob", "12": "cid", "3": ""} {
		if got := users(search(t, o, Query{Owner: owner})); got != want {
			t.Errorf("owner %s was seen by %q, want %q", owner, got, want)
		}
	}
	all := search(t, o, Query{})
	if len(all) != 4 || all[0].ID == all[1].ID || all[0].Opened != 2 || all[0].Application != "nurse 5" || all[0].Outcome != Done {
		t.Errorf("got %+v", all)
	}
	if r := sound(t, o); r.Records != 8+3 || r.Files != 1 || r.Signed != r.Records-1 {
		t.Errorf("got %+v", r)
	}
}

func TestQueries(t *testing.T) {
	o := options(t)
	l := open(t, o)
	early, late := event("ann"), event("bob")
	early.Time, late.Time = time.Now().Add(-20*time.Minute), time.Now().Add(-10*time.Minute)
	late.Application = "nurse 6"
	if err := l.Note(withOutcome(early, Refused)); err != nil {
		t.Fatal(err)
	}
	if err := l.Note(withOutcome(late, Failed)); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	middle := early.Time.Add(time.Minute)
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{User: "ann"}, "ann"}, {Query{User: "nurse 6"}, "bob"}, {Query{Outcome: Refused}, "ann"}, {Query{Limit: 1}, "ann"},
		{Query{From: middle}, "bob"}, {Query{To: middle}, "ann"}, {Query{From: early.Time, To: late.Time}, "ann bob"},
	} {
		if got := users(search(t, o, c.q)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
}

func withOutcome(e Event, outcome string) Event {
	e.Outcome = outcome
	return e
}

func TestSearchIsStopped(t *testing.T) {
	o := options(t)
	l := open(t, o)
	for range 2 * stopEvery {
		access(t, l, event("ann"), "1")
	}
	closeLog(t, l)
	done := make(chan struct{})
	close(done)
	var last error
	for _, err := range Search(o.Dir, Query{Owner: "nobody", Done: done}) {
		last = err
	}
	if last != ErrStopped {
		t.Error(last)
	}
}

// The log goes on in further files, and a search by time leaves out those that cannot matter.
func TestRotation(t *testing.T) {
	o := options(t)
	o.RotateSize = 4096
	l := open(t, o)
	for i := range 100 {
		access(t, l, event("ann"), fmt.Sprint(i))
	}
	closeLog(t, l)
	if r := sound(t, o); r.Files < 5 {
		t.Errorf("%d files", r.Files)
	}
	if n := len(search(t, o, Query{})); n != 100 {
		t.Errorf("%d events", n)
	}
	if got := search(t, o, Query{Owner: "57"}); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
	s := searcher{q: Query{From: time.Now()}}
	now := time.Now()
	if i := s.firstFile([]time.Time{now.Add(-4 * time.Hour), now.Add(-3 * time.Hour), now.Add(-2 * time.Hour), now}); i != 2 {
		t.Errorf("reading begins with file %d", i)
	}
}

func TestRotationByAge(t *testing.T) {
	o := options(t)
	o.RotateAge = time.Nanosecond
	l := open(t, o)
	access(t, l, event("ann"), "1")
	closeLog(t, l)
	if r := sound(t, o); r.Files != 3 {
		t.Errorf("%d files", r.Files)
	}
}

// A log that is opened again goes on where it ended, and its statements get new ids.
func TestReopen(t *testing.T) {
	o := options(t)
	for range 3 {
		l := open(t, o)
		access(t, l, event("ann"), "1")
		closeLog(t, l)
	}
	ids := map[uint64]bool{}
	for _, e := range search(t, o, Query{Owner: "1"}) {
		ids[e.ID] = true
	}
	if r := sound(t, o); r.Files != 3 || len(ids) != 3 {
		t.Errorf("%+v, ids %v", r, ids)
	}
}

func TestOneWriterOnly(t *testing.T) {
	o := options(t)
	l := open(t, o)
	if _, err := Open(o); err == nil {
		t.Error("two logs write to one directory")
	}
	closeLog(t, l)
	if _, err := l.Begin(event("ann")); err == nil {
		t.Error("a closed log was written to")
	}
	if l.Close() == nil {
		t.Error("closed twice")
	}
}

func TestModes(t *testing.T) {
	o := options(t)
	closeLog(t, open(t, o))
	for name, want := range map[string]os.FileMode{o.Dir: 0o700, filepath.Join(o.Dir, fileName(1)): 0o600, filepath.Join(o.Dir, headName): 0o600, o.KeyFile: 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", filepath.Base(name), info.Mode(), err)
		}
	}
	if err := os.Chmod(o.KeyFile, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); err == nil {
		t.Error("a key that others read was taken")
	}
	if err := os.Chmod(o.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); err == nil {
		t.Error("a directory that others write to was taken")
	}
}

// A key that is gone is not replaced by a new one: somebody would have to explain the change of keys.
func TestLostKey(t *testing.T) {
	o := options(t)
	closeLog(t, open(t, o))
	if err := os.Remove(o.KeyFile); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); err == nil {
		t.Error("the log was opened without its key")
	}
}

// A statement over more owners than a record holds is found for every one of them, and holds few in memory.
func TestManyOwners(t *testing.T) {
	const owners = 3*MaxOwners + 5
	o := options(t)
	l := open(t, o)
	entry, err := l.Begin(event("ann"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range owners {
		entry.Owner([]byte(fmt.Sprint(i)))
		if len(entry.owners) > MaxOwners {
			t.Fatalf("%d owners in memory", len(entry.owners))
		}
	}
	if err := entry.End(Event{Outcome: Done}); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	sound(t, o)
	for _, i := range []int{0, MaxOwners, 2*MaxOwners + 7, owners - 1} {
		got := search(t, o, Query{Owner: fmt.Sprint(i)})
		if len(got) != 1 || got[0].OwnersTotal != owners || len(got[0].Owners) != MaxOwners {
			t.Errorf("owner %d: %d events", i, len(got))
		}
	}
	if got := search(t, o, Query{Owner: "nobody"}); len(got) > 0 {
		t.Error("found for nobody")
	}
}

// A statement that never ends may have shown anything.
func TestUnfinished(t *testing.T) {
	o := options(t)
	l := open(t, o)
	if _, err := l.Begin(event("ann")); err != nil {
		t.Fatal(err)
	}
	access(t, l, event("bob"), "2")
	closeLog(t, l)
	l = open(t, o)
	access(t, l, event("cid"), "2")
	closeLog(t, l)
	got := search(t, o, Query{Owner: "2"})
	if users(got) != "bob ann cid" || got[1].Outcome != Unfinished {
		t.Errorf("got %+v", got)
	}
	if got := search(t, o, Query{Outcome: Unfinished}); users(got) != "ann" {
		t.Errorf("got %+v", got)
	}
}

// Whatever stands in a name, a record stays one line of JSON, of bounded length.
func TestTexts(t *testing.T) {
	names := []string{"a\"b\\c", "line\nfeed\r\x00\x1b[31m", "\xff\xfe", "Zoë 中 \U0001f600", "\u2028\u0085", strings.Repeat("long", 1000), `"hash":"`}
	o := options(t)
	l := open(t, o)
	for _, n := range names {
		access(t, l, event(n), n)
	}
	closeLog(t, l)
	sound(t, o)
	for i, e := range search(t, o, Query{}) {
		want := strings.ToValidUTF8(names[i], "\ufffd\ufffd")
		if want = want[:min(len(want), maxText)]; e.User != want || e.Owners[0] != want {
			t.Errorf("%q was read as %q", names[i], e.User)
		}
	}
	if got := search(t, o, Query{Owner: names[0]}); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

// A thousand sessions write at once; nothing is lost and the chain holds.
func TestManySessions(t *testing.T) {
	const sessions, statements = 1000, 10
	o := options(t)
	o.RotateSize, o.SyncInterval, o.Interval = 1<<20, time.Millisecond, 3*time.Millisecond
	l := open(t, o)
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			for range statements {
				access(t, l, event(fmt.Sprint("user", i)), fmt.Sprint(i))
			}
		})
	}
	all.Wait()
	if h := l.Health(); !h.OK || h.Lost > 0 || h.Records < 2*sessions*statements {
		t.Errorf("%+v", h)
	}
	closeLog(t, l)
	sound(t, o)
	count := map[string]int{}
	for _, e := range search(t, o, Query{}) {
		count[e.User]++
	}
	for i := range sessions {
		if n := count[fmt.Sprint("user", i)]; n != statements {
			t.Fatalf("user %d: %d statements", i, n)
		}
	}
}

// A log can be verified and searched while it is being written to.
func TestReadWhileWritten(t *testing.T) {
	o := options(t)
	o.RotateSize = 16 << 10
	l := open(t, o)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := range 1000 {
			access(t, l, event("ann"), fmt.Sprint(i))
		}
	}()
	for done := false; !done; {
		select {
		case <-written:
			done = true
		default:
		}
		sound(t, o)
		search(t, o, Query{Owner: "1"})
	}
	closeLog(t, l)
	sound(t, o)
}

func TestReason(t *testing.T) {
	err := &os.PathError{Op: "write", Path: "/secret/place", Err: syscall.ENOSPC}
	if got := reason(err); got != syscall.ENOSPC.Error() {
		t.Error(got)
	}
}

func TestKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	private, err := NewKey(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + PublicSuffix} {
		if public, err := ReadPublicKey(name); err != nil || !public.Equal(private.Public()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewKey(file); err == nil {
		t.Error("a key was overwritten")
	}
	for i, text := range []string{"", "no PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		name := file + fmt.Sprint(i)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPublicKey(name); err == nil {
			t.Errorf("%q was taken for a public key", text)
		}
		if _, err := ReadKey(name); err == nil {
			t.Errorf("%q was taken for a key", text)
		}
	}
	if !slices.Equal(statement("x", chain{}), statement("x", chain{})) || slices.Equal(statement("x", chain{n: 1}), statement("x", chain{n: 2})) {
		t.Error("what is signed")
	}
}
