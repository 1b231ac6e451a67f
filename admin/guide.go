package admin

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

// The endpoints of the guide. Fields stand in the order of the original's answers, and texts are the original's, except
// that the reason behind a 500 is one of our constants.

// guideTime is Python's isoformat() of a DATETIME without a zone; it is UTC.
const guideTime = "2006-01-02T15:04:05"

// leastAdmin is the least user_type of an administrator.
const leastAdmin = 100

// keyMade is the answer of generate-key and rotate-key.
type keyMade struct {
	Success    bool   `json:"success"`
	UserID     string `json:"user_id"`
	KeyVersion int    `json:"key_version"`
	Message    string `json:"message"`
	Millis     int64  `json:"execution_time_ms"`
}

func (s *Server) generateKey(ctx context.Context, c *call) (any, error) {
	owner := strings.TrimSpace(c.values.text("user_id"))
	if owner == "" {
		return nil, fail(http.StatusBadRequest, "Invalid user_id parameter")
	}
	ctx, err := s.acting(ctx, c)
	if err != nil {
		return nil, err
	}
	switch found, err := s.activeUser(ctx, owner); {
	case err != nil:
		return nil, failBy("Encryption key generation failed", err)
	case !found:
		return nil, fail(http.StatusNotFound, "Target user not found: "+owner)
	}
	version, err := s.options.Keys.Generate(ctx, owner)
	if err != nil {
		return nil, failBy("Encryption key generation failed", err)
	}
	return keyMade{true, owner, version, "Encryption key generated successfully", c.took()}, nil
}

// acting checks admin_user_id: it must be the user that the principal acts as, if that is bound to one, and an active
// administrator of the application. Key operations under the returned context are recorded as his and the principal's.
func (s *Server) acting(ctx context.Context, c *call) (context.Context, error) {
	id := strings.TrimSpace(c.values.text(adminUser.name))
	switch {
	case !c.values.has(adminUser.name):
		id = c.who.userID
	case id == "":
		return nil, fail(http.StatusBadRequest, "Invalid admin_user_id parameter")
	case c.who.userID != "" && c.who.userID != id:
		return nil, fail(http.StatusForbidden, "admin_user_id is not the user that these credentials act as")
	}
	switch user, err := s.options.Users.Get(ctx, id); {
	case err != nil:
		return nil, failBy("Error validating user access", err)
	case user == nil || !user.Active:
		return nil, fail(http.StatusNotFound, "User not found or inactive")
	case user.Type < leastAdmin:
		return nil, fail(http.StatusForbidden, "Insufficient privileges. Admin access required (user_type >= 100)")
	}
	return keys.WithActor(ctx, keys.Actor{PerformedBy: id, IPAddress: c.address, Principal: c.who.String()}), nil
}

func (s *Server) activeUser(ctx context.Context, id string) (bool, error) {
	user, err := s.options.Users.Get(ctx, id)
	return user != nil && user.Active, err
}

// coverageStatus is the answer of key-status about everybody.
type coverageStatus struct {
	Coverage
	Cache cacheStats `json:"cache_stats"`
}

// Coverage counts the application's active users.
type Coverage struct {
	Users   int     `json:"total_active_users"`
	With    int     `json:"users_with_keys"`
	Without int     `json:"users_without_keys"`
	Percent percent `json:"coverage_percentage"`
}

// percent has at most two decimals and, like Python's floats, at least one.
type percent float64

// MarshalJSON implements json.Marshaler.
func (p percent) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(math.Round(float64(p)*100)/100, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return []byte(text), nil
}

func newCoverage(total, with int) Coverage {
	c := Coverage{Users: total, With: with, Without: total - with}
	if total > 0 {
		c.Percent = percent(float64(with) / float64(total) * 100)
	}
	return c
}

// cacheStats is the guide's cache_stats.
type cacheStats struct {
	Total   int     `json:"total_cached"`
	Expired int     `json:"expired_count"`
	Active  int     `json:"active_count"`
	Hours   float64 `json:"cache_ttl_hours"`
}

func (s *Server) cacheStats() cacheStats {
	now := s.options.Keys.Stats()
	return cacheStats{now.TotalCached, now.ExpiredCount, now.ActiveCount, now.TTLHours()}
}

// keyStatus is the answer of key-status about a user with a key.
type keyStatus struct {
	UserID     string  `json:"user_id"`
	HasKey     bool    `json:"has_key"`
	KeyVersion int     `json:"key_version"`
	CreatedAt  *string `json:"created_at"`
	RotatedAt  *string `json:"rotated_at"`
	IsActive   bool    `json:"is_active"`
	IsCached   bool    `json:"is_cached"`
}

// noKeyStatus is that about a user without one.
type noKeyStatus struct {
	UserID  string `json:"user_id"`
	HasKey  bool   `json:"has_key"`
	Message string `json:"message"`
}

func (s *Server) keyStatus(ctx context.Context, c *call) (any, error) {
	ctx, err := s.acting(ctx, c)
	if err != nil {
		return nil, err
	}
	const failed = "Failed to retrieve encryption key status"
	target := c.values.text(targetUser.name)
	if target == "" {
		total, with, err := s.options.Users.Coverage(ctx)
		if err != nil {
			return nil, failBy(failed, err)
		}
		return coverageStatus{newCoverage(total, with), s.cacheStats()}, nil
	}
	target = strings.TrimSpace(target)
	switch found, err := s.activeUser(ctx, target); {
	case err != nil:
		return nil, failBy(failed, err)
	case !found:
		return nil, fail(http.StatusNotFound, "User not found: "+target)
	}
	status, err := s.options.Store.Status(ctx, target)
	if err != nil {
		return nil, failBy(failed, err)
	}
	switch {
	case status == nil:
		return noKeyStatus{target, false, noKeyText}, nil
	case status.Destroyed:
		return noKeyStatus{target, false, destroyedText}, nil
	}
	return keyStatus{target, true, status.KeyVersion, guideMoment(status.CreatedAt), guideMomentOf(status.RotatedAt), status.Active, s.options.Keys.Cached(target)}, nil
}

const (
	noKeyText     = "No encryption key found for this user"
	destroyedText = "The user's keys were destroyed"
)

// guideMoment is null for the zero time.
func guideMoment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format(guideTime))
}

func guideMomentOf(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return guideMoment(*t)
}

// cacheCleared is the answer of clear-cache.
type cacheCleared struct {
	Success bool       `json:"success"`
	Action  string     `json:"action" enum:"cleared_all,cleared_user"`
	Target  string     `json:"target_user_id,omitempty"`
	Message string     `json:"message"`
	After   cacheStats `json:"cache_stats_after"`
}

func (s *Server) clearCache(ctx context.Context, c *call) (any, error) {
	ctx, err := s.acting(ctx, c)
	if err != nil {
		return nil, err
	}
	answer := cacheCleared{Success: true, Action: "cleared_all", Message: "All DEK caches cleared"}
	clear := s.options.Keys.ClearAll
	if given := c.values.text(targetUser.name); given != "" {
		target := strings.TrimSpace(given)
		if target == "" {
			return nil, fail(http.StatusBadRequest, "Invalid target_user_id parameter")
		}
		answer = cacheCleared{Success: true, Action: "cleared_user", Target: target, Message: "DEK cache cleared for user " + target}
		clear = func(ctx context.Context) error { return s.options.Keys.Clear(ctx, target) }
	}
	if err := clear(ctx); err != nil {
		return nil, failBy("Failed to clear DEK cache", err)
	}
	answer.After = s.cacheStats()
	return answer, nil
}

// auditLog is the answer of audit-log.
type auditLog struct {
	Total    int          `json:"total_records"`
	Returned int          `json:"returned_records"`
	Entries  []auditEntry `json:"audit_entries"`
}

// auditEntry is one record of a key operation.
type auditEntry struct {
	ID          int64           `json:"audit_id"`
	UserID      string          `json:"user_id"` // "*" for everybody
	Operation   string          `json:"operation"`
	PerformedBy *string         `json:"performed_by"`
	Timestamp   *string         `json:"operation_timestamp"`
	Details     json.RawMessage `json:"details"`
	IPAddress   *string         `json:"ip_address"`
}

func (s *Server) auditLog(ctx context.Context, c *call) (any, error) {
	ctx, err := s.acting(ctx, c)
	if err != nil {
		return nil, err
	}
	target := strings.TrimSpace(c.values.text(targetUser.name))
	found, total, err := s.options.Store.AuditLog(ctx, target, c.values.number("limit"))
	if err != nil {
		return nil, failBy("Failed to retrieve encryption audit log", err)
	}
	answer := auditLog{Total: total, Returned: len(found), Entries: make([]auditEntry, len(found))}
	for i, e := range found {
		answer.Entries[i] = newAuditEntry(e)
	}
	return answer, nil
}

func newAuditEntry(e store.AuditEntry) auditEntry {
	return auditEntry{e.ID, e.Owner, e.Operation, orNull(e.PerformedBy), guideMoment(e.Timestamp), e.Details, orNull(e.IPAddress)}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
