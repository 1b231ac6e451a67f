// Package audit is the access log of protected data: who did what to whose values, when, and what came of it. It never
// holds a value, a SQL literal or a key.
//
// Records are lines of JSON in numbered files. Each line ends with a SHA-256 hash over the line before it and itself, so
// that nothing can be changed, removed, added or moved unnoticed; at intervals a record holds an Ed25519 signature of the
// chain up to it. Verify checks all of it, Search reads it. Files are never deleted, and never written again once another
// has begun.
//
// A statement has two records. Begin's is written (write(2)) before the statement is sent, End's before the last of its
// answer is released. A process that is killed in between leaves a beginning without an end, which Search finds for every
// owner: the log may say too much, never too little.
package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// What happens to protected statements while records cannot be written.
const (
	Refuse = "refuse" // they are refused
	Allow  = "allow"  // they run, and the records that are missing are counted
)

// ErrUnavailable is what Begin returns while records cannot be written and Options.OnFull is Refuse.
var ErrUnavailable = errors.New("audit: the access log cannot be written")

var (
	errClosed  = errors.New("audit: the log is closed")
	errLocked  = errors.New("audit: another process writes to this directory")
	errDirMode = errors.New("audit: others may write to the log's directory")
	errNoKey   = errors.New("audit: there is a log but no key file")
)

// Options say where and how a log is kept. A zero field means its default.
type Options struct {
	Dir     string // made with mode 0700 when it does not exist
	KeyFile string // see NewKey; made when neither it nor the log exists

	Interval     time.Duration // 10 s, between signatures
	SyncEach     bool          // flush to the disk (fsync) before Begin and End return
	SyncInterval time.Duration // 1 s, between flushes otherwise
	RotateSize   int64         // 64 MiB, bytes at which a new file begins
	RotateAge    time.Duration // 24 h
	OnFull       string        // Refuse

	// Report, when set, is told of every change between being writable (nil) and not. It must not block.
	Report func(err error)
	// Anchor, when set, is told the number and hash of a record whenever a file begins and when the log is closed. Kept
	// elsewhere, they show that the end of a log was cut off. It must not block.
	Anchor func(record uint64, hash string)

	create func(name string) (file, error) // for tests
}

// file is what a log writes to.
type file interface {
	Write(p []byte) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

func (o Options) withDefaults() Options {
	setDefault(&o.Interval, 10*time.Second)
	setDefault(&o.SyncInterval, time.Second)
	setDefault(&o.RotateSize, 64<<20)
	setDefault(&o.RotateAge, 24*time.Hour)
	setDefault(&o.OnFull, Refuse)
	if o.create == nil {
		o.create = createFile
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	if o.Anchor == nil {
		o.Anchor = func(uint64, string) {}
	}
	return o
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// createFile makes a file that is complete in name only once it has its first line.
func createFile(name string) (file, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, fileMode)
}

// Log is an open access log. It is safe for concurrent use.
type Log struct {
	o       Options
	lock    *os.File
	queue   chan *request
	entries sync.Pool // *Entry
	lastID  atomic.Uint64
	health  health

	mu     sync.RWMutex // held for reading while something is put into the queue
	closed bool
	done   chan struct{} // closed when the writer has ended
}

// Open opens the log of a directory, or begins one. It starts a new file; when the disk is full that has to wait, and the
// log begins its life as one that cannot be written.
func Open(o Options) (*Log, error) {
	o = o.withDefaults()
	lock, err := claim(o.Dir)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(o)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	l := &Log{o: o, lock: lock, queue: make(chan *request, queueLength), done: make(chan struct{})}
	l.entries.New = func() any { return &Entry{log: l, request: request{done: make(chan error, 1)}} }
	w.health = &l.health
	l.lastID.Store((w.file + 1) << fileIDShift)
	if w.broken = w.open(startOfProcess); w.broken != nil && !isFull(w.broken) {
		return nil, errors.Join(fmt.Errorf("audit: %w", w.broken), lock.Close())
	}
	w.settle(w.broken)
	w.sign() // also what the process before left unsigned
	if w.out != nil {
		w.settle(w.flushNow())
	}
	go l.write(w)
	return l, nil
}

// fileIDShift makes ids of statements unique in a log: they count on from the number of the file that the process began
// with, and a process fills many files before it uses up 2^32 ids.
const fileIDShift = 32

// claim makes the directory and locks it: two writers would tear the chain apart.
func claim(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&othersWrite != 0 {
		return nil, errDirMode
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(errLocked, lock.Close())
	}
	return lock, nil
}

// openKey reads the key, or makes it for a log that is about to begin.
func openKey(file string, begun bool) (ed25519.PrivateKey, error) {
	key, err := ReadKey(file)
	switch {
	case !errors.Is(err, os.ErrNotExist):
		return key, err
	case begun:
		return nil, errNoKey
	}
	return NewKey(file)
}

func newLogID() string {
	const bytes = 16
	id := make([]byte, bytes)
	_, _ = rand.Read(id) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(id)
}

// isFull tells errors that go away when somebody makes room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// Close writes what is left, signs the log and closes it. Statements that have begun should have ended.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errClosed
	}
	l.closed = true
	close(l.queue)
	l.mu.Unlock()
	<-l.done
	return errors.Join(l.health.closing, l.lock.Close())
}

// do hands a record to the writer and waits until it is written.
func (l *Log) do(r *request) error {
	l.mu.RLock()
	if l.closed {
		l.mu.RUnlock()
		return errClosed
	}
	l.queue <- r
	l.mu.RUnlock()
	return <-r.done
}
