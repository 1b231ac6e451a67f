package proxy

import (
	"strconv"
	"strings"

	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
)

// environment is the part of a session's state that decides how values are read and shown; rewrite.State decides how SQL
// reads.
type environment struct {
	SQLMode     string          // @@sql_mode
	Mode        logical.Mode    // what it means for bad values
	Client      string          // @@character_set_client: of the text that the client sends
	Connection  string          // @@character_set_connection: what the server converts literals to
	Results     logical.Charset // @@character_set_results, "binary" when that is NULL
	SelectLimit uint64          // @@sql_select_limit: bounds the proxy's own SELECTs too
}

// stateQuery asks for the session's state. The first column is a text, so that its definition shows the collation id of
// character_set_results.
const stateQuery = "SELECT @@sql_mode, @@character_set_client, @@character_set_connection, @@character_set_results, " +
	"DATABASE(), @@sql_select_limit"

const stateColumns = 6

// setDirty says that state and env may no longer be true.
func (s *session) setDirty() { s.dirty, s.settings = true, nil }

// ensureState asks the server for the session's state when that may have changed since it was last asked. The server is
// the only one who knows it: a routine, a variable or another statement may have set it.
func (s *session) ensureState() error {
	if !s.dirty {
		return nil
	}
	a, err := s.query([]byte(stateQuery))
	if err != nil {
		return err
	}
	if len(a.Rows) != 1 || len(a.Columns) != stateColumns {
		return backendError(errOutOfStep)
	}
	row := a.Rows[0]
	limit, err := strconv.ParseUint(string(row[5]), 10, 64)
	if err != nil {
		return backendError(errOutOfStep)
	}
	mode := string(row[0])
	s.env = environment{
		SQLMode:     mode,
		Mode:        valueMode(mode, s.planner.Schema().Flavor),
		Client:      string(row[1]),
		Connection:  string(row[2]),
		Results:     resultCharset(row[3], a.Columns[0].Charset),
		SelectLimit: limit,
	}
	s.state = rewrite.State{Database: string(row[4]), Mode: token.ParseMode(mode)}
	s.uses(s.state.Database)
	if charsetWidth(s.env.Client) == 1 {
		s.state.Mode |= token.SingleByte
	}
	if row[3] == nil {
		s.state.Mode |= token.UnconvertedResults
	}
	s.dirty = false
	return nil
}

// readable refuses statements about protected tables under character sets whose values cannot be converted. It is asked
// before such a statement is planned.
func (s *session) readable() error {
	if charsetWidth(s.env.Client) == 0 || charsetWidth(s.env.Connection) == 0 {
		return fault.SessionCharset.With("character_set_client %s, character_set_connection %s", s.env.Client, s.env.Connection)
	}
	if s.env.Results.MaxLen == 0 {
		return fault.SessionCharset.With("character_set_results %s", s.env.Results.Name)
	}
	return nil
}

// legible is readable for a text that is about to be planned. One that names no protected table has no values to convert:
// SET NAMES must get a session out of a character set that is not supported.
func (s *session) legible(sql []byte) error {
	if !s.planner.MentionsTable(sql) && !rewrite.DangerousCharset(s.env.Client) {
		return nil
	}
	return s.readable()
}

func resultCharset(name []byte, id uint16) logical.Charset {
	if name == nil || string(name) == "binary" {
		return logical.Charset{Name: "binary", ID: id, MaxLen: 1}
	}
	canonical := string(name)
	if canonical == "utf8" {
		canonical = "utf8mb3"
	}
	return logical.Charset{Name: canonical, ID: id, MaxLen: charsetWidth(canonical)}
}

// charsetWidth is the longest character of a supported character set in bytes, 0 for any other.
func charsetWidth(name string) int {
	switch name {
	case "utf8mb4":
		return 4
	case "utf8mb3", "utf8":
		return 3
	case "latin1", "ascii":
		return 1
	}
	return 0
}

func valueMode(sqlMode string, flavor rewrite.Flavor) logical.Mode {
	m := logical.Mode{MariaDB: flavor == rewrite.MariaDB}
	for word := range strings.SplitSeq(sqlMode, ",") {
		switch word {
		case "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES":
			m.Strict = true
		case "NO_ZERO_DATE":
			m.NoZeroDate = true
		case "NO_ZERO_IN_DATE":
			m.NoZeroInDate = true
		case "ALLOW_INVALID_DATES":
			m.AllowInvalid = true
		}
	}
	return m
}
