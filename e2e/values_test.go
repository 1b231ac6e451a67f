package e2e

import (
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

// What logical types do with a value is tested against files that hold what the real servers did with it. Here these files
// are recorded (-update), and checked: the servers still say the same.

const logicalData = "../rewrite/logical/testdata/"

// recordedColumns are the columns of mysql.golden and mariadb.golden, and the modes that each is recorded in.
var recordedColumns = []struct{ typ, charset, group, modes string }{
	{"varchar(10)", "utf8mb4", "text", "SZI -"}, {"varchar(10)", "utf8mb3", "text", "SZI -"}, {"varchar(10)", "latin1", "text", "SZI -"},
	{"varchar(10)", "ascii", "text", "SZI -"}, {"char(5)", "utf8mb4", "text", "SZI -"}, {"char(5)", "latin1", "text", "SZI -"},
	{"tinytext", "utf8mb4", "text", "SZI -"}, {"tinytext", "latin1", "text", "SZI -"},
	{"date", "-", "date", "SZI S - ZI SA A SZ Z I"},
}

const goldenHead = `# What %s answers to INSERT of one value into one column, tab separated: column type, character set, sql_mode
# (S STRICT_TRANS_TABLES, Z NO_ZERO_DATE, I NO_ZERO_IN_DATE, A ALLOW_INVALID_DATES), kind and hexadecimal bytes of the value, then
# level, code and text of its only condition (the text without column and row), or of the error, then the hexadecimal stored text in UTF-8.
# A second condition is counted as "+1". The client's character set is utf8mb4. A kind that ends in ? is a parameter of the binary protocol.
# Recorded by e2e, TestRecordedValues, from values.txt.
`

// value is a line of values.txt.
type value struct {
	group, kind string
	bytes       []byte
}

func recordedValues(t *testing.T) []value {
	t.Helper()
	var out []value
	for _, line := range dataLines(t, "values.txt") {
		f := strings.Split(line, "\t")
		if len(f) != 3 {
			t.Fatalf("malformed line %q", line)
		}
		text, err := strconv.Unquote(f[2])
		if err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		out = append(out, value{f[0], f[1], []byte(text)})
	}
	return out
}

func dataLines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(logicalData + name)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	return out
}

func TestRecordedValues(t *testing.T) {
	names := map[servers.Kind]string{servers.MySQL: "MySQL 9.7", servers.MariaDB: "MariaDB 10.11"}
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		exec(t, direct(t, s, ""), "CREATE DATABASE recorded")
		c := direct(t, s, "recorded")
		got := fmt.Sprintf(goldenHead, names[s.Kind])
		for i, col := range recordedColumns {
			got += recordColumn(t, c, fmt.Sprintf("t%d", i), col.typ, col.charset, strings.Fields(col.modes), valuesOf(recordedValues(t), col.group))
		}
		checkGolden(t, logicalData+string(s.Kind)+".golden", got)
	})
}

func valuesOf(all []value, group string) []value {
	var out []value
	for _, v := range all {
		if v.group == group {
			out = append(out, v)
		}
	}
	return out
}

// checkGolden compares a text with a file; with -update it becomes the file.
func checkGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s, wanted (-) and got (+); go test -update accepts it\n%.3000s", path, diff)
	}
}

func recordColumn(t *testing.T, c *client.Conn, table, typ, charset string, modes []string, values []value) string {
	t.Helper()
	definition := typ
	if charset != "-" {
		definition += " CHARACTER SET " + charset
	}
	exec(t, c, "CREATE TABLE "+table+" (a "+definition+")", "START TRANSACTION")
	var b strings.Builder
	for _, mode := range modes {
		exec(t, c, "SET sql_mode='"+sqlMode(mode)+"'")
		for _, v := range values {
			r, sent := insertValue(t, c, table, v)
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%x\t%s\n", typ, charset, mode, v.kind, sent, outcome(t, c, table, r))
		}
	}
	exec(t, c, "ROLLBACK")
	return b.String()
}

func sqlMode(letters string) string {
	var words []string
	for _, m := range []struct{ letter, word string }{
		{"S", "STRICT_TRANS_TABLES"}, {"Z", "NO_ZERO_DATE"}, {"I", "NO_ZERO_IN_DATE"}, {"A", "ALLOW_INVALID_DATES"},
	} {
		if strings.Contains(letters, m.letter) {
			words = append(words, m.word)
		}
	}
	return strings.Join(words, ",")
}

// insertValue inserts a value as its kind says. sent is what phiproxy takes it for: the bytes themselves, or the text that it
// reads a parameter as.
func insertValue(t *testing.T, c *client.Conn, table string, v value) (r client.Result, sent []byte) {
	t.Helper()
	insert := "INSERT INTO " + table + " VALUES ("
	if !strings.HasSuffix(v.kind, "?") {
		results, err := c.Query(insert + literalOf(v) + ")")
		if err != nil {
			t.Fatal(err)
		}
		return results[0], v.bytes
	}
	prepared, err := c.Prepare(insert + "?)")
	if err != nil {
		t.Fatal(err)
	}
	param := temporalParam(t, v)
	results, err := c.Execute(prepared, param)
	if err != nil {
		t.Fatal(err)
	}
	if sent, err = packet.AppendTemporalText(nil, param.Type, param.Value); err != nil {
		t.Fatal(err)
	}
	if results[0].Err == nil { // before its statement is closed, which leaves the warnings alone on both servers
		defer func() { _ = c.CloseStatement(prepared) }()
	}
	return results[0], sent
}

func literalOf(v value) string {
	switch v.kind {
	case "string":
		return string(packet.AppendTextLiteral(nil, v.bytes, false))
	case "binary":
		return "x'" + hex.EncodeToString(v.bytes) + "'"
	case "temporal":
		word := "TIMESTAMP"
		if len(v.bytes) == len("YYYY-MM-DD") {
			word = "DATE"
		}
		return word + "'" + string(v.bytes) + "'"
	}
	return string(v.bytes)
}

// temporalParam is "YYYY-MM-DD[ hh:mm:ss[.ffffff]]" as the binary protocol has it, as short as it can be but for a time that is
// written out.
func temporalParam(t *testing.T, v value) packet.Param {
	t.Helper()
	types := map[string]byte{"date?": mysql.MYSQL_TYPE_DATE, "datetime?": mysql.MYSQL_TYPE_DATETIME, "timestamp?": mysql.MYSQL_TYPE_TIMESTAMP}
	var n [7]uint32 // year, month, day, hour, minute, second, microsecond
	fields, _ := fmt.Sscanf(string(v.bytes), "%d-%d-%d %d:%d:%d.%d", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6])
	b := []byte{byte(n[0]), byte(n[0] >> 8), byte(n[1]), byte(n[2]), byte(n[3]), byte(n[4]), byte(n[5]),
		byte(n[6]), byte(n[6] >> 8), byte(n[6] >> 16), byte(n[6] >> 24)}
	switch fields {
	case 3:
		b = b[:4]
		if n[0]+n[1]+n[2] == 0 {
			b = nil
		}
	case 6:
		b = b[:7]
	case 7:
	default:
		t.Fatalf("not a date: %q", v.bytes)
	}
	return bound(types[v.kind], false, b)
}

// behindText is the part of a message that names the column and row.
var behindText = regexp.MustCompile(` for column .* at row 1$`)

// message is a condition's text without column and row, escaped when it is not plain text.
func message(s string) string {
	s = behindText.ReplaceAllString(s, "")
	if strings.ContainsFunc(s, unicode.IsControl) {
		return strings.Trim(strconv.Quote(s), `"`)
	}
	return s
}

// outcome is what became of an INSERT: level, code and text of its condition, and what is stored. It leaves the table empty.
func outcome(t *testing.T, c *client.Conn, table string, r client.Result) string {
	t.Helper()
	if r.Err != nil {
		return fmt.Sprintf("Error\t%d\t%s\t", r.Err.Code, message(r.Err.Message))
	}
	condition := "-\t0\t"
	if r.Warnings > 0 {
		rows := query(t, c, "SHOW WARNINGS").Rows
		w := text(rows[0])
		condition = w[0] + "\t" + w[1] + "\t" + message(w[2])
		if len(rows) > 1 {
			condition += fmt.Sprintf(" +%d", len(rows)-1)
		}
	}
	rows := query(t, c, "SELECT LOWER(HEX(CONVERT(a USING utf8mb4))) FROM "+table).Rows
	exec(t, c, "DELETE FROM "+table)
	return condition + "\t" + text(rows[0])[0]
}

// Dates of the binary protocol, which are no text: phiproxy stores what the server would have, or refuses. Some ways to
// write send them on as parameters, others as text.
func TestTemporalParameters(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "temporal")
		for _, mode := range []string{"SZI", "-", "A"} {
			for _, side := range []side{p.plain, p.sealed} {
				exec(t, side.conn, "SET sql_mode='"+sqlMode(mode)+"'")
			}
			for _, v := range valuesOf(recordedValues(t), "date") {
				if strings.HasSuffix(v.kind, "?") {
					p.writeParam(t, mode, v, "patient_dob")
					p.writeParam(t, mode, v, "patient_last")
				}
			}
		}
		checkGaps(t, "temporal-"+string(s.Kind), p.gaps)
	})
}

// writeParam stores a parameter in all ways and looks at what is there after each.
func (p *pair) writeParam(t *testing.T, mode string, v value, column string) {
	t.Helper()
	param := temporalParam(t, v)
	for _, sql := range []string{
		"DELETE FROM cases WHERE case_id = 'temporal'",
		"INSERT INTO cases (case_id, user_id, human_case_id, COLUMN) VALUES ('temporal', '" + provider(1) + "', 77, ?)",
		"UPDATE cases SET COLUMN = ?, demo_file = 'x' WHERE case_id = 'temporal'",
		"REPLACE INTO cases (case_id, user_id, human_case_id, COLUMN) VALUES ('temporal', '" + provider(2) + "', 77, ?)",
		"SELECT COLUMN, demo_file, user_id FROM cases WHERE case_id = 'temporal'",
	} {
		sql = strings.ReplaceAll(sql, "COLUMN", column)
		verb, _, _ := strings.Cut(sql, " ")
		var params []packet.Param
		if strings.Contains(sql, "?") {
			params = append(params, param)
		}
		id := fmt.Sprintf("%s %s %s %s %q", verb, column, mode, v.kind, v.bytes)
		p.compare(t, statement{id: id, sql: sql}, func(s side, sql string) answer { return s.runPrepared(t, sql, params) }, true)
	}
}

// Column definitions: metadata.golden is MySQL's, and MariaDB's differs in one number.
func TestRecordedMetadata(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		exec(t, direct(t, s, ""), "CREATE DATABASE recorded_metadata")
		c := direct(t, s, "recorded_metadata")
		for i, line := range dataLines(t, "metadata.golden") {
			f := strings.Split(line, "|")
			table := fmt.Sprintf("t%d", i)
			exec(t, c, "CREATE TABLE "+table+" (a "+f[1]+")", "SET character_set_results="+f[0])
			col := query(t, c, "SELECT a FROM "+table).Columns[0]
			if s.Kind == servers.MariaDB && f[0] == "utf8mb4" && col.Charset == mariaDBDefault {
				col.Charset = mysqlDefault
			}
			if got := fmt.Sprintf("%d %d %d %d", col.Type, col.Charset, col.Length, col.Flags); got != f[2] {
				t.Errorf("%s: %s", line, got)
			}
			exec(t, c, "SET character_set_results=utf8mb4")
		}
	})
}

// The collations that the servers show for results in utf8mb4.
const (
	mysqlDefault   = 255
	mariaDBDefault = 45
)
