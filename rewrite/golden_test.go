package rewrite

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phiproxy/rewrite/token"
)

// The golden corpus: statements with what becomes of them. A file holds blocks
//
//	# comment
//	[mode] statement, on as many lines as it takes
//	----
//	what Explain prints
//	(empty line)
//
// where [mode] is optional: [mariadb], [nodb], [ansi], [nobackslash], [prepared], [oracle].
const separator = "----\n"

var goldenFile = flag.String("golden", "", "plan the statements of this file, without results, and print blocks")

type goldenCase struct {
	comment, sql string
	mode, want   string
}

func readGolden(t testing.TB, path string) []goldenCase {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	for _, block := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		var c goldenCase
		for strings.HasPrefix(block, "# ") {
			line, rest, _ := strings.Cut(block, "\n")
			c.comment, block = c.comment+line+"\n", rest
		}
		sql, want, _ := strings.Cut(block, separator)
		if strings.HasPrefix(sql, "[") {
			c.mode, sql, _ = strings.Cut(sql[1:], "] ")
		}
		c.sql, c.want = strings.TrimSuffix(sql, "\n"), want
		cases = append(cases, c)
	}
	return cases
}

func (c goldenCase) String() string {
	sql := c.sql
	if c.mode != "" {
		sql = "[" + c.mode + "] " + sql
	}
	return c.comment + sql + "\n" + separator + strings.TrimSuffix(c.want, "\n") + "\n"
}

// state reads the block's mode.
func (c goldenCase) state(t *testing.T) (Flavor, State) {
	flavor, st := MySQL, State{Database: "app", Mode: token.Strict}
	for _, m := range strings.Split(c.mode, ",") {
		switch m {
		case "":
		case "mariadb":
			flavor = MariaDB
		case "nodb":
			st.Database = ""
		case "ansi":
			st.Mode |= token.ANSIQuotes
		case "nobackslash":
			st.Mode |= token.NoBackslashEscapes
		case "oracle":
			st.Mode |= token.Oracle
		case "prepared":
			st.Prepared = true
		default:
			t.Errorf("unknown mode %q", m)
		}
	}
	return flavor, st
}

func TestGolden(t *testing.T) {
	planners := map[Flavor]*Planner{MySQL: NewPlanner(appSchema(MySQL), 1000), MariaDB: NewPlanner(appSchema(MariaDB), 1000)}
	counts := map[string]int{}
	for _, name := range []string{"accepted.golden", "refused.golden"} {
		path := filepath.Join("testdata", name)
		if *goldenFile != "" {
			path = *goldenFile
		}
		var all strings.Builder
		changed := false
		for i, c := range readGolden(t, path) {
			flavor, st := c.state(t)
			got := planners[flavor].Explain(st, c.sql)
			again := planners[flavor].Explain(st, c.sql)
			if got != again {
				t.Errorf("%s: the plan from the cache differs:\n%s\n%s", c.sql, got, again)
			}
			if refused := strings.HasPrefix(got, "verdict: refuse"); refused != (name == "refused.golden") && *goldenFile == "" {
				t.Errorf("%s, block %d: in the wrong file:\n%s\n%s", name, i+1, c.sql, got)
			}
			if got != c.want && got != c.want+"\n" {
				changed = true
				t.Errorf("%s: %s\ngot:\n%swant:\n%s", name, c.sql, got, c.want)
			}
			counts[name]++
			c.want = got
			if i > 0 {
				all.WriteByte('\n')
			}
			all.WriteString(c.String())
		}
		if *goldenFile != "" {
			fmt.Print(all.String())
			return
		}
		if changed {
			proposeGolden(t, path, all.String())
		}
	}
	if refused := counts["refused.golden"]; refused*10 < (refused+counts["accepted.golden"])*6 {
		t.Errorf("%d of %d cases are refusals, want 60 %%", refused, refused+counts["accepted.golden"])
	}
}

// proposeGolden writes the file as it would be now and says how to accept it.
func proposeGolden(t *testing.T, path, text string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "golden")
	if err != nil {
		t.Fatal(err)
	}
	proposal := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(proposal, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("to accept: cp %s rewrite/%s", proposal, path)
}
