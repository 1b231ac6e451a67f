package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"phiproxy/audit"
	"phiproxy/config"
	"phiproxy/keys"
	"phiproxy/keys/store"
)

// Build says what is running.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	FIPS     bool   `json:"fips140"` // Go's FIPS 140-3 module is in use
}

// Table is a protected table as the port shows it.
type Table struct {
	Name    string   `json:"name"`    // schema.table
	Owner   string   `json:"owner"`   // owner column
	Columns []string `json:"columns"` // protected columns
}

// Keys acts on owners' keys; *keys.Ring.
type Keys interface {
	Generate(ctx context.Context, owner string) (version int, err error)
	Rotate(ctx context.Context, owner string) (version int, err error)
	Destroy(ctx context.Context, owner string) (versions int, err error)
	Clear(ctx context.Context, owner string) error
	ClearAll(ctx context.Context) error
	Bulk(ctx context.Context, owners []string, act func(context.Context, string) (int, error), each func(keys.BulkStep)) (keys.BulkResult, error)
	Cached(owner string) bool
	Stats() keys.Stats
	Health() keys.Health
}

// Store reads what is stored of keys and their audit trail; *store.Store.
type Store interface {
	Status(ctx context.Context, owner string) (*store.Status, error)
	AuditLog(ctx context.Context, owner string, limit int) ([]store.AuditEntry, int, error)
	List(ctx context.Context, f store.Filter, p store.Page) (store.OwnerList, error)
	Versions(ctx context.Context, owner string) ([]store.VersionInfo, error)
}

// Users reads the application's table of users; *store.Users.
type Users interface {
	Get(ctx context.Context, id string) (*store.User, error)
	Coverage(ctx context.Context) (total, withKey int, err error)
}

// Usage counts an owner's stored values; *usage.Counter.
type Usage interface {
	Owner(ctx context.Context, owner string) (keys.Usage, error)
}

// Session is one client connection, as proxy.SessionInfo has it: it converts.
type Session struct {
	ID            uint64    `json:"id"`
	User          string    `json:"user"`
	Application   string    `json:"application"`
	Client        string    `json:"client"`      // address:port
	TLS           string    `json:"tls"`         // version, "" without
	TLSSubject    string    `json:"tls_subject"` // of the client's verified certificate
	Database      string    `json:"database"`
	Since         time.Time `json:"since"`
	InTransaction bool      `json:"in_transaction"`
	Idle          bool      `json:"idle"`
	LastVerb      string    `json:"last_verb"`
	Statements    uint64    `json:"statements"`
	Rows          uint64    `json:"rows"`
}

// Statement is one shape of statements and how often it came, as proxy.StatementCount has it: it converts.
type Statement struct {
	Fingerprint string    `json:"fingerprint"`
	Text        string    `json:"text"` // without any literal
	Verb        string    `json:"verb"`
	Verdict     string    `json:"verdict"` // relay, direct, lookup, refuse, ...
	Reason      string    `json:"reason"`  // PHI number of the refusal
	Count       uint64    `json:"count"`
	Errors      uint64    `json:"errors"`
	Rows        uint64    `json:"rows"`
	Last        time.Time `json:"last"`
}

// Options are what a Server shows and may act on.
type Options struct {
	Config     config.Admin
	SelfSigned func() (tls.Certificate, error) // needed with Config.TLS.SelfSigned

	Build     Build
	Backend   string // address of the database server
	Listen    string // address of the proxy
	Provider  string // of the master key: aws, local
	MasterKey string // id or alias of the master key; no secret
	Tables    []Table
	Checks    []Check

	Keys       Keys
	Store      Store
	Users      Users
	Usage      Usage
	Sessions   func() []Session
	Statements func() []Statement                              // the most frequent first
	Search     func(audit.Query) iter.Seq2[audit.Event, error] // of the access log, oldest first; nil when none is kept
	Audit      func() audit.Health                             // of the access log; nil when none is kept

	Metrics  prometheus.Gatherer
	Register prometheus.Registerer // for the port's own counters; may be nil
	Log      *zap.Logger
}

func (o *Options) check() error {
	switch {
	case o.Keys == nil, o.Store == nil, o.Users == nil, o.Usage == nil, o.Sessions == nil, o.Statements == nil, o.Metrics == nil, o.Log == nil:
		return errors.New("admin: an option is missing")
	case o.Config.TLS.SelfSigned && o.SelfSigned == nil:
		return errors.New("admin: nothing makes the self-signed certificate")
	}
	return nil
}
