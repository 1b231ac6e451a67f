package e2e

import (
	"errors"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// programs are further drivers, each with a script of its own that gets the target as its last arguments.
var programs = []struct {
	name    string
	command []string
	after   []string // arguments that follow the target
}{
	{name: "mariadb (Node.js)", command: []string{"node", "node/mariadb.js"}},
	{name: "Knex", command: []string{"node", "node/knex.js"}},
	{name: "DBD::mysql text", command: []string{"/usr/bin/perl", "perl/smoke.pl", "mysql"}, after: []string{"0"}},
	{name: "DBD::mysql prepared", command: []string{"/usr/bin/perl", "perl/smoke.pl", "mysql"}, after: []string{"1"}},
	{name: "DBD::MariaDB text", command: []string{"/usr/bin/perl", "perl/smoke.pl", "MariaDB"}, after: []string{"0"}},
	{name: "DBD::MariaDB prepared", command: []string{"/usr/bin/perl", "perl/smoke.pl", "MariaDB"}, after: []string{"1"}},
	{name: "mysqli", command: []string{"php", "php/smoke.php", "mysqli"}},
	{name: "PDO text", command: []string{"php", "php/smoke.php", "pdo"}},
	{name: "PDO prepared", command: []string{"php", "php/smoke.php", "pdo-prepared"}},
	{name: "SQLAlchemy on PyMySQL", command: []string{harness.Python(), "python/alchemy.py", "pymysql"}},
	{name: "SQLAlchemy on mysqlclient", command: []string{harness.Python(), "python/alchemy.py", "mysqldb"}},
}

// connectorJ is where Debian's libmariadb-java puts the driver.
const connectorJ = "/usr/share/java/mariadb-java-client.jar"

// More drivers, ORMs and a whole dump, on the servers that are not our own.
func TestMoreDrivers(t *testing.T) {
	classes := t.TempDir()
	if out, err := osexec.Command("javac", "-d", classes, filepath.FromSlash("java/Smoke.java")).CombinedOutput(); err != nil {
		t.Fatalf("%v: run e2e/setup.sh\n%s", err, out)
	}
	java := []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classes + ":" + connectorJ, "Smoke"}
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "more_drivers"})
		c := app(t, p)
		exec(t, c, "INSERT INTO user_profile (user_id, user_email) VALUES ('"+provider(1)+"', 'x')")
		run := func(name string, command, after []string) {
			t.Run(name, func(t *testing.T) {
				args := slices.Concat(command[1:], target(p), after)
				program(t, "", nil, command[0], args...)
			})
		}
		for _, d := range programs {
			run(d.name, d.command, d.after)
		}
		run("Connector/J", java, nil)
		t.Run("whole dump", func(t *testing.T) { wholeDump(t, p) })
	})
}

// What a dump of the tables through the proxy holds makes the tables again, with logical types, which phiproxy prepares as
// it did the first ones; the rows, loaded through the proxy with the dump's own locks and settings, are sealed again and equal.
func wholeDump(t *testing.T, p *harness.Proxy) {
	dumpRows(t, p, "whole")
	const all = "SELECT * FROM cases ORDER BY case_id"
	before := query(t, app(t, p), all)
	tables := dumpOf(t, p, "--no-data")
	if !strings.Contains(tables, "`patient_dob` date") || strings.Contains(tables, "varbinary") {
		t.Error("the dump does not have the logical schema")
	}
	rows := dumpOf(t, p, "--no-create-info")
	name, args := tool(p.Server, "mysql", p.Addr, p.Database)
	program(t, tables, nil, name, args...)
	if out, err := p.Command("schema", "apply"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := errors.Join(p.Process.Stop(), p.Run()); err != nil {
		t.Fatal(err)
	}
	program(t, rows, nil, name, args...)
	if diff := cmp.Diff(before, query(t, app(t, p), all)); diff != "" {
		t.Error(diff)
	}
	for _, row := range query(t, direct(t, p.Server, p.Database), "SELECT HEX(patient_first) FROM cases").Rows {
		if len(row[0].Data) < 2*40 {
			t.Errorf("stored in clear: %q", row[0].Data)
		}
	}
}

func dumpOf(t *testing.T, p *harness.Proxy, what string) string {
	t.Helper()
	name, args := tool(p.Server, "mysqldump", p.Addr, "--single-transaction", "--no-tablespaces", what, p.Database, "cases", "deleted_cases")
	return program(t, "", nil, name, args...)
}
