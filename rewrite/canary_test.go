package rewrite

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"phiproxy/rewrite/token"
)

const canary = "CANARY"

// leaky makes statements that send the canary to a protected column, in one of many ways.
type leaky struct{ r *rand.Rand }

func (l leaky) pick(list ...string) string { return list[l.r.IntN(len(list))] }

func (l leaky) space() string {
	return l.pick(" ", " ", " ", "\n", "/* c */", " -- x\n", " #'\n", "/*!50000 */", " /*!40001 */ ")
}

// value is an expression that holds the canary.
func (l leaky) value() string {
	return l.pick("'"+canary+"'", "'"+canary+"'", "'"+canary+"'", `"`+canary+`"`, "'a' '"+canary+"'", "N'"+canary+"'", "_utf8mb4'"+canary+"'", "_binary '"+canary+"'",
		"UPPER('"+canary+"')", "('"+canary+"')", "'"+canary+"' COLLATE utf8mb4_bin", "CONCAT('"+canary+"',patient_last)", "IF(1,'"+canary+"',NULL)", "{x '"+canary+"'}",
		"DATE'"+canary+"'", "(SELECT '"+canary+"')", "CASE WHEN 1 THEN '"+canary+"' END", `'\''`+"'"+canary+"'", "@v := '"+canary+"'", "'x' || '"+canary+"'", "-'"+canary+"'",
		"/*!50000 '"+canary+"' */", "/*!80000 '"+canary+"' */", "'"+canary+`\\'`, "'"+canary+"''", "CAST('"+canary+"' AS CHAR)", "VALUES(patient_last)", "DEFAULT", "NULL", "''", "?", "x'41'", "5", "TRUE")
}

func (l leaky) table() string {
	return l.pick("cases", "cases", "`cases`", "app.cases", "app . `cases`", "deleted_cases", "cases PARTITION (p0)")
}

func (l leaky) column() string {
	return l.pick("patient_first", "patient_last", "`ins_provider`", "PATIENT_FIRST", "patient_dob", "cases.patient_first", "`patient_first`")
}

func (l leaky) plain() string {
	return l.pick("'x'", "5", "NULL", "DEFAULT", "NOW()", "UUID()", "(1)", "-1", "1.5", "(SELECT 1)", "CONCAT('a','b')", "?")
}

func (l leaky) owner() string {
	return l.pick("'u1'", "'u1'", "7", "NULL", "CONCAT('u')", "?", "DEFAULT")
}

func (l leaky) insert() string {
	verb := l.pick("INSERT INTO", "INSERT IGNORE INTO", "INSERT", "REPLACE INTO", "REPLACE", "INSERT LOW_PRIORITY INTO", "insert high_priority into")
	columns := []string{"case_id", "user_id", l.pick("case_status", "demo_file", "phi_encrypted"), l.column()}
	one := func() []string {
		return []string{l.pick("'c1'", "'c2'", "3"), l.owner(), l.plain(), l.value()}
	}
	l.r.Shuffle(4, func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	ordered := func() string { // the values in the order of the columns
		v, out := one(), make([]string, 4)
		for i, c := range columns {
			switch c {
			case "case_id":
				out[i] = v[0]
			case "user_id":
				out[i] = v[1]
			case "case_status", "demo_file", "phi_encrypted":
				out[i] = v[2]
			default:
				out[i] = v[3]
			}
		}
		return "(" + strings.Join(out, ",") + ")"
	}
	head := verb + l.space() + l.table() + l.space()
	var body string
	switch l.r.IntN(8) {
	case 0:
		v := one()
		body = fmt.Sprintf("SET case_id=%s, user_id=%s, %s %s %s", v[0], v[1], l.column(), l.pick("=", ":="), v[3])
	case 1:
		body = "(case_id,user_id," + l.column() + ") SELECT 'c','u'," + l.value()
	case 2:
		body = "(case_id,user_id," + l.column() + ") SELECT case_id,user_id," + l.value() + " FROM cases"
	default:
		rows := make([]string, 1+l.r.IntN(3))
		row := l.pick("", "", "", "", "ROW", "row ")
		for i := range rows {
			rows[i] = row + ordered()
		}
		body = "(" + strings.Join(columns, ",") + ")" + l.space() + l.pick("VALUES", "VALUE", "values") + l.space() + strings.Join(rows, l.pick(",", " , ", ",/* ) */"))
	}
	return head + body + l.duplicate()
}

func (l leaky) duplicate() string {
	if l.r.IntN(2) == 0 {
		return ""
	}
	alias := l.pick("", "", " AS n", " AS n(a,b,c,d)")
	return alias + l.space() + "ON DUPLICATE KEY UPDATE " + l.pick("case_status = 1, ", "phi_encrypted = 0, ", "user_id = VALUES(user_id), ", "") +
		l.column() + " = " + l.pick(l.value(), "VALUES(patient_first)", "n.patient_first", "n.d")
}

func (l leaky) update() string {
	return "UPDATE " + l.pick("", "LOW_PRIORITY ", "IGNORE ") + l.table() + l.pick("", " AS c", " c") + " SET " + l.pick("", "case_status = 2, ", "phi_encrypted = 1, ", "user_id = "+l.owner()+", ") +
		l.pick("", "c.") + l.column() + " = " + l.value() + l.pick("", ", demo_file = "+l.plain()) + l.pick("", " WHERE case_id = 'c1'", " WHERE user_id IN ('a','b') AND active = 1", " WHERE "+l.column()+" = "+l.value()) +
		l.pick("", " ORDER BY case_id LIMIT 3", " LIMIT 1")
}

func (l leaky) other() string {
	return l.pick(
		"DELETE FROM cases WHERE "+l.column()+" = "+l.value(), "SELECT * FROM cases WHERE "+l.column()+" = "+l.value(),
		"SELECT a FROM (SELECT "+l.column()+" FROM cases) d (a) WHERE a SOUNDS LIKE "+l.value(), "INSERT INTO Cases (patient_first) VALUES ("+l.value()+")",
		"SELECT case_id FROM cases HAVING MAX("+l.column()+") > "+l.value(), "SELECT COALESCE("+l.column()+","+l.value()+") = 'x' FROM cases",
		"UPDATE cases c JOIN user_profile u USING (user_id) SET c."+l.column()+" = "+l.value(),
		"SELECT EXISTS (SELECT 1 FROM cases WHERE "+l.column()+" LIKE "+l.value()+")", "DO (SELECT "+l.column()+" = "+l.value()+" FROM cases LIMIT 1)",
		"EXPLAIN UPDATE cases SET "+l.column()+" = "+l.value(), "ALTER TABLE cases ALTER patient_first SET DEFAULT "+l.value(),
		"BEGIN NOT ATOMIC UPDATE cases SET patient_first = "+l.value()+"; END", "PREPARE s FROM \"UPDATE cases SET patient_first = '"+canary+"'\"",
		"CREATE TABLE x AS SELECT "+l.column()+" FROM cases WHERE "+l.column()+" = "+l.value(), "/*!50000 UPDATE cases SET patient_first = "+l.value()+" */",
		"LOAD DATA INFILE 'f' INTO TABLE cases (patient_first) SET patient_last = "+l.value(),
		"LOAD DATA LOCAL INFILE 'f' INTO TABLE cases (case_id, user_id, @v) SET patient_last = "+l.value()+", "+l.column()+" = NULLIF(@v, "+l.value()+")", "UPDATE cases SET patient_first = "+l.value()+"; SELECT 1",
		"WITH x AS (SELECT 1) UPDATE cases, x SET "+l.column()+" = "+l.value())
}

func (l leaky) statement() string {
	switch l.r.IntN(5) {
	case 0, 1:
		return l.insert()
	case 2, 3:
		return l.update()
	}
	return l.other()
}

// everyText is all that the statement makes the proxy send.
func everyText(s *Statement) ([]byte, error) {
	seal := func(dst []byte, c Cell) ([]byte, error) { return append(dst, "x'F8'"...), nil }
	out, err := s.Text(nil, seal)
	if err != nil && !s.IsUpdate() {
		return nil, err
	}
	if s.Verdict == Lookup {
		probes, err := s.Probes()
		if err != nil {
			return nil, err
		}
		for _, p := range probes {
			out = append(out, p.SQL...)
		}
	}
	if s.IsUpdate() {
		set := make([][]byte, len(s.WrittenColumns()))
		for i := range set {
			set[i] = []byte("x'F8'")
		}
		row := RowPatch{Key: [][]byte{[]byte("c1")}, Set: set, SetFlag: true}
		for _, rows := range [][]RowPatch{nil, {row}, {row, row}} {
			text, err := s.UpdateText(nil, rows)
			if err != nil {
				return nil, err
			}
			out = append(out, text...)
		}
	}
	template, _ := s.Template(nil)
	return append(out, template...), nil
}

func checkCanary(t *testing.T, p *Planner, st State, sql string) (passed bool) {
	t.Helper()
	s, f := p.Plan(st, []byte(sql))
	if f != nil {
		return false
	}
	out, err := everyText(s)
	if err != nil {
		return false
	}
	if bytes.Contains(out, []byte(canary)) {
		t.Fatalf("verdict %d lets the value out:\n%s\n%s", s.Verdict, sql, out)
	}
	return true
}

// FuzzCanary holds that a value on its way into a protected column, or compared with one, is in nothing that is sent. Every
// statement is planned twice in different company, so that plans of the cache are held to it as well.
func FuzzCanary(f *testing.F) {
	planners := map[Flavor]*Planner{MySQL: NewPlanner(appSchema(MySQL), 256), MariaDB: NewPlanner(appSchema(MariaDB), 256)}
	for seed := range uint64(12) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		l := leaky{rand.New(rand.NewPCG(seed, 7))}
		passed := 0
		for range 60 {
			sql := l.statement()
			for _, mode := range []token.Mode{token.Strict, 0, token.PipesAsConcat} {
				for flavor, p := range planners {
					if checkCanary(t, p, State{Database: "app", Mode: mode, Prepared: flavor == MySQL}, sql) {
						passed++
					}
				}
			}
		}
		if passed == 0 {
			t.Errorf("%d statements planned: the test has lost its force", passed)
		}
	})
}
