package proxy

import (
	"fmt"
	"slices"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// zoneYears are those in which CONVERT_TZ of both servers is compared, winter and summer: what a 32-bit time can be.
const firstZoneYear, lastZoneYear = 1971, 2036

// knowZones gives the scratch server the zones of the statement's CONVERT_TZ calls, and makes sure that both servers mean the
// same by them: they may have other versions of the zone tables, or none.
func (c *compute) knowZones() error {
	for _, pair := range c.st.Compute.Zones {
		zones, err := c.st.Zones(pair, c.literal)
		if err != nil {
			return fault.ValueForm.With("parameter")
		}
		if err := c.knowPair(zones); err != nil {
			return err
		}
	}
	return nil
}

// knowPair compares what both servers make of moments in one zone, told in the other.
func (c *compute) knowPair(zones [2][]byte) error {
	text, n := zoneQuestion(zones)
	a, err := c.s.query(text)
	if err != nil {
		return err
	}
	for _, literal := range zones {
		if len(a.Rows) != 1 || a.Rows[0][0] == nil {
			break // the database does not know one of them
		}
		if err := c.scratch.Zone(c.s.ctx, string(token.Unquote(nil, literal, c.s.state.Mode))); err != nil {
			return err
		}
	}
	rows, err := c.scratch.Query(c.s.ctx, text)
	if err != nil {
		return err
	}
	row, err := rows.Next()
	if err != nil {
		return err
	}
	here, err := textRow(row, n)
	if err != nil {
		return err
	}
	same := len(a.Rows) == 1 && slices.EqualFunc(a.Rows[0], here, equalValues) // before the row's bytes are read over
	if err := rows.Close(); err != nil {
		return err
	}
	if !same {
		return fault.ScratchZones.With("CONVERT_TZ")
	}
	return nil
}

// zoneQuestion asks for n times.
func zoneQuestion(zones [2][]byte) (text []byte, n int) {
	text = []byte("SELECT ")
	for year := firstZoneYear; year <= lastZoneYear; year++ {
		for _, day := range []string{"01-15", "07-15"} {
			if n++; n > 1 {
				text = append(text, ", "...)
			}
			text = fmt.Appendf(text, "CONVERT_TZ('%d-%s 12:00:00', %s, %s)", year, day, zones[0], zones[1])
		}
	}
	return append(text, " LIMIT 1"...), n
}

// equalValues compares values of rows, of which nil is NULL.
func equalValues(a, b []byte) bool { return (a == nil) == (b == nil) && string(a) == string(b) }
