package main

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestReadRate(t *testing.T) {
	got, err := readRate([]byte("SQL statistics:\n    queries:                             12345  (4115.31 per sec.)\n    ignored errors: 0\nLatency (ms):\n    99th percentile:   1.50\n"))
	if err != nil || got != (rate{throughput: 4115.31, p99: 1.5}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := readRate([]byte("FATAL: no connection")); err == nil {
		t.Error("an output without figures was read")
	}
}

func TestCompare(t *testing.T) {
	r := compare(workload{}, map[string][]rate{
		direct:   {{100, 1, 0}, {200, 1, 0}, {100, 1, 0}},
		haproxy:  {{80, 2, 1}, {100, 2, 1}, {80, 2, 1}},
		phiproxy: {{40, 4, 3}, {80, 2, 2}, {60, 6, 5}},
	})
	if r.toDirect != (spread{0.4, 0.4, 0.6}) || r.toHAProxy != (spread{0.75, 0.5, 0.8}) || r.latency != (spread{2, 1, 3}) || r.cpu != (spread{3, 2, 5}) {
		t.Errorf("%+v", r)
	}
}

func TestInsertSQL(t *testing.T) {
	a, b := insertSQL(rand.New(rand.NewPCG(1, 2)), 500, caseOf), insertSQL(rand.New(rand.NewPCG(1, 2)), 500, caseOf)
	if a != b || strings.Count(a, "('c") != batch || !strings.Contains(a, "('c0000500', 'u5', ") {
		t.Errorf("%.200s", a)
	}
}
