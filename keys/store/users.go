package store

import (
	"context"
	"database/sql"
	"errors"

	"phiproxy/config"
)

// ErrNoUserTable tells that the configured table of users, or a column of it, is not there.
var ErrNoUserTable = errors.New("keys/store: the table of users is not as keys.users says")

// Users reads the application's table of users.
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
	WithoutKey bool
	ID         string
}

// Get returns one user, nil when there is none of exactly that id.
func (u *Users) Get(ctx context.Context, id string) (*User, error) { return nil, errNotYet }

// List returns the chosen users in byte order of their ids.
func (u *Users) List(ctx context.Context, f UserFilter) ([]User, error) { return nil, errNotYet }

// Coverage counts the active users, and of them those with an active key.
func (u *Users) Coverage(ctx context.Context) (total, withKey int, err error) {
	return 0, 0, errNotYet
}
