package keys

import (
	"encoding/json"
	"time"
)

// Health is what the ring knows of its key service.
type Health struct {
	Checked   time.Time // of the last call; zero before the first
	Kind      string    // "" when that one succeeded, else "unavailable", "revoked" or "corrupt"
	Since     time.Time // when it began to be so
	OutageNow bool      // the circuit breaker holds calls back
}

// Health tells how the last call of the key service ended. It calls nothing.
func (r *Ring) Health() Health {
	return Health{OutageNow: r.kms.breaker.open()}
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
