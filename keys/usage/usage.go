// Package usage counts which keys the stored values are sealed under, with SQL that reads the first bytes of each value.
//
// A value that is not an envelope is counted as one of the guide's when its length is that of base64 text of at least 40
// characters, and as plaintext otherwise. ” and NULL are no values.
package usage

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
)

// Table is one protected table.
type Table struct {
	Schema, Name string
	Owner        string   // owner column
	Columns      []string // protected columns
}

// Counter counts the values of the tables. Every count reads each protected column of the rows it concerns once.
type Counter struct {
	DB     *sql.DB
	Tables []Table
}

// Owner counts one owner's rows and values. The owner column's index serves when it has one.
func (c *Counter) Owner(ctx context.Context, owner string) (keys.Usage, error) {
	found := counts{}
	for i := range c.Tables {
		t := &c.Tables[i]
		owned := fmt.Sprintf("%s = ? AND %s = CAST(? AS BINARY)", quote(t.Owner), t.owner()) // the first finds the rows, the second is exact
		if err := found.add(ctx, c.DB, t, owned, owner, owner); err != nil {
			return keys.Usage{}, err
		}
	}
	if u := found[owner]; u != nil {
		return *u, nil
	}
	return keys.Usage{Values: map[envelope.KeyID]int64{}}, nil
}

// All counts everybody's, and calls f for each owner in byte order. It holds the counts of all owners in memory, some
// hundred bytes each. Rows without an owner count for owner "".
func (c *Counter) All(ctx context.Context, f func(owner string, u keys.Usage) error) error {
	found := counts{}
	for i := range c.Tables {
		if err := found.add(ctx, c.DB, &c.Tables[i], "TRUE"); err != nil {
			return err
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(found)) {
		if err := f(owner, *found[owner]); err != nil {
			return err
		}
	}
	return nil
}

// counts is what was found: owner -> usage.
type counts map[string]*keys.Usage

func (c counts) of(owner string) *keys.Usage {
	u := c[owner]
	if u == nil {
		u = &keys.Usage{Values: map[envelope.KeyID]int64{}}
		c[owner] = u
	}
	return u
}

// add counts the rows of a table and the values of its columns.
func (c counts) add(ctx context.Context, db *sql.DB, t *Table, where string, args ...any) error {
	from := fmt.Sprintf(" FROM %s.%s WHERE %s", quote(t.Schema), quote(t.Name), where)
	err := each(ctx, db, "SELECT "+t.owner()+" AS o, '' AS kind, COUNT(*)"+from+" GROUP BY o", args, func(owner, _ string, n int64) {
		c.of(owner).Rows += n
	})
	if err != nil {
		return fmt.Errorf("counting %s.%s: %w", t.Schema, t.Name, err)
	}
	for _, column := range t.Columns {
		q := fmt.Sprintf("SELECT %s AS o, %s AS kind, COUNT(*)%s AND %s <> '' GROUP BY o, kind", t.owner(), kindOf(column), from, bytes(column))
		if err := each(ctx, db, q, args, func(owner, kind string, n int64) { count(c.of(owner), kind, n) }); err != nil {
			return fmt.Errorf("counting %s.%s.%s: %w", t.Schema, t.Name, column, err)
		}
	}
	return nil
}

// Kinds of values that are no envelopes of format 1. Nor can they be confused with one: a header has 36 digits.
const (
	kindGuide = "guide"
	kindPlain = "plain"
)

// headerSize is the size of what says under which key an envelope was sealed: magic, flags, key id.
const headerSize = 2 + envelope.KeyIDSize

// kindOf is SQL for what a column's value is: the header of an envelope in hexadecimal, or one of the kinds. All of it is
// done with hexadecimal digits, since not every server cuts bytes as bytes.
func kindOf(column string) string {
	v := bytes(column)
	return fmt.Sprintf("CASE WHEN HEX(%[1]s) >= 'F8' THEN LEFT(HEX(%[1]s), %[2]d) "+
		"WHEN LENGTH(%[1]s) >= 40 AND MOD(LENGTH(%[1]s), 4) = 0 THEN '%[3]s' ELSE '%[4]s' END", v, 2*headerSize, kindGuide, kindPlain)
}

func count(u *keys.Usage, kind string, n int64) {
	switch kind {
	case kindGuide:
		u.Guide += n
		return
	case kindPlain:
		u.Plain += n
		return
	}
	id := envelope.KeyID{} // of an envelope that is too short or of another format: no key's
	if b, err := hex.DecodeString(kind); err == nil && len(b) == headerSize {
		id = envelope.KeyID(b[2:])
	}
	u.Values[id] += n
}

func each(ctx context.Context, db *sql.DB, query string, args []any, f func(owner, kind string, n int64)) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var owner, kind string
		var n int64
		if err := rows.Scan(&owner, &kind, &n); err != nil {
			return err
		}
		f(owner, kind, n)
	}
	return rows.Err()
}

// owner is SQL for the bytes of a row's owner, ” for none.
func (t *Table) owner() string {
	return "COALESCE(CAST(CONVERT(" + quote(t.Owner) + " USING utf8mb4) AS BINARY), '')"
}

// bytes is SQL for the bytes of a column's value; a DATE's are its text.
func bytes(column string) string { return "CAST(" + quote(column) + " AS BINARY)" }

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
