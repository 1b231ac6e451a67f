package admin

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	checkTimeout = 5 * time.Second // for all checks of one report together
	reportAge    = 5 * time.Second // a report is that old at most: probes must not become load on the key service
)

// Check is one thing that must work before the proxy is ready.
type Check struct {
	Name string
	Run  func(context.Context) error // its error goes to the log, not to the client
}

// Report is what /readyz answers.
type Report struct {
	Ready  bool     `json:"ready"`
	Checks []Result `json:"checks,omitempty"`
}

// Result is the outcome of one check.
type Result struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}

// readiness runs the checks, one report at a time, and remembers the last report for a moment.
type readiness struct {
	checks []Check
	log    *zap.Logger

	mu   sync.Mutex
	last Report
	made time.Time
}

func (r *readiness) report(ctx context.Context) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.made.IsZero() && time.Since(r.made) < reportAge {
		return r.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	r.last = r.run(ctx)
	r.made = time.Now()
	return r.last
}

// run runs all checks at once, so that one that hangs does not hide the others.
func (r *readiness) run(ctx context.Context) Report {
	report := Report{Ready: true, Checks: make([]Result, len(r.checks))}
	var group sync.WaitGroup
	for i, check := range r.checks {
		group.Go(func() {
			err := check.Run(ctx)
			if err != nil {
				r.log.Warn("not ready", zap.String("check", check.Name), zap.Error(err))
			}
			report.Checks[i] = Result{Name: check.Name, OK: err == nil}
		})
	}
	group.Wait()
	for _, result := range report.Checks {
		report.Ready = report.Ready && result.OK
	}
	return report
}
