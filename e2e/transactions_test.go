package e2e

import (
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// Transactions of the proxy's own leave the session as it was: no transaction that nobody began stays open, whatever
// @@completion_type says, and tables that the client has locked stay locked.
func TestOwnTransactions(t *testing.T) {
	own := []string{
		"SELECT COUNT(*) FROM cases, user_profile WHERE UPPER(patient_last) > 'A'", "UPDATE cases SET patient_last = UPPER(patient_last)", "UPDATE cases SET patient_last = 'x'",
		"UPDATE cases SET patient_last = REPEAT('x', 300)", // which fails
	}
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "own_transactions"})
		c := app(t, p)
		awaitScratch(t, c)
		exec(t, c, insertCase("a", 1, "Ann"), insertCase("b", 1, "Bob"))
		run := func(sql string) {
			if r, err := c.Query(sql); err != nil || (r[0].Err != nil) != (sql == own[len(own)-1]) {
				t.Fatalf("%s: %v %+v", sql, err, r)
			}
		}
		for _, sql := range own {
			for _, completion := range []string{"1", "2"} { // CHAIN, RELEASE
				exec(t, c, "UPDATE cases SET active = 1", "SET completion_type = "+completion)
				run(sql)
				exec(t, c, "UPDATE cases SET active = 7", "SET completion_type = 0", "ROLLBACK")
				if r := query(t, c, "SELECT COUNT(*) FROM cases WHERE active = 7"); r.Rows[0][0].Data != "2" {
					t.Errorf("%s under %s: what followed was rolled back", sql, completion)
				}
			}
		}
		for _, sql := range own {
			exec(t, c, "LOCK TABLES cases WRITE, user_profile READ")
			run(sql)
			if err := queryError(t, c, "SELECT COUNT(*) FROM facility_list"); !isError(err, 1100) {
				t.Errorf("%s: the tables are not locked any more: %v", sql, err)
			}
			exec(t, c, "UNLOCK TABLES", "UPDATE cases SET active = active + 1", "ROLLBACK")
		}
		if r := query(t, c, "SELECT COUNT(*), MIN(active), @@autocommit FROM cases WHERE patient_last = 'x'"); r.Rows[0][0].Data != "2" || r.Rows[0][1].Data != "11" || r.Rows[0][2].Data != "1" {
			t.Errorf("%v", r.Rows)
		}
	})
}

func isError(err error, code uint16) bool {
	e, ok := err.(*client.ServerError)
	return ok && e.Code == code
}
