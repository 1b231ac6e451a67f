package e2e

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

//go:embed testdata/compute.sql
var computeSQL string

// computed are statements that compute with protected values, one a line.
func computed() []statement {
	var list []statement
	for i, line := range strings.Split(computeSQL, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			list = append(list, statement{id: fmt.Sprintf("line %d", i+1), sql: line})
		}
	}
	return list
}

// Statements that compute with protected values give what the plaintext database gives, columns and warnings included.
func TestDifferentialCompute(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "compute")
		p.addPlans(t, "compute")
		for _, st := range computed() {
			p.run(t, st, false)
			if !strings.Contains(st.sql, "SEPARATOR") { // which takes no parameter
				p.run(t, st, true)
			}
		}
		for gap := range p.gaps {
			if strings.Contains(gap, "PHI-") {
				t.Errorf("refused: %s", gap)
			}
		}
	})
}

// The settings of a session count in the scratch server as they do in the server.
func TestDifferentialComputeSettings(t *testing.T) {
	settings := []string{
		"SET sql_mode = ''", "SET sql_mode = 'ANSI,STRICT_TRANS_TABLES'", "SET sql_mode = 'PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE'",
		"SET NAMES latin1", "SET NAMES ascii", "SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET NAMES latin1 COLLATE latin1_bin", "SET time_zone = '+05:30'", "SET lc_time_names = 'de_DE'",
		"SET group_concat_max_len = 20", "SET div_precision_increment = 8",
	}
	own := []string{
		"SELECT case_id, DATE_FORMAT(patient_dob, '%W %M'), case_create_ts FROM cases WHERE patient_last > 'A' ORDER BY case_id",
		"SELECT GROUP_CONCAT(patient_last ORDER BY patient_last, case_id) FROM cases", "SELECT YEAR(patient_dob) / 7, 'x' || 'y', NOT 1 BETWEEN -5 AND 5 FROM cases ORDER BY case_id",
		"SELECT case_id FROM cases WHERE patient_first = 'ANN' OR 'a' = 'A' ORDER BY patient_last, case_id", "SELECT case_id, CONCAT(patient_first, '-') FROM cases ORDER BY patient_first DESC, case_id",
		"SELECT FROM_UNIXTIME(0), UNIX_TIMESTAMP(patient_dob) FROM cases ORDER BY case_id",
		"SELECT case_id, 'x', @@character_set_results FROM user_profile, cases WHERE active = 7", "SELECT case_id, patient_first FROM cases ORDER BY case_id", // which find the session as it was
	}
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "compute_settings")
		p.addPlans(t, "compute_settings")
		for i, set := range settings {
			for _, side := range p.sessions() {
				exec(t, side.conn, "SET sql_mode = DEFAULT, time_zone = DEFAULT, lc_time_names = DEFAULT, group_concat_max_len = DEFAULT, div_precision_increment = DEFAULT", "SET NAMES utf8mb4", set)
			}
			for j, st := range computed() {
				if j%len(settings) == i && !strings.Contains(st.sql, "@") {
					st.id = set + ": " + st.id
					p.run(t, st, false)
				}
			}
			for _, sql := range own {
				for _, prepare := range []bool{false, true} {
					p.run(t, statement{id: set, sql: sql}, prepare)
				}
			}
		}
		for gap := range p.gaps {
			if strings.Contains(gap, "PHI-") {
				t.Errorf("refused: %s", gap)
			}
		}
	})
}

// The time zone of the database's host is not that of the proxy's: times are the database's all the same.
func TestComputeInTheZoneOfTheDatabase(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newEmptyPair(t, s, "compute_zone", harness.Options{Env: []string{"TZ=America/New_York"}})
		p.load(t, s, "--users", "2", "--cases", "4")
		p.addPlans(t, "compute_zone")
		for _, sql := range []string{
			"SELECT case_id, case_create_ts, FROM_UNIXTIME(1700000000), UNIX_TIMESTAMP(case_create_ts), HOUR(case_create_ts) FROM cases WHERE patient_last > 'A' ORDER BY case_id",
			"SELECT case_id, NOW(), patient_last FROM cases WHERE case_create_ts < NOW() AND patient_last > 'A' ORDER BY case_id",
			"SELECT UNIX_TIMESTAMP('2025-07-01 12:00:00'), MAX(patient_last) FROM cases",
		} {
			p.run(t, statement{id: "zone", sql: sql}, false)
			p.run(t, statement{id: "zone", sql: sql}, true)
		}
		for gap := range p.gaps {
			t.Errorf("refused: %s", gap)
		}
	})
}

// A long parameter of a statement that the scratch server runs never reaches the backend.
func TestComputedLongData(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		r := newRace(t, s, "compute_long_data")
		c := app(t, r.proxy)
		exec(t, c, "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('long', '"+provider(1)+"', 'Canarylike')")
		var leaked atomic.Bool
		r.pump.Watch(func(sent []byte) {
			if bytes.Contains(sent, []byte("Canarylike")) {
				leaked.Store(true)
			}
		})
		p, err := c.Prepare("SELECT case_id FROM cases WHERE patient_first = ?")
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range []string{"Canary", "like"} {
			if err := c.SendLongData(p, 0, []byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		param := stringParam("")
		param.Long = true
		got, err := c.Execute(p, param)
		if err != nil || got[0].Err != nil || len(got[0].Rows) != 1 || got[0].Rows[0][0].Data != "long" {
			t.Errorf("%+v, %v", got, err)
		}
		if leaked.Load() {
			t.Error("the parameter was sent to the server")
		}
	})
}

// EXPLAIN of a statement that the scratch server runs is the database's, of each question that it is asked, and tells it
// nothing of what is compared with protected columns.
func TestExplainComputed(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		r := newRace(t, s, "compute_explain")
		c := app(t, r.proxy)
		var leaked atomic.Bool
		r.pump.Watch(func(sent []byte) {
			if bytes.Contains(sent, []byte("Canarylike")) {
				leaked.Store(true)
			}
		})
		joined := "SELECT c.case_id FROM cases c LEFT JOIN user_profile u ON u.first_name = c.patient_last WHERE c.patient_first = 'Canarylike' AND c.case_id = '1'"
		verbs := []string{"EXPLAIN ", "DESC ", "EXPLAIN FORMAT=JSON "}
		if s.Kind == servers.MySQL {
			verbs = append(verbs, "EXPLAIN ANALYZE ", "EXPLAIN FORMAT=TRADITIONAL ")
		} else {
			verbs = append(verbs, "ANALYZE ", "ANALYZE FORMAT=JSON ", "EXPLAIN EXTENDED ")
		}
		for _, verb := range verbs {
			text := query(t, c, verb+joined)
			p, err := c.Prepare(verb + strings.Replace(joined, "'1'", "?", 1))
			if err != nil {
				t.Fatal(err)
			}
			executed, err := c.Execute(p, stringParam("1"))
			if err != nil || len(executed) != 1 || executed[0].Err != nil {
				t.Fatalf("%s %v %+v", verb, err, executed)
			}
			if len(text.Rows) != 2 || len(executed[0].Rows) != 2 {
				t.Errorf("%s has %d rows as text and %d prepared, of two questions", verb, len(text.Rows), len(executed[0].Rows))
			}
			if diff := cmp.Diff(text.Columns, executed[0].Columns); diff != "" {
				t.Errorf("%s: columns as text (-) and prepared (+)\n%s", verb, diff)
			}
		}
		if leaked.Load() {
			t.Error("the literal was sent to the server")
		}
	})
}

// Forms that one of the servers alone has.
func TestDifferentialComputeFamilies(t *testing.T) {
	forms := map[servers.Kind][]string{
		servers.MySQL: {
			"VALUES ROW((SELECT MAX(patient_first) FROM cases), 1)", "SELECT f FROM (SELECT UPPER(patient_first), case_id FROM cases) AS d(f, g) WHERE f > 'A' ORDER BY g",
			"SELECT case_id, patient_last FROM cases WHERE patient_last > 'B' ORDER BY case_id FOR SHARE NOWAIT",
			"SELECT c.case_id FROM cases c JOIN user_profile u ON u.user_id = c.user_id WHERE c.patient_last > 'B' ORDER BY c.case_id FOR UPDATE OF c",
			"SELECT c.case_id FROM cases c JOIN user_profile u ON u.user_id = c.user_id WHERE c.patient_last > 'B' AND u.active = 1 ORDER BY c.case_id FOR UPDATE OF c, u NOWAIT",
		},
		servers.MariaDB: {
			"SELECT case_id, patient_last FROM cases WHERE patient_last > 'B' ORDER BY case_id FOR UPDATE WAIT 3", "SELECT * FROM (VALUES ('Ann',1), ('Bob',2)) v JOIN cases c ON c.patient_first >= v.Ann ORDER BY c.case_id, v.1",
			"WITH v (a, b) AS (VALUES ('Ann', 1), ('Bob', 2)) SELECT case_id, b FROM v, cases WHERE patient_first >= a ORDER BY case_id, b",
		},
	}
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newEmptyPair(t, s, "compute_families", harness.Options{})
		p.load(t, s, "--users", "2", "--cases", "4")
		p.addPlans(t, "compute_families")
		for _, sql := range forms[s.Kind] {
			p.run(t, statement{id: "family", sql: sql}, false)
			p.run(t, statement{id: "family", sql: sql}, true)
		}
		for gap := range p.gaps {
			if strings.Contains(gap, "PHI-") {
				t.Errorf("refused: %s", gap)
			}
		}
	})
}

// Zones that the database knows are those of CONVERT_TZ, and one about which it says something else is refused.
func TestComputeInNamedZones(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MariaDB, servers.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := ownServer(t, kind, servers.Options{})
			p := newEmptyPair(t, s, "compute_zones", harness.Options{})
			for _, zone := range []string{"UTC", "Etc/GMT-3", "Europe/Berlin"} {
				offset := map[string]string{"UTC": "0", "Etc/GMT-3": "10800", "Europe/Berlin": "3600"}[zone] // Berlin without its summers
				exec(t, direct(t, s, "mysql"), "INSERT INTO time_zone (Use_leap_seconds) VALUES ('N')", "SET @zone = LAST_INSERT_ID()",
					"INSERT INTO time_zone_transition_type VALUES (@zone, 0, "+offset+", 0, 'X')", "INSERT INTO time_zone_name VALUES ('"+zone+"', @zone)")
			}
			p.load(t, s, "--users", "1", "--cases", "2")
			p.addPlans(t, "compute_zones")
			for _, sql := range []string{
				"SELECT case_id, CONVERT_TZ(patient_dob, 'UTC', 'Etc/GMT-3') FROM cases ORDER BY case_id", "SELECT case_id, CONVERT_TZ(patient_dob, 'Nosuch/Zone', 'UTC') FROM cases ORDER BY case_id",
				"SELECT case_id, CONVERT_TZ(patient_dob, '+01:00', 'Etc/GMT-3') FROM cases ORDER BY case_id",
			} {
				p.run(t, statement{id: "same", sql: sql}, false)
				p.run(t, statement{id: "same", sql: sql}, true)
			}
			p.run(t, statement{id: "other", sql: "SELECT case_id, CONVERT_TZ(patient_dob, 'UTC', 'Europe/Berlin') FROM cases"}, false)
			if len(p.gaps) != 1 || !p.gaps["other PHI-2212"] {
				t.Errorf("refused: %v", p.gaps)
			}
		})
	}
}
