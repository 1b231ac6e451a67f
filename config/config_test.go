package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/configuration.md and the golden files")

// minimal is the shortest configuration that is complete.
const minimal = `
backend: {address: "db:3306"}
tables:
  - {schema: s, table: cases, owner: user_id, columns: [patient_first, {name: patient_dob, id: dob}]}
keys:
  provider: local
  local_file: master.key
  store: {dsn: "u:p@tcp(db:3306)/s"}
`

func TestMinimalGetsDefaults(t *testing.T) {
	cfg, err := Parse("x.yaml", []byte(minimal), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{{Name: "patient_first", ID: "cases.patient_first"}, {Name: "patient_dob", ID: "dob"}}
	if diff := cmp.Diff(want, cfg.Tables[0].Columns); diff != "" {
		t.Error(diff)
	}
	got := []any{cfg.Listen.Address, cfg.Backend.TLS.Mode, cfg.Tables[0].Flag, cfg.Tables[0].Show, cfg.Keys.CacheTTL.String(),
		cfg.Keys.GenerateOnFirstWrite, cfg.Keys.Alias, cfg.Admin.Enabled, cfg.Limits.MaxStatement.String()}
	defaults := []any{"127.0.0.1:3307", TLSVerify, "phi_encrypted", ShowHidden, "24h", true, "alias/surgicase-phi-master", true, "64MiB"}
	if diff := cmp.Diff(defaults, got); diff != "" {
		t.Error(diff)
	}
}

// TestProblems runs every testdata/*.yaml and compares all its problems with the .golden file beside it.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(file, nil)
			got := "ok\n"
			if err != nil {
				got = err.Error() + "\n"
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", got)
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (accept with -update):\n%s", file, diff)
	}
}

func TestReferenceIsCurrent(t *testing.T) { golden(t, "../docs/configuration.md", Reference()) }

func TestExampleLoads(t *testing.T) {
	cfg, err := Load("../phiproxy.example.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Tables[1].Columns[0].ID; got != "cases.patient_first" {
		t.Errorf("the archive's column has the id %q, so copied rows would not open", got)
	}
}

func TestComposeFileLoads(t *testing.T) {
	dsn := []string{"PHIPROXY_KEYS_STORE_DSN=phiproxy:phiproxy@tcp(mysql:3306)/surgicase"}
	if _, err := Load("../deploy/compose/phiproxy.yaml", dsn); err != nil {
		t.Error(err)
	}
}

func TestEnvironment(t *testing.T) {
	cfg, err := Parse("x.yaml", []byte(minimal), []string{
		"PHIPROXY_LISTEN_ADDRESS=localhost:1", "PHIPROXY_LISTEN_TLS_SELF_SIGNED=true", "PHIPROXY_KEYS_CACHE_TTL=1h",
		"PHIPROXY_ADMIN_HOSTS=a.internal, b.internal", "PHIPROXY_LIMITS_MAX_STATEMENT=1MiB",
		"PHIPROXY_PORT=tcp://10.0.0.1:3306", "PHIPROXY_SERVICE_HOST=10.0.0.1", "PHIPROXY_TEST_MYSQLD=x", "PATH=/bin",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.Listen.Address, cfg.Listen.TLS.SelfSigned, cfg.Keys.CacheTTL.String(), cfg.Admin.Hosts, cfg.Limits.MaxStatement}
	want := []any{"localhost:1", true, "1h", []string{"a.internal", "b.internal"}, Size(1 << 20)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironmentSuppliesWhatTheFileLacks(t *testing.T) {
	text := strings.Replace(minimal, `store: {dsn: "u:p@tcp(db:3306)/s"}`, "", 1)
	if _, err := Parse("x.yaml", []byte(text), []string{"PHIPROXY_KEYS_STORE_DSN=u:p@tcp(db:3306)/s"}); err != nil {
		t.Error(err)
	}
}

func TestEnvironmentProblems(t *testing.T) {
	_, err := Parse("x.yaml", []byte(minimal), []string{
		"PHIPROXY_LISTEN_ADRESS=x", "PHIPROXY_LIMITS_SHAPES=many", "PHIPROXY_BACKEND_TLS_MODE=maybe", "PHIPROXY_KEYS_STORE_DSN=hunter2",
		"PHIPROXY_TABLES=x",
	})
	want := strings.Join([]string{
		"environment: PHIPROXY_LISTEN_ADRESS: no such setting; did you mean PHIPROXY_LISTEN_ADDRESS?",
		"environment: PHIPROXY_LIMITS_SHAPES: wants a whole number",
		"environment: PHIPROXY_BACKEND_TLS_MODE: wants one of verify, require, disable",
		"environment: PHIPROXY_TABLES: no such setting; docs/configuration.md lists them",
		"environment: PHIPROXY_KEYS_STORE_DSN: is not a DSN of the form user:password@tcp(host:port)/database",
	}, "\n")
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}

func TestSecretFromFile(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(secret, []byte("u:hunter2@tcp(db:3306)/s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.yaml")
	text := strings.Replace(minimal, `dsn: "u:p@tcp(db:3306)/s"`, "dsn_file: "+secret, 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Keys.Store.DSN.Reveal(); got != "u:hunter2@tcp(db:3306)/s" {
		t.Errorf("DSN %q", got)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := NewSecret("hunter2")
	text, _ := s.MarshalText()
	printed := fmt.Sprintf("%v %s %q %d %x %#v %+v %v", s, s, s, s, s, s, Store{DSN: s}, &Store{DSN: s}) + string(text)
	if strings.Contains(printed, "hunter2") || strings.Contains(printed, "68756e746572") {
		t.Error(printed)
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	if err == nil || !strings.Contains(err.Error(), "none.yaml: cannot be read: no such file or directory") {
		t.Error(err)
	}
}

func TestScalars(t *testing.T) {
	for text, want := range map[string]string{"64KiB": "64KiB", "65536": "64KiB", "1024 MiB": "1GiB", "100B": "100", "-1": "", "1.5MiB": "", "9999999999GiB": "", "": ""} {
		got, err := parseSize(text)
		if want == "" && err == nil || want != "" && got.String() != want {
			t.Errorf("size %q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"24h": "24h", "90s": "1m30s", "2m": "2m", "500ms": "500ms", "0s": "", "-1s": "", "5": ""} {
		got, err := parseDuration(text)
		if want == "" && err == nil || want != "" && got.String() != want {
			t.Errorf("duration %q: %v, %v", text, got, err)
		}
	}
}

// FuzzParse: whatever the file holds, there is a configuration or a list of problems with places, never both or a panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("tables: [{columns: [{name: a}, b, [c]]}]"))
	f.Add([]byte("a: &a {b: *a}\n---\n"))
	f.Add([]byte("? [x]\n: y\n<<: {listen: 1}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("x.yaml", data, nil)
		if (cfg == nil) == (err == nil) {
			t.Fatalf("configuration %v, error %v", cfg, err)
		}
		if err == nil {
			return
		}
		for _, p := range err.(Problems) {
			if p.Line < 1 || p.Text == "" {
				t.Errorf("problem without a place or text: %+v", p)
			}
		}
	})
}

func TestMoments(t *testing.T) {
	for text, want := range map[string]string{
		"2027-06-30": "2027-07-01T00:00:00Z", "2027-06-30T12:00:00Z": "2027-06-30T12:00:00Z", "2027-06-30T12:00:00+02:00": "2027-06-30T10:00:00Z",
	} {
		if got, err := parseMoment(text); err != nil || got.String() != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", "soon", "2027-02-30", "2027-06-30 12:00:00", "90d"} {
		if got, err := parseMoment(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
	if !Moment(0).Time().IsZero() {
		t.Error("no moment is a moment")
	}
}

func TestListsOfSectionsHaveNoVariables(t *testing.T) {
	for _, name := range []string{"PHIPROXY_ADMIN_TOKENS", "PHIPROXY_ADMIN_TOKENS[0]_SHA256", "PHIPROXY_TABLES"} {
		_, err := Parse("x.yaml", []byte(minimal), []string{name + "=x"})
		if err == nil || !strings.Contains(err.Error(), "no such setting") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One word, a command or a DSN says where the scratch server comes from.
func TestScratch(t *testing.T) {
	for text, mode := range map[string]string{
		"": ScratchAuto, "scratch: off": ScratchOff, "scratch: embedded": ScratchEmbedded, "scratch: {command: /usr/sbin/mysqld, arguments: [--basedir=/x]}": ScratchCommand,
		`scratch: {dsn: "a:b@unix(/run/s)/"}`: ScratchDSN, "scratch: {rows: 10}": ScratchAuto,
	} {
		cfg, err := Parse("x.yaml", []byte(minimal+text), nil)
		if err != nil || cfg.Scratch.Mode != mode {
			t.Errorf("%s: got %v, %v", text, cfg, err)
		}
	}
}
