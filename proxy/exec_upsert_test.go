package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// replacing is a REPLACE whose value needs no key, so that the test is about its transaction alone.
const replacing = "REPLACE INTO people (id, owner, name) VALUES (7, 'u', NULL)"

// replaceBackend runs statements on people; warnings is its answer to SHOW WARNINGS, nil to hang up.
func replaceBackend(t *testing.T, warnings [][]byte) *backend {
	t.Helper()
	const open = idle | mysql.SERVER_STATUS_IN_TRANS
	return newBackend(t, func(p []byte) [][]byte {
		text := string(p[1:])
		switch {
		case text == stateQuery:
			row := textOf("STRICT_TRANS_TABLES", "utf8mb4", "utf8mb4", "utf8mb4", "app", "1000")
			return [][]byte{{stateColumns}, column("a"), column("b"), column("c"), column("d"), column("e"), column("f"), eofPacket(idle), row, eofPacket(idle)}
		case text == "SHOW WARNINGS":
			return warnings
		case strings.HasPrefix(text, "SELECT"): // the probe finds nothing
			return [][]byte{{3}, column("id"), column("owner"), column("name"), eofPacket(open), eofPacket(open)}
		case strings.HasPrefix(text, "REPLACE"):
			return [][]byte{(&packet.OK{AffectedRows: 1, Status: open, Warnings: 1}).Append(nil, 0)}
		case text == "BEGIN":
			return [][]byte{okPacket(open)}
		}
		return [][]byte{okPacket(idle)}
	})
}

// verbs are the first words of the statements that the backend saw, questions about the session left out.
func (b *backend) verbs() []string {
	var out []string
	for _, p := range b.seen() {
		if text := string(p[1:]); text != stateQuery {
			verb, _, _ := strings.Cut(text, " ")
			out = append(out, verb)
		}
	}
	return out
}

// The proxy's own transaction ends with its statement, also when the server does not tell the statement's warnings: it is
// rolled back, the client hears why, and its next statement is in no transaction.
func TestTransactionWithoutWarnings(t *testing.T) {
	huge := [][]byte{{3}, column("Level"), column("Code"), column("Message"), eofPacket(idle)}
	for range 20 {
		huge = append(huge, textOf("Warning", "1265", strings.Repeat("x", 100)))
	}
	for _, c := range []struct {
		name     string
		warnings [][]byte
		code     uint16
	}{
		{"error of the server", [][]byte{errPacket(1105)}, 1105},
		{"too many of them", append(huge, eofPacket(idle)), fault.AnswerTooLarge.Code},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := replaceBackend(t, c.warnings)
			planner := rewrite.NewPlanner(observedSchema(t), 10)
			p := newProxy(t, b, func(cfg *Config) {
				cfg.Planner = func() *rewrite.Planner { return planner }
				cfg.Limits.MaxLookupBytes = 1000
			})
			app := p.loginAs("ann", "nurse")
			if got := app.query(replacing); !packet.IsErr(got) || errorOf(t, got).Code != c.code {
				t.Errorf("answer %q, want error %d", got, c.code)
			}
			if want := []string{"BEGIN", "SELECT", "REPLACE", "SHOW", "ROLLBACK"}; !slices.Equal(b.verbs(), want) {
				t.Errorf("the server saw %q, want %q", b.verbs(), want)
			}
			var ok packet.OK
			if err := ok.Decode(app.query("SET @a = 1"), baseCaps); err != nil || ok.Status&mysql.SERVER_STATUS_IN_TRANS != 0 {
				t.Errorf("next answer: status %#x, %v", ok.Status, err)
			}
		})
	}
}

// A server that is gone cannot be asked to roll back, and need not be.
func TestTransactionOfALostServer(t *testing.T) {
	b := replaceBackend(t, nil)
	planner := rewrite.NewPlanner(observedSchema(t), 10)
	p := newProxy(t, b, func(cfg *Config) { cfg.Planner = func() *rewrite.Planner { return planner } })
	app := p.loginAs("ann", "nurse")
	app.send(sqlCommand(replacing))
	if got, err := app.ReadPacket(); err == nil && !packet.IsErr(got) {
		t.Errorf("answer %q of a server that is gone", got)
	}
	if got := fmt.Sprint(p.closed()["culprit"]); got != string(fault.Backend) {
		t.Errorf("culprit %s", got)
	}
}

// What proves that every tuple did what its probe had promised.
func TestUpsertIsProven(t *testing.T) {
	planner := rewrite.NewPlanner(observedSchema(t), 10)
	const one = "INSERT INTO people (id, owner, name) VALUES (1, 'u', 'x') ON DUPLICATE KEY UPDATE name = VALUES(name)"
	const two = "INSERT INTO people (id, owner, name) VALUES (1, 'u', 'x'), (2, 'u', 'y') ON DUPLICATE KEY UPDATE name = VALUES(name)"
	none := map[int]probed{}
	for _, c := range []struct {
		name     string
		sql      string
		existing map[int]probed
		affected uint64
		info     string
		want     bool
	}{
		{"inserted", one, none, 1, "", true},
		{"updated another's", one, none, 2, "", false},
		{"nothing written", one, none, 0, "", true},
		{"updated the row that was met", one, map[int]probed{0: {}}, 2, "", true},
		{"both inserted", two, none, 2, "Records: 2  Duplicates: 0  Warnings: 0", true},
		{"one updated, one as it was", two, none, 2, "Records: 2  Duplicates: 1  Warnings: 0", false},
		{"both updated", two, none, 4, "Records: 2  Duplicates: 2  Warnings: 0", false},
		{"no counts", two, none, 2, "", false},
		{"one met, one new", two, map[int]probed{0: {}}, 3, "Records: 2  Duplicates: 1  Warnings: 0", false},
		{"both met", two, map[int]probed{0: {}, 1: {}}, 4, "Records: 2  Duplicates: 2  Warnings: 0", true},
		{"left out", strings.Replace(two, "INSERT", "INSERT IGNORE", 1), none, 2, "Records: 2  Duplicates: 0  Warnings: 0", false},
		{"REPLACE", replacing, none, 2, "", true},
	} {
		st, f := planner.Plan(rewrite.State{Database: "app"}, []byte(c.sql))
		if f != nil {
			t.Fatal(f)
		}
		u := newUpsert(st, nil)
		var err error
		if u.probes, err = st.Probes(); err != nil {
			t.Fatal(err)
		}
		u.existing = c.existing
		if got := u.proven(packet.OK{AffectedRows: c.affected, Info: []byte(c.info)}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
