package store

import (
	"context"
	"database/sql"
	"errors"

	"phiproxy/keys"
)

// versionState is one row of phiproxy_key_versions, as far as changes look at it.
type versionState struct {
	user   string
	number int
	state  string
}

func (v *versionState) fields() []any { return []any{&v.user, &v.number, &v.state} }

type versionStates []versionState

// lockVersions reads the owner's version rows and keeps them from changing until the transaction ends.
func lockVersions(ctx context.Context, tx *sql.Tx, owner string) (versionStates, error) {
	all, err := query[versionState](ctx, tx,
		`SELECT user_id, key_version, state FROM phiproxy_key_versions WHERE user_id = ? ORDER BY key_version FOR UPDATE`, owner)
	for _, v := range all {
		if v.user != owner { // utf8mb4_bin ignores trailing spaces
			return nil, &keys.Error{Kind: keys.ErrOwner, Op: "lock", Code: "another id's row"}
		}
	}
	return all, err
}

// destroyed reports that the owner had keys and all of them are gone.
func (vs versionStates) destroyed() bool {
	gone := false
	for _, v := range vs {
		if v.state == VersionUsable {
			return false
		}
		gone = gone || v.state == VersionDestroyed
	}
	return gone
}

// stateOf returns a version's state, "" when there is no such version.
func (vs versionStates) stateOf(number int) string {
	for _, v := range vs {
		if v.number == number {
			return v.state
		}
	}
	return ""
}

// Destroy implements [keys.Store]. The rows stay as tombstones: numbers are never used twice, and the key id still
// tells under which destroyed key a value was sealed.
func (s *Store) Destroy(ctx context.Context, owner string) (versions int, epoch uint64, err error) {
	epoch, err = s.change(ctx, "destroy", func(tx *sql.Tx, epoch uint64) error {
		found, err := withGuideKey(ctx, tx, owner, epoch)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return &keys.Error{Kind: keys.ErrNoKey, Op: "destroy"}
		}
		versions = 0
		for _, v := range found {
			if v.state != VersionDestroyed {
				versions++
			}
		}
		return destroyRows(ctx, tx, owner, epoch)
	})
	return versions, epoch, err
}

// withGuideKey lists the owner's versions after giving a current key that only user_encryption_keys knows its row.
func withGuideKey(ctx context.Context, tx *sql.Tx, owner string, epoch uint64) (versionStates, error) {
	dek, current, err := lockCurrent(ctx, tx, owner)
	if err != nil {
		return nil, err
	}
	found, err := lockVersions(ctx, tx, owner)
	if err != nil || current == 0 || dek == "" || found.stateOf(current) != "" {
		return found, err
	}
	_, err = tx.ExecContext(ctx, sqlInsertVersion, owner, current, dek, unknownKeyID, "", false, VersionUsable, epoch)
	return append(found, versionState{user: owner, number: current, state: VersionUsable}), err
}

func destroyRows(ctx context.Context, tx *sql.Tx, owner string, epoch uint64) error {
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO phiproxy_key_life (user_id, key_version, ended_at)
SELECT user_id, key_version, CURRENT_TIMESTAMP FROM phiproxy_key_versions WHERE user_id = ? AND state <> ?
ON DUPLICATE KEY UPDATE ended_at = CURRENT_TIMESTAMP`, []any{owner, VersionDestroyed}},
		{`UPDATE phiproxy_key_versions SET wrapped_dek = '', state = ?, epoch = ? WHERE user_id = ?`, []any{VersionDestroyed, epoch, owner}},
		{`UPDATE user_encryption_keys SET encrypted_dek = '', is_active = 0 WHERE user_id = ?`, []any{owner}},
	} {
		if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return nil
}

// Revive implements [keys.Store].
func (s *Store) Revive(ctx context.Context, owner string, v keys.Version) (uint64, error) {
	return s.change(ctx, "revive", func(tx *sql.Tx, epoch uint64) error {
		_, current, err := lockCurrent(ctx, tx, owner)
		if err != nil {
			return err
		}
		found, err := lockVersions(ctx, tx, owner)
		if err != nil {
			return err
		}
		if !found.destroyed() {
			return exists("revive")
		}
		if err := insertVersion(ctx, tx, owner, v, epoch); err != nil {
			return err
		}
		return putCurrent(ctx, tx, owner, v, current != 0)
	})
}

// putCurrent makes a version current, in the owner's row or in a new one.
func putCurrent(ctx context.Context, tx *sql.Tx, owner string, v keys.Version, there bool) error {
	q := `INSERT INTO user_encryption_keys (encrypted_dek, key_version, created_at, is_active, user_id) VALUES (?, ?, CURRENT_TIMESTAMP, 1, ?)`
	if there {
		q = `UPDATE user_encryption_keys SET encrypted_dek = ?, key_version = ?, rotated_at = CURRENT_TIMESTAMP, is_active = 1 WHERE user_id = ?`
	}
	_, err := tx.ExecContext(ctx, q, encoded(v), v.Number, owner)
	return err
}

// Retire implements [keys.Store].
func (s *Store) Retire(ctx context.Context, owner string, version int) (uint64, error) {
	return s.setState(ctx, "retire", owner, version, VersionUsable, VersionRetired)
}

// Reinstate implements [keys.Store].
func (s *Store) Reinstate(ctx context.Context, owner string, version int) (uint64, error) {
	return s.setState(ctx, "reinstate", owner, version, VersionRetired, VersionUsable)
}

func (s *Store) setState(ctx context.Context, op, owner string, version int, from, to string) (uint64, error) {
	return s.change(ctx, op, func(tx *sql.Tx, epoch uint64) error {
		_, current, err := lockCurrent(ctx, tx, owner)
		if err != nil {
			return err
		}
		found, err := lockVersions(ctx, tx, owner)
		switch {
		case err != nil:
			return err
		case found.stateOf(version) != from:
			return &keys.Error{Kind: keys.ErrNoKey, Op: op, Code: "no " + from + " version of that number"}
		case version == current:
			return &keys.Error{Kind: keys.ErrInUse, Op: op, Code: "current"}
		}
		if _, err := tx.ExecContext(ctx,
			`UPDATE phiproxy_key_versions SET state = ?, epoch = ? WHERE user_id = ? AND key_version = ?`, to, epoch, owner, version); err != nil {
			return err
		}
		return endLife(ctx, tx, owner, version, to != VersionUsable)
	})
}

func endLife(ctx context.Context, tx *sql.Tx, owner string, version int, ended bool) error {
	at := "NULL"
	if ended {
		at = "CURRENT_TIMESTAMP"
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO phiproxy_key_life (user_id, key_version, ended_at) VALUES (?, ?, `+at+`)
ON DUPLICATE KEY UPDATE ended_at = `+at, owner, version)
	return err
}

// Replace implements [keys.Store]. It is no change that others must notice: the key is the one they have.
func (s *Store) Replace(ctx context.Context, owner string, old []byte, v keys.Version) error {
	before := encoded(keys.Version{Wrapped: keys.Wrapped{Blob: old}})
	return s.transact(ctx, "replace", func(tx *sql.Tx) error {
		if err := lockEpoch(ctx, tx); err != nil {
			return err
		}
		dek, current, err := lockCurrent(ctx, tx, owner)
		if err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `UPDATE phiproxy_key_versions SET wrapped_dek = ?, kms_key = ?, context_bound = ?
WHERE user_id = ? AND key_version = ? AND wrapped_dek = ? AND wrapped_dek <> ''`, encoded(v), v.Wrapped.KeyARN, v.Bound, owner, v.Number, before)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n != 1 || current == v.Number && !sameBlob(dek, before) {
			return errors.Join(err, exists("replace"))
		}
		_, err = tx.ExecContext(ctx, `UPDATE user_encryption_keys SET encrypted_dek = ? WHERE user_id = ? AND key_version = ?`, encoded(v), owner, v.Number)
		return err
	})
}

// Reserve implements [keys.Store].
func (s *Store) Reserve(ctx context.Context, owner string, version int, n, most uint64) (seals uint64, err error) {
	err = s.transact(ctx, "reserve", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO phiproxy_key_life (user_id, key_version, seals) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE seals = seals + ?`, owner, version, n, n)
		if err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, `SELECT seals FROM phiproxy_key_life WHERE user_id = ? AND key_version = ?`, owner, version).Scan(&seals)
		if err == nil && seals > most {
			err = &keys.Error{Kind: keys.ErrWorn, Op: "seal"}
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return seals, nil
}
