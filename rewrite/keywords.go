package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/mysql"

	"phiproxy/rewrite/token"
)

// keywords are the words that the parser's grammar knows, in upper case, but for those that no MySQL or MariaDB server
// knows. Never written after it is built.
var keywords = func() map[string]bool {
	m := make(map[string]bool, len(parser.Keywords))
	for _, k := range parser.Keywords {
		m[strings.ToUpper(k.Word)] = true
	}
	for _, k := range []string{"ARRAY", "ILIKE", "UNTIL", "TIDB_CURRENT_TSO", "TABLESAMPLE"} {
		delete(m, k)
	}
	return m
}()

// parserMode is the part of sql_mode that changes the tree of a parse text. Quoting and escapes are gone from it.
func parserMode(m token.Mode) mysql.SQLMode {
	var mode mysql.SQLMode
	for _, f := range []struct {
		ours   token.Mode
		theirs mysql.SQLMode
	}{
		{token.PipesAsConcat, mysql.ModePipesAsConcat},
		{token.IgnoreSpace, mysql.ModeIgnoreSpace},
		{token.HighNotPrecedence, mysql.ModeHighNotPrecedence},
	} {
		if m&f.ours != 0 {
			mode |= f.theirs
		}
	}
	return mode
}
