package audit

import "github.com/prometheus/client_golang/prometheus"

var (
	writableDesc = prometheus.NewDesc("phiproxy_access_log_writable", "Whether the access log can be written: 1 or 0.", nil, nil)
	recordsDesc  = prometheus.NewDesc("phiproxy_access_log_records", "Number of the access log's last record.", nil, nil)
	refusedDesc  = prometheus.NewDesc("phiproxy_access_log_refused_total", "Statements refused because the access log could not be written.", nil, nil)
	lostDesc     = prometheus.NewDesc("phiproxy_access_log_lost_total", "Records that the access log misses.", nil, nil)
)

// Describe implements prometheus.Collector.
func (l *Log) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{writableDesc, recordsDesc, refusedDesc, lostDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (l *Log) Collect(out chan<- prometheus.Metric) {
	h := l.Health()
	writable := 0.0
	if h.OK {
		writable = 1
	}
	out <- prometheus.MustNewConstMetric(writableDesc, prometheus.GaugeValue, writable)
	out <- prometheus.MustNewConstMetric(recordsDesc, prometheus.GaugeValue, float64(h.Records))
	out <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(h.Refused))
	out <- prometheus.MustNewConstMetric(lostDesc, prometheus.CounterValue, float64(h.Lost))
}
