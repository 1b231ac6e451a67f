package e2e

import (
	"strings"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

var views = []string{
	"CREATE VIEW v_all AS SELECT * FROM cases", "CREATE VIEW v_names AS SELECT case_id, user_id AS owner_id, patient_first AS f, patient_last AS l, patient_dob FROM cases WHERE active = 1",
	"CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW v_joined AS SELECT c.case_id, c.user_id, c.patient_last, u.last_name FROM cases c LEFT JOIN user_profile u ON u.user_id = c.user_id",
	"CREATE ALGORITHM = TEMPTABLE VIEW v_temp AS SELECT case_id, user_id, patient_first, patient_dob FROM cases", "CREATE VIEW v_list (a, b, c) AS SELECT patient_last, user_id, case_id FROM cases",
	"CREATE VIEW v_nested AS SELECT l, owner_id, f FROM v_names WHERE owner_id IS NOT NULL", "CREATE VIEW v_plain AS SELECT case_id, active FROM cases", "CREATE VIEW v_other AS SELECT user_id, last_name FROM user_profile",
	"CREATE VIEW v_right AS SELECT u.user_id AS u, c.user_id, c.patient_first, c.case_id FROM cases c RIGHT JOIN user_profile u ON u.user_id = c.user_id AND c.active = 7",
	"CREATE VIEW v_upper AS SELECT case_id, user_id, UPPER(patient_last) AS l FROM cases", "CREATE VIEW v_lost AS SELECT case_id, patient_last FROM cases",
	"CREATE VIEW v_both AS SELECT user_id, patient_last FROM cases UNION ALL SELECT user_id, patient_last FROM deleted_cases",
}

// viewReads are statements over views that show protected columns with their owner.
var viewReads = []string{
	"SELECT * FROM v_all ORDER BY case_id", "SELECT f, l, patient_dob FROM v_names ORDER BY case_id", "SELECT COALESCE(f, 'none'), v.l IS NULL FROM v_names v ORDER BY case_id",
	"SELECT * FROM v_joined ORDER BY case_id", "SELECT patient_first, patient_dob FROM v_temp ORDER BY case_id", "SELECT a, c FROM v_list ORDER BY c", "SELECT n.f, n.l FROM v_nested n ORDER BY owner_id LIMIT 1",
	"SELECT v.f, c.patient_last FROM v_names v JOIN cases c ON c.case_id = v.case_id ORDER BY c.case_id", "SELECT x FROM (SELECT l AS x, case_id FROM v_names) d ORDER BY case_id",
	"SELECT COUNT(l), COUNT(*) FROM v_names", "SELECT case_id, active FROM v_plain ORDER BY case_id", "SELECT u, patient_first FROM v_right ORDER BY u",
	"SELECT case_id FROM v_all WHERE LOWER(patient_first) > 'b' AND active = 1 ORDER BY case_id", "SELECT f, l FROM v_names WHERE f > 'B' ORDER BY l, f, case_id", "SELECT CONCAT(l), COUNT(*) FROM v_names GROUP BY l ORDER BY l",
	"SELECT COUNT(*), MAX(UPPER(patient_last)), MIN(last_name) FROM v_joined WHERE patient_last <> last_name", "SELECT CONCAT(case_id), YEAR(patient_dob) FROM v_temp WHERE patient_first > 'A' ORDER BY patient_dob, case_id",
	"SELECT CONCAT(a, '-') FROM v_list ORDER BY a, c", "SELECT MAX(l), MIN(f) FROM v_nested", "SELECT c.case_id, p.active FROM cases c JOIN v_plain p ON p.case_id = c.case_id WHERE c.patient_last > 'B' ORDER BY c.case_id",
	"SELECT case_id FROM cases WHERE patient_last IN (SELECT last_name FROM v_other) ORDER BY case_id", "SELECT u, UPPER(patient_first) FROM v_right ORDER BY u",
	"SELECT v.case_id FROM v_names v JOIN cases c ON c.patient_last = v.l AND c.case_id = v.case_id WHERE v.owner_id IS NOT NULL ORDER BY 1",
}

// Views are read as tables are: the database runs them, their protected columns are opened.
func TestDifferentialViews(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newEmptyPair(t, s, "views", harness.Options{})
		p.load(t, s, "--users", "2", "--cases", "4")
		for _, side := range []side{p.plain, p.sealed} {
			exec(t, direct(t, s, side.database), views...)
		}
		seeing, err := harness.StartPrepared(harness.Options{Server: s, Database: p.sealed.database}, p.proxy)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stopProxy(t, seeing) })
		p.sealed.conn = app(t, seeing)
		exec(t, p.sealed.conn, "SET NAMES utf8mb4", "SET timestamp=1763120000")
		p.addPlans(t, "views")
		for _, sql := range viewReads {
			p.run(t, statement{id: "view", sql: sql}, false)
			p.run(t, statement{id: "view", sql: sql}, true)
		}
		p.run(t, statement{id: "view", sql: "SHOW COLUMNS FROM v_names"}, false)
		for gap := range p.gaps {
			if strings.Contains(gap, "PHI-") {
				t.Errorf("refused: %s", gap)
			}
		}
		for _, sql := range []string{
			"SELECT l FROM v_upper", "SELECT patient_last FROM v_lost", "SELECT patient_last FROM v_both", "INSERT INTO v_all (case_id, user_id, patient_last) VALUES ('v', 'u', 'x')",
			"INSERT INTO v_plain (case_id) VALUES ('v')", "UPDATE v_names SET l = 'x'", "UPDATE v_names SET l = UPPER(l)", "DELETE FROM v_names WHERE l = 'x'", "DELETE FROM v_names",
			"REPLACE INTO v_all (case_id, patient_last) VALUES ('v', 'x')", "INSERT INTO deleted_cases SELECT * FROM v_all",
		} {
			p.gaps = map[string]bool{}
			if p.run(t, statement{id: "view", sql: sql}, false); !p.gaps["view PHI-1117"] {
				t.Errorf("%s: %v", sql, p.gaps)
			}
		}
	})
}
