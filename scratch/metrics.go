package scratch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the engine's counters.
type metrics struct {
	registry prometheus.Registerer
	all      []prometheus.Collector

	up         prometheus.Gauge
	restarts   prometheus.Counter
	sessions   prometheus.Gauge
	held       prometheus.Gauge
	statements *prometheus.CounterVec
	rows       prometheus.Counter
	bytes      prometheus.Counter
	phases     *prometheus.HistogramVec
}

// Results of a session, by which statements are counted.
const (
	resultOK     = "ok"
	resultServer = "error" // the server's answer was an error, for the client
	resultFailed = "failed"
)

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		registry:   registry,
		up:         prometheus.NewGauge(prometheus.GaugeOpts{Name: "phiproxy_scratch_up", Help: "1 while the scratch server runs."}),
		restarts:   prometheus.NewCounter(prometheus.CounterOpts{Name: "phiproxy_scratch_restarts_total", Help: "Times that the scratch server ended by itself."}),
		sessions:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "phiproxy_scratch_sessions", Help: "Statements that use the scratch server now."}),
		held:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "phiproxy_scratch_held_bytes", Help: "Bytes of values that are loaded now."}),
		statements: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "phiproxy_scratch_statements_total", Help: "Statements that used the scratch server, by result."}, []string{"result"}),
		rows:       prometheus.NewCounter(prometheus.CounterOpts{Name: "phiproxy_scratch_loaded_rows_total", Help: "Rows loaded into work tables."}),
		bytes:      prometheus.NewCounter(prometheus.CounterOpts{Name: "phiproxy_scratch_loaded_bytes_total", Help: "Bytes of values loaded into work tables."}),
		phases: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "phiproxy_scratch_seconds", Help: "Time by phase of a statement.", Buckets: prometheus.ExponentialBuckets(50e-6, 4, 10),
		}, []string{"phase"}),
	}
	m.all = []prometheus.Collector{m.up, m.restarts, m.sessions, m.held, m.statements, m.rows, m.bytes, m.phases}
	if registry != nil {
		registry.MustRegister(m.all...)
	}
	return m
}

func (m *metrics) unregister() {
	if m.registry == nil {
		return
	}
	for _, c := range m.all {
		m.registry.Unregister(c)
	}
}

// phase observes how long a phase took.
func (m *metrics) phase(name string, took time.Duration) {
	m.phases.WithLabelValues(name).Observe(took.Seconds())
}
