package e2e

import (
	"fmt"
	"strings"
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// dynamicWrites are sessions that try to bring MARK into a protected column by a text or a value that is put together on
// the server. Statements are cut at "|"; each session is a new one. None may leave a readable value in the table; whether a
// statement is refused or planned is its own business.
func dynamicWrites() []string {
	const insert = "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', 'MARK')"
	quoted := strings.ReplaceAll(insert, "'", "''")
	split := strings.Replace(quoted, "INTO cases", "INTO ca','ses", 1)
	return []string{
		"PREPARE p FROM '" + quoted + "'|EXECUTE p",
		"PREPARE p FROM 'INSERT INTO cases (case_id, user_id, patient_first) VALUES (?, ?, ?)'|SET @i = 'ID', @u = 'P1', @v = 'MARK'|EXECUTE p USING @i, @u, @v|DEALLOCATE PREPARE p",
		"SET @s = '" + quoted + "'|PREPARE p FROM @s|EXECUTE p",
		"SET @s = CONCAT('" + split + "')|PREPARE p FROM @s|EXECUTE p|DROP PREPARE p",
		"SELECT CONCAT('" + split + "') INTO @s|PREPARE p FROM @s|EXECUTE p",
		"SELECT @s := CONCAT('" + split + "')|/* x */ PREPARE p FROM @s|EXECUTE p",
		"SET @s = CONCAT('" + split + "')|/*! PREPARE p FROM @s */|EXECUTE p",
		"SET @s = CONCAT('" + split + "')|/*M! PREPARE p FROM @s */|EXECUTE p",
		"SET @s = CONCAT('" + split + "')|/*!50000 PREPARE */ p FROM @s|EXECUTE p",
		"SET @s = CONCAT('" + split + "')|PREPARE`p`FROM@s|EXECUTE`p`",
		"SET @s = REVERSE('" + reverse(quoted) + "')|PREPARE p FROM @s|EXECUTE p",
		"SET @t = CONCAT('PREPARE q FROM @s'), @s = CONCAT('" + split + "')|PREPARE p FROM @t|EXECUTE p|EXECUTE q",
		"PREPARE p FROM 'PREPARE q FROM @s'|SET @s = CONCAT('" + split + "')|EXECUTE p|EXECUTE q",
		"EXECUTE IMMEDIATE '" + quoted + "'",
		"EXECUTE IMMEDIATE CONCAT('" + split + "')",
		"SET @s = CONCAT('" + split + "')|EXECUTE IMMEDIATE @s",
		"EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE @s'",
		"SET @s = CONCAT('" + split + "')|EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE @s'",
		"BEGIN NOT ATOMIC " + insert + "; END",
		"BEGIN NOT ATOMIC DECLARE s TEXT DEFAULT CONCAT('" + split + "'); EXECUTE IMMEDIATE s; END",
		"BEGIN NOT ATOMIC PREPARE p FROM CONCAT('" + split + "'); EXECUTE p; END",
		"IF TRUE THEN " + insert + "; END IF",
		"IF TRUE THEN EXECUTE IMMEDIATE CONCAT('" + split + "'); END IF",
		"FOR i IN 1..1 DO " + insert + "; END FOR",
		"CREATE PROCEDURE dynamic_p() " + insert + "|CALL dynamic_p()",
		"CREATE PROCEDURE dynamic_q() EXECUTE IMMEDIATE CONCAT('" + split + "')|CALL dynamic_q()",
		"CREATE PROCEDURE dynamic_r() BEGIN SET @s = CONCAT('" + split + "'); PREPARE p FROM @s; EXECUTE p; END|CALL dynamic_r()",
		"CREATE PROCEDURE dynamic_u(a TEXT) BEGIN SET @s = a; PREPARE p FROM @s; EXECUTE p; END|CALL dynamic_u(CONCAT('" + split + "'))",
		"CREATE EVENT dynamic_e ON SCHEDULE AT NOW() DO " + insert,
		"CREATE TABLE dynamic_t (a INT)|CREATE TRIGGER dynamic_g AFTER INSERT ON dynamic_t FOR EACH ROW " + insert + "|INSERT INTO dynamic_t VALUES (1)",
		"CREATE VIEW dynamic_v AS SELECT case_id, user_id, patient_first FROM cases|INSERT INTO dynamic_v VALUES ('ID', 'P1', 'MARK')",
		"SET @v = 'MARK'|INSERT INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', @v)",
		"SET @v = 'MARK'|INSERT INTO cases SET case_id = 'ID', user_id = 'P1', patient_first = @v",
		"SET @v = 'MARK'|INSERT INTO cases (case_id, user_id, patient_first) SELECT 'ID', 'P1', @v",
		"SET @v = 'MARK'|REPLACE INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', CONCAT(@v))",
		"SET @v = 'MARK'|UPDATE cases SET patient_first = @v",
		"UPDATE cases SET patient_first = (@v := 'MARK')",
		"SET @v = 'MARK'|INSERT INTO cases (case_id, user_id) VALUES ('seed', 'P1') ON DUPLICATE KEY UPDATE patient_first = @v",
		"SET @v = 'MARK'|SET STATEMENT sql_mode = '' FOR INSERT INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', @v)",
		"SET sql_mode = 'ANSI_QUOTES'|INSERT INTO \"cases\" (case_id, user_id, patient_first) VALUES ('ID', 'P1', 'MARK')",
		"SET sql_mode = 'ORACLE'|" + insert,
		"SET sql_mode = 'NO_BACKSLASH_ESCAPES'|INSERT INTO cases (case_id, user_id, demo_file, patient_first) VALUES ('ID', 'P1', '\\', 'MARK')",
		"SET NAMES gbk|INSERT INTO cases (case_id, user_id, demo_file, patient_first) VALUES ('ID', 'P1', '\xbf\\', 'MARK') -- ')",
		"PREPARE p FROM 'SET NAMES gbk'|EXECUTE p|INSERT INTO cases (case_id, user_id, demo_file, patient_first) VALUES ('ID', 'P1', '\xbf\\', 'MARK') -- ')",
		"SET @c = CONCAT('gb','k')|SET character_set_client = @c|INSERT INTO cases (case_id, user_id, demo_file, patient_first) VALUES ('ID', 'P1', '\xbf\\', 'MARK') -- ')",
		"INSERT INTO cases (case_id, user_id, demo_file, patient_first) VALUES ('ID', 'P1', _gbk'\xbf\\', 'MARK') -- ')",
		"HANDLER cases OPEN|HANDLER cases READ FIRST",
		"/*!50000 INSERT */ INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', 'MARK')",
		"INSERT /*! INTO cases */ (case_id, user_id, patient_first) VALUES ('ID', 'P1', 'MARK')",
		"INSERT /*M! INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', 'MARK') */",
		"INSERT /*!99999 IGNORE */ INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', /*!99999 'x' -- */ 'MARK')",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', /* /*! */ 'MARK')",
		"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('ID', 'P1', 'MARK') /*!",
	}
}

func reverse(s string) string { return string(reversed([]byte(s))) }

// No way to put a statement or its values together on the server leaves a protected value readable.
func TestDynamicWritesAreSealed(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "dynamic"})
		reader := app(t, p)
		exec(t, reader, "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('seed', '"+provider(1)+"', 'before')")
		for i, script := range dynamicWrites() {
			runScript(t, app(t, p), i, script)
		}
		const all = "CONVERT(CONCAT_WS(' ', patient_first, patient_last, ins_provider, patient_dob) USING latin1)"
		for _, row := range query(t, direct(t, s, "dynamic"), "SELECT case_id FROM cases WHERE "+all+" LIKE '%canary%' UNION ALL SELECT case_id FROM deleted_cases WHERE "+all+" LIKE '%canary%'").Rows {
			t.Errorf("readable in row %s", row[0].Data)
		}
		if got := query(t, reader, "SELECT case_id FROM cases WHERE patient_first LIKE 'canary%'").Rows; len(got) < 4 {
			t.Errorf("only %v hold a value: the test has lost its force", got)
		}
	})
}

// runScript runs the statements of a session. Whether they are answered or refused does not matter.
func runScript(t *testing.T, c *client.Conn, n int, script string) {
	t.Helper()
	words := []string{"MARK", fmt.Sprintf("canary%02d", n), "ID", fmt.Sprintf("id%02d", n), "P1", provider(1)}
	if strings.Contains(script, "REVERSE(") {
		for i := range words {
			words[i] = reverse(words[i])
		}
	}
	for _, sql := range strings.Split(strings.NewReplacer(words...).Replace(script), "|") {
		if _, err := c.Query(sql); err != nil {
			t.Fatalf("%v in %s", err, sql)
		}
	}
}
