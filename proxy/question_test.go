package proxy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQuestions(t *testing.T) {
	for sql, want := range map[string]question{
		"show  warnings ;": {text: "SHOW WARNINGS", limit: -1, diagnostics: true},
		"/* ApplicationName=x */ SHOW WARNINGS LIMIT 5": {text: "SHOW WARNINGS", limit: 5, diagnostics: true},
		"SHOW ERRORS LIMIT 2, 3":                        {text: "SHOW ERRORS", offset: 2, limit: 3, diagnostics: true},
		"SHOW WARNINGS LIMIT ?":                         {text: "SHOW WARNINGS LIMIT ?", diagnostics: true},
		"SHOW COUNT(*) WARNINGS":                        {text: "SHOW COUNT ( * ) WARNINGS", limit: -1},
		"select @@warning_count":                        {text: "SELECT @@WARNING_COUNT", limit: -1, diagnostics: true},
		"GET CURRENT DIAGNOSTICS @n = NUMBER":           {text: "GET CURRENT DIAGNOSTICS @N = NUMBER", limit: -1, diagnostics: true},
		"SELECT 'SHOW WARNINGS'":                        {text: "SELECT 'SHOW WARNINGS'", limit: -1},
		"SELECT 'never closed":                          {limit: -1},
	} {
		if diff := cmp.Diff(want, questionOf([]byte(sql)), cmp.AllowUnexported(question{})); diff != "" {
			t.Errorf("%s: %s", sql, diff)
		}
	}
}

func TestWindow(t *testing.T) {
	rows := make([][][]byte, 4)
	for q, want := range map[question]int{{limit: -1}: 4, {limit: 0}: 0, {limit: 9}: 4, {offset: 3, limit: 9}: 1, {offset: 9, limit: 1}: 0} {
		if got := len(q.window(rows)); got != want {
			t.Errorf("%+v leaves %d rows, want %d", q, got, want)
		}
	}
}
