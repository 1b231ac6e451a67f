package proxy

import (
	"slices"

	"phiproxy/rewrite"
)

// namedCharset reports whether the session's character sets came with a collation of their own, as by SET NAMES .. COLLATE:
// results, whose definitions show it, then have another than the character set's default.
func (s *session) namedCharset(results uint16, values map[string]*string) bool {
	first := values["character_set_client"]
	for _, name := range []string{"character_set_connection", "character_set_results"} {
		if v := values[name]; first == nil || v == nil || *v != *first {
			return false
		}
	}
	utf8mb4 := uint16(255)
	if s.planner.Schema().Flavor == rewrite.MariaDB {
		utf8mb4 = 45
	}
	const latin1, ascii, utf8mb3 = 8, 11, 33
	return values["collation_connection"] != nil && !slices.Contains([]uint16{utf8mb4, latin1, ascii, utf8mb3}, results)
}
