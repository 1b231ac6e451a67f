package catalog

import (
	"strings"

	"phiproxy/rewrite"
	"phiproxy/rewrite/logical"
)

// JSONCheck is what SHOW CREATE TABLE prints of MariaDB's JSON, which is a LONGTEXT with this constraint.
func JSONCheck(column string) string { return "CHECK (json_valid(" + QuoteName(column) + "))" }

// Split takes the constraint of MariaDB's JSON off the definition.
func (m *Metadata) Split() (definition, check string) {
	const word = " CHECK (json_valid("
	at := strings.LastIndex(m.Definition, word)
	if at < 0 || m.Type != "longtext" {
		return m.Definition, ""
	}
	return m.Definition[:at], m.Definition[at+1:]
}

// Logical makes the column's logical type.
func (m *Metadata) Logical(f rewrite.Flavor) (logical.Type, error) {
	_, check := m.Split()
	return logical.Parse(logical.Definition{JSON: check != "", Type: m.Type, Charset: m.Charset, Collation: m.Collation, CollationID: m.CollationID, MariaDB: f == rewrite.MariaDB})
}
