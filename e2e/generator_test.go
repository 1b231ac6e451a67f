package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/servers"
)

// generator makes statements over the application's tables from a seed. Few case ids are used, so that statements meet
// each other's rows; every read has a total order.
//
// Inserts number their rows themselves: a statement that fails takes numbers from the server or not, depending on how far
// it got, and nobody may rely on that.
type generator struct {
	r      *rand.Rand
	number *int
	// simple leaves out what the embedded server does not do as MySQL does: odd dates and numbers, and modes.
	simple bool
}

// Statements of each generated run.
const generated = 350

var (
	protectedColumns = []string{"patient_first", "patient_last", "ins_provider", "patient_dob"}
	openColumns      = []string{"case_date", "case_status", "pay_amount", "demo_file", "active", "dupe_flag", "phi_encrypted", "user_id"}
	texts            = []string{
		"'Ann'", "'ANN'", "'Ann '", "' Ann'", "''", "NULL", "'José'", "'Jose'", "'😀 名'", `'O\'Brien'`, "'O''Brien'", `"Double"`, `'back\\slash'`,
		`'line\nfeed\0'`, "'%_'", "12", "-1.50", "1e3", "0x416E6E", "x'C3A9'", "'" + strings.Repeat("é", 250) + "'", "'" + strings.Repeat("x", 251) + "'",
		"'" + strings.Repeat("y", 249) + "   '", "DEFAULT", "'-- no comment'", "'/* none */'", "'?'",
		"'in ' \"parts\" ' of 3'", "_utf8mb4'José'", "_binary'bytes'", "'" + strings.Repeat("z", 250) + "' ' \t'",
	}
	dates = []string{
		"'1984-02-09'", "'1984-2-9'", "'19840209'", "19840209", "NULL", "'2000-02-29'", "'1900-02-29'", "'0000-00-00'", "'1984-00-10'", "'1984-02-30'",
		"''", "'abc'", "'1984-02-09 10:11:12'", "'1984-02-09T10:11:12'", "'84-02-09'", "'9999-12-31'", "DEFAULT", "0", "'1984/02/09'", "' 1984-02-09'",
		"00840209", "0000101", "'1984-02-30 10:11:12'",
	}
	modes = []string{
		"DEFAULT", "''", "'STRICT_TRANS_TABLES'", "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'", "'NO_ZERO_DATE'", "'ALLOW_INVALID_DATES,STRICT_TRANS_TABLES'",
		"'NO_BACKSLASH_ESCAPES'", "'ANSI_QUOTES,STRICT_TRANS_TABLES'",
	}
)

func pick[T any](g generator, from []T) T { return from[g.r.IntN(len(from))] }

func (g generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g generator) caseID() string { return fmt.Sprintf("'g%d'", g.r.IntN(25)) }

func (g generator) owner() string { return "'" + provider(1+g.r.IntN(3)) + "'" }

// value is a literal for a column.
func (g generator) value(column string) string {
	switch column {
	case "patient_dob":
		if g.simple {
			return pick(g, []string{"'1984-02-09'", "NULL", "'2000-02-29'", "'1984-02-30'", "DEFAULT"})
		}
		return pick(g, dates)
	case "case_date":
		return "'2025-01-0" + fmt.Sprint(1+g.r.IntN(9)) + "'"
	case "phi_encrypted":
		return "0" // clients see 0 whatever they write
	case "case_status", "active", "dupe_flag":
		return fmt.Sprint(g.r.IntN(3))
	case "pay_amount":
		return fmt.Sprintf("%d.50", g.r.IntN(100))
	case "demo_file":
		return "'file.pdf'"
	case "user_id":
		return g.owner()
	}
	if g.simple {
		return pick(g, []string{"'Ann'", "'ANN'", "'Ann '", "''", "NULL", "'José'", "'😀 名'", `'O\'Brien'`, `'back\\slash'`, "'" + strings.Repeat("x", 251) + "'", "'?'"})
	}
	return pick(g, texts)
}

// columns are some columns of the table, some of them protected.
func (g generator) columns(atLeast int) []string {
	var out []string
	for _, c := range append(append([]string{}, protectedColumns...), openColumns...) {
		if g.chance(40) {
			out = append(out, c)
		}
	}
	if len(out) < atLeast {
		return append(out, "patient_first")
	}
	return out
}

// next makes one statement. Its id is its kind.
func (g generator) next() statement {
	kinds := []struct {
		weight int
		id     string
		make   func() string
	}{
		{8, "select", g.selectPlain}, {4, "select-star", g.selectStar}, {4, "select-join", g.selectJoin}, {3, "select-derived", g.selectDerived},
		{2, "select-cte", g.selectCTE}, {2, "select-union", g.selectUnion}, {2, "select-coalesce", g.selectCoalesce}, {2, "select-count", g.selectCount},
		{2, "select-group", g.selectGroup}, {8, "insert", g.insert}, {3, "insert-set", g.insertSet}, {3, "insert-ignore", g.insertIgnore},
		{3, "replace", g.replace}, {4, "upsert", g.upsert}, {12, "update", g.update}, {2, "update-many", g.updateMany},
		{2, "update-owner", g.updateOwner}, {4, "delete", g.delete}, {1, "archive", g.archive}, {3, "mode", g.mode},
		{1, "begin", func() string { return "START TRANSACTION" }}, {1, "commit", func() string { return "COMMIT" }},
		{1, "rollback", func() string { return "ROLLBACK" }},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := g.r.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return statement{id: k.id, sql: k.make()}
		}
	}
	panic("weights do not add up")
}

func (g generator) where(alias string) string {
	conditions := []string{
		alias + "case_id = " + g.caseID(), alias + "case_id LIKE 'g%'", alias + "user_id = " + g.owner(), alias + "patient_first IS NULL",
		alias + "patient_dob IS NOT NULL", alias + "active = 1", alias + "case_status > 0",
		alias + "case_id IN (" + g.caseID() + "," + g.caseID() + ")",
	}
	if !g.simple { // the embedded server's index of this column misses rows after a REPLACE
		conditions = append(conditions, alias+"phi_encrypted = 0")
	}
	out := pick(g, conditions)
	if g.chance(50) {
		out += " " + pick(g, []string{"AND", "OR"}) + " " + pick(g, conditions)
	}
	return out
}

func (g generator) tail(alias string) string {
	out := " ORDER BY " + alias + "case_id"
	if g.chance(20) {
		out = " ORDER BY " + alias + "case_status DESC, " + alias + "case_id DESC"
	}
	if g.chance(30) {
		out += fmt.Sprintf(" LIMIT %d", 1+g.r.IntN(5))
	}
	if g.chance(10) {
		out += " FOR UPDATE"
	}
	return out
}

func (g generator) selectPlain() string {
	columns := g.columns(1)
	for i := range columns {
		if g.chance(20) {
			columns[i] += fmt.Sprintf(" AS a%d", i)
		}
	}
	return "SELECT case_id, " + strings.Join(columns, ", ") + " FROM cases WHERE " + g.where("") + g.tail("")
}

func (g generator) selectStar() string {
	return pick(g, []string{"SELECT * FROM cases c", "SELECT c.* FROM cases AS c", "SELECT c.*, c.patient_first AS again FROM cases c"}) + " WHERE " + g.where("c.") + g.tail("c.")
}

func (g generator) selectJoin() string {
	return "SELECT c." + strings.Join(g.columns(1), ", c.") + ", up.first_name, csl.case_status_desc FROM cases c " +
		pick(g, []string{"LEFT", "INNER"}) + " JOIN user_profile up ON c.user_id = up.user_id LEFT JOIN case_status_list csl ON csl.case_status = c.case_status WHERE " +
		g.where("c.") + g.tail("c.")
}

func (g generator) selectDerived() string {
	return "SELECT d.case_id, d.f, d.patient_dob FROM (SELECT case_id, patient_first AS f, patient_dob FROM cases WHERE " + g.where("") + ") d ORDER BY d.case_id"
}

func (g generator) selectCTE() string {
	return "WITH x AS (SELECT case_id, patient_last, ins_provider AS i FROM cases WHERE " + g.where("") + ") SELECT * FROM x ORDER BY case_id"
}

func (g generator) selectUnion() string {
	return "SELECT case_id, 1 AS b, patient_first FROM cases WHERE " + g.where("") + " UNION ALL SELECT case_id, 2, patient_first FROM deleted_cases WHERE " + g.where("") + " ORDER BY 1, 2"
}

func (g generator) selectCoalesce() string {
	return "SELECT case_id, COALESCE(patient_first, '') AS patient_first, IFNULL(patient_last, 'none') FROM cases WHERE " + g.where("") + g.tail("")
}

func (g generator) selectCount() string {
	return "SELECT COUNT(*), COUNT(patient_first), COUNT(patient_dob) FROM cases WHERE " + g.where("")
}

func (g generator) selectGroup() string {
	return "SELECT c.case_id, c.patient_first, c.patient_dob, COUNT(cpc.procedure_code) FROM cases c LEFT JOIN case_procedure_codes cpc ON c.case_id = cpc.case_id WHERE " +
		g.where("c.") + " GROUP BY c.case_id, c.patient_first, c.patient_dob ORDER BY c.case_id"
}

// nextNumber is the human_case_id of the next row.
func (g generator) nextNumber() string {
	*g.number++
	return fmt.Sprint(*g.number)
}

// row is a VALUES tuple for case id, owner and columns.
func (g generator) row(columns []string) string {
	values := []string{g.caseID(), g.owner(), g.nextNumber()}
	for _, c := range columns {
		values = append(values, g.value(c))
	}
	return "(" + strings.Join(values, ", ") + ")"
}

func without(columns []string, name string) []string {
	var out []string
	for _, c := range columns {
		if c != name {
			out = append(out, c)
		}
	}
	return out
}

func (g generator) insertInto(verb string) string {
	columns := without(g.columns(0), "user_id")
	rows := []string{g.row(columns)}
	for g.chance(30) {
		rows = append(rows, g.row(columns))
	}
	return verb + " INTO cases (" + strings.Join(append([]string{"case_id", "user_id", "human_case_id"}, columns...), ", ") + ") VALUES " + strings.Join(rows, ", ")
}

func (g generator) insert() string { return g.insertInto("INSERT") }
func (g generator) insertIgnore() string {
	if g.simple {
		return g.insertInto("INSERT") // what is ignored, and what is stored then, is each server's own
	}
	return g.insertInto("INSERT IGNORE")
}

func (g generator) replace() string { return g.insertInto("REPLACE") }

func (g generator) insertSet() string {
	return "INSERT INTO cases SET case_id = " + g.caseID() + ", user_id = " + g.owner() + ", human_case_id = " + g.nextNumber() + ", " + g.assignments(without(g.columns(1), "user_id"))
}

func (g generator) assignments(columns []string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c + " = " + g.value(c)
	}
	return strings.Join(out, ", ")
}

func (g generator) upsert() string {
	return g.insertInto("INSERT") + " ON DUPLICATE KEY UPDATE " + pick(g, []string{
		"case_status = 2", "patient_first = 'Upsert'", "demo_file = 'u.pdf', patient_last = NULL", "case_status = case_status + 1",
	})
}

func (g generator) update() string {
	columns := without(g.columns(1), "user_id")
	if len(columns) == 0 {
		columns = []string{"patient_last"}
	}
	return "UPDATE cases SET " + g.assignments(columns) + " WHERE case_id = " + g.caseID()
}

func (g generator) updateMany() string {
	column := pick(g, protectedColumns)
	return "UPDATE cases SET " + column + " = " + g.value(column) + ", case_status = 1 WHERE " + g.where("") + pick(g, []string{"", " ORDER BY case_id LIMIT 3"})
}

func (g generator) updateOwner() string {
	return "UPDATE cases SET user_id = " + g.owner() + pick(g, []string{"", ", patient_first = 'Moved'", ", " + g.assignments(protectedColumns)}) + " WHERE case_id = " + g.caseID()
}

func (g generator) delete() string {
	return "DELETE FROM cases WHERE case_id " + pick(g, []string{"= " + g.caseID(), "LIKE 'g%' AND user_id = " + g.owner(), "IN (" + g.caseID() + "," + g.caseID() + ")"})
}

func (g generator) archive() string {
	return "INSERT IGNORE INTO deleted_cases SELECT * FROM cases WHERE case_id = " + g.caseID()
}

func (g generator) mode() string {
	if g.simple {
		return "SET @unused = 1"
	}
	return "SET sql_mode = " + pick(g, modes)
}

// seeds of the generated runs; add one that found something.
var seeds = []uint64{1, 20251114}

func TestDifferentialGenerated(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		for _, prepare := range []bool{false, true} {
			name := map[bool]string{false: "text", true: "prepared"}[prepare]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, s, "generated_"+name)
				for i, seed := range seeds {
					if i == 0 || s.Kind != servers.Embedded { // which is slow
						p.generate(t, seed, prepare)
					}
				}
				checkGaps(t, fmt.Sprintf("generated-%s-%s", s.Kind, name), p.gaps)
			})
		}
	})
}

// generate runs statements of one seed, and at the end compares the whole tables.
func (p *pair) generate(t *testing.T, seed uint64, prepare bool) {
	t.Helper()
	start := int(seed % 1000 * 10000)
	g := generator{r: rand.New(rand.NewPCG(seed, seed)), number: &start, simple: p.kind == servers.Embedded}
	for range generated {
		st := g.next()
		if !p.run(t, st, prepare) && !p.same(t) {
			t.Fatalf("seed %d: the databases have parted", seed)
		}
	}
	for _, sql := range []string{"COMMIT", "SET sql_mode = DEFAULT", "SELECT * FROM cases ORDER BY case_id", "SELECT * FROM deleted_cases ORDER BY case_id"} {
		p.run(t, statement{id: "end", sql: sql}, false)
	}
}

// same reports whether both databases still hold the same cases.
func (p *pair) same(t *testing.T) bool {
	t.Helper()
	const all = "SELECT * FROM cases ORDER BY case_id"
	plain, sealed := query(t, p.plain.conn, all), query(t, p.sealed.conn, all)
	if p.kind == servers.Embedded {
		clearTimes(&plain)
		clearTimes(&sealed)
	}
	return cmp.Equal(plain.Rows, sealed.Rows)
}

// The generated statements must be calm on two plaintext databases, too.
func TestGeneratedControl(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := controlPair(t, s, "generated")
		for _, seed := range seeds {
			p.generate(t, seed, false)
			p.generate(t, seed, true)
		}
	})
}
