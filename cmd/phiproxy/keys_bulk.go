package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

// subject is an owner that a command is about.
type subject struct {
	id    string
	label string // who that is, for people; may be empty
}

// String is the owner as lists show him.
func (s subject) String() string {
	if s.label == "" {
		return visible(s.id)
	}
	return visible(s.id) + " (" + visible(s.label) + ")"
}

// subjectOf labels a user as the guide's script does: "John Smith - john@example.com".
func subjectOf(u store.User) subject {
	name := join(" ", u.FirstName, u.LastName)
	return subject{id: u.ID, label: join(" - ", name, u.Email)}
}

func join(separator, a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + separator + b
}

// bulk is one act for many owners.
type bulk struct {
	subjects []subject
	worked   string // said of each owner for whom it worked; %s is his id
	act      func(ctx context.Context, owner string) (version int, err error)
}

// failure is one owner for whom it did not work.
type failure struct {
	id  string
	err error
}

// outcome says what became of the owners.
type outcome struct {
	succeeded int
	failed    []failure
	left      []subject // not begun
	elapsed   time.Duration
	stopped   error // why there are some left
}

var (
	errInterrupted = errors.New("interrupted before the end")
	errSomeFailed  = errors.New("not everything worked, see above")
)

func (r *outcome) err() error {
	switch {
	case errors.Is(r.stopped, context.Canceled):
		return errInterrupted
	case r.stopped != nil:
		return r.stopped
	case len(r.failed) > 0:
		return errSomeFailed
	}
	return nil
}

func (r *outcome) add(s subject, err error) {
	if err != nil {
		r.failed = append(r.failed, failure{s.id, err})
		return
	}
	r.succeeded++
}

// run does it. Owners that have begun when the context ends come to their end.
func (o *operator) run(ctx context.Context, b bulk) outcome {
	began := time.Now()
	byID, ids := map[string]subject{}, make([]string, len(b.subjects))
	for i, s := range b.subjects {
		byID[s.id], ids[i] = s, s.id
	}
	var r outcome
	show := newProgress(o.env.out, len(ids), b.worked)
	_, r.stopped = o.ring.Bulk(ctx, ids, b.act, func(step keys.BulkStep) {
		s := byID[step.Owner]
		delete(byID, step.Owner)
		r.add(s, step.Err)
		show.done(step.Done, step.Total, s, step.Err)
	})
	show.end()
	for _, s := range b.subjects {
		if _, left := byID[s.id]; left {
			r.left = append(r.left, s)
		}
	}
	r.elapsed = time.Since(began)
	return r
}

// printOutcome prints the guide's RESULTS.
func (o *operator) printOutcome(r *outcome, again string) {
	o.printf("\nRESULTS\nTotal users processed: %d\nSuccessful: %d\nFailed: %d\nTime elapsed: %.1f seconds\n",
		r.succeeded+len(r.failed), r.succeeded, len(r.failed), r.elapsed.Seconds())
	o.printFailures(r.failed)
	if len(r.left) > 0 {
		o.printf("\nLeft: %d users, from %s on\nGo on with: %s\n", len(r.left), r.left[0], again)
	}
}

func (o *operator) printFailures(failed []failure) {
	if len(failed) == 0 {
		return
	}
	o.printf("\nErrors:\n")
	for _, f := range failed {
		o.printf("  - %s: %v\n", visible(f.id), f.err)
	}
}

// plural is "1 user", "2 users".
func plural[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
