package e2e

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

var (
	computes    = flag.Int("computes", 400, "statements of TestRandomComputes on each server, each in both protocols")
	computeSeed = flag.Uint64("computes-seed", 1, "their seed")
	computeFrom = flag.Int("computes-from", 0, "number of the first one")
)

// perSettings is how many random statements run under the same settings.
const perSettings = 25

// randomSettings are settings that decide what expressions give.
var randomSettings = []string{
	"SET @none = 1", "SET sql_mode = ''", "SET sql_mode = 'PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,STRICT_TRANS_TABLES'", "SET time_zone = '+05:30', lc_time_names = 'de_DE'",
	"SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET div_precision_increment = 9, group_concat_max_len = 12", "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci", "SET NAMES latin1",
	"SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI,NO_ENGINE_SUBSTITUTION'", "SET time_zone = '-11:00', default_week_format = 3", "SET max_sort_length = 1024, sql_select_limit = 7",
	"SET character_set_results = latin1, lc_time_names = 'fr_FR'",
}

const plainSettings = "SET sql_mode = DEFAULT, time_zone = DEFAULT, lc_time_names = DEFAULT, group_concat_max_len = DEFAULT, div_precision_increment = DEFAULT, default_week_format = DEFAULT, " +
	"sql_select_limit = DEFAULT, max_sort_length = DEFAULT, NAMES utf8mb4"

// Random statements that compute with protected values, in both protocols and under changing settings, give what the plaintext database gives:
// rows in their order, columns with all of their definitions, errors and warnings.
func TestRandomComputes(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newEmptyPair(t, s, "computes", harness.Options{})
		for _, side := range []side{p.plain, p.sealed} {
			exec(t, side.conn, append([]string{"SET NAMES utf8mb4", "SET timestamp=1763120000"}, computeData()...)...)
		}
		p.addPlans(t, "computes")
		awaitScratch(t, p.sealed.conn)
		for i := range *computes {
			n := *computeFrom + i
			if n%perSettings == 0 || i == 0 {
				for _, side := range p.sessions() {
					exec(t, side.conn, plainSettings, randomSettings[n/perSettings%len(randomSettings)])
				}
			}
			st := statement{id: fmt.Sprint("statement ", n), sql: newComputeGenerator(*computeSeed, uint64(n)).statement()}
			for _, prepare := range []bool{false, true} {
				p.run(t, st, prepare)
			}
			p.checkRefusal(t, st, nil)
			if p.tally["different"] > 10 {
				t.Fatal("too many differences")
			}
		}
		if n := p.explained[contradiction]; n > 1+*computes/250 {
			t.Errorf("%d answers with %s", n, contradiction)
		}
		p.report(t)
	})
}

// checkRefusal fails when the statement was refused with a fault that is not among the named ones.
func (p *pair) checkRefusal(t *testing.T, st statement, named []string) {
	t.Helper()
	for gap := range p.gaps {
		if fault, ok := strings.CutPrefix(gap, st.id+" "); ok && strings.HasPrefix(fault, "PHI-") && !slices.Contains(named, fault) {
			t.Errorf("%s: refused with %s: %s", st.id, fault, st.sql)
		}
	}
}

// report says how all comparisons went.
func (p *pair) report(t *testing.T) {
	t.Helper()
	for _, how := range slices.Sorted(maps.Keys(p.tally)) {
		t.Logf("%6d %s", p.tally[how], how)
	}
	t.Logf("what plans decided: %v", p.explained)
}
