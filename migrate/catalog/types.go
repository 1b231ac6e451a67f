package catalog

import (
	"phiproxy/rewrite"
	"phiproxy/rewrite/logical"
)

// Logical makes the column's logical type.
func (m *Metadata) Logical(f rewrite.Flavor) (logical.Type, error) {
	return logical.Parse(logical.Definition{Type: m.Type, Charset: m.Charset, Collation: m.Collation, CollationID: m.CollationID, MariaDB: f == rewrite.MariaDB})
}
