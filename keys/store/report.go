package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Status is one owner's row of user_encryption_keys, as the guide's key-status shows it.
type Status struct {
	Owner      string
	KeyVersion int
	CreatedAt  time.Time  // UTC; zero when the row has none
	RotatedAt  *time.Time // UTC; nil when it never was
	Active     bool
	Destroyed  bool // the row is the mark of a destroyed key
}

// Status returns the owner's key status, nil when he has no current key.
func (s *Store) Status(ctx context.Context, owner string) (*Status, error) {
	st := Status{Owner: owner}
	var user string
	var version, active sql.NullInt64
	var created, rotated sql.NullInt64
	err := s.db.QueryRowContext(ctx, `SELECT user_id, key_version, UNIX_TIMESTAMP(created_at), UNIX_TIMESTAMP(rotated_at), is_active,
  CASE WHEN encrypted_dek = '' THEN 1 ELSE 0 END
FROM user_encryption_keys WHERE user_id = ?`, owner).Scan(&user, &version, &created, &rotated, &active, &st.Destroyed)
	if errors.Is(err, sql.ErrNoRows) || err == nil && user != owner {
		return nil, nil
	}
	if err != nil {
		return nil, failed("status", err)
	}
	st.KeyVersion, st.Active, st.CreatedAt, st.RotatedAt = int(version.Int64), active.Int64 != 0, moment(created), momentOrNil(rotated)
	return &st, nil
}

// moment is a Unix time in UTC; the zero time for NULL.
func moment(s sql.NullInt64) time.Time {
	if !s.Valid {
		return time.Time{}
	}
	return time.Unix(s.Int64, 0).UTC()
}

func momentOrNil(s sql.NullInt64) *time.Time {
	if !s.Valid {
		return nil
	}
	at := moment(s)
	return &at
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
	rows, err := query[auditRow](ctx, s.db, sqlAudit+" WHERE ? = '' OR user_id = ? ORDER BY audit_id DESC LIMIT ?", owner, owner, limit)
	for i := range rows {
		entries = append(entries, rows[i].entry())
	}
	return entries, total, failed("audit log", err)
}

const sqlAudit = `SELECT audit_id, user_id, operation, performed_by, UNIX_TIMESTAMP(operation_timestamp), details, ip_address
FROM encryption_key_audit`

type auditRow struct {
	e               AuditEntry
	by, details, ip sql.NullString
	at              sql.NullInt64
}

func (r *auditRow) fields() []any {
	return []any{&r.e.ID, &r.e.Owner, &r.e.Operation, &r.by, &r.at, &r.details, &r.ip}
}

func (r *auditRow) entry() AuditEntry {
	e := r.e
	e.PerformedBy, e.Timestamp, e.IPAddress = r.by.String, moment(r.at), r.ip.String
	if json.Valid([]byte(r.details.String)) {
		e.Details = json.RawMessage(r.details.String)
	}
	return e
}

// AuditFilter chooses audit records; zero fields choose all.
type AuditFilter struct {
	Owner    string
	From, To time.Time // From <= time < To
}

func (f *AuditFilter) where() (string, []any) {
	conditions, args := []string{"audit_id > ?"}, []any{}
	if f.Owner != "" {
		conditions, args = append(conditions, "user_id = ?"), append(args, f.Owner)
	}
	if !f.From.IsZero() {
		conditions, args = append(conditions, "operation_timestamp >= FROM_UNIXTIME(?)"), append(args, ceilUnix(f.From))
	}
	if !f.To.IsZero() {
		conditions, args = append(conditions, "operation_timestamp < FROM_UNIXTIME(?)"), append(args, ceilUnix(f.To))
	}
	return strings.Join(conditions, " AND "), args
}

// ceilUnix is the first whole second that is not before t: the records' times are whole seconds.
func ceilUnix(t time.Time) int64 { return t.Add(time.Second - time.Nanosecond).Unix() }

// auditChunk is the number of records that EachAudit asks for at a time, so that a slow reader keeps no cursor open.
const auditChunk = 1000

// EachAudit calls f with the chosen records, oldest first, until f returns an error.
func (s *Store) EachAudit(ctx context.Context, filter AuditFilter, f func(AuditEntry) error) error {
	where, args := filter.where()
	for last := int64(0); ; {
		rows, err := query[auditRow](ctx, s.db, sqlAudit+" WHERE "+where+" ORDER BY audit_id LIMIT ?",
			append(append([]any{last}, args...), auditChunk)...)
		if err != nil {
			return failed("audit log", err)
		}
		for i := range rows {
			if err := f(rows[i].entry()); err != nil {
				return err
			}
			last = rows[i].e.ID
		}
		if len(rows) < auditChunk {
			return nil
		}
	}
}
