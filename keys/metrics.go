package keys

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what a ring does.
type Metrics struct {
	hits, misses   atomic.Uint64 // questions answered from the cache, and those that were not
	stale, dropped prometheus.Counter
	evictions      *prometheus.CounterVec   // by reason: clear, revoked, corrupt, fleet, ...
	calls          *prometheus.CounterVec   // by operation and outcome
	seconds        *prometheus.HistogramVec // by operation
	generated      *prometheus.CounterVec   // by operation: generate, rotate
	window         window                   // for EMF
}

// NewMetrics makes the collectors and registers them; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "phiproxy", Subsystem: "keys", Name: name, Help: help}
	}
	m := &Metrics{
		stale:     prometheus.NewCounter(counter("stale_served_total", "Keys past their time to live that were used because of an outage.")),
		dropped:   prometheus.NewCounter(counter("cache_dropped_total", "Loaded keys that the cache did not keep: it is too small, or they were removed meanwhile.")),
		evictions: prometheus.NewCounterVec(counter("evictions_total", "Removals from the cache before the time to live."), []string{"reason"}),
		calls:     prometheus.NewCounterVec(counter("kms_calls_total", "Calls of the key service."), []string{"operation", "outcome"}),
		generated: prometheus.NewCounterVec(counter("versions_created_total", "Key versions created."), []string{"operation"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "phiproxy", Subsystem: "keys", Name: "kms_seconds", Help: "Duration of calls of the key service.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 12),
		}, []string{"operation"}),
	}
	if reg != nil {
		reg.MustRegister(m.stale, m.dropped, m.evictions, m.calls, m.generated, m.seconds,
			prometheus.NewCounterFunc(counter("cache_hits_total", "Questions for an owner's keys answered from the cache."),
				func() float64 { return float64(m.hits.Load()) }),
			prometheus.NewCounterFunc(counter("cache_misses_total", "Questions for an owner's keys that had to wait for the store and the key service."),
				func() float64 { return float64(m.misses.Load()) }))
	}
	return m
}

func (m *Metrics) call(operation string, took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = kindOf(err)
	}
	m.calls.WithLabelValues(operation, outcome).Inc()
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
	m.window.call(took, err)
}

// heldBack counts a call that the circuit breaker did not let through.
func (m *Metrics) heldBack(operation string) {
	m.calls.WithLabelValues(operation, "held_back").Inc()
	m.window.heldBack()
}
