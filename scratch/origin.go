package scratch

import "phiproxy/proxy/packet"

// origin is what a work table stands for.
type origin struct {
	schema, table string
	columns       map[string]Origin // column of the work table -> the client's column
}

// Origin is the column of the backend that a column of a work table stands for. Its names and flags are shown to the
// client in the place of the work table's.
type Origin struct {
	Schema, Table, Column string
	// Flags of the backend's column definition (mysql.PRI_KEY_FLAG ...); those that come from keys and defaults, which
	// work tables do not have, are taken over.
	Flags uint16
}

// keyFlags are the flags of a column definition that come from keys, defaults and AUTO_INCREMENT: primary key, unique,
// multiple, auto increment, timestamp, no default value, on update now, part of key.
const keyFlags = 1<<1 | 1<<2 | 1<<3 | 1<<9 | 1<<10 | 1<<12 | 1<<13 | 1<<14

// describe changes column definitions so that they speak of the client's tables.
func (s *Session) describe(columns [][]byte) error {
	for i, b := range columns {
		var c packet.Column
		if err := c.Decode(b); err != nil {
			return s.note(fail(Protocol, err))
		}
		work, ok := s.origins[string(c.OrgTable)]
		if len(c.Schema) > 0 && string(c.Schema) != s.slot.account.database {
			continue
		}
		if !ok { // a derived table, which belongs to the current database
			if len(c.Schema) > 0 {
				c.Schema = []byte(s.Database)
				columns[i] = c.Append(nil)
			}
			continue
		}
		if len(c.Schema) > 0 { // MariaDB names none for a column that came through a derived table
			c.Schema = []byte(work.schema)
		}
		o, ok := work.columns[string(c.OrgName)]
		if !ok { // a column of a derived table that stands for one of the table's
			c.OrgTable = []byte(work.table)
			columns[i] = c.Append(nil)
			continue
		}
		if string(c.Table) == string(c.OrgTable) {
			c.Table = []byte(o.Table)
		}
		c.OrgTable, c.OrgName = []byte(o.Table), []byte(o.Column)
		c.Flags = c.Flags&^keyFlags | o.Flags&keyFlags
		columns[i] = c.Append(nil)
	}
	return nil
}
