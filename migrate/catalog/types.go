package catalog

import "phiproxy/rewrite/logical"

// Logical makes the column's logical type.
func (m *Metadata) Logical() (logical.Type, error) {
	return logical.Parse(logical.Definition{Type: m.Type, Charset: m.Charset, Collation: m.Collation, CollationID: m.CollationID})
}
