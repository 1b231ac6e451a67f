package suites

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// outcomes are the results of a suite's tests by name: "PASS", "FAIL" or "SKIP".
type outcomes map[string]string

const suiteTimeout = 3 * time.Minute

// format is where a suite runs, and how it prints its results.
type format struct {
	result *regexp.Regexp // one test, with the groups "result" and "test"
	end    *regexp.Regexp // what is printed when all tests have run
	dir    string         // where it runs
}

// suite runs a suite's program. Its tests may fail, but all must run.
func suite(t *testing.T, f format, env []string, name string, args ...string) (outcomes, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suiteTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = f.dir
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s: %v, %v\n%s", name, err, ctx.Err(), out)
	}
	results := outcomes{}
	for _, m := range f.result.FindAllStringSubmatch(string(out), -1) {
		results[m[f.result.SubexpIndex("test")]] = m[f.result.SubexpIndex("result")][:4]
	}
	if len(results) == 0 || !f.end.Match(out) {
		t.Fatalf("%s did not run all tests:\n%s", name, out)
	}
	return results, string(out)
}

// compare wants the same results through the proxy, except for the tests on the list, which must differ.
func compare(t *testing.T, list string, direct, proxied outcomes) {
	t.Helper()
	missing := readList(t, list)
	passed := 0
	for name, want := range direct {
		got, ran := proxied[name]
		if !ran {
			got = "not run"
		}
		reason, listed := missing[name]
		switch {
		case got == want && listed:
			t.Errorf("%s is the same through the proxy now: take it from the list %s (%s)", name, list, reason)
		case got != want && !listed:
			t.Errorf("%s: %s directly, %s through the proxy", name, want, got)
		}
		if got == "PASS" {
			passed++
		}
	}
	for name := range missing {
		if _, ran := direct[name]; !ran {
			t.Errorf("%s is on the list %s, but the suite has no such test", name, list)
		}
	}
	t.Logf("%d tests directly, %d of them passed through the proxy, %d listed", len(direct), passed, len(missing))
}

// readList reads lines "test: what phiproxy does not offer". Empty lines and those that begin with "#" do not count.
func readList(t *testing.T, name string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		test, reason, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatal(fmt.Errorf("%s: %q has no reason", name, line))
		}
		list[test] = reason
	}
	return list
}
