package e2e

import (
	"sync"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// definitions are statements that define a protected table, and others between them that use it.
var definitions = []string{
	"ALTER TABLE cases ADD COLUMN note VARCHAR(40) NULL DEFAULT 'x' AFTER patient_first",
	"INSERT INTO cases (case_id, user_id, patient_first, note) VALUES ('d1', '" + provider(1) + "', 'Anne', 'n')",
	"ALTER TABLE cases ADD COLUMN (rank_a INT, rank_b BIGINT UNSIGNED), ADD INDEX by_rank (rank_a, case_date)",
	"CREATE INDEX by_note ON cases (note(10), rank_b)",
	"ALTER TABLE cases MODIFY COLUMN note VARCHAR(80) NOT NULL DEFAULT '' FIRST, CHANGE rank_a `rank c` SMALLINT",
	"ALTER TABLE cases MODIFY patient_first VARCHAR(300)",
	"UPDATE cases SET patient_first = REPEAT('x', 300) WHERE case_id = 'd1'",
	"UPDATE cases SET patient_first = REPEAT('x', 301) WHERE case_id = 'd1'",
	"ALTER TABLE cases MODIFY patient_first VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'it''s \"it\"' AFTER case_date, DROP COLUMN rank_b",
	"UPDATE cases SET patient_first = REPEAT('y', 700) WHERE case_id = 'd1'",
	"ALTER TABLE cases CHANGE COLUMN ins_provider ins_provider TEXT",
	"ALTER TABLE cases MODIFY patient_last VARCHAR(250) NOT NULL DEFAULT ''", // rows with NULL are in the way
	"UPDATE cases SET patient_last = '' WHERE patient_last IS NULL",
	"ALTER TABLE cases MODIFY patient_last VARCHAR(250) NOT NULL DEFAULT ''",
	"ALTER TABLE cases MODIFY patient_last VARCHAR(250) NOT NULL",
	"UPDATE cases SET patient_last = DEFAULT WHERE case_id = 'd1'",
	"INSERT INTO cases (case_id, user_id, patient_last) VALUES ('d2', '" + provider(1) + "', DEFAULT)",
	"SET sql_mode = ''",
	"UPDATE cases SET patient_last = DEFAULT WHERE case_id = 'd1'",
	"INSERT INTO cases (case_id, user_id, patient_last) VALUES ('d3', '" + provider(1) + "', DEFAULT)",
	"SET sql_mode = DEFAULT",
	"ALTER TABLE cases MODIFY patient_last VARCHAR(250) NOT NULL DEFAULT ''",
	"INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('d2', '" + provider(2) + "', '1984-02-09')",
	"ALTER TABLE cases MODIFY patient_dob DATE NULL COMMENT 'day of birth'",
	"ALTER TABLE cases DROP INDEX by_note, RENAME INDEX by_rank TO by_rank_and_date",
	"DROP INDEX by_rank_and_date ON cases",
	"ALTER TABLE cases DROP COLUMN note, DROP COLUMN `rank c`, COMMENT = 'cases'",
	"ALTER TABLE cases DROP COLUMN nothing_here",
	"TRUNCATE TABLE deleted_cases",
	"CREATE TABLE cases (case_id VARCHAR(100) PRIMARY KEY, user_id VARCHAR(100), patient_first VARCHAR(9), patient_last VARCHAR(9), ins_provider TEXT, patient_dob DATE, phi_encrypted TINYINT)",
	"CREATE TABLE IF NOT EXISTS cases (case_id VARCHAR(100) PRIMARY KEY, user_id VARCHAR(100), patient_first VARCHAR(9), patient_last VARCHAR(9), ins_provider TEXT, patient_dob DATE, phi_encrypted TINYINT)",
	"SELECT * FROM cases ORDER BY case_id",
	"DROP TABLE deleted_cases",
	"CREATE TABLE deleted_cases (case_id VARCHAR(100) NOT NULL, user_id VARCHAR(100) NOT NULL, patient_first VARCHAR(20) NOT NULL DEFAULT '' COMMENT 'first', " +
		"patient_last CHAR(30) CHARACTER SET latin1, ins_provider MEDIUMTEXT NULL, patient_dob DATE NOT NULL, phi_encrypted TINYINT DEFAULT 0, PRIMARY KEY (case_id), KEY (user_id))",
	"INSERT INTO deleted_cases VALUES ('r1', '" + provider(1) + "', 'Zoë', 'Müller ', REPEAT('z', 70000), '2000-02-29', 0)",
	"SELECT * FROM deleted_cases",
	"DROP TABLE deleted_cases",
	"CREATE TABLE deleted_cases (phi_encrypted TINYINT DEFAULT 0, patient_dob DATE, ins_provider TINYTEXT, patient_last VARCHAR(10) COLLATE utf8mb4_bin, " +
		"patient_first VARCHAR(5000), user_id VARCHAR(50), id INT AUTO_INCREMENT PRIMARY KEY) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
	"INSERT INTO deleted_cases (user_id, patient_first) VALUES ('" + provider(2) + "', REPEAT('😀', 5000))",
	"SELECT * FROM deleted_cases",
	"DROP TABLE deleted_cases",
	"CREATE TABLE deleted_cases (id INT PRIMARY KEY, user_id VARCHAR(50), patient_first INT UNSIGNED NOT NULL, patient_last DECIMAL(10,2), ins_provider ENUM('a','bcd'), patient_dob JSON, phi_encrypted TINYINT)",
	"INSERT INTO deleted_cases VALUES (1, '" + provider(1) + "', 7, 1.5, 'bcd', '[1]', 0)",
	"INSERT INTO deleted_cases VALUES (2, '" + provider(1) + "', 7, 1.5, 'x', '[1', 0)",
	"SELECT * FROM deleted_cases",
	"ALTER TABLE deleted_cases MODIFY patient_first INT UNSIGNED NULL COMMENT 'n'",
	"DROP TABLE deleted_cases",
	"CREATE TABLE deleted_cases (id INT PRIMARY KEY, user_id VARCHAR(50), patient_first DATETIME(3), patient_last TIME(2), ins_provider VARBINARY(20), patient_dob BIT(9), phi_encrypted TINYINT)",
	"INSERT INTO deleted_cases VALUES (1, '" + provider(1) + "', '2020-01-02 03:04:05.678', '03:04:05.67', 'xyz', 3, 0)",
	"SELECT * FROM deleted_cases",
}

// What defines protected tables does so as on the plaintext database, and what the tables are then is the same.
func TestDefinitions(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "definitions")
		for _, sql := range definitions {
			p.run(t, statement{id: sql, sql: sql}, false)
			for _, table := range []string{"cases", "deleted_cases"} {
				p.describe(t, table)
			}
			p.information(t, informationQuestions()[0])
		}
		for gap := range p.gaps {
			t.Errorf("refused: %s", gap)
		}
		p.sealedOnly(t, s)
	})
}

// describe compares what both sides say of a table.
func (p *pair) describe(t *testing.T, table string) {
	t.Helper()
	for _, sql := range []string{"SHOW CREATE TABLE " + table, "SHOW FULL COLUMNS FROM " + table} {
		p.run(t, statement{id: sql, sql: sql}, false)
	}
}

// sealedOnly holds that nothing in the database is plaintext.
func (p *pair) sealedOnly(t *testing.T, s *servers.Server) {
	t.Helper()
	for _, table := range []string{"cases", "deleted_cases"} {
		for _, column := range []string{"patient_first", "patient_last", "ins_provider", "patient_dob"} {
			sql := "SELECT COUNT(*), SUM(LENGTH(" + column + ") > 0 AND LEFT(HEX(" + column + "), 2) < 'F8') FROM " + table
			row := text(query(t, direct(t, s, p.sealed.database), sql).Rows[0])
			if row[1] != "0" && row[1] != "NULL" {
				t.Errorf("%s.%s: %v", table, column, row)
			}
		}
	}
}

// Sessions of two proxies create a table at the same time: one of them does, and what its columns are stays recorded.
func TestDefinitionsAtOnce(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		o := harness.Options{Server: s, Database: "definitions_at_once"}
		first := startProxy(t, o)
		second := restarted(t, first, o)
		exec(t, app(t, first), "DROP TABLE deleted_cases")
		created := make(chan error, 6)
		var all sync.WaitGroup
		for i := range cap(created) {
			c := app(t, []*harness.Proxy{first, second}[i%2])
			all.Go(func() {
				created <- c.Exec("CREATE TABLE deleted_cases (case_id VARCHAR(100) PRIMARY KEY, user_id VARCHAR(100), patient_first VARCHAR(9), " +
					"patient_last VARCHAR(9), ins_provider TEXT, patient_dob DATE, phi_encrypted TINYINT)")
			})
		}
		all.Wait()
		close(created)
		done := 0
		for err := range created {
			if err == nil {
				done++
			}
		}
		c := app(t, first)
		exec(t, c, "INSERT INTO deleted_cases (case_id, user_id, patient_first) VALUES ('d1', '"+provider(1)+"', 'Anne')")
		if got := query(t, c, "SELECT patient_first FROM deleted_cases").Rows[0][0].Data; got != "Anne" || done != 1 {
			t.Errorf("%d sessions created the table; it holds %q", done, got)
		}
	})
}
