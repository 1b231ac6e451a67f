package e2e

import (
	_ "embed"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
)

//go:embed testdata/gui.sql
var guiSQL string

// Two tools with windows start up, fill their trees and show a table through phiproxy as they do directly.
func TestGUIStartsUp(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "gui")
		for i, line := range strings.Split(guiSQL, "\n") {
			if line == "" || strings.HasPrefix(line, "-- ") {
				continue
			}
			sql, form := strings.CutPrefix(line, "~")
			want, got := p.plain.lookAt(t, sql, form), p.sealed.lookAt(t, sql, form)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("line %d: %.200s\n%.3000s", i+1, sql, diff)
			}
		}
	})
}

// volatile are the server's own variables that differ between two sessions.
var volatile = []string{"pseudo_thread_id", "rand_seed", "timestamp", "last_insert_id", "gtid_", "in_transaction", "last_gtid", "error_count", "identity", "insert_id", "warning_count", "statement_id"}

func (s side) lookAt(t *testing.T, sql string, form bool) answer {
	t.Helper()
	a := s.runText(t, strings.ReplaceAll(sql, "{DB}", s.database))
	for i := range a.Results {
		r := &a.Results[i]
		if strings.HasPrefix(sql, "SHOW VARIABLES") {
			r.Rows = settled(r.Rows)
		}
		for j := range r.Columns { // a column is called after the database, and as long as its name
			r.Columns[j].Name, r.Columns[j].OrgName = s.anonymous(r.Columns[j].Name), s.anonymous(r.Columns[j].OrgName)
			if strings.Contains(sql, "SHOW") {
				r.Columns[j].Length = 0
			}
		}
		r.Rows = slices.DeleteFunc(r.Rows, func(row []client.Value) bool { return strings.HasPrefix(row[0].Data, "phiproxy_") }) // its own tables
		for _, row := range r.Rows {
			for j := range row {
				row[j].Data = s.anonymous(row[j].Data)
			}
		}
		if form {
			r.Rows, r.Status = nil, 0
		}
	}
	return a
}

// settled leaves the variables that are the same in every session.
func settled(rows [][]client.Value) (left [][]client.Value) {
	for _, row := range rows {
		moving := false
		for _, v := range volatile {
			moving = moving || strings.HasPrefix(row[0].Data, v)
		}
		if !moving {
			left = append(left, row)
		}
	}
	return left
}
