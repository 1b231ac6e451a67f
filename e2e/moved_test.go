package e2e

import (
	"testing"

	"phiproxy/e2e/servers"
)

// A protected value reaches no other column when the columns change their places and the proxy does not know yet.
func TestColumnsThatMove(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newTypedPair(t, s, "moved", []typedColumn{{name: "secret", definition: "VARCHAR(40)"}})
		p.both(t, "INSERT INTO typed VALUES (1, 'u', 'open', 'Canary')")
		behind := direct(t, s, p.sealed.database)
		exec(t, behind, "ALTER TABLE typed MODIFY note VARCHAR(20) AFTER secret")
		exec(t, p.sealed.conn, "INSERT INTO typed VALUES (2, 'u', 'open', 'Canary')")
		if got := query(t, behind, "SELECT note, LENGTH(secret) > 40 FROM typed WHERE id = 2").Rows[0]; got[0].Data != "open" || got[1].Data != "1" {
			t.Errorf("stored: %v", got)
		}
	})
}
