package harness

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/servers"
)

func TestSplit(t *testing.T) {
	got := Split("-- first; comment\nSELECT 'a;\\'b' -- x;\n, `;`; \n\n-- end\n; INSERT INTO t VALUES ('--')")
	want := []string{"-- first; comment\nSELECT 'a;\\'b' -- x;\n, `;`", "INSERT INTO t VALUES ('--')"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The application's schema and data must load into every server.
func TestCreateDatabase(t *testing.T) {
	seed, err := Seed("--users", "4", "--cases", "2")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, err := servers.Start(kind, servers.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			})
			if err := CreateDatabase(s, "other"); err != nil {
				t.Fatal(err)
			}
			c, err := Direct(s, "other")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := Load(c, seed); err != nil {
				t.Fatal(err)
			}
			if r, err := c.Query("SELECT COUNT(*) FROM cases"); err != nil || r[0].Rows[0][0].Data < "5" {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}
