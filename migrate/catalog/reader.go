package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"hash"
	"strings"
)

type fingerprint [sha256.Size]byte

// reader runs queries and folds their answers into a fingerprint, which tells later whether anything changed.
type reader struct {
	conn *sql.Conn
	sum  hash.Hash
}

// row is one row of an answer; every catalog value is read as text.
type row []sql.NullString

func (r *reader) rows(ctx context.Context, query string, args ...any) ([]row, error) {
	answer, err := r.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	names, err := answer.Columns()
	if err != nil {
		return nil, err
	}
	var out []row
	for answer.Next() {
		values, targets := make(row, len(names)), make([]any, len(names))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := answer.Scan(targets...); err != nil {
			return nil, err
		}
		r.fold(values)
		out = append(out, values)
	}
	r.sum.Write([]byte{2})
	return out, answer.Err()
}

func (r *reader) fold(values row) {
	var head [9]byte
	for _, v := range values {
		head[0] = 0
		if v.Valid {
			head[0] = 1
		}
		binary.BigEndian.PutUint64(head[1:], uint64(len(v.String)))
		r.sum.Write(head[:])
		r.sum.Write([]byte(v.String))
	}
}

func (r *reader) fingerprint() (f fingerprint) {
	r.sum.Sum(f[:0])
	return f
}

// in gives "(?,?,...)" and the arguments for it.
func in(names []string) (string, []any) {
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = n
	}
	return "(" + strings.TrimSuffix(strings.Repeat("?,", len(names)), ",") + ")", args
}
