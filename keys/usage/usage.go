// Package usage counts which keys the stored values are sealed under, with SQL that reads the first bytes of each value.
package usage

import (
	"context"
	"database/sql"
	"errors"

	"phiproxy/keys"
)

var errNotYet = errors.New("keys/usage: not built yet")

// Table is one protected table.
type Table struct {
	Schema, Name string
	Owner        string   // owner column
	Columns      []string // protected columns
}

// Counter counts the values of the tables.
type Counter struct {
	DB     *sql.DB
	Tables []Table
}

// Owner counts one owner's rows and values.
func (c *Counter) Owner(ctx context.Context, owner string) (keys.Usage, error) {
	return keys.Usage{}, errNotYet
}

// All counts everybody's, and calls f for each owner in byte order. It holds the counts of all owners in memory.
func (c *Counter) All(ctx context.Context, f func(owner string, u keys.Usage) error) error {
	return errNotYet
}
