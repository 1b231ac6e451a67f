package scratch

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"phiproxy/rewrite"
)

// zones are the named time zones that a server has been given. Servers come without any; loading all of them takes
// seconds, one takes a millisecond.
type zones struct {
	mu     sync.Mutex
	loaded map[string]bool // name -> it exists
}

// What mysql_tzinfo_to_sql reads of a zone: the times of a 32-bit number.
const (
	firstTransition = -1 << 31
	lastTransition  = 1<<31 - 1
)

// zone makes a time zone known to the server, from this host's zone files or Go's. A zone that is in neither stays
// unknown, and SET time_zone then says so.
func (s *server) zone(ctx context.Context, name string) error {
	if !named(name) || s.flavor == rewrite.Embedded {
		return nil
	}
	s.zones.mu.Lock()
	defer s.zones.mu.Unlock()
	if s.zones.loaded[name] {
		return nil
	}
	if location, err := time.LoadLocation(name); err == nil && !strings.ContainsAny(name, `'\`) {
		if err := s.control(ctx, zoneStatements(name, location)...); err != nil {
			return err
		}
	}
	if s.zones.loaded == nil {
		s.zones.loaded = make(map[string]bool)
	}
	s.zones.loaded[name] = true
	return nil
}

// Zone makes a named time zone known to CONVERT_TZ. That of the settings is known by itself. The caller must know that
// the backend has its zone tables: where it has not, CONVERT_TZ gives NULL there.
func (s *Session) Zone(ctx context.Context, name string) error {
	return s.slot.server.zone(ctx, name)
}

// named tells names of the zone tables from SYSTEM and from offsets such as +01:00.
func named(name string) bool {
	return name != "" && !strings.EqualFold(name, "SYSTEM") && name[0] != '+' && name[0] != '-' && (name[0] < '0' || name[0] > '9')
}

// zoneType is a row of mysql.time_zone_transition_type.
type zoneType struct {
	offset int
	dst    bool
	name   string
}

// zoneStatements fill the zone tables; the name comes last, with which the zone becomes visible.
func zoneStatements(name string, location *time.Location) []string {
	var transitions, kinds []string
	known := make(map[zoneType]int)
	for at := int64(firstTransition); ; {
		t := time.Unix(at, 0).In(location)
		abbreviation, offset := t.Zone()
		kind := zoneType{offset, t.IsDST(), abbreviation}
		if _, ok := known[kind]; !ok {
			known[kind] = len(known)
			kinds = append(kinds, fmt.Sprintf("(@zone, %d, %d, %t, %s)", known[kind], offset, kind.dst, quote(abbreviation[:min(8, len(abbreviation))])))
		}
		transitions = append(transitions, fmt.Sprintf("(@zone, %d, %d)", at, known[kind]))
		_, end := t.ZoneBounds()
		if end.IsZero() || end.Unix() > lastTransition {
			break
		}
		at = end.Unix()
	}
	return []string{
		"INSERT INTO mysql.time_zone (Use_leap_seconds) VALUES ('N')",
		"SET @zone = LAST_INSERT_ID()",
		"INSERT INTO mysql.time_zone_transition_type (Time_zone_id, Transition_type_id, " + quoteName("Offset") + ", Is_DST, Abbreviation) VALUES " + strings.Join(kinds, ","),
		"INSERT INTO mysql.time_zone_transition (Time_zone_id, Transition_time, Transition_type_id) VALUES " + strings.Join(transitions, ","),
		"INSERT IGNORE INTO mysql.time_zone_name (Name, Time_zone_id) VALUES (" + quote(name) + ", @zone)",
	}
}
