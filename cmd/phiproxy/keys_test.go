package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phiproxy/config"
	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/store"
)

// prepared is a configuration whose database is ready, with a few users.
func prepared(t *testing.T) (configFile string) {
	t.Helper()
	configFile = newDatabase(t)
	if code, _, text := invoke(t, "schema", "apply", "--config", configFile); code != exitOK {
		t.Fatal(text)
	}
	cfg, err := config.Load(configFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	db, err := openStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO user_profile (user_id, user_email, first_name, last_name, active) VALUES ('U1', 'one@x', 'Ann', 'One', 1), ('U2', 'two@x', NULL, 'Two', 1), ('U3', 'x', '', '', 0)"); err != nil {
		t.Fatal(err)
	}
	return configFile
}

// answer runs phiproxy with something to read, and returns its exit code and everything it wrote.
func answer(answers string, args ...string) (code int, output string) {
	var b bytes.Buffer
	code = run(context.Background(), environment{in: strings.NewReader(answers), out: &b, err: &b}, args)
	return code, b.String()
}

// The whole life of keys, against the embedded server and a key file.
func TestKeysLife(t *testing.T) {
	configFile := prepared(t)
	next := filepath.Join(filepath.Dir(configFile), "next.key")
	if err := os.WriteFile(next, bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name, answers string
		args          []string
		code          int
		want          string
	}{
		{"status at first", "", []string{"keys", "status"}, exitOK, "Total active users: 2\n  Users with keys: 0\n  Users without keys: 2\n  Coverage: 0.0%"},
		{"dry run", "", []string{"keys", "generate", "--dry-run"}, exitOK, "[2/2] Processing user: U2 (Two - two@x)\n  [DRY RUN] Would generate key for user: U2\n\nRESULTS\nTotal users processed: 2\nSkipped (dry-run): 2\n"},
		{"declined", "y\n", []string{"keys", "generate"}, exitFailed, "cancelled: nothing was done"},
		{"nobody answers", "", []string{"keys", "generate"}, exitUsage, "--yes answers it beforehand"},
		{"generate", "yes\n", []string{"keys", "generate"}, exitOK, "✓ Successfully generated key for user: U1"},
		{"nothing left", "", []string{"keys", "generate"}, exitOK, "No users need encryption keys"},
		{"force", "", []string{"keys", "generate", "--force", "--user", "U1", "--yes"}, exitOK, "Successful: 1\n"},
		{"status of one", "", []string{"keys", "status", "--user", "U1"}, exitOK, "User: U1 (Ann One - one@x)"},
		{"status of nobody", "", []string{"keys", "status", "--user", "U9"}, exitUsage, "is no user"},
		{"status of an inactive user", "", []string{"keys", "status", "--user", "U3"}, exitOK, "The user is not active.\nNo encryption key found"},
		{"list", "", []string{"keys", "list", "--version", "2"}, exitOK, "1 of 1 owner\n"},
		{"rotate dry", "", []string{"keys", "rotate", "--all", "--dry-run"}, exitOK, "[DRY RUN] Would rotate key for user: U2"},
		{"rotate", "", []string{"keys", "rotate", "--user", "U1", "--yes"}, exitOK, "Successfully rotated key for user: U1"},
		{"retire dry", "", []string{"keys", "retire", "--user", "U1", "--dry-run"}, exitOK, "unused: U1 version 1\nunused: U1 version 2\n"},
		{"retire declined", "no\n", []string{"keys", "retire", "--user", "U1", "--version", "1"}, exitFailed, "Retire 1 version? (yes/no): "},
		{"retire", "yes\n", []string{"keys", "retire", "--user", "U1", "--version", "1"}, exitOK, "[1/1] retired: U1 version 1"},
		{"retired before", "", []string{"keys", "retire", "--user", "U1", "--version", "1"}, exitOK, "Version 1 of U1 is retired already"},
		{"retire of nobody", "", []string{"keys", "retire", "--user", "U9"}, exitUsage, "has no key"},
		{"reinstate", "", []string{"keys", "reinstate", "--user", "U1", "--version", "1"}, exitOK, "can be read again"},
		{"rewrap dry", "", []string{"keys", "rewrap", "--to", next, "--dry-run"}, exitOK, "Key versions: 4, of which it wraps 0 already\n4 to move\n"},
		{"rewrap", "yes\n", []string{"keys", "rewrap", "--to", next}, exitOK, "Wrapped anew: 4\nSkipped: 0\nFailed: 0\n"},
		{"rewrap of nothing", "", []string{"keys", "rewrap", "--to", next}, exitOK, "0 to move"},
		{"rewrap to nothing", "", []string{"keys", "rewrap", "--to", next + "2"}, exitFailed, "there is no such file"},
		{"destroy declined", "U1\n", []string{"keys", "destroy", "--user", "U2"}, exitFailed, "User U2 has a key with 1 version.\nDestroying it makes 0 rows with 0 sealed values unreadable"},
		{"destroy", "U2\n", []string{"keys", "destroy", "--user", "U2"}, exitOK, "Destroyed: 1 version of the key of U2"},
		{"status at last", "", []string{"keys", "status", "--no-count"}, exitOK, "destroyed: 1\n"},
		{"export", "", []string{"keys", "export-audit", "--format", "csv"}, exitOK, "audit_id,user_id,operation,performed_by"},
		{"no access log", "", []string{"keys", "verify-audit"}, exitUsage, "no access log is configured"},
		{"nobody's accesses", "", []string{"access", "who", "--owner", "U1"}, exitUsage, "no access log is configured"},
		{"access of whom", "", []string{"access", "who"}, exitUsage, "--owner is missing"},
		{"a log without its key", "", []string{"keys", "verify-audit", "--dir", "x"}, exitUsage, "--dir goes with --public-key"},
	} {
		code, output := answer(step.answers, append(step.args, "--config", configFile)...)
		if code != step.code || !strings.Contains(output, step.want) {
			t.Errorf("%s: exit %d\n%s", step.name, code, output)
		}
	}
}

// An application without a table of users can still have its keys looked after.
func TestKeysWithoutUsers(t *testing.T) {
	configFile := prepared(t)
	text, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(configFile, bytes.Replace(text, []byte("keys: {"), []byte("keys: {users: {table: nobody}, "), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"keys", "generate", "--yes"}, exitFailed, "the table of users is not as keys.users says"},
		{[]string{"keys", "generate", "--yes", "--user", "U1"}, exitOK, "Successful: 1\n"},
		{[]string{"keys", "generate", "--yes", "--user", "U1"}, exitOK, "User U1 has a key"},
		{[]string{"keys", "status"}, exitOK, "Coverage: not known"},
		{[]string{"keys", "status", "--json"}, exitOK, "{\n  \"owners\": {\n    \"active\": 1\n"},
		{[]string{"keys", "status", "--user", "U1"}, exitOK, "usable, current"},
		{[]string{"doctor"}, exitOK, "warn  key coverage   cannot be told"},
	} {
		if code, output := answer("", append(step.args, "--config", configFile)...); code != step.code || !strings.Contains(output, step.want) {
			t.Errorf("%q: exit %d\n%s", step.args, code, output)
		}
	}
}

// A command line that makes no sense is told before anything is opened.
func TestKeysRefuse(t *testing.T) {
	for _, args := range [][]string{
		{"keys", "rotate"}, {"keys", "rotate", "--all", "--user", "U"}, {"keys", "generate", "--before", "2026-01-01"}, {"keys", "generate", "--before", "x"},
		{"keys", "list", "--limit", "0"}, {"keys", "list", "--state", "x"}, {"keys", "retire"}, {"keys", "retire", "--all", "--version", "1"}, {"keys", "retire", "--user", "U", "--version", "-1"},
		{"keys", "reinstate", "--user", "U"}, {"keys", "destroy"}, {"keys", "destroy", "--user", "U", "--yes"}, {"keys", "rewrap"}, {"keys", "export-audit", "--format", "x"},
		{"keys", "export-audit", "--from", "2026-01-02", "--to", "2026-01-01"}, {"access", "who", "--owner", "U", "--outcome", "x"}, {"access", "who", "--owner", "U", "--limit", "0"}, {"keys"}, {"keys", "melt"},
	} {
		code, out, text := invoke(t, append(args, "--config", "none.yaml")...)
		if code != exitUsage || out != "" || strings.Contains(text, "none.yaml") {
			t.Errorf("%q: exit %d\n%s%s", args, code, out, text)
		}
	}
}

func TestPerformer(t *testing.T) {
	plain, sudo := performer(nil), performer([]string{"SUDO_USER=alice"})
	if !strings.HasPrefix(plain, "cli:") || !strings.HasPrefix(sudo, "cli:alice@") || strings.Contains(plain, "alice") {
		t.Error(plain, sudo)
	}
}

func TestSubjectOf(t *testing.T) {
	for want, u := range map[string]store.User{
		"U (Ann One - a@x)": {ID: "U", FirstName: "Ann", LastName: "One", Email: "a@x"},
		"U (One)":           {ID: "U", LastName: "One"},
		"U (a@x)":           {ID: "U", Email: "a@x"},
		"U":                 {ID: "U"},
		"U\ufffd[2J (Al\ufffd - a@x)": {
			ID: "U\x1b[2J", FirstName: "Al\n", Email: "a@x",
		},
	} {
		if got := subjectOf(u).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-01":                time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-01T12:00:00+02:00": time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC),
		"24h":                       now.Add(-24 * time.Hour),
		"7d":                        now.AddDate(0, 0, -7),
	} {
		if got, err := parseMoment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "yesterday", "-1h", "-1d", "2026-13-01", "1w"} {
		if got, err := parseMoment(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What the values of one owner count as.
func TestValueCounts(t *testing.T) {
	versions := []store.VersionInfo{
		{Number: 1, KeyID: strings.Repeat("01", 16), State: store.VersionUsable},
		{Number: 2, KeyID: strings.Repeat("02", 16), State: store.VersionRetired},
		{Number: 3, KeyID: strings.Repeat("03", 16), State: store.VersionUsable, Current: true},
	}
	id := func(b byte) (id envelope.KeyID) {
		for i := range id {
			id[i] = b
		}
		return id
	}
	var c valueCounts
	c.add(versions, keys.Usage{Rows: 9, Guide: 4, Plain: 5, Values: map[envelope.KeyID]int64{id(1): 10, id(2): 20, id(3): 30, id(4): 40}})
	if want := (valueCounts{Rows: 9, Current: 30, Earlier: 10, Lost: 60, Guide: 4, Plain: 5, Owners: 1}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestOutcome(t *testing.T) {
	denied := &keys.Error{Kind: keys.ErrRevoked}
	for name, c := range map[string]struct {
		outcome outcome
		want    error
	}{
		"all done":         {outcome{succeeded: 2}, nil},
		"one failed":       {outcome{failed: make([]failure, 1)}, errSomeFailed},
		"interrupted":      {outcome{stopped: context.Canceled}, errInterrupted},
		"the service says": {outcome{stopped: denied, failed: make([]failure, 1)}, denied},
	} {
		if err := c.outcome.err(); !errors.Is(err, c.want) || err != nil && c.want == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range [][2]string{{"a bc d", "a bc\nd"}, {"abcdef gh", "abcdef\ngh"}, {"a\n\nb", "a\n\nb"}, {"", ""}, {"ab cd", "ab\ncd"}} {
		width := 4
		if got := fold(c[0], width); got != c[1] {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
}

// Everything that changes something says what its exit codes mean, or has no more than the general ones.
func TestEveryKeyCommandHasExamples(t *testing.T) {
	for _, c := range append(append(keysCommands(), accessCommands()...), doctorCommand()) {
		if len(c.examples) == 0 || c.long == "" {
			t.Errorf("%s: no examples", c.name)
		}
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		c.setup(flags)
		flags.VisitAll(func(f *flag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s says nothing", c.name, f.Name)
			}
		})
	}
}
