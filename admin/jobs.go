package admin

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

const (
	maxJobs     = 16  // finished jobs remembered
	maxFailures = 100 // failures told of one job; the rest are counted
)

// States of a job.
const (
	jobRunning     = "running"
	jobDone        = "done"        // every key was rotated or left alone
	jobFailed      = "failed"      // some keys could not be rotated
	jobInterrupted = "interrupted" // it ended early: the key service denies or is out, or the proxy ended
)

// jobStatus is a job as the API shows it.
type jobStatus struct {
	JobID         string       `json:"job_id"`
	State         string       `json:"state" enum:"running,done,failed,interrupted"`
	StartedAt     time.Time    `json:"started_at"`
	FinishedAt    *time.Time   `json:"finished_at"`
	RotatedBefore time.Time    `json:"rotated_before"` // keys made since then are left alone
	Total         int          `json:"total"`          // keys to rotate
	Done          int          `json:"done"`           // of them handled, failures included
	Failed        int          `json:"failed"`
	Failures      []jobFailure `json:"failures"` // the first of them
	Error         string       `json:"error"`    // why it was interrupted
	PerformedBy   string       `json:"performed_by"`
}

type jobFailure struct {
	UserID string `json:"user_id"`
	Error  string `json:"error"`
}

// jobs are the background jobs, one running at a time.
type jobs struct {
	background context.Context
	work       *sync.WaitGroup
	log        *zap.Logger

	mu   sync.Mutex
	list []*jobStatus // oldest first
}

func newJobs(background context.Context, work *sync.WaitGroup, log *zap.Logger) *jobs {
	return &jobs{background: background, work: work, log: log}
}

// begin registers a job, unless one runs: that one's id is returned then.
func (j *jobs) begin(before time.Time, by string) (job *jobStatus, running string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.list); n > 0 && j.list[n-1].State == jobRunning {
		return nil, j.list[n-1].JobID
	}
	job = &jobStatus{
		JobID: rand.Text(), State: jobRunning, StartedAt: time.Now().UTC(), RotatedBefore: before,
		Failures: []jobFailure{}, PerformedBy: by,
	}
	j.list = append(j.list, job)
	if len(j.list) > maxJobs {
		j.list = j.list[1:]
	}
	return job, ""
}

// get is a copy of a job's state.
func (j *jobs) get(id string) (jobStatus, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, job := range j.list {
		if job.JobID == id {
			state := *job
			state.Failures = append([]jobFailure{}, job.Failures...)
			return state, true
		}
	}
	return jobStatus{}, false
}

// change alters a job's state.
func (j *jobs) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

// step notes the outcome for one owner.
func (j *jobs) step(job *jobStatus, step keys.BulkStep) {
	j.change(func() {
		job.Total, job.Done = step.Total, step.Done
		if step.Err == nil {
			return
		}
		if job.Failed++; len(job.Failures) < maxFailures {
			job.Failures = append(job.Failures, jobFailure{step.Owner, reasonOf(step.Err)})
		}
	})
}

// end notes that a job has ended.
func (j *jobs) end(job *jobStatus, err error) {
	j.change(func() {
		job.FinishedAt = new(time.Now().UTC())
		switch {
		case err != nil:
			job.State, job.Error = jobInterrupted, reasonOf(err)
		case job.Failed > 0:
			job.State = jobFailed
		default:
			job.State = jobDone
		}
		j.log.Info("rotation of all keys ended", zap.String("job", job.JobID), zap.String("state", job.State),
			zap.Int("keys", job.Total), zap.Int("done", job.Done), zap.Int("failed", job.Failed))
	})
}

func (s *Server) rotateAll(ctx context.Context, c *call) (any, error) {
	ctx, err := s.acting(ctx, c)
	if err != nil {
		return nil, err
	}
	before := c.values.moment("rotated_before")
	if before.IsZero() {
		before = time.Now()
	}
	before = before.UTC().Truncate(time.Second) // the store's clock has whole seconds
	job, running := s.jobs.begin(before, c.who.String())
	if job == nil {
		return nil, fail(http.StatusConflict, "A rotation is running: "+running)
	}
	ctx = detach(ctx, s.jobs.background)
	s.work.Go(func() { s.jobs.end(job, s.rotateOlder(ctx, job)) })
	state, _ := s.jobs.get(job.JobID)
	return state, nil
}

// detach keeps ctx's values, the actor among them, under another's end: the job outlives its request.
func detach(ctx, life context.Context) context.Context {
	return detached{life, ctx}
}

type detached struct {
	context.Context
	values context.Context
}

func (d detached) Value(key any) any {
	if v := d.values.Value(key); v != nil {
		return v
	}
	return d.Context.Value(key)
}

// rotateOlder rotates the active keys that are older than the job.
func (s *Server) rotateOlder(ctx context.Context, job *jobStatus) error {
	owners, err := s.olderKeys(ctx, job.RotatedBefore)
	if err != nil {
		return err
	}
	s.jobs.change(func() { job.Total = len(owners) })
	_, err = s.options.Keys.Bulk(ctx, owners, s.options.Keys.Rotate, func(step keys.BulkStep) { s.jobs.step(job, step) })
	return err
}

// olderKeys lists the owners whose active key was made before a time.
func (s *Server) olderKeys(ctx context.Context, before time.Time) ([]string, error) {
	var owners []string
	page := store.Page{Limit: 1000}
	for {
		found, err := s.options.Store.List(ctx, store.Filter{State: store.StateActive}, page)
		if err != nil {
			return nil, err
		}
		for _, k := range found.Owners {
			if made := madeAt(k); made.Before(before) {
				owners = append(owners, k.Owner)
			}
		}
		if page.After = found.Next; page.After == "" {
			return owners, nil
		}
	}
}

// madeAt is when an owner's current version was made; the zero time when that is unknown.
func madeAt(k store.OwnerKey) time.Time {
	if k.RotatedAt != nil {
		return *k.RotatedAt
	}
	return k.CreatedAt
}

func (s *Server) rotateAllStatus(_ context.Context, c *call) (any, error) {
	state, ok := s.jobs.get(c.path("job_id"))
	if !ok {
		return nil, fail(http.StatusNotFound, "There is no such job; jobs are forgotten when the proxy ends")
	}
	return state, nil
}
