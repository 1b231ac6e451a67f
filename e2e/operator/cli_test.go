package operator

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/keys/kmsemu"
)

const masterKey = "alias/surgicase-phi-master"

// installation is a prepared database with users, and what runs commands on it.
type installation struct {
	t     *testing.T
	kms   *kmsemu.Emulator
	proxy *harness.Proxy // configured, not running
	admin *client.Conn   // past the proxy
}

// install prepares a database of that name with so many active users.
func install(t *testing.T, database string, active int, aliases ...string) *installation {
	t.Helper()
	return installOn(t, server(t, production), database, active, aliases...)
}

func installOn(t *testing.T, s *servers.Server, database string, active int, aliases ...string) *installation {
	t.Helper()
	if err := harness.CreateDatabase(s, database); err != nil {
		t.Fatal(err)
	}
	i := &installation{t: t}
	var url string
	i.kms, url = startKMS(t, append(aliases, masterKey)...)
	var err error
	if i.proxy, err = harness.Configure(harness.Options{Server: s, Database: database, KMS: url}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.proxy.Stop(); err != nil {
			t.Error(err)
		}
	})
	if i.admin, err = s.Admin(database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.admin.Quit() })
	i.ok("schema", "apply")
	i.exec(users(1, active))
	return i
}

func (i *installation) exec(sql string) {
	i.t.Helper()
	if err := i.admin.Exec(sql); err != nil {
		i.t.Fatal(err)
	}
}

// number is the one value of a query.
func (i *installation) number(sql string) string {
	i.t.Helper()
	r, err := i.admin.Query(sql)
	if err != nil || r[0].Err != nil {
		i.t.Fatal(err, r)
	}
	return r[0].Rows[0][0].Data
}

// command prepares a command that reads the answers.
func (i *installation) command(answers string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	i.t.Helper()
	binary, err := harness.Binary()
	if err != nil {
		i.t.Fatal(err)
	}
	cmd := exec.Command(binary, append(args, "--config", i.proxy.ConfigFile())...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	cmd.Stdin = strings.NewReader(answers)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	return cmd, &output
}

// run runs a command and returns its exit code and output.
func (i *installation) run(answers string, args ...string) (code int, output string) {
	i.t.Helper()
	cmd, out := i.command(answers, args...)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		i.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// ok runs a command that must work, and returns what it printed.
func (i *installation) ok(args ...string) string {
	i.t.Helper()
	return i.expect(0, "", "", args...)
}

// expect runs a command that must end with the code and print the lines; see follows.
func (i *installation) expect(code int, answers, want string, args ...string) string {
	i.t.Helper()
	got, output := i.run(answers, args...)
	if missing, ok := follows(output, want); got != code || !ok {
		i.t.Fatalf("phiproxy %s: exit code %d, want %d; missing %q in\n%s", strings.Join(args, " "), got, code, missing, output)
	}
	return output
}

// oneKeyEach proves that every user has one active key, made once.
func (i *installation) oneKeyEach(users int) {
	i.t.Helper()
	for _, sql := range []string{
		"SELECT COUNT(*) FROM user_encryption_keys WHERE is_active = 1 AND key_version = 1",
		"SELECT COUNT(*) FROM phiproxy_key_versions",
		"SELECT COUNT(*) FROM user_encryption_keys k JOIN phiproxy_key_versions v ON v.user_id = k.user_id AND v.wrapped_dek = k.encrypted_dek",
	} {
		if got := i.number(sql); got != fmt.Sprint(users) {
			i.t.Errorf("%s: %s, want %d", sql, got, users)
		}
	}
}

// As many users as the application plans for.
const planned = 750

func TestGenerate(t *testing.T) {
	i := install(t, "generate", planned)
	i.kms.Set(kmsemu.Faults{Latency: 5 * time.Millisecond})
	i.exec("INSERT INTO user_profile (user_id, user_email, active) VALUES ('LEFT', 'x', 0)")
	i.expect(0, "", "DRY RUN...\nTotal active users: 750\nFound 750 users needing encryption keys\n[1/750] Processing user: USER001 (First1 Last1 - user1@example.com)\n[DRY RUN] Would generate key for user: USER001\nSkipped (dry-run): 750",
		"keys", "generate", "--dry-run")
	if n := i.number("SELECT COUNT(*) FROM phiproxy_key_versions"); n != "0" {
		t.Errorf("a dry run made %s keys", n)
	}
	i.expect(1, "no\n", "Generate encryption keys for 750 users? (yes/no): ...cancelled: nothing was done", "keys", "generate")
	i.expect(2, "", "...--yes...", "keys", "generate")
	began := time.Now()
	i.expect(0, "yes\n", "Coverage: 0.0%\n...\n...Successfully generated key for user: ...\n...\nRESULTS\nTotal users processed: 750\nSuccessful: 750\nFailed: 0\nTime elapsed: ...\nUpdated Status:\nUsers with keys: 750\nUsers without keys: 0\nCoverage: 100.0%",
		"keys", "generate")
	t.Logf("%d users in %v", planned, time.Since(began))
	i.oneKeyEach(planned)
	i.expect(0, "", "Coverage: 100.0%\nNo users need encryption keys", "keys", "generate")
	if n := i.number("SELECT COUNT(DISTINCT performed_by) FROM encryption_key_audit WHERE operation = 'generate' AND performed_by LIKE 'cli:%'"); n != "1" {
		t.Errorf("%s performers", n)
	}
}

// The key service asks for less several times: everybody has his key at the end.
func TestGenerateThrottled(t *testing.T) {
	i := install(t, "throttled_bulk", 60)
	i.kms.Set(kmsemu.Faults{Throttle: 40})
	i.expect(0, "", "Successful: 60\nFailed: 0", "keys", "generate", "--yes")
	i.oneKeyEach(60)
}

// start starts a command and waits until it has printed so many users.
func (i *installation) start(users int, args ...string) (*exec.Cmd, *os.File) {
	i.t.Helper()
	cmd, _ := i.command("", args...)
	output, err := os.Create(filepath.Join(i.t.TempDir(), "output"))
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = output.Close() })
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		text, err := os.ReadFile(output.Name())
		if err != nil {
			i.t.Fatal(err)
		}
		if strings.Count(string(text), "✓") >= users {
			return cmd, output
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			i.t.Fatalf("no %d users in\n%s", users, text)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestGenerateInterrupted(t *testing.T) {
	i := install(t, "interrupted", 120)
	i.kms.Set(kmsemu.Faults{Latency: 50 * time.Millisecond})
	cmd, output := i.start(10, "keys", "generate", "--yes")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v", err)
	}
	text, err := os.ReadFile(output.Name())
	if err != nil {
		t.Fatal(err)
	}
	if missing, ok := follows(string(text), "Failed: 0\nLeft: ... users, from USER...\nGo on with: phiproxy keys generate\nUpdated Status:\nphiproxy: interrupted before the end"); !ok {
		t.Errorf("missing %q in\n%s", missing, text)
	}
	if made, said := i.number("SELECT COUNT(*) FROM phiproxy_key_versions"), fmt.Sprintf("Successful: %s\n", i.number("SELECT COUNT(*) FROM user_encryption_keys")); !strings.Contains(string(text), said) || made == "120" {
		t.Errorf("%s keys, but\n%s", made, text)
	}
	i.kms.Set(kmsemu.Faults{})
	i.expect(0, "", "Failed: 0\nCoverage: 100.0%", "keys", "generate", "--yes")
	i.oneKeyEach(120)
}

// Who continues a rotation with the command that was printed gives nobody two new versions.
func TestRotateInterrupted(t *testing.T) {
	i := install(t, "interrupted_rotation", 80)
	i.ok("keys", "generate", "--yes")
	time.Sleep(time.Second) // times in the key tables have whole seconds
	i.kms.Set(kmsemu.Faults{Latency: 50 * time.Millisecond})
	cmd, output := i.start(10, "keys", "rotate", "--all", "--yes")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_, next, found := strings.Cut(string(readFile(t, output.Name())), "Go on with: phiproxy ")
	next, _, _ = strings.Cut(next, "\n")
	if !found || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v\n%s", cmd.ProcessState, readFile(t, output.Name()))
	}
	i.kms.Set(kmsemu.Faults{})
	i.expect(0, "", "Failed: 0", append(strings.Fields(next), "--yes")...)
	if n := i.number("SELECT COUNT(*) FROM user_encryption_keys WHERE key_version = 2"); n != "80" || i.number("SELECT COUNT(*) FROM phiproxy_key_versions") != "160" {
		t.Errorf("%s users have two versions", n)
	}
}

func TestGenerateKilled(t *testing.T) {
	i := install(t, "killed", 120)
	i.kms.Set(kmsemu.Faults{Latency: 20 * time.Millisecond})
	for range 3 {
		cmd, _ := i.start(8, "keys", "generate", "--yes")
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	i.expect(0, "", "Failed: 0\nCoverage: 100.0%", "keys", "generate", "--yes")
	i.oneKeyEach(120)
}

// On a terminal a bar is drawn, and the question is asked there.
func TestGenerateOnATerminal(t *testing.T) {
	i := install(t, "terminal", 20)
	inside, _ := i.command("", "keys", "generate")
	cmd := exec.Command("script", "-qec", strings.Join(inside.Args, " "), "/dev/null") // gives the command a terminal
	cmd.Env, cmd.Stdin = inside.Env, strings.NewReader("yes\n")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err, string(output))
	}
	for _, want := range []string{"Generate encryption keys for 20 users? (yes/no): ", "100%", "(20/20", "\r", "Coverage: 100.0%"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("%q is missing in\n%s", want, output)
		}
	}
	if strings.Contains(string(output), "✓") {
		t.Errorf("a line for each user beside the bar:\n%s", output)
	}
}

// What fails is listed, the rest is done, and a later run does what is left.
func TestGenerateFailures(t *testing.T) {
	i := install(t, "failures", 30)
	i.exec("INSERT INTO phiproxy_key_versions (user_id, key_version, wrapped_dek, key_id, kms_key, context_bound, state, epoch) VALUES ('USER003', 1, '?', '?', '', 0, 'usable', 0)")
	i.expect(1, "", "[...] Processing user: USER003 ...\n✗ ...\nSuccessful: 29\nFailed: 1\nErrors:\n- USER003: ...\nUpdated Status:\nUsers without keys: 1", "keys", "generate", "--yes")
	i.exec("DELETE FROM phiproxy_key_versions WHERE user_id = 'USER003'")
	i.expect(0, "", "Successful: 1\nCoverage: 100.0%", "keys", "generate", "--yes")
	i.kms.Set(kmsemu.Faults{Deny: true})
	i.expect(1, "", "...denies...\nLeft: ...", "keys", "rotate", "--all", "--yes")
}

func TestGenerateOneUser(t *testing.T) {
	i := install(t, "one_user", 3)
	i.expect(2, "", "...no user NOBODY in user_profile", "keys", "generate", "--user", "NOBODY", "--yes")
	i.exec("UPDATE user_profile SET active = 0 WHERE user_id = 'USER003'")
	i.expect(2, "", "...user USER003 is not active", "keys", "generate", "--user", "USER003", "--yes")
	i.expect(0, "", "Successful: 1", "keys", "generate", "--user", "USER001", "--yes")
	i.expect(0, "", "User USER001 ... has a key; --force makes a new version", "keys", "generate", "--user", "USER001", "--yes")
	i.expect(0, "", "Successful: 1", "keys", "generate", "--user", "USER001", "--force", "--yes")
	i.expect(2, "", "...--before...", "keys", "generate", "--before", "2026-01-01", "--yes")
	i.expect(0, "", "User: USER001 (First1 Last1 - user1@example.com)\n1 usable ...\n2 usable, current ...", "keys", "status", "--user", "USER001")
}

// insert writes a row through a running proxy.
func (i *installation) insert(c *client.Conn, id, user string) {
	i.t.Helper()
	if err := c.Exec(fmt.Sprintf("INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last) VALUES ('%s', '%s', '2026-01-02', 'Ann', 'Smith')", id, user)); err != nil {
		i.t.Fatal(err)
	}
}

// serve runs the proxy and logs in through it.
func (i *installation) serve() *client.Conn {
	i.t.Helper()
	if err := i.proxy.Run(); err != nil {
		i.t.Fatal(err)
	}
	c, err := i.proxy.App()
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = c.Close() })
	return c
}

// readable reports whether the row of that id can be read.
func readable(t *testing.T, c *client.Conn, id string) bool {
	t.Helper()
	r, err := c.Query("SELECT patient_last FROM cases WHERE case_id = '" + id + "'")
	if err != nil {
		t.Fatal(err)
	}
	return r[0].Err == nil && len(r[0].Rows) == 1 && r[0].Rows[0][0].Data == "Smith"
}

func TestRotateRetireDestroy(t *testing.T) {
	for name, start := range map[string]func() (*servers.Server, error){"mariadb": production, "mysql": mysql} {
		t.Run(name, func(t *testing.T) { rotateRetireDestroy(t, installOn(t, server(t, start), "life", 4)) })
	}
}

func rotateRetireDestroy(t *testing.T, i *installation) {
	i.ok("keys", "generate", "--yes")
	c := i.serve()
	i.insert(c, "a", "USER001")
	i.insert(c, "b", "USER002")
	i.expect(2, "", "...either --user or --all", "keys", "rotate")
	i.expect(2, "", "...has no key", "keys", "rotate", "--user", "NOBODY")
	i.expect(0, "yes\n", "Rotate the keys of 4 users? ...\nSuccessful: 4", "keys", "rotate", "--all")
	i.expect(0, "", "No keys to rotate", "keys", "rotate", "--all", "--yes", "--before", "2026-01-01")
	i.expect(0, "", "under current versions: 0\nunder earlier versions: 4 (of 2 users)\nunder keys that are gone: 0", "keys", "status")

	i.expect(1, "", "...still in use...", "keys", "retire", "--user", "USER001", "--version", "1", "--yes")
	i.expect(2, "", "...rotate the key first", "keys", "retire", "--user", "USER001", "--version", "2", "--yes")
	i.expect(2, "", "...no version 9", "keys", "retire", "--user", "USER001", "--version", "9", "--yes")
	i.expect(0, "", "unused: USER003 version 1\nunused: USER004 version 1\n[1/2] retired: USER003 version 1\n[2/2] retired: USER004 version 1", "keys", "retire", "--all", "--yes")
	i.expect(0, "", "No version is unused", "keys", "retire", "--all", "--yes")
	i.ok("keys", "reinstate", "--user", "USER003", "--version", "1")
	i.expect(2, "", "...wants --user and --version", "keys", "reinstate", "--user", "USER003")

	i.expect(2, "", "...--yes needs --rows...", "keys", "destroy", "--user", "USER001", "--yes")
	i.expect(2, "", "...--rows says 7, but it would be 1: nothing was destroyed", "keys", "destroy", "--user", "USER001", "--yes", "--rows", "7")
	i.expect(1, "USER002\n", "Destroying it makes 1 row with 2 sealed values unreadable...\n...cancelled: nothing was done", "keys", "destroy", "--user", "USER001")
	if !readable(t, c, "a") || !readable(t, c, "b") {
		t.Error("a value was lost before anything was destroyed")
	}
	i.expect(0, "USER001\n", "...Destroyed: 2 versions of the key of USER001", "keys", "destroy", "--user", "USER001")
	i.expect(0, "", "...destroyed before", "keys", "destroy", "--user", "USER001", "--yes", "--rows", "1")
	i.expect(2, "", "...has no key", "keys", "destroy", "--user", "NOBODY", "--yes", "--rows", "0")
	for deadline := time.Now().Add(10 * time.Second); readable(t, c, "a"); {
		if time.Now().After(deadline) {
			t.Fatal("the running proxy still reads a destroyed owner's value")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !readable(t, c, "b") {
		t.Error("another owner's value is unreadable")
	}
	i.expect(0, "", "under keys that are gone: 2", "keys", "status")
	i.expect(0, "", "USER001 destroyed ...\n1 of 1 owner", "keys", "list", "--state", "destroyed")
	// --force for everybody does not bring a destroyed owner back, naming him does.
	i.expect(0, "", "Found 3 users needing encryption keys", "keys", "generate", "--force", "--dry-run")
	i.expect(0, "", "Successful: 1", "keys", "generate", "--force", "--user", "USER001", "--yes")
}

func TestList(t *testing.T) {
	i := install(t, "listing", 25)
	i.ok("keys", "generate", "--yes")
	i.expect(0, "", "USER...STATE...\nUSER001...\nUSER010...\n10 of 25 owners; go on with --after USER010", "keys", "list", "--limit", "10")
	i.expect(0, "", "USER021...\nUSER025...\n5 of 25 owners", "keys", "list", "--limit", "10", "--after", "USER020")
	i.expect(0, "", "USER020...\n6 of 6 owners", "keys", "list", "--prefix", "USER02")
	for _, bad := range [][]string{{"--limit", "0"}, {"--limit", "1001"}, {"--state", "new"}, {"--version", "-1"}} {
		i.expect(2, "", "", append([]string{"keys", "list"}, bad...)...)
	}
	var list struct {
		Total int
		Next  string
		Keys  []struct {
			User    string `json:"user_id"`
			State   string
			Version int    `json:"key_version"`
			Created string `json:"created_at"`
		}
	}
	if err := json.Unmarshal([]byte(i.ok("keys", "list", "--limit", "2", "--json")), &list); err != nil || list.Total != 25 || list.Next != "USER002" ||
		len(list.Keys) != 2 || list.Keys[1].User != "USER002" || list.Keys[1].State != "active" || list.Keys[1].Version != 1 || list.Keys[1].Created == "" {
		t.Errorf("got %+v, %v", list, err)
	}
	var status struct {
		Coverage float64 `json:"coverage_percentage"`
		Owners   map[string]int
		Values   struct{ Rows *int }
	}
	if err := json.Unmarshal([]byte(i.ok("keys", "status", "--json")), &status); err != nil || status.Coverage != 100 || status.Owners["active"] != 25 || status.Values.Rows == nil {
		t.Errorf("got %+v, %v", status, err)
	}
}

func TestRewrap(t *testing.T) {
	const next = "alias/next"
	i := install(t, "rewrapped", 60, next)
	i.ok("keys", "generate", "--yes")
	i.ok("keys", "rotate", "--user", "USER001", "--yes")
	c := i.serve()
	i.insert(c, "a", "USER001")
	i.expect(2, "", "...--to is missing", "keys", "rewrap")
	i.expect(1, "", "...--to: ...NotFoundException...", "keys", "rewrap", "--to", "alias/none", "--yes")
	i.expect(0, "", "Key versions: 61, of which it wraps 0 already\n61 to move", "keys", "rewrap", "--to", next, "--dry-run")
	i.expect(1, "no\n", "...cancelled...", "keys", "rewrap", "--to", next)
	i.kms.Set(kmsemu.Faults{Latency: 20 * time.Millisecond})
	cmd, output := i.start(5, "keys", "rewrap", "--to", next, "--yes")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	text := string(readFile(t, output.Name()))
	if missing, ok := follows(text, "Failed: 0\nLeft: ...; the same command goes on\nphiproxy: interrupted before the end"); !ok || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("missing %q in\n%s", missing, text)
	}
	cmd, _ = i.start(5, "keys", "rewrap", "--to", next, "--yes")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	i.kms.Set(kmsemu.Faults{})
	text = i.ok("keys", "rewrap", "--to", next, "--yes")
	if missing, ok := follows(text, "Failed: 0"); !ok || strings.Contains(text, "Skipped: 0\n") {
		t.Errorf("missing %q in\n%s", missing, text)
	}
	i.expect(0, "", "Key versions: 61, of which it wraps 61 already\n0 to move", "keys", "rewrap", "--to", next, "--yes")
	if n := i.number("SELECT COUNT(DISTINCT kms_key) FROM phiproxy_key_versions"); n != "1" {
		t.Errorf("%s master keys", n)
	}
	if !readable(t, c, "a") {
		t.Error("the running proxy lost a value")
	}
}

func TestExportAudit(t *testing.T) {
	i := install(t, "exported", 3)
	i.ok("keys", "generate", "--yes")
	lines := strings.Split(strings.TrimSpace(i.ok("keys", "export-audit")), "\n")
	kinds := map[string]int{}
	for n, line := range lines {
		var record struct {
			ID        int64 `json:"audit_id"`
			User      string
			Operation string
			Details   map[string]any
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.ID < int64(n) {
			t.Fatalf("%s: %v", line, err)
		}
		kinds[record.Operation]++
	}
	if kinds["generate"] != 3 {
		t.Errorf("got %v", kinds)
	}
	i.exec("INSERT INTO encryption_key_audit (user_id, operation, performed_by, operation_timestamp) VALUES ('USER001', 'generate', '=cmd()', '2020-05-01 00:00:00')")
	file := filepath.Join(t.TempDir(), "audit.csv")
	i.ok("keys", "export-audit", "--format", "csv", "--from", "2020-01-01", "--to", "2021-01-01", "--user", "USER001", "--out", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][3] != "'=cmd()" {
		t.Errorf("got %q, %v", rows, err)
	}
	i.expect(2, "", "...exists", "keys", "export-audit", "--out", file)
	i.expect(2, "", "...--from is not before --to", "keys", "export-audit", "--from", "2021-01-01", "--to", "2020-01-01")
	i.expect(2, "", "...", "keys", "export-audit", "--from", "soon")
	i.expect(2, "", "...jsonl or csv", "keys", "export-audit", "--format", "xml")
}
