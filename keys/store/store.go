// Package store keeps wrapped keys and the audit trail in MySQL tables: the guide's two, unchanged, and three of our own.
//
//	user_encryption_keys   one row per user: his current key, its version, is_active
//	encryption_key_audit   what was done with keys, by whom
//	phiproxy_key_versions  every version ever made, so that no new key can overwrite an old one
//	phiproxy_key_life      how many values each version has sealed, and when it ended
//	phiproxy_epoch         one counter, for the proxies of a fleet to notice each other's changes
//
// A row of user_encryption_keys whose version has no row in phiproxy_key_versions was made by the guide's code.
//
// A destroyed key leaves its rows: wrapped keys are overwritten by the empty text, the version's state is "destroyed", and is_active is 0.
// A retired version keeps its wrapped key and is not loaded.
//
// Every change locks the epoch's row first, so changes of all proxies run one after the other: they cannot deadlock,
// and whoever reads an epoch has seen all earlier changes. Such a transaction has two to five statements and no call of
// a key service in it.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"phiproxy/keys"

	"github.com/go-sql-driver/mysql"
)

// Store implements [keys.Store]. It is safe for concurrent use.
type Store struct {
	db *sql.DB
}

// maxConns bounds the connections of a store that Open made; key operations are rare.
const maxConns = 10

// Open makes a store on a go-sql-driver DSN ("user:password@tcp(host:port)/database?..."), without connecting yet.
// Time-outs are 2 s unless the DSN has others.
func Open(dsn string) (*Store, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("keys/store: the DSN is malformed") // the driver's text could hold parts of the password
	}
	if cfg.DBName == "" {
		return nil, errors.New("keys/store: the DSN names no database")
	}
	cfg.Timeout = orDefault(cfg.Timeout)
	cfg.ReadTimeout = orDefault(cfg.ReadTimeout)
	cfg.WriteTimeout = orDefault(cfg.WriteTimeout)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errors.New("keys/store: the DSN is not usable")
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return New(db), nil
}

func orDefault(d time.Duration) time.Duration {
	if d == 0 {
		return 2 * time.Second
	}
	return d
}

// New makes a store on an open database. What it does depends on no setting of the sessions.
func New(db *sql.DB) *Store { return &Store{db: db} }

// Close closes the connections.
func (s *Store) Close() error { return s.db.Close() }

// Ping tries the connection.
func (s *Store) Ping(ctx context.Context) error { return failed("ping", s.db.PingContext(ctx)) }

// Error numbers of the servers.
const (
	errDuplicate   = 1062
	errLockTimeout = 1205
	errDeadlock    = 1213
)

// number returns the server's error number, 0 when the error is not the server's.
func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// failed wraps a failure as ErrStore; nil stays nil. The text names the server's error number but not its message,
// which can quote values.
func failed(op string, err error) error {
	var known *keys.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	}
	e := &keys.Error{Kind: keys.ErrStore, Op: op, Cause: err}
	if n := number(err); n != 0 {
		e.Code = "mysql " + strconv.Itoa(int(n))
	}
	return e
}

// attempts is how often a change is tried when the server rolled it back for a deadlock or a lock timeout.
const attempts = 3

// change runs f in a transaction that begins with the next epoch.
func (s *Store) change(ctx context.Context, op string, f func(tx *sql.Tx, epoch uint64) error) (epoch uint64, err error) {
	err = s.transact(ctx, op, func(tx *sql.Tx) (err error) {
		if epoch, err = nextEpoch(ctx, tx); err != nil {
			return err
		}
		return f(tx, epoch)
	})
	if err != nil {
		return 0, err
	}
	return epoch, nil
}

// transact runs f in a transaction. It repeats only what was certainly rolled back.
func (s *Store) transact(ctx context.Context, op string, f func(tx *sql.Tx) error) (err error) {
	for range attempts {
		err = s.try(ctx, f)
		if n := number(err); n != errDeadlock && n != errLockTimeout {
			break
		}
	}
	return failed(op, err)
}

func (s *Store) try(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // no effect after Commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func nextEpoch(ctx context.Context, tx *sql.Tx) (epoch uint64, err error) {
	_, err = tx.ExecContext(ctx, `UPDATE phiproxy_epoch SET epoch = epoch + 1 WHERE name = ?`, epochFleet)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT epoch FROM phiproxy_epoch WHERE name = ?`, epochFleet).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("keys/store: %s has no row: apply the schema", TableEpoch)
	}
	return epoch, err
}

// lockEpoch lets no other change run until the transaction ends.
func lockEpoch(ctx context.Context, tx *sql.Tx) error {
	var epoch uint64
	return tx.QueryRowContext(ctx, `SELECT epoch FROM phiproxy_epoch WHERE name = ? FOR UPDATE`, epochFleet).Scan(&epoch)
}
