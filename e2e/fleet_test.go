package e2e

import (
	"strings"
	"testing"
	"time"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// agreement is how long the proxies of a fleet may take to agree on a change of keys.
const agreement = 5 * time.Second

// Three proxies on one database agree on keys that are made, rotated and destroyed through one of them, and none of them
// asks the key service more than once for a version of a key.
func TestFleet(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		kms, url := startKMS(t)
		o := harness.Options{Server: s, Database: "fleet", KMS: url}
		first := startProxy(t, o)
		fleet := []*harness.Proxy{first, restarted(t, first, o), restarted(t, first, o)}
		var conns []*client.Conn
		for _, p := range fleet {
			conns = append(conns, app(t, p))
		}
		exec(t, conns[0], insertCase("a", 1, "Ann"))
		for i, c := range conns {
			if got := query(t, c, selectFirst("a")).Rows; len(got) != 1 || got[0][0].Data != "Ann" {
				t.Errorf("proxy %d: %v", i, got)
			}
		}
		if n := kms.Counts()["GenerateDataKey"]; n != 1 {
			t.Errorf("%d data keys for one owner", n)
		}
		if n := kms.Counts()["Decrypt"]; n > len(fleet) {
			t.Errorf("%d calls for one version in %d proxies", n, len(fleet))
		}
		behind := direct(t, s, o.Database)
		old := keyOf(t, behind, "a")
		if out, err := first.Command("keys", "rotate", "--user", provider(1), "--yes"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for i, c := range conns {
			within(t, "a new version for new values", func() bool {
				exec(t, c, "UPDATE cases SET patient_first = 'Zoe' WHERE case_id = 'a'", "UPDATE cases SET patient_first = 'Ann' WHERE case_id = 'a'")
				return keyOf(t, behind, "a") != old
			})
			if got := query(t, c, selectFirst("a")).Rows[0][0].Data; got != "Ann" {
				t.Errorf("proxy %d reads %q", i, got)
			}
		}
		if out, err := fleet[1].Command("keys", "destroy", "--user", provider(1), "--yes", "--rows", "1"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, c := range conns {
			within(t, "a destroyed key", func() bool {
				err := queryError(t, c, selectFirst("a"))
				return err != nil && strings.Contains(err.Error(), "PHI-2009")
			})
			within(t, "no key for a destroyed one", func() bool {
				err := queryError(t, c, insertCase("b", 1, "Bob"))
				return err != nil && strings.Contains(err.Error(), "PHI-2009")
			})
		}
	})
}

// keyOf is the id of the key that the name of a case is sealed under.
func keyOf(t *testing.T, behind *client.Conn, id string) string {
	t.Helper()
	return query(t, behind, "SELECT HEX(SUBSTR(patient_first, 3, 16)) FROM cases WHERE case_id = '"+id+"'").Rows[0][0].Data
}

func within(t *testing.T, what string, happens func() bool) {
	t.Helper()
	for deadline := time.Now().Add(agreement); !happens(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, agreement)
		}
	}
}
