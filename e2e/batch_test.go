package e2e

import (
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
)

// batches are texts of several statements, run in this order on one connection.
var batches = []string{
	"SELECT 1; SELECT 2",
	"SELECT 1; SELECT 2;",
	"SELECT 1 ; SELECT no_such; SELECT 2",
	"SELECT patient_first FROM cases WHERE case_id = '{E01}'; SELECT 2",
	"SELECT 1; SELECT patient_first, patient_dob FROM cases WHERE case_id = '{E01}' ; ",
	"SELECT patient_first FROM cases WHERE case_id = '{E01}' ;;; ",
	"SELECT patient_first FROM cases WHERE case_id = '{E01}'; -- the end",
	"SELECT patient_first FROM cases WHERE case_id = '{E01}'; /* the end; */",
	"SELECT 'a;b' AS `c;d`, patient_first FROM cases WHERE case_id = '{E01}'; # x ; y\nSELECT 2",
	"UPDATE cases SET patient_first = 'Grace;\\'' WHERE case_id = '{E02}'; SELECT ROW_COUNT(); SELECT patient_first FROM cases WHERE case_id = '{E02}'",
	"BEGIN; UPDATE cases SET patient_last = 'Hopper' WHERE case_id IN ('{E02}', '{E03}'); SELECT patient_last FROM cases WHERE case_id = '{E03}'; ROLLBACK; SELECT patient_last FROM cases WHERE case_id = '{E03}'",
	"SELECT patient_last FROM cases WHERE case_id = '{E03}'; SELECT no_such FROM cases; UPDATE cases SET patient_last = 'Never' WHERE case_id = '{E03}'",
	"SELECT patient_last FROM cases WHERE case_id = '{E03}'",
	"SET @a = 1; UPDATE cases SET patient_first = 'Set' WHERE case_id = '{E04}'; SELECT @a, patient_first FROM cases WHERE case_id = '{E04}'",
	"SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES'); UPDATE \"cases\" SET patient_first = 'Ansi' WHERE case_id = '{E04}'; SELECT patient_first AS \"x;y\" FROM cases WHERE case_id = '{E04}'; SET sql_mode = REPLACE(@@sql_mode, 'ANSI_QUOTES', ''); SELECT patient_first, \"x;y\" FROM cases WHERE case_id = '{E04}'",
	"SET sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES'); UPDATE cases SET patient_first = 'a\\' WHERE case_id = '{E04}'; SELECT patient_first, ';\\' FROM cases WHERE case_id = '{E04}'; SET sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '')",
	"CREATE TABLE batch_plain (a INT); INSERT INTO batch_plain VALUES (1), (2); SELECT * FROM batch_plain; DROP TABLE batch_plain",
	"DO 1; INSERT INTO user_profile (user_id, user_email) SELECT user_id, user_email FROM user_profile WHERE FALSE; SELECT COUNT(*) FROM cases",
	"CREATE PROCEDURE batch_code() BEGIN SELECT 1; SELECT 2; END; CALL batch_code(); SELECT 3",
	"CALL batch_code(); SELECT patient_first FROM cases WHERE case_id = '{E01}'; CALL batch_code()",
	"DROP PROCEDURE batch_code; SELECT patient_first FROM cases WHERE case_id = '{E01}'",
	"USE mysql; SELECT DATABASE(), patient_first FROM {DB}.cases WHERE case_id = '{E01}'; USE {DB}; SELECT patient_first FROM cases WHERE case_id = '{E01}'",
	"INSERT INTO cases (case_id, user_id, patient_first) VALUES ('batch-1', '{P1}', 'One'); INSERT INTO cases (case_id, user_id, patient_first) VALUES ('batch-1', '{P1}', 'Two'); SELECT 1",
	"SHOW WARNINGS; SELECT 1",
	"SELECT patient_first FROM cases WHERE case_id = 'batch-1'; DELETE FROM cases WHERE case_id = 'batch-1'; SELECT ROW_COUNT()",
	"EXPLAIN SELECT 1; DESCRIBE cases; SELECT 1",
	";",
	"SELECT 1; SELECT 2; garbage",
}

func batchSides(t *testing.T, s *servers.Server, name string, caps uint32) (plain, sealed side) {
	t.Helper()
	p := newPair(t, s, name)
	open := func(addr, database string) side {
		c, err := client.Dial(client.Options{Addr: addr, User: servers.AppUser, Password: servers.AppPassword, Database: database, Set: caps})
		return side{conn: opened(t, c, err), database: database}
	}
	root := direct(t, s, "")
	for _, database := range []string{p.plain.database, p.sealed.database} {
		exec(t, root, "GRANT ALL ON "+database+".* TO "+servers.AppUser)
	}
	return open(p.plainServer.Addr, p.plain.database), open(p.proxy.Addr, p.sealed.database)
}

// Several statements in one text give the answers of each in order, up to the first error.
func TestBatches(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		for name, caps := range map[string]uint32{
			"batches": mysql.CLIENT_MULTI_STATEMENTS, "batches_new": mysql.CLIENT_MULTI_STATEMENTS | mysql.CLIENT_DEPRECATE_EOF | mysql.CLIENT_SESSION_TRACK | mysql.CLIENT_QUERY_ATTRIBUTES,
		} {
			plain, sealed := batchSides(t, s, name, caps)
			for _, sql := range batches {
				if diff := cmp.Diff(runBatch(t, plain, sql), runBatch(t, sealed, sql)); diff != "" {
					t.Errorf("%s: directly (-), through phiproxy (+)\n%s", sql, diff)
				}
			}
		}
	})
}

// runBatch returns every answer with the flag that tells whether another follows.
func runBatch(t *testing.T, s side, sql string) []client.Result {
	t.Helper()
	r, err := s.conn.Query(strings.ReplaceAll(seedNames().Replace(sql), "{DB}", s.database))
	if err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
	for i := range r {
		s.anonymizeColumns(r[i].Columns)
		r[i].Status &^= optimizerFlags
		if r[i].Err != nil {
			r[i].Err.Message = s.anonymous(r[i].Err.Message)
		}
	}
	return r
}

// COM_SET_OPTION allows several statements and forbids them, whatever the login said; resetting the connection and logging in
// again do to that what they do directly.
func TestMultiStatementOption(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		for name, caps := range map[string]uint32{"option_off": 0, "option_on": mysql.CLIENT_MULTI_STATEMENTS} {
			plain, sealed := batchSides(t, s, name, caps)
			var seen [2][]any
			for i, s := range []side{plain, sealed} {
				seen[i] = multiOption(t, s)
			}
			if diff := cmp.Diff(seen[0], seen[1]); diff != "" {
				t.Errorf("%s: directly (-), through phiproxy (+)\n%s", name, diff)
			}
		}
	})
}

func multiOption(t *testing.T, s side) (seen []any) {
	t.Helper()
	try := func() {
		r := runBatch(t, s, "SELECT 1; SELECT 2")
		seen = append(seen, len(r), r[0].Err != nil)
	}
	try()
	for _, option := range []string{"\x00\x00", "\x01\x00", "\x02\x00", "\x00\x00"} {
		seen = append(seen, do(t, s, mysql.COM_SET_OPTION, option).Err != nil)
		try()
	}
	do(t, s, mysql.COM_RESET_CONNECTION, "")
	try()
	if err := s.conn.ChangeUser(client.Options{User: servers.AppUser, Password: servers.AppPassword, Database: s.database}); err != nil {
		t.Fatal(err)
	}
	try()
	seen = append(seen, len(runBatch(t, s, "SELECT patient_first FROM cases WHERE FALSE; SELECT 2")))
	do(t, s, mysql.COM_SET_OPTION, "\x01\x00")
	do(t, s, mysql.COM_RESET_CONNECTION, "")
	try()
	return seen
}
