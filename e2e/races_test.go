package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/pump"
	"phiproxy/e2e/servers"
)

// race holds an upsert back between phiproxy and the server, after its probes, until another session has won.
type race struct {
	proxy *harness.Proxy
	pump  *pump.Pump
	other *client.Conn // of another phiproxy over the same database, which is not held back
}

func newRace(t *testing.T, s *servers.Server, database string) *race {
	t.Helper()
	back, err := pump.Start(s.Addr, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = back.Close() })
	straight := startProxy(t, harness.Options{Server: s, Database: database})
	held, err := harness.StartPrepared(harness.Options{Server: s, Database: database, Backend: back.Addr()}, straight)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopProxy(t, held) })
	return &race{proxy: held, pump: back, other: app(t, straight)}
}

// win lets the other session run a statement just before the next upsert reaches the server; times is how often.
func (r *race) win(t *testing.T, sql string, times int) {
	var once sync.Mutex
	r.pump.Watch(func(sent []byte) {
		once.Lock()
		defer once.Unlock()
		if times == 0 || !isUpsert(sent) {
			return
		}
		times--
		if err := r.other.Exec(sql); err != nil {
			t.Error(err)
		}
	})
}

// isUpsert tells the client's upsert from those of the key store, which go the same way.
func isUpsert(sent []byte) bool {
	return bytes.Contains(sent, []byte("INSERT INTO cases")) && bytes.Contains(sent, []byte("ON DUPLICATE KEY"))
}

const (
	winner = "INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('race', '%s', 900, 'Winner', 'First')"
	upsert = "INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('race', '%s', 901, 'Loser', 'Second')" +
		" ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first)"
	seen = "SELECT user_id, patient_first, patient_last FROM cases WHERE case_id LIKE 'race%' ORDER BY case_id"
)

// Under READ COMMITTED nothing locks the place of a row that is not there. An upsert that meets a row which another session
// inserted after the probe must store nothing that is sealed for the wrong owner.
func TestUpsertLosesRace(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		r := newRace(t, s, "upsert_race")
		for name, test := range map[string]func(*testing.T, *race, *client.Conn){
			"autocommit":             raceAutocommit,
			"client's transaction":   raceInTransaction,
			"several rows":           raceSeveralRows,
			"several rows, all lost": raceAllLost,
			"no race":                noRace,
		} {
			c := app(t, r.proxy)
			exec(t, c, "DELETE FROM cases WHERE case_id LIKE 'race%'", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
			t.Run(name, func(t *testing.T) { test(t, r, c) })
		}
	})
}

func checkRows(t *testing.T, c *client.Conn, want ...string) {
	t.Helper()
	var got []string
	for _, row := range query(t, c, seen).Rows {
		got = append(got, strings.Join(text(row), " "))
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The statement is tried again by itself, and updates the row of the winner's owner.
func raceAutocommit(t *testing.T, r *race, c *client.Conn) {
	r.win(t, fmt.Sprintf(winner, provider(1)), 1)
	if got := query(t, c, fmt.Sprintf(upsert, provider(2))); got.AffectedRows != 2 {
		t.Errorf("%d rows, want 2: an update", got.AffectedRows)
	}
	checkRows(t, c, provider(1)+" Loser First")
}

// The client's transaction is rolled back with the error of a deadlock, and works when it is begun again.
func raceInTransaction(t *testing.T, r *race, c *client.Conn) {
	r.win(t, fmt.Sprintf(winner, provider(1)), 1)
	exec(t, c, "BEGIN", "INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ('race2', '"+provider(3)+"', 902, 'Mine')")
	results, err := c.Query(fmt.Sprintf(upsert, provider(2)))
	if err != nil {
		t.Fatal(err)
	}
	if e := results[0].Err; e == nil || e.Code != 1213 || e.State != "40001" || !strings.HasPrefix(e.Message, "phiproxy PHI-1207") {
		t.Errorf("got %+v, want PHI-1207", results[0])
	}
	checkRows(t, c, provider(1)+" Winner First")
	exec(t, c, "BEGIN", fmt.Sprintf(upsert, provider(2)), "COMMIT")
	checkRows(t, c, provider(1)+" Loser First")
}

// One of two rows was there from the start, so that the counts do not tell: the rows are read again.
func raceSeveralRows(t *testing.T, r *race, c *client.Conn) {
	exec(t, c, "INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('race1', '"+provider(3)+"', 903, 'There', 'Before')")
	r.win(t, fmt.Sprintf(winner, provider(1)), 1)
	got := query(t, c, "INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('race', '"+provider(2)+"', 901, 'Loser', 'x'),"+
		" ('race1', '"+provider(2)+"', 904, 'There', 'y') ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first)")
	if got.AffectedRows != 2 {
		t.Errorf("%d rows, want 2: one is updated, one is as it was", got.AffectedRows)
	}
	checkRows(t, c, provider(1)+" Loser First", provider(3)+" There Before")
}

// A session that loses every time gets an error in the end, and nothing of it is stored.
func raceAllLost(t *testing.T, r *race, c *client.Conn) {
	r.pump.Watch(func(sent []byte) {
		if bytes.Contains(sent, []byte("FOR UPDATE")) {
			if err := r.other.Exec("DELETE FROM cases WHERE case_id = 'race'"); err != nil {
				t.Error(err)
			}
		}
		if isUpsert(sent) {
			if err := r.other.Exec(fmt.Sprintf(winner, provider(1))); err != nil {
				t.Error(err)
			}
		}
	})
	results, err := c.Query(fmt.Sprintf(upsert, provider(2)))
	r.pump.Watch(nil)
	if err != nil || results[0].Err == nil || !strings.HasPrefix(results[0].Err.Message, "phiproxy PHI-1207") {
		t.Fatalf("got %+v, %v", results, err)
	}
	checkRows(t, c, provider(1)+" Winner First")
}

// Without another session the answers are those of the server, warnings included, also where the rows are read again.
func noRace(t *testing.T, r *race, c *client.Conn) {
	r.pump.Watch(nil)
	exec(t, c, fmt.Sprintf(winner, provider(1)), "SET sql_mode = ''")
	got := query(t, c, "INSERT INTO cases (case_id, user_id, human_case_id, patient_first, pay_amount) VALUES ('race', '"+provider(2)+"', 901, 'Changed', 'abc'),"+
		" ('race1', '"+provider(2)+"', 904, 'New', 'abc') ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first)")
	warnings := 2 // and MySQL's that VALUES() is deprecated
	if r.proxy.Server.Kind == servers.MySQL {
		warnings++
	}
	if got.AffectedRows != 3 || int(got.Warnings) != warnings {
		t.Errorf("%+v, want an update, an insert and %d warnings", got, warnings)
	}
	if rows := query(t, c, "SHOW WARNINGS").Rows; len(rows) != warnings {
		t.Errorf("warnings %v", rows)
	}
	if n := text(query(t, c, "SELECT ROW_COUNT()").Rows[0])[0]; n != "3" && n != "-1" {
		t.Errorf("ROW_COUNT() is %s", n)
	}
	checkRows(t, c, provider(1)+" Changed First", provider(2)+" New NULL")
}
