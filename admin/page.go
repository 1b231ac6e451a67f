package admin

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"join": strings.Join}).Parse(pageText))

// page is what page.html shows.
type page struct {
	Options Options
	Uptime  time.Duration
	Report  Report
	Counts  []count
	Routes  []link
}

type link struct{ Path, Meaning string }

// count is one counter or gauge of the proxy.
type count struct{ Name, Labels, Value, Help string }

func (s *Server) statusPage(w http.ResponseWriter, r *http.Request) {
	p := page{
		Options: s.options,
		Uptime:  time.Since(s.started).Truncate(time.Second),
		Report:  s.ready.report(r.Context()),
		Counts:  s.counts(),
	}
	for _, entry := range s.routes() {
		if _, path, _ := strings.Cut(entry.pattern, " "); entry.meaning != "" && !strings.Contains(path, "{") {
			p.Routes = append(p.Routes, link{path, entry.meaning})
		}
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, p); err != nil {
		s.options.Log.Error("status page", zap.Error(err))
		http.Error(w, "the page cannot be shown; see the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = body.WriteTo(w)
}

func (s *Server) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(styleText)
}

// counts reads the proxy's own counters and gauges out of the metrics.
func (s *Server) counts() []count {
	families, err := s.options.Metrics.Gather()
	if err != nil {
		s.options.Log.Warn("gathering metrics", zap.Error(err)) // what could be gathered is shown
	}
	var list []count
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "phiproxy_") {
			continue
		}
		for _, m := range f.GetMetric() {
			if value, ok := valueOf(m); ok {
				list = append(list, count{f.GetName(), labels(m), value, f.GetHelp()})
			}
		}
	}
	return list
}

func valueOf(m *dto.Metric) (string, bool) {
	switch {
	case m.Counter != nil:
		return strconv.FormatFloat(m.Counter.GetValue(), 'f', -1, 64), true
	case m.Gauge != nil:
		return strconv.FormatFloat(m.Gauge.GetValue(), 'f', -1, 64), true
	default:
		return "", false
	}
}

func labels(m *dto.Metric) string {
	parts := make([]string, 0, len(m.GetLabel()))
	for _, l := range m.GetLabel() {
		parts = append(parts, fmt.Sprintf("%s=%s", l.GetName(), l.GetValue()))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}
