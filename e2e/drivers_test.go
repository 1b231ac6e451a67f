package e2e

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// Every driver does the application's usual work through the proxy, on every server.
func TestDrivers(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "drivers", ListenTLS: true, BackendTLS: "verify"})
		c := app(t, p)
		exec(t, c, fmt.Sprintf("INSERT INTO user_profile (user_id, user_email) VALUES ('%s', 'x')", provider(1)))
		for name, run := range map[string]func(*testing.T, *harness.Proxy){
			"go text":                func(t *testing.T, p *harness.Proxy) { goDriver(t, p, true, false) },
			"go prepared":            func(t *testing.T, p *harness.Proxy) { goDriver(t, p, false, false) },
			"go prepared, TLS":       func(t *testing.T, p *harness.Proxy) { goDriver(t, p, false, true) },
			"PyMySQL":                func(t *testing.T, p *harness.Proxy) { pythonDriver(t, p, "pymysql") },
			"PyMySQL, TLS":           func(t *testing.T, p *harness.Proxy) { pythonDriver(t, p, "pymysql", p.Server.PKI.CAFile) },
			"mysqlclient":            func(t *testing.T, p *harness.Proxy) { pythonDriver(t, p, "MySQLdb") },
			"mysql2":                 func(t *testing.T, p *harness.Proxy) { nodeDriver(t, p) },
			"mysql2, TLS":            func(t *testing.T, p *harness.Proxy) { nodeDriver(t, p, p.Server.PKI.CAFile) },
			"command line":           commandLine,
			"dump":                   dump,
			"dump loaded through it": reload,
		} {
			t.Run(name, func(t *testing.T) { run(t, p) })
		}
	})
}

// whatever is run gets the proxy's address and the application's account.
func target(p *harness.Proxy) []string {
	host, port, _ := net.SplitHostPort(p.Addr)
	return []string{host, port, servers.AppUser, servers.AppPassword, p.Database}
}

const programTimeout = time.Minute

// program runs a program that must succeed, and returns what it printed.
func program(t *testing.T, stdin string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programTimeout)
	defer cancel()
	cmd := osexec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(stdin)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, errs.String())
	}
	return string(out)
}

func pythonDriver(t *testing.T, p *harness.Proxy, driver string, ca ...string) {
	t.Helper()
	args := slices.Concat([]string{"python/smoke.py", driver}, target(p), ca)
	var env []string
	if p.Server.Kind == servers.Embedded {
		env = []string{"SMOKE_ROLLBACK=no"}
	}
	program(t, "", env, harness.Python(), args...)
}

func nodeDriver(t *testing.T, p *harness.Proxy, ca ...string) {
	t.Helper()
	program(t, "", nil, "node", slices.Concat([]string{"node/smoke.js"}, target(p), ca)...)
}

func goDB(t *testing.T, p *harness.Proxy, interpolate, secure bool) *sql.DB {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", p.Addr, servers.AppUser, servers.AppPassword, p.Database
	cfg.InterpolateParams, cfg.ParseTime, cfg.ReadTimeout = interpolate, true, programTimeout
	if secure {
		cfg.TLS = p.Server.PKI.Client()
		cfg.TLS.MinVersion = tls.VersionTLS12
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func goDriver(t *testing.T, p *harness.Proxy, interpolate, secure bool) {
	db := goDB(t, p, interpolate, secure)
	id, name, dob := fmt.Sprintf("smoke-go-%v-%v", interpolate, secure), `Seán \ "O'Brien" 😀`, time.Date(1984, 2, 9, 0, 0, 0, 0, time.UTC)
	r, err := db.Exec("INSERT INTO cases (case_id, user_id, patient_first, patient_last, ins_provider, patient_dob) VALUES (?, ?, ?, ?, ?, ?)",
		id, provider(1), name, nil, "", dob)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.LastInsertId(); err != nil || n == 0 {
		t.Errorf("insert id %d, %v", n, err)
	}
	wantRow(t, db, id, name, dob)
	for i, want := range []int64{1, 0} {
		r, err := db.Exec("UPDATE cases SET patient_first = ?, patient_dob = ? WHERE case_id = ?", "Jo", dob.AddDate(1, 0, 0), id)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.RowsAffected(); err != nil || n != want {
			t.Errorf("update %d affected %d rows, want %d (%v)", i, n, want, err)
		}
	}
	wantRow(t, db, id, "Jo", dob.AddDate(1, 0, 0))
	_, err = db.Exec("UPDATE cases SET patient_first = ? WHERE case_id = ?", strings.Repeat("x", 251), id)
	if e := (*mysql.MySQLError)(nil); !errors.As(err, &e) || e.Number != 1406 {
		t.Errorf("a name that is too long: %v", err)
	}
	if _, err := db.Exec("DELETE FROM cases WHERE case_id = ?", id); err != nil {
		t.Error(err)
	}
}

func wantRow(t *testing.T, db *sql.DB, id, name string, dob time.Time) {
	t.Helper()
	var first, ins string
	var last sql.NullString
	var gotDOB time.Time
	err := db.QueryRow("SELECT patient_first, patient_last, ins_provider, patient_dob FROM cases WHERE case_id = ?", id).Scan(&first, &last, &ins, &gotDOB)
	if err != nil || first != name || last.Valid || ins != "" || !gotDOB.Equal(dob) {
		t.Errorf("got %q %v %q %v, %v", first, last, ins, gotDOB, err)
	}
}

// tool is a client program with the arguments that bring it to the address.
func tool(s *servers.Server, name, addr string, args ...string) (string, []string) {
	host, port, _ := net.SplitHostPort(addr)
	login := []string{"--no-defaults", "--protocol=tcp", "--host=" + host, "--port=" + port, "--user=" + servers.AppUser, "--password=" + servers.AppPassword,
		"--default-character-set=utf8mb4"}
	return s.Tool(name), append(login, args...)
}

func commandLine(t *testing.T, p *harness.Proxy) {
	name, args := tool(p.Server, "mysql", p.Addr, "--batch", p.Database)
	script := "INSERT INTO cases (case_id, user_id, patient_first, patient_dob) VALUES ('cli', '" + provider(1) + "', 'Łukasz', '1984-2-9');\n" +
		"UPDATE cases SET patient_last = 'O\\'Brien' WHERE case_id = 'cli';\n" +
		"SELECT patient_first, patient_last, patient_dob, ins_provider FROM cases WHERE case_id = 'cli';\n" +
		"DELETE FROM cases WHERE case_id = 'cli';\n"
	got := program(t, script, nil, name, args...)
	want := "patient_first\tpatient_last\tpatient_dob\tins_provider\nŁukasz\tO'Brien\t1984-02-09\tNULL\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// dumped rows, with what dumps are known to get wrong.
func dumpRows(t *testing.T, p *harness.Proxy, id string) {
	t.Helper()
	exec(t, app(t, p), "DELETE FROM cases WHERE case_id LIKE '"+id+"%'", "INSERT INTO cases (case_id, user_id, case_create_ts, case_updated_ts, patient_first, patient_last, ins_provider, patient_dob) VALUES "+
		"('"+id+"1', '"+provider(1)+"', '2025-01-01', '2025-01-01', 'O\\'Brien \\\\ \\n', NULL, '', '1984-02-09'),"+
		"('"+id+"2', '"+provider(2)+"', '2025-01-01', '2025-01-01', '😀 名', 'Łukasz', '-- no comment', NULL)")
}

// mysqldump through the proxy gives plaintext that a plaintext server takes.
func dump(t *testing.T, p *harness.Proxy) {
	dumpRows(t, p, "dump")
	name, args := tool(p.Server, "mysqldump", p.Addr, "--skip-lock-tables", "--no-tablespaces", p.Database, "cases")
	text := program(t, "", nil, name, args...)
	copyName := "drivers_copy"
	exec(t, direct(t, p.Server, ""), "DROP DATABASE IF EXISTS "+copyName, "CREATE DATABASE "+copyName)
	name, args = tool(p.Server, "mysql", p.Server.Addr, copyName)
	program(t, text, nil, name, args...)
	compareTables(t, app(t, p), direct(t, p.Server, copyName), "SELECT * FROM cases ORDER BY case_id")
}

// What mysqldump printed can be loaded through the proxy again, and is sealed then.
func reload(t *testing.T, p *harness.Proxy) {
	dumpRows(t, p, "again")
	name, args := tool(p.Server, "mysqldump", p.Addr, "--skip-lock-tables", "--skip-add-locks", "--skip-disable-keys", "--no-tablespaces", "--no-create-info",
		"--where=case_id LIKE 'again%'", p.Database, "cases")
	text := program(t, "", nil, name, args...)
	c := app(t, p)
	before := query(t, c, "SELECT * FROM cases WHERE case_id LIKE 'again%' ORDER BY case_id")
	exec(t, c, "DELETE FROM cases WHERE case_id LIKE 'again%'")
	name, args = tool(p.Server, "mysql", p.Addr, p.Database)
	program(t, text, nil, name, args...)
	if diff := cmp.Diff(before, query(t, c, "SELECT * FROM cases WHERE case_id LIKE 'again%' ORDER BY case_id")); diff != "" {
		t.Error(diff)
	}
	for _, row := range query(t, direct(t, p.Server, p.Database), "SELECT HEX(patient_first) FROM cases WHERE case_id LIKE 'again%'").Rows {
		if len(row[0].Data) < 2*40 {
			t.Errorf("stored in clear: %q", row[0].Data)
		}
	}
}

func compareTables(t *testing.T, a, b *client.Conn, sql string) {
	t.Helper()
	if diff := cmp.Diff(query(t, a, sql).Rows, query(t, b, sql).Rows); diff != "" {
		t.Errorf("%s: %s", sql, diff)
	}
}

// The tests' own scripts must be where the tests look.
func TestScriptsExist(t *testing.T) {
	for _, f := range []string{"python/smoke.py", "node/smoke.js", "node/node_modules/mysql2/package.json"} {
		if _, err := os.Stat(filepath.FromSlash(f)); err != nil {
			t.Errorf("%v: run e2e/setup.sh", err)
		}
	}
}
