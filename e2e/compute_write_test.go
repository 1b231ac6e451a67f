package e2e

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"phiproxy/e2e/servers"
)

//go:embed testdata/compute_writes.sql
var computeWritesSQL string

// computedWrites are writes that need plaintext, one a line.
func computedWrites() []statement {
	var list []statement
	names := seedNames()
	for i, line := range strings.Split(computeWritesSQL, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			list = append(list, statement{id: fmt.Sprintf("line %d", i+1), sql: names.Replace(line), computed: true})
		}
	}
	return list
}

// wholeTable is everything that a client can see of the table, but for when rows were changed.
const wholeTable = "SELECT case_id, user_id, patient_first, patient_last, ins_provider, patient_dob, case_status, pay_amount, phi_encrypted, human_case_id FROM cases ORDER BY case_id"

// Writes that need plaintext do to the encrypted table what they do to the plaintext one: answers, warnings, errors,
// ROW_COUNT() and every row afterwards are equal.
func TestDifferentialComputedWrites(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		for _, mode := range []struct {
			name, sqlMode string
			prepare       bool
		}{{"text", "", false}, {"prepared", "", true}, {"loose", "NO_ENGINE_SUBSTITUTION", false}} {
			t.Run(mode.name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, s, "compute_writes_"+mode.name)
				if mode.sqlMode != "" {
					for _, side := range []side{p.plain, p.sealed} {
						exec(t, side.conn, "SET sql_mode = '"+mode.sqlMode+"'")
					}
				}
				for _, st := range computedWrites() {
					same := p.run(t, st, mode.prepare)
					if !p.run(t, statement{id: st.id + " rows", sql: wholeTable}, false) || !same {
						t.Fatalf("%s: %.300s", st.id, st.sql)
					}
				}
				for gap := range p.gaps {
					if strings.Contains(gap, "PHI-") {
						t.Errorf("refused: %s", gap)
					}
				}
			})
		}
	})
}
