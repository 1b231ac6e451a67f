package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// Metrics are the counters of sessions and statements.
type Metrics struct {
	open    prometheus.Gauge
	relayed prometheus.Counter // statements relayed as bytes
	direct  prometheus.Counter // statements run with edits
	lookup  prometheus.Counter // statements that read rows first
	scratch prometheus.Counter // statements that the scratch server computes
	seals   prometheus.Counter // protected values encrypted
	opens   prometheus.Counter // protected values decrypted
	faults  *prometheus.CounterVec
	ends    map[fault.Culprit]prometheus.Counter
}

// NewMetrics makes the metrics and registers them; with a nil registry they only count.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	statements := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "phiproxy_statements_total", Help: "Statements by what became of them.",
	}, []string{"verdict"})
	values := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "phiproxy_values_total", Help: "Protected values sealed and opened.",
	}, []string{"operation"})
	ends := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "phiproxy_sessions_closed_total", Help: "Ended client connections by the side they are blamed on.",
	}, []string{"culprit"})
	m := &Metrics{
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "phiproxy_sessions_open", Help: "Client connections now open.",
		}),
		relayed: statements.WithLabelValues("relay"),
		direct:  statements.WithLabelValues("direct"),
		lookup:  statements.WithLabelValues("lookup"),
		scratch: statements.WithLabelValues("scratch"),
		seals:   values.WithLabelValues("seal"),
		opens:   values.WithLabelValues("open"),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phiproxy_faults_total", Help: "Errors of the proxy's own that clients were told, by id (docs/errors.md).",
		}, []string{"id"}),
		ends: make(map[fault.Culprit]prometheus.Counter),
	}
	for _, c := range culprits {
		m.ends[c] = ends.WithLabelValues(string(c))
	}
	if registry != nil {
		registry.MustRegister(statements, values, ends, m.open, m.faults)
	}
	return m
}

var culprits = [...]fault.Culprit{
	fault.Client, fault.Backend, fault.KMS, fault.Config, fault.Data, fault.Limits, fault.Auth, fault.Internal,
}

func (m *Metrics) fault(f *fault.Fault) { m.faults.WithLabelValues(f.ID).Inc() }

func (m *Metrics) closed(c fault.Culprit) { m.ends[c].Inc() }

func (m *Metrics) sealed() { m.seals.Inc() }

func (m *Metrics) opened(values int) { m.opens.Add(float64(values)) }

func (m *Metrics) planned(st *rewrite.Statement) {
	switch st.Verdict {
	case rewrite.Direct:
		m.direct.Inc()
	case rewrite.Lookup:
		m.lookup.Inc()
	case rewrite.Scratch:
		m.scratch.Inc()
	}
}
