package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"phiproxy/crypto/envelope"
)

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
	MasterKey string     // that wraps the current version; "" for a guide key that was never loaded
	Seals     uint64     // values sealed under the current version, at most: counted in blocks
}

// OwnerList is one page.
type OwnerList struct {
	Owners []OwnerKey
	Total  int    // owners that the filter chooses
	Next   string // After for the next page; "" on the last
}

// mostListed is the default and the greatest Page.Limit.
const mostListed = 1000

// sqlOwners lists every owner that has a current row or any version, in the columns of ownerRow. Owners without a current
// row have 0 for its version.
const sqlOwners = `(SELECT CAST(CONVERT(k.user_id USING utf8mb4) AS BINARY) AS owner, COALESCE(k.key_version, 0) AS current,
  COALESCE(k.is_active, 0) AS active, CASE WHEN k.encrypted_dek = '' THEN 1 ELSE 0 END AS emptied,
  UNIX_TIMESTAMP(k.created_at) AS created, UNIX_TIMESTAMP(k.rotated_at) AS rotated
FROM user_encryption_keys k
UNION ALL SELECT CAST(v.user_id AS BINARY), 0, 0, CASE WHEN MAX(v.wrapped_dek) = '' THEN 1 ELSE 0 END, MIN(UNIX_TIMESTAMP(v.created_at)), NULL
FROM phiproxy_key_versions v WHERE CAST(v.user_id AS BINARY) NOT IN
  (SELECT CAST(CONVERT(user_id USING utf8mb4) AS BINARY) FROM user_encryption_keys) GROUP BY CAST(v.user_id AS BINARY)
) AS owners`

type ownerRow struct {
	owner            string
	current          int
	active, emptied  bool
	created, rotated sql.NullInt64
}

func (r *ownerRow) fields() []any {
	return []any{&r.owner, &r.current, &r.active, &r.emptied, &r.created, &r.rotated}
}

func (r *ownerRow) state() string {
	switch {
	case r.emptied:
		return StateDestroyed
	case r.current == 0:
		return StateOrphaned
	case r.active:
		return StateActive
	}
	return StateInactive
}

// stateCondition is one of the states above in SQL, over the columns of sqlOwners.
func stateCondition(state string) string {
	switch state {
	case "":
		return "TRUE"
	case StateActive:
		return "emptied = 0 AND current > 0 AND active <> 0"
	case StateInactive:
		return "emptied = 0 AND current > 0 AND active = 0"
	case StateOrphaned:
		return "emptied = 0 AND current = 0"
	case StateDestroyed:
		return "emptied = 1"
	}
	return "FALSE"
}

// where gives the filter as SQL and its arguments.
func (f *Filter) where() (string, []any) {
	conditions, args := []string{stateCondition(f.State)}, []any{}
	if f.Prefix != "" {
		conditions = append(conditions, "LEFT(HEX(owner), ?) = ?")
		args = append(args, 2*len(f.Prefix), fmt.Sprintf("%X", f.Prefix))
	}
	if f.Version != 0 {
		conditions = append(conditions, "current = ?")
		args = append(args, f.Version)
	}
	return strings.Join(conditions, " AND "), args
}

// List describes the owners that the filter chooses.
func (s *Store) List(ctx context.Context, f Filter, p Page) (OwnerList, error) {
	where, args := f.where()
	var list OwnerList
	err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+sqlOwners+" WHERE "+where, args...).Scan(&list.Total)
	if err != nil {
		return list, failed("list", err)
	}
	limit := p.Limit
	if limit <= 0 || limit > mostListed {
		limit = mostListed
	}
	rows, err := query[ownerRow](ctx, s.db, "SELECT owner, current, active, emptied, created, rotated FROM "+sqlOwners+
		" WHERE "+where+" AND owner > CAST(? AS BINARY) ORDER BY owner LIMIT ?", append(args, p.After, limit+1)...)
	if err != nil {
		return list, failed("list", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		list.Next = rows[limit-1].owner
	}
	list.Owners, err = s.describe(ctx, rows)
	return list, failed("list", err)
}

// describe adds what the version rows tell.
func (s *Store) describe(ctx context.Context, rows []ownerRow) ([]OwnerKey, error) {
	owners := make([]OwnerKey, len(rows))
	at := map[string]int{} // owner -> index
	marks, args := make([]string, len(rows)), make([]any, len(rows))
	for i, r := range rows {
		owners[i] = OwnerKey{Owner: r.owner, State: r.state(), Current: r.current, CreatedAt: moment(r.created), RotatedAt: momentOrNil(r.rotated)}
		at[r.owner], marks[i], args[i] = i, "?", r.owner
	}
	if len(rows) == 0 {
		return owners, nil
	}
	versions, err := query[infoRow](ctx, s.db, sqlVersions+" IN ("+strings.Join(marks, ", ")+") ORDER BY v.user_id, v.key_version", args...)
	for _, v := range versions {
		if i, ok := at[v.owner]; ok {
			owners[i].add(&v)
		}
	}
	for i := range owners { // a guide key that was never loaded has no version row
		if o := &owners[i]; o.Versions < o.Current && o.MasterKey == "" && o.State != StateDestroyed {
			o.Versions++
			o.Usable++
		}
	}
	return owners, err
}

func (o *OwnerKey) add(v *infoRow) {
	o.Versions++
	if v.state == VersionUsable {
		o.Usable++
	}
	if v.number == o.Current {
		o.MasterKey, o.Seals = v.masterKey, v.seals
	}
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

// sqlVersions lists version rows in the columns of infoRow; a condition on the owner follows.
const sqlVersions = `SELECT v.user_id, v.key_version, v.key_id, v.kms_key, v.context_bound, v.state,
  UNIX_TIMESTAMP(v.created_at), UNIX_TIMESTAMP(l.ended_at), COALESCE(l.seals, 0)
FROM phiproxy_key_versions v LEFT JOIN phiproxy_key_life l ON l.user_id = v.user_id AND l.key_version = v.key_version
WHERE v.user_id`

type infoRow struct {
	owner, keyID, masterKey, state string
	number                         int
	bound                          bool
	created, ended                 sql.NullInt64
	seals                          uint64
}

func (r *infoRow) fields() []any {
	return []any{&r.owner, &r.number, &r.keyID, &r.masterKey, &r.bound, &r.state, &r.created, &r.ended, &r.seals}
}

// Versions lists every version ever made for the owner, ascending; none when he never had a key.
func (s *Store) Versions(ctx context.Context, owner string) ([]VersionInfo, error) {
	status, err := s.Status(ctx, owner)
	if err != nil {
		return nil, err
	}
	rows, err := query[infoRow](ctx, s.db, sqlVersions+" = ? ORDER BY v.key_version", owner)
	if err != nil {
		return nil, failed("versions", err)
	}
	var versions []VersionInfo
	current := false
	for _, r := range rows {
		if r.owner != owner {
			continue
		}
		v := r.info()
		v.Current = status != nil && status.KeyVersion == r.number
		current = current || v.Current
		versions = append(versions, v)
	}
	if status != nil && !current {
		versions = append(versions, VersionInfo{Number: status.KeyVersion, Current: true, State: VersionUsable, Created: status.CreatedAt})
	}
	return versions, nil
}

// unknownKeyID is recorded for a guide key that was destroyed before it was ever loaded.
var unknownKeyID = hex.EncodeToString(make([]byte, len(envelope.KeyID{})))

func (r *infoRow) info() VersionInfo {
	v := VersionInfo{
		Number: r.number, KeyID: r.keyID, MasterKey: r.masterKey, Bound: r.bound, State: r.state,
		Created: moment(r.created), Ended: momentOrNil(r.ended), Seals: r.seals,
	}
	if v.KeyID == unknownKeyID {
		v.KeyID = ""
	}
	return v
}
