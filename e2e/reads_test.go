package e2e

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

var (
	reads    = flag.Int("reads", 600, "statements of TestRandomReads on each server")
	readSeed = flag.Uint64("reads-seed", 1, "their seed")
	readFrom = flag.Int("reads-from", 0, "number of the first one")
)

// Random reads: whatever statement of readGenerator is not refused answers as the plaintext database does, in rows, names
// and types of columns, and in whether it is an error. Every value that phiproxy opens proves, by what it is bound to, that it
// is of the right column and owner. Without a scratch server the planner refuses more; both are tried.
func TestRandomReads(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		t.Run("planner", func(t *testing.T) { randomReads(t, newEmptyPair(t, s, "reads", harness.Options{Scratch: "off"})) })
		t.Run("scratch", func(t *testing.T) { randomReads(t, newEmptyPair(t, s, "reads_scratch", harness.Options{})) })
	})
}

func randomReads(t *testing.T, p *pair) {
	t.Helper()
	for _, side := range []side{p.plain, p.sealed} {
		exec(t, side.conn, append([]string{"SET NAMES utf8mb4", "SET timestamp=1763120000"}, readData()...)...)
	}
	p.addPlans(t, p.plain.database)
	seen := map[string]int{}
	for i := range *reads {
		if i == *reads/2 { // derived tables that are not merged into the query around them
			for _, side := range []side{p.plain, p.sealed} {
				exec(t, side.conn, "SET optimizer_switch='derived_merge=off'")
			}
		}
		n := *readFrom + i
		sql := newReadGenerator(*readSeed, uint64(n)).statement()
		want, err := p.plain.conn.Query(sql)
		if err != nil { // MariaDB 10.11 dies of one in some ten thousand such statements, without phiproxy
			t.Fatalf("%v: the server itself failed at statement %d; go on with -reads-from %d", err, n, n+1)
		}
		what, diff := p.compareRead(t, sql, answer{Results: want})
		seen[what]++
		if diff != "" {
			t.Errorf("statement %d: plaintext database (-), through phiproxy (+)\n%s\n%s", n, sql, diff)
		}
		if seen["differs"] > 5 {
			t.Fatal("too many differences")
		}
	}
	t.Logf("%v", seen)
	if few := *reads / 5; seen["equal"] < few {
		t.Errorf("only %d of %d statements were answered: the test shows little", seen["equal"], *reads)
	}
}

// compareRead runs a statement through phiproxy and compares the answer with the plaintext database's. what is how that
// went, for counting.
func (p *pair) compareRead(t *testing.T, sql string, want answer) (what, diff string) {
	t.Helper()
	got := p.sealed.runText(t, sql)
	_, refused := got.refused()
	switch {
	case refused && want.err() != nil:
		return "refused, invalid", ""
	case refused:
		return "refused", ""
	case want.err() != nil && got.err() != nil:
		return "invalid", ""
	}
	diff = cmp.Diff(comparable(want), comparable(got))
	if diff == "" {
		return "equal", ""
	}
	for _, way := range p.plans { // servers find a few mistakes under some plans only
		if cmp.Equal(comparable(way.runText(t, sql)), comparable(got)) {
			return "equal to another plan's", ""
		}
	}
	return "differs", diff
}

// comparable is what an answer says whatever plan the server chose: rows in any order, and columns without what temporary
// tables change of their metadata.
func comparable(a answer) any {
	type column struct {
		Name string
		Type byte
	}
	type content struct {
		Err     *client.ServerError
		Columns []column
		Rows    []string
	}
	r := a.Results[len(a.Results)-1]
	c := content{Err: r.Err}
	for _, col := range r.Columns {
		if col.Type == mysql.MYSQL_TYPE_LONG || col.Type == mysql.MYSQL_TYPE_TINY {
			col.Type = mysql.MYSQL_TYPE_LONGLONG // computed numbers have one of them, by the server's temporary tables and docs/differences.md
		}
		c.Columns = append(c.Columns, column{col.Name, col.Type})
	}
	for _, row := range r.Rows {
		c.Rows = append(c.Rows, strings.Join(text(row), "|"))
	}
	slices.Sort(c.Rows)
	return c
}

// readData are few rows of three owners in each table. Cases of the two tables have other values, one is NULL.
func readData() []string {
	var out []string
	for i := 1; i <= 3; i++ {
		out = append(out, fmt.Sprintf("INSERT INTO user_profile (user_id, user_email, first_name, last_name, active) VALUES ('u%d', 'm%d', 'f%d', 'l%d', 1)", i, i, i, i))
		for _, table := range []string{"cases", "deleted_cases"} {
			last := fmt.Sprintf("'last of u%d in %s'", i, table)
			if i == 3 {
				last = "NULL"
			}
			out = append(out, fmt.Sprintf("INSERT INTO %s (case_id, user_id, human_case_id, patient_first, patient_last, ins_provider, patient_dob, active, case_date)"+
				" VALUES ('c%d', 'u%d', %d, 'first of u%d in %s', %s, 'ins%d', '2000-01-0%d', 1, '1990-01-01')", table, i, i, i, i, table, last, i, i))
		}
		out = append(out, fmt.Sprintf("INSERT INTO case_procedure_codes (case_id, procedure_code) VALUES ('c%d', 'p%d'), ('c%d', 'q%d')", i, i, i, i),
			fmt.Sprintf("INSERT INTO insurance_plans (ins_provider) VALUES ('plan%d')", i))
	}
	return out
}

// newEmptyPair makes the two databases, empty.
func newEmptyPair(t *testing.T, s *servers.Server, name string, o harness.Options) *pair {
	t.Helper()
	plain, sealed := name+"_plain", name+"_crypt" // of equal length, since names stand in packets
	plainServer := plainServerOf(t, s)
	if err := harness.CreateDatabase(plainServer, plain); err != nil {
		t.Fatal(err)
	}
	o.Server, o.Database = s, sealed
	proxy := startProxy(t, o)
	return &pair{
		kind: s.Kind, plainServer: plainServer, proxy: proxy, gaps: map[string]bool{},
		plain: side{conn: direct(t, plainServer, plain), database: plain}, sealed: side{conn: app(t, proxy), database: sealed},
	}
}
