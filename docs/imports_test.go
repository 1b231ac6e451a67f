package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the import graph of design.md: the parts of this module that a part, tests included, may import besides
// itself. A part is everything below its folder; the longest folder that matches counts.
var mayImport = map[string]string{
	"crypto":           "",
	"config":           "",
	"embedded":         "",
	"rewrite":          "config",
	"keys":             "crypto config",
	"proxy":            "rewrite keys crypto",
	"admin":            "keys crypto config rewrite",
	"migrate":          "keys crypto config rewrite",
	"docs":             "config rewrite",
	"cmd/kms-emulator": "keys",
	"cmd/phiproxy":     "crypto config embedded rewrite keys proxy admin migrate",
	"e2e":              "crypto config embedded rewrite keys proxy admin migrate",
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

// imports calls visit for every import between packages of this module.
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
			if imported, ours := strings.CutPrefix(name, module); ours {
				visit(path, filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, "../"))), imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	seen := 0
	imports(t, func(file, folder, imported string) {
		seen++
		if from, to := part(folder), part(imported); from == "" || to == "" || !allowed(from, to) {
			t.Errorf("%s may not import %s", strings.TrimPrefix(file, "../"), imported)
		}
	})
	if seen < 10 {
		t.Errorf("only %d imports were looked at", seen)
	}
}
