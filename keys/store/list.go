package store

import (
	"context"
	"errors"
	"time"
)

var errNotYet = errors.New("keys/store: not built yet")

// States of an owner's keys.
const (
	StateActive    = "active"    // reads and writes
	StateInactive  = "inactive"  // reads only: is_active = 0
	StateOrphaned  = "orphaned"  // the current row is gone, earlier versions are there: reads only until the next write
	StateDestroyed = "destroyed" // nothing is left
)

// Filter chooses owners; zero fields choose all.
type Filter struct {
	Prefix  string // of the owner id, compared as bytes
	State   string // one of the states above
	Version int    // number of the current version
}

// Page is a part of a list in byte order of the owner ids.
type Page struct {
	After string // the last owner of the page before; "" for the first page
	Limit int    // at most that many; default and most 1000
}

// OwnerKey describes one owner's keys.
type OwnerKey struct {
	Owner     string
	State     string
	Current   int        // number of the current version; 0 when there is none
	Versions  int        // versions ever made
	Usable    int        // of them loaded
	CreatedAt time.Time  // UTC; zero when unknown
	RotatedAt *time.Time // UTC; nil when never
	MasterKey string     // that wraps the current version; "" for the guide's keys
	Seals     uint64     // values sealed under the current version, at most: counted in blocks
}

// OwnerList is one page.
type OwnerList struct {
	Owners []OwnerKey
	Total  int    // owners that the filter chooses
	Next   string // After for the next page; "" on the last
}

// List describes the owners that the filter chooses.
func (s *Store) List(ctx context.Context, f Filter, p Page) (OwnerList, error) {
	return OwnerList{}, errNotYet
}

// States of a version.
const (
	VersionUsable    = "usable"
	VersionRetired   = "retired"
	VersionDestroyed = "destroyed"
)

// VersionInfo describes one version of an owner's key.
type VersionInfo struct {
	Number    int
	Current   bool
	KeyID     string // commitment, hex; "" for a guide key that was never loaded
	MasterKey string
	Bound     bool // wrapped with an encryption context
	State     string
	Created   time.Time  // UTC
	Ended     *time.Time // when it was retired or destroyed
	Seals     uint64     // values sealed under it, at most: counted in blocks
}

// Versions lists every version ever made for the owner, ascending; none when he never had a key.
func (s *Store) Versions(ctx context.Context, owner string) ([]VersionInfo, error) {
	return nil, errNotYet
}

// AuditFilter chooses audit records; zero fields choose all.
type AuditFilter struct {
	Owner    string
	From, To time.Time // From <= time < To
}

// EachAudit calls f with the chosen records, oldest first, as they come from the server.
func (s *Store) EachAudit(ctx context.Context, filter AuditFilter, f func(AuditEntry) error) error {
	return errNotYet
}
