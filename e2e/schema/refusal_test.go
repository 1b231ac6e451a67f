package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"phiproxy/e2e/servers"
	"phiproxy/migrate"
	"phiproxy/migrate/catalog"
)

// refusals are tables t whose column c cannot be protected, and a part of the reason. "ID OWNER" stands for id and o.
var refusals = []struct {
	name, create, want string
	only               servers.Kind // "" for both
}{
	{name: "index", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), KEY k (c))", want: "DROP INDEX `k`"},
	{name: "unique", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), UNIQUE KEY k (o, c))", want: "DROP INDEX `k`"},
	{name: "prefix", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), KEY `od``d, key` (c(3)))", want: "DROP INDEX `od``d, key`"},
	{name: "fulltext", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), FULLTEXT KEY k (c))", want: "DROP INDEX `k`"},
	{name: "functional", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), KEY k ((LOWER(c))))", want: "DROP INDEX `k`", only: servers.MySQL},
	{name: "primary", create: "CREATE TABLE t (id INT, o VARCHAR(100), c VARCHAR(20), PRIMARY KEY (id, c))", want: "DROP PRIMARY KEY"},
	{name: "foreign", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), CONSTRAINT f FOREIGN KEY (c) REFERENCES other (id))", want: "FOREIGN KEY (`c`)"},
	{name: "check", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), CONSTRAINT x CHECK (c <> 'a'))", want: "CONSTRAINT `x`"},
	{name: "column check", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20) CHECK (c <> 'a'))", want: "CHECK"},
	{name: "other's check", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), d INT, CHECK (d > LENGTH(c)))", want: "CHECK"},
	{name: "generated from it", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20), d VARCHAR(20) AS (UPPER(c)))", want: "column `d`"},
	{name: "generated itself", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20) AS (UPPER(o)))", want: "computes its values"},
	{name: "default", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20) DEFAULT 'x')", want: "DROP DEFAULT"},
	{name: "default expression", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20) DEFAULT (CONCAT('a', 'b')))", want: "DROP DEFAULT"},
	{name: "partition", create: "CREATE TABLE t (id INT, o VARCHAR(100), c DATE, PRIMARY KEY (id, c)) PARTITION BY HASH (YEAR(c)) PARTITIONS 2", want: "REMOVE PARTITIONING"},
	{name: "no key", create: "CREATE TABLE t (id INT, o VARCHAR(100), c VARCHAR(20))", want: "no primary key"},
	{name: "decimal key", create: "CREATE TABLE t (id DECIMAL(5,2) PRIMARY KEY, o VARCHAR(100), c VARCHAR(20))", want: "primary key has a column"},
	{name: "prefix key", create: "CREATE TABLE t (id VARCHAR(100), o VARCHAR(100), c VARCHAR(20), PRIMARY KEY (id(5)))", want: "primary key has a column"},
	{name: "no owner", create: "CREATE TABLE t (id INT PRIMARY KEY, c VARCHAR(20))", want: "no such owner column"},
	{name: "owner type", create: "CREATE TABLE t (id INT PRIMARY KEY, o TEXT, c VARCHAR(20))", want: "the owner column is text"},
	{name: "owner renamed", create: "CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(20), c VARCHAR(20), CONSTRAINT f FOREIGN KEY (o) REFERENCES other (id) ON UPDATE CASCADE)", want: "changes the owner of rows"},
	{name: "owner lost", create: "CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(20), c VARCHAR(20), CONSTRAINT f FOREIGN KEY (o) REFERENCES other (id) ON DELETE SET NULL)", want: "changes the owner of rows"},
	{name: "geometry", create: "CREATE TABLE t (ID OWNER, c POINT)", want: "cannot be protected"},
	{name: "enum", create: "CREATE TABLE t (ID OWNER, c ENUM('a') NOT NULL)", want: "first member"},
	{name: "on update", create: "CREATE TABLE t (ID OWNER, c TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP)", want: "ON UPDATE CURRENT_TIMESTAMP"},
	{name: "now", create: "CREATE TABLE t (ID OWNER, c DATETIME DEFAULT CURRENT_TIMESTAMP)", want: "DEFAULT other than NULL"},
	{name: "binary", create: "CREATE TABLE t (ID OWNER, c VARBINARY(20)) SELECT 1 AS id, 'o' AS o, x'F800' AS c", want: "does not tell what it was"},
	{name: "no column", create: "CREATE TABLE t (ID OWNER)", want: "no such column"},
	{name: "view", create: "CREATE VIEW t AS SELECT id, id AS o, id AS c FROM other", want: "not a base table"},
	{name: "history", create: "CREATE TABLE t (ID OWNER, c VARCHAR(20)) WITH SYSTEM VERSIONING", want: "SYSTEM VERSIONING", only: servers.MariaDB},
	{name: "no room", create: "CREATE TABLE t (ID OWNER, c VARCHAR(5000) NOT NULL DEFAULT '', d VARCHAR(11200)) CHARACTER SET utf8mb4", want: "no room"},
}

func TestRefusals(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE other (id VARCHAR(20) PRIMARY KEY)")
		for _, r := range refusals {
			if r.only != "" && r.only != f.kind {
				continue
			}
			f.exec("DROP VIEW IF EXISTS t", "DROP TABLE IF EXISTS t", strings.ReplaceAll(r.create, "ID OWNER", "id INT PRIMARY KEY, o VARCHAR(100)"))
			p := f.plan(f.table("c"))
			if !mention(p.Refusals, r.want) {
				t.Errorf("%s: refusals %v do not say %q", r.name, p.Refusals, r.want)
			}
			if err := p.Apply(context.Background(), f.db, nil); !errors.Is(err, migrate.ErrRefused) {
				t.Errorf("%s: apply: %v", r.name, err)
			}
		}
		if got := f.query("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '" + f.name + "' AND TABLE_NAME LIKE 'phiproxy%'"); got != "0" {
			t.Error("a refused plan changed the database")
		}
	})
}

func mention(problems []catalog.Problem, want string) bool {
	for _, p := range problems {
		if strings.Contains(p.String(), want) {
			return true
		}
	}
	return false
}

// TestHarmless: the same words elsewhere are no reason to refuse.
func TestHarmless(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE other (c VARCHAR(20) PRIMARY KEY)",
			"CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(20), c VARCHAR(20) COMMENT 'CHECK (x)', d INT DEFAULT 1 COMMENT 'of c', KEY c (o), "+
				"CONSTRAINT f FOREIGN KEY (o) REFERENCES other (c) ON DELETE CASCADE, CHECK (d > 0)) COMMENT 'PARTITION c'")
		f.apply(f.table("c"))
	})
}

// TestCoveringIndex is an index that the application's repository once proposed.
func TestCoveringIndex(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.application()
		f.exec("CREATE INDEX idx_cases_covering ON cases (case_id, user_id, case_date, patient_first(50), patient_last(50), case_status, pay_amount)")
		p := f.plan(f.tables())
		if len(p.Refusals) != 2 || !mention(p.Refusals, "patient_first: KEY `idx_cases_covering`") || !mention(p.Refusals, "DROP INDEX `idx_cases_covering`") || !mention(p.Refusals, "3072") {
			t.Errorf("refusals: %v", p.Refusals)
		}
		f.exec("ALTER TABLE `" + f.name + "`.`cases` DROP INDEX `idx_cases_covering`")
		f.apply(f.tables())
	})
}

// TestLostMetadata: a column is not guessed at when nobody knows what it was.
func TestLostMetadata(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), c VARCHAR(20))")
		f.apply(f.table("c"))
		other := f.table("c")
		other[0].Columns[0].ID = "another"
		if p := f.plan(other); !mention(p.Refusals, "set `id: t.c`") {
			t.Errorf("another id: %v", p.Refusals)
		}
		if s := f.load(other); !mention(s.Problems, "set `id: t.c`") {
			t.Errorf("another id: %v", s.Problems)
		}
		f.exec("INSERT INTO t VALUES (1, 'u', x'F800')", "DELETE FROM "+catalog.MetadataTable)
		if p := f.plan(f.table("c")); !mention(p.Refusals, "does not tell what it was") {
			t.Errorf("no metadata: %v", p.Refusals)
		}
	})
}

// TestRenamedTable: sealed values do not know their table's name, so a renamed table goes on once the metadata knows it.
func TestRenamedTable(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), c VARCHAR(20))")
		f.apply(f.table("c"))
		f.exec("RENAME TABLE t TO t2")
		tables := f.table("c")
		tables[0].Name = "t2"
		p := f.plan(tables)
		_, advice, found := strings.Cut(p.Refusals[0].Text, "tell so: ")
		if !found {
			t.Fatalf("refusals: %v", p.Refusals)
		}
		f.exec(advice)
		f.apply(tables)
		if s := f.load(tables); len(s.Problems) != 0 || find(s, f.name, "t2").Migrating {
			t.Errorf("problems: %v", s.Problems)
		}
	})
}

// TestForgottenColumns: a configuration that leaves out a sealed column or table does not open the way for plaintext.
func TestForgottenColumns(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), c VARCHAR(20), d VARCHAR(20))", "CREATE TABLE u (id INT PRIMARY KEY, o VARCHAR(100), c VARCHAR(20))")
		all := append(f.table("c", "d"), f.table("c")...)
		all[1].Name = "u"
		f.apply(all)
		s := f.load(f.table("c"))
		if !mention(s.Problems, "t.d: the column is recorded as protected") || !mention(s.Warnings, "u: ") {
			t.Errorf("problems: %v, warnings: %v", s.Problems, s.Warnings)
		}
		if got := opaqueHere(f, s, "t", "u"); got != "t u" || find(s, f.name, "t") != nil || find(s, f.name, "u") != nil {
			t.Errorf("opaque: %s", got)
		}
	})
}
