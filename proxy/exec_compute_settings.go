package proxy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"phiproxy/rewrite"
	"phiproxy/scratch"
)

// notAsked are variables that the server does not have, by its family, or that do not decide what the statement gives.
var notAsked = map[rewrite.Flavor][]string{
	rewrite.MySQL:   {"insert_id", "rand_seed1", "rand_seed2", "old_mode", "character_set_collations", "max_recursive_iterations"},
	rewrite.MariaDB: {"insert_id", "rand_seed1", "rand_seed2", "default_collation_for_utf8mb4", "character_set_collations", "block_encryption_mode", "cte_max_recursion_depth", "windowing_use_high_precision"},
	rewrite.Embedded: {"insert_id", "rand_seed1", "rand_seed2", "old_mode", "character_set_collations", "max_recursive_iterations", "default_collation_for_utf8mb4",
		"block_encryption_mode", "windowing_use_high_precision"},
}

// settingsQuery asks for the session variables that decide what expressions give.
func settingsQuery(names []string) []byte {
	text := []byte("SELECT ")
	for i, name := range names {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(append(text, "@@"...), name...)
	}
	for _, at := range zoneSamples {
		text = fmt.Appendf(text, ", FROM_UNIXTIME(%d)", at)
	}
	return append(text, " LIMIT 1"...) // which @@sql_select_limit = 0 does not change
}

func settingNames(flavor rewrite.Flavor) []string {
	return slices.DeleteFunc(scratch.Variables(), func(name string) bool { return slices.Contains(notAsked[flavor], name) })
}

// scratchSettings are the session's variables as the scratch server shall have them. They are asked for when they may have
// changed, and when the statement wants to know the time, which is one of them.
func (s *session) scratchSettings(clock bool) (scratch.Settings, error) {
	if s.settings != nil && !clock {
		return *s.settings, nil
	}
	names := settingNames(s.flavor())
	a, err := s.query(settingsQuery(names))
	if err != nil {
		return scratch.Settings{}, err
	}
	if len(a.Rows) != 1 || len(a.Rows[0]) != len(names)+len(zoneSamples) {
		return scratch.Settings{}, backendError(errOutOfStep)
	}
	values := map[string]*string{}
	for i, v := range a.Rows[0][:len(names)] {
		switch {
		case names[i] == "timestamp" && !clock:
		case v == nil:
			values[names[i]] = nil
		default:
			text := string(v)
			values[names[i]] = &text
		}
	}
	if zone := values["time_zone"]; zone != nil && strings.EqualFold(*zone, systemZone) {
		if *zone, err = zoneOf(a.Rows[0][len(names):], time.Local); err != nil {
			return scratch.Settings{}, err
		}
	}
	settings, err := scratch.NewSettings(values)
	if err == nil {
		settings.Names = s.namedCharset(a.Columns[1].Charset, values)
		s.results = s.resultsCharset(a.Columns[1].Charset, settings.Names, values)
		if !clock { // the time is that of one statement
			s.settings = &settings
		}
	}
	return settings, err
}
