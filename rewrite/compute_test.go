package rewrite

import (
	"fmt"
	"strings"
	"testing"
)

func computes(t *testing.T, sql string) *Statement {
	t.Helper()
	s, f := NewPlanner(appSchema(MySQL), 10).WithScratch().Plan(appState(), []byte(sql))
	if f != nil {
		t.Fatalf("%s: %v", sql, f)
	}
	return s
}

// What the backend is asked for: no more than the statement needs.
func TestFetches(t *testing.T) {
	for _, c := range []struct {
		sql     string
		fetches []string // what follows the select list
	}{
		{"SELECT case_id FROM cases WHERE user_id = 'u1' AND case_date = '2025-01-02' AND LOWER(TRIM(patient_first)) = LOWER(TRIM('ann')) AND active = 1 LIMIT 1",
			[]string{"FROM `app`.`cases` WHERE (user_id = 'u1') AND (case_date = '2025-01-02') AND (active = 1) LIMIT"}},
		{"SELECT case_id FROM cases c WHERE c.user_id = 'u1' OR c.patient_first = 'x'", []string{"FROM `app`.`cases` AS `c` LIMIT"}},
		{"SELECT case_id FROM cases WHERE case_date BETWEEN '2025-01-01' AND '2025-02-01' AND patient_first = 'x'", []string{"FROM `app`.`cases` LIMIT"}},
		{"SELECT c.case_id, s.last_name FROM cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE c.user_id = 'u1' AND c.patient_last > 'a'", []string{
			"FROM cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE (c.user_id = 'u1') LIMIT",
			"FROM cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE (c.user_id = 'u1') LIMIT"}},
		{"SELECT c.case_id FROM cases c LEFT JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE c.user_id = 'u1' AND s.last_name IS NULL ORDER BY c.patient_last", []string{
			"FROM cases c LEFT JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE (c.user_id = 'u1') LIMIT",
			"FROM cases c LEFT JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE (c.user_id = 'u1') AND `s`.`surgeon_id` IS NOT NULL LIMIT"}},
		{"SELECT a.case_id FROM cases a JOIN cases b ON a.patient_last = b.patient_last WHERE a.user_id = 'u1' AND b.active = 1", []string{
			"FROM `app`.`cases` AS `a` WHERE (a.user_id = 'u1') LIMIT", "FROM `app`.`cases` AS `b` WHERE (b.active = 1) LIMIT"}},
		{"SELECT case_id FROM cases c WHERE patient_first = 'x' AND EXISTS (SELECT 1 FROM surgeon_list s WHERE s.surgeon_id = c.surgeon_id AND s.surgeon_npi = 7)", []string{
			"FROM `app`.`cases` AS `c` LIMIT", "FROM `app`.`surgeon_list` AS `s` WHERE (s.surgeon_npi = 7) LIMIT"}},
		{"SELECT case_id FROM cases WHERE patient_first = 'x' AND case_id = (SELECT MAX(case_id) FROM cases)", []string{"FROM `app`.`cases` LIMIT", "FROM `app`.`cases` LIMIT"}},
		{"SELECT case_id FROM cases USE INDEX (a) IGNORE KEY (b) FORCE INDEX (c) WHERE patient_first = USER() AND active = 1 AND RAND() < 2 FOR UPDATE SKIP LOCKED",
			[]string{"FROM `app`.`cases` USE INDEX (a) IGNORE KEY (b) FORCE INDEX (c) WHERE (active = 1) LIMIT 18446744073709551615 FOR UPDATE SKIP LOCKED"}},
		{"SELECT case_id FROM cases WHERE active = 1 AND patient_first = 'x' AND (@n := 1) = 1", []string{"FROM `app`.`cases` LIMIT"}},
		{"EXPLAIN FORMAT=JSON SELECT case_id FROM cases WHERE user_id = 'u1' AND patient_first = 'x'", []string{"FROM `app`.`cases` WHERE (user_id = 'u1') LIMIT"}},
	} {
		s := computes(t, c.sql)
		var got []string
		for i := range s.Compute.Fetches {
			b, err := s.FetchText(nil, i, nil)
			if err != nil {
				t.Fatal(err)
			}
			text := string(b)
			text = text[strings.Index(text, " FROM ")+1:]
			got = append(got, strings.TrimSuffix(text, " 18446744073709551615"))
		}
		if strings.Join(got, "\n") != strings.Join(c.fetches, "\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", c.sql, got, c.fetches)
		}
	}
}

// Values of protected columns, and what may hold one, get into no variable.
func TestAssignments(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 10).WithScratch()
	for _, sql := range []string{
		"SELECT patient_last INTO @p FROM cases", "SELECT UPPER(patient_last) INTO @p FROM cases", "SELECT * INTO @p, @q FROM cases", "SELECT 1, patient_last INTO @p, @q FROM cases",
		"SELECT MAX(patient_last) FROM cases INTO @p", "SELECT @p := patient_last FROM cases", "SELECT @p := CONCAT('a', l) FROM (SELECT patient_last AS l FROM cases) d",
		"SELECT @p := (SELECT MAX(patient_last) FROM cases)", "SELECT @p := d.user_id FROM cases c, (SELECT patient_last AS user_id FROM cases) d WHERE c.patient_last = 'x'",
		"SELECT @p := IF(patient_last = 'x', 1, 2) FROM cases", "SELECT case_id FROM cases WHERE (@p := patient_last) = 'x'", "SELECT (SELECT @p := c.patient_last) FROM cases c",
		"SELECT (SELECT @p := user_id FROM (SELECT patient_last AS user_id FROM cases) d) FROM cases c", "SELECT patient_last FROM cases UNION SELECT 1 INTO @p",
		"SELECT user_id FROM cases WHERE patient_last = 'x' UNION SELECT 1 INTO @p", "WITH d AS (SELECT patient_last AS l FROM cases) SELECT @p := l FROM d WHERE l > 'a'",
		"SET @p = (SELECT patient_last FROM cases LIMIT 1)", "SET @p = (SELECT MAX(patient_last) FROM cases)", "SET @n = 1, @p = CONCAT((SELECT patient_last FROM cases LIMIT 1))",
		"SET @@sql_mode = (SELECT patient_last FROM cases LIMIT 1)", "SET SESSION sort_buffer_size = (SELECT COUNT(*) FROM cases WHERE patient_last = 'x')",
		"SET @p = EXISTS (SELECT 1 FROM cases WHERE patient_last = 'x')", "SELECT @p := JSON_ARRAYAGG(patient_last) FROM cases", "SELECT nosuch.patient_last INTO @p FROM cases",
		"SELECT patient_last AS active FROM cases HAVING (@p := active) = 'x'", "SELECT patient_last active, (SELECT @p := active) FROM cases", "SELECT patient_last 'active' FROM cases ORDER BY @p := active",
	} {
		if st, f := p.Plan(appState(), []byte(sql)); f == nil {
			t.Errorf("%s is not refused but %s", sql, st.Verdict)
		}
	}
	for _, sql := range []string{
		"SELECT @n := @n + 1, patient_last FROM cases, (SELECT @n := 0) z ORDER BY patient_last", "SELECT COUNT(*), MAX(cases.user_id) INTO @p, @q FROM cases WHERE patient_last = 'x'",
		"SET @p = (SELECT COUNT(patient_last) FROM cases WHERE patient_last = 'x'), @q = 1", "SELECT @p := c.user_id FROM cases c WHERE c.patient_last = 'x'",
	} {
		if s := computes(t, sql); !s.Compute.Assigns {
			t.Errorf("%s assigns nothing", sql)
		}
	}
}

// No plaintext that is compared with a protected column is in what the backend is asked.
func TestFetchesHoldNoPlaintext(t *testing.T) {
	for _, where := range []string{
		"patient_first = 'SECRET'", "'SECRET' = patient_first", "active = 1 AND patient_first LIKE 'SECRET%'", "CONCAT(case_id, patient_last) = 'SECRET'",
		"(patient_first, active) = ('SECRET', 1)", "patient_first IN ('SECRET')", "COALESCE(patient_first, 'SECRET') <> ''",
		"EXISTS (SELECT 1 FROM cases d WHERE d.patient_first = 'SECRET')", "active = 1 AND (patient_dob = 'SECRET' OR active = 1)",
		"patient_first BETWEEN 'SECRET' AND 'SECRET'", "IF(active = 1, patient_first, '') = 'SECRET'", "case_id = (SELECT case_id FROM cases d WHERE d.patient_last = 'SECRET')",
	} {
		s := computes(t, "SELECT case_id FROM cases WHERE user_id = 'u1' AND "+where)
		for i := range s.Compute.Fetches {
			if text, err := s.FetchText(nil, i, nil); err != nil || strings.Contains(string(text), "SECRET") {
				t.Errorf("%s: %s %v", where, text, err)
			}
		}
	}
}

func TestComputeText(t *testing.T) {
	s := computes(t, "SELECT app.cases.patient_first, c.* FROM cases, app.cases AS c WHERE app.cases.patient_first = c.patient_last")
	got := string(s.ComputeText(nil, nil))
	a, b := s.Compute.Fetches[0].Work, s.Compute.Fetches[1].Work
	want := "SELECT cases.patient_first, c.* FROM `" + a + "` AS `cases` , `" + b + "`  AS c WHERE cases.patient_first = c.patient_last"
	if got != want || a == b {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFetchTextWithParameters(t *testing.T) {
	state := appState()
	state.Prepared = true
	s, f := NewPlanner(appSchema(MySQL), 10).WithScratch().Plan(state, []byte("SELECT COALESCE(patient_first, ?) FROM cases WHERE user_id = ? AND patient_last = ? AND active=? "))
	if f != nil {
		t.Fatal(f)
	}
	text, err := s.FetchText(nil, 0, func(dst []byte, n int) ([]byte, error) { return fmt.Appendf(dst, "<%d>", n), nil })
	if err != nil || !strings.Contains(string(text), "WHERE (user_id =  <1> ) AND (active= <3> )") {
		t.Errorf("%s %v", text, err)
	}
}

// What `phiproxy explain` shows of statements that run in the scratch server: the split.
func TestExplainComputeGolden(t *testing.T) {
	const path = "testdata/scratch.golden"
	p := NewPlanner(appSchema(MySQL), 100).WithScratch()
	var got strings.Builder
	changed := false
	for i, c := range readGolden(t, path) {
		_, st := c.state(t)
		want := strings.TrimSpace(c.want)
		c.want = p.Explain(st, c.sql)
		changed = changed || strings.TrimSpace(c.want) != want
		if i > 0 {
			got.WriteByte('\n')
		}
		got.WriteString(c.String())
	}
	if changed {
		t.Errorf("not what it was:\n%s", got.String())
		proposeGolden(t, path, got.String())
	}
}

// Names that no server may be asked about are refused as without a scratch server; for others the reason is the scratch server's.
func TestComputeRefusals(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 10).WithScratch()
	for _, c := range []struct{ sql, database, want string }{
		{"SELECT patient_first FROM cases", "", "PHI-1116"}, {"SELECT UPPER(patient_first) FROM cases", "", "PHI-1116"}, {"SELECT UPPER(patient_first) FROM CASES", "app", "PHI-1145"},
		{"SELECT UPPER(other) FROM case_view", "app", "PHI-1117"}, {"SELECT UPPER(secret) FROM absent", "app", "PHI-1170"}, {"SELECT case_name(case_id), UPPER(patient_first) FROM cases", "app", "PHI-1117"},
		{"SELECT UPPER(patient_first) FROM cases, other.things", "app", "PHI-2210"}, {"SELECT UPPER(patient_first), initials_of(case_id) FROM cases", "app", "PHI-2211"},
		{"SELECT UPPER(patient_first), app.initials_of(case_id) FROM cases", "app", "PHI-2211"}, {"SELECT GET_LOCK('x', 0), UPPER(patient_first) FROM cases", "app", "PHI-2211"},
	} {
		st := appState()
		st.Database = c.database
		if _, f := p.Plan(st, []byte(c.sql)); f == nil || f.ID != c.want {
			t.Errorf("%s: %v, want %s", c.sql, f, c.want)
		}
	}
}
