package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
)

// stateUsable is the state of a version that is loaded. Other states are for versions whose key must not be used any more.
const stateUsable = "usable"

// current is an owner's row of user_encryption_keys.
type current struct {
	found   bool
	dek     string // base64
	version int
	active  bool
}

// Load implements [keys.Store]. The current row is read before the versions: versions are only ever added, so the
// second answer holds whatever the first one names.
func (s *Store) Load(ctx context.Context, owner string) (*keys.Record, error) {
	cur, err := s.current(ctx, owner)
	if err != nil {
		return nil, err
	}
	rec := &keys.Record{Owner: owner, Current: cur.version, Active: cur.active}
	currentBlob, err := s.versions(ctx, rec)
	if err != nil {
		return nil, err
	}
	switch {
	case !cur.found && rec.Last == 0:
		return nil, &keys.Error{Kind: keys.ErrNoKey, Op: "load"}
	case !cur.found:
		return rec, nil
	case currentBlob == "":
		return rec, addGuideKey(rec, cur)
	case currentBlob != cur.dek:
		return nil, corrupt("current row differs from its version")
	}
	return rec, nil
}

func corrupt(code string) error { return &keys.Error{Kind: keys.ErrCorrupt, Op: "load", Code: code} }

func (s *Store) current(ctx context.Context, owner string) (current, error) {
	var c current
	var user string
	var version, active sql.NullInt64
	err := s.db.QueryRowContext(ctx,
		`SELECT user_id, encrypted_dek, key_version, is_active FROM user_encryption_keys WHERE user_id = ?`, owner,
	).Scan(&user, &c.dek, &version, &active)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return c, nil
	case err != nil:
		return c, failed("load", err)
	case user != owner: // the column's collation holds another id for the same
		return c, &keys.Error{Kind: keys.ErrOwner, Op: "load", Code: "another id's row"}
	case version.Int64 < 1:
		return c, corrupt("key_version")
	}
	c.found, c.version, c.active = true, int(version.Int64), active.Int64 != 0
	return c, nil
}

// versions adds the owner's version rows to the record and returns the stored text of the current one's key, "" when it
// has no row.
func (s *Store) versions(ctx context.Context, rec *keys.Record) (currentBlob string, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT user_id, key_version, wrapped_dek, key_id, kms_key, context_bound, state
FROM phiproxy_key_versions WHERE user_id = ? ORDER BY key_version`, rec.Owner)
	if err != nil {
		return "", failed("load", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r versionRow
		if err := rows.Scan(&r.user, &r.number, &r.dek, &r.keyID, &r.kmsKey, &r.bound, &r.state); err != nil {
			return "", failed("load", err)
		}
		if r.user != rec.Owner { // utf8mb4_bin still ignores trailing spaces
			continue
		}
		rec.Last = r.number
		if r.number == rec.Current {
			currentBlob = r.dek
		}
		if r.state != stateUsable {
			continue
		}
		v, err := r.version()
		if err != nil {
			return "", err
		}
		rec.Versions = append(rec.Versions, v)
	}
	return currentBlob, failed("load", rows.Err())
}

type versionRow struct {
	user, dek, keyID, kmsKey, state string
	number                          int
	bound                           bool
}

func (r *versionRow) version() (keys.Version, error) {
	blob, err := base64.StdEncoding.DecodeString(r.dek)
	if err != nil {
		return keys.Version{}, corrupt("wrapped_dek")
	}
	id, err := hex.DecodeString(r.keyID)
	if err != nil || len(id) != len(envelope.KeyID{}) {
		return keys.Version{}, corrupt("key_id")
	}
	return keys.Version{
		Number: r.number, KeyID: envelope.KeyID(id), Bound: r.bound, Adopted: true,
		Wrapped: keys.Wrapped{Blob: blob, KeyARN: r.kmsKey},
	}, nil
}

// addGuideKey adds a current key that only user_encryption_keys knows.
func addGuideKey(rec *keys.Record, cur current) error {
	blob, err := base64.StdEncoding.DecodeString(cur.dek)
	if err != nil {
		return corrupt("encrypted_dek")
	}
	v := keys.Version{Number: cur.version, Wrapped: keys.Wrapped{Blob: blob}}
	at := len(rec.Versions)
	for at > 0 && rec.Versions[at-1].Number > v.Number {
		at--
	}
	rec.Versions = append(rec.Versions[:at], append([]keys.Version{v}, rec.Versions[at:]...)...)
	rec.Last = max(rec.Last, v.Number)
	return nil
}

// Owners implements [keys.Store].
func (s *Store) Owners(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT user_id FROM user_encryption_keys WHERE is_active <> 0 ORDER BY CAST(user_id AS BINARY)`)
	if err != nil {
		return nil, failed("owners", err)
	}
	defer rows.Close()
	var owners []string
	for rows.Next() {
		var owner string
		if err := rows.Scan(&owner); err != nil {
			return nil, failed("owners", err)
		}
		owners = append(owners, owner)
	}
	return owners, failed("owners", rows.Err())
}

// Epoch implements [keys.Store].
func (s *Store) Epoch(ctx context.Context) (epoch uint64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT epoch FROM phiproxy_epoch WHERE name = ?`, epochFleet).Scan(&epoch)
	return epoch, failed("epoch", err)
}

// Changes implements [keys.Store].
func (s *Store) Changes(ctx context.Context, after uint64) ([]keys.Change, error) {
	now, err := s.Epoch(ctx)
	switch {
	case err != nil || now == after:
		return nil, err
	case now < after: // the database was restored from a backup
		return []keys.Change{{Epoch: now}}, nil
	}
	rows, err := s.db.QueryContext(ctx, `SELECT epoch, '' AS owner FROM phiproxy_epoch WHERE name = ? AND epoch > ?
UNION ALL SELECT epoch, user_id FROM phiproxy_key_versions WHERE epoch > ? ORDER BY epoch`, epochFlush, after, after)
	if err != nil {
		return nil, failed("changes", err)
	}
	defer rows.Close()
	var changes []keys.Change
	for rows.Next() {
		var c keys.Change
		if err := rows.Scan(&c.Epoch, &c.Owner); err != nil {
			return nil, failed("changes", err)
		}
		changes = append(changes, c)
	}
	return changes, failed("changes", rows.Err())
}
