package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"phiproxy/config"
)

// ErrNoUserTable tells that the configured table of users, or a column of it, is not there.
var ErrNoUserTable = errors.New("keys/store: the table of users is not as keys.users says")

// Users reads the application's table of users. It joins users and keys by the bytes of their ids itself: in SQL the
// two tables' collations decide, and refuse to be compared when they differ.
type Users struct {
	db    *sql.DB
	names config.Users
}

// NewUsers reads with an open database's account. names is as configured; empty name and e-mail columns are not read.
func NewUsers(db *sql.DB, names config.Users) *Users { return &Users{db: db, names: names} }

// User is one user of the application.
type User struct {
	ID        string
	FirstName string
	LastName  string
	Email     string
	Active    bool
	Type      int
	HasKey    bool // a row in user_encryption_keys, whatever its state
}

// UserFilter chooses users; zero fields choose all.
type UserFilter struct {
	OnlyActive bool
	WithoutKey bool // without a row in user_encryption_keys: a destroyed or inactive key counts as a key
	ID         string
}

// Get returns one user, nil when there is none of exactly that id.
func (u *Users) Get(ctx context.Context, id string) (*User, error) {
	users, err := u.List(ctx, UserFilter{ID: id})
	if err != nil || len(users) == 0 {
		return nil, err
	}
	return &users[0], nil
}

// List returns the chosen users in byte order of their ids.
func (u *Users) List(ctx context.Context, f UserFilter) ([]User, error) {
	users, err := u.read(ctx, f)
	if err != nil {
		return nil, err
	}
	owners, err := u.owners(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	chosen := users[:0]
	for _, user := range users {
		if _, user.HasKey = owners[user.ID]; !user.HasKey || !f.WithoutKey {
			chosen = append(chosen, user)
		}
	}
	return chosen, nil
}

// Coverage counts the active users, and of them those with an active key.
func (u *Users) Coverage(ctx context.Context) (total, withKey int, err error) {
	users, err := u.read(ctx, UserFilter{OnlyActive: true})
	if err != nil {
		return 0, 0, err
	}
	owners, err := u.owners(ctx, "")
	if err != nil {
		return 0, 0, err
	}
	for _, user := range users {
		if owners[user.ID] {
			withKey++
		}
	}
	return len(users), withKey, nil
}

type userRow struct {
	user   User
	active sql.NullInt64
	typ    sql.NullInt64
}

func (r *userRow) fields() []any {
	return []any{&r.user.ID, &r.active, &r.typ, &r.user.FirstName, &r.user.LastName, &r.user.Email}
}

// read lists users without looking at keys.
func (u *Users) read(ctx context.Context, f UserFilter) ([]User, error) {
	q := "SELECT " + u.columns() + " FROM " + quoteTable(u.names.Table)
	var args []any
	conditions := []string{"TRUE"}
	if f.OnlyActive {
		conditions = append(conditions, quoteName(u.names.Active)+" = 1")
	}
	if f.ID != "" {
		conditions, args = append(conditions, quoteName(u.names.ID)+" = ?"), []any{f.ID}
	}
	rows, err := query[userRow](ctx, u.db, q+" WHERE "+strings.Join(conditions, " AND ")+
		" ORDER BY CAST("+quoteName(u.names.ID)+" AS BINARY)", args...)
	if err != nil {
		return nil, u.failed(err)
	}
	var users []User
	for _, r := range rows {
		if f.ID != "" && r.user.ID != f.ID { // the column's collation holds another id for the same
			continue
		}
		r.user.Active, r.user.Type = r.active.Int64 == 1, int(r.typ.Int64)
		users = append(users, r.user)
	}
	return users, nil
}

// columns is the select list in the order of userRow.
func (u *Users) columns() string {
	list := []string{quoteName(u.names.ID), quoteName(u.names.Active), quoteName(u.names.Type)}
	for _, name := range []string{u.names.FirstName, u.names.LastName, u.names.Email} {
		if name == "" {
			list = append(list, "''")
			continue
		}
		list = append(list, "COALESCE("+quoteName(name)+", '')")
	}
	return strings.Join(list, ", ")
}

// owners lists who has a row in user_encryption_keys, and whether it is active: everybody, or one owner.
func (u *Users) owners(ctx context.Context, id string) (map[string]bool, error) {
	rows, err := query[keyRow](ctx, u.db,
		`SELECT user_id, COALESCE(is_active, 0) FROM user_encryption_keys WHERE ? = '' OR user_id = ?`, id, id)
	owners := make(map[string]bool, len(rows)) // owner -> active
	for _, r := range rows {
		owners[r.owner] = r.active
	}
	return owners, failed("users", err)
}

type keyRow struct {
	owner  string
	active bool
}

func (r *keyRow) fields() []any { return []any{&r.owner, &r.active} }

// Error numbers of a table, column, database or grant that is missing.
const (
	errNoTable    = 1146
	errNoColumn   = 1054
	errNoDatabase = 1049
	errNoGrant    = 1142
	errNoColGrant = 1143
)

func (u *Users) failed(err error) error {
	switch number(err) {
	case errNoTable, errNoColumn, errNoDatabase, errNoGrant, errNoColGrant:
		return fmt.Errorf("%w: %w", ErrNoUserTable, failed("users", err))
	}
	return failed("users", err)
}

// quoteTable quotes a table's name, with or without its database.
func quoteTable(name string) string {
	database, table, ok := strings.Cut(name, ".")
	if !ok {
		return quoteName(name)
	}
	return quoteName(database) + "." + quoteName(table)
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
