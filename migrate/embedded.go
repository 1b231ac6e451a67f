package migrate

import (
	"phiproxy/migrate/catalog"
	"phiproxy/rewrite"
)

// This file and its users know where go-mysql-server differs: it adds a time of day to dates that become bytes, cannot
// evaluate a subquery in an UPDATE's WHERE, and has no lock_wait_timeout.

// embedded tells that the server is the demo's.
func (p *planner) embedded() bool { return p.found.Server.Flavor == rewrite.Embedded }

// embeddedDates mends what go-mysql-server does to a DATE that becomes bytes: it adds a time of day.
func (p *planner) embeddedDates(info *catalog.TableInfo, targets []*target) {
	if !p.embedded() {
		return
	}
	for _, g := range targets {
		if name := catalog.QuoteName(g.info.Name); g.info.Type == "date" {
			p.step(info.Schema+"."+info.Name, "the embedded server adds a time of day to dates that become bytes", "",
				"UPDATE %s SET %s = LEFT(%s, 10) WHERE LENGTH(%s) = 19", qualified(info), name, name, name)
		}
	}
}
