// Package schema_test runs `schema plan` and `schema apply`, and the catalog, against real servers.
package schema_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/migrate"
	"phiproxy/migrate/catalog"
)

// running holds one server of each real kind.
var running = map[servers.Kind]*servers.Server{}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	defer func() {
		for _, s := range running {
			if stop := s.Stop(); err == nil {
				err = stop
			}
		}
	}()
	for _, kind := range real {
		s, err := servers.Start(kind, servers.Options{NoTLS: true})
		if err != nil {
			return 1, err
		}
		running[kind] = s
	}
	return m.Run(), nil
}

// each runs a test on every kind of server, in a database of its own.
func each(t *testing.T, kinds []servers.Kind, test func(*testing.T, *fixture)) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) { test(t, newFixture(t, kind)) })
	}
}

var real = []servers.Kind{servers.MariaDB, servers.MySQL}

// fixture is an empty database, and the proxy's account in it.
type fixture struct {
	t      *testing.T
	kind   servers.Kind
	server *servers.Server
	name   string
	db     *sql.DB
}

var notWord = regexp.MustCompile(`\W+`)

func newFixture(t *testing.T, kind servers.Kind) *fixture {
	f := &fixture{t: t, kind: kind, server: running[kind], name: strings.ToLower(notWord.ReplaceAllString(t.Name(), "_"))}
	if kind == servers.Embedded {
		f.startEmbedded()
	} else {
		f.admin("", "CREATE DATABASE "+f.name)
		t.Cleanup(func() { f.admin("", "DROP DATABASE "+f.name) })
	}
	f.login(servers.StoreUser, servers.StorePassword)
	return f
}

// login chooses the account that plans and loads.
func (f *fixture) login(user, password string) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd, config.DBName = "tcp", f.server.Addr, user, password, f.name
	connector, err := mysql.NewConnector(config)
	if err != nil {
		f.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	f.t.Cleanup(func() { db.Close() })
	f.db = db
}

// startEmbedded starts a server for this test alone: its foreign keys work in the first database only.
func (f *fixture) startEmbedded() {
	s, err := servers.Start(servers.Embedded, servers.Options{NoTLS: true})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			f.t.Error(err)
		}
	})
	f.server, f.name = s, servers.Schema
}

// admin runs statements as the administrator.
func (f *fixture) admin(database string, statements ...string) {
	f.t.Helper()
	c, err := f.server.Admin(database)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	for _, s := range statements {
		if err := c.Exec(s); err != nil {
			f.t.Fatalf("%v in %s", err, s)
		}
	}
}

func (f *fixture) exec(statements ...string) {
	f.t.Helper()
	f.admin(f.name, statements...)
}

// application creates the application's tables.
func (f *fixture) application() {
	f.t.Helper()
	if err := harness.CreateDatabase(f.server, f.name); err != nil {
		f.t.Fatal(err)
	}
}

// tables is the configuration of the application.
func (f *fixture) tables() []catalog.Table {
	var out []catalog.Table
	for _, name := range []string{"cases", "deleted_cases"} {
		t := catalog.Table{Schema: f.name, Name: name, Owner: "user_id", Flag: "phi_encrypted"}
		for _, c := range []string{"patient_first", "patient_last", "ins_provider", "patient_dob"} {
			t.Columns = append(t.Columns, catalog.Column{Name: c, ID: "cases." + c})
		}
		out = append(out, t)
	}
	return out
}

// table is the configuration of one table t with owner o.
func (f *fixture) table(columns ...string) []catalog.Table {
	t := catalog.Table{Schema: f.name, Name: "t", Owner: "o"}
	for _, c := range columns {
		t.Columns = append(t.Columns, catalog.Column{Name: c, ID: "t." + c})
	}
	return []catalog.Table{t}
}

func (f *fixture) plan(tables []catalog.Table) *migrate.Plan {
	f.t.Helper()
	p, err := migrate.NewPlan(context.Background(), f.db, tables)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *fixture) apply(tables []catalog.Table) *migrate.Plan {
	f.t.Helper()
	p := f.plan(tables)
	if err := p.Apply(context.Background(), f.db, nil); err != nil {
		f.t.Fatalf("%v\n%v", err, p.Refusals)
	}
	return p
}

func (f *fixture) load(tables []catalog.Table) *catalog.Snapshot {
	f.t.Helper()
	s, err := catalog.Load(context.Background(), f.db, tables)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// query gives a result as text, rows by newline, columns by "|".
func (f *fixture) query(query string) string {
	f.t.Helper()
	rows, err := f.db.Query(query)
	if err != nil {
		f.t.Fatalf("%v in %s", err, query)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		f.t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values, targets := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			f.t.Fatal(err)
		}
		line := make([]string, len(values))
		for i, v := range values {
			if line[i] = v.String; !v.Valid {
				line[i] = "NULL"
			}
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
