package rewrite

import "testing"

// Work tables get unique keys where a column may depend on them, and are spared them where none can.
func TestKeysOfGroups(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 100).WithScratch()
	for sql, want := range map[string]bool{
		"SELECT patient_last, COUNT(*) FROM cases GROUP BY patient_last ORDER BY patient_last":                   false,
		"SELECT c.patient_last, MIN(patient_dob) FROM cases c GROUP BY c.patient_last ORDER BY COUNT(*), 1":      false,
		"SELECT COUNT(DISTINCT patient_last), MAX(patient_dob) FROM cases":                                       false,
		"SELECT UPPER(patient_last) FROM cases ORDER BY 1":                                                       false,
		"SELECT patient_last, COUNT(*) FROM cases c GROUP BY c.patient_last":                                     true,
		"SELECT case_id, UPPER(patient_first), COUNT(*) FROM cases GROUP BY case_id":                             true,
		"SELECT * FROM cases WHERE patient_last > 'A' GROUP BY case_id":                                          true,
		"SELECT patient_last, COUNT(*) FROM cases GROUP BY patient_last HAVING MAX(patient_first) > 'A'":         true,
		"SELECT patient_last, COUNT(*) FROM cases GROUP BY patient_last ORDER BY patient_first":                  true,
		"SELECT patient_last FROM cases WHERE patient_first = (SELECT MAX(patient_first) FROM deleted_cases)":    true,
		"SELECT UPPER(patient_last), COUNT(*) FROM cases GROUP BY UPPER(patient_last)":                           true,
		"SELECT patient_last, COUNT(*) FROM cases GROUP BY patient_last UNION SELECT patient_last, 1 FROM cases": true,
	} {
		s, err := p.Plan(appState(), []byte(sql))
		if err != nil || s.Compute == nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if s.Compute.Keys != want {
			t.Errorf("%s: keys %t", sql, s.Compute.Keys)
		}
	}
}
