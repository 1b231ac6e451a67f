package rewrite

import "testing"

// What the server gets to read of a refused statement has no value of the client's in it, also when its quotes were forgotten.
func TestWithhold(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 10)
	for sql, want := range map[string]string{
		"SELECT case_id FROM cases WHERE patient_first = 'Ann'-- Joe": "SELECT case_id FROM cases WHERE patient_first = '' ",
		`INSERT INTO cases VALUES (N"Ann", _utf8mb4'Ann',x'414e', 1)`: "INSERT INTO cases VALUES (N'', _utf8mb4'',1, 1)",
		"SELECT/* Ann */x.case_id FROM `cases` X LIMIT 19800105":      "SELECT phiproxy_name_000_.case_id FROM `cases` phiproxy_name_000_ LIMIT 1",
		"SELECT case_id FROM cases WHERE patient_first = Ann":         "SELECT case_id FROM cases WHERE patient_first = phiproxy_name_000_",
		"SELECT d.a FROM (SELECT case_id FROM cases) d(a)":            "SELECT d.phiproxy_name_000_ FROM (SELECT case_id FROM cases) d(phiproxy_name_000_)",
		"SELECT UPPER(`Ann`), @Ann FROM cases":                        "SELECT UPPER(phiproxy_name_000_), @v FROM cases",
	} {
		if got := p.Withhold(0, []byte(sql)); got == nil || string(got.Text) != want {
			t.Errorf("%s: %q, want %q", sql, got.Text, want)
		}
	}
	if p.Withhold(0, []byte("SELECT 'Ann")) != nil {
		t.Error("read a text that is not closed")
	}
	w := p.Withhold(0, []byte("SELECT Nobody FROM cases"))
	if !w.Has("Unknown column 'phiproxy_name_000_' in 'field list'") || w.Has("Unknown column 'user_id' in 'field list'") {
		t.Error("placeholders are not told from names")
	}
	if got := w.Restore("Unknown column 'phiproxy_name_000_' in 'field list'"); got != "Unknown column 'Nobody' in 'field list'" {
		t.Error(got)
	}
}
