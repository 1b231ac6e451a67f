package e2e

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"phiproxy/e2e/servers"
)

//go:embed testdata/compute.sql
var computeSQL string

// computed are statements that compute with protected values, one a line.
func computed() []statement {
	var list []statement
	for i, line := range strings.Split(computeSQL, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			list = append(list, statement{id: fmt.Sprintf("line %d", i+1), sql: line, computed: true, anyPlan: strings.Contains(line, "@@") || strings.Contains(line, "LAST_INSERT_ID")})
		}
	}
	return list
}

// Statements that compute with protected values give what the plaintext database gives, columns and warnings included.
func TestDifferentialCompute(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "compute")
		for _, st := range computed() {
			p.run(t, st, false)
			if !strings.Contains(st.sql, "SEPARATOR") { // which takes no parameter
				p.run(t, st, true)
			}
		}
		for gap := range p.gaps {
			if strings.Contains(gap, "PHI-") {
				t.Errorf("refused: %s", gap)
			}
		}
	})
}
