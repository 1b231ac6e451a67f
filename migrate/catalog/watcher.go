package catalog

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

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

	mu sync.Mutex // held while reading and publishing
}

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
// change that was made before it is seen.
func (w *Watcher) Refresh(ctx context.Context) (*Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
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

// Run looks at the database again and again until the context ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(w.options.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := w.Refresh(ctx); err != nil && ctx.Err() == nil && w.options.OnError != nil {
				w.options.OnError(err)
			}
		}
	}
}
