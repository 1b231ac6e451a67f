package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// A dump through the proxy is that of the plaintext database. Loaded through the proxy, over the tables that it was taken from or
// into an empty database, it gives the same tables with the same rows again, sealed.
func TestDumpAndRestore(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "restore")
		dumped := databaseDump(t, s, p.proxy.Addr, p.sealed.database)
		if diff := cmp.Diff(dumpLines(databaseDump(t, s, s.Addr, p.plain.database)), dumpLines(dumped)); diff != "" {
			t.Errorf("dumps of the plaintext database (-) and through phiproxy (+)\n%s", diff)
		}
		loadDump(t, s, p.proxy, dumped)
		p.restored(t, s, p.sealed)

		empty := "restore_empty"
		exec(t, direct(t, s, ""), "CREATE DATABASE "+empty)
		proxy, err := harness.Start(harness.Options{Server: s, Database: empty})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stopProxy(t, proxy) })
		loadDump(t, s, proxy, dumped)
		p.restored(t, s, side{conn: app(t, proxy), database: empty})
	})
}

// databaseDump dumps a database, without the keys of its owners, which differ.
func databaseDump(t *testing.T, s *servers.Server, addr, database string) string {
	t.Helper()
	args := []string{"--no-tablespaces", "--routines", "--events", "--triggers"}
	for _, table := range []string{"user_encryption_keys", "encryption_key_audit"} {
		args = append(args, "--ignore-table="+database+"."+table)
	}
	name, all := tool(s, "mysqldump", addr, append(args, database)...)
	return program(t, "", nil, name, all...)
}

func loadDump(t *testing.T, s *servers.Server, p *harness.Proxy, dumped string) {
	t.Helper()
	name, args := tool(s, "mysql", p.Addr, p.Database)
	program(t, dumped, nil, name, args...)
}

var dumpComments = regexp.MustCompile(`(?m)^-- .*$`)

// dumpLines are the lines of a dump without those that tell when and of what it was taken.
func dumpLines(dumped string) []string {
	return slices.Collect(strings.Lines(dumpComments.ReplaceAllString(dumped, "")))
}

// restored compares tables with those of the plaintext database.
func (p *pair) restored(t *testing.T, s *servers.Server, at side) {
	t.Helper()
	for _, table := range []string{"cases", "deleted_cases", "user_profile"} {
		for _, sql := range []string{"SHOW CREATE TABLE " + table, "SELECT * FROM " + table} {
			if diff := cmp.Diff(rows(t, p.plain.conn, sql), rows(t, at.conn, sql)); diff != "" {
				t.Errorf("%s: %s", sql, diff)
			}
		}
	}
	again := *p
	again.sealed = at
	again.sealedOnly(t, s)
}

func rows(t *testing.T, c *client.Conn, sql string) [][]string {
	t.Helper()
	var out [][]string
	for _, row := range query(t, c, sql).Rows {
		out = append(out, text(row))
	}
	slices.SortFunc(out, slices.Compare)
	return out
}
