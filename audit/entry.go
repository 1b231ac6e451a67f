package audit

import (
	"slices"
	"time"
)

// Entry is a statement that has begun. It is used by one goroutine at a time. A nil Entry is one of no log: its methods do
// nothing.
type Entry struct {
	log     *Log
	request request
	event   Event

	last    string            // owner that was noted last
	owners  map[string]string // name -> name; noted and not yet recorded
	earlier int64             // owners in records of kindMore
	missing bool              // and one of these could not be written
}

// Begin records that a statement is about to be sent, and returns when that is written. While the log cannot be written
// it returns ErrUnavailable, or with Options.OnFull Allow an Entry that counts as lost. The event's ID is set here; its
// Time too, when it is zero.
func (l *Log) Begin(e Event) (*Entry, error) {
	entry := l.entry(e)
	entry.request.members = appendEvent(entry.request.members[:0], kindBegin, &entry.event)
	entry.request.keep = false
	if err := l.do(&entry.request); err != nil && l.o.OnFull != Allow {
		entry.release()
		return nil, ErrUnavailable
	}
	return entry, nil
}

// Note records a statement that is not sent as one that has ended: Outcome and Code say why.
func (l *Log) Note(e Event) error {
	entry := l.entry(e)
	defer entry.release()
	return entry.write(kindEnd)
}

func (l *Log) entry(e Event) *Entry {
	entry := l.entries.Get().(*Entry)
	e.ID = l.lastID.Add(1)
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	entry.event = e
	return entry
}

// write records the event. A record that cannot be written now is written later, unless too many are waiting.
func (e *Entry) write(kind string) error {
	e.request.members = appendEvent(e.request.members[:0], kind, &e.event)
	e.request.keep = true
	return e.log.do(&e.request)
}

// Owner notes that the statement touches values of an owner. The owners of a statement are recorded when it ends, or when
// there are MaxOwners of them.
func (e *Entry) Owner(name []byte) {
	if e == nil || name == nil || len(e.last) == len(name) && e.last == string(name) {
		return
	}
	e.other(name)
}

func (e *Entry) other(name []byte) {
	if known, ok := e.owners[string(name)]; ok {
		e.last = known
		return
	}
	if e.owners == nil {
		e.owners = make(map[string]string)
	}
	if len(e.owners) >= MaxOwners {
		e.more()
	}
	e.last = string(name)
	e.owners[e.last] = e.last
}

// more records the owners so far, so that a statement over a whole table holds a bounded number of them.
func (e *Entry) more() {
	part := Entry{log: e.log, request: e.request, event: Event{ID: e.event.ID, Time: time.Now(), Owners: e.names()}}
	if part.write(kindMore) != nil {
		e.missing = true
	}
	e.request.members = part.request.members
	e.earlier += int64(len(e.owners))
	clear(e.owners)
}

func (e *Entry) names() []string {
	if len(e.owners) == 0 {
		return nil
	}
	names := make([]string, 0, len(e.owners))
	for name := range e.owners {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// End records how the statement ended: the Rows, Opened, Sealed, Outcome and Code of end, and the owners that were noted.
// It returns when that is written. On an error the record is kept and written when that is possible again; should it get
// lost, the statement's beginning stands for it. The Entry must not be used again.
func (e *Entry) End(end Event) error {
	if e == nil {
		return nil
	}
	defer e.release()
	ev := &e.event
	ev.Rows, ev.Opened, ev.Sealed, ev.Outcome, ev.Code = end.Rows, end.Opened, end.Sealed, end.Outcome, end.Code
	ev.Owners = e.names()
	if e.earlier > 0 {
		ev.OwnersTotal = e.earlier + int64(len(ev.Owners))
	}
	ev.Partial = e.missing
	ev.Millis = time.Since(ev.Time).Milliseconds()
	return e.write(kindEnd)
}

// release gives the entry back for another statement.
func (e *Entry) release() {
	const keep = 64 << 10
	if cap(e.request.members) > keep {
		e.request.members = nil
	}
	e.event, e.last, e.earlier, e.missing = Event{}, "", 0, false
	clear(e.owners)
	e.log.entries.Put(e)
}
