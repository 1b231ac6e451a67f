package catalog

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"phiproxy/keys/store"
	"phiproxy/rewrite"
)

// Options of a watcher.
type Options struct {
	Interval time.Duration   // between two looks at the database; 30 s when zero
	OnChange func(*Snapshot) // called for every published snapshot, one call at a time
	OnError  func(error)     // called when a periodic look failed; the last good snapshot stays
}

// Watcher keeps a snapshot of the catalog up to date. Its methods may be called from many goroutines.
type Watcher struct {
	db      *sql.DB
	tables  []Table
	options Options
	current atomic.Pointer[Snapshot]

	reading sync.Mutex // held while reading and publishing
	mu      sync.Mutex // guards next
	next    *look      // the look that has not started yet, for everybody who asks meanwhile
}

// look is one reading of the database that several callers wait for.
type look struct {
	done     chan struct{}
	snapshot *Snapshot
	err      error
}

// lookTimeout bounds one look, which goes on when a caller gives up, for the sake of the others.
const lookTimeout = 30 * time.Second

// NewWatcher makes a watcher. It knows nothing before the first Refresh.
func NewWatcher(db *sql.DB, tables []Table, o Options) *Watcher {
	if o.Interval <= 0 {
		o.Interval = 30 * time.Second
	}
	return &Watcher{db: db, tables: tables, options: o}
}

// Current is the last published snapshot, nil before the first.
func (w *Watcher) Current() *Snapshot { return w.current.Load() }

// Schema is the last published schema, nil before the first.
func (w *Watcher) Schema() *rewrite.Schema {
	if s := w.current.Load(); s != nil {
		return s.Schema
	}
	return nil
}

// Refresh reads the database and publishes what it found if anything changed. The read starts after the call, so a
// change that was made before it is seen. Calls that come while a read is going on share the next one.
func (w *Watcher) Refresh(ctx context.Context) (*Snapshot, error) {
	w.mu.Lock()
	l := w.next
	if l == nil {
		l = &look{done: make(chan struct{})}
		w.next = l
		go w.run(context.WithoutCancel(ctx), l)
	}
	w.mu.Unlock()
	select {
	case <-l.done:
		return l.snapshot, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *Watcher) run(ctx context.Context, l *look) {
	defer close(l.done)
	w.reading.Lock()
	defer w.reading.Unlock()
	w.mu.Lock()
	w.next = nil // who asks from now on needs another look
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	l.snapshot, l.err = w.read(ctx)
}

func (w *Watcher) read(ctx context.Context) (*Snapshot, error) {
	next, err := Load(ctx, w.db, w.tables)
	if err != nil {
		return nil, err
	}
	last := w.current.Load()
	if last != nil && last.print == next.print {
		return last, nil
	}
	next.Schema.Version = 1
	if last != nil {
		next.Schema.Version = last.Schema.Version + 1
	}
	w.current.Store(next)
	if w.options.OnChange != nil {
		w.options.OnChange(next)
	}
	return next, nil
}

// announceInterval is how often the watchers of a fleet ask whether one of them announced a change.
const announceInterval = time.Second

// epochName is the row of the epoch table that counts announced changes.
const epochName = "schema"

// Announce tells the other watchers of a fleet that the schema changed.
func (w *Watcher) Announce(ctx context.Context) error {
	_, err := w.db.ExecContext(ctx, "INSERT INTO "+store.TableEpoch+" (name, epoch) VALUES (?, 1) ON DUPLICATE KEY UPDATE epoch = epoch + 1", epochName)
	return err
}

// announced counts the changes that were announced, 0 before the first.
func (w *Watcher) announced(ctx context.Context) (epoch uint64, err error) {
	err = w.db.QueryRowContext(ctx, "SELECT epoch FROM "+store.TableEpoch+" WHERE name = ?", epochName).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return epoch, err
}

// Run looks at the database again and again until the context ends: at intervals, and soon after a change was announced.
func (w *Watcher) Run(ctx context.Context) {
	full, ask := time.NewTicker(w.options.Interval), time.NewTicker(announceInterval)
	defer full.Stop()
	defer ask.Stop()
	var seen uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-full.C:
			w.look(ctx)
		case <-ask.C:
			// An error is that of the next look, too.
			if now, err := w.announced(ctx); err == nil && now != seen {
				seen = now
				w.look(ctx)
			}
		}
	}
}

func (w *Watcher) look(ctx context.Context) {
	if _, err := w.Refresh(ctx); err != nil && ctx.Err() == nil && w.options.OnError != nil {
		w.options.OnError(err)
	}
}
