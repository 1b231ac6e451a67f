package rewrite

import (
	"fmt"
	"strings"
	"testing"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// fakeSeal stands for sealing: it shows what would be sealed for whom without the client's bytes.
func fakeSeal(dst []byte, c Cell) ([]byte, error) {
	if c.Value.Kind == token.Null {
		return append(dst, "NULL"...), nil
	}
	return fmt.Appendf(dst, "S(%s,%d,%d,%s)", c.Table.Columns[c.Column].Name, c.Row, len(c.Value.Raw), c.Owner.Raw), nil
}

func planOf(t *testing.T, flavor Flavor, sql string) (*Statement, *fault.Error) {
	t.Helper()
	return NewPlanner(appSchema(flavor), 64).Plan(State{Database: "app", Mode: token.Strict}, []byte(sql))
}

func TestInsertText(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('c1', 'u1', 'Jo')",
			"INSERT INTO cases (case_id, user_id, patient_first, `phi_encrypted`) VALUES ('c1', 'u1', S(patient_first,0,4,'u1'), 1)"},
		{"INSERT INTO cases (user_id,patient_dob,case_id) VALUES ('a','1990-01-02','1'), ('b', NULL, '2') , ('c',19900203,'3')",
			"INSERT INTO cases (user_id,patient_dob,case_id, `phi_encrypted`) VALUES ('a',S(patient_dob,0,12,'a'),'1', 1), ('b', NULL, '2', 1) , ('c',S(patient_dob,2,8,'c'),'3', 1)"},
		{"insert ignore into app.`cases` (case_id,user_id,case_date,patient_last,phi_encrypted) value ('c','u',NOW(),'x',0)",
			"insert ignore into app.`cases` (case_id,user_id,case_date,patient_last,phi_encrypted) value ('c','u',NOW(),S(patient_last,0,3,'u'),1)"},
		{"INSERT INTO cases SET case_id='c', patient_first = 'Jo', user_id='u'",
			"INSERT INTO cases SET case_id='c', patient_first = S(patient_first,0,4,'u'), user_id='u', `phi_encrypted` = 1 "},
		{"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('c', 'u', DEFAULT)",
			"INSERT INTO cases (case_id, user_id, patient_first, `phi_encrypted`) VALUES ('c', 'u', DEFAULT, 1)"},
		{"INSERT INTO cases (case_id, user_id) VALUES ('c', 'u') ON DUPLICATE KEY UPDATE case_status = 3",
			"INSERT INTO cases (case_id, user_id, `phi_encrypted`) VALUES ('c', 'u', 1) ON DUPLICATE KEY UPDATE case_status = 3"},
		{"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('c', 5, _binary x'4A6F'), ('d', -5, TRUE)",
			"INSERT INTO cases (case_id, user_id, patient_first, `phi_encrypted`) VALUES ('c', 5, S(patient_first,0,7,5), 1), ('d', -5, S(patient_first,1,1,-5), 1)"},
		{"INSERT INTO visits VALUES (1,2,'u','n','1990-01-01')",
			"INSERT INTO visits (`clinic`, `visit`, `user_id`, `note`, `born`) VALUES (1,2,'u',S(note,0,3,'u'),S(born,0,12,'u'))"},
		{"INSERT INTO visits SET user_id = 'u', note = 'n'", "INSERT INTO visits SET user_id = 'u', note = S(note,0,3,'u')"},
	} {
		s, f := planOf(t, MySQL, c.sql)
		if f != nil {
			t.Errorf("%s: %v", c.sql, f)
			continue
		}
		got, err := s.Text(nil, fakeSeal)
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s (%v)", c.sql, got, c.want, err)
		}
	}
}

func TestShapeIsSharedByAnyNumberOfRows(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 64)
	st := State{Database: "app", Mode: token.Strict}
	for _, n := range []int{3, 1, 2, 7} {
		rows := make([]string, n)
		want := make([]string, n)
		for i := range rows {
			rows[i] = fmt.Sprintf("('c%d','u%d','Jo%d')", i, i, i)
			want[i] = fmt.Sprintf("('c%d','u%d',S(patient_first,%d,5,'u%d'), 1)", i, i, i, i)
		}
		const tail = " ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first), phi_encrypted = 0, case_status = 5"
		s, f := p.Plan(st, []byte("INSERT INTO cases (case_id,user_id,patient_first) VALUES "+strings.Join(rows, ",")+tail))
		if f != nil {
			t.Fatal(f)
		}
		got, err := s.Text(nil, fakeSeal)
		full := "INSERT INTO cases (case_id,user_id,patient_first, `phi_encrypted`) VALUES " + strings.Join(want, ",") + strings.Replace(tail, "phi_encrypted = 0", "phi_encrypted = `phi_encrypted`", 1)
		if err != nil || string(got) != full {
			t.Errorf("%d rows:\ngot  %s\nwant %s (%v)", n, got, full, err)
		}
		probes, err := s.Probes()
		if err != nil || len(probes) != n || !strings.Contains(string(probes[n-1].SQL), fmt.Sprintf("`case_id` = 'c%d'", n-1)) {
			t.Errorf("%d rows: probes %v, %v", n, probes, err)
		}
	}
}

func TestUpdateText(t *testing.T) {
	const sql = "UPDATE cases c SET c.patient_first='Jo', case_status = 2, phi_encrypted=0 WHERE c.case_id='c1' AND phi_encrypted = 0 ORDER BY case_id LIMIT 2"
	s, f := planOf(t, MySQL, sql)
	if f != nil {
		t.Fatal(f)
	}
	probes, err := s.Probes()
	const probe = "SELECT CAST(`c`.`case_id` AS BINARY), CAST(`c`.`user_id` AS BINARY), `c`.`patient_first`, `c`.`patient_last`, `c`.`ins_provider`, `c`.`patient_dob`" +
		" FROM cases c WHERE c.case_id='c1' AND (phi_encrypted*0) = 0 ORDER BY case_id LIMIT 2 FOR UPDATE"
	if err != nil || string(probes[0].SQL) != probe {
		t.Errorf("probe:\ngot  %s\nwant %s (%v)", probes[0].SQL, probe, err)
	}
	one := RowPatch{Key: [][]byte{[]byte("c1")}, Set: [][]byte{[]byte("x'F8'")}, SetFlag: true}
	two := RowPatch{Key: [][]byte{[]byte("c2")}, Set: [][]byte{[]byte("x'F9'")}}
	guarded := one
	guarded.Guard = [][]byte{[]byte("u1"), nil}
	named := guarded
	named.Key, named.Guard = nil, [][]byte{[]byte("u1"), {}}
	const head = "UPDATE cases c SET c.patient_first="
	const mid = ", case_status = 2, phi_encrypted=`c`.`phi_encrypted`"
	const where = " WHERE (c.case_id='c1' AND (phi_encrypted*0) = 0) AND "
	for _, c := range []struct {
		rows []RowPatch
		want string
	}{
		{nil, head + "`c`.`patient_first`" + mid + where + "FALSE ORDER BY case_id LIMIT 2"},
		{[]RowPatch{one}, head + "x'F8'" + mid + ", `c`.`phi_encrypted` = 1" + where + "(`c`.`case_id` = x'6331') ORDER BY case_id LIMIT 2"},
		{[]RowPatch{guarded}, head + "x'F8'" + mid + ", `c`.`phi_encrypted` = 1" + where +
			"(`c`.`case_id` = x'6331' AND CAST(`c`.`user_id` AS BINARY) <=> x'7531' AND `c`.`patient_first` <=> NULL) ORDER BY case_id LIMIT 2"},
		{[]RowPatch{named}, head + "x'F8'" + mid + ", `c`.`phi_encrypted` = 1" + where +
			"(CAST(`c`.`user_id` AS BINARY) <=> x'7531' AND `c`.`patient_first` <=> '') ORDER BY case_id LIMIT 2"},
		{[]RowPatch{one, two}, head + "CASE WHEN `c`.`case_id` = x'6331' THEN x'F8' WHEN `c`.`case_id` = x'6332' THEN x'F9' END" + mid +
			", `c`.`phi_encrypted` = CASE WHEN `c`.`case_id` = x'6331' THEN 1 ELSE `c`.`phi_encrypted` END" + where +
			"(`c`.`case_id` = x'6331' OR `c`.`case_id` = x'6332') ORDER BY case_id LIMIT 2"},
	} {
		got, err := s.UpdateText(nil, c.rows)
		if err != nil || string(got) != c.want {
			t.Errorf("%d rows:\ngot  %s\nwant %s (%v)", len(c.rows), got, c.want, err)
		}
	}
}

func TestOwnerChangeWritesEveryProtectedColumn(t *testing.T) {
	s, f := planOf(t, MySQL, "UPDATE cases SET user_id = 'u2', patient_last = 'X' WHERE case_id = 'c1'")
	if f != nil {
		t.Fatal(f)
	}
	var names []string
	for _, w := range s.WrittenColumns() {
		names = append(names, fmt.Sprint(s.Target().Columns[w.Column].Name, w.Assigned()))
	}
	if got := strings.Join(names, " "); got != "patient_lasttrue patient_firstfalse ins_providerfalse patient_dobfalse" {
		t.Error(got)
	}
	owner, assigned := s.OwnerAssigned()
	if !assigned || string(owner.Raw) != "'u2'" {
		t.Error(owner, assigned)
	}
}

func TestWritesThatPassUnchanged(t *testing.T) {
	for _, sql := range []string{
		"UPDATE cases SET case_status = 10, submitted_ts = CURRENT_TIMESTAMP WHERE case_id='c' AND case_status=7",
		"UPDATE cases SET demo_file = NULL WHERE case_id='c'",
		"INSERT INTO deleted_cases SELECT * FROM cases WHERE case_id='c'",
		"INSERT INTO deleted_cases (case_id, user_id, patient_first) SELECT case_id, user_id, patient_first FROM cases WHERE user_id = 'u'",
		"DELETE FROM cases WHERE case_id = 'c' LIMIT 1",
		"DELETE cpc FROM case_procedure_codes cpc INNER JOIN cases c ON c.case_id = cpc.case_id WHERE c.user_id = 'u'",
		"INSERT INTO deleted_case_procedure_codes SELECT cpc.* FROM case_procedure_codes cpc INNER JOIN cases c ON c.case_id = cpc.case_id WHERE c.user_id='u'",
	} {
		s, f := planOf(t, MySQL, sql)
		if f != nil {
			t.Errorf("%s: %v", sql, f)
			continue
		}
		if got, err := s.Text(nil, fakeSeal); err != nil || string(got) != sql {
			t.Errorf("%s: verdict %v, got %s (%v)", sql, s.Verdict, got, err)
		}
	}
}

func TestRefusedWrites(t *testing.T) {
	for _, c := range []struct {
		sql  string
		want *fault.Fault
	}{
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u',UPPER('x'))", fault.ValueForm},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u',@v)", fault.ValueForm},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u',N'a')", fault.ValueForm},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u',_latin1'b')", fault.ValueForm},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c',CONCAT('u'),'b')", fault.OwnerForm},
		{"INSERT INTO cases (case_id,user_id,patient_first) SELECT 'c','u','John'", fault.Copy},
		{"INSERT INTO deleted_cases (case_id,user_id,patient_first) SELECT case_id,'u',patient_first FROM cases", fault.Copy},
		{"INSERT INTO deleted_cases (case_id,user_id,patient_first) SELECT case_id,user_id,patient_last FROM cases", fault.Copy},
		{"INSERT INTO deleted_cases (case_id,patient_first) SELECT case_id,patient_first FROM cases", fault.Copy},
		{"INSERT INTO deleted_cases (case_id,user_id,demo_file) SELECT case_id,user_id,patient_last FROM cases", fault.Copy},
		{"INSERT INTO insurance_plans (ins_provider) SELECT ins_provider FROM cases", fault.Copy},
		{"INSERT INTO cases (case_id,user_id,demo_file) VALUES ('c','u',(SELECT patient_first FROM deleted_cases))", fault.Subquery},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u','x') ON DUPLICATE KEY UPDATE patient_first = CONCAT(patient_first,'x')", fault.SelfAssigned},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u','x') ON DUPLICATE KEY UPDATE demo_file = VALUES(patient_first)", fault.Expression},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u','x') ON DUPLICATE KEY UPDATE user_id = 'b'", fault.OwnerMove},
		{"INSERT INTO cases (case_id,user_id) VALUES ('c','u') RETURNING patient_first", fault.Returning},
		{"INSERT INTO cases (case_id,user_id) VALUES ('c','u') ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)", fault.OwnerMove},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u',_latin1'b')", fault.ValueForm},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c',0x75,'b')", fault.OwnerForm},
		{"REPLACE INTO cases (case_id,user_id,patient_first) SELECT 'c','u','John'", fault.Copy},
		{"UPDATE cases SET patient_first = 'a' WHERE (@n := @n + 1) < 3", fault.RunsTwice},
		{"UPDATE cases SET patient_first = 'a' ORDER BY (@n := @n + 1) LIMIT 1", fault.RunsTwice},
		{"UPDATE cases SET user_id = CONCAT('a','b')", fault.OwnerForm},
		{"UPDATE cases SET user_id = DEFAULT", fault.OwnerForm},
		{"WITH x AS (SELECT 1 AS k) UPDATE cases c, x SET c.patient_first = 'a' WHERE c.case_status = x.k", fault.MultiTable},
		{"UPDATE cases SET patient_first = UPPER(patient_first)", fault.ValueForm},
		{"UPDATE cases SET patient_first = patient_last", fault.ValueForm},
		{"UPDATE cases SET demo_file = patient_last", fault.Expression},
		{"UPDATE cases SET patient_first = 'a', patient_first = 'b'", fault.TwiceSet},
		{"UPDATE cases SET case_status = 1 WHERE patient_first = 'a'", fault.Comparison},
		{"UPDATE cases SET case_status = 1 ORDER BY patient_first LIMIT 1", fault.OrderBy},
		{"UPDATE cases c, user_profile u SET c.patient_first = 'x' WHERE c.user_id = u.user_id", fault.MultiTable},
		{"DELETE FROM cases WHERE patient_first LIKE 'a%'", fault.Comparison},
		{"DELETE FROM cases ORDER BY patient_dob LIMIT 1", fault.OrderBy},
	} {
		_, f := planOf(t, MySQL, c.sql)
		if f == nil || f.Fault != c.want {
			t.Errorf("%s: got %v, want %s", c.sql, f, c.want.ID)
		}
	}
}

// The statement is refused when its rows are looked for: the plan is the same for other values.
func TestRefusedProbes(t *testing.T) {
	const insert = "INSERT INTO cases (case_id,user_id,patient_first) VALUES "
	const update = " ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first)"
	for _, c := range []struct {
		sql  string
		want *fault.Fault
	}{
		{insert + "('c','u','x'),('C ','u','y')" + update, fault.SeveralRows},
		{insert + "('c','u','x'),('d\\t','u','y')" + update, fault.SeveralRows},
		{insert + "('c','u','x'),('d','u','y') ON DUPLICATE KEY UPDATE patient_first = 'z'", fault.SeveralRows},
		{insert + "('c','u','x'),('d','u','y')" + update + ", case_id = CONCAT(case_id,'x')", fault.SeveralRows},
		{insert + "('" + strings.Repeat("c", 101) + "','u','x')" + update, fault.UniqueKey},
		{insert + "(1.5,'u','x')" + update, fault.UniqueKey},
		{insert + "(0x41,'u','x')" + update, fault.UniqueKey},
		{insert + "(NULL,'u','x')" + update, fault.UniqueKey},
		{insert + "(DEFAULT,'u','x')" + update, fault.UniqueKey},
		{insert + "(UPPER('a'),'u','x')" + update, fault.UniqueKey},
		{"INSERT INTO cases (user_id,patient_first) VALUES ('u','x')" + update, fault.UniqueKey},
		{"REPLACE INTO visits (clinic, visit, user_id, note, born) VALUES ('1x',2,'u','n','1990-01-01')", fault.UniqueKey},
		{insert + "('c','u',DEFAULT)" + update + ", user_id = VALUES(user_id)", fault.OwnerMove},
	} {
		s, f := planOf(t, MySQL, c.sql)
		if f != nil {
			t.Errorf("%s: %v", c.sql, f)
			continue
		}
		_, err := s.Probes()
		if f, ok := err.(*fault.Error); !ok || f.Fault != c.want {
			t.Errorf("%s: got %v, want %s", c.sql, err, c.want.ID)
		}
	}
}

// Keys are looked for in the form in which they will be stored.
func TestProbeKeys(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"REPLACE INTO cases (case_id,user_id,patient_first) VALUES (007,'u','x')", "(`case_id` = '7')"},
		{"REPLACE INTO cases (case_id,user_id,patient_first) VALUES (\"a''b\",'u','x')", "(`case_id` = \"a''b\")"},
		{"REPLACE INTO visits (clinic, visit, user_id, note, born) VALUES ('12',+02,'u','n','1990-01-01')", "(`clinic` = 12 AND `visit` = 2)"},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES ('c','u','x') AS new(a,b,d) ON DUPLICATE KEY UPDATE case_id = new.a, patient_first = new.d", "(`case_id` = 'c')"},
	} {
		s, f := planOf(t, MySQL, c.sql)
		if f != nil {
			t.Errorf("%s: %v", c.sql, f)
			continue
		}
		probes, err := s.Probes()
		if err != nil || len(probes) != 1 || !strings.HasSuffix(string(probes[0].SQL), " WHERE "+c.want+" FOR UPDATE") {
			t.Errorf("%s: %+v, %v", c.sql, probes, err)
		}
	}
}

// A prepared text has as many parameters as the client's, and nothing of his for a protected column.
func TestTemplate(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 64)
	for _, c := range []struct {
		sql, want string
		textOnly  bool
	}{
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES (?,?,?)", "INSERT INTO cases (case_id,user_id,patient_first, `phi_encrypted`) VALUES (?,?,?, 1)", false},
		{"INSERT INTO cases (case_id,user_id,patient_first) VALUES (?,?,'Jo')", "INSERT INTO cases (case_id,user_id,patient_first, `phi_encrypted`) VALUES (?,?,NULL, 1)", true},
		{"INSERT INTO cases (case_id,user_id,phi_encrypted,patient_first) VALUES (?,?,?,?)", "INSERT INTO cases (case_id,user_id,phi_encrypted,patient_first) VALUES (?,?,?,?)", true},
		{"UPDATE cases SET patient_first = ?, phi_encrypted = ? WHERE case_id = ?", "UPDATE cases SET patient_first = ?, phi_encrypted = ? WHERE case_id = ?", true},
		{"UPDATE cases SET phi_encrypted = ? WHERE case_id = ?", "UPDATE cases SET phi_encrypted = ? WHERE case_id = ?", true},
		{"UPDATE cases SET patient_first = 'Jo' WHERE case_id = ?", "UPDATE cases SET patient_first = NULL WHERE case_id = ?", true},
		{"REPLACE INTO cases (case_id,user_id,patient_first) VALUES (?,?,?)", "REPLACE INTO cases (case_id,user_id,patient_first, `phi_encrypted`) VALUES (?,?,?, 1)", true},
	} {
		s, f := p.Plan(State{Database: "app", Prepared: true}, []byte(c.sql))
		if f != nil {
			t.Errorf("%s: %v", c.sql, f)
			continue
		}
		if got, textOnly := s.Template(nil); string(got) != c.want || textOnly != c.textOnly {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.sql, textOnly, got, c.want)
		}
	}
}
