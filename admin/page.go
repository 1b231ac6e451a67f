package admin

import (
	"embed"
	"io/fs"
	"net/http"
	"path"

	"phiproxy/docs"
	"phiproxy/rewrite/fault"
)

// pageFiles are the operator's page. They hold nothing of an installation; the page asks the API for that with the
// operator's token.
//
//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page run its own files and talk to this port, and nothing else: no inline script or style, no other
// host, no frame, no form that is sent anywhere.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// pageRoutes are the rows of the page's files and of the texts that it explains refusals with. They are open: a browser
// cannot send a token when it opens a page.
func pageRoutes() []route {
	rows := []route{{method: http.MethodGet, path: "/explanations.json", role: open, page: serveExplanations(faultTexts())}}
	files, _ := fs.Glob(pageFiles, "page/*") // the one error would be a malformed pattern
	for _, file := range files {
		rows = append(rows, route{method: http.MethodGet, path: pagePath(file), role: open, page: servePage(file)})
	}
	return rows
}

func pagePath(file string) string {
	if name := path.Base(file); name != "index.html" {
		return "/" + name
	}
	return "/{$}"
}

// pageTypes do not depend on what the machine believes about file names.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func servePage(file string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		w.Header().Set("Content-Type", pageTypes[path.Ext(file)])
		http.ServeFileFS(w, r, pageFiles, file)
	}
}

// faultText is one code of docs/errors.md.
type faultText struct {
	Text        string `json:"text"` // what the client is told
	Error       uint16 `json:"error"`
	SQLState    string `json:"sqlstate"`
	Culprit     string `json:"culprit"`
	Explanation string `json:"explanation"` // Markdown
}

// faultTexts is code -> text, for every fault there is.
func faultTexts() map[string]faultText {
	explained := docs.Explanations()
	texts := map[string]faultText{}
	for _, f := range fault.Table() {
		texts[f.ID] = faultText{f.Text, f.Code, f.State, string(f.Culprit), explained[f.ID]}
	}
	return texts
}

func serveExplanations(texts map[string]faultText) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, texts) }
}
