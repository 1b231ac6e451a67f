package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// flaky is a file of which a test decides whether it can be written.
type flaky struct {
	file
	broken *atomic.Bool
	device *os.File // /dev/full
	syncs  *atomic.Bool
}

// newFlaky makes a log's files fail as /dev/full does while broken is set, and their flushes while unsynced is.
func newFlaky(t testing.TB, o *Options) (broken, unsynced *atomic.Bool) {
	t.Helper()
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	broken, unsynced = new(atomic.Bool), new(atomic.Bool)
	o.create = func(name string) (file, error) {
		f, err := createFile(name)
		return &flaky{file: f, broken: broken, device: device, syncs: unsynced}, err
	}
	return broken, unsynced
}

func (f *flaky) Write(p []byte) (int, error) {
	if !f.broken.Load() {
		return f.file.Write(p)
	}
	if n, err := f.file.Write(p[:len(p)/2]); err != nil { // a disk that fills up takes a part
		return n, err
	}
	_, err := f.device.Write(p[len(p)/2:])
	return len(p) / 2, err
}

func (f *flaky) Truncate(size int64) error { return f.file.Truncate(size) }

func (f *flaky) Sync() error {
	if f.syncs.Load() {
		return syscall.EIO
	}
	return f.file.Sync()
}

// A full disk refuses statements, keeps the ends of those that run, and is over as soon as there is room.
func TestFullDisk(t *testing.T) {
	o := options(t)
	var told []error
	o.Report = func(err error) { told = append(told, err) }
	broken, _ := newFlaky(t, &o)
	l := open(t, o)
	access(t, l, event("ann"), "1")
	running, err := l.Begin(event("bob"))
	if err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	for range 3 {
		if _, err := l.Begin(event("cid")); err != ErrUnavailable {
			t.Fatalf("a statement ran: %v", err)
		}
	}
	running.Owner([]byte("2"))
	if running.End(Event{Outcome: Done}) == nil {
		t.Error("an end that was not written counts as written")
	}
	if h := l.Health(); h.OK || h.Refused != 3 || h.Lost != 0 || h.Error != syscall.ENOSPC.Error() {
		t.Errorf("%+v", h)
	}
	broken.Store(false)
	access(t, l, event("dan"), "3")
	if h := l.Health(); !h.OK {
		t.Errorf("%+v", h)
	}
	closeLog(t, l)
	r := sound(t, o)
	if r.Gaps != 1 || r.Missing != 0 || len(told) != 2 || told[0] == nil || told[1] != nil {
		t.Errorf("%+v, told %v", r, told)
	}
	if got := search(t, o, Query{Owner: "2"}); users(got) != "bob" || got[0].Outcome != Done {
		t.Errorf("%+v", got)
	}
	if got := users(search(t, o, Query{})); got != "ann bob dan" {
		t.Error(got)
	}
}

// With OnFull Allow statements run, and the log says how many records it misses.
func TestFullDiskAllowed(t *testing.T) {
	o := options(t)
	o.OnFull = Allow
	broken, _ := newFlaky(t, &o)
	l := open(t, o)
	broken.Store(true)
	for range 3 {
		entry, err := l.Begin(event("ann"))
		if err != nil {
			t.Fatal(err)
		}
		_ = entry.End(Event{Outcome: Done})
	}
	broken.Store(false)
	access(t, l, event("bob"), "1")
	closeLog(t, l)
	if r := sound(t, o); r.Gaps != 1 || r.Missing != 3 {
		t.Errorf("%+v", r)
	}
	if got := users(search(t, o, Query{})); got != "ann ann ann bob" { // the ends were kept
		t.Error(got)
	}
}

// What waits for the disk is bounded; what does not fit is counted, and its beginnings stand for it.
func TestFullDiskForLong(t *testing.T) {
	o := options(t)
	broken, _ := newFlaky(t, &o)
	l := open(t, o)
	var entries []*Entry
	for range 100 {
		entry, err := l.Begin(event("ann"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range MaxOwners {
			entry.Owner(fmt.Appendf(nil, "owner with a long name %d", i))
		}
		entries = append(entries, entry)
	}
	broken.Store(true)
	for _, e := range entries {
		_ = e.End(Event{Outcome: Done})
	}
	lost := l.Health().Lost
	broken.Store(false)
	closeLog(t, l)
	r := sound(t, o)
	if lost == 0 || r.Missing != lost {
		t.Errorf("%d lost, %+v", lost, r)
	}
	if n := len(search(t, o, Query{Owner: "owner with a long name 7"})); n != 100 {
		t.Errorf("%d statements", n)
	}
	if n := len(search(t, o, Query{Owner: "anybody", Outcome: Unfinished})); uint64(n) != lost {
		t.Errorf("%d unfinished", n)
	}
}

// Owners that cannot be recorded while a statement runs make it one that may have touched anybody.
func TestOwnersLost(t *testing.T) {
	o := options(t)
	broken, _ := newFlaky(t, &o)
	l := open(t, o)
	entry, err := l.Begin(event("ann"))
	if err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	for i := range MaxOwners + 1 {
		entry.Owner(fmt.Append(nil, i))
	}
	broken.Store(false)
	if err := entry.End(Event{Outcome: Done}); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	sound(t, o)
	if got := search(t, o, Query{Owner: "anybody"}); len(got) != 1 || !got[0].Partial {
		t.Errorf("%+v", got)
	}
}

// A file that cannot be flushed is given up, and the log goes on in another.
func TestFlushFails(t *testing.T) {
	o := options(t)
	o.SyncEach = true
	_, unsynced := newFlaky(t, &o)
	l := open(t, o)
	unsynced.Store(true)
	for range 2 {
		if _, err := l.Begin(event("ann")); err == nil {
			t.Error("a record that was not flushed counts as written")
		}
	}
	unsynced.Store(false)
	waitUntil(t, func() bool {
		entry, err := l.Begin(event("bob"))
		return err == nil && entry.End(Event{Outcome: Done}) == nil
	})
	closeLog(t, l)
	if r := sound(t, o); r.Files < 2 || r.Gaps == 0 {
		t.Errorf("%+v", r)
	}
}

func waitUntil(t testing.TB, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("it takes too long")
		}
	}
}

// unfit is a file whose failed writes cannot be taken back.
type unfit struct{ *flaky }

func (unfit) Truncate(int64) error { return syscall.EIO }

// A file that is left with half a record is given up, and the next one says so.
func TestHalfWritten(t *testing.T) {
	o := options(t)
	broken, _ := newFlaky(t, &o)
	make := o.create
	o.create = func(name string) (file, error) {
		f, err := make(name)
		return unfit{f.(*flaky)}, err
	}
	l := open(t, o)
	access(t, l, event("ann"), "1")
	entries := [3]*Entry{}
	for i := range entries {
		var err error
		if entries[i], err = l.Begin(event("bob")); err != nil {
			t.Fatal(err)
		}
	}
	broken.Store(true)
	var ends sync.WaitGroup
	for _, e := range entries {
		ends.Go(func() { _ = e.End(Event{Outcome: Done}) })
	}
	ends.Wait()
	broken.Store(false)
	waitUntil(t, func() bool {
		entry, err := l.Begin(event("cid"))
		return err == nil && entry.End(Event{Outcome: Done}) == nil
	})
	closeLog(t, l)
	if r := sound(t, o); r.Torn == 0 {
		t.Errorf("%+v", r)
	}
	if got := search(t, o, Query{User: "bob"}); len(got) < len(entries) {
		t.Errorf("%+v", got)
	}
}

// smallDisk is a file system of 64 KiB.
func smallDisk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A real disk fills up, is made room on, and fills up again; at no time does the log lose or invent anything.
func TestSmallDisk(t *testing.T) {
	o := options(t)
	disk := smallDisk(t)
	o.Dir = filepath.Join(disk, "log")
	o.SyncInterval, o.Interval, o.RotateSize = 5*time.Millisecond, 7*time.Millisecond, 8<<10
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 24<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, o)
	ran := fill(t, l)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return l.Health().OK })
	ran += fill(t, l)
	refused := l.Health().Refused
	_ = l.Close() // there may be no room for the last signature
	if refused == 0 {
		t.Error("the disk never was full")
	}
	r := verify(t, o)
	if r.Bad != nil && r.Bad.File != headName {
		t.Error(r.Bad)
	}
	if n := len(search(t, o, Query{Owner: "1"})); n < ran {
		t.Errorf("%d statements ran, %d are recorded", ran, n)
	}
}

// fill runs statements until many in a row were refused, and returns how many ran.
func fill(t *testing.T, l *Log) (ran int) {
	t.Helper()
	for refused := 0; refused < 50; {
		entry, err := l.Begin(event("ann"))
		if err != nil {
			refused++
			continue
		}
		refused = 0
		entry.Owner([]byte("1"))
		_ = entry.End(Event{Outcome: Done})
		ran++
	}
	return ran
}

// A proxy that starts on a full disk starts, and records as soon as there is room.
func TestOpenOnFullDisk(t *testing.T) {
	o := options(t)
	disk := smallDisk(t)
	o.Dir = filepath.Join(disk, "log")
	o.SyncInterval = 5 * time.Millisecond
	closeLog(t, open(t, o))
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	l := open(t, o)
	if _, err := l.Begin(event("ann")); err != ErrUnavailable {
		t.Errorf("a statement ran: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		entry, err := l.Begin(event("ann"))
		return err == nil && entry.End(Event{Outcome: Done}) == nil
	})
	closeLog(t, l)
	sound(t, o)
	if _, err := os.Stat(filepath.Join(o.Dir, fileName(2)+unfinished)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}
