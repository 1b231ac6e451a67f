package schema_test

import (
	"bytes"
	"strings"
	"testing"

	"phiproxy/e2e/servers"
	"phiproxy/migrate/catalog"
)

func TestApplication(t *testing.T) {
	each(t, servers.Kinds(), func(t *testing.T, f *fixture) {
		f.application()
		f.exec("INSERT INTO user_profile (user_id, user_email) VALUES ('u1', 'u1@example.com')")
		f.exec("INSERT INTO user_encryption_keys (user_id, encrypted_dek) VALUES ('u1', 'AAAA')")
		f.exec(
			"INSERT INTO cases (case_id, user_id, patient_first, patient_last, ins_provider, patient_dob) VALUES ('c1', 'u1', 'José', '', NULL, '1984-02-09')",
		)
		before := f.load(f.tables())
		if len(before.Problems) != 8 {
			t.Errorf("before: %v", before.Problems)
		}
		p := f.apply(f.tables())
		var text bytes.Buffer
		if err := p.Print(&text); err != nil {
			t.Fatal(err)
		}
		t.Log(text.String())

		s := f.load(f.tables())
		if len(s.Problems) != 0 {
			t.Errorf("after: %v", s.Problems)
		}
		cases, deleted := s.Schema.Tables[s.Schema.Key(f.name, "cases")], s.Schema.Tables[s.Schema.Key(f.name, "deleted_cases")]
		if !cases.Migrating || deleted.Migrating {
			t.Errorf("migrating: %v, %v", cases.Migrating, deleted.Migrating)
		}
		dob := cases.Columns[f.column(cases.Name, "patient_dob")]
		if dob.Protected == nil || dob.Protected.Type.String() != "date" || dob.Protected.Definition != "date" || dob.Protected.ID != "cases.patient_dob" {
			t.Errorf("patient_dob is %+v", dob.Protected)
		}
		if got, want := f.query("SELECT patient_first, patient_last, ins_provider, patient_dob FROM cases"), "José||NULL|1984-02-09"; got != want {
			t.Errorf("values are %q, want %q", got, want)
		}
		f.exec("DELETE FROM user_profile WHERE user_id = 'u1'")
		if got := f.query("SELECT COUNT(*) FROM user_encryption_keys"); got != "1" {
			t.Errorf("%s keys are left after their user was deleted", got)
		}
		if again := f.plan(f.tables()); len(again.Steps) != 0 {
			t.Errorf("a second plan has steps: %v", again.Steps)
		}
	})
}

// column is the index of a column.
func (f *fixture) column(table, name string) int {
	f.t.Helper()
	found := f.query("SELECT ORDINAL_POSITION - 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '" + f.name + "' AND TABLE_NAME = '" + table + "' AND COLUMN_NAME = '" + name + "'")
	n := 0
	for _, digit := range found {
		n = n*10 + int(digit-'0')
	}
	return n
}

var _ = strings.Contains
var _ = catalog.Sealed
