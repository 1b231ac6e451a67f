package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"

	"github.com/go-sql-driver/mysql"

	"phiproxy/config"
)

// storeConnections is how many connections of its own the proxy keeps at most: for keys, audit records and the schema.
const storeConnections = 16

// openStore opens the proxy's own account at the database and tries it once.
func openStore(ctx context.Context, cfg *config.Config) (*sql.DB, error) {
	connector, err := storeConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(storeConnections)
	db.SetMaxIdleConns(storeConnections)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("keys.store: the database cannot be used: %w", err), db.Close())
	}
	return db, nil
}

// storeConnector reads the DSN. Unless it says how, TLS is as for the backend.
func storeConnector(cfg *config.Config) (driver.Connector, error) {
	dsn, err := mysql.ParseDSN(cfg.Keys.Store.DSN.Reveal())
	if err != nil {
		return nil, errors.New("keys.store.dsn is not a DSN") // the driver's text may quote the password
	}
	if dsn.TLSConfig == "" {
		if dsn.TLS, err = storeTLS(cfg.Backend, dsn.Addr); err != nil {
			return nil, err
		}
	}
	dsn.Timeout = cfg.Backend.ConnectTimeout.Std()
	dsn.Logger = &mysql.NopLogger{} // its errors come back to the caller, who logs them
	return mysql.NewConnector(dsn)
}

// storeTLS is the backend's TLS, with the name of the store's own host unless the two are one.
func storeTLS(b config.Backend, address string) (*tls.Config, error) {
	t, err := backendTLS(b)
	if err != nil || t == nil || address == b.Address {
		return t, err
	}
	if b.TLS.ServerName == "" {
		t.ServerName, _, err = net.SplitHostPort(address)
	}
	return t, err
}
