package schema_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"phiproxy/e2e/servers"
	"phiproxy/migrate"
	"phiproxy/migrate/catalog"
	"phiproxy/rewrite"
)

func TestApplication(t *testing.T) {
	each(t, servers.Kinds(), func(t *testing.T, f *fixture) {
		f.application()
		f.exec(
			"INSERT INTO user_profile (user_id, user_email) VALUES ('u1', 'u1@example.com')",
			"INSERT INTO user_encryption_keys (user_id, encrypted_dek) VALUES ('u1', 'AAAA')",
			"INSERT INTO cases (case_id, user_id, patient_first, patient_last, ins_provider, patient_dob) VALUES ('c1', 'u1', 'José', '', NULL, '1984-02-09')",
		)
		if before := f.load(f.tables()); len(before.Problems) != 8 {
			t.Errorf("before: %v", before.Problems)
		}
		f.apply(f.tables())

		s := f.load(f.tables())
		if len(s.Problems) != 0 {
			t.Errorf("after: %v", s.Problems)
		}
		cases, deleted := find(s, f.name, "cases"), find(s, f.name, "deleted_cases")
		if !cases.Migrating || deleted.Migrating {
			t.Errorf("migrating: %v, %v", cases.Migrating, deleted.Migrating)
		}
		dob := protected(t, cases, "patient_dob")
		if dob.Type.String() != "date" || dob.Definition != "date" || dob.ID != "cases.patient_dob" || dob.Collation != "" {
			t.Errorf("patient_dob is %+v", dob)
		}
		if got, want := f.query("SELECT patient_first, patient_last, ins_provider, patient_dob FROM cases"), "José||NULL|1984-02-09"; got != want {
			t.Errorf("values are %q, want %q", got, want)
		}
		f.exec("DELETE FROM user_profile WHERE user_id = 'u1'")
		if got := f.query("SELECT COUNT(*) FROM user_encryption_keys"); got != "1" {
			t.Errorf("%s keys are left after their user was deleted", got)
		}
		if again := f.plan(f.tables()); len(again.Steps) != 0 {
			t.Errorf("a second plan has steps: %v", again.Steps)
		}
	})
}

func find(s *catalog.Snapshot, schema, name string) *rewrite.Table {
	return s.Schema.Tables[s.Schema.Key(schema, name)]
}

func protected(t *testing.T, table *rewrite.Table, column string) *rewrite.Protected {
	t.Helper()
	i := slices.IndexFunc(table.Columns, func(c rewrite.Column) bool { return c.Name == column })
	if i < 0 || table.Columns[i].Protected == nil {
		t.Fatalf("column %s is not protected", column)
	}
	return table.Columns[i].Protected
}

// TestNewDatabase needs every table of the proxy's own, and the flag column.
func TestNewDatabase(t *testing.T) {
	each(t, servers.Kinds(), func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), a VARCHAR(20))")
		tables := f.table("a")
		tables[0].Flag = "phi_encrypted"
		p := f.apply(tables)
		if !slices.Equal(p.Tables, []migrate.TableState{{Table: f.name + ".t", State: catalog.Sealed}}) {
			t.Errorf("states: %v", p.Tables)
		}
		s := f.load(tables)
		table := find(s, f.name, "t")
		if table.Flag != 3 || table.Owner != 1 || table.Migrating {
			t.Errorf("table: %+v", table)
		}
		for _, name := range []string{"user_encryption_keys", "encryption_key_audit", "phiproxy_key_versions", "phiproxy_epoch", catalog.MetadataTable} {
			if find(s, f.name, name) == nil {
				t.Errorf("%s is missing", name)
			}
		}
		if got := f.query("SELECT COUNT(*) FROM phiproxy_epoch"); got != "2" {
			t.Errorf("%s rows in phiproxy_epoch", got)
		}
	})
}

// TestTypes holds that values, positions, defaults and comments survive, whatever the character set.
func TestTypes(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec(`CREATE TABLE t (
			a VARCHAR(20) CHARACTER SET latin1 NOT NULL DEFAULT '' COMMENT 'it''s, (a) \\ "comment"',
			b VARCHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin,
			id INT PRIMARY KEY,
			c CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
			d DATE NOT NULL,
			e TEXT,
			f TINYTEXT CHARACTER SET latin1,
			g LONGTEXT NOT NULL,
			h VARCHAR(9) CHARACTER SET ascii DEFAULT NULL,
			o VARCHAR(100)
		) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`,
			"INSERT INTO t VALUES ('Müller', 'Žižka', 1, 'ab  ', '1984-02-09', 'текст', '€', '🙂', 'x', 'u')",
			"INSERT INTO t (id, c, d, g) VALUES (2, '', '2000-12-31', '')",
		)
		tables := f.table("a", "b", "c", "d", "e", "f", "g", "h")
		want := f.query("SELECT * FROM t ORDER BY id")
		f.apply(tables)
		if got := f.query("SELECT * FROM t ORDER BY id"); got != want {
			t.Errorf("values are\n%s\nwant\n%s", got, want)
		}
		table := find(f.load(tables), f.name, "t")
		for column, definition := range map[string]string{
			"a": "varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
			"b": "varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin",
			"c": "char(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
			"d": "date",
			"e": "text COLLATE utf8mb4_unicode_ci",
			"f": "tinytext CHARACTER SET latin1 COLLATE latin1_swedish_ci",
			"g": "longtext COLLATE utf8mb4_unicode_ci",
			"h": "varchar(9) CHARACTER SET ascii COLLATE ascii_general_ci",
		} {
			// MariaDB leaves out the collation when it is the table's, MySQL when it is the character set's default.
			got := protected(t, table, column).Definition
			if f.kind == servers.MariaDB {
				definition = strings.ReplaceAll(definition, " COLLATE utf8mb4_unicode_ci", "")
			}
			if got != definition {
				t.Errorf("%s: definition %q, want %q", column, got, definition)
			}
		}
		if c := protected(t, table, "b"); c.Collation != "utf8mb3_bin" && c.Collation != "utf8_bin" {
			t.Errorf("collation of b: %s", c.Collation)
		}
		wantTypes := "a|varbinary|NO|it's, (a) \\ \"comment\"\nb|varbinary|YES|\nid|int|NO|\nc|varbinary|NO|\nd|varbinary|NO|\ne|mediumblob|YES|\nf|blob|YES|\ng|longblob|NO|\nh|varbinary|YES|\no|varchar|YES|"
		got := f.query("SELECT COLUMN_NAME, DATA_TYPE, IS_NULLABLE, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '" + f.name + "' AND TABLE_NAME = 't' ORDER BY ORDINAL_POSITION")
		if got != wantTypes {
			t.Errorf("columns are\n%s\nwant\n%s", got, wantTypes)
		}
		if a := table.Columns[0]; a.Default == nil || *a.Default != "" || a.Nullable {
			t.Errorf("default of a is lost: %+v", a)
		}
		f.exec("INSERT INTO t (id, c, d, g) VALUES (3, '', '', '')")
		if got := f.query("SELECT a, b FROM t WHERE id = 3"); got != "|NULL" {
			t.Errorf("defaults give %q", got)
		}
	})
}

// TestWideRow: what no longer fits into a row becomes a BLOB.
func TestWideRow(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), a VARCHAR(8100), b VARCHAR(4000), c VARCHAR(4000)) CHARACTER SET utf8mb4")
		f.apply(f.table("a", "b", "c"))
		got := f.query("SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '" + f.name + "' AND TABLE_NAME = 't' ORDER BY ORDINAL_POSITION")
		if want := "int\nvarchar\nvarbinary\nvarbinary\nblob"; got != want {
			t.Errorf("types are %q, want %q", got, want)
		}
	})
}

// TestGrownColumn: a column that was widened for a smaller type than is needed now is widened again, and stays sealed.
func TestGrownColumn(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), a VARCHAR(20))")
		f.apply(f.table("a"))
		f.exec("ALTER TABLE t MODIFY a VARBINARY(50)")
		if s := f.load(f.table("a")); len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Text, "too small") {
			t.Errorf("problems: %v", s.Problems)
		}
		if p := f.apply(f.table("a")); len(p.Steps) != 1 || !strings.Contains(p.Steps[0].SQL, "MODIFY COLUMN") {
			t.Errorf("steps: %v", p.Steps)
		}
	})
}

// TestInterrupted stops an apply before each of its steps in turn; the next one goes on.
func TestInterrupted(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec(`CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), a VARCHAR(20) CHARACTER SET latin1 NOT NULL DEFAULT '', b DATE)`,
			"INSERT INTO t VALUES (1, 'u', 'Müller', '1984-02-09')")
		tables := f.table("a", "b")
		tables[0].Flag = "flag"
		first := f.plan(tables)
		for stop := range first.Steps {
			p := f.plan(tables)
			if len(p.Steps) == 0 {
				t.Fatalf("nothing is left to do after %d steps", stop)
			}
			stopped := applySteps(f, p, 1)
			if len(p.Steps) > 1 && stopped == nil {
				t.Error("the apply was not interrupted")
			}
			var failed *migrate.StepError
			if stopped != nil && (!errors.As(stopped, &failed) || failed.Number != 2 || !strings.Contains(stopped.Error(), "steps 1 to 1 are done")) {
				t.Errorf("error: %v", stopped)
			}
		}
		if p := f.plan(tables); len(p.Steps) != 0 {
			t.Errorf("left to do: %v", p.Steps)
		}
		s := f.load(tables)
		if len(s.Problems) != 0 {
			t.Fatalf("problems: %v", s.Problems)
		}
		a := protected(t, find(s, f.name, "t"), "a")
		if !strings.HasPrefix(a.Definition, "varchar(20) CHARACTER SET latin1") || a.Type.String() != "varchar(20)" {
			t.Errorf("a was recorded as %+v", a)
		}
		if got := f.query("SELECT a, b FROM t"); got != "Müller|1984-02-09" {
			t.Errorf("values: %s", got)
		}
	})
}

// applySteps runs the first steps of a plan and is cancelled then.
func applySteps(f *fixture, p *migrate.Plan, steps int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return p.Apply(ctx, f.db, func(now migrate.Progress) {
		if now.Number > steps {
			cancel()
		}
	})
}

// TestReverted: a column that was changed behind the proxy's back is recorded anew.
func TestReverted(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), a VARCHAR(20))")
		f.apply(f.table("a"))
		f.exec("ALTER TABLE t MODIFY a VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "INSERT INTO t VALUES (1, 'u', 'plain')")
		s := f.load(f.table("a"))
		if len(s.Problems) != 1 || find(s, f.name, "t") != nil || s.Schema.Opaque[s.Schema.Key(f.name, "t")] == "" {
			t.Errorf("the changed table is still in use: %v", s.Problems)
		}
		f.apply(f.table("a"))
		table := find(f.load(f.table("a")), f.name, "t")
		if a := protected(t, table, "a"); a.Type.String() != "varchar(40)" || a.Collation != "utf8mb4_bin" || !table.Migrating {
			t.Errorf("a is %+v, migrating %v", a, table.Migrating)
		}
	})
}

// TestSealed: envelopes count as sealed, everything else but NULL and ” does not.
func TestSealed(t *testing.T) {
	each(t, servers.Kinds(), func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), a VARCHAR(20), b DATE)", "INSERT INTO t VALUES (1, 'u', 'x', NULL), (2, 'u', '', NULL)")
		if p := f.apply(f.table("a", "b")); p.Tables[0].State != catalog.Migrating {
			t.Error("a table with plaintext is sealed")
		}
		f.exec("UPDATE t SET a = x'7F' WHERE id = 1")
		if p := f.plan(f.table("a", "b")); len(p.Steps) != 0 || p.Tables[0].State != catalog.Migrating {
			t.Errorf("a table with plaintext is sealed: %v", p.Steps)
		}
		f.exec("UPDATE t SET a = x'F80001', b = x'F8' WHERE id = 1")
		if p := f.apply(f.table("a", "b")); len(p.Steps) != 1 || p.Tables[0].State != catalog.Sealed {
			t.Errorf("a table with envelopes only is not sealed: %v", p.Steps)
		}
		if find(f.load(f.table("a", "b")), f.name, "t").Migrating {
			t.Error("the catalog does not know that the table is sealed")
		}
	})
}

// TestOneAtATime: a second apply does not run beside the first.
func TestOneAtATime(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), a VARCHAR(20))")
		first, second := f.plan(f.table("a")), f.plan(f.table("a"))
		var inner error
		err := first.Apply(context.Background(), f.db, func(now migrate.Progress) {
			if now.Number == 1 && !now.Done {
				inner = second.Apply(context.Background(), f.db, nil)
			}
		})
		if err != nil || inner == nil || !strings.Contains(inner.Error(), "another") {
			t.Errorf("first: %v, second: %v", err, inner)
		}
	})
}

func TestOutput(t *testing.T) {
	each(t, real[:1], func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), a VARCHAR(20))")
		var text, object bytes.Buffer
		p := f.plan(f.table("a"))
		if err := errors.Join(p.Print(&text), p.JSON(&object)); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{strconv.Itoa(len(p.Steps)) + " steps:", "MODIFY COLUMN `a` varbinary(142) NULL DEFAULT NULL;", "undo:", f.name + ".t is sealed"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%q is not in\n%s", want, text.String())
			}
		}
		var read struct {
			Refusals, Warnings []string
			Steps              []migrate.Step
			Tables             []migrate.TableState
		}
		if err := json.Unmarshal(object.Bytes(), &read); err != nil || !slices.Equal(read.Steps, p.Steps) || read.Refusals == nil {
			t.Errorf("%v: %s", err, object.String())
		}
	})
}
