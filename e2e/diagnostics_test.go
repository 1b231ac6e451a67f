package e2e

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

//go:embed testdata/diagnostics.sql
var diagnosticsSQL string

// questions are the ways to ask for the conditions of the last statement that leave them as they are.
var questions = []string{"SHOW WARNINGS", "SHOW ERRORS", "SHOW COUNT(*) WARNINGS", "SHOW COUNT(*) ERRORS", "show warnings limit 1", "SHOW WARNINGS LIMIT 1, 5;", "SHOW ERRORS LIMIT 5"}

// diagnosis is what a session says about its last statement.
type diagnosis struct {
	Answer  answer
	Replies []string
}

func (s side) diagnose(t *testing.T, sql string) diagnosis {
	t.Helper()
	d := diagnosis{Answer: s.runText(t, sql)}
	for _, q := range questions {
		r := query(t, s.conn, q)
		reply := q + ":"
		for _, row := range r.Rows {
			reply += "\n" + withoutRow(sql, s.anonymous(strings.Join(text(row), " | ")))
		}
		d.Replies = append(d.Replies, reply)
	}
	return d
}

// Errors and warnings tell what those of the plaintext database tell, however they are asked for. A mistake in a statement that
// names a protected table is the server's to tell, too, whatever the planner thinks of it.
func TestDiagnosticsEqual(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newConstrainedPair(t, s, "diagnostics")
		awaitScratch(t, p.sealed.conn)
		for i, line := range strings.Split(diagnosticsSQL, "\n") {
			if line == "" || strings.HasPrefix(line, "--") {
				continue
			}
			sql := seedNames().Replace(line)
			got := p.sealed.diagnose(t, sql)
			if fault, refused := got.Answer.refused(); refused {
				t.Errorf("line %d refused: %s %.200s", i+1, fault, sql)
				continue
			}
			want := p.plain.diagnose(t, sql)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("line %d: %.200s\n%s", i+1, sql, diff)
			}
		}
	})
}

// What only the proxy knows about the last statement cannot be had from the server by other ways.
func TestDiagnosticsOfTheProxy(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		c := app(t, startProxy(t, harness.Options{Server: s, Database: "diagnostics_own"}))
		bad := "INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('x', '" + provider(1) + "', 'soon')"
		for _, q := range []string{"SELECT @@warning_count", "select @@session.error_count;"} {
			if err := c.Exec(bad); err == nil {
				t.Fatal("a date that is none was taken")
			}
			if got := query(t, c, q); got.Rows[0][0].Data != "1" {
				t.Errorf("%s: %v", q, got.Rows)
			}
		}
		for _, q := range []string{"GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT", "GET CURRENT DIAGNOSTICS @n = NUMBER", "SELECT 1 + @@warning_count", "/* x */ SHOW WARNINGS LIMIT ?"} {
			if err := c.Exec(bad); err == nil {
				t.Fatal("a date that is none was taken")
			}
			if err := c.Exec(q); err == nil || !strings.Contains(err.Error(), "PHI-1190") {
				t.Errorf("%s: %v", q, err)
			}
			exec(t, c, "DO 1", "GET DIAGNOSTICS @n = NUMBER")
		}
	})
}

// constraints make the tables' errors speak.
var constraints = []string{
	"ALTER TABLE cases ADD CONSTRAINT surgeon FOREIGN KEY (surgeon_id) REFERENCES surgeon_list (surgeon_id), ADD CONSTRAINT dupe CHECK (dupe_flag < 5), ADD UNIQUE KEY admin (admin_file)",
	"CREATE TRIGGER speak_insert BEFORE INSERT ON cases FOR EACH ROW BEGIN IF NEW.misc_file = 'signal' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no such file'; END IF; END",
	"CREATE TRIGGER speak_update BEFORE UPDATE ON cases FOR EACH ROW BEGIN IF NEW.misc_file = 'signal' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no such file'; ELSEIF NEW.misc_file = 'warn' THEN SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'odd file'; END IF; END",
}

func newConstrainedPair(t *testing.T, s *servers.Server, name string) *pair {
	t.Helper()
	plain, sealed := name+"_plain", name+"_sealed"
	for _, database := range []string{plain, sealed} {
		if err := harness.CreateDatabase(s, database); err != nil {
			t.Fatal(err)
		}
		admin, err := s.Admin(database)
		exec(t, opened(t, admin, err), constraints...)
	}
	proxy, err := harness.Start(harness.Options{Server: s, Database: sealed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopProxy(t, proxy) })
	p := &pair{gaps: map[string]bool{}, kind: s.Kind, proxy: proxy}
	p.plain = side{conn: direct(t, s, plain), database: plain}
	p.sealed = side{conn: app(t, proxy), database: sealed}
	p.load(t, s, "--users", "5", "--cases", "12")
	return p
}
