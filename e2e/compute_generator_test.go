package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// computeGenerator makes valid SELECT statements that compute with protected values in every clause. Everything that an
// answer may depend on is in the statement: whole orders, and groups of values that do not compare equal to others.
type computeGenerator struct {
	r *rand.Rand
}

// computeScope are the tables that expressions may name.
type computeScope struct {
	from   string
	text   []string // columns that hold text of protected columns or others
	date   []string
	number []string
	key    string // columns that no two rows share
}

func newComputeGenerator(seed, n uint64) *computeGenerator {
	return &computeGenerator{r: rand.New(rand.NewPCG(seed, n))}
}

func (g *computeGenerator) pick(from ...string) string { return from[g.r.IntN(len(from))] }

func (g *computeGenerator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *computeGenerator) cases(alias string) computeScope {
	s := computeScope{key: alias + ".case_id"}
	s.text = []string{alias + ".patient_first", alias + ".patient_last", alias + ".ins_provider", alias + ".patient_last", alias + ".user_id"}
	s.date = []string{alias + ".patient_dob", alias + ".patient_dob", alias + ".case_date"}
	s.number = []string{alias + ".active", alias + ".case_status", alias + ".human_case_id", alias + ".phi_encrypted", alias + ".pay_amount"}
	s.from = g.pick("cases ", "cases ", "cases ", "deleted_cases ") + g.pick("", "AS ") + alias
	return s
}

// scope is a FROM clause.
func (g *computeGenerator) scope() computeScope {
	s := g.cases("c")
	switch g.r.IntN(11) {
	case 5:
		s.from = "user_profile u RIGHT JOIN " + s.from + " ON u.user_id = c.user_id" + g.pick("", " AND u.last_name = c.patient_last")
		s.text = append(s.text, "u.last_name")
	case 6:
		s.from += g.pick(" JOIN ", " LEFT JOIN ") + "(SELECT UPPER(patient_last) AS grouped, COUNT(*) AS cases_of_it, MIN(patient_dob) AS eldest FROM cases GROUP BY UPPER(patient_last)) g ON g.grouped = c.patient_last"
		s.text, s.date, s.number = append(s.text, "g.grouped"), append(s.date, "g.eldest"), append(s.number, "g.cases_of_it")
	case 0:
		s.from += g.pick(" JOIN ", " LEFT JOIN ", " STRAIGHT_JOIN ") + "user_profile u ON u.user_id = c.user_id" + g.pick("", " AND u.active = 1", " AND u.last_name <= c.patient_last")
		s.text = append(s.text, "u.first_name", "u.last_name")
	case 1:
		d := g.cases("d")
		s.from += g.pick(" JOIN ", " LEFT JOIN ") + d.from + " ON " + g.pick("d.patient_last = c.patient_last", "UPPER(d.patient_first) = UPPER(c.patient_first)",
			"d.case_id = c.case_id", "d.patient_dob < c.patient_dob AND d.user_id = c.user_id", "d.patient_dob = c.patient_dob")
		s.text, s.date, s.number, s.key = append(s.text, d.text...), append(s.date, d.date...), append(s.number, d.number...), s.key+", "+d.key
	case 2:
		s.from += g.pick(" JOIN ", " LEFT JOIN ") + "case_procedure_codes p USING (case_id)"
		s.text, s.key = append(s.text, "p.procedure_code"), "c.case_id, p.procedure_code"
	case 3:
		s.from = "(SELECT case_id, user_id, patient_first, patient_last, ins_provider, patient_dob, case_date, active, case_status, human_case_id, phi_encrypted, pay_amount FROM cases" +
			g.pick("", " WHERE patient_last > 'D'", " WHERE active = 1", " WHERE patient_dob IS NOT NULL ORDER BY patient_last, case_id LIMIT 9") + ") c"
	case 4:
		s.from += " NATURAL JOIN case_procedure_codes p"
		s.text, s.key = append(s.text, "p.procedure_code"), "c.case_id, p.procedure_code"
	}
	return s
}

func (g *computeGenerator) literal() string {
	return g.pick("'Ann'", "'ann'", "'M'", "'Smith'", "''", "'O''Brien'", "'Müller'", "'a%'", "'%n'", "'Zed'", "NULL")
}

// text is a text expression.
func (g *computeGenerator) text(s computeScope, depth int) string {
	c := s.text[g.r.IntN(len(s.text))]
	if depth <= 0 || g.chance(30) {
		return c
	}
	inner := g.text(s, depth-1)
	switch g.r.IntN(28) {
	case 16:
		return "TRIM(" + g.pick("LEADING", "TRAILING", "BOTH") + " 'A' FROM " + inner + ")"
	case 17:
		return "ELT(" + g.number(s, 0) + ", " + inner + ", " + c + ", 'third')"
	case 18:
		return "INSERT(" + inner + ", 2, 1, 'xy')"
	case 19:
		return g.pick("DAYNAME", "MONTHNAME") + "(" + g.date(s, depth-1) + ")"
	case 20:
		return "FORMAT(" + g.number(s, depth-1) + ", 2)"
	case 21:
		return "CONVERT(" + inner + " USING " + g.pick("latin1", "utf8mb4", "ascii") + ")"
	case 22:
		return "JSON_UNQUOTE(JSON_EXTRACT(JSON_OBJECT('k', " + inner + "), '$.k'))"
	case 23:
		return "(SELECT MAX(z.patient_last) FROM " + g.pick("cases", "deleted_cases") + " z WHERE z.patient_first = " + c + ")"
	case 0:
		return "CONCAT(" + inner + ", ' ', " + c + ")"
	case 1:
		return "COALESCE(" + inner + ", " + g.pick("'none'", c, "''") + ")"
	case 2:
		return "SUBSTRING(" + inner + ", " + g.pick("1, 2", "2", "-3", "1, 1") + ")"
	case 3:
		return "CASE WHEN " + g.condition(s, depth-1) + " THEN " + inner + " ELSE " + g.pick("'else'", c, "NULL") + " END"
	case 4:
		return "IF(" + g.condition(s, depth-1) + ", " + inner + ", " + c + ")"
	case 5:
		return "NULLIF(" + inner + ", " + g.literal() + ")"
	case 6:
		return "CONCAT_WS(', ', " + inner + ", " + c + ")"
	case 7:
		return "REPLACE(" + inner + ", 'n', 'NN')"
	case 8:
		return g.pick("LPAD", "RPAD") + "(" + inner + ", 8, '*')"
	case 9:
		return "DATE_FORMAT(" + g.date(s, depth-1) + ", " + g.pick("'%Y'", "'%d.%m.%Y'", "'%W %M'") + ")"
	case 10:
		return "HEX(" + inner + ")"
	case 11:
		return g.pick("MD5", "SHA1", "QUOTE", "SOUNDEX", "TO_BASE64") + "(" + inner + ")"
	case 12:
		return "CAST(" + g.pick(inner, g.date(s, 0), g.number(s, 0)) + " AS CHAR)"
	case 13:
		return g.pick("GREATEST", "LEAST") + "(" + inner + ", " + c + ")"
	case 14:
		return "IFNULL(" + inner + ", 'none')"
	case 15:
		return "SUBSTRING_INDEX(" + inner + ", 'n', 1)"
	}
	return g.pick("UPPER", "LOWER", "TRIM", "REVERSE", "LTRIM", "RTRIM", "LCASE") + "(" + inner + ")"
}

func (g *computeGenerator) date(s computeScope, depth int) string {
	c := s.date[g.r.IntN(len(s.date))]
	if depth <= 0 || g.chance(50) {
		return c
	}
	switch g.r.IntN(4) {
	case 0:
		return c + g.pick(" + INTERVAL 1 DAY", " - INTERVAL 1 MONTH", " + INTERVAL 10 YEAR")
	case 1:
		return "LAST_DAY(" + c + ")"
	case 2:
		return "COALESCE(" + c + ", " + s.date[g.r.IntN(len(s.date))] + ")"
	}
	return "DATE_ADD(" + c + ", INTERVAL " + g.pick("3", "40", "-7") + " DAY)"
}

func (g *computeGenerator) number(s computeScope, depth int) string {
	c := s.number[g.r.IntN(len(s.number))]
	if depth <= 0 || g.chance(30) {
		return c
	}
	switch g.r.IntN(15) {
	case 8:
		return "ROUND(" + g.number(s, depth-1) + " / 7, 2)"
	case 9:
		return "(" + g.number(s, depth-1) + g.pick(" / 3", " DIV 2", " % 5", " | 4", " & 6") + ")"
	case 10:
		return g.pick("FIND_IN_SET", "INSTR", "FIELD") + "(" + g.text(s, depth-1) + ", " + c2(g, s) + ")"
	case 11:
		return "CAST(" + g.pick(c, g.text(s, 0), g.date(s, 0)) + " AS " + g.pick("SIGNED", "DECIMAL(12,3)", "UNSIGNED") + ")"
	case 12:
		return "ABS(" + g.number(s, depth-1) + " - 3)"
	case 13:
		return g.pick("WEEK", "WEEKDAY", "DAYOFYEAR", "UNIX_TIMESTAMP") + "(" + g.date(s, 0) + ")"
	case 0:
		return g.pick("LENGTH", "CHAR_LENGTH", "ASCII", "CRC32", "ORD") + "(" + g.text(s, depth-1) + ")"
	case 1:
		return g.pick("YEAR", "MONTH", "DAYOFWEEK", "TO_DAYS", "QUARTER") + "(" + g.date(s, depth-1) + ")"
	case 2:
		return "DATEDIFF(" + g.date(s, depth-1) + ", '2000-01-01')"
	case 3:
		return "TIMESTAMPDIFF(" + g.pick("YEAR", "MONTH", "DAY") + ", " + g.date(s, 0) + ", " + g.date(s, 0) + ")"
	case 4:
		return "(" + g.number(s, depth-1) + g.pick(" + ", " * ", " - ") + g.pick("1", "2", c) + ")"
	case 5:
		return "(" + g.condition(s, depth-1) + ")"
	case 6:
		return "LOCATE('n', " + g.text(s, depth-1) + ")"
	case 7:
		return "STRCMP(" + g.text(s, 0) + ", " + g.text(s, 0) + ")"
	}
	return "(SELECT COUNT(*) FROM cases z WHERE " + g.pick("z.patient_last = c.patient_last", "z.patient_first < c.patient_first", "z.user_id = c.user_id AND z.patient_dob > c.patient_dob") + ")"
}

// c2 is another text column.
func c2(g *computeGenerator, s computeScope) string { return s.text[g.r.IntN(len(s.text))] }

func (g *computeGenerator) condition(s computeScope, depth int) string {
	t, d := g.text(s, depth-1), g.date(s, depth-1)
	switch g.r.IntN(18) {
	case 0:
		return t + g.pick(" LIKE ", " NOT LIKE ") + g.pick("'%n%'", "'a%'", "'_n%'", "'S%h'")
	case 1:
		return t + g.pick(" IN ", " NOT IN ") + "(" + g.literal() + ", " + g.literal() + ", 'Bob')"
	case 2:
		return t + g.pick(" BETWEEN ", " NOT BETWEEN ") + "'B' AND 'P'"
	case 3:
		return d + g.pick(" < ", " >= ", " <> ", " <=> ") + g.pick("'1970-01-01'", "'1984-02-09'", "'2000-12-31'")
	case 4:
		return t + g.pick(" IS NULL", " IS NOT NULL")
	case 5:
		return t + g.pick(" REGEXP ", " NOT REGEXP ") + g.pick("'^[a-m]'", "'n+$'", "'.i'")
	case 6:
		return "NOT (" + t + " = " + g.literal() + ")"
	case 7:
		return "EXISTS (SELECT 1 FROM cases x WHERE " + g.pick("x.patient_last = c.patient_last AND x.case_id <> c.case_id", "x.patient_first = c.patient_first", "x.patient_dob > c.patient_dob") + ")"
	case 8:
		return t + g.pick(" IN ", " NOT IN ") + "(SELECT " + g.pick("last_name FROM user_profile", "patient_last FROM deleted_cases WHERE patient_last IS NOT NULL", "UPPER(patient_first) FROM cases") + ")"
	case 9:
		return "(" + s.text[0] + ", " + s.text[1] + ") " + g.pick("=", "IN", "<>") + " (('Ann', 'Smith'))"
	case 10:
		return d + g.pick(" > ANY ", " <= ALL ") + "(SELECT patient_dob FROM cases WHERE patient_dob IS NOT NULL)"
	case 11, 12:
		if depth > 0 {
			return "(" + g.condition(s, depth-1) + g.pick(" AND ", " OR ", " XOR ") + g.condition(s, depth-1) + ")"
		}
	case 13:
		return "c.user_id = '" + provider(1+g.r.IntN(3)) + "'"
	case 14:
		return "c.active = 1"
	case 15:
		return t + " COLLATE utf8mb4_bin = " + g.pick("'Ann'", "'Smith'")
	}
	return t + g.pick(" = ", " < ", " >= ", " <> ", " <=> ") + g.pick(g.literal(), g.text(s, 0))
}

// expression is any expression.
func (g *computeGenerator) expression(s computeScope) string {
	switch g.r.IntN(5) {
	case 0:
		return g.date(s, 2)
	case 1:
		return g.number(s, 2)
	case 2:
		return g.condition(s, 1)
	}
	return g.text(s, 2)
}

func (g *computeGenerator) where(s computeScope) string {
	if g.chance(30) {
		return ""
	}
	text := " WHERE " + g.condition(s, 2)
	for g.chance(40) {
		text += " AND " + g.condition(s, 1)
	}
	return text
}

func (g *computeGenerator) limit() string {
	return g.pick("", "", " LIMIT 5", " LIMIT 3, 4", " LIMIT 4 OFFSET 2", " LIMIT 0")
}

func (g *computeGenerator) statement() string {
	switch g.r.IntN(14) {
	case 7:
		return g.recursive()
	case 8:
		return g.unions()
	case 9:
		return g.frames()
	case 0, 1:
		return g.grouped()
	case 2:
		return g.distinct()
	case 3:
		return g.aggregated()
	case 4:
		return g.window()
	case 5:
		return g.setOperation()
	case 6:
		return g.nested()
	}
	return g.rows()
}

// rows shows rows in a whole order.
func (g *computeGenerator) rows() string {
	s := g.scope()
	var list []string
	for i := 0; i == 0 || g.chance(60); i++ {
		if e := g.expression(s); g.chance(50) {
			list = append(list, fmt.Sprint(e, " AS e", i))
		} else {
			list = append(list, named(e))
		}
	}
	if g.chance(15) {
		list = []string{g.pick("*", "c.*", "c.*, c.patient_last")}
	}
	order := g.expression(s) + g.pick("", " DESC", " ASC") + ", " + s.key
	return "SELECT " + strings.Join(list, ", ") + " FROM " + s.from + g.where(s) + " ORDER BY " + order + g.limit() + g.pick("", "", "", "", " FOR UPDATE")
}

// recursive builds rows from a value of a protected column.
func (g *computeGenerator) recursive() string {
	s := g.scope()
	return "WITH RECURSIVE r AS (SELECT 1 AS n, CAST(" + g.pick("MIN", "MAX") + "(" + g.pick("c.patient_last", "UPPER(c.patient_first)") + ") AS CHAR(50)) AS t FROM " + s.from + g.where(s) +
		" UNION ALL SELECT n + 1, LEFT(CONCAT(t, 'x'), 50) FROM r WHERE n < 4) SELECT n, t, (SELECT COUNT(*) FROM cases z WHERE z.patient_last " + g.pick("<", "=", ">=") + " r.t) AS found FROM r ORDER BY n"
}

// unions counts in a union that is a table.
func (g *computeGenerator) unions() string {
	part := func() string {
		s := g.scope()
		return "SELECT " + g.pick("UPPER(c.patient_last)", "UPPER(c.patient_first)", "UPPER(c.ins_provider)") + " AS t, " + g.pick("c.patient_dob", "c.case_date") + " AS d FROM " + s.from + g.where(s)
	}
	return "SELECT t, COUNT(*), MIN(d) FROM (" + part() + g.pick(" UNION ALL ", " UNION ") + part() + ") q GROUP BY t" + g.pick("", " HAVING COUNT(*) > 1", " HAVING MAX(d) > '1980-01-01'") + " ORDER BY t" + g.limit()
}

// frames has windows with names and frames.
func (g *computeGenerator) frames() string {
	s := g.scope()
	f := g.pick("SUM(CHAR_LENGTH(c.patient_last))", "COUNT(c.patient_first)", "MIN(c.patient_dob)", "MAX(c.patient_last)", "LAST_VALUE(c.patient_first)")
	frame := g.pick("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", "ROWS UNBOUNDED PRECEDING", "ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING", "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING")
	return "SELECT c.case_id, " + f + " OVER w AS f, ROW_NUMBER() OVER (PARTITION BY c.user_id ORDER BY " + g.pick("c.patient_last DESC", "c.patient_dob") + ", " + s.key + ") AS n FROM " + s.from + g.where(s) +
		" WINDOW w AS (" + g.pick("", "PARTITION BY c.patient_last ") + "ORDER BY " + s.key + " " + frame + ") ORDER BY " + s.key
}

// named gives a long expression a name. Without one it is named by its text, cut at a length that the names of work tables in it
// reach sooner or later than the client's (docs/differences.md).
func named(expression string) string {
	const longest = 150
	if len(expression) > longest {
		return expression + " AS long_one"
	}
	return expression
}

// groupKey is an expression none of whose values compare equal without being so.
func (g *computeGenerator) groupKey() string {
	return g.pick("c.patient_last", "UPPER(c.patient_first)", "YEAR(c.patient_dob)", "c.ins_provider", "LEFT(UPPER(c.patient_last), 1)", "c.patient_dob", "c.patient_dob IS NULL",
		"CHAR_LENGTH(c.patient_first)", "c.user_id", "c.patient_first COLLATE utf8mb4_bin")
}

func (g *computeGenerator) aggregate(s computeScope) string {
	t := "UPPER(" + s.text[g.r.IntN(len(s.text))] + ")"
	switch g.r.IntN(9) {
	case 0:
		return "COUNT(DISTINCT " + t + ")"
	case 1:
		return "GROUP_CONCAT(" + t + " ORDER BY " + t + g.pick("", " DESC") + ")"
	case 2:
		return g.pick("MIN", "MAX") + "(" + g.date(s, 1) + ")"
	case 3:
		return g.pick("SUM", "AVG", "MAX", "MIN", "BIT_OR") + "(" + g.number(s, 1) + ")"
	case 4:
		return "COUNT(" + g.expression(s) + ")"
	case 5:
		return "GROUP_CONCAT(DISTINCT " + t + " ORDER BY 1)"
	case 6:
		return "SUM(" + g.condition(s, 1) + ")"
	}
	return g.pick("MIN", "MAX") + "(" + t + ")"
}

func (g *computeGenerator) grouped() string {
	s := g.scope()
	keys := []string{g.groupKey()}
	if g.chance(35) {
		keys = append(keys, g.groupKey())
	}
	list := strings.Join(keys, ", ") + ", " + named(g.aggregate(s))
	if g.chance(40) {
		list += ", " + g.aggregate(s) + " AS a"
	}
	text := "SELECT " + list + " FROM " + s.from + g.where(s) + " GROUP BY " + strings.Join(keys, ", ")
	if g.chance(10) {
		return text + " WITH ROLLUP"
	}
	if g.chance(35) {
		text += " HAVING " + g.pick("COUNT(*) > 1", "MIN(c.patient_dob) > '1970-01-01'", "MAX(c.patient_last) LIKE '%n%'", "COUNT(DISTINCT c.patient_last) < 3", "COUNT(*) BETWEEN 1 AND 2")
	}
	return text + " ORDER BY " + g.pick("", "COUNT(*) DESC, ", "MIN(c.patient_dob), ") + strings.Join(keys, ", ") + g.limit()
}

func (g *computeGenerator) distinct() string {
	s := g.scope()
	keys := []string{g.groupKey()}
	if g.chance(50) {
		keys = append(keys, g.groupKey())
	}
	return "SELECT DISTINCT " + strings.Join(keys, ", ") + " FROM " + s.from + g.where(s) + " ORDER BY " + strings.Join(keys, ", ") + g.limit()
}

func (g *computeGenerator) aggregated() string {
	s := g.scope()
	list := named(g.aggregate(s))
	for g.chance(50) {
		list += ", " + named(g.aggregate(s))
	}
	return "SELECT " + list + " FROM " + s.from + g.where(s)
}

func (g *computeGenerator) window() string {
	s := g.scope()
	over := " OVER (" + g.pick("", "PARTITION BY c.user_id ", "PARTITION BY UPPER(c.patient_last) ", "PARTITION BY c.active ") + "ORDER BY " + g.pick("c.patient_last, ", "c.patient_dob DESC, ", "UPPER(c.patient_first), ") + s.key + ")"
	f := g.pick("ROW_NUMBER()", "RANK()", "LAG(c.patient_last)", "LEAD(c.patient_dob, 2)", "FIRST_VALUE(c.patient_first)", "COUNT(*)", "SUM(CHAR_LENGTH(c.patient_last))", "NTILE(3)", "MAX(c.patient_dob)", "NTH_VALUE(c.patient_first, 2)", "CUME_DIST()")
	return "SELECT c.case_id, " + f + over + g.pick("", " AS w") + " FROM " + s.from + g.where(s) + " ORDER BY " + s.key + ", 2" + g.limit()
}

func (g *computeGenerator) setOperation() string {
	key := g.pick("UPPER(c.patient_first)", "c.patient_last", "YEAR(c.patient_dob)", "c.patient_dob", "c.ins_provider, c.user_id")
	part := func() string { s := g.scope(); return "SELECT " + key + " FROM " + s.from + g.where(s) }
	return part() + g.pick(" UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT ", " UNION ") + part() + " ORDER BY 1" + strings.Repeat(", 2", strings.Count(key, "user_id")) + g.limit()
}

// nested has its computed columns in a derived table or common table expression.
func (g *computeGenerator) nested() string {
	s := g.scope()
	inner := "SELECT " + s.key + " AS k, " + g.text(s, 2) + " AS t, " + g.date(s, 1) + " AS d, " + g.number(s, 2) + " AS n FROM " + s.from + g.where(s)
	if strings.Contains(s.key, ",") {
		inner = strings.Replace(inner, s.key+" AS k", "CONCAT_WS('-', "+s.key+") AS k", 1)
	}
	outer := g.pick("SELECT k, t, d, n FROM q ORDER BY t, k", "SELECT COUNT(*), MIN(d), MAX(n) FROM q", "SELECT t, k FROM q WHERE t > 'B' ORDER BY k", "SELECT a.k, b.k FROM q a JOIN q b ON a.t = b.t ORDER BY 1, 2",
		"SELECT d, COUNT(*) FROM q GROUP BY d ORDER BY d", "SELECT k, t FROM q WHERE n = (SELECT MAX(n) FROM q) ORDER BY k")
	if g.chance(60) || strings.Count(outer, "FROM q") > 1 || strings.Contains(outer, "JOIN q") {
		return "WITH q AS (" + inner + ") " + outer
	}
	return strings.Replace(outer, "FROM q", "FROM ("+inner+") q", 1)
}

// computeData are cases of three owners with names that tell collations apart: letters of other cases, accents, spaces at the
// end, empty and missing ones.
func computeData() []string {
	var out []string
	first := []string{"'Ann'", "'ann'", "'ANN'", "'Bob'", "'Émile'", "NULL", "''", "'Zoë'", "'O''Brien'", "'😀 名'", "'Ann Lee'", "'x'", "'Bob'", "'mia'"}
	last := []string{"'Smith'", "'Müller'", "'Jones'", "NULL", "'Smith'", "'Zed'", "''", "'Nguyen'", "'Jones'", "'de la Cruz'", "'Smith'", "'Brown'", "'Brown'", "'Lee'"}
	dob := []string{"'1984-02-09'", "'1970-01-01'", "NULL", "'2000-02-29'", "'1984-02-09'", "'1999-12-31'", "'1930-07-04'", "NULL", "'2010-10-10'", "'1955-05-05'", "'1970-01-01'", "'1984-02-10'", "'2024-01-31'", "'1001-01-01'"}
	ins := []string{"'Aetna'", "'Cigna'", "NULL", "'Aetna'", "''"}
	for i := 1; i <= 3; i++ {
		out = append(out, fmt.Sprintf("INSERT INTO user_profile (user_id, user_email, first_name, last_name, active) VALUES ('%s', 'm%d', 'f%d', %s, %d)", provider(i), i, i, last[i], i%2))
	}
	for _, table := range []string{"cases", "deleted_cases"} {
		for i := range first {
			if table == "deleted_cases" && i%3 == 0 {
				continue
			}
			out = append(out, fmt.Sprintf("INSERT INTO %s (case_id, user_id, human_case_id, patient_first, patient_last, ins_provider, patient_dob, active, case_status, pay_amount, case_date) VALUES ('k%02d', '%s', %d, %s, %s, %s, %s, %d, %d, %d.25, '20%02d-03-1%d')",
				table, i, provider(1+i%3), i+1, first[i], last[i], ins[i%len(ins)], dob[i], i%2, i%4, i*37%11, i, i%10))
		}
	}
	for i := range first {
		if i%2 == 0 {
			out = append(out, fmt.Sprintf("INSERT INTO case_procedure_codes (case_id, procedure_code) VALUES ('k%02d', 'p%d'), ('k%02d', 'q%d')", i, i, i, i))
		}
	}
	return out
}
