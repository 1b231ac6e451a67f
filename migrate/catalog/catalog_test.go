package catalog

import (
	"database/sql"
	"testing"

	"phiproxy/rewrite"
)

func TestVersion(t *testing.T) {
	for text, want := range map[string]struct {
		flavor  rewrite.Flavor
		version int
	}{
		"8.0.39":                           {rewrite.MySQL, 80039},
		"9.7.4-2":                          {rewrite.MySQL, 90704},
		"5.7.44-log":                       {rewrite.MySQL, 50744},
		"8.0.36-28":                        {rewrite.MySQL, 80036},
		"10.11.19-MariaDB-0+deb12u1":       {rewrite.MariaDB, 101119},
		"5.5.5-10.6.12-MariaDB-1:10.6.12+": {rewrite.MariaDB, 100612},
		"8.0.31-embedded":                  {rewrite.Embedded, 80031},
	} {
		version, err := versionNumber(text)
		if err != nil || version != want.version || flavorOf(text) != want.flavor {
			t.Errorf("%s: %d, %v, %v", text, version, flavorOf(text), err)
		}
	}
	for _, text := range []string{"", "8", "8.0", "a.b.c", "8.0.1000", "8.-1.2", "8.0."} {
		if version, err := versionNumber(text); err == nil {
			t.Errorf("%q is read as %d", text, version)
		}
	}
}

func TestMentions(t *testing.T) {
	table := object{schema: "db", name: "cases"}
	for _, c := range []struct {
		text, home string
		want       bool
	}{
		{"SELECT * FROM cases", "db", true},
		{"SELECT * FROM CASES", "db", true},
		{"SELECT * FROM Cases", "other", false},
		{"SELECT * FROM db.cases", "other", true},
		{"SELECT * FROM `db`.`cases`", "other", true},
		{"SELECT * FROM DB . cases", "other", true},
		{"SELECT * FROM \"db\".\"cases\"", "other", true},
		{"SELECT * FROM db./**/cases", "other", true},
		{"SELECT * FROM db. -- x\n cases", "other", true},
		{"SELECT * FROM other.cases", "db", false},
		{"SELECT * FROM `other`.`cases`", "db", false},
		{"SELECT * FROM cases2, my_cases, cases$, c\u00e4cases", "db", false},
		{"-- don't\nSELECT * FROM cases", "db", true},
		{"SELECT 'cases'", "db", true},
		{"select `other`.`t`.`cases` AS `cases` from `other`.`t`", "", false},
		{"select `db`.`cases`.`a` AS `a` from `db`.`cases`", "", true},
		{"cases", "db", true},
		{"", "db", false},
	} {
		if got := mentions(c.text, c.home, table); got != c.want {
			t.Errorf("%q in %q: %v, want %v", c.text, c.home, got, c.want)
		}
	}
}

func TestBuildsSQL(t *testing.T) {
	for text, want := range map[string]bool{
		"BEGIN PREPARE p FROM @s; EXECUTE p; END": true,
		"EXECUTE IMMEDIATE CONCAT('a', b)":        true,
		"begin execute p; end":                    true,
		"SELECT t.prepare, x.execute FROM t":      false,
		"SELECT prepared, executes FROM t":        false,
	} {
		if got := buildsSQL(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestDefaults(t *testing.T) {
	text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }
	for _, c := range []struct {
		value      sql.NullString
		nullable   bool
		has        bool
		want       string // "-" for none
		expression bool
	}{
		{sql.NullString{}, false, false, "-", false},
		{sql.NullString{}, true, true, "-", false},
		{text("NULL"), true, true, "-", false},
		{text("''"), false, true, "", false},
		{text("'it''s'"), false, true, "it's", false},
		{text(`'a\\b'`), false, true, `a\b`, false},
		{text("-1.5"), false, true, "-1.5", false},
		{text("current_timestamp()"), true, true, "-", true},
		{text("concat('a','b')"), true, true, "-", true},
	} {
		column := ColumnInfo{Nullable: c.nullable}
		column.setMariaDefault(c.value)
		got := "-"
		if column.Default != nil {
			got = *column.Default
		}
		if got != c.want || column.HasDefault != c.has || column.Expression != c.expression {
			t.Errorf("%v: %q, %+v", c.value, got, column)
		}
	}
}

func TestCapacity(t *testing.T) {
	for typ, want := range map[string]int{"varbinary(1070)": 1070, "blob": 65535, "mediumblob": 1<<24 - 1, "longblob": 1<<32 - 1, "tinyblob": 255, "varchar(20)": 0, "varbinary": 0} {
		c := ColumnInfo{Type: typ, DataType: typ}
		if len(typ) > 9 && typ[:9] == "varbinary" {
			c.DataType = "varbinary"
		}
		if got := c.Capacity(); got != want {
			t.Errorf("%s holds %d bytes, want %d", typ, got, want)
		}
	}
}

func TestOwnerProblem(t *testing.T) {
	for _, c := range []struct {
		columns          []string
		update, deletion string
		ok               bool
	}{
		{[]string{"o"}, "RESTRICT", "RESTRICT", true},
		{[]string{"o"}, "NO ACTION", "CASCADE", true},
		{[]string{"o"}, "CASCADE", "RESTRICT", false},
		{[]string{"x", "O"}, "NO ACTION", "SET NULL", false},
		{[]string{"x"}, "CASCADE", "SET NULL", true},
	} {
		f := ForeignKey{Name: "f", Columns: c.columns, OnUpdate: c.update, OnDelete: c.deletion}
		if got := f.OwnerProblem("o"); (got == "") != c.ok {
			t.Errorf("%+v: %q", f, got)
		}
	}
}
