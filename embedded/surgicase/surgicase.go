// Package surgicase is the sample database: the tables of the SurgiCase application and made-up patients to fill them.
// No name, date or number in it belongs to anybody.
package surgicase

import (
	_ "embed"
	"strings"
)

// Schema is the SQL script that makes the tables.
//
//go:embed schema.sql
var Schema string

// SchemaStatements is Schema, one statement each, without comments.
func SchemaStatements() []string {
	var lines []string
	for line := range strings.Lines(Schema) {
		code, _, _ := strings.Cut(line, "--") // no literal of the script holds two dashes
		lines = append(lines, strings.TrimRight(code, " \n"))
	}
	var statements []string
	for text := range strings.SplitSeq(strings.Join(lines, "\n"), ";") {
		if text = strings.TrimSpace(text); text != "" {
			statements = append(statements, text)
		}
	}
	return statements
}
