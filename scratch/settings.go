package scratch

import (
	"fmt"
	"slices"
	"strings"

	"phiproxy/rewrite"
)

// Variables are the session variables that a Settings may hold, in the order in which they are set: those that change
// what an expression, a comparison or an assignment gives. What the backend says of them (SELECT @@name) is what the
// scratch session is told.
func Variables() []string {
	names := make([]string, len(variables))
	for i, v := range variables {
		names[i] = v.name
	}
	return names
}

type variable struct {
	name   string
	number bool
}

var variables = [...]variable{
	{name: "sql_mode"}, {name: "old_mode"}, {name: "time_zone"},
	{name: "character_set_client"}, {name: "character_set_connection"}, {name: "collation_connection"}, {name: "character_set_results"},
	{name: "default_collation_for_utf8mb4"}, {name: "character_set_collations"}, {name: "lc_time_names"}, {name: "block_encryption_mode"},
	{"timestamp", true}, {"group_concat_max_len", true}, {"div_precision_increment", true}, {"max_sort_length", true},
	{"default_week_format", true}, {"sql_select_limit", true}, {"sql_auto_is_null", true}, {"max_error_count", true}, {"sql_notes", true},
	{"cte_max_recursion_depth", true}, {"max_recursive_iterations", true}, {"windowing_use_high_precision", true},
	{"last_insert_id", true}, {"insert_id", true}, {"rand_seed1", true}, {"rand_seed2", true},
}

// Settings are the session variables of a client. The zero value holds none.
type Settings struct {
	// Names says that the character sets were chosen by SET NAMES .. COLLATE or at login: then not only literals have that
	// collation, but parameters and what results are said to be in, too.
	Names bool

	values [len(variables)]*string
	zone   string // time_zone
}

// NewSettings makes settings of names and values as SELECT @@name gives them, nil for NULL. Names that are not among
// Variables are an error: they cannot matter, or nobody has thought about them.
func NewSettings(values map[string]*string) (Settings, error) {
	var s Settings
	for name, value := range values {
		i := slices.IndexFunc(variables[:], func(v variable) bool { return v.name == strings.ToLower(name) })
		if i < 0 {
			return s, fmt.Errorf("scratch: %s is not a setting", name)
		}
		literal := "NULL"
		if value != nil {
			if variables[i].name == "time_zone" {
				s.zone = *value
			}
			var err error
			if literal, err = variables[i].literal(*value); err != nil {
				return s, err
			}
		}
		s.values[i] = &literal
	}
	return s, nil
}

// Zone is the time_zone, "" without one.
func (s *Settings) Zone() string { return s.zone }

// value is a setting's literal, nil without one.
func (s *Settings) value(name string) *string {
	return s.values[slices.IndexFunc(variables[:], func(v variable) bool { return v.name == name })]
}

// At gives the same settings at another time: seconds since 1970 with up to six decimals, what NOW() then says.
func (s Settings) At(timestamp string) (Settings, error) {
	i := slices.IndexFunc(variables[:], func(v variable) bool { return v.name == "timestamp" })
	literal, err := variables[i].literal(timestamp)
	s.values[i] = &literal
	return s, err
}

func (v variable) literal(value string) (string, error) {
	if !v.number {
		return quote(value), nil
	}
	if value == "" || strings.Trim(value, "0123456789.") != "" {
		return "", fmt.Errorf("scratch: the setting %s is not a number", v.name)
	}
	return value, nil
}

// quote makes a string literal for a session whose sql_mode is the engine's own.
func quote(text string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(text) + "'"
}

// name quotes an identifier.
func quoteName(text string) string { return "`" + strings.ReplaceAll(text, "`", "``") + "`" }

// assignments appends "name=value, ..." of the variables that the server knows.
func (s *Settings) assignments(dst []byte, known map[string]bool, f rewrite.Flavor) []byte {
	for i, v := range s.values {
		if s.Names && strings.Contains(variables[i].name, "_connection") || s.Names && variables[i].name == "character_set_results" {
			continue
		}
		if v == nil || !known[variables[i].name] {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ", "...)
		}
		if s.Names && variables[i].name == "character_set_client" {
			dst = append(append(append(append(dst, "NAMES "...), *v...), " COLLATE "...), *s.value("collation_connection")...)
			continue
		}
		dst = append(append(dst, variables[i].name...), '=')
		if i == 0 {
			dst = append(dst, workMode(*v, f)...)
		} else {
			dst = append(dst, *v...)
		}
	}
	return dst
}

// workMode is the sql_mode for tables without transactions: there STRICT_TRANS_TABLES would only hold for the first row
// of a statement. A mode that MySQL 8.0 has dropped without a change for expressions is left out.
func workMode(literal string, f rewrite.Flavor) string {
	modes := strings.Split(strings.Trim(literal, "'"), ",")
	if f == rewrite.MySQL {
		modes = slices.DeleteFunc(modes, func(m string) bool { return m == "NO_AUTO_CREATE_USER" })
	}
	if slices.Contains(modes, "STRICT_TRANS_TABLES") {
		modes = append(modes, "STRICT_ALL_TABLES")
	}
	return "'" + strings.Join(modes, ",") + "'"
}

// ownSettings are those under which rows are loaded, whatever the client has: dates that some session was once allowed
// to store must load, and TIMESTAMP values are in UTC.
const ownSettings = "SET sql_mode='" + ownMode + "', time_zone='+00:00', character_set_client=utf8mb4, character_set_connection=utf8mb4, character_set_results=utf8mb4"

const ownMode = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"

// ownDefaults makes them those of new and of reset sessions.
const ownDefaults = "SET GLOBAL sql_mode='" + ownMode + "', GLOBAL time_zone='+00:00', GLOBAL character_set_client=utf8mb4, GLOBAL character_set_connection=utf8mb4, " +
	"GLOBAL character_set_results=utf8mb4"
