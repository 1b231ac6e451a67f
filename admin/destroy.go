package admin

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

const (
	confirmFor = 5 * time.Minute
	maxConfirm = 256 // codes that wait at a time
)

// destroyAsked is the answer to the first call of destroy-key.
type destroyAsked struct {
	UserID    string    `json:"user_id"`
	Action    string    `json:"action" enum:"confirmation_required"`
	Versions  int       `json:"versions"` // that would be destroyed
	Rows      int64     `json:"rows"`     // of the user in protected tables
	Values    int64     `json:"values"`   // in them that would become unreadable
	Code      string    `json:"confirmation_code"`
	ExpiresAt time.Time `json:"expires_at"`
	Message   string    `json:"message"`
}

// keyDestroyed is the answer to the second.
type keyDestroyed struct {
	Success  bool   `json:"success"`
	UserID   string `json:"user_id"`
	Action   string `json:"action" enum:"destroyed"`
	Versions int    `json:"destroyed_versions"`
	Rows     int64  `json:"rows"` // as counted by the first call
	Message  string `json:"message"`
	Millis   int64  `json:"execution_time_ms"`
}

func (s *Server) destroyKey(ctx context.Context, c *call) (any, error) {
	owner := strings.TrimSpace(c.values.text("user_id"))
	if owner == "" {
		return nil, fail(http.StatusBadRequest, "Invalid user_id parameter")
	}
	ctx, err := s.acting(ctx, c)
	if err != nil {
		return nil, err
	}
	ask := confirmation{owner: owner, principal: c.who.String(), user: strings.TrimSpace(c.values.text(adminUser.name))}
	if !c.values.has("confirmation_code") {
		return s.askToDestroy(ctx, ask)
	}
	rows, ok := s.confirm.take(ask, c.values.text("confirmation_code"))
	if !ok {
		return nil, fail(http.StatusConflict, "The confirmation code is wrong, used or expired; ask for a new one")
	}
	versions, err := s.options.Keys.Destroy(ctx, owner)
	if err != nil {
		return nil, keyFailure("Encryption key destruction failed", err)
	}
	return keyDestroyed{true, owner, "destroyed", versions, rows, "Encryption key destroyed", c.took()}, nil
}

// askToDestroy counts what would be lost and makes a code.
func (s *Server) askToDestroy(ctx context.Context, ask confirmation) (any, error) {
	const failed = "Counting what would become unreadable failed"
	versions, err := s.options.Store.Versions(ctx, ask.owner)
	if err != nil {
		return nil, failBy(failed, err)
	}
	left := 0
	for _, v := range versions {
		if v.State != store.VersionDestroyed {
			left++
		}
	}
	switch {
	case len(versions) == 0:
		return nil, fail(http.StatusNotFound, noKeyText)
	case left == 0:
		return nil, keyFailure(failed, keys.ErrDestroyed)
	}
	used, err := s.options.Usage.Owner(ctx, ask.owner)
	if err != nil {
		return nil, failBy(failed, err)
	}
	values := used.Guide
	for _, n := range used.Values {
		values += n
	}
	code, until := s.confirm.make(ask, used.Rows)
	text := fmt.Sprintf("This makes %d values in %d rows unreadable for good. Call again with the confirmation code to destroy.", values, used.Rows)
	return destroyAsked{ask.owner, "confirmation_required", left, used.Rows, values, code, until, text}, nil
}

// confirmation says who asked to destroy whose keys. Only the same can confirm.
type confirmation struct{ owner, principal, user string }

// confirmations are the codes that wait for their second call.
type confirmations struct {
	mu      sync.Mutex
	waiting *simplelru.LRU[confirmation, waiting]
}

type waiting struct {
	code  string
	rows  int64
	until time.Time
}

func newConfirmations() *confirmations {
	list, _ := simplelru.NewLRU[confirmation, waiting](maxConfirm, nil) // fails for sizes below 1 only
	return &confirmations{waiting: list}
}

// make makes a code; an earlier one of the same confirmation is void.
func (c *confirmations) make(who confirmation, rows int64) (code string, until time.Time) {
	w := waiting{rand.Text(), rows, time.Now().Add(confirmFor).UTC()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting.Add(who, w)
	return w.code, w.until
}

// take uses up the confirmation's code, right or wrong, and returns the rows that were counted for it.
func (c *confirmations) take(who confirmation, code string) (rows int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, found := c.waiting.Get(who)
	c.waiting.Remove(who)
	return w.rows, found && equal(w.code, code) && time.Now().Before(w.until)
}
