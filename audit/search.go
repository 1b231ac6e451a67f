package audit

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Query selects events. Zero fields select all.
type Query struct {
	// Owner is the one whose values were touched, or may have been: unfinished statements are found for every owner, and so
	// are those of whose owners a record was lost.
	Owner    string
	User     string    // database user or application user
	From, To time.Time // events that overlap this time, both ends included
	Outcome  string
	Limit    int             // most events; 0 for no limit
	Done     <-chan struct{} // ends the search with ErrStopped when it is closed, as ctx.Done() is; nil never does
}

// clockSlack is how far a clock may have been set back without Search leaving a file out that it should read.
const clockSlack = time.Hour

// Search yields one event for each statement of a directory's log, in the order in which they ended; those that have no
// end come where the log shows that there will be none. It streams: memory is bounded by the statements that run at one
// time. It does not verify. A line that cannot be read is yielded as a *Problem, and the search goes on.
func Search(dir string, q Query) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := searcher{q: q, open: make(map[uint64]*running), yield: yield}
		if q.Owner != "" {
			s.owner = appendQuoted(nil, q.Owner)
		}
		if err := s.run(dir); err != nil && err != errEnough {
			yield(Event{}, err)
		}
	}
}

// ErrStopped is yielded last by a search that Query.Done ended.
var ErrStopped = errors.New("audit: the search was stopped")

// errEnough ends a search early.
var errEnough = errors.New("audit: enough was found")

type searcher struct {
	q     Query
	owner []byte              // as it stands in records
	open  map[uint64]*running // id -> statement whose end was not read yet
	yield func(Event, error) bool
	found int
	at    Problem // the line that is read, should it be no record
}

// running is a statement between its records.
type running struct {
	begin   []byte   // line; nil when it was not read
	at      Problem  // where that stands
	matched bool     // one of owners is the one looked for
	owners  []string // of kindMore, at most MaxOwners
	total   int64
}

func (s *searcher) run(dir string) error {
	numbers, err := fileNumbers(dir)
	if err != nil {
		return err
	}
	heads := make([]time.Time, len(numbers))
	for i, n := range numbers {
		if heads[i], err = beginning(filepath.Join(dir, fileName(n))); err != nil {
			return err
		}
	}
	for _, n := range numbers[s.firstFile(heads):] {
		if err := s.file(dir, n); err != nil {
			return err
		}
	}
	return s.unfinished(time.Now())
}

// firstFile finds the last file that was begun before the time looked for.
func (s *searcher) firstFile(heads []time.Time) int {
	if s.q.From.IsZero() {
		return 0
	}
	for i := len(heads) - 1; i > 0; i-- {
		if !heads[i].IsZero() && heads[i].Before(s.q.From.Add(-clockSlack)) {
			return i
		}
	}
	return 0
}

// beginning returns when a file was begun; the zero time when its first line cannot be read.
func beginning(file string) (time.Time, error) {
	l, err := openLines(file)
	if err != nil {
		return time.Time{}, err
	}
	defer l.close()
	line, err := l.next()
	if err != nil {
		return time.Time{}, nil
	}
	r, err := parse(line)
	if err != nil || r.Kind != kindFile {
		return time.Time{}, nil
	}
	return r.Time, nil
}

func (s *searcher) file(dir string, number uint64) error {
	name := fileName(number)
	l, err := openLines(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer l.close()
	for {
		line, err := l.next()
		if err == io.EOF {
			return nil
		}
		if l.n%stopEvery == 0 && s.stopped() {
			return ErrStopped
		}
		s.at = Problem{File: name, Line: l.n, Text: errForm.Error()}
		if err == nil {
			err = s.line(line)
		}
		if err == errForm || err == errLong {
			err = s.unreadable(s.at)
		}
		if err != nil {
			return err
		}
	}
}

// unreadable tells of a line that is no record.
func (s *searcher) unreadable(at Problem) error {
	if !s.yield(Event{}, &at) {
		return errEnough
	}
	return nil
}

// stopEvery is after how many lines a search looks whether it was stopped.
const stopEvery = 256

func (s *searcher) stopped() bool {
	select {
	case <-s.q.Done: // a nil channel is never ready
		return true
	default:
		return false
	}
}

// line takes one record. Most need no decoding when an owner is looked for.
func (s *searcher) line(line []byte) error {
	kind, id := peek(line)
	switch kind {
	case kindBegin:
		s.open[id] = &running{begin: bytes.Clone(line), at: s.at}
	case kindMore:
		return s.more(line)
	case kindEnd:
		return s.ended(line, id)
	case kindFile:
		return s.begun(line)
	case kindSign, kindGap:
	default:
		return errForm
	}
	return nil
}

// peek reads the kind and id of a record from the front of its line, where they always stand.
func peek(line []byte) (kind string, id uint64) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"n":`))
	if !ok || len(line) < hashText {
		return "", 0
	}
	_, rest, _ = bytes.Cut(rest, []byte(`,"kind":"`))
	word, rest, _ := bytes.Cut(rest, []byte{'"'})
	if digits, ok := bytes.CutPrefix(rest, []byte(`,"id":`)); ok {
		digits, _, _ = bytes.Cut(digits, []byte{','})
		id, _ = strconv.ParseUint(string(digits), 10, 64)
	}
	return string(word), id
}

// begun takes the first line of a file. A process that starts shows that nothing goes on of what ran before.
func (s *searcher) begun(line []byte) error {
	r, err := parse(line)
	if err != nil {
		return err
	}
	if r.Why == startOfProcess {
		if err := s.unfinished(r.Time); err != nil {
			return err
		}
	}
	if !s.q.To.IsZero() && len(s.open) == 0 && r.Time.After(s.q.To.Add(clockSlack)) {
		return errEnough
	}
	return nil
}

func (s *searcher) more(line []byte) error {
	r, err := parse(line)
	if err != nil {
		return err
	}
	run := s.open[r.ID]
	if run == nil {
		run = new(running)
		s.open[r.ID] = run
	}
	run.matched = run.matched || slices.Contains(r.Owners, s.q.Owner)
	run.owners = append(run.owners, r.Owners[:min(len(r.Owners), MaxOwners-len(run.owners))]...)
	run.total += int64(len(r.Owners))
	return nil
}

func (s *searcher) ended(line []byte, id uint64) error {
	run := s.open[id]
	delete(s.open, id)
	if run == nil || run.begin == nil && run.total == 0 {
		run = new(running)
	}
	if s.owner != nil && !run.matched && !bytes.Contains(line, s.owner) && !bytes.Contains(line, []byte(`"owners_`)) {
		return nil
	}
	r, err := parse(line)
	if err != nil {
		return err
	}
	e := r.Event
	unread := e.OwnersTotal > int64(len(e.Owners))+run.total // records in files that were left out
	if s.q.Owner != "" && !run.matched && !e.Partial && !unread && !slices.Contains(e.Owners, s.q.Owner) {
		return nil
	}
	e.Owners = append(run.owners, e.Owners[:min(len(e.Owners), MaxOwners-len(run.owners))]...)
	return s.match(e, e.end())
}

// unfinished yields the statements that have no end, at a time when they could have none any more.
func (s *searcher) unfinished(until time.Time) error {
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		run := s.open[id]
		delete(s.open, id)
		if run.begin == nil {
			continue // it began before the files that are read
		}
		r, err := parse(run.begin)
		if err != nil {
			if err := s.unreadable(run.at); err != nil {
				return err
			}
			continue
		}
		e := r.Event
		e.Outcome, e.Owners, e.OwnersTotal = Unfinished, run.owners, run.total
		if err := s.match(e, until); err != nil {
			return err
		}
	}
	return nil
}

// match yields an event that is asked for.
func (s *searcher) match(e Event, end time.Time) error {
	q := &s.q
	switch {
	case q.User != "" && q.User != e.User && q.User != e.Application,
		q.Outcome != "" && q.Outcome != e.Outcome,
		!q.To.IsZero() && e.Time.After(q.To),
		!q.From.IsZero() && end.Before(q.From):
		return nil
	}
	s.found++
	if !s.yield(e, nil) || q.Limit > 0 && s.found >= q.Limit {
		return errEnough
	}
	return nil
}
