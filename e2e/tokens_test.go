package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
	"phiproxy/rewrite/token"
)

// tokenStatements is how many statements the tokenizer is compared on, per server and way of reading.
var tokenStatements = flag.Int("tokens", 400, "statements of TestTokenizerReadsAsServers for each server, sql_mode and character set")

// reading is a session state that changes how text is cut into tokens.
type reading struct {
	sqlMode, charset string
}

func readings() []reading {
	return []reading{
		{"", "utf8mb4"}, {"ANSI_QUOTES", "utf8mb4"}, {"NO_BACKSLASH_ESCAPES", "utf8mb4"},
		{"ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT", "utf8mb4"}, {"IGNORE_SPACE", "latin1"},
	}
}

// TestTokenizerReadsAsServers writes each of many odd texts again from the tokens that we found in it: comments gone, every
// literal and quoted name spelled in another way. A server that reads both texts alike gives both the same answer; where
// it cut the first one differently than we did, it does not. Texts that the tokenizer refuses are left out.
func TestTokenizerReadsAsServers(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		for i, r := range readings() {
			t.Run(fmt.Sprintf("%s-%s", r.sqlMode, r.charset), func(t *testing.T) {
				compareTokens(t, s, r, rand.New(rand.NewPCG(uint64(i), 1)))
			})
		}
	})
}

func compareTokens(t *testing.T, s *servers.Server, r reading, random *rand.Rand) {
	c, err := s.Admin("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := tokenOptions(t, c, s.Kind, r)
	scanned, answered := 0, 0
	for range *tokenStatements {
		sql := oddText(random)
		toks, err := token.Scan(nil, sql, o)
		if err != nil {
			continue
		}
		scanned++
		again := respelled(sql, toks, o.Mode)
		first, second := answerTo(t, c, sql), answerTo(t, c, again)
		if first != second {
			t.Errorf("%s reads\n%q and\n%q\ndifferently:\n%s\n%s", s.Kind, sql, again, first, second)
		}
		if !strings.HasPrefix(first, "error") {
			answered++
		}
	}
	if scanned*3 < *tokenStatements || answered*6 < scanned {
		t.Errorf("%d texts, %d scanned, %d answered: the comparison has lost its force", *tokenStatements, scanned, answered)
	}
}

func tokenOptions(t *testing.T, c *client.Conn, kind servers.Kind, r reading) token.Options {
	t.Helper()
	for _, sql := range []string{
		"SET NAMES " + r.charset, fmt.Sprintf("SET sql_mode = '%s'", r.sqlMode),
		"CREATE DATABASE IF NOT EXISTS tokens", "USE tokens",
		"CREATE TABLE IF NOT EXISTS t (a INT, b VARCHAR(20), `1e` INT, `1a` INT, `x``y` INT, e5 INT, `x` INT)",
		"DELETE FROM t", "INSERT INTO t VALUES (1, 'b', 2, 3, 4, 5, 6)", "SET @a = 'u', @`b c` = 'v', @a.b = 'w'",
	} {
		if err := c.Exec(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	o := token.Options{Mode: token.ParseMode(r.sqlMode), Version: 90700}
	if kind == servers.MariaDB {
		o.MariaDB, o.Version = true, 101100
	}
	if r.charset == "latin1" {
		o.Mode |= token.SingleByte
	}
	return o
}

// answerTo is the server's answer in comparable form; column names are the text's own and left out.
func answerTo(t *testing.T, c *client.Conn, sql []byte) string {
	t.Helper()
	results, err := c.Query(string(sql))
	if err != nil {
		t.Fatalf("%q: %v", sql, err)
	}
	var b strings.Builder
	for _, r := range results {
		if r.Err != nil {
			fmt.Fprintf(&b, "error %d", r.Err.Code)
			continue
		}
		fmt.Fprintf(&b, "%d columns %+q", len(r.Columns), fmt.Sprint(r.Rows))
	}
	return b.String()
}

// respelled writes a text from its tokens.
func respelled(sql []byte, toks []token.Token, m token.Mode) []byte {
	var out []byte
	for i, t := range toks[:len(toks)-1] {
		text := t.Text(sql)
		glued := i > 0 && toks[i-1].End == t.Start
		if !glued || !staysGlued(sql, toks[i-1], t) {
			out = append(out, ' ')
		}
		switch {
		case t.Kind == token.String:
			out = appendString(out, text[0], token.Unquote(nil, text, m), m)
		case t.Kind == token.Quoted, t.Kind == token.Word && (isNumeral(text[0]) || glued && toks[i-1].IsOp(sql, ".") || qualifies(sql, toks[i:])):
			out = append(out, '`')
			out = append(append(out, strings.ReplaceAll(t.Name(sql), "`", "``")...), '`')
		default:
			out = append(out, text...)
		}
	}
	return out
}

// staysGlued tells where a space would change the meaning: calls, introducers, @@`name`.
func staysGlued(sql []byte, before, t token.Token) bool {
	return t.IsOp(sql, "(") || t.Kind == token.String && before.Kind == token.Word || before.Kind == token.SysVar
}

// qualifies reports whether the first token is a name because a point and another name are glued to it: from.t.
func qualifies(sql []byte, toks []token.Token) bool {
	return len(toks) > 2 && toks[0].End == toks[1].Start && toks[1].IsOp(sql, ".") && toks[1].End == toks[2].Start && toks[2].Kind == token.Word
}

func isNumeral(c byte) bool { return '0' <= c && c <= '9' }

func appendString(dst []byte, quote byte, value []byte, m token.Mode) []byte {
	dst = append(dst, quote)
	for _, c := range value {
		if c == quote || c == '\\' && m&token.NoBackslashEscapes == 0 {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, quote)
}

// Parts of odd texts. Words are chosen so that many of their combinations mean something.
var (
	oddAtoms = []string{
		"1", "12", "1.", ".5", "1.5", "1e3", "1e+2", ".5e-1", "1.e1", "0x41", "0X41", "0x4", "x'41'", "X'4142'", "b'1'", "0b101", "0b2", "0xg",
		"1e", "1a", "t.1e", "t.1a", "t . a", "t. `1a`", "`t`.a", "t.`x``y`", "tokens.t.a", "t.x", "`t` . `e5`", "t.a.b", "t.*", "*", "`t`.1a",
		"'a'", "''", "'a''b'", `"a"`, `"a""b"`, `'a\'b'`, `'a\\'`, `'\%\_\n\Z\0\x'`, `"a\"b"`, "'a' 'b'", "'a'\"b\"", "'é'", "'\xe9'", "'a\x00b'", "'*/'", "'/*'", "'--'", "'#'",
		"N'a'", "n'a'", "N 'a'", "_utf8mb4'a'", "_latin1 'a'", "_latin1 0x41", "_binary x'41'", "_nosuch'a'", "{d '2020-01-02'}", "{x 'a'}", "DATE'2020-01-02'",
		"@a", "@`b c`", "@'b c'", "@\"a\"", "@a.b", "@@version_comment=1", "@@session.sql_mode", "@@`autocommit`", "@@global.autocommit",
		"NULL", "TRUE", "a", "b", "`a`", "\"a\"", "e5", "COUNT(*)", "COUNT (*)", "CONCAT('a','b')", "CHAR(65 USING latin1)", "(1)", "((SELECT 1))", "-1", "- 1", "+1", "--1", "~1", "!1", "NOT 1",
		"1 AS é", "1 é", "1 AS 'c'", "1 `c`", "b LIKE 'b\\%'", "b LIKE 'b!%' ESCAPE '!'", "CASE WHEN 1 THEN 'a' END", "INTERVAL(1,2)", "1 IN (1,2)", "b IS NULL", "$a", "a$",
	}
	oddOperators = []string{"+", "-", "*", "/", "||", "&&", "<=>", "<>", "!=", "<<", ">>", "<=", ">=", "=", "<", ">", "%", "^", "&", "|", " OR ", " AND ", " XOR ", " DIV ", "->", "->>", "--", "=-", "=!", "<-", "*-"}
	oddSpaces    = []string{
		"", "", "", " ", " ", "\t", "\n", "\r", "\v", "\f", "/**/", "/* c */", "/*'*/", "/* \" */", "/*!*/", "/*! */", "/*!50000 */", "/*!40001 + 1 */", "/*! + 1 */", "/*!50000 + 1 /* x */ + 1 */",
		"/*!80000 + 1 */", "/*!50700 + 1 */", "/*!99999 + 1 */", "/*!99999 /* x */ + 1 */", "/*!100100 + 1 */", "/*!080030 + 1 */", "/*!050000+1*/", "/*!500001+1*/", "/*!50000+1*/", "/*!5000 + 1 */",
		"/*M! + 1 */", "/*M!100100 + 1 */", "/*M!50700 + 1 */", "/*M!80000 + 1 */", "/*!50000 'a' */", "/*!50000 -- x\n + 1 */", "/*!50000 # x\n + 1 */", "/*!50000 , '*/' */", "/*+ x */", "/*+ 'x' */", "/*+ `x */",
		"-- c\n", "--\n", "--\t'\n", "--\x01 c\n", "--\x7f\n", "# c\n", "#'\n", "#\r\n", "-- c\r\n", "/*/**/", "/***/", "/* * / */", "/*\n*/",
	}
	oddBytes = []byte("'\"`\\/*!#-.@eExXbBnN0159_$ \n,();?\x00\x01\xe9\xc3\xa9\xa0<>=&|:{}M+")
)

// oddText is a SELECT of odd expressions with odd spaces between them; sometimes some of its bytes are changed.
func oddText(r *rand.Rand) []byte {
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	text := "SELECT " + pick(oddSpaces) + pick(oddAtoms)
	for range r.IntN(3) {
		joint := ","
		if r.IntN(3) == 0 {
			joint = pick(oddOperators)
		}
		text += pick(oddSpaces) + joint + pick(oddSpaces) + pick(oddAtoms)
	}
	text += pick(oddSpaces)
	if r.IntN(3) > 0 {
		text += " FROM" + pick([]string{" t", " .t", " `t`", "/**/t", " tokens.t", " tokens . `t`", " t AS t"}) + pick(oddSpaces)
	}
	b := []byte(text)
	for range max(0, r.IntN(5)-2) {
		b = mutated(r, b)
	}
	return b
}

func mutated(r *rand.Rand, b []byte) []byte {
	i := 7 + r.IntN(len(b)-6)
	switch r.IntN(3) {
	case 0:
		return slices.Insert(b, i, oddBytes[r.IntN(len(oddBytes))])
	case 1:
		if i < len(b) {
			return slices.Delete(b, i, i+1)
		}
	}
	j := 7 + r.IntN(len(b)-6)
	return append(b, bytes.Clone(b[min(i, j):max(i, j)])...)
}
