package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

// keyList is one page of owners' keys.
type keyList struct {
	Total int        `json:"total"` // that the filter chooses
	Limit int        `json:"limit"`
	Next  string     `json:"next"` // "after" of the next page; "" on the last
	Keys  []ownerKey `json:"keys"`
}

// ownerKey is what is known of one owner's keys.
type ownerKey struct {
	UserID     string     `json:"user_id"`
	State      string     `json:"state" enum:"active,inactive,orphaned,destroyed"`
	KeyVersion int        `json:"key_version"` // current; 0 when there is none
	Versions   int        `json:"versions"`    // ever made
	Usable     int        `json:"usable_versions"`
	CreatedAt  *time.Time `json:"created_at"`
	RotatedAt  *time.Time `json:"rotated_at"`
	IsActive   bool       `json:"is_active"`
	IsCached   bool       `json:"is_cached"`
	MasterKey  string     `json:"master_key"` // that wraps the current version; "" for keys of the guide's code
	Seals      uint64     `json:"seals"`      // values sealed under the current version, at most
}

func (s *Server) listKeys(ctx context.Context, c *call) (any, error) {
	filter := store.Filter{Prefix: c.values.text("prefix"), State: c.values.text("state"), Version: c.values.number("version")}
	if filter.State == "all" {
		filter.State = ""
	}
	page := store.Page{After: c.values.text("after"), Limit: c.values.number("limit")}
	found, err := s.options.Store.List(ctx, filter, page)
	if err != nil {
		return nil, failBy("Failed to list keys", err)
	}
	answer := keyList{Total: found.Total, Limit: page.Limit, Next: found.Next, Keys: make([]ownerKey, len(found.Owners))}
	for i, k := range found.Owners {
		answer.Keys[i] = ownerKey{
			UserID: k.Owner, State: k.State, KeyVersion: k.Current, Versions: k.Versions, Usable: k.Usable,
			CreatedAt: momentOrNull(k.CreatedAt), RotatedAt: k.RotatedAt,
			IsActive: k.State == store.StateActive, IsCached: s.options.Keys.Cached(k.Owner), MasterKey: k.MasterKey, Seals: k.Seals,
		}
	}
	return answer, nil
}

func momentOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Server) rotateKey(ctx context.Context, c *call) (any, error) {
	owner := strings.TrimSpace(c.values.text("user_id"))
	if owner == "" {
		return nil, fail(http.StatusBadRequest, "Invalid user_id parameter")
	}
	ctx, err := s.acting(ctx, c)
	if err != nil {
		return nil, err
	}
	version, err := s.options.Keys.Rotate(ctx, owner)
	if err != nil {
		return nil, keyFailure("Encryption key rotation failed", err)
	}
	return keyMade{true, owner, version, "Encryption key rotated successfully", c.took()}, nil
}

// keyFailure is the answer to an act on a key that failed.
func keyFailure(text string, err error) *apiError {
	switch {
	case errors.Is(err, keys.ErrNoKey):
		return fail(http.StatusNotFound, noKeyText)
	case errors.Is(err, keys.ErrDestroyed):
		return fail(http.StatusConflict, destroyedText)
	case errors.Is(err, keys.ErrExists):
		return fail(http.StatusConflict, "Somebody else changed the user's key at the same time; look at it and try again")
	default:
		return failBy(text, err)
	}
}
