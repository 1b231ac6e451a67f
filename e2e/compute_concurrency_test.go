package e2e

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// moving has a session move one unit of pay_amount, and the name 'Token', between two protected tables until the returned function
// is called. Before and after every move, the amounts of both tables add up to the same, and one row has the name.
func moving(t *testing.T, c *client.Conn) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			names, amount := [2]string{"Token", "none"}, 1
			if i%2 == 1 {
				names, amount = [2]string{"none", "Token"}, -1
			}
			for _, sql := range []string{
				"BEGIN", fmt.Sprintf("UPDATE cases SET pay_amount = pay_amount + %d, patient_last = '%s' WHERE case_id = 'k01'", amount, names[0]),
				fmt.Sprintf("UPDATE deleted_cases SET pay_amount = pay_amount - %d, patient_last = '%s' WHERE case_id = 'k02'", amount, names[1]), "COMMIT",
			} {
				if err := c.Exec(sql); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}

// oneState is a statement over two protected tables whose answer no move changes.
const oneState = "SELECT (SELECT SUM(pay_amount) FROM cases WHERE COALESCE(patient_first, '') >= '') + (SELECT SUM(pay_amount) FROM deleted_cases WHERE COALESCE(patient_first, '') >= '') AS s, " +
	"(SELECT COUNT(*) FROM cases WHERE patient_last = 'Token') + (SELECT COUNT(*) FROM deleted_cases WHERE patient_last = 'Token') AS n"

// A statement over several protected tables sees one state of the database while others move amounts and names between them: in
// autocommit mode, and in a transaction under REPEATABLE READ, which sees that state to its end.
func TestComputeOneState(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "compute_one_state"})
		c, writer := app(t, p), app(t, p)
		awaitScratch(t, c)
		exec(t, c, computeData()...)
		exec(t, c, "UPDATE deleted_cases SET patient_last = 'Token' WHERE case_id = 'k02'")
		want := fmt.Sprint(text(query(t, c, oneState).Rows[0]))
		if !strings.HasSuffix(want, " 1]") {
			t.Fatalf("before: %s", want)
		}
		stop := moving(t, writer)
		defer stop()
		for range 40 {
			if got := fmt.Sprint(text(query(t, c, oneState).Rows[0])); got != want {
				t.Errorf("autocommit: %s, want %s", got, want)
			}
		}
		const where = "SELECT (SELECT GROUP_CONCAT(case_id ORDER BY patient_first, case_id) FROM cases WHERE patient_last = 'Token'), (SELECT pay_amount FROM cases WHERE case_id = 'k01' AND patient_last IN ('Token', 'none'))"
		for range 5 {
			exec(t, c, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN")
			first := fmt.Sprint(text(query(t, c, where).Rows[0]))
			for range 4 {
				if got := fmt.Sprint(text(query(t, c, oneState).Rows[0])); got != want {
					t.Errorf("repeatable read: %s, want %s", got, want)
				}
				if again := fmt.Sprint(text(query(t, c, where).Rows[0])); again != first {
					t.Errorf("repeatable read: %s, then %s", first, again)
				}
			}
			exec(t, c, "COMMIT")
		}
	})
}

// When the scratch server is killed while writes compute in it, each is done once and said to be, or not at all and an error.
func TestComputedWritesKilled(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "compute_writes_killed"})
		c := app(t, p)
		awaitScratch(t, c)
		exec(t, c, "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', '"+provider(1)+"', 'x')")
		stop := killing(t, p)
		done, faults := 0, 0
		for end := time.Now().Add(8 * time.Second); faults < 3 && time.Now().Before(end) && done < 200; {
			err := c.Exec("UPDATE cases SET patient_first = CONCAT(patient_first, 'x') WHERE patient_first LIKE 'x%'")
			var refused *client.ServerError
			switch {
			case err == nil:
				done++
			case errors.As(err, &refused) && strings.Contains(refused.Message, "PHI-2201"):
				faults++
			default:
				t.Fatal(err)
			}
		}
		stop()
		awaitScratch(t, c)
		if got := query(t, c, "SELECT CHAR_LENGTH(patient_first) FROM cases WHERE case_id = 'a'").Rows[0][0].Data; got != fmt.Sprint(1+done) {
			t.Errorf("%s letters after %d writes and %d faults", got, done, faults)
		}
		t.Logf("%d writes, %d faults", done, faults)
	})
}
