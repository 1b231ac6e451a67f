package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Status is one owner's row of user_encryption_keys, as the guide's key-status shows it.
type Status struct {
	Owner      string
	KeyVersion int
	CreatedAt  time.Time  // UTC; zero when the row has none
	RotatedAt  *time.Time // UTC; nil when it never was
	Active     bool
}

// Status returns the owner's key status, nil when he has no current key.
func (s *Store) Status(ctx context.Context, owner string) (*Status, error) {
	st := Status{Owner: owner}
	var user string
	var version, active sql.NullInt64
	var created, rotated sql.NullInt64
	err := s.db.QueryRowContext(ctx, `SELECT user_id, key_version, UNIX_TIMESTAMP(created_at), UNIX_TIMESTAMP(rotated_at), is_active
FROM user_encryption_keys WHERE user_id = ?`, owner).Scan(&user, &version, &created, &rotated, &active)
	if errors.Is(err, sql.ErrNoRows) || err == nil && user != owner {
		return nil, nil
	}
	if err != nil {
		return nil, failed("status", err)
	}
	st.KeyVersion, st.Active, st.CreatedAt = int(version.Int64), active.Int64 != 0, moment(created)
	if rotated.Valid {
		at := moment(rotated)
		st.RotatedAt = &at
	}
	return &st, nil
}

// moment is a Unix time in UTC; the zero time for NULL.
func moment(s sql.NullInt64) time.Time {
	if !s.Valid {
		return time.Time{}
	}
	return time.Unix(s.Int64, 0).UTC()
}

// AuditEntry is one row of encryption_key_audit.
type AuditEntry struct {
	ID          int64
	Owner       string // "*" for everybody
	Operation   string
	PerformedBy string
	Timestamp   time.Time       // UTC
	Details     json.RawMessage // nil when the row has none or not JSON
	IPAddress   string          // "" when the row has none
}

// AuditLog returns the newest entries first, at most limit of them, of one owner or (owner "") of all, and how many
// there are.
func (s *Store) AuditLog(ctx context.Context, owner string, limit int) (entries []AuditEntry, total int, err error) {
	err = s.db.QueryRowContext(ctx,
		`SELECT COUNT(*) FROM encryption_key_audit WHERE ? = '' OR user_id = ?`, owner, owner).Scan(&total)
	if err != nil {
		return nil, 0, failed("audit log", err)
	}
	rows, err := s.db.QueryContext(ctx, `SELECT audit_id, user_id, operation, performed_by, UNIX_TIMESTAMP(operation_timestamp), details, ip_address
FROM encryption_key_audit WHERE ? = '' OR user_id = ? ORDER BY audit_id DESC LIMIT ?`, owner, owner, limit)
	if err != nil {
		return nil, 0, failed("audit log", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanAudit(rows)
		if err != nil {
			return nil, 0, failed("audit log", err)
		}
		entries = append(entries, e)
	}
	return entries, total, failed("audit log", rows.Err())
}

func scanAudit(rows *sql.Rows) (AuditEntry, error) {
	var e AuditEntry
	var by, details, ip sql.NullString
	var at sql.NullInt64
	if err := rows.Scan(&e.ID, &e.Owner, &e.Operation, &by, &at, &details, &ip); err != nil {
		return e, err
	}
	e.PerformedBy, e.Timestamp, e.IPAddress = by.String, moment(at), ip.String
	if json.Valid([]byte(details.String)) {
		e.Details = json.RawMessage(details.String)
	}
	return e, nil
}
