package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the import graph of design.md: the parts of this module that a part, tests included, may import besides
// itself. A part is everything below its folder; the longest folder that matches counts.
var mayImport = map[string]string{
	"crypto":           "",
	"config":           "",
	"audit":            "",
	"embedded":         "",
	"rewrite":          "config",
	"keys":             "crypto config",
	"proxy/packet":     "",
	"proxy":            "rewrite keys crypto audit proxy/packet scratch",
	"scratch":          "rewrite embedded proxy/packet",
	"admin":            "keys crypto config rewrite audit docs",
	"migrate":          "keys crypto config rewrite",
	"docs":             "config rewrite",
	"cmd/kms-emulator": "keys",
	"cmd/phiproxy":     "crypto config embedded rewrite keys proxy proxy/packet admin migrate audit scratch",
	"e2e":              "crypto config embedded rewrite keys proxy proxy/packet admin migrate audit scratch",
}

const module = "phiproxy/"

// part is the key of mayImport that a folder belongs to, "" for none.
func part(folder string) string {
	best := ""
	for name := range mayImport {
		if (folder == name || strings.HasPrefix(folder, name+"/")) && len(name) > len(best) {
			best = name
		}
	}
	return best
}

func allowed(from, to string) bool {
	if from == to {
		return true
	}
	for name := range strings.FieldsSeq(mayImport[from]) {
		if name == to {
			return true
		}
	}
	return false
}

// imports calls visit for every import of this module's code. A folder is relative to the module.
func imports(t *testing.T, visit func(file, folder, imported string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range source.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			visit(path, filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, "../"))), name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	seen := 0
	imports(t, func(file, folder, name string) {
		imported, ours := strings.CutPrefix(name, module)
		if !ours {
			return
		}
		seen++
		if from, to := part(folder), part(imported); from == "" || to == "" || !allowed(from, to) {
			t.Errorf("%s may not import %s", strings.TrimPrefix(file, "../"), imported)
		}
	})
	if seen < 10 {
		t.Errorf("only %d imports were looked at", seen)
	}
}

var modulePath = regexp.MustCompile(`\b(?:[a-z0-9-]+\.)+[a-z]+/[A-Za-z0-9_./-]+`)

// TestDependenciesHaveReasons holds dependencies.md to what is imported: no dependency without a reason, no reason without
// a dependency.
func TestDependenciesHaveReasons(t *testing.T) {
	text, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"honnef.co/go/tools": true, "golang.org/x/vuln": true} // tools are run, not imported
	for _, m := range modulePath.FindAllString(string(text), -1) {
		if _, known := used[m]; !known {
			used[m] = false
		}
	}
	imports(t, func(file, _, name string) {
		if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
			return // the standard library or this module
		}
		for m := range used {
			if name == m || strings.HasPrefix(name, m+"/") {
				used[m] = true
				return
			}
		}
		t.Errorf("%s imports %s, which dependencies.md does not mention", strings.TrimPrefix(file, "../"), name)
	})
	for m, is := range used {
		if !is {
			t.Errorf("dependencies.md mentions %s, which nothing imports", m)
		}
	}
}
