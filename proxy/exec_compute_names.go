package proxy

import (
	"slices"
	"strconv"

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

// resultsCharset is the assignment that gives the session its character_set_results again. The variable has a collation, too, which
// column definitions show and the name of the character set does not tell: MySQL takes its number, MariaDB the whole SET NAMES.
func (s *session) resultsCharset(collation uint16, named bool, values map[string]*string) string {
	name, of := values["character_set_results"], values["collation_connection"]
	switch {
	case name == nil:
		return "character_set_results = NULL"
	case s.flavor() == rewrite.MySQL:
		return "character_set_results = " + strconv.Itoa(int(collation))
	case named:
		return "NAMES " + *name + " COLLATE " + *of
	}
	return "character_set_results = " + *name
}
