package migrate

import (
	"strings"

	"phiproxy/migrate/catalog"
)

// quote writes a SQL string for the session's sql_mode that open sets, in which backslashes escape.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}

func orNull(s string) string {
	if s == "" {
		return "NULL"
	}
	return quote(s)
}

func digit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func quoteNames(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = catalog.QuoteName(n)
	}
	return strings.Join(quoted, ", ")
}
