package rewrite

import (
	"math/rand/v2"
	"strings"
	"testing"

	"phiproxy/rewrite/token"
)

func TestShape(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 100)
	for _, c := range []struct{ sql, text, verb string }{
		{"select case_id from `cases` where case_id = 'a' and active=1;", "SELECT case_id FROM cases WHERE case_id = ? AND active = ?", "SELECT"},
		{"SELECT c.patient_first AS 'Jane' FROM app.cases c WHERE c.case_id IN ('a', -5, 0x41, ?) -- Jane", "SELECT x1.patient_first AS ? FROM app.cases x1 WHERE x1.case_id IN (?, ...)", "SELECT"},
		{"SELECT COUNT(*), upper(demo_file) FROM cases ORDER BY 2 LIMIT 3,4", "SELECT COUNT(*), UPPER(demo_file) FROM cases ORDER BY ? LIMIT ?, ...", "SELECT"},
		{"INSERT INTO cases (case_id, user_id) VALUES ('a', 'b'), ('c', 'd')", "INSERT INTO cases (case_id, user_id) VALUES (?, ...), ...", "INSERT"},
		{"SELECT * FROM cases WHERE patient_first = Jane OR patient_first = `Jane Roe` OR patient_last = jane", "SELECT * FROM cases WHERE patient_first = x1 OR patient_first = x2 OR patient_last = x1", "SELECT"},
		{"SET @jane = 'x', @@session.sql_mode = ''", "SET @x1 = ?, @@session.x2 = ?", "SET"},
		{"(SELECT case_id FROM cases) UNION (SELECT 'Jane')", "(SELECT case_id FROM cases) UNION (SELECT ?)", "SELECT"},
		{"SELECT 'open", unread, ""},
		{"", "", ""},
	} {
		s := p.Shape(0, []byte(c.sql))
		if s.Text != c.text || s.Verb != c.verb {
			t.Errorf("%s\n got %s, %s\nwant %s", c.sql, s.Text, s.Verb, c.text)
		}
	}
}

// Statements that differ in values only have one fingerprint, and it is that of their plans.
func TestFingerprint(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 100)
	a := mustPlan(t, p, "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('a', 'b', 'c')")
	b := mustPlan(t, p, "INSERT INTO cases (case_id, user_id, patient_first)  VALUES ('a2', 'b', 'd')")
	c := mustPlan(t, p, "INSERT INTO cases (case_id, user_id, patient_last) VALUES ('a', 'b', 'c')")
	if a.Shape.Fingerprint() != b.Shape.Fingerprint() || a.Shape.Fingerprint() == c.Shape.Fingerprint() || len(a.Shape.Fingerprint()) != 16 {
		t.Errorf("%s, %s, %s", a.Shape.Fingerprint(), b.Shape.Fingerprint(), c.Shape.Fingerprint())
	}
	if got := p.Shape(0, a.SQL); got.Hash != a.Shape.Hash {
		t.Errorf("%+v", got)
	}
}

func TestLongShape(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 100)
	one, two := p.Shape(0, []byte("SELECT "+strings.Repeat("case_id + ", 1000)+"1")), p.Shape(0, []byte("SELECT "+strings.Repeat("case_id + ", 1000)+"case_id"))
	if len(one.Text) > maxShapeText || one.Hash == two.Hash || !strings.Contains(one.Text, andSoOn) {
		t.Errorf("%d bytes", len(one.Text))
	}
}

// No shape holds a value, however the statement is written.
func TestShapesHoldNoValue(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 100)
	l := leaky{rand.New(rand.NewPCG(1, 2))}
	for range 5000 {
		sql := l.statement()
		for _, mode := range []token.Mode{0, token.ANSIQuotes, token.NoBackslashEscapes} {
			if s := p.Shape(mode, []byte(sql)); strings.Contains(strings.ToUpper(s.Text), canary) {
				t.Fatalf("%s\n%s", sql, s.Text)
			}
		}
	}
}

func FuzzShape(f *testing.F) {
	p := NewPlanner(appSchema(MariaDB), 100)
	for i, seed := range goldenSeeds(f) {
		f.Add(seed, uint32(i%4))
	}
	f.Fuzz(func(t *testing.T, sql []byte, mode uint32) {
		if s := p.Shape(token.Mode(mode), sql); len(s.Text) > maxShapeText {
			t.Fatalf("%d bytes", len(s.Text))
		}
	})
}
