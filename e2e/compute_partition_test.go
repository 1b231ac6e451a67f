package e2e

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

var partitions = flag.Int("partitions", 60, "predicates of TestPartitions on each server")

// A predicate is true, false or unknown of every row: the three parts add up to all rows, and the aggregates of the parts to
// those of all (ternary logic partitioning). No second database is asked.
func TestPartitions(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		c := app(t, startProxy(t, harness.Options{Server: s, Database: "partitions"}))
		awaitScratch(t, c)
		exec(t, c, "SET NAMES utf8mb4")
		exec(t, c, computeData()...)
		failed := 0
		for i := range *partitions {
			g := newComputeGenerator(*computeSeed, uint64(i))
			scope := g.scope()
			p := partition{from: scope.from, key: scope.key, predicate: g.condition(scope, 2)}
			if !p.check(t, c) {
				failed++
			}
		}
		t.Logf("%d predicates, %d of them errors", *partitions, failed)
		if failed > *partitions/2 {
			t.Error("most predicates were errors: the test shows little")
		}
	})
}

// partition is a FROM clause and a predicate.
type partition struct{ from, key, predicate string }

// parts are the WHERE clauses that share all rows among them.
func (p *partition) parts() []string {
	return []string{" WHERE " + p.predicate, " WHERE NOT (" + p.predicate + ")", " WHERE (" + p.predicate + ") IS NULL"}
}

// check reports whether the predicate could be judged.
func (p *partition) check(t *testing.T, c *client.Conn) bool {
	t.Helper()
	list := "SELECT " + p.key + ", c.patient_last, c.patient_dob FROM " + p.from
	all, ok := rowsOf(t, c, list)
	if !ok {
		t.Fatalf("no rows: %s", list)
	}
	var sum, united []string
	for _, part := range p.parts() {
		rows, ok := rowsOf(t, c, list+part)
		if !ok {
			return false
		}
		sum, united = append(sum, rows...), append(united, list+part)
	}
	if slices.Sort(sum); !slices.Equal(all, sum) {
		t.Errorf("%d rows, %d in the parts: %s%s", len(all), len(sum), list, p.parts()[0])
	}
	if rows, _ := rowsOf(t, c, strings.Join(united, " UNION ALL ")); !slices.Equal(all, rows) {
		t.Errorf("%d rows, %d in the union of the parts: %s", len(all), len(rows), strings.Join(united, " UNION ALL "))
	}
	aggregates := "SELECT COUNT(*) AS a, COUNT(c.patient_last) AS b, SUM(CHAR_LENGTH(c.patient_last)) AS s, MIN(UPPER(c.patient_last)) AS l, MAX(c.patient_dob) AS d FROM " + p.from
	want, _ := rowsOf(t, c, "SELECT a, b, s, l, d FROM ("+aggregates+") q")
	for i, part := range p.parts() {
		united[i] = aggregates + part
	}
	got, _ := rowsOf(t, c, "SELECT SUM(a), SUM(b), SUM(s), MIN(l), MAX(d) FROM ("+strings.Join(united, " UNION ALL ")+") q")
	if !slices.Equal(want, got) {
		t.Errorf("aggregates %s, of the parts %s: %s%s", want, got, aggregates, p.parts()[0])
	}
	return true
}

// rowsOf gives the rows sorted; ok is false for an error of the server's. phiproxy refuses none of these statements.
func rowsOf(t *testing.T, c *client.Conn, sql string) (rows []string, ok bool) {
	t.Helper()
	r, err := c.Query(sql)
	if err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
	if e := r[0].Err; e != nil {
		if strings.Contains(e.Message, "phiproxy ") {
			t.Errorf("%v: %s", e, sql)
		}
		return nil, false
	}
	for _, row := range r[0].Rows {
		rows = append(rows, fmt.Sprint(text(row)))
	}
	slices.Sort(rows)
	return rows, true
}
