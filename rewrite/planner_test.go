package rewrite

import (
	"bytes"
	"strings"
	"testing"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

func appState() State { return State{Database: "app", Mode: token.Strict} }

func mustPlan(t testing.TB, p *Planner, sql string) *Statement {
	t.Helper()
	s, err := p.Plan(appState(), []byte(sql))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return s
}

// TestLiteralsOfAShape: statements of one shape share a plan, but not what their literals say.
func TestLiteralsOfAShape(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 100)
	for _, literal := range []string{"''", "'a'", "'it''s'", `'\''`, `"b"`} {
		s := mustPlan(t, p, "SELECT COALESCE(patient_first, "+literal+") AS f FROM cases")
		got := s.Outputs[0].Wrapped.Literals
		if want := token.Unquote(nil, []byte(literal), 0); len(got) != 1 || !bytes.Equal(got[0], want) {
			t.Errorf("%s: %q", literal, got)
		}
	}
	for alias, want := range map[string]*fault.Fault{"pf": fault.Comparison, "other": nil} {
		_, err := p.Plan(appState(), []byte("SELECT 1 FROM (SELECT patient_first '"+alias+"', 1 AS pf2 FROM cases) d WHERE d.pf = 'x'"))
		if (err == nil) != (want == nil) || err != nil && err.Fault != want {
			t.Errorf("alias %s: %v", alias, err)
		}
	}
}

// TestDatabaseIsPartOfTheShape: an unqualified name means another table in another database.
func TestDatabaseIsPartOfTheShape(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 100)
	sql := []byte("SELECT patient_first FROM cases")
	for range 2 {
		for database, want := range map[string]Verdict{"app": Direct, "other": Relay} {
			s, err := p.Plan(State{Database: database}, sql)
			if err != nil || s.Verdict != want {
				t.Errorf("%s: %v", database, err)
			}
		}
		if _, err := p.Plan(State{}, sql); err == nil || err.Fault != fault.NoDatabase {
			t.Errorf("no database: %v", err)
		}
	}
}

// TestNamesFolded: with lower_case_table_names the server finds a table by any spelling. Without, another spelling is another
// table; when there is none, the server must not see the statement, whose text it would log.
func TestNamesFolded(t *testing.T) {
	exact, folded := appSchema(MySQL), appSchema(MySQL)
	folded.LowerCaseNames = 1
	sql := []byte("SELECT patient_first FROM APP.Cases")
	if _, err := NewPlanner(exact, 10).Plan(appState(), sql); err == nil || err.Fault != fault.OtherCase {
		t.Errorf("names told apart by case: %v", err)
	}
	exact.Tables[exact.Key("APP", "Cases")] = &Table{Schema: "APP", Name: "Cases", Columns: []Column{{Name: "patient_first", Type: "int"}}}
	if s, err := NewPlanner(exact, 10).Plan(appState(), sql); err != nil || s.Verdict != Relay {
		t.Errorf("a table that differs in case only: %v", err)
	}
	s, err := NewPlanner(folded, 10).Plan(appState(), sql)
	if err != nil || s.Verdict != Direct || s.Outputs[0].Table != folded.Tables[folded.Key("app", "cases")] {
		t.Errorf("names folded: %v", err)
	}
}

// TestFlagShown: a table whose flag clients may see needs no edits of it.
func TestFlagShown(t *testing.T) {
	schema := appSchema(MySQL)
	schema.Tables[schema.Key("app", "cases")].ShowFlag = true
	s := mustPlan(t, NewPlanner(schema, 10), "SELECT phi_encrypted FROM cases WHERE phi_encrypted = 1 ORDER BY phi_encrypted")
	if s.Verdict != Relay {
		t.Errorf("verdict %v", s.Verdict)
	}
}

// TestCacheIsBounded: more shapes than the cache holds push others out, and are planned all the same.
func TestCacheIsBounded(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 32)
	for i := range 500 {
		mustPlan(t, p, "SELECT patient_first AS "+strings.Repeat("a", i+1)+" FROM cases")
	}
	n := 0
	for i := range p.plans.shards {
		n += len(p.plans.shards[i].plans)
	}
	if n > 32 {
		t.Errorf("%d plans in a cache for 32", n)
	}
}

// FuzzPlan: no text makes the planner panic, and accepted reads are consistent: each sealed output has a hidden owner, and
// what is sent can be cut into tokens again.
func FuzzPlan(f *testing.F) {
	planners := []*Planner{NewPlanner(appSchema(MySQL), 100), NewPlanner(appSchema(MariaDB), 100)}
	for i, seed := range goldenSeeds(f) {
		f.Add(seed, uint32(i%4))
	}
	f.Fuzz(func(t *testing.T, sql []byte, mode uint32) {
		p := planners[mode%2]
		st := State{Database: "app", Mode: token.Mode(mode >> 1), Prepared: mode&64 != 0}
		s, err := p.Plan(st, sql)
		if err != nil {
			return
		}
		for i, o := range s.Outputs {
			if !o.Hidden && !o.Flag && o.Table != nil && !s.Outputs[o.Owner].Hidden {
				t.Fatalf("%q: the owner of output %d is not hidden", sql, i)
			}
		}
		if s.Verdict != Direct || s.Show != nil || s.Writes {
			return
		}
		text, fail := s.Text(nil, nil)
		if fail != nil {
			t.Fatalf("%q: %v", sql, fail)
		}
		if _, fail := token.Scan(nil, text, p.scanOptions(st.Mode)); fail != nil {
			t.Fatalf("%q: sent as %q: %v", sql, text, fail)
		}
	})
}

const typicalSelect = "SELECT case_id, case_status, demo_file, note_file, patient_dob, ins_provider, user_id FROM cases WHERE case_id = '54d8e448_17' AND active = 1"

func BenchmarkPlanKnown(b *testing.B) {
	p := NewPlanner(appSchema(MySQL), 100)
	mustPlan(b, p, typicalSelect)
	b.ReportAllocs()
	for b.Loop() {
		mustPlan(b, p, typicalSelect)
	}
}

func BenchmarkPlanUnknown(b *testing.B) {
	p := NewPlanner(appSchema(MySQL), 100)
	toks, err := token.Scan(nil, []byte(typicalSelect), p.scanOptions(0))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.unitOf(appState(), []byte(typicalSelect), toks).plan(); err != nil {
			b.Fatal(err)
		}
	}
}
