package rewrite

import (
	"strings"
	"testing"
)

// What an UPDATE or DELETE that looks at protected values asks the backend for, and what the scratch server chooses by.
func TestComputedWriteTexts(t *testing.T) {
	for _, c := range []struct{ sql, rows, choose, set string }{
		{"UPDATE cases SET case_status = 1 WHERE user_id = 'u1' AND patient_first = 'CANARY'",
			"FROM cases WHERE (user_id = 'u1') LIMIT 18446744073709551615 FOR UPDATE",
			"WHERE user_id = 'u1' AND patient_first = 'CANARY'", ""},
		{"UPDATE cases c SET c.case_status = 1 WHERE c.patient_first LIKE 'CANARY%' ORDER BY c.patient_last LIMIT 2",
			"FROM cases c LIMIT 18446744073709551615 FOR UPDATE",
			"WHERE c.patient_first LIKE 'CANARY%' ORDER BY c.patient_last LIMIT 2", ""},
		{"DELETE FROM cases WHERE patient_last > 'CANARY' OR active = 1",
			"FROM cases LIMIT 18446744073709551615 FOR UPDATE", "WHERE patient_last > 'CANARY' OR active = 1", ""},
		{"UPDATE cases SET patient_last = CONCAT(patient_last, 'CANARY') WHERE case_id = 'c1' LIMIT 1",
			"FROM cases WHERE (case_id = 'c1') LIMIT 1 FOR UPDATE", "", "SET patient_last = CONCAT(patient_last, 'CANARY')"},
		{"UPDATE cases SET case_status = 4, active = 0, patient_first = CONCAT('CANARY', case_status), app.cases.patient_last = 'CANARY'",
			"FROM cases LIMIT 18446744073709551615 FOR UPDATE", "",
			"SET case_status = 4, patient_first = CONCAT('CANARY', case_status), cases.patient_last = 'CANARY'"},
	} {
		s := computes(t, c.sql)
		if s.ComputedWrite == nil {
			t.Fatalf("%s: %s", c.sql, s.Verdict)
		}
		rows := string(s.RowsText(nil))
		if got := rows[strings.LastIndex(rows, " FROM ")+1:]; got != c.rows {
			t.Errorf("%s: asks for %q, want %q", c.sql, got, c.rows)
		}
		if s.ComputedWrite.Work != "" {
			choose, _ := s.ChooseText(nil)
			if got := string(choose); !strings.HasSuffix(got, c.choose) || c.choose == "" {
				t.Errorf("%s: chooses by %q, want %q", c.sql, got, c.choose)
			}
		}
		if c.set != "" {
			if got := string(s.ComputeSetText(nil)); !strings.HasSuffix(got, c.set) {
				t.Errorf("%s: computes by %q, want %q", c.sql, got, c.set)
			}
		}
		patch := RowPatch{Key: [][]byte{[]byte("c1")}}
		for range s.WrittenColumns() {
			patch.Set = append(patch.Set, []byte("x'00'"))
		}
		sent, err := s.UpdateText(nil, []RowPatch{patch})
		if s.ComputedWrite.Deletes {
			sent, err = s.DeleteText(nil, [][][]byte{patch.Key}), nil
		}
		if err != nil || strings.Contains(rows+string(sent), "CANARY") || !strings.Contains(string(sent), " WHERE ") {
			t.Errorf("%s: sends %q, %q, %v", c.sql, rows, sent, err)
		}
	}
}

// Values of an INSERT are taken out and put back in the order of the text.
func TestComputedInsert(t *testing.T) {
	s := computes(t, "INSERT INTO cases (case_id, patient_first, user_id, patient_last) VALUES ('a', UPPER('x'), 'u1', 'y'), ('b', NULL, 'u2', CONCAT('z', 'z'))")
	var got []string
	for _, row := range s.ComputedRows() {
		for _, v := range row {
			got = append(got, string(v))
		}
	}
	if want := "UPPER('x')|'y'|NULL|CONCAT('z', 'z')"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	text := string(s.WithValues(nil, [][][]byte{{[]byte("X"), []byte("y")}, {nil, {}}}))
	if want := "VALUES ('a',  x'58' , 'u1',  x'79' ), ('b',  NULL , 'u2',  '' )"; !strings.HasSuffix(text, want) {
		t.Errorf("got %q, want the end %q", text, want)
	}
}

// The rows of a SELECT take its place, once they are sealed, as rows of another one.
func TestComputedSelect(t *testing.T) {
	s := computes(t, "INSERT IGNORE INTO cases (case_id, user_id, patient_first) SELECT s.surgeon_id, s.user_id, UPPER(s.last_name) FROM surgeon_list s WHERE s.surgeon_id < 5 ON DUPLICATE KEY UPDATE case_status = 1")
	if !s.ComputedWrite.Selects() {
		t.Fatal(s.Why)
	}
	fetch, err := s.FetchText(nil, 0, nil)
	if want := "WHERE (s.surgeon_id < 5) LIMIT 18446744073709551615 LOCK IN SHARE MODE"; err != nil || !strings.HasSuffix(string(fetch), want) {
		t.Errorf("asks for %q, %v, want the end %q", fetch, err, want)
	}
	work := s.Fetches()[0].Work
	if got, want := string(s.SelectText(nil)), "INSERT IGNORE INTO `cases` (`case_id`, `user_id`, `patient_first`) SELECT s.surgeon_id, s.user_id, UPPER(s.last_name) FROM `"+work+"`  s WHERE s.surgeon_id < 5"; got != want {
		t.Errorf("computes %q, want %q", got, want)
	}
	text := s.SelectedText(nil, [][][]byte{{[]byte("'1'"), []byte("'u'"), []byte("x'41'")}, {[]byte("'2'"), []byte("NULL"), []byte("NULL")}})
	const values = "INSERT IGNORE INTO cases (case_id, user_id, patient_first) VALUES ('1', 'u', x'41'), ('2', NULL, NULL) ON DUPLICATE KEY UPDATE case_status = 1"
	if string(text) != values {
		t.Errorf("got %q, want %q", text, values)
	}
	p := NewPlanner(appSchema(MySQL), 10)
	bulk, f := p.Bulk(appState(), text)
	const want = "INSERT IGNORE INTO cases (case_id, user_id, patient_first) WITH " + bulkRows + " (c0, c1, c2) AS (VALUES ROW('1', 'u', x'41'), ROW('2', NULL, NULL)) SELECT * FROM " + bulkRows + " WHERE TRUE ON DUPLICATE KEY UPDATE case_status = 1"
	if f != nil || string(bulk) != want {
		t.Errorf("got %q, %v, want %q", bulk, f, want)
	}
	if got, want := string(s.SelectedText(nil, nil)), "INSERT IGNORE INTO cases (case_id, user_id, patient_first) SELECT NULL, NULL, NULL FROM DUAL WHERE FALSE"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Expressions of ON DUPLICATE KEY UPDATE run over a copy of the twin that holds the rows which are met, and become values of them.
func TestComputedUpdates(t *testing.T) {
	s := computes(t, "INSERT INTO cases (case_id, user_id, case_status, patient_first) VALUES ('a', 'u1', 7, 'CANARY'), ('b', 'u2', 8, 'CANARY') ON DUPLICATE KEY UPDATE active = 1, case_status = VALUES(case_status), patient_first = CONCAT(patient_first, case_status, 'CANARY', VALUES(patient_first))")
	u := s.ComputedWrite.Updates
	if u == nil {
		t.Fatal(s.Why)
	}
	text := string(s.UpsertText(u.Columns, [][][]byte{{[]byte("7"), []byte("x'41'")}, {[]byte("8"), []byte("x'42'")}}))
	const want = "INSERT INTO `cases` (`case_status`, `patient_first`, " + RowNumber + ") VALUES (7, x'41', 1), (8, x'42', 2) ON DUPLICATE KEY UPDATE case_status = VALUES(case_status), patient_first = CONCAT(patient_first, case_status, 'CANARY', VALUES(patient_first))"
	if text != want {
		t.Errorf("computes %q, want %q", text, want)
	}
	sent, err := s.Text(nil, func(dst []byte, c Cell) ([]byte, error) {
		if s.ComputesUpdate(c) {
			return s.ChooseUpdate(dst, c.Column, []TargetRow{{Key: [][]byte{[]byte("a")}, Set: [][]byte{[]byte("x'01'")}}, {Key: [][]byte{[]byte("b")}, Set: [][]byte{[]byte("x'02'")}}}), nil
		}
		return append(dst, "x'00'"...), nil
	})
	const end = "case_status = VALUES(case_status), patient_first = CASE WHEN `app`.`cases`.`case_id` = x'61' THEN x'01' WHEN `app`.`cases`.`case_id` = x'62' THEN x'02' END"
	if err != nil || !strings.HasSuffix(string(sent), end) || strings.Contains(string(sent), "CANARY") {
		t.Errorf("sends %q, %v, want the end %q", sent, err, end)
	}
}

// What stays refused: writes that would put plaintext into other columns, and what the scratch server cannot know.
func TestComputedWritesRefused(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 10).WithScratch()
	for _, sql := range []string{
		"UPDATE cases SET demo_file = patient_last",
		"UPDATE cases SET case_status = (patient_last = 'x') WHERE patient_first = 'y'",
		"UPDATE cases SET patient_last = (SELECT MAX(last_name) FROM nowhere)",
		"UPDATE cases SET case_status = (SELECT COUNT(*) FROM deleted_cases WHERE patient_last = 'x')",
		"UPDATE cases SET patient_last = CONCAT(RAND(), patient_last)",
		"UPDATE cases SET patient_last = @x",
		"UPDATE cases SET user_id = patient_last",
		"UPDATE cases SET patient_last = CONCAT(patient_last, 'a'), patient_last = CONCAT(patient_last, 'b')",
		"UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET s.last_name = c.patient_last",
		"UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.demo_file = CONCAT(s.last_name, c.patient_last)",
		"UPDATE cases c JOIN (SELECT case_id, patient_last AS x FROM cases) d ON d.case_id = c.case_id SET c.demo_file = d.x, c.patient_last = 'x'",
		"UPDATE cases a JOIN cases b ON a.patient_last = b.patient_first SET a.case_status = 1, b.case_status = 2",
		"UPDATE cases c JOIN surgeon_list s ON s.last_name = c.patient_last SET s.first_name = DEFAULT",
		"UPDATE cases c JOIN surgeon_list s ON s.last_name = c.patient_last SET c.user_id = c.patient_last",
		"DELETE a, b FROM cases a JOIN cases b ON a.patient_last = b.patient_first",
		"DELETE FROM cases WHERE patient_last = 'x' AND SLEEP(1)",
		"INSERT INTO cases (case_id, user_id, demo_file) SELECT case_id, user_id, patient_first FROM cases",
		"INSERT INTO cases (case_id, user_id, demo_file) SELECT case_id, user_id, CONCAT(d.x, 'y') FROM (SELECT case_id, user_id, patient_first AS x FROM cases) d",
		"INSERT INTO cases (case_id, user_id, demo_file) SELECT case_id, user_id, (SELECT MAX(patient_first) FROM cases) FROM cases",
		"INSERT INTO cases (case_id, user_id, demo_file) SELECT case_id, user_id, EXISTS (SELECT 1 FROM cases c WHERE c.patient_first = 'x') FROM cases",
		"INSERT INTO cases (case_id, user_id, demo_file) SELECT case_id, user_id, 'x' FROM cases UNION SELECT case_id, user_id, LEFT(patient_last, 1) FROM cases",
		"INSERT INTO cases (case_id, user_id, patient_first) SELECT case_id, patient_last, 'x' FROM cases",
		"INSERT INTO cases (case_id, user_id, patient_first) SELECT case_id, user_id, UUID_SHORT() FROM cases",
		"INSERT INTO cases (case_id, user_id, patient_first) SELECT s.surgeon_id, s.user_id, UPPER(s.last_name) FROM surgeon_list s ON DUPLICATE KEY UPDATE case_status = s.surgeon_npi",
		"INSERT INTO cases SET case_id = 'a', user_id = 'u1', patient_first = 'x', patient_last = UPPER(patient_first)",
		"INSERT INTO cases SET case_id = 'a', user_id = UPPER('u1'), patient_first = UPPER('x')",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', 'u1', UPPER('x')) ON DUPLICATE KEY UPDATE patient_first = 'y'",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', 'u1', 'x') ON DUPLICATE KEY UPDATE demo_file = patient_first",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', 'u1', 'x') ON DUPLICATE KEY UPDATE demo_file = VALUES(patient_first)",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', 'u1', 'x') ON DUPLICATE KEY UPDATE patient_first = (SELECT MAX(last_name) FROM surgeon_list)",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', 'u1', 'x') ON DUPLICATE KEY UPDATE patient_first = CONCAT(@x, patient_first)",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', 'u1', 'x') ON DUPLICATE KEY UPDATE case_id = 'b', patient_first = UPPER(patient_first)",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', 'u1', 'x') ON DUPLICATE KEY UPDATE user_id = VALUES(user_id), patient_first = UPPER(patient_first)",
	} {
		if s, f := p.Plan(appState(), []byte(sql)); f == nil {
			t.Errorf("%s is not refused: %s", sql, s.Why)
		}
	}
}
