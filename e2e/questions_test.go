package e2e

import (
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
)

// schemaQuestions ask for the schema, in the ways of clients, drivers and tools.
var schemaQuestions = []string{
	"DESCRIBE cases", "DESC cases patient_dob", "EXPLAIN cases", "DESCRIBE cases 'patient%'",
	"SHOW COLUMNS FROM cases", "SHOW FIELDS IN cases", "SHOW FULL COLUMNS FROM cases LIKE 'p%'", "SHOW FULL FIELDS FROM cases",
	"SHOW COLUMNS FROM cases WHERE Field LIKE 'patient%'", "SHOW FULL COLUMNS FROM cases WHERE `Key` <> '' OR Field = 'patient_dob'",
	"SHOW EXTENDED COLUMNS FROM cases",
	"SHOW CREATE TABLE cases", "SHOW CREATE TABLE deleted_cases", "SHOW INDEX FROM cases", "SHOW KEYS FROM cases WHERE Key_name = 'PRIMARY'",
	"SHOW TABLES", "SHOW FULL TABLES", "SHOW TABLES LIKE '%cases'", "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'",
	"SHOW TRIGGERS LIKE 'cases'",
}

// Every question about the schema is answered as by the plaintext database.
func TestSchemaQuestions(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "questions")
		for _, sql := range schemaQuestions {
			p.run(t, statement{id: sql, sql: sql}, false)
			p.run(t, statement{id: sql, sql: sql}, true)
		}
		for _, sql := range informationQuestions() {
			p.information(t, sql)
		}
		for gap := range p.gaps {
			t.Errorf("refused: %s", gap)
		}
	})
}

// informationQuestions are over information_schema.COLUMNS; {db} is the database.
func informationQuestions() []string {
	list := []string{
		"SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION",
		"SELECT * FROM information_schema.columns AS c WHERE c.table_schema = '{db}' AND c.table_name = 'cases' ORDER BY c.ordinal_position",
		"SELECT column_name, data_type, character_maximum_length FROM INFORMATION_SCHEMA.COLUMNS c WHERE table_schema = '{db}' AND data_type = 'date' ORDER BY table_name, column_name",
		"SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = '{db}' AND data_type LIKE '%binary'",
		"SELECT columns.column_name, information_schema.columns.column_type FROM information_schema.columns WHERE columns.table_schema = '{db}' AND columns.table_name = 'cases' ORDER BY columns.ordinal_position",
		"SELECT data_type, COUNT(*), MAX(character_octet_length) FROM `information_schema`.`COLUMNS` WHERE TABLE_SCHEMA = '{db}' GROUP BY data_type ORDER BY data_type",
		"SELECT t.table_name, GROUP_CONCAT(c.column_name, ' ', c.column_type, ' ', IFNULL(c.collation_name, '-') ORDER BY c.ordinal_position) FROM information_schema.tables t " +
			"JOIN information_schema.columns c USING (table_schema, table_name) WHERE t.table_schema = '{db}' AND t.table_name LIKE '%cases' GROUP BY t.table_name ORDER BY 1",
		"SELECT column_name, column_default, is_nullable, numeric_precision, numeric_scale, datetime_precision, character_set_name, collation_name, extra, column_comment, column_key, privileges " +
			"FROM information_schema.columns WHERE table_schema = '{db}' AND table_name = 'deleted_cases' ORDER BY ordinal_position",
		"SELECT s.index_name, s.column_name, c.data_type FROM information_schema.statistics s LEFT JOIN information_schema.columns c ON c.table_schema = s.table_schema AND c.table_name = s.table_name " +
			"AND c.column_name = s.column_name WHERE s.table_schema = '{db}' AND s.table_name = 'cases' ORDER BY 1, s.seq_in_index",
		"SELECT column_type FROM (SELECT * FROM information_schema.columns) d WHERE d.table_schema = '{db}' AND d.table_name = 'cases' AND d.column_name = 'patient_first'",
		"SELECT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = '{db}' AND table_name = 'cases' AND column_name = 'patient_last' AND data_type = 'varchar') AS found",
	}
	return list
}

// clearOrigins takes out what a derived table shows otherwise than the table that it stands for: where a column comes from, and
// its flags and lengths.
func (a answer) clearOrigins() {
	a.eachColumn(func(c *client.Column) {
		switch c.Type {
		case mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_LONG:
			c.Type = mysql.MYSQL_TYPE_LONGLONG
		case mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB:
			c.Type = mysql.MYSQL_TYPE_VAR_STRING
		}
		*c = client.Column{Name: c.Name, Type: c.Type}
	})
}

// information compares an answer of information_schema: rows, what the columns are called, and whether they are numbers or text.
func (p *pair) information(t *testing.T, sql string) {
	t.Helper()
	ask := func(s side) answer {
		a := s.runText(t, strings.ReplaceAll(sql, "{db}", s.database))
		for i := range a.Results {
			for _, row := range a.Results[i].Rows {
				for j := range row {
					row[j].Data = s.anonymous(row[j].Data)
				}
			}
		}
		return a
	}
	got, want := ask(p.sealed), ask(p.plain)
	got.clearOrigins()
	want.clearOrigins()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", sql, diff)
	}
}
