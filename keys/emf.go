package keys

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// EMF asks for CloudWatch metrics as Embedded Metric Format lines in the ring's log, which must write JSON at level info.
// The metrics have no dimensions, so that the lines of a fleet add up:
//
//	KMSCalls, KMSErrors, KMSThrottles   counts; errors include calls held back by the circuit breaker
//	KMSLatency                          milliseconds of single calls, at most 1000 of an interval
//	KeyCacheHits, KeyCacheMisses        counts
//	KeyCacheHitRate                     percent; absent when nobody asked for a key
//	KeysCached                          owners with keys in memory
//
// Source: CloudWatch user guide, "Specification: Embedded metric format".
type EMF struct {
	Namespace string        // CloudWatch namespace; default "phiproxy"
	Interval  time.Duration // time between two lines; default 1 min
}

const (
	emfValues   = 100  // of one metric in one line, at most
	emfLatency  = 1000 // latencies that are kept of an interval
	emfMessage  = "key metrics"
	emfPercent  = "Percent"
	emfCount    = "Count"
	emfDuration = "Milliseconds"
)

// window counts the calls of the key service since the last line.
type window struct {
	mu sync.Mutex
	n  callCount
}

type callCount struct {
	calls, errors, throttles int
	latency                  []float64 // ms
}

func (w *window) call(took time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n.calls++
	w.n.fail(err)
	ms := float64(took.Microseconds()) / 1000
	if len(w.n.latency) < emfLatency {
		w.n.latency = append(w.n.latency, ms)
	} else if i := rand.IntN(w.n.calls); i < emfLatency { // each of all calls is equally likely to be kept
		w.n.latency[i] = ms
	}
}

// heldBack counts a call that the circuit breaker did not let through.
func (w *window) heldBack() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n.errors++
}

func (n *callCount) fail(err error) {
	if err == nil {
		return
	}
	n.errors++
	var e *Error
	if errors.As(err, &e) && strings.HasPrefix(e.Code, "Throttl") {
		n.throttles++
	}
}

// next returns what was counted and begins anew.
func (w *window) next() callCount {
	w.mu.Lock()
	defer w.mu.Unlock()
	counted := w.n
	w.n = callCount{}
	return counted
}

// watchMetrics writes a line every interval and a last one at the end.
func (r *Ring) watchMetrics(ctx context.Context) {
	if r.opt.EMF == nil {
		return
	}
	o := *r.opt.EMF
	o.Namespace = orDefault(o.Namespace, "phiproxy")
	tick, stop := ticker(orDefault(o.Interval, time.Minute))
	defer stop()
	var last hitCount
	for {
		select {
		case <-ctx.Done():
			r.writeMetrics(o.Namespace, &last)
			return
		case <-tick:
			r.writeMetrics(o.Namespace, &last)
		}
	}
}

// hitCount is the state of the cache's counters.
type hitCount struct{ hits, misses uint64 }

func (r *Ring) writeMetrics(namespace string, last *hitCount) {
	m := r.opt.Metrics
	w := m.window.next()
	now := hitCount{m.hits.Load(), m.misses.Load()}
	hits, misses := now.hits-last.hits, now.misses-last.misses
	*last = now
	var l emfLine
	l.add("KMSCalls", emfCount, w.calls)
	l.add("KMSErrors", emfCount, w.errors)
	l.add("KMSThrottles", emfCount, w.throttles)
	l.add("KeyCacheHits", emfCount, hits)
	l.add("KeyCacheMisses", emfCount, misses)
	if hits+misses > 0 {
		l.add("KeyCacheHitRate", emfPercent, 100*float64(hits)/float64(hits+misses))
	}
	l.add("KeysCached", emfCount, r.Stats().TotalCached)
	for some := range slices.Chunk(w.latency, emfValues) {
		l.add("KMSLatency", emfDuration, some)
		r.opt.Log.Info(emfMessage, l.fields(namespace)...)
		l = emfLine{}
	}
	if len(l.metrics) > 0 {
		r.opt.Log.Info(emfMessage, l.fields(namespace)...)
	}
}

// emfLine is one line.
type emfLine struct {
	metrics []emfMetric
	values  []zap.Field
}

type emfMetric struct {
	Name string
	Unit string
}

func (l *emfLine) add(name, unit string, value any) {
	l.metrics = append(l.metrics, emfMetric{name, unit})
	l.values = append(l.values, zap.Any(name, value))
}

// emfDirective tells CloudWatch which fields of the line are metrics.
type emfDirective struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []emfMetric
}

func (l *emfLine) fields(namespace string) []zap.Field {
	meta := struct {
		Timestamp         int64 // ms since 1970
		CloudWatchMetrics []emfDirective
	}{time.Now().UnixMilli(), []emfDirective{{namespace, [][]string{{}}, l.metrics}}}
	return append([]zap.Field{zap.Any("_aws", meta)}, l.values...)
}
