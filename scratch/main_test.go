package scratch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phiproxy/rewrite"
)

// shared are engines that tests which do not harm them use together.
var shared = make(map[rewrite.Flavor]*Engine)

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) != "" {
		parent()
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	defer func() {
		for _, e := range shared {
			if err := e.Close(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	return m.Run()
}

var families = []struct {
	name   string
	flavor rewrite.Flavor
}{{"mariadb", rewrite.MariaDB}, {"mysql", rewrite.MySQL}}

// everywhere runs a test on every family that is a program.
func everywhere(t *testing.T, test func(t *testing.T, f rewrite.Flavor)) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) { test(t, f.flavor) })
	}
}

// programOptions are the options that run a family's program. MySQL may live in a tree of its own, with its own C library.
func programOptions(f rewrite.Flavor) Options {
	o := Options{Mode: ModeCommand, Family: f, Limits: Limits{Wait: 2 * time.Minute}}
	if f == rewrite.MariaDB {
		o.Command = []string{environment(MariaDBVariable, "mariadbd")}
		return o
	}
	if program := os.Getenv(MySQLVariable); program != "" {
		o.Command = []string{program}
		return o
	}
	root := environment("MYSQL97_ROOT", "/var/tmp/mysql97")
	libraries, _ := filepath.Glob(root + "/lib/*-linux-gnu")
	more, _ := filepath.Glob(root + "/usr/lib/*-linux-gnu")
	o.Command = []string{root + "/lib64/ld-linux-x86-64.so.2", "--library-path", strings.Join(append(libraries, more...), ":"), root + "/usr/sbin/mysqld"}
	o.Arguments = []string{"--basedir=" + root + "/usr"}
	return o
}

func environment(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// open starts an engine of the test's own.
func open(t *testing.T, o Options) *Engine {
	t.Helper()
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// common gives the shared engine of a family.
func common(t *testing.T, f rewrite.Flavor) *Engine {
	t.Helper()
	if e := shared[f]; e != nil {
		return e
	}
	e, err := Open(context.WithoutCancel(t.Context()), programOptions(f))
	if err != nil {
		t.Fatal(err)
	}
	shared[f] = e
	return e
}

func session(t *testing.T, e *Engine, settings map[string]string) *Session {
	t.Helper()
	s, err := e.Session(t.Context(), settingsOf(t, settings))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Release)
	return s
}

func settingsOf(t *testing.T, values map[string]string) Settings {
	t.Helper()
	pointers := make(map[string]*string)
	for name, value := range values {
		if pointers[name] = &value; value == "NULL" {
			pointers[name] = nil
		}
	}
	s, err := NewSettings(pointers)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// source gives rows of texts; "NULL" is NULL.
func source(rows ...[]string) RowSource {
	return func(yield func([][]byte, error) bool) {
		for _, row := range rows {
			values := make([][]byte, len(row))
			for i, v := range row {
				if v != "NULL" {
					values[i] = []byte(v)
				}
			}
			if !yield(values, nil) {
				return
			}
		}
	}
}

// ask runs a statement and joins its rows: values by "|", rows by newlines.
func ask(s *Session, sql string) (string, error) { return askWithin(context.Background(), s, sql) }

func askWithin(ctx context.Context, s *Session, sql string) (string, error) {
	rows, err := s.Query(ctx, []byte(sql))
	if err != nil {
		return "", err
	}
	var lines []string
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(lines, "\n"), nil
		}
		if err != nil {
			return "", err
		}
		values, err := textRow(row, len(rows.Columns))
		if err != nil {
			return "", err
		}
		texts := make([]string, len(values))
		for i, v := range values {
			if texts[i] = string(v); v == nil {
				texts[i] = "NULL"
			}
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
}

func mustAsk(t *testing.T, s *Session, sql, want string) {
	t.Helper()
	got, err := ask(s, sql)
	if err != nil {
		var answer *ServerError
		if errors.As(err, &answer) {
			t.Fatalf("%s: %v: %s", sql, err, answer.Message)
		}
		t.Fatalf("%s: %v", sql, err)
	}
	if got != want {
		t.Errorf("%s\n got %s\nwant %s", sql, got, want)
	}
}

func wantKind(t *testing.T, err error, k Kind) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != k {
		t.Fatalf("got error %v, want %q", err, k)
	}
}
