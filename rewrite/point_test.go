package rewrite

import (
	"testing"

	"phiproxy/rewrite/token"
)

func TestPoint(t *testing.T) {
	for sql, want := range map[string]string{
		"UPDATE cases SET patient_first='J' WHERE case_id='c1'":                                            "c1",
		"UPDATE cases c SET patient_first='J' WHERE c.case_id = 'c1' AND active = 1":                       "c1",
		"UPDATE cases SET patient_first='J' WHERE (active = 1 OR active = 2) AND `case_id`='c1'":           "c1",
		"UPDATE cases SET patient_first='J' WHERE cases.case_id='c1' ORDER BY 1":                           "c1",
		"UPDATE cases SET patient_first='J'":                                                               "",
		"UPDATE cases SET patient_first='J' WHERE case_id='c1' OR active=1":                                "",
		"UPDATE cases SET patient_first='J' WHERE NOT case_id='c1'":                                        "",
		"UPDATE cases SET patient_first='J' WHERE active BETWEEN 1 AND case_id='c1'":                       "",
		"UPDATE cases SET patient_first='J' WHERE CASE WHEN active AND case_id='c1' AND active THEN 1 END": "",
		"UPDATE cases SET patient_first='J' WHERE case_id=1":                                               "",
		"UPDATE cases SET patient_first='J' WHERE case_id='c1' COLLATE utf8mb4_bin":                        "",
		"UPDATE cases SET patient_first='J' WHERE case_id='c1' = active":                                   "",
		"UPDATE cases SET patient_first='J' WHERE case_id='é'":                                             "",
		"UPDATE cases SET patient_first='J' WHERE case_id='a\\'b'":                                         "",
		"UPDATE cases SET patient_first='J' WHERE case_status='c1'":                                        "",
		"UPDATE cases SET patient_first='J' WHERE case_id IN ('c1')":                                       "",
	} {
		s, f := planOf(t, MySQL, sql)
		if f != nil {
			t.Errorf("%s: %v", sql, f)
			continue
		}
		if got, ok := s.Point(nil); string(got) != want || ok != (want != "") {
			t.Errorf("%s: %q %v", sql, got, ok)
		}
	}
}

func TestWholeRow(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT * FROM cases WHERE case_id='c1'": true,
		"SELECT c.*, s.first_name FROM cases c LEFT JOIN surgeon_list s ON s.surgeon_id=c.surgeon_id WHERE c.case_id='c1' AND c.active=1 LIMIT 1": true,
		"SELECT patient_dob, ins_provider, patient_last, patient_first FROM cases WHERE case_id='c1'":                                             true,
		"SELECT patient_first, patient_last FROM cases WHERE case_id='c1'":                                                                        false,
		"SELECT * FROM cases WHERE user_id='u1'":                                                                                                  false,
		"SELECT * FROM cases":                                                                                                                     false,
		"SELECT a.*, b.patient_first FROM cases a JOIN cases b ON a.case_id=b.case_id WHERE a.case_id='c1'":                                       false,
	} {
		s, f := planOf(t, MySQL, sql)
		if f != nil {
			t.Errorf("%s: %v", sql, f)
			continue
		}
		if (s.Row != nil) != want {
			t.Errorf("%s: %v", sql, s.Row)
			continue
		}
		if want {
			for i, at := range s.Row.Columns {
				if o := s.Outputs[at]; s.Row.Table.ProtectedColumns()[i] != o.Column || o.Owner != s.Row.Owner {
					t.Errorf("%s: column %d is output %d", sql, i, at)
				}
			}
		}
	}
}

func TestGuardedText(t *testing.T) {
	for sql, want := range map[string]string{
		"UPDATE cases SET patient_first=?, active=? WHERE case_id=?": "UPDATE cases SET patient_first=?, active=?, `cases`.`phi_encrypted` = 1 WHERE (case_id=?) AND " +
			"(CAST(`cases`.`user_id` AS BINARY) <=> ? AND `cases`.`patient_first` <=> ?)",
		"UPDATE app.cases c SET active=2, patient_dob = ? , patient_last=? WHERE c.case_id = 'c1' AND (active=? OR active=2)": "UPDATE app.cases c SET active=2, patient_dob = ? , patient_last=?, `c`.`phi_encrypted` = 1 " +
			"WHERE (c.case_id = 'c1' AND (active=? OR active=2)) AND (CAST(`c`.`user_id` AS BINARY) <=> ? AND `c`.`patient_dob` <=> ? AND `c`.`patient_last` <=> ?)",
		"UPDATE cases SET patient_first='J' WHERE case_id=?":          "",
		"UPDATE cases SET patient_first=?, user_id=? WHERE case_id=?": "",
		"UPDATE cases SET patient_first=? WHERE case_id=? LIMIT ?":    "",
		"UPDATE cases SET patient_first=? WHERE active=?":             "",
	} {
		s, f := NewPlanner(appSchema(MySQL), 64).Plan(State{Database: "app", Mode: token.Strict, Prepared: true}, []byte(sql))
		if f != nil {
			t.Errorf("%s: %v", sql, f)
			continue
		}
		if got, ok := s.GuardedText(); string(got) != want || ok != (want != "") {
			t.Errorf("%s\n got %s\nwant %s", sql, got, want)
		}
	}
}
