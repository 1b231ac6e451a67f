package admin

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"

	"phiproxy/audit"
)

// statusReport is everything that the page shows at a glance.
type statusReport struct {
	User          statusUser     `json:"user"`
	Build         Build          `json:"build"`
	Started       time.Time      `json:"started"`
	Listen        string         `json:"listen"`
	Backend       string         `json:"backend"`
	Tables        []Table        `json:"tables"`
	Ready         Report         `json:"ready"`
	Coverage      *Coverage      `json:"coverage"`
	CoverageError string         `json:"coverage_error"` // why coverage is null
	Cache         statusCache    `json:"cache"`
	KMS           statusKMS      `json:"kms"`
	Verdicts      map[string]int `json:"verdicts"` // statements by verdict
	Refusals      []refusal      `json:"refusals"` // of statements about protected tables, the most frequent first
	Audit         *audit.Health  `json:"audit"`    // null when no access log is kept
	Admin         statusAdmin    `json:"admin"`
}

// statusUser is who asks.
type statusUser struct {
	Name        string     `json:"name"`
	Kind        string     `json:"kind" enum:"token,certificate"`
	Role        string     `json:"role" enum:"viewer,admin"`
	AdminUserID string     `json:"admin_user_id"` // the application's user it acts as; "" when it may name any
	Expires     *time.Time `json:"expires"`
}

type statusCache struct {
	cacheStats
	Hits   int `json:"hits"`
	Misses int `json:"misses"`
}

type statusKMS struct {
	Provider  string     `json:"provider"`
	MasterKey string     `json:"master_key"`
	State     string     `json:"state" enum:"closed,open"` // of the circuit breaker: open holds calls back
	Calls     int        `json:"calls"`
	Errors    int        `json:"errors"`
	LastError string     `json:"last_error"` // kind, "" when the last call succeeded
	Since     *time.Time `json:"since"`      // of the present outcome
	LastCall  *time.Time `json:"last_call"`
}

type refusal struct {
	Reason string `json:"reason"` // PHI number
	Count  uint64 `json:"count"`
}

type statusAdmin struct {
	AuthFailures int `json:"auth_failures"`
}

func (s *Server) status(ctx context.Context, c *call) (any, error) {
	totals := s.totals()
	answer := statusReport{
		User:     statusUser{c.who.name, c.who.kind, c.who.role.String(), c.who.userID, momentOrNull(c.who.expires)},
		Build:    s.options.Build,
		Started:  s.started.UTC(),
		Listen:   s.options.Listen,
		Backend:  s.options.Backend,
		Tables:   firstOf(s.options.Tables, len(s.options.Tables)),
		Ready:    s.ready.report(ctx),
		Cache:    statusCache{s.cacheStats(), totals.of("phiproxy_keys_cache_hits_total"), totals.of("phiproxy_keys_cache_misses_total")},
		KMS:      s.kms(totals),
		Verdicts: totals.by("phiproxy_statements_total", "verdict"),
		Refusals: refusals(s.options.Statements()),
		Admin:    statusAdmin{totals.of("phiproxy_admin_auth_failures_total")},
	}
	var err error
	if answer.Coverage, err = s.coverage.get(ctx); err != nil {
		answer.CoverageError = reasonOf(err)
	}
	if s.options.Audit != nil {
		answer.Audit = new(s.options.Audit())
	}
	return answer, nil
}

func (s *Server) kms(t totals) statusKMS {
	health := s.options.Keys.Health()
	calls := t.by("phiproxy_keys_kms_calls_total", "outcome")
	answer := statusKMS{
		Provider: s.options.Provider, MasterKey: s.options.MasterKey, State: "closed", LastError: health.Kind,
		Since: momentOrNull(health.Since), LastCall: momentOrNull(health.Checked),
	}
	if health.OutageNow {
		answer.State = "open"
	}
	for outcome, n := range calls {
		answer.Calls += n
		if outcome != "ok" {
			answer.Errors += n
		}
	}
	return answer
}

func refusals(list []Statement) []refusal {
	counts := map[string]uint64{} // reason -> count
	for _, st := range list {
		if st.Reason != "" {
			counts[st.Reason] += st.Count
		}
	}
	found := make([]refusal, 0, len(counts))
	for reason, n := range counts {
		found = append(found, refusal{reason, n})
	}
	slices.SortFunc(found, func(a, b refusal) int {
		if a.Count != b.Count {
			return int(min(b.Count, 1<<30)) - int(min(a.Count, 1<<30))
		}
		return strings.Compare(a.Reason, b.Reason)
	})
	return found
}

func (s *Server) countCoverage(ctx context.Context) (*Coverage, error) {
	total, with, err := s.options.Users.Coverage(ctx)
	if err != nil {
		s.log.Warn("key coverage cannot be counted", zap.String("error", reasonOf(err)))
		return nil, err
	}
	return new(newCoverage(total, with)), nil
}

// totals are the proxy's counters.
type totals map[string]*dto.MetricFamily

func (s *Server) totals() totals {
	families, err := s.options.Metrics.Gather()
	if err != nil {
		s.log.Warn("gathering metrics", zap.Error(err)) // what could be gathered is shown
	}
	t := totals{}
	for _, f := range families {
		t[f.GetName()] = f
	}
	return t
}

// of is the sum of a counter over its labels.
func (t totals) of(name string) int {
	sum := 0
	for _, m := range t[name].GetMetric() {
		sum += int(m.GetCounter().GetValue())
	}
	return sum
}

// by is a counter's values by one of its labels.
func (t totals) by(name, label string) map[string]int {
	sums := map[string]int{}
	for _, m := range t[name].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == label {
				sums[l.GetValue()] += int(m.GetCounter().GetValue())
			}
		}
	}
	return sums
}

// memo keeps what is costly to make for a moment, so that a page which asks every few seconds is no load.
type memo[T any] struct {
	make func(context.Context) (T, error)

	mu   sync.Mutex
	last T
	err  error
	made time.Time
}

func (m *memo[T]) get(ctx context.Context) (T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.made.IsZero() && time.Since(m.made) < reportAge {
		return m.last, m.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	m.last, m.err = m.make(ctx)
	m.made = time.Now()
	return m.last, m.err
}
