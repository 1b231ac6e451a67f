package keys_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"phiproxy/keys"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// emfLine is a line as CloudWatch reads it.
type emfLine struct {
	AWS struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
	values map[string]any
}

// parseEMF checks what the specification wants of a line.
func parseEMF(t *testing.T, text []byte) (l emfLine) {
	t.Helper()
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &l.values); err != nil {
		t.Fatal(err)
	}
	if len(l.AWS.CloudWatchMetrics) != 1 || l.AWS.Timestamp == 0 {
		t.Fatalf("got %s", text)
	}
	d := l.AWS.CloudWatchMetrics[0]
	if d.Namespace != "clinic" || len(d.Dimensions) != 1 || len(d.Dimensions[0]) != 0 || len(d.Metrics) == 0 || len(d.Metrics) > 100 {
		t.Errorf("got %+v", d)
	}
	for _, m := range d.Metrics {
		switch v := l.values[m.Name].(type) {
		case float64:
		case []any:
			if len(v) == 0 || len(v) > 100 {
				t.Errorf("%s has %d values", m.Name, len(v))
			}
		default:
			t.Errorf("%s is %v", m.Name, v)
		}
	}
	return l
}

func TestEMF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.InfoLevel))
		s, p := newMemStore(), newKMS(t)
		p.onCall = func() { time.Sleep(7 * time.Millisecond) }
		r := newRing(t, s, p, keys.RingOptions{Log: log, EMF: &keys.EMF{Namespace: "clinic", Interval: time.Minute}})
		for i := range 150 {
			forWrite(t, r, fmt.Sprintf("U%d", i))
			forWrite(t, r, fmt.Sprintf("U%d", i))
		}
		p.fail(keys.ErrUnavailable)
		for range 5 {
			r.Check(t.Context())
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		latencies := 0
		for _, text := range lines {
			if some, ok := parseEMF(t, text).values["KMSLatency"].([]any); ok {
				latencies += len(some)
				if some[0] != 7.0 {
					t.Errorf("got %v ms", some[0])
				}
			}
		}
		if len(lines) != 4 || latencies != 303 {
			t.Errorf("%d lines, %d latencies", len(lines), latencies)
		}
		want := map[string]float64{
			"KMSCalls": 303, "KMSErrors": 5, "KMSThrottles": 0, "KeyCacheHits": 150, "KeyCacheMisses": 150, "KeyCacheHitRate": 50, "KeysCached": 150,
		}
		first := parseEMF(t, lines[0])
		for name, n := range want {
			if first.values[name] != n {
				t.Errorf("%s is %v, not %v", name, first.values[name], n)
			}
		}
		out.Reset()
		r.Close() // writes the last line
		if last := parseEMF(t, out.Bytes()); last.values["KMSCalls"] != 0.0 || last.values["KeyCacheHitRate"] != nil {
			t.Errorf("got %v", last.values)
		}
	})
}

func TestStatsInTheGuidesShape(t *testing.T) {
	s, p := newMemStore(), newKMS(t)
	r := newRing(t, s, p, keys.RingOptions{})
	forWrite(t, r, "U1")
	text, err := json.Marshal(r.Stats())
	if want := `{"total_cached":1,"expired_count":0,"active_count":1,"cache_ttl_hours":24}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
}
