package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// readGenerator makes SELECT statements of every form that the planner follows values through: joins of all kinds, derived
// tables, common table expressions, subqueries, groups, unions, names that are ambiguous or unknown. Many are invalid or
// refused; what matters is that no answer is wrong.
type readGenerator struct {
	r     *rand.Rand
	names int
	depth int
	ctes  []readSource
}

// readSource is an entry of a FROM clause.
type readSource struct {
	name    string // by which expressions know it
	text    string // as it stands in the FROM clause
	columns []string
}

var readTables = []readSource{
	{name: "cases", columns: []string{"case_id", "user_id", "patient_first", "patient_last", "ins_provider", "patient_dob", "phi_encrypted", "active", "case_date"}},
	{name: "cases", columns: []string{"case_id", "user_id", "patient_first", "patient_last", "ins_provider", "patient_dob", "phi_encrypted", "active"}},
	{name: "deleted_cases", columns: []string{"case_id", "user_id", "patient_first", "patient_last", "ins_provider", "patient_dob", "phi_encrypted", "active"}},
	{name: "user_profile", columns: []string{"user_id", "first_name", "last_name", "active"}},
	{name: "case_procedure_codes", columns: []string{"case_id", "procedure_code"}},
	{name: "insurance_plans", columns: []string{"ins_provider"}},
}

func newReadGenerator(seed, n uint64) *readGenerator {
	return &readGenerator{r: rand.New(rand.NewPCG(seed, n))}
}

func (g *readGenerator) pick(from ...string) string { return from[g.r.IntN(len(from))] }

func (g *readGenerator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *readGenerator) fresh(prefix string) string {
	g.names++
	return fmt.Sprint(prefix, g.names)
}

// deepest is how deep queries nest.
const deepest = 2

func (g *readGenerator) source() readSource {
	switch {
	case len(g.ctes) > 0 && g.chance(40):
		c := g.ctes[g.r.IntN(len(g.ctes))]
		if g.chance(50) {
			return readSource{c.name, c.name, c.columns}
		}
		return g.aliased(c.name, c.columns)
	case g.depth < deepest && g.chance(25):
		query, columns := g.query()
		return g.derived(query, columns)
	}
	t := readTables[g.r.IntN(len(readTables))]
	if g.chance(30) {
		return readSource{t.name, t.name, t.columns}
	}
	return g.aliased(t.name, t.columns)
}

func (g *readGenerator) aliased(text string, columns []string) readSource {
	alias := g.fresh("t")
	return readSource{alias, text + g.pick(" ", " AS ") + alias, columns}
}

// derived is a query as a table, sometimes with other names for its columns, which only MySQL understands.
func (g *readGenerator) derived(query string, columns []string) readSource {
	s := g.aliased("("+query+")", columns)
	if !g.chance(20) {
		return s
	}
	s.columns = slices.Clone(columns)
	for i := range s.columns {
		if g.chance(50) {
			s.columns[i] = g.pick(g.fresh("l"), g.fresh("l"), "patient_last", "case_id")
		}
	}
	s.text += g.pick("", " ") + "(" + strings.Join(s.columns, ", ") + ")"
	return s
}

func (g *readGenerator) column(sources []readSource) string {
	s := sources[g.r.IntN(len(sources))]
	if len(s.columns) == 0 {
		return "1"
	}
	c := s.columns[g.r.IntN(len(s.columns))]
	if g.chance(2) {
		c = g.pick("patient_first", "phi_encrypted", "nosuch")
	}
	if g.chance(65) {
		return s.name + "." + c
	}
	return c
}

func (g *readGenerator) from() (text string, sources []readSource) {
	sources = []readSource{g.source()}
	text = sources[0].text
	for len(sources) < 3 && g.chance(45) {
		s := g.source()
		text += g.join(sources, s)
		sources = append(sources, s)
	}
	return text, sources
}

func (g *readGenerator) join(left []readSource, s readSource) string {
	kind := g.pick(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ")
	switch g.r.IntN(6) {
	case 0:
		return ", " + s.text
	case 1, 2:
		return kind + s.text + " ON " + g.condition(append(slices.Clone(left), s))
	case 3, 4:
		var common []string
		for _, c := range s.columns {
			if slices.Contains(left[len(left)-1].columns, c) {
				common = append(common, c)
			}
		}
		if len(common) == 0 {
			return ", " + s.text
		}
		n := min(len(common), 1+g.r.IntN(2))
		return kind + s.text + " USING (" + strings.Join(common[:n], ", ") + ")"
	}
	return g.pick(" NATURAL JOIN ", " NATURAL LEFT JOIN ", " NATURAL RIGHT JOIN ") + s.text
}

func (g *readGenerator) condition(sources []readSource) string {
	switch g.r.IntN(8) {
	case 6:
		return g.column(sources) + " SOUNDS LIKE 'c1'"
	case 0:
		return g.column(sources) + " IS NOT NULL"
	case 1:
		if c := g.column(sources); !neverNull(c) {
			return c + " IS NULL"
		}
	case 2:
		return g.column(sources) + " = " + g.column(sources)
	case 3:
		return g.column(sources) + " = " + g.pick("1", "0", "'c1'", "'u2'")
	case 4:
		if g.depth < deepest {
			return "EXISTS (" + g.subquery(sources) + ")"
		}
	case 5:
		return "(" + g.condition(sources) + g.pick(" OR ", " AND ") + g.condition(sources) + ")"
	}
	return "1 = 1"
}

// neverNull reports whether a column is the result of COALESCE or another expression that is not NULL. When such a column of a
// derived table is NULL because of an outer join, MySQL 9.7 loses rows that a WHERE clause looks for by that.
func neverNull(column string) bool {
	name := column[strings.LastIndex(column, ".")+1:]
	return len(name) > 1 && (name[0] == 'w' || name[0] == 'e') && '0' <= name[1] && name[1] <= '9'
}

func (g *readGenerator) subquery(outer []readSource) string {
	g.depth++
	defer func() { g.depth-- }()
	text, sources := g.from()
	return "SELECT " + g.pick("*", "1", g.column(sources)) + " FROM " + text + " WHERE " + g.condition(append(sources, outer...))
}

// query makes a SELECT and tells the names of its columns as far as they are known.
func (g *readGenerator) query() (sql string, columns []string) {
	g.depth++
	defer func() { g.depth-- }()
	from, sources := g.from()
	grouped := g.chance(15)
	var fields []string
	for len(fields) == 0 || g.chance(55) {
		field, names := g.field(sources, grouped, len(fields) == 0)
		fields, columns = append(fields, field), append(columns, names...)
	}
	sql = g.pick("SELECT ", "SELECT ", "SELECT ", "SELECT ", "SELECT ", "SELECT ", "SELECT ", "SELECT ", "SELECT DISTINCT ") + strings.Join(fields, ", ") + " FROM " + from
	if g.chance(40) {
		sql += " WHERE " + g.condition(sources)
	}
	if grouped {
		sql += g.groups(sources, columns)
	}
	if g.chance(20) {
		sql += " ORDER BY " + g.pick(g.column(sources), "1", "2", "3", columns[g.r.IntN(len(columns))]) + g.pick("", " DESC")
	}
	return sql, columns
}

func (g *readGenerator) groups(sources []readSource, columns []string) string {
	by := []string{sources[0].name + ".case_id"}
	if g.chance(20) {
		by = []string{"phi_encrypted", sources[0].name + ".case_id"}
	}
	for g.chance(50) {
		by = append(by, g.pick(g.column(sources), "1", "2"))
	}
	sql := " GROUP BY " + strings.Join(by, ", ")
	if g.chance(30) {
		sql += " HAVING " + g.condition(append(slices.Clone(sources), readSource{name: sources[0].name, columns: columns}))
	}
	return sql
}

// field is one entry of a select list, and the names of the columns that it gives.
func (g *readGenerator) field(sources []readSource, grouped, first bool) (field string, columns []string) {
	switch n := g.r.IntN(10); {
	case n == 0 && first && !grouped:
		for _, s := range sources {
			columns = append(columns, s.columns...)
		}
		return "*", columns
	case n == 1 && !grouped:
		s := sources[g.r.IntN(len(sources))]
		return s.name + ".*", s.columns
	case n == 2:
		alias := g.pick(g.fresh("w"), "patient_first", "patient_last")
		return "COALESCE(" + g.column(sources) + g.pick(", ''", ", 'none'", ", NULL, 'a longer text'", ", NULL") + ") AS " + alias, []string{alias}
	case n == 3:
		alias := g.fresh("e")
		return g.computed(sources) + " AS " + alias, []string{alias}
	}
	c := g.column(sources)
	if g.chance(30) {
		alias := g.pick(g.fresh("x"), g.fresh("x"), "patient_first", "case_id", "phi_encrypted")
		return c + g.pick(" AS ", " ") + alias, []string{alias}
	}
	return c, []string{c[strings.LastIndex(c, ".")+1:]}
}

func (g *readGenerator) computed(sources []readSource) string {
	return g.pick("(SELECT COUNT(*) FROM cases zz WHERE zz.active = 1)", "CASE WHEN "+g.condition(sources)+" THEN 1 ELSE 2 END",
		g.column(sources)+" IS NULL", "EXISTS ("+g.subquery(sources)+")")
}

// statement makes a whole statement.
func (g *readGenerator) statement() string {
	var with []string
	for g.chance(25) {
		query, columns := g.query()
		name := g.fresh("cte")
		if g.chance(10) {
			name = "insurance_plans"
		}
		with = append(with, name+" AS ("+query+")")
		g.ctes = append(g.ctes, readSource{name: name, columns: columns})
	}
	sql, _ := g.query()
	if g.chance(15) {
		sql = g.union()
	}
	if len(with) > 0 {
		sql = "WITH " + strings.Join(with, ", ") + " " + sql
	}
	return sql
}

// union has the same select list over both tables with the same protected columns.
func (g *readGenerator) union() string {
	list := g.pick("case_id, patient_first, patient_last", "case_id, user_id, patient_last, patient_dob", "patient_first, phi_encrypted", "a.patient_dob, a.case_id", "a.*")
	first, second := "cases", "deleted_cases"
	if g.chance(50) {
		first, second = second, first
	}
	sql := "SELECT " + list + " FROM " + first + " a UNION ALL SELECT " + list + " FROM " + second + " a" +
		g.pick("", " ORDER BY 1", " ORDER BY 2", " ORDER BY case_id")
	if g.chance(30) {
		return "SELECT * FROM (" + sql + ") uu"
	}
	return sql
}
