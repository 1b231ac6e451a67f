package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"phiproxy/keys"
)

// Create implements [keys.Store]. Of several processes that create an owner's key, the first one's INSERT into the unique
// user_id holds; the others get ErrExists.
func (s *Store) Create(ctx context.Context, owner string, v keys.Version) (uint64, error) {
	return s.change(ctx, "create", func(tx *sql.Tx, epoch uint64) error {
		found, err := lockVersions(ctx, tx, owner)
		if err != nil {
			return err
		}
		if found.destroyed() {
			return &keys.Error{Kind: keys.ErrDestroyed, Op: "create"}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO user_encryption_keys (user_id, encrypted_dek, key_version, created_at, is_active)
VALUES (?, ?, ?, CURRENT_TIMESTAMP, 1)`, owner, encoded(v), v.Number)
		if number(err) == errDuplicate {
			return exists("create")
		}
		if err != nil {
			return err
		}
		return insertVersion(ctx, tx, owner, v, epoch)
	})
}

// Rotate implements [keys.Store].
func (s *Store) Rotate(ctx context.Context, owner string, from int, v keys.Version) (uint64, error) {
	return s.change(ctx, "rotate", func(tx *sql.Tx, epoch uint64) error {
		if err := expectCurrent(ctx, tx, owner, from); err != nil {
			return err
		}
		if err := insertVersion(ctx, tx, owner, v, epoch); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE user_encryption_keys SET encrypted_dek = ?, key_version = ?, rotated_at = CURRENT_TIMESTAMP
WHERE user_id = ?`, encoded(v), v.Number, owner)
		return err
	})
}

// expectCurrent locks the owner's row and refuses when it is not the one that the new version was made to follow, or
// when that one has no row of its own yet and would be lost.
func expectCurrent(ctx context.Context, tx *sql.Tx, owner string, from int) error {
	dek, version, err := lockCurrent(ctx, tx, owner)
	if err == nil && (version != from || dek == "") { // "": destroyed meanwhile
		return exists("rotate")
	}
	if err != nil {
		return err
	}
	var kept string
	err = tx.QueryRowContext(ctx,
		`SELECT wrapped_dek FROM phiproxy_key_versions WHERE user_id = ? AND key_version = ?`, owner, from).Scan(&kept)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !sameBlob(kept, dek) {
		return exists("rotate")
	}
	return err
}

// lockCurrent returns the owner's current row, version 0 when he has none.
func lockCurrent(ctx context.Context, tx *sql.Tx, owner string) (dek string, version int, err error) {
	var user string
	err = tx.QueryRowContext(ctx,
		`SELECT user_id, encrypted_dek, COALESCE(key_version, 0) FROM user_encryption_keys WHERE user_id = ? FOR UPDATE`, owner).Scan(&user, &dek, &version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", 0, nil
	case err == nil && user != owner:
		return "", 0, &keys.Error{Kind: keys.ErrOwner, Op: "lock", Code: "another id's row"}
	}
	return dek, version, err
}

func exists(op string) error { return &keys.Error{Kind: keys.ErrExists, Op: op} }

func insertVersion(ctx context.Context, tx *sql.Tx, owner string, v keys.Version, epoch uint64) error {
	_, err := tx.ExecContext(ctx, sqlInsertVersion, versionArgs(owner, v, epoch)...)
	if number(err) == errDuplicate {
		return exists("version")
	}
	return err
}

// sqlInsertVersion adds a row to phiproxy_key_versions; the arguments are versionArgs.
const sqlInsertVersion = `INSERT INTO phiproxy_key_versions
(user_id, key_version, wrapped_dek, key_id, kms_key, context_bound, state, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

func versionArgs(owner string, v keys.Version, epoch uint64) []any {
	return []any{owner, v.Number, encoded(v), hex.EncodeToString(v.KeyID[:]), v.Wrapped.KeyARN, v.Bound, VersionUsable, epoch}
}

func encoded(v keys.Version) string { return base64.StdEncoding.EncodeToString(v.Wrapped.Blob) }

// Adopt implements [keys.Store]. It is no change that others must notice: the key is the one they have.
// Another process may have adopted the same key a moment before, and it must be the same.
func (s *Store) Adopt(ctx context.Context, owner string, v keys.Version) error {
	_, err := s.db.ExecContext(ctx, sqlInsertVersion, versionArgs(owner, v, 0)...)
	if number(err) != errDuplicate {
		return failed("adopt", err)
	}
	var id string
	err = s.db.QueryRowContext(ctx,
		`SELECT key_id FROM phiproxy_key_versions WHERE user_id = ? AND key_version = ?`, owner, v.Number).Scan(&id)
	if err == nil && id != hex.EncodeToString(v.KeyID[:]) {
		return &keys.Error{Kind: keys.ErrCorrupt, Op: "adopt", Code: "another key than recorded"}
	}
	return failed("adopt", err)
}

// Audit implements [keys.Store].
func (s *Store) Audit(ctx context.Context, e keys.Entry) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO encryption_key_audit
(user_id, operation, performed_by, operation_timestamp, details, ip_address) VALUES (?, ?, ?, CURRENT_TIMESTAMP, ?, ?)`,
		e.Owner, string(e.Operation), e.Actor.PerformedBy, string(e.Details), nullable(e.Actor.IPAddress))
	if err != nil {
		return &keys.Error{Kind: keys.ErrAudit, Op: string(e.Operation), Cause: failed("audit", err)}
	}
	return nil
}

func nullable(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// Touch implements [keys.Store].
func (s *Store) Touch(ctx context.Context, owner string) (uint64, error) {
	return s.change(ctx, "touch", func(tx *sql.Tx, epoch uint64) error {
		var err error
		if owner == "" {
			_, err = tx.ExecContext(ctx, `UPDATE phiproxy_epoch SET epoch = ? WHERE name = ?`, epoch, epochFlush)
		} else {
			_, err = tx.ExecContext(ctx, `UPDATE phiproxy_key_versions SET epoch = ? WHERE user_id = ?`, epoch, owner)
		}
		return err
	})
}
