package e2e

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

var computeWrites = flag.Int("compute-writes", 150, "statements of TestRandomComputedWrites on each server")

// refusedWrites are the refusals of random writes (docs/errors.md): expressions in ON DUPLICATE KEY UPDATE, and two assignments to one column.
var refusedWrites = []string{"PHI-1150", "PHI-1161"}

// writesBetween is how many random writes work on the same rows before these are as at first.
const writesBetween = 20

// Random writes that compute with protected values do to the encrypted tables what they do to the plaintext ones: answers,
// warnings, errors, counts and every row afterwards.
func TestRandomComputedWrites(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newEmptyPair(t, s, "computed_writes", harness.Options{})
		sessions := []side{p.plain, p.sealed}
		awaitScratch(t, p.sealed.conn)
		for i := range *computeWrites {
			if i%writesBetween == 0 {
				for _, side := range sessions {
					exec(t, side.conn, "SET sql_mode = DEFAULT, NAMES utf8mb4, timestamp = 1763120000", "DELETE FROM case_procedure_codes", "DELETE FROM cases", "DELETE FROM deleted_cases", "DELETE FROM user_profile")
					exec(t, side.conn, computeData()...)
					exec(t, side.conn, randomWriteSettings[i/writesBetween%len(randomWriteSettings)])
				}
			}
			st := statement{id: fmt.Sprint("write ", i), sql: newComputeGenerator(*computeSeed, uint64(i)).write()}
			p.run(t, st, i%4 == 3)
			for _, table := range []string{"cases", "deleted_cases"} {
				rows := statement{id: fmt.Sprint("rows after ", st.id), sql: strings.Replace(wholeTable, "FROM cases", "FROM "+table, 1)}
				if !p.run(t, rows, false) {
					t.Fatalf("the rows differ after %s: %s", st.id, st.sql)
				}
			}
			p.checkRefusal(t, st, refusedWrites)
			if p.tally["different"] > 5 {
				t.Fatal("too many differences")
			}
		}
		p.report(t)
	})
}

var randomWriteSettings = []string{"SET @none = 1", "SET sql_mode = 'NO_ENGINE_SUBSTITUTION'", "SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET sql_mode = 'ANSI,STRICT_ALL_TABLES'"}

// one is the table cases by itself.
func (g *computeGenerator) one() computeScope {
	s := g.cases("c")
	s.from = "cases c"
	return s
}

// assignment gives a column a value that must be computed.
func (g *computeGenerator) assignment(s computeScope) string {
	switch g.r.IntN(6) {
	case 0:
		return "c.patient_dob = " + g.pick(g.date(s, 1), "'1980-1-5'", "NULL", "c.patient_dob + INTERVAL 1 DAY")
	case 1:
		return "c.case_status = c.case_status + 1"
	case 2:
		return "c.ins_provider = LEFT(" + g.text(s, 1) + ", 40)"
	case 3:
		return "c.patient_last = CONCAT(LEFT(c.patient_last, 50), ' Jr')"
	}
	return g.pick("c.patient_first", "c.patient_last") + " = " + g.pick("", "UPPER") + "(" + g.text(s, 1) + ")"
}

// narrow is a condition without subqueries of the table that is changed, which MySQL does not take.
func (g *computeGenerator) narrow(s computeScope) string {
	for {
		if c := g.condition(s, 1); !strings.Contains(c, "FROM cases") {
			return c
		}
	}
}

// write makes a statement that changes cases or deleted_cases.
func (g *computeGenerator) write() string {
	s := g.one()
	for {
		var sql string
		switch g.r.IntN(10) {
		case 0, 1, 2, 3:
			list := g.assignment(s)
			if g.chance(30) {
				list += ", " + g.assignment(s)
			}
			sql = "UPDATE cases c SET " + list + " WHERE " + g.narrow(s) + g.pick("", "", " ORDER BY c.patient_last, c.case_id LIMIT 3", " ORDER BY c.patient_dob DESC, c.case_id LIMIT 2")
		case 4, 5:
			sql = "DELETE FROM cases WHERE " + strings.ReplaceAll(g.narrow(s), "c.", "cases.") + g.pick("", " ORDER BY patient_last DESC, case_id LIMIT 2", " AND active = 1")
		case 6, 7:
			sql = g.insertComputed()
		case 8:
			sql = "INSERT INTO deleted_cases (case_id, user_id, human_case_id, patient_first, patient_last, patient_dob) SELECT CONCAT(c.case_id, '" + fmt.Sprint(g.r.IntN(1000)) + "'), c.user_id, c.human_case_id, " +
				g.text(s, 1) + ", " + g.pick("c.patient_last", "UPPER(c.patient_last)", "'x'") + ", " + g.date(s, 1) + " FROM cases c WHERE " + g.condition(s, 1) + " ORDER BY c.case_id"
		default:
			sql = "UPDATE cases c JOIN user_profile u ON u.user_id = c.user_id SET " + g.pick("c.patient_last = CONCAT(LEFT(c.patient_last, 30), u.first_name)", "c.case_status = 7", "c.patient_first = u.last_name") + " WHERE " + g.narrow(s)
		}
		if !strings.Contains(sql, "SELECT COUNT(*) FROM cases z") || strings.HasPrefix(sql, "INSERT") {
			return sql
		}
	}
}

// insertComputed inserts a row or two with expressions and with literals that only the server converts.
func (g *computeGenerator) insertComputed() string {
	row := func() string {
		value := func() string {
			return g.pick("UPPER('ann')", "CONCAT('a', 'b')", "'plain'", "NULL", "REPEAT('x', 300)", "LEFT('Müller', 3)", "12.50", "1e3", "_latin1'x'", "TRIM(' y ')")
		}
		date := g.pick("'1980-1-5'", "'19800105'", "'1980-01-05'", "DATE_ADD('1980-01-31', INTERVAL 1 MONTH)", "NULL", "'no date'", "19800105", "'1980-02-30'")
		return fmt.Sprintf("('i%02d', '%s', %d, %s, %s, %s)", g.r.IntN(30), provider(1+g.r.IntN(3)), 100000+g.r.IntN(100000), value(), value(), date)
	}
	text := g.pick("INSERT INTO", "INSERT IGNORE INTO", "REPLACE INTO", "INSERT INTO") + " cases (case_id, user_id, human_case_id, patient_first, patient_last, patient_dob) VALUES " + row()
	if g.chance(30) {
		text += ", " + row()
	}
	if strings.HasPrefix(text, "INSERT INTO") && g.chance(40) {
		text += " ON DUPLICATE KEY UPDATE " + g.pick("patient_last = CONCAT(LEFT(patient_last, 30), 'd')", "patient_first = UPPER(VALUES(patient_first))", "patient_dob = '1990-2-3'", "patient_last = 'again'")
	}
	return text
}
