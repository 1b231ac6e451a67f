package e2e

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
)

// memory is one phiproxy whose statements to the server are counted, and another over the same database, of which the
// first knows nothing.
type memory struct {
	c      *client.Conn // through the first
	other  *client.Conn // through the second
	probes atomic.Int32 // reads of rows that are to be updated
	sent   atomic.Int32 // updates
}

func newMemory(t *testing.T, s *servers.Server) *memory {
	t.Helper()
	r := newRace(t, s, "row_memory")
	m := &memory{c: app(t, r.proxy), other: r.other}
	r.pump.Watch(func(sent []byte) {
		switch {
		case bytes.Contains(sent, []byte("SELECT CAST(")):
			m.probes.Add(1)
		case bytes.Contains(sent, []byte("UPDATE cases")):
			m.sent.Add(1)
		}
	})
	return m
}

// update runs an UPDATE through the first phiproxy and says what it took.
func (m *memory) update(t *testing.T, sql string) (affected uint64, probes, updates int) {
	t.Helper()
	m.probes.Store(0)
	m.sent.Store(0)
	got := query(t, m.c, sql)
	return got.AffectedRows, int(m.probes.Load()), int(m.sent.Load())
}

// A row that the proxy has seen is updated without being read again, and what another session has done to it meanwhile
// is noticed.
func TestRememberedRows(t *testing.T) {
	const (
		where = " WHERE case_id = 'kept'"
		set   = "UPDATE cases SET patient_first = 'New'" + where
	)
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		m := newMemory(t, s)
		for _, c := range []struct {
			name      string
			meanwhile string // through the other proxy
			sql       string
			affected  uint64
			probes    int
			updates   int
			want      string
		}{
			{"untouched", "", set, 1, 0, 1, provider(1) + " New Last"},
			{"the same value", "", "UPDATE cases SET patient_first = 'First'" + where, 0, 0, 1, provider(1) + " First Last"},
			{"another value meanwhile", "UPDATE cases SET patient_first = 'Theirs'" + where, set, 1, 1, 2, provider(1) + " New Last"},
			{"that value meanwhile", set, set, 0, 1, 2, provider(1) + " New Last"},
			{"another column meanwhile", "UPDATE cases SET patient_last = 'Theirs'" + where, set, 1, 0, 1, provider(1) + " New Theirs"},
			{"another owner meanwhile", "UPDATE cases SET user_id = '" + provider(2) + "'" + where, set, 1, 1, 2, provider(2) + " New Last"},
			{"deleted meanwhile", "DELETE FROM cases" + where, set, 0, 1, 2, ""},
			{"moved to another owner", "", "UPDATE cases SET user_id = '" + provider(2) + "'" + where, 1, 0, 1, provider(2) + " First Last"},
			{"moved, changed meanwhile", "UPDATE cases SET patient_last = 'Theirs'" + where, "UPDATE cases SET user_id = '" + provider(2) + "'" + where, 1, 1, 2, provider(2) + " First Theirs"},
			{"to NULL", "", "UPDATE cases SET patient_first = NULL" + where, 1, 0, 1, provider(1) + " NULL Last"},
			{"another condition fails", "", set + " AND case_status = 7", 0, 1, 2, provider(1) + " First Last"},
			{"no single row", "", "UPDATE cases SET patient_first = 'New' WHERE case_id = 'kept' OR case_id = 'x'", 1, 1, 1, provider(1) + " New Last"},
			{"in the key's collation", "", "UPDATE cases SET patient_first = 'New' WHERE case_id = 'KEPT'", 1, 1, 1, provider(1) + " New Last"},
		} {
			t.Run(c.name, func(t *testing.T) {
				exec(t, m.other, "DELETE FROM cases"+where,
					"INSERT INTO cases (case_id, user_id, human_case_id, case_status, patient_first, patient_last) VALUES ('kept', '"+provider(1)+"', 950, 0, 'First', 'Last')")
				query(t, m.c, "SELECT * FROM cases"+where)
				if c.meanwhile != "" {
					exec(t, m.other, c.meanwhile)
				}
				if affected, probes, updates := m.update(t, c.sql); affected != c.affected || probes != c.probes || updates != c.updates {
					t.Errorf("%d rows with %d probes and %d updates, want %d with %d and %d", affected, probes, updates, c.affected, c.probes, c.updates)
				}
				var rows []string
				for _, row := range query(t, m.other, "SELECT user_id, patient_first, patient_last FROM cases"+where).Rows {
					rows = append(rows, strings.Join(text(row), " "))
				}
				if got := strings.Join(rows, "; "); got != c.want {
					t.Errorf("stored %q, want %q", got, c.want)
				}
			})
		}
		t.Run("after a rollback", func(t *testing.T) {
			exec(t, m.other, "DELETE FROM cases"+where,
				"INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('kept', '"+provider(1)+"', 950, 'First', 'Last')")
			exec(t, m.c, "BEGIN", set, "ROLLBACK")
			if affected, probes, _ := m.update(t, set); affected != 1 || probes != 1 {
				t.Errorf("%d rows with %d probes", affected, probes)
			}
			if affected, probes, _ := m.update(t, "UPDATE cases SET patient_first = 'Newer'"+where); affected != 1 || probes != 0 {
				t.Errorf("after its own update: %d rows with %d probes", affected, probes)
			}
		})
	})
}
