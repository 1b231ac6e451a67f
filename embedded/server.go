// Package embedded runs a MySQL-compatible server inside the process: dolthub/go-mysql-server with its memory engine.
// `phiproxy demo` uses it as the database, and tests use it as one of their backends. docs/embedded.md lists where it
// differs from MySQL.
package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	vitess "github.com/dolthub/vitess/go/mysql"
	"github.com/sirupsen/logrus"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"
)

// Version is what the server's greeting and VERSION() say. It names the embedded server, so that nobody takes it for MySQL.
const (
	Version        = "8.0.31-" + versionPostfix // the library's own number: @@version says it too
	versionPostfix = "embedded"
)

// Account is a user who may log in from anywhere, with every privilege.
type Account struct {
	User, Password string
	// Plugin is mysql_native_password (when empty) or caching_sha2_password, which this server accepts over TLS only.
	Plugin string
}

// Options say what a server holds when it starts.
type Options struct {
	Databases []string // created empty
	Accounts  []Account
	TLS       *tls.Config // nil: TLS is not offered
	// Statements run in the first database before the server listens.
	Statements []string
}

// Server is a running server. Everything it holds is lost when it closes.
type Server struct {
	address  net.Addr
	server   *server.Server
	accepted chan struct{}
}

// Start runs a server that listens on address ("127.0.0.1:0" for any free port).
func Start(address string, o Options) (*Server, error) {
	logrus.SetOutput(io.Discard) // the library logs statements, with their literals, through this one logger
	databases, err := newProvider(o.Databases)
	if err != nil {
		return nil, err
	}
	engine := sqle.New(newAnalyzer(databases), nil)
	ctx := newContext(databases)
	if len(o.Databases) > 0 {
		ctx.SetCurrentDatabase(o.Databases[0])
	}
	if err := prepare(ctx, engine, o); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	cfg := server.Config{
		Listener: listener, Address: listener.Addr().String(), Version: Version, TLSConfig: o.TLS, MaxLoggedQueryLen: -1,
		DisableClientMultiStatements: true,
	}
	t := newTransactions()
	wrap := func(h vitess.Handler) (vitess.Handler, error) {
		t.Handler = h
		return t, nil
	}
	s, err := server.NewServerWithHandler(cfg, engine, sql.NewContext, t.builder(databases), nil, wrap)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	running := &Server{address: listener.Addr(), server: s, accepted: make(chan struct{})}
	go running.accept()
	return running, nil
}

func (s *Server) accept() {
	defer close(s.accepted)
	s.server.Listener.Accept()
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.address.String() }

// Close stops listening and forgets everything.
func (s *Server) Close() error {
	s.server.Listener.Close()
	<-s.accepted
	if err := s.server.Engine.Close(); !errors.Is(err, context.Canceled) { // which only says that it ended its own work
		return err
	}
	return nil
}

// setupUser runs the first statements. Nobody can log in as this account, since it is locked.
const setupUser = "embedded.setup"

// newProvider makes the databases with MySQL's own default collation; the engine's is binary.
func newProvider(names []string) (*provider, error) {
	p := &provider{memory.NewDBProvider()}
	for _, name := range names {
		if err := p.CreateDatabase(sql.NewEmptyContext(), name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// CreateDatabase implements sql.MutableDatabaseProvider: a database as MySQL would make it.
func (p *provider) CreateDatabase(ctx *sql.Context, name string) error {
	if err := p.DbProvider.CreateDatabase(ctx, name); err != nil {
		return err
	}
	db, err := p.Database(ctx, name)
	if err != nil {
		return err
	}
	made, ok := db.(*memory.Database)
	if !ok {
		return errors.New("the library made another kind of database")
	}
	made.EnablePrimaryKeyIndexes()
	return made.SetCollation(ctx, sql.Collation_utf8mb4_0900_ai_ci)
}

// ourRule is an id that no rule of the library has.
const ourRule analyzer.RuleId = -1

// newAnalyzer makes the library's analyzer without its shortcut for results of one row: it takes a lookup by primary key
// anywhere in a statement (in one part of a UNION, on one side of a LEFT JOIN) for the whole, and then fails on the second row.
func newAnalyzer(p *provider) *analyzer.Analyzer {
	noShortcut := func(_ *sql.Context, _ *analyzer.Analyzer, n sql.Node, _ *plan.Scope, _ analyzer.RuleSelector, flags *sql.QueryFlags) (sql.Node, transform.TreeIdentity, error) {
		flags.Unset(sql.QFlagMax1Row)
		return n, transform.SameTree, nil
	}
	return analyzer.NewBuilder(p).AddPostValidationRule(ourRule, noShortcut).Build()
}

func newContext(p *provider) *sql.Context {
	client := sql.Client{User: setupUser, Address: "localhost"}
	session := memory.NewSession(sql.NewBaseSessionWithClientServer("", client, 0), p)
	return sql.NewContext(context.Background(), sql.WithSession(session))
}

// prepare makes the accounts and runs the first statements.
func prepare(ctx *sql.Context, engine *sqle.Engine, o Options) error {
	users := engine.Analyzer.Catalog.MySQLDb
	users.SetEnabled(true)
	users.SetPersister(&mysql_db.NoopPersister{})
	editor := users.Editor()
	users.AddLockedSuperUser(editor, setupUser, "localhost", "")
	editor.Close()
	for _, statement := range o.Statements {
		if err := run(ctx, engine, statement); err != nil {
			return fmt.Errorf("embedded server: %w", err)
		}
	}
	for _, a := range o.Accounts {
		if err := createAccount(ctx, engine, a); err != nil {
			return fmt.Errorf("embedded server: account: %w", err)
		}
	}
	return nil
}

func createAccount(ctx *sql.Context, engine *sqle.Engine, a Account) error {
	plugin := a.Plugin
	if plugin == "" {
		plugin = string(vitess.MysqlNativePassword)
	}
	user := quote(a.User) + "@'%'"
	if err := run(ctx, engine, "CREATE USER "+user+" IDENTIFIED WITH "+plugin+" BY "+quote(a.Password)); err != nil {
		return err
	}
	return run(ctx, engine, "GRANT ALL PRIVILEGES ON *.* TO "+user+" WITH GRANT OPTION")
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func run(ctx *sql.Context, engine *sqle.Engine, statement string) error {
	_, rows, _, err := engine.Query(ctx, statement)
	if err != nil {
		return err
	}
	_, err = sql.RowIterToRows(ctx, rows)
	return err
}
