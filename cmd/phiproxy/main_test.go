package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// invoke runs phiproxy with the arguments and returns its exit code and what it wrote.
func invoke(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), environment{out: &stdout, err: &stderr}, args)
	return code, stdout.String(), stderr.String()
}

func TestCommandLine(t *testing.T) {
	example := "../../phiproxy.example.yaml"
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err string // contained in the output
	}{
		{"nothing", nil, exitOK, "usage: phiproxy COMMAND", ""},
		{"help", []string{"help"}, exitOK, "config check", ""},
		{"help of a command", []string{"help", "config", "check"}, exitOK, "-config file", ""},
		{"-h of a command", []string{"serve", "-h"}, exitOK, "", "usage: phiproxy serve"},
		{"unknown command", []string{"surf"}, exitUsage, "", `no command "surf"`},
		{"first word of several", []string{"schema"}, exitUsage, "", "schema plan"},
		{"help of several", []string{"help", "schema"}, exitOK, "schema plan", ""},
		{"examples", []string{"help", "token", "new"}, exitOK, "examples:\n  phiproxy token new --name alice", ""},
		{"unknown flag", []string{"serve", "--port", "1"}, exitUsage, "", "-port"},
		{"unexpected argument", []string{"serve", "now"}, exitUsage, "", `unexpected argument "now"`},
		{"version", []string{"version"}, exitOK, "phiproxy ", ""},
		{"check", []string{"config", "check", "--config", example}, exitOK, "ok: 2 tables, 8 protected columns", ""},
		{"check of nothing", []string{"config", "check", "--config", "none.yaml"}, exitUsage, "", "none.yaml: cannot be read"},
		{"serve without configuration", []string{"serve", "--config", "none.yaml"}, exitUsage, "", "none.yaml: cannot be read"},
		{"explain without statement", []string{"explain", "--config", example}, exitUsage, "", "wants one statement"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, err := invoke(t, c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) {
				t.Errorf("exit %d\n%s\n%s", code, out, err)
			}
		})
	}
}

func TestFlagsMayFollowArguments(t *testing.T) {
	_, _, err := invoke(t, "explain", "SELECT 1", "--config", "none.yaml")
	if !strings.Contains(err, "none.yaml: cannot be read") {
		t.Error(err)
	}
}

func TestConfigPath(t *testing.T) {
	for _, c := range []struct{ flagged, variable, want string }{
		{"a.yaml", "b.yaml", "a.yaml"}, {"", "b.yaml", "b.yaml"}, {"", "", "phiproxy.yaml"},
	} {
		if got := configPath(c.flagged, []string{"X=1", "PHIPROXY_CONFIG=" + c.variable}); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestEveryProblemIsPrinted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("listen:\n  port: 1\nbackend:\n  address: db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, text := invoke(t, "config", "check", "--config", file)
	if code != exitUsage || !strings.Contains(text, file+":2: listen.port") || !strings.Contains(text, file+":4: backend.address") || !strings.Contains(text, "tables: is missing") {
		t.Errorf("exit %d\n%s", code, text)
	}
}

// An example that names a flag which is not there would teach nothing.
func TestExamplesParse(t *testing.T) {
	for _, c := range commands() {
		for _, example := range c.examples {
			words := strings.Fields(example)
			found, rest, ok := find(words[1:])
			if words[0] != "phiproxy" || !ok || found.name != c.name {
				t.Errorf("%s: example %q is of another command", c.name, example)
				continue
			}
			flags, _ := found.flags()
			flags.SetOutput(io.Discard)
			if rest, err := parse(flags, rest); err != nil || c.args == "" && len(rest) > 0 {
				t.Errorf("%q: %v, left %q", example, err, rest)
			}
		}
	}
}
