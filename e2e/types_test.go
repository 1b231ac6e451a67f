package e2e

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

var allTypes = flag.Bool("types", false, "run TestTypes.. with every value of every type, and not with some of them")

// some chooses what runs when not everything does: every third.
func some(n int) bool { return *allTypes || n%3 == 0 }

// typedColumn is a line of types.txt.
type typedColumn struct {
	name, definition string
	values           []string // SQL expressions
}

func typedColumns(t *testing.T, kind servers.Kind) []typedColumn {
	t.Helper()
	text, err := os.ReadFile("testdata/types.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []typedColumn
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 3)
		other := map[servers.Kind]string{servers.MySQL: "M", servers.MariaDB: "Y"}[kind]
		if strings.HasPrefix(line, "#") || len(f) != 3 || strings.HasPrefix(f[0], other) {
			continue
		}
		list = append(list, typedColumn{f[0], f[1], strings.Split(f[2], " ; ")})
	}
	return list
}

// newTypedPair makes a table with a protected column of each type: empty ones on both sides, or, before the proxy prepares the
// database, with the rows that fill makes.
func newTypedPair(t *testing.T, s *servers.Server, name string, columns []typedColumn, fill ...string) *pair {
	t.Helper()
	create := "CREATE TABLE typed (id INT PRIMARY KEY, user_id VARCHAR(50) NOT NULL, note VARCHAR(20)"
	var names []string
	for _, c := range columns {
		create += ", " + c.name + " " + c.definition
		names = append(names, c.name)
	}
	plain, sealed := name+"_plain", name+"_crypt"
	for _, database := range []string{plain, sealed} {
		if err := harness.CreateDatabase(s, database); err != nil {
			t.Fatal(err)
		}
		c := direct(t, s, database)
		exec(t, c, "SET sql_mode=''", "SET time_zone='+00:00'", "SET timestamp=1763120000", create+") ROW_FORMAT=DYNAMIC")
		exec(t, c, fill...)
	}
	tables := fmt.Sprintf("  - {schema: %s, table: typed, owner: user_id, flag: '', columns: [%s]}", sealed, strings.Join(names, ", "))
	proxy, err := harness.Start(harness.Options{Server: s, Database: sealed, Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopProxy(t, proxy) })
	p := &pair{
		kind: s.Kind, plainServer: s, proxy: proxy, gaps: map[string]bool{},
		plain: side{conn: direct(t, s, plain), database: plain}, sealed: side{conn: app(t, proxy), database: sealed},
	}
	for _, side := range []side{p.plain, p.sealed} {
		exec(t, side.conn, "SET NAMES utf8mb4", "SET timestamp=1763120000", "SET time_zone='+05:30'")
	}
	return p
}

// both runs a statement without comparing.
func (p *pair) both(t *testing.T, statements ...string) {
	t.Helper()
	exec(t, p.plain.conn, statements...)
	exec(t, p.sealed.conn, statements...)
}

// say runs a statement in the text protocol, and, when it reads, in the binary one.
func (p *pair) say(t *testing.T, id, sql string) {
	t.Helper()
	reads := strings.HasPrefix(sql, "SELECT")
	st := statement{id: id + ": " + sql, sql: sql}
	p.compare(t, st, func(s side, sql string) answer { return s.runText(t, sql) }, false)
	if reads {
		p.compare(t, st, func(s side, sql string) answer { return s.runPrepared(t, sql, nil) }, true)
	}
}

var typedModes = []string{"STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO", ""}

// Values of every type are stored, changed, and shown as in a plaintext database, in strict mode and without.
func TestTypesValues(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		columns := typedColumns(t, s.Kind)
		p := newTypedPair(t, s, "types_values", columns)
		required := requiredValues(columns)
		for i, mode := range typedModes {
			p.both(t, "SET sql_mode='"+mode+"'")
			for at, c := range columns {
				for j, v := range c.values {
					if some(at + j + i) {
						p.storeTyped(t, c, v, required, i > 0)
					}
				}
			}
		}
		p.noGaps(t)
	})
}

// requiredValues are the assignments that a row needs because columns are NOT NULL.
func requiredValues(columns []typedColumn) map[string]string {
	required := map[string]string{}
	for _, c := range columns {
		if strings.Contains(c.definition, "NOT NULL") {
			required[c.name] = c.values[0]
		}
	}
	return required
}

func (p *pair) storeTyped(t *testing.T, c typedColumn, value string, required map[string]string, brief bool) {
	t.Helper()
	names, values := "id, user_id, "+c.name, "1, 'u1', "+value
	for name, v := range required {
		if name != c.name {
			names, values = names+", "+name, values+", "+v
		}
	}
	id := c.name + " " + value
	p.both(t, "DELETE FROM typed WHERE id = 1")
	p.say(t, id, "INSERT INTO typed ("+names+") VALUES ("+values+")")
	p.say(t, id, "SELECT "+c.name+", note FROM typed WHERE id = 1")
	if brief {
		return
	}
	p.say(t, id, "UPDATE typed SET "+c.name+" = "+value+", note = 'x' WHERE id = 1")
	p.say(t, id, "UPDATE typed SET "+c.name+" = "+value+" WHERE id = 1")
}

func (p *pair) noGaps(t *testing.T) {
	t.Helper()
	for gap := range p.gaps {
		if strings.Contains(gap, "PHI-") {
			t.Errorf("refused: %s", gap)
		}
	}
}

// expectGaps takes only refusals of parameters that are of another kind than their column, and those that MariaDB takes through
// the time zone.
func (p *pair) expectGaps(t *testing.T) {
	t.Helper()
	for gap := range p.gaps {
		if f := strings.Fields(gap); strings.Contains(gap, "PHI-") && (len(f) != 3 || f[2] != "PHI-1150" || !slices.Contains(otherKinds, f[1])) {
			t.Errorf("refused: %s", gap)
		}
	}
}

// otherKinds are parameters that columns of some types refuse.
var otherKinds = []string{"blob", "date", "datetime", "micros", "timestamp", "time", "time6", "float", "double", "whole", "large", "decimal", "longlong", "digits", "words", "empty", "clock", "day", "moment", "raw", "umlaut", "tiny-"}

// typedParams are parameters of every type of the binary protocol.
func typedParams() map[string]packet.Param {
	double := func(f float64) packet.Param { return number(mysql.MYSQL_TYPE_DOUBLE, false, math.Float64bits(f), 8) }
	moment := func(kind byte, b ...byte) packet.Param { return bound(kind, false, b) }
	return map[string]packet.Param{
		"null": {ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_NULL}, Null: true},
		"tiny": number(mysql.MYSQL_TYPE_TINY, false, 5, 1), "tiny-": number(mysql.MYSQL_TYPE_TINY, false, 0xff, 1), "short": number(mysql.MYSQL_TYPE_SHORT, true, 2020, 2),
		"long": number(mysql.MYSQL_TYPE_LONG, false, 20200105, 4), "longlong": number(mysql.MYSQL_TYPE_LONGLONG, true, math.MaxUint64, 8),
		"float":  bound(mysql.MYSQL_TYPE_FLOAT, false, binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5))),
		"double": double(0.1), "whole": double(7), "large": double(1e300),
		"decimal": bound(mysql.MYSQL_TYPE_NEWDECIMAL, false, []byte("12.30")),
		"digits":  stringParam("42"), "words": stringParam("no number"), "empty": stringParam(""), "clock": stringParam("10:20:30"),
		"day": stringParam("2020-01-05"), "moment": stringParam("2020-01-05 10:20:30.25"),
		"date": moment(mysql.MYSQL_TYPE_DATE, 0xe4, 7, 1, 5), "datetime": moment(mysql.MYSQL_TYPE_DATETIME, 0xe4, 7, 1, 5, 10, 20, 30),
		"micros": moment(mysql.MYSQL_TYPE_DATETIME, 0xe4, 7, 1, 5, 10, 20, 30, 0x20, 0xa1, 7, 0), "timestamp": moment(mysql.MYSQL_TYPE_TIMESTAMP, 0xe4, 7, 1, 5, 10, 20, 30),
		"time": moment(mysql.MYSQL_TYPE_TIME, 0, 1, 0, 0, 0, 2, 3, 4), "time6": moment(mysql.MYSQL_TYPE_TIME, 1, 0, 0, 0, 0, 2, 3, 4, 1, 0, 0, 0),
		"raw": stringParam("\xff\xd8\x00"), "umlaut": stringParam("ü"),
		"blob": bound(mysql.MYSQL_TYPE_BLOB, false, []byte("7")),
	}
}

// Parameters of every type for a column of every type.
func TestTypesParameters(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		columns := typedColumns(t, s.Kind)
		p := newTypedPair(t, s, "types_parameters", columns)
		required := requiredValues(columns)
		for at, c := range columns {
			names, values := "id, user_id, "+c.name, "1, 'u1', ?"
			for name, v := range required {
				if name != c.name {
					names, values = names+", "+name, values+", "+v
				}
			}
			for i, kind := range slices.Sorted(maps.Keys(typedParams())) {
				if !some(at + i) {
					continue
				}
				if kind == "umlaut" && (c.name == "c_sjis" || c.name == "c_cp1251") {
					continue // an UPDATE that finds no row does not look at its values
				}
				param := typedParams()[kind]
				id := c.name + " " + kind
				p.both(t, "DELETE FROM typed WHERE id = 1")
				for _, sql := range []string{"INSERT INTO typed (" + names + ") VALUES (" + values + ")", "UPDATE typed SET note = 'x', " + c.name + " = ? WHERE id = 1"} {
					p.compare(t, statement{id: id, sql: sql}, func(s side, sql string) answer { return s.runPrepared(t, sql, []packet.Param{param}) }, true)
				}
				p.say(t, id, "SELECT "+c.name+" FROM typed WHERE id = 1")
			}
		}
		p.expectGaps(t)
	})
}

// typedReads are statements about a column C, for which V is one of its values.
var typedReads = []string{
	"SELECT C, id FROM typed ORDER BY id", "SELECT id FROM typed WHERE C = V ORDER BY id", "SELECT id FROM typed WHERE C <> V ORDER BY id",
	"SELECT id, C FROM typed ORDER BY C DESC, id LIMIT 3", "SELECT C, COUNT(*) FROM typed GROUP BY C ORDER BY C", "SELECT MIN(C), MAX(C), COUNT(DISTINCT C) FROM typed",
	"SELECT C + 1 FROM typed ORDER BY id", "SELECT CONCAT(C, ''), LENGTH(C), HEX(C) FROM typed ORDER BY id", "SELECT COALESCE(C, 'none'), IFNULL(C, 0) FROM typed ORDER BY id",
	"SELECT x.C FROM (SELECT id, C FROM typed) x ORDER BY x.id", "SELECT C FROM typed WHERE id < 3 UNION ALL SELECT C FROM typed WHERE id > 2",
	"SELECT CAST(C AS CHAR), C IS NULL, CASE WHEN C > V THEN C END FROM typed ORDER BY id", "SELECT a.id, b.id FROM typed a JOIN typed b ON a.C = b.C ORDER BY 1, 2",
	"SELECT id FROM typed WHERE C IN (V, V) OR C BETWEEN V AND V ORDER BY id", "SELECT DISTINCT C FROM typed ORDER BY 1",
}

// Documents that are made of texts, integers and themselves are MySQL's own; others are refused.
func TestTypesDocuments(t *testing.T) {
	onEach(t, []servers.Kind{servers.MySQL}, func(t *testing.T, s *servers.Server) {
		p := newTypedPair(t, s, "types_documents", []typedColumn{{name: "j", definition: "JSON"}, {name: "k", definition: "JSON"}})
		p.both(t, "INSERT INTO typed (id, user_id, j) VALUES (1, 'u1', '{}'), (2, 'u2', NULL)")
		for _, value := range []string{"JSON_SET(j, '$.a', 1, '$.b', 'x')", "JSON_MERGE_PATCH(j, '{\"c\": 1.25}')", "JSON_OBJECT('d', JSON_ARRAY(1, TRUE, NULL), 'e', j)", "JSON_REMOVE(j, '$.d')", "CONCAT('{', '}')"} {
			p.say(t, value, "UPDATE typed SET j = "+value)
			p.say(t, value, "SELECT id, j, JSON_TYPE(j), JSON_TYPE(j->'$.a'), j->>'$.b' FROM typed ORDER BY id")
		}
		for _, value := range []string{"JSON_SET(j, '$.a', 1.5)", "JSON_OBJECT('a', CURDATE())", "JSON_OBJECT('a', CAST(1 AS UNSIGNED))", "CAST('1' AS JSON)", "k"} {
			if _, refused := p.sealed.runText(t, "UPDATE typed SET j = "+value).refused(); !refused {
				t.Errorf("%s is not refused", value)
			}
			if _, refused := p.sealed.runText(t, "INSERT INTO typed (id, user_id, j) VALUES (1, 'u1', '{}') ON DUPLICATE KEY UPDATE j = "+value).refused(); !refused {
				t.Errorf("%s is not refused for a row that is there", value)
			}
		}
	})
}

// Values of every type are computed with as in a plaintext database.
func TestTypesComputed(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		columns := typedColumns(t, s.Kind)
		p := newTypedPair(t, s, "types_computed", columns)
		p.both(t, "SET sql_mode=''")
		for row := range 5 {
			p.both(t, typedRow(columns, row))
		}
		for _, sql := range []string{"SELECT * FROM typed ORDER BY id", "SHOW FULL COLUMNS FROM typed", "DESCRIBE typed", "SHOW CREATE TABLE typed"} {
			p.say(t, "whole", sql)
		}
		p.addPlans(t, "types_computed")
		for _, side := range p.sessions() {
			exec(t, side.conn, "SET sql_mode=''", "SET time_zone='+05:30'")
		}
		for i, c := range columns {
			for j, sql := range typedReads {
				if !some(i + j) {
					continue
				}
				p.say(t, c.name, about(sql, c, (i+j)%len(c.values)))
			}
			for _, sql := range []string{"UPDATE typed SET C = C + 1 WHERE id = 1", "UPDATE typed SET C = C, note = 'n' WHERE C IS NOT NULL", "UPDATE typed SET note = 'v' WHERE C = V"} {
				p.say(t, c.name, about(sql, c, 0))
			}
			p.say(t, c.name, about("SELECT id, C, note FROM typed ORDER BY id", c, 0))
		}
		delete(p.gaps, "Yj_jsony: UPDATE typed SET Yj_jsony = Yj_jsony + 1 WHERE id = 1 PHI-1150") // no document, see TestTypesDocuments
		p.noGaps(t)
	})
}

var columnWord, valueWord = regexp.MustCompile(`\bC\b`), regexp.MustCompile(`\bV\b`)

// about is a statement about a column and one of its values.
func about(sql string, c typedColumn, value int) string {
	return valueWord.ReplaceAllLiteralString(columnWord.ReplaceAllLiteralString(sql, c.name), c.values[value])
}

// typedRow is a row with a value in each column.
func typedRow(columns []typedColumn, row int) string {
	names, values := "id, user_id", fmt.Sprintf("%d, 'u%d'", row, row%2)
	for _, c := range columns {
		names, values = names+", "+c.name, values+", "+c.values[row%len(c.values)]
	}
	return "INSERT INTO typed (" + names + ") VALUES (" + values + ")"
}

// What a table held before it was protected is shown as before.
func TestTypesMigrated(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		columns := typedColumns(t, s.Kind)
		var fill []string
		for row := range 5 {
			fill = append(fill, typedRow(columns, row))
		}
		p := newTypedPair(t, s, "types_migrated", columns, fill...)
		p.say(t, "all", "SELECT * FROM typed ORDER BY id")
		for _, c := range columns {
			p.say(t, c.name, "SELECT id FROM typed WHERE "+c.name+" IS NOT NULL ORDER BY "+c.name+", id")
			p.say(t, c.name, "UPDATE typed SET "+c.name+" = "+c.name+" WHERE id < 3")
		}
		p.say(t, "all", "SELECT * FROM typed ORDER BY id")
		p.noGaps(t)
	})
}

// The time zone that nobody has chosen is that of the database's host.
func TestTypesInTheHostsZone(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newTypedPair(t, s, "types_host", []typedColumn{{name: "seen", definition: "TIMESTAMP NULL"}})
		p.both(t, "SET time_zone = 'SYSTEM'", "INSERT INTO typed VALUES (1, 'u', 'a', '2024-07-01 12:00:00')")
		p.say(t, "shown", "SELECT * FROM typed")
		p.say(t, "computed", "SELECT seen + INTERVAL 1 HOUR FROM typed")
		p.both(t, "SET time_zone = '-03:00'")
		p.say(t, "elsewhere", "SELECT * FROM typed")
		if len(p.gaps) > 0 {
			t.Errorf("refused: %v", p.gaps)
		}
	})
}
