package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"phiproxy/admin"
	"phiproxy/audit"
	"phiproxy/config"
	"phiproxy/keys"
	"phiproxy/keys/store"
	"phiproxy/keys/usage"
	"phiproxy/migrate"
	"phiproxy/migrate/catalog"
	"phiproxy/proxy"
	"phiproxy/rewrite"
	"phiproxy/scratch"
)

// assembly is everything that serves, wired together and not yet started.
type assembly struct {
	cfg      *config.Config
	log      *zap.Logger
	metrics  *prometheus.Registry
	store    *sql.DB
	ring     *keys.Ring
	access   *audit.Log // nil when none is kept
	scratch  *scratch.Engine
	schema   *catalog.Watcher
	planner  atomic.Pointer[rewrite.Planner]
	draining atomic.Bool
	proxy    *proxy.Server
	admin    *admin.Server
	reload   admin.Reload // of who may use the admin port
}

// assemble wires the parts of a configuration. It reads the database's schema, and fails when that is not as configured.
func assemble(ctx context.Context, cfg *config.Config, log *zap.Logger) (*assembly, error) {
	a := &assembly{cfg: cfg, log: log, metrics: prometheus.NewRegistry()}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, step := range []func(context.Context) error{a.openStore, a.openKeys, a.readSchema, a.openAccessLog, a.makeProxy, a.makeAdmin} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, a.close())
		}
	}
	return a, nil
}

func (a *assembly) openStore(ctx context.Context) (err error) {
	a.store, err = openStore(ctx, a.cfg)
	return err
}

func (a *assembly) openKeys(ctx context.Context) (err error) {
	a.ring, err = newRing(ctx, a.cfg.Keys, a.store, keys.NewMetrics(a.metrics), a.log)
	return err
}

// readSchema reads the schema once and makes the first planner. What differs from the configuration stops the start.
func (a *assembly) readSchema(ctx context.Context) error {
	a.schema = catalog.NewWatcher(a.store, catalogTables(a.cfg), catalog.Options{
		Interval: schemaInterval,
		OnChange: a.newPlanner,
		OnError:  func(err error) { a.log.Warn("the schema cannot be read; the last one stays in use", zap.Error(err)) },
	})
	snapshot, err := a.schema.Refresh(ctx)
	if err != nil {
		return err
	}
	if err := a.openScratch(ctx, snapshot.Schema); err != nil {
		return err
	}
	a.newPlanner(snapshot)
	for _, p := range snapshot.Warnings {
		a.log.Warn("schema", zap.Stringer("problem", p))
	}
	return problemsError(snapshot.Problems)
}

// schemaInterval is how often the schema is read again, for changes that did not come through this proxy.
const schemaInterval = 30 * time.Second

func (a *assembly) newPlanner(s *catalog.Snapshot) {
	for _, p := range s.Problems {
		a.log.Error("statements on a table are refused", zap.Stringer("problem", p))
	}
	p := rewrite.NewPlanner(s.Schema, a.cfg.Limits.Shapes)
	if a.scratch == nil {
		return // the first look at the schema tells which server to compute with
	}
	a.syncScratch(s)
	if a.scratch.Available() {
		p.WithScratch()
	}
	a.planner.Store(p)
}

// schemaChanged reads the schema after a statement that may have changed it.
func (a *assembly) schemaChanged() {
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Backend.ConnectTimeout.Std())
	defer cancel()
	if _, err := a.schema.Refresh(ctx); err != nil {
		a.log.Warn("the schema cannot be read; the last one stays in use", zap.Error(err))
	}
}

func (a *assembly) makeProxy(context.Context) error {
	onClient, err := clientTLS(a.cfg.Listen.TLS)
	if err != nil {
		return err
	}
	onBackend, err := backendTLS(a.cfg.Backend)
	if err != nil {
		return err
	}
	announcers, err := a.cfg.Listen.Networks()
	if err != nil {
		return fmt.Errorf("listen.proxy_protocol: %w", err)
	}
	a.proxy, err = proxy.New(proxy.Config{
		Dial:                 a.dial,
		BackendTLS:           onBackend,
		ClientTLS:            onClient,
		RequireTLS:           a.cfg.Listen.TLS.Require,
		Announcers:           announcers,
		Announce:             announcement(a.cfg.Backend.ProxyProtocol),
		ClientCompression:    compression(a.cfg.Listen.Compression),
		BackendCompression:   compression(a.cfg.Backend.Compression),
		Planner:              a.planner.Load,
		SchemaChanged:        a.schemaChanged,
		Definitions:          definitions{migrate.NewDefiner(a.store, catalogTables(a.cfg)), a.schema},
		Keys:                 a.ring,
		Scratch:              a.scratch,
		Access:               a.access,
		ApplicationAttribute: a.cfg.Audit.ApplicationAttribute,
		Limits:               proxyLimits(a.cfg.Limits),
		Log:                  a.log,
		Metrics:              proxy.NewMetrics(a.metrics),
	})
	return err
}

func (a *assembly) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: a.cfg.Backend.ConnectTimeout.Std()}
	return d.DialContext(ctx, a.cfg.Backend.Network(), a.cfg.Backend.Address)
}

// announcement is the version of the PROXY protocol, 0 for none.
func announcement(setting string) byte {
	switch setting {
	case config.ProxyProtocolV1:
		return 1
	case config.ProxyProtocolV2:
		return 2
	}
	return 0
}

func compression(setting string) proxy.Compression {
	switch setting {
	case config.CompressAll:
		return proxy.Zlib | proxy.Zstd
	case config.CompressZlib:
		return proxy.Zlib
	case config.CompressZstd:
		return proxy.Zstd
	}
	return 0
}

func proxyLimits(l config.Limits) proxy.Limits {
	return proxy.Limits{
		MaxConnections: l.MaxConnections,
		LoginTimeout:   l.LoginTimeout.Std(),
		MaxStatement:   int(l.MaxStatement),
		MaxLookupBytes: int(l.LookupBytes),
		LookupRows:     l.LookupRows,
		RememberedRows: cmp.Or(l.RememberedRows, -1),
	}
}

func (a *assembly) makeAdmin(context.Context) (err error) {
	if !a.cfg.Admin.Enabled {
		return nil
	}
	tables := make([]admin.Table, len(a.cfg.Tables))
	for i, t := range a.cfg.Tables {
		tables[i] = admin.Table{Name: t.Schema + "." + t.Name, Owner: t.Owner}
		for _, c := range t.Columns {
			tables[i].Columns = append(tables[i].Columns, c.Name)
		}
	}
	options := admin.Options{
		Config: a.cfg.Admin, SelfSigned: func() (tls.Certificate, error) { return selfSigned("phiproxy") },
		Build: build(), Backend: a.cfg.Backend.Address, Listen: a.cfg.Listen.Address, Tables: tables, Checks: a.checks(),
		Provider: a.cfg.Keys.Provider, MasterKey: masterKey(a.cfg.Keys),
		Keys: a.ring, Store: store.New(a.store), Users: store.NewUsers(a.store, a.cfg.Keys.Users), Usage: a.usage(),
		Sessions: a.sessions, Statements: a.statements,
		Metrics: a.metrics, Register: a.metrics, Log: a.log,
	}
	a.showAccessLog(&options)
	a.admin, err = admin.New(options)
	return err
}

// usage counts stored values by the keys they are sealed under.
func (a *assembly) usage() *usage.Counter {
	c := &usage.Counter{DB: a.store}
	for _, t := range a.cfg.Tables {
		table := usage.Table{Schema: t.Schema, Name: t.Name, Owner: t.Owner}
		for _, column := range t.Columns {
			table.Columns = append(table.Columns, column.Name)
		}
		c.Tables = append(c.Tables, table)
	}
	return c
}

func (a *assembly) sessions() []admin.Session {
	all := a.proxy.Sessions()
	list := make([]admin.Session, len(all))
	for i := range all {
		list[i] = admin.Session(all[i])
	}
	return list
}

func (a *assembly) statements() []admin.Statement {
	all := a.proxy.Statements()
	list := make([]admin.Statement, len(all))
	for i := range all {
		list[i] = admin.Statement(all[i])
	}
	return list
}

var (
	errDraining = errors.New("the proxy is shutting down")
	errSchema   = errors.New("protected tables are not as configured")
)

// checks are what /readyz looks at.
func (a *assembly) checks() []admin.Check {
	return []admin.Check{
		{Name: "serving", Run: a.checkServing},
		{Name: "database", Run: a.store.PingContext},
		{Name: "key service", Run: a.ring.Check},
		{Name: "schema", Run: a.checkSchema},
		{Name: "scratch", Run: a.checkScratch},
	}
}

func (a *assembly) checkServing(context.Context) error {
	if a.draining.Load() {
		return errDraining
	}
	return nil
}

func (a *assembly) checkSchema(context.Context) error {
	if len(a.schema.Current().Problems) > 0 {
		return errSchema
	}
	return nil
}

// close gives back what assemble opened, as far as it came.
func (a *assembly) close() (err error) {
	if a.access != nil {
		err = a.access.Close()
	}
	if a.scratch != nil {
		err = errors.Join(err, a.scratch.Close())
	}
	if a.ring != nil {
		a.ring.Close()
	}
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	return err
}
