package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/token"
)

// statement is one statement of a differential run.
type statement struct {
	id  string
	sql string
}

// firstCase is the number in the ids of the seed data's first case.
const firstCase = 1756492391684

func provider(n int) string { return fmt.Sprintf("%08x-0091-7031-86bb-%012x", n, n) }

// seedNames are the words in braces that testdata/surgicase.sql uses.
func seedNames() *strings.Replacer {
	words := []string{
		"{ADMIN}", "a0000000-0000-4000-8000-00000000000a", "{EXCLUDED}", "04e884e8-4011-70e9-f3bd-d89fabd15c7b",
		"{P1}", provider(1), "{P2}", provider(2), "{P3}", provider(3), "{P2A}", fmt.Sprintf("%s_%d", provider(2), firstCase+1),
		"{LONG250}", strings.Repeat("😀", 250), "{LONG251}", strings.Repeat("x", 251),
	}
	for i := range 47 {
		words = append(words, fmt.Sprintf("{E%02d}", i+1), fmt.Sprintf("%s_%d", provider(1), firstCase+1000+i))
	}
	return strings.NewReplacer(words...)
}

// surgicase are the application's statements.
func surgicase(t *testing.T) []statement { return script(t, "surgicase.sql") }

// script are the statements of a file of testdata, each behind a line `-- @ID`.
func script(t *testing.T, name string) []statement {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	names := seedNames()
	var script []statement
	for _, part := range strings.Split(string(file), "-- @")[1:] {
		head, sql, _ := strings.Cut(part, "\n")
		id, _, _ := strings.Cut(head, " ")
		sql = strings.TrimSuffix(strings.TrimSpace(sql), ";")
		script = append(script, statement{id: id, sql: names.Replace(sql)})
	}
	return script
}

// parameterize turns the string literals of a statement, and the numbers of an INSERT, into parameters.
func parameterize(t *testing.T, sql string) (string, []packet.Param) {
	t.Helper()
	text := []byte(sql)
	tokens, err := token.Scan(nil, text, token.Options{})
	if err != nil {
		return sql, nil
	}
	insert := len(tokens) > 0 && (tokens[0].Is(text, "INSERT") || tokens[0].Is(text, "REPLACE"))
	var out strings.Builder
	var params []packet.Param
	at := 0
	for _, tok := range tokens {
		p, ok := asParam(tok, text, insert)
		if !ok {
			continue
		}
		out.WriteString(sql[at:tok.Start])
		out.WriteString("?")
		params = append(params, p)
		at = int(tok.End)
	}
	return out.String() + sql[at:], params
}

func asParam(tok token.Token, sql []byte, numbers bool) (packet.Param, bool) {
	switch {
	case tok.Kind == token.String:
		return bound(mysql.MYSQL_TYPE_VAR_STRING, false, token.Unquote(nil, tok.Text(sql), 0)), true
	case tok.Kind == token.Int && numbers:
		n, err := strconv.ParseUint(string(tok.Text(sql)), 10, 63)
		return number(mysql.MYSQL_TYPE_LONGLONG, false, n, 8), err == nil
	}
	return packet.Param{}, false
}
