package keys

import (
	"encoding/json"
	"errors"
	"time"
)

// Health is what the ring knows of its key service.
type Health struct {
	Checked   time.Time // of the last call; zero before the first
	Kind      string    // "" when the service answered, else "unavailable" or "revoked"
	Since     time.Time // first call of the present series with this outcome
	OutageNow bool      // the circuit breaker holds calls back
}

// Health tells how the last call of the key service ended. It calls nothing.
func (r *Ring) Health() Health {
	r.kms.mu.Lock()
	defer r.kms.mu.Unlock()
	h := r.kms.health
	h.OutageNow = r.kms.breaker.open()
	return h
}

// note takes a call's outcome.
func (g *guard) note(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	kind := kindOf(err)
	if errors.Is(err, ErrCorrupt) { // one blob is bad: the service is well
		kind = ""
	}
	first := g.health.Checked.IsZero()
	g.health.Checked = time.Now()
	if first || kind != g.health.Kind {
		g.health.Kind, g.health.Since = kind, g.health.Checked
	}
}

// TTLHours is the time to live as the guide's cache_stats has it.
func (s Stats) TTLHours() float64 { return s.TTL.Hours() }

// MarshalJSON gives the guide's cache_stats: total_cached, expired_count, active_count, cache_ttl_hours.
func (s Stats) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		TotalCached  int     `json:"total_cached"`
		ExpiredCount int     `json:"expired_count"`
		ActiveCount  int     `json:"active_count"`
		TTLHours     float64 `json:"cache_ttl_hours"`
	}{s.TotalCached, s.ExpiredCount, s.ActiveCount, s.TTLHours()})
}
