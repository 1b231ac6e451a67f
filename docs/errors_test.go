package docs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"phiproxy/rewrite/fault"
)

var update = flag.Bool("update", false, "write errors.md again from the table of faults, keeping its explanations")

const errorsFile = "errors.md"

const errorsHead = `# Errors

Everything that phiproxy itself says to a client begins with ` + "`phiproxy PHI-nnnn:`" + ` and is listed here; every other error comes from the database
server and is passed on as it is. After a refusal (PHI-11xx) the connection and its transaction go on as if the statement had not been sent.
The texts are constant: no value, statement or key is ever part of one. Details are in phiproxy's log under the same number.

<!-- The quoted texts and codes are generated: go test ./docs -run Errors -update. What follows each of them is written by hand. -->
`

// section is one fault's part of errors.md.
func section(f *fault.Fault, explanation string) string {
	return fmt.Sprintf("### %s\n\n> %s\n\nError %d, SQLSTATE %s. Culprit: %s.\n\n%s\n", f.ID, f.Text, f.Code, f.State, f.Culprit, strings.TrimSpace(explanation))
}

var groups = []struct{ prefix, title string }{
	{"PHI-11", "Refused statements"},
	{"PHI-12", "Stored values"},
	{"PHI-20", "Keys"},
	{"PHI-21", "Access log"},
	{"PHI-22", "Scratch server"},
	{"PHI-30", "Connections and commands"},
}

// wanted is errors.md as it should be, given its handwritten parts.
func wanted(explained map[string]string) string {
	var b strings.Builder
	b.WriteString(errorsHead)
	table := slices.Clone(fault.Table())
	slices.SortFunc(table, func(a, b *fault.Fault) int { return strings.Compare(a.ID, b.ID) })
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n", g.title)
		for _, f := range table {
			if strings.HasPrefix(f.ID, g.prefix) {
				b.WriteString("\n" + section(f, explained[f.ID]))
			}
		}
	}
	return b.String()
}

func TestErrorsAreDocumented(t *testing.T) {
	current, err := os.ReadFile(errorsFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	explained := explanations(string(current))
	for id := range explained {
		if !slices.ContainsFunc(fault.Table(), func(f *fault.Fault) bool { return f.ID == id }) {
			t.Fatalf("%s is explained but is no fault", id)
		}
	}
	want := wanted(explained)
	if *update {
		if err := os.WriteFile(errorsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(current) {
		t.Error("errors.md differs from the table of faults; go test ./docs -run Errors -update")
	}
	for _, f := range fault.Table() {
		if explained[f.ID] == "" {
			t.Errorf("%s has no explanation in %s", f.ID, errorsFile)
		}
		if !strings.Contains(want, "### "+f.ID+"\n") {
			t.Errorf("%s belongs to none of the groups", f.ID)
		}
	}
}

var faultID = regexp.MustCompile(`"(PHI-\d{4})"`)

// TestTableIsComplete finds faults that somebody made and nobody listed.
func TestTableIsComplete(t *testing.T) {
	files, err := filepath.Glob("../rewrite/fault/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range faultID.FindAllStringSubmatch(string(source), -1) {
			if !slices.ContainsFunc(fault.Table(), func(f *fault.Fault) bool { return f.ID == m[1] }) {
				t.Errorf("%s: %s is not in fault.Table()", filepath.Base(file), m[1])
			}
		}
	}
}
