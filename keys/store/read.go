package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"slices"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
)

// sqlLoad reads an owner's current row and all versions in one statement, hence as of one moment. The conversions make
// the two tables' character sets and collations alike, whatever the guide's one was made with.
const sqlLoad = `SELECT 0 AS of_version, CAST(CONVERT(user_id USING utf8mb4) AS BINARY), COALESCE(key_version, 0) AS number,
  CAST(CONVERT(encrypted_dek USING utf8mb4) AS BINARY), '', '', 0, '', COALESCE(is_active, 0)
FROM user_encryption_keys WHERE user_id = ?
UNION ALL SELECT 1, CAST(user_id AS BINARY), key_version, CAST(wrapped_dek AS BINARY), key_id, kms_key, context_bound, state, 0
FROM phiproxy_key_versions WHERE user_id = ? ORDER BY of_version, number`

// row is one row of that answer.
type row struct {
	ofVersion                       bool
	user, dek, keyID, kmsKey, state string
	number, active                  int
	bound                           bool
}

func (r *row) fields() []any {
	return []any{&r.ofVersion, &r.user, &r.number, &r.dek, &r.keyID, &r.kmsKey, &r.bound, &r.state, &r.active}
}

// Load implements [keys.Store].
func (s *Store) Load(ctx context.Context, owner string) (*keys.Record, error) {
	rows, err := query[row](ctx, s.db, sqlLoad, owner, owner)
	if err != nil {
		return nil, failed("load", err)
	}
	rec := &keys.Record{Owner: owner}
	cur, err := currentRow(rec, rows)
	if err != nil {
		return nil, err
	}
	l := loader{rec: rec, cur: cur}
	for i := range rows {
		if err := l.add(&rows[i]); err != nil {
			return nil, err
		}
	}
	if err := l.finish(); err != nil {
		return nil, err
	}
	return rec, nil
}

func corrupt(code string) error { return &keys.Error{Kind: keys.ErrCorrupt, Op: "load", Code: code} }

// currentRow returns the row of user_encryption_keys, nil when there is none.
func currentRow(rec *keys.Record, rows []row) (*row, error) {
	if len(rows) == 0 || rows[0].ofVersion {
		return nil, nil
	}
	r := &rows[0]
	switch {
	case r.user != rec.Owner: // the column's collation holds another id for the same
		return nil, &keys.Error{Kind: keys.ErrOwner, Op: "load", Code: "another id's row"}
	case r.number < 1:
		return nil, corrupt("key_version")
	}
	rec.Current, rec.Active = r.number, r.active != 0
	return r, nil
}

// loader sorts an owner's versions into his record.
type loader struct {
	rec       *keys.Record
	cur       *row // nil: none
	known     bool // the current version has its row
	destroyed bool // some version is
}

func (l *loader) add(r *row) error {
	if !r.ofVersion || r.user != l.rec.Owner { // utf8mb4_bin still ignores trailing spaces
		return nil
	}
	l.rec.Last = r.number
	if l.cur != nil && r.number == l.cur.number {
		l.known = true
		if !sameBlob(r.dek, l.cur.dek) {
			return corrupt("current row differs from its version")
		}
	}
	switch r.state {
	case VersionUsable:
		return appendVersion(&l.rec.Versions, r)
	case VersionRetired:
		return appendVersion(&l.rec.Retired, r)
	case VersionDestroyed:
		l.destroyed = true
	}
	return nil
}

// sameBlob compares two stored texts as what they stand for: base64 that another program wrote may have line breaks.
func sameBlob(a, b string) bool {
	x, err := base64.StdEncoding.DecodeString(a)
	y, err2 := base64.StdEncoding.DecodeString(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// finish adds a current key that only user_encryption_keys knows: the guide's code made it.
func (l *loader) finish() error {
	rec := l.rec
	if l.cur != nil && !l.known {
		blob, err := base64.StdEncoding.DecodeString(l.cur.dek)
		if err != nil || len(blob) == 0 {
			return corrupt("encrypted_dek")
		}
		rec.Versions = append(rec.Versions, keys.Version{Number: l.cur.number, Wrapped: keys.Wrapped{Blob: blob}})
		slices.SortFunc(rec.Versions, func(a, b keys.Version) int { return a.Number - b.Number })
		rec.Last = max(rec.Last, l.cur.number)
	}
	rec.Destroyed = l.destroyed && len(rec.Versions) == 0
	if rec.Last == 0 {
		return &keys.Error{Kind: keys.ErrNoKey, Op: "load"}
	}
	return nil
}

func appendVersion(to *[]keys.Version, r *row) error {
	blob, err := base64.StdEncoding.DecodeString(r.dek)
	if err != nil || len(blob) == 0 {
		return corrupt("wrapped_dek")
	}
	id, err := hex.DecodeString(r.keyID)
	if err != nil || len(id) != len(envelope.KeyID{}) {
		return corrupt("key_id")
	}
	*to = append(*to, keys.Version{
		Number: r.number, KeyID: envelope.KeyID(id), Bound: r.bound, Adopted: true,
		Wrapped: keys.Wrapped{Blob: blob, KeyARN: r.kmsKey},
	})
	return nil
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// query reads a whole answer. A T lists where a row's columns go.
func query[T any, P interface {
	*T
	fields() []any
}](ctx context.Context, q querier, text string, args ...any) (all []T, err error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var t T
		if err := rows.Scan(P(&t).fields()...); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// text is a row of one string.
type text struct{ s string }

func (t *text) fields() []any { return []any{&t.s} }

// Owners implements [keys.Store].
func (s *Store) Owners(ctx context.Context) ([]string, error) {
	rows, err := query[text](ctx, s.db,
		`SELECT user_id FROM user_encryption_keys WHERE is_active <> 0 ORDER BY CAST(user_id AS BINARY)`)
	var owners []string
	for _, r := range rows {
		owners = append(owners, r.s)
	}
	return owners, failed("owners", err)
}

type ref keys.VersionRef

func (r *ref) fields() []any { return []any{&r.Owner, &r.Number} }

// Wrapped implements [keys.Store]. The union leaves one of a current key and its version.
func (s *Store) Wrapped(ctx context.Context) ([]keys.VersionRef, error) {
	rows, err := query[ref](ctx, s.db, `SELECT CAST(user_id AS BINARY) AS owner, key_version FROM phiproxy_key_versions WHERE wrapped_dek <> ''
UNION SELECT CAST(CONVERT(user_id USING utf8mb4) AS BINARY), key_version FROM user_encryption_keys WHERE encrypted_dek <> ''
ORDER BY owner, key_version`)
	refs := make([]keys.VersionRef, len(rows))
	for i, r := range rows {
		refs[i] = keys.VersionRef(r)
	}
	return refs, failed("list", err)
}

// Epoch implements [keys.Store].
func (s *Store) Epoch(ctx context.Context) (epoch uint64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT epoch FROM phiproxy_epoch WHERE name = ?`, epochFleet).Scan(&epoch)
	return epoch, failed("epoch", err)
}

type change keys.Change

func (c *change) fields() []any { return []any{&c.Epoch, &c.Owner} }

// Changes implements [keys.Store].
func (s *Store) Changes(ctx context.Context, after uint64) ([]keys.Change, error) {
	now, err := s.Epoch(ctx)
	switch {
	case err != nil || now == after:
		return nil, err
	case now < after: // the database was restored from a backup
		return []keys.Change{{Epoch: now}}, nil
	}
	rows, err := query[change](ctx, s.db, `SELECT epoch, '' AS owner FROM phiproxy_epoch WHERE name = ? AND epoch > ?
UNION ALL SELECT epoch, user_id FROM phiproxy_key_versions WHERE epoch > ? ORDER BY epoch`, epochFlush, after, after)
	var changes []keys.Change
	for _, c := range rows {
		changes = append(changes, keys.Change(c))
	}
	return changes, failed("changes", err)
}
