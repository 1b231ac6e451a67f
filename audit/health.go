package audit

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Health is the state of a log.
type Health struct {
	OK      bool      `json:"ok"`
	Error   string    `json:"error,omitempty"` // why not: the operating system's words
	Since   time.Time `json:"since"`           // of the present state
	Records uint64    `json:"records"`         // in the log
	Refused uint64    `json:"refused"`         // statements that were refused because of the log, since the start
	Lost    uint64    `json:"lost"`            // records that could not be written, since the start
}

type health struct {
	records, refused, lost atomic.Uint64

	mu      sync.Mutex
	err     error
	since   time.Time
	closing error // of Close; written by the writer before it ends
}

// set keeps the state and reports whether it is another one.
func (h *health) set(err error) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = (err == nil) != (h.err == nil)
	h.err = err
	if changed {
		h.since = time.Now()
	}
	return changed
}

func (h *health) error() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Health returns the log's state now.
func (l *Log) Health() Health {
	h := &l.health
	h.mu.Lock()
	defer h.mu.Unlock()
	out := Health{OK: h.err == nil, Since: h.since, Records: h.records.Load(), Refused: h.refused.Load(), Lost: h.lost.Load()}
	if h.err != nil {
		out.Error = reason(h.err)
	}
	return out
}

// reason is what the operating system says, without names of files.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return ErrUnavailable.Error()
}
