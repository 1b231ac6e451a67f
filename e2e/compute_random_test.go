package e2e

import (
	"flag"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

var (
	computes    = flag.Int("computes", 400, "statements of TestRandomComputes on each server, each in both protocols")
	computeSeed = flag.Uint64("computes-seed", 1, "their seed")
	computeFrom = flag.Int("computes-from", 0, "number of the first one")
)

// Random statements that compute with protected values, in both protocols, give what the plaintext database gives: rows in their order,
// columns with their types, errors and warnings. None is refused.
func TestRandomComputes(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newEmptyPair(t, s, "computes", harness.Options{})
		for _, side := range []side{p.plain, p.sealed} {
			exec(t, side.conn, append([]string{"SET NAMES utf8mb4", "SET timestamp=1763120000"}, computeData()...)...)
		}
		p.addPlans(t, "computes")
		equal, failed := 0, 0
		for i := range *computes {
			sql := newComputeGenerator(*computeSeed, uint64(*computeFrom+i)).statement()
			for _, prepare := range []bool{false, true} {
				st := statement{id: "statement", sql: sql}
				if p.run(t, st, prepare) {
					equal++
				} else {
					failed++
				}
			}
			if failed > 25 {
				t.Fatal("too many differences")
			}
		}
		for gap := range p.gaps {
			t.Errorf("not compared: %s", gap)
		}
		t.Logf("%d equal, %d not; %v", equal, failed, p.explained)
	})
}
