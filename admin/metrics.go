package admin

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// metrics count what the port is asked.
type metrics struct {
	requests *prometheus.CounterVec // by route and status
	failures *prometheus.CounterVec // of authentication, by reason
	denied   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	name := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "phiproxy", Subsystem: "admin", Name: name, Help: help}
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(name("requests_total", "Requests of the admin port by route and status."), []string{"route", "status"}),
		failures: prometheus.NewCounterVec(name("auth_failures_total", "Failed authentications at the admin port by reason."), []string{"reason"}),
		denied:   prometheus.NewCounter(name("denied_total", "Requests of the admin port whose principal lacks the role.")),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.failures, m.denied)
	}
	return m
}

func (m *metrics) answered(row *route, status int) {
	m.requests.WithLabelValues(row.method+" "+row.path, strconv.Itoa(status)).Inc()
}

// sampled is the log for what anybody can cause: the first ten a minute and each thousandth after them.
func sampled(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 10, 1000)
	}))
}
