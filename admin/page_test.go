package admin

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"phiproxy/rewrite/fault"
)

func servedPage(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	for _, r := range pageRoutes() {
		if strings.TrimSuffix(r.path, "{$}") == path {
			w := httptest.NewRecorder()
			r.page(w, httptest.NewRequest(r.method, path, nil))
			return w
		}
	}
	t.Fatalf("no row for %s", path)
	return nil
}

func TestPageFilesAreServed(t *testing.T) {
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/app.js": "text/javascript; charset=utf-8", "/style.css": "text/css; charset=utf-8",
		"/favicon.svg": "image/svg+xml",
	} {
		w := servedPage(t, path)
		if w.Code != http.StatusOK || w.Body.Len() == 0 || w.Header().Get("Content-Type") != kind || w.Header().Get("Content-Security-Policy") != pagePolicy {
			t.Errorf("%s: %d, %d bytes, %v", path, w.Code, w.Body.Len(), w.Header())
		}
	}
	for _, r := range pageRoutes() {
		if r.path != "/explanations.json" && servedPage(t, strings.TrimSuffix(r.path, "{$}")).Header().Get("Content-Type") == "" {
			t.Errorf("%s has no content type", r.path)
		}
	}
}

func TestEveryFaultIsExplained(t *testing.T) {
	var texts map[string]faultText
	if err := json.Unmarshal(servedPage(t, "/explanations.json").Body.Bytes(), &texts); err != nil {
		t.Fatal(err)
	}
	for _, f := range fault.Table() {
		if got := texts[f.ID]; got.Text != f.Text || got.Explanation == "" || got.Culprit == "" {
			t.Errorf("%s: %+v", f.ID, got)
		}
	}
}

// What a strict policy forbids does not work, and what turns text into markup is one mistake away from running it.
var forbidden = []struct {
	why     string
	pattern *regexp.Regexp
}{
	{"markup from text", regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc`)},
	{"code from text", regexp.MustCompile(`\beval\(|new Function|setTimeout\(['"]|setInterval\(['"]|javascript:`)},
	{"inline script or style", regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=["']`)},
	{"another host", regexp.MustCompile(`(?i)["'(]\s*(https?:)?//[a-z0-9]`)},
	{"a token that outlives the tab", regexp.MustCompile(`localStorage|document\.cookie|indexedDB`)},
}

func TestPageKeepsToItsPolicy(t *testing.T) {
	files, err := fs.Glob(pageFiles, "page/*")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := fs.ReadFile(pageFiles, file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), `xmlns="http://www.w3.org/2000/svg"`, "")
		for _, f := range forbidden {
			if found := f.pattern.FindString(text); found != "" {
				t.Errorf("%s has %s: %q", file, f.why, found)
			}
		}
	}
}

var (
	idAttribute = regexp.MustCompile(`\bid="([^"]+)"`)
	idUse       = regexp.MustCompile(`byID\('([^']+)'\)`)
)

// TestIDsExist finds what the code looks for and the page does not have.
func TestIDsExist(t *testing.T) {
	page, err := fs.ReadFile(pageFiles, "page/index.html")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range idAttribute.FindAllStringSubmatch(string(page), -1) {
		if slices.Contains(ids, m[1]) {
			t.Errorf("id %s stands twice", m[1])
		}
		ids = append(ids, m[1])
	}
	scripts, err := fs.Glob(pageFiles, "page/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range scripts {
		content, err := fs.ReadFile(pageFiles, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range idUse.FindAllStringSubmatch(string(content), -1) {
			if !slices.Contains(ids, m[1]) {
				t.Errorf("%s looks for id %s", file, m[1])
			}
		}
	}
}
