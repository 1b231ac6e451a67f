package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"phiproxy/config"
	"phiproxy/embedded"
	"phiproxy/embedded/surgicase"
)

const serveConfig = `
listen: {address: "127.0.0.1:0", tls: {self_signed: true}}
backend: {address: "%[1]s", tls: {mode: disable}}
tables:
  - {schema: surgicase, table: cases, owner: user_id, columns: [patient_first, patient_last, ins_provider, patient_dob]}
keys: {provider: local, local_file: %[2]s/master.key, store: {dsn: "phiproxy:pw@tcp(%[1]s)/surgicase"}}
admin: {address: "127.0.0.1:0"}
limits: {drain_timeout: 1s}
`

// newDatabase runs an embedded server with the sample schema and writes a configuration for it.
func newDatabase(t *testing.T) (configFile string) {
	t.Helper()
	server, err := embedded.Start("127.0.0.1:0", embedded.Options{
		Databases:  []string{"surgicase"},
		Accounts:   []embedded.Account{{User: "app", Password: "pw"}, {User: "phiproxy", Password: "pw"}},
		Statements: surgicase.SchemaStatements(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	dir := t.TempDir()
	configFile = filepath.Join(dir, "phiproxy.yaml")
	if err := os.WriteFile(configFile, fmt.Appendf(nil, serveConfig, server.Addr(), dir), 0o600); err != nil {
		t.Fatal(err)
	}
	return configFile
}

// running is a proxy that serves until stop is called; done then gives its error.
type running struct {
	mysql, admin string
	stop         context.CancelFunc
	done         chan error
}

func serve(t *testing.T, configFile string) running {
	t.Helper()
	cfg, err := config.Load(configFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := assemble(t.Context(), cfg, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := running{mysql: l.mysql.Addr().String(), admin: l.admin.Addr().String(), stop: stop, done: make(chan error, 1)}
	go func() { r.done <- a.serveOn(ctx, l, stop) }()
	t.Cleanup(func() {
		stop()
		_ = a.close()
	})
	return r
}

func (r running) connect(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", "app:pw@tcp("+r.mysql+")/surgicase?tls=skip-verify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestServeNeedsAPreparedDatabase(t *testing.T) {
	configFile := newDatabase(t)
	code, _, text := invoke(t, "serve", "--config", configFile)
	if code != exitFailed || !strings.Contains(text, "phiproxy schema apply makes it") {
		t.Errorf("without a key file: exit %d, %s", code, text)
	}
	if code, _, text = invoke(t, "schema", "plan", "--config", configFile); code != exitOK {
		t.Errorf("plan: exit %d, %s", code, text)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(configFile), "master.key"), make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, text = invoke(t, "serve", "--config", configFile)
	if code != exitFailed || !strings.Contains(text, "surgicase.cases") {
		t.Errorf("before the columns are wide enough: exit %d, %s", code, text)
	}
}

func TestServe(t *testing.T) {
	configFile := newDatabase(t)
	if code, _, text := invoke(t, "schema", "apply", "--config", configFile); code != exitOK {
		t.Fatal(text)
	}
	if code, out, text := invoke(t, "schema", "apply", "--config", configFile); code != exitOK || !strings.Contains(out, "nothing to do") {
		t.Errorf("a second apply: exit %d, %s%s", code, out, text)
	}
	r := serve(t, configFile)
	db := r.connect(t)
	if _, err := db.Exec("INSERT INTO cases (case_id, user_id, patient_last, patient_dob) VALUES ('c', 'u', 'Núñez', '1984-02-09')"); err != nil {
		t.Fatal(err)
	}
	var last, born string
	if err := db.QueryRow("SELECT patient_last, patient_dob FROM cases").Scan(&last, &born); err != nil || last != "Núñez" || born != "1984-02-09" {
		t.Error(last, born, err)
	}
	response, err := http.Get("http://" + r.admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("readyz: %d %s", response.StatusCode, body)
	}
	if code, out, text := invoke(t, "explain", "--config", configFile, "SELECT * FROM cases ORDER BY patient_last"); code != exitOK || !strings.Contains(out, "PHI-1105") {
		t.Errorf("explain: exit %d, %s%s", code, out, text)
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// A transaction that is open when the proxy is told to stop has until limits.drain_timeout.
func TestDrainWaitsForTransactions(t *testing.T) {
	configFile := newDatabase(t)
	if code, _, text := invoke(t, "schema", "apply", "--config", configFile); code != exitOK {
		t.Fatal(text)
	}
	r := serve(t, configFile)
	tx, err := r.connect(t).Begin()
	if err != nil {
		t.Fatal(err)
	}
	r.stop()
	for { // until no connection is accepted any more
		if _, err := r.connect(t).Exec("SELECT 1"); err != nil {
			break
		}
	}
	if _, err := tx.Exec("INSERT INTO cases (case_id, user_id, patient_last) VALUES ('c', 'u', 'x')"); err != nil {
		t.Error("the open transaction was cut:", err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-r.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the proxy does not end")
	}
}

func TestDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	code, out, text := invoke(t, "demo", "--once")
	if code != exitOK {
		t.Fatal(out, text)
	}
	for _, want := range []string{
		"36 made-up patients", "the application sees", "the database stores", "José", "affected rows: 1\n", "once more: 0\n", "VARCHAR, VARCHAR, DATE", "f800...",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
