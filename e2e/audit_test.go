package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/admin"
	"phiproxy/audit"
	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// recorded is a proxy that keeps an access log.
type recorded struct {
	*harness.Proxy
	t       *testing.T
	dir     string
	keyFile string
}

func startRecorded(t *testing.T, o harness.Options, dir string) *recorded {
	t.Helper()
	r := &recorded{t: t, dir: filepath.Join(dir, "log"), keyFile: filepath.Join(t.TempDir(), "access.key")}
	o.Extra = fmt.Sprintf("audit:\n  dir: %s\n  key_file: %s\n  application_attribute: app_user\n  rotate_size: 16KiB\n", r.dir, r.keyFile)
	r.Proxy = startProxy(t, o)
	return r
}

// as logs in as a database user on behalf of somebody, for the length of the test.
func (r *recorded) as(user, password, person string) *client.Conn {
	r.t.Helper()
	c, err := client.Dial(client.Options{Addr: r.Addr, User: user, Password: password, Database: r.Database, Attributes: map[string]string{"app_user": person, "other": "unseen"}})
	return opened(r.t, c, err)
}

// found is what the log says of a query, one "person VERB outcome" for each statement.
func (r *recorded) found(q audit.Query) []string {
	r.t.Helper()
	var all []string
	for e, err := range audit.Search(r.dir, q) {
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s/%s %s %s", e.User, e.Application, e.Verb, strings.TrimSpace(e.Outcome+" "+e.Code)))
	}
	return all
}

// sound verifies the log.
func (r *recorded) sound() audit.Report {
	r.t.Helper()
	key, err := audit.ReadPublicKey(r.keyFile + audit.PublicSuffix)
	if err != nil {
		r.t.Fatal(err)
	}
	report, err := audit.Verify(r.dir, key)
	if err != nil || report.Bad != nil {
		r.t.Fatal(err, report.Bad)
	}
	return report
}

func (r *recorded) expect(what string, q audit.Query, want ...string) {
	r.t.Helper()
	if got := r.found(q); !slices.Equal(got, want) {
		r.t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// A statement that computes with values saw those of every row that it looked at.
func TestComputedStatementsAreRecorded(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		mark := newCanary()
		p := startRecorded(t, harness.Options{Server: s, Database: "access_log_computed"}, t.TempDir())
		alice, bob := p.as(servers.AppUser, servers.AppPassword, "alice"), p.as(servers.AdminUser, servers.AdminPassword, "bob")
		exec(t, alice, insertCase("a", 1, mark.marker(1)), insertCase("b", 2, mark.marker(2)), insertCase("c", 3, mark.marker(3)))
		query(t, bob, "SELECT case_id FROM cases WHERE user_id <> '"+provider(3)+"' AND patient_first = '"+mark.marker(1)+"'")
		exec(t, bob, "DELETE FROM cases WHERE user_id = '"+provider(3)+"' AND patient_first = '"+mark.marker(3)+"'")
		const a, b = servers.AppUser + "/alice ", servers.AdminUser + "/bob "
		p.expect("owner 1", audit.Query{Owner: provider(1)}, a+"INSERT done", b+"SELECT done")
		p.expect("owner 2", audit.Query{Owner: provider(2)}, a+"INSERT done", b+"SELECT done")
		p.expect("owner 3", audit.Query{Owner: provider(3)}, a+"INSERT done", b+"DELETE done")
		p.sound()
		noTrace(t, mark, p)
	})
}

// Who touched whose values is recorded exactly, whatever the form of the statement; no value is.
func TestAccessLog(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		mark := newCanary()
		p := startRecorded(t, harness.Options{Server: s, Database: "access_log", Scratch: "off"}, t.TempDir())
		alice := p.as(servers.AppUser, servers.AppPassword, "alice")
		bob := p.as(servers.AdminUser, servers.AdminPassword, "bob")

		exec(t, alice, insertCase("a", 1, mark.marker(1)), insertCase("b", 2, mark.marker(2)), insertCase("c", 3, mark.marker(3)))
		query(t, bob, selectFirst("a"))
		exec(t, alice, "UPDATE cases SET patient_first = '"+mark.marker(4)+"' WHERE case_id = 'b'")
		exec(t, alice, "UPDATE cases SET patient_first = NULL WHERE case_id = 'c'")
		query(t, bob, "SELECT patient_last FROM cases WHERE case_id IN ('a', 'b') ORDER BY case_id")
		readPrepared(t, bob, "b", mark.marker(4))
		writePrepared(t, alice, "a", mark.marker(5))
		exec(t, bob, "UPDATE cases SET user_id = '"+provider(3)+"' WHERE case_id = 'a'") // from owner 1 to owner 3
		query(t, bob, "SELECT COUNT(*) FROM cases")
		unknownColumn(t, queryError(t, bob, "SELECT case_id FROM cases WHERE patient_first LIKE '"+mark.marker(6)+"' AND `"+mark.marker(7)+"` = 1"))
		if queryError(t, alice, insertCase("a", 2, mark.marker(8))) == nil {
			t.Error("a key was taken twice")
		}
		exec(t, alice, "INSERT INTO deleted_cases SELECT * FROM cases WHERE case_id = 'c'", "DELETE FROM deleted_cases WHERE case_id = 'c'")
		deletePrepared(t, bob, "c")
		// The end of a statement that is relayed unread is written behind its answer, and before the next command is read.
		query(t, alice, "SELECT 1")
		query(t, bob, "SELECT 1")

		const a, b = servers.AppUser + "/alice ", servers.AdminUser + "/bob "
		p.expect("owner 1", audit.Query{Owner: provider(1)}, a+"INSERT done", b+"SELECT done", b+"SELECT done", a+"UPDATE done", b+"UPDATE done")
		p.expect("owner 2", audit.Query{Owner: provider(2)}, a+"INSERT done", a+"UPDATE done", b+"SELECT done", b+"SELECT done", a+"INSERT failed 1062")
		p.expect("owner 3", audit.Query{Owner: provider(3)}, a+"INSERT done", a+"UPDATE done", b+"UPDATE done")
		p.expect("owner 4", audit.Query{Owner: provider(4)})
		p.expect("refused", audit.Query{Outcome: audit.Refused}, b+"SELECT refused PHI-1102")
		p.expect("moved", audit.Query{Outcome: audit.Sent}, a+"INSERT sent", a+"DELETE sent", b+"DELETE sent")
		p.sound()
		noTrace(t, mark, p)
	})
}

// unknownColumn expects the server's error about a name, which the refusal of a statement with one gives way to.
func unknownColumn(t *testing.T, err error) {
	t.Helper()
	const badField = 1054
	var e *client.ServerError
	if !errors.As(err, &e) || e.Code != badField {
		t.Errorf("a column that there is not: %v", err)
	}
}

func readPrepared(t *testing.T, c *client.Conn, id, want string) {
	t.Helper()
	st, err := c.Prepare("SELECT patient_first FROM cases WHERE case_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Execute(st, bound(mysql.MYSQL_TYPE_VAR_STRING, false, []byte(id)))
	if err != nil || r[0].Err != nil || r[0].Rows[0][0].Data != want {
		t.Fatalf("%+v, %v", r, err)
	}
}

func writePrepared(t *testing.T, c *client.Conn, id, value string) {
	t.Helper()
	st, err := c.Prepare("UPDATE cases SET patient_first = ? WHERE case_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Execute(st, bound(mysql.MYSQL_TYPE_VAR_STRING, false, []byte(value)), bound(mysql.MYSQL_TYPE_VAR_STRING, false, []byte(id)))
	if err != nil || r[0].Err != nil {
		t.Fatalf("%+v, %v", r, err)
	}
}

func deletePrepared(t *testing.T, c *client.Conn, id string) {
	t.Helper()
	st, err := c.Prepare("DELETE FROM cases WHERE case_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Execute(st, bound(mysql.MYSQL_TYPE_VAR_STRING, false, []byte(id)))
	if err != nil || r[0].Err != nil || r[0].AffectedRows != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
}

// noTrace looks for the markers in the access log and in the proxy's own log.
func noTrace(t *testing.T, mark canary, p *recorded) {
	t.Helper()
	for file, found := range mark.findInFiles(t, p.dir) {
		t.Errorf("%s: %s", file, found)
	}
	text, err := os.ReadFile(p.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if found := mark.find(text); len(found) > 0 {
		t.Errorf("the proxy's log: %s", found)
	}
}

// smallDisk is a file system of 64 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// On a full disk statements about protected values are refused before the server sees them, and nothing else is. It is
// over as soon as there is room.
func TestAccessLogOnFullDisk(t *testing.T) {
	s := server(t, servers.MariaDB)
	disk := smallDisk(t)
	p := startRecorded(t, harness.Options{Server: s, Database: "access_log_full"}, disk)
	t.Cleanup(func() { _ = p.Process.Stop() }) // before the disk goes away
	c := app(t, p.Proxy)
	exec(t, c, insertCase("a", 1, "Ann"))
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	waitUntil(t, "the log is full", func() bool { return queryError(t, c, selectFirst("a")) != nil })
	for _, sql := range []string{selectFirst("a"), insertCase("b", 1, "Bob"), "UPDATE cases SET patient_first = 'Cid' WHERE case_id = 'a'"} {
		if err := queryError(t, c, sql); err == nil || !strings.Contains(err.Error(), "PHI-2101") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if got := query(t, c, "SELECT COUNT(*) FROM cases").Rows[0][0].Data; got != "1" {
		t.Errorf("%s rows", got)
	}
	exec(t, c, "BEGIN", "UPDATE cases SET case_status = 3 WHERE case_id = 'a'", "COMMIT")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if got := query(t, c, selectFirst("a")).Rows[0][0].Data; got != "Ann" {
		t.Errorf("the row holds %q", got)
	}
	waitUntil(t, "the gap is recorded", func() bool { return p.sound().Gaps == 1 })
}

// A proxy that is killed has recorded every owner whose values it let out, and goes on in the same log.
func TestAccessLogOfKilledProxy(t *testing.T) {
	const sessions = 8
	s := server(t, servers.MariaDB)
	p := startRecorded(t, harness.Options{Server: s, Database: "access_log_killed"}, t.TempDir())
	c := app(t, p.Proxy)
	for i := range sessions {
		exec(t, c, insertCase(fmt.Sprint(i), i, "Name"))
	}
	for range 3 {
		seen := make([]int, sessions)
		var readers sync.WaitGroup
		started := make(chan struct{}, sessions)
		for i := range sessions {
			readers.Go(func() { seen[i] = readUntilKilled(t, p, i, started) })
		}
		for range sessions {
			<-started
		}
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		readers.Wait()
		for i, n := range seen {
			before := len(p.found(audit.Query{Owner: provider(i), User: fmt.Sprintf("reader%d", i)}))
			if before < n {
				t.Errorf("session %d saw values %d times, %d are recorded", i, n, before)
			}
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		p.sound()
	}
}

// readUntilKilled reads one owner's value until the connection breaks, and returns how often it was seen.
func readUntilKilled(t *testing.T, p *recorded, owner int, started chan<- struct{}) (seen int) {
	c, err := client.Dial(client.Options{Addr: p.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: p.Database, Attributes: map[string]string{"app_user": fmt.Sprintf("reader%d", owner)}})
	if err != nil {
		t.Error(err)
		started <- struct{}{}
		return 0
	}
	defer c.Close()
	for {
		r, err := c.Query(selectFirst(fmt.Sprint(owner)))
		if err != nil || r[0].Err != nil {
			return seen
		}
		if seen++; seen == 20 {
			started <- struct{}{}
		}
	}
}

// The administrator's lists show sessions and statements, and no value.
func TestStatementsAndSessionsAreListed(t *testing.T) {
	s := server(t, servers.MariaDB)
	mark := newCanary()
	token, hash, err := admin.NewToken("viewer")
	if err != nil {
		t.Fatal(err)
	}
	settings := "  tokens:\n    - {name: viewer, sha256: " + hash + ", role: viewer, expires: 2100-01-01}\n"
	p := startProxy(t, harness.Options{Server: s, Database: "listed", Admin: settings, Scratch: "off"})
	c := app(t, p)
	exec(t, c, insertCase("a", 1, mark.marker(1)), "BEGIN")
	unknownColumn(t, queryError(t, c, "SELECT case_id FROM cases WHERE patient_first = '"+mark.marker(2)+"' OR patient_first = "+mark.marker(3)))
	sessions, statements := adminGet(t, p, token, "/admin/sessions"), adminGet(t, p, token, "/admin/statements")
	for _, want := range []string{`"user":"app"`, `"in_transaction":true`, `"database":"listed"`} {
		if !bytes.Contains(sessions, []byte(want)) {
			t.Errorf("%s is missing in %s", want, sessions)
		}
	}
	for _, want := range []string{`"PHI-1102"`, "SELECT case_id FROM cases WHERE patient_first = ? OR patient_first = x1", "INSERT INTO cases (case_id, user_id, patient_first, patient_last) VALUES (?, ...)"} {
		if !bytes.Contains(statements, []byte(want)) {
			t.Errorf("%s is missing in %s", want, statements)
		}
	}
	if found := mark.find(slices.Concat(sessions, statements)); len(found) > 0 {
		t.Error(found)
	}
}

// adminGet reads a page of the admin port.
func adminGet(t *testing.T, p *harness.Proxy, token, path string) []byte {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+p.AdminAddr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s, %v", path, response.Status, body, err)
	}
	return body
}
