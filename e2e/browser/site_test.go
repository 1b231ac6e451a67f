package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phiproxy/admin"
	"phiproxy/config"
	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

const (
	database = "surgicase"
	operator = "ADMIN1" // the application's administrator
	users    = 60       // active ones besides the operator, OWNER01 to OWNER60
)

// hostile is markup that would run if it ever became part of the page. It is a user id, a database user and an alias.
const hostile = `<img src=x onerror=owned=1>`

// site is the real program in front of a real server.
type site struct {
	proxy  *harness.Proxy
	url    string
	tokens map[string]string // role -> token
}

func startSite(t *testing.T) *site {
	t.Helper()
	t.Cleanup(func() { report(t, harness.RemoveBinaries()) })
	go func() { _, _ = harness.Binary() }() // built while the server starts; Start reports its error
	server, err := servers.Start(servers.MariaDB, servers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { report(t, server.Stop()) })
	prepare(t, server)
	s, dir := &site{tokens: map[string]string{}}, t.TempDir()
	s.proxy, err = harness.Start(harness.Options{
		Server: server, Database: database, Admin: s.makeTokens(t), Scratch: "off", // so that there are refusals to show
		Extra: fmt.Sprintf("audit: {dir: %s, key_file: %s}", filepath.Join(dir, "access"), filepath.Join(dir, "sign.pem")),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	s.url = "http://" + s.proxy.AdminAddr
	return s
}

func report(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

func (s *site) stop(t *testing.T) {
	if t.Failed() {
		log, err := os.ReadFile(s.proxy.LogFile())
		t.Logf("the proxy's log ends with (%v):\n%s", err, log[max(0, len(log)-6000):])
	}
	report(t, s.proxy.Stop())
}

// makeTokens makes a token for each role, and returns their lines of the section admin.
func (s *site) makeTokens(t *testing.T) string {
	t.Helper()
	var lines strings.Builder
	lines.WriteString("  tokens:\n")
	for _, role := range []string{config.RoleAdmin, config.RoleViewer} {
		token, hash, err := admin.NewToken("test-" + role)
		if err != nil {
			t.Fatal(err)
		}
		s.tokens[role] = token
		fmt.Fprintf(&lines, "    - {name: test-%s, sha256: %s, role: %s, expires: %s}\n", role, hash, role, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}
	return lines.String()
}

// prepare makes the application's tables, users, and a database user with a hostile name.
func prepare(t *testing.T, server *servers.Server) {
	t.Helper()
	if err := harness.CreateDatabase(server, database); err != nil {
		t.Fatal(err)
	}
	c, err := server.Admin(database)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ids := []string{"('" + operator + "', 'a@x', 100)", "('" + hostile + "', 'h@x', 1)"}
	for i := range users {
		ids = append(ids, fmt.Sprintf("('%s', 'u@x', 1)", owner(i+1)))
	}
	run(t, c,
		"INSERT INTO user_profile (user_id, user_email, user_type) VALUES "+strings.Join(ids, ", "),
		"CREATE USER '"+hostile+"'@'%' IDENTIFIED BY '"+servers.AppPassword+"'",
		"GRANT ALL ON "+database+".* TO '"+hostile+"'@'%'")
}

func owner(n int) string { return fmt.Sprintf("OWNER%02d", n) }

func run(t *testing.T, c *client.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := c.Exec(sql); err != nil {
			t.Fatalf("%v in %s", err, sql)
		}
	}
}

// use works with the data as applications do: writes and reads of two owners, by a user with a hostile name, and a refusal.
// The connection stays open for the list of sessions.
func (s *site) use(t *testing.T) {
	t.Helper()
	c, err := client.Dial(client.Options{Addr: s.proxy.Addr, User: hostile, Password: servers.AppPassword, Database: database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for i, id := range []string{owner(1), hostile} {
		run(t, c, fmt.Sprintf("INSERT INTO cases (user_id, case_id, case_date, patient_first, patient_last, ins_provider) VALUES ('%s', 'case%d', '2026-01-02', 'Ann', 'Canary', 'Aetna')", id, i))
	}
	run(t, c, "SELECT patient_first AS `"+hostile+"`, patient_last FROM cases WHERE user_id = '"+owner(1)+"'")
	if err := c.Exec("SELECT case_id FROM cases WHERE patient_last = 'Canary'"); err == nil || !strings.Contains(err.Error(), "PHI-1102") {
		t.Fatalf("a comparison was answered with %v", err)
	}
}
