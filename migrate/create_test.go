package migrate

import (
	"slices"
	"strings"
	"testing"
)

const mysqlTable = "CREATE TABLE `cases` (\n" +
	"  `case_id` varchar(100) NOT NULL,\n" +
	"  `a` varchar(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'x''y' COMMENT 'it''s, (a) \\\\ `b`',\n" +
	"  `od``d, name` enum('a,b','c)d') COLLATE utf8mb4_bin NOT NULL,\n" +
	"  `n` decimal(10,2) unsigned zerofill DEFAULT '0.00',\n" +
	"  `d` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,\n" +
	"  `e` varchar(5) GENERATED ALWAYS AS (left(`a`,5)) VIRTUAL,\n" +
	"  `t` text,\n" +
	"  `i` int /*!80023 INVISIBLE */,\n" +
	"  `p` double precision NOT NULL,\n" +
	"  PRIMARY KEY (`case_id`),\n" +
	"  KEY `a` (`case_id`),\n" +
	"  KEY `k` (`od``d, name`(3),`n`),\n" +
	"  CONSTRAINT `f` FOREIGN KEY (`n`) REFERENCES `other` (`t`),\n" +
	"  CONSTRAINT `c` CHECK ((`n` > 1))\n" +
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='PARTITION d'\n" +
	"/*!50100 PARTITION BY RANGE (year(`d`))\n(PARTITION p0 VALUES LESS THAN (2000) ENGINE = InnoDB) */"

func TestParseCreate(t *testing.T) {
	c, err := parseCreate(mysqlTable)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, column := range c.columns {
		got = append(got, column.name+"|"+column.typ+"|"+column.rest)
	}
	want := []string{
		"case_id|varchar(100)|NOT NULL",
		"a|varchar(20) CHARACTER SET latin1 COLLATE latin1_bin|DEFAULT 'x''y' COMMENT 'it''s, (a) \\\\ `b`'",
		"od`d, name|enum('a,b','c)d') COLLATE utf8mb4_bin|NOT NULL",
		"n|decimal(10,2) unsigned zerofill|DEFAULT '0.00'",
		"d|timestamp|NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
		"e|varchar(5)|GENERATED ALWAYS AS (left(`a`,5)) VIRTUAL",
		"t|text|",
		"i|int|/*!80023 INVISIBLE */",
		"p|double precision|NOT NULL",
	}
	if !slices.Equal(got, want) {
		t.Errorf("columns are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUses(t *testing.T) {
	c, err := parseCreate(mysqlTable)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"case_id":    "PRIMARY KEY (`case_id`) & KEY `a` (`case_id`)",
		"A":          "column `e` GENERATED ALWAYS AS (left(`a`,5)) VIRTUAL",
		"od`d, name": "KEY `k` (`od``d, name`(3),`n`)",
		"n":          "KEY `k` (`od``d, name`(3),`n`) & CONSTRAINT `f` FOREIGN KEY (`n`) REFERENCES `other` (`t`) & CONSTRAINT `c` CHECK ((`n` > 1))",
		"d":          "PARTITION BY",
		"t":          "",
		"b":          "",
	} {
		if got := strings.Join(c.uses(name), " & "); got != want {
			t.Errorf("%s is used by %q, want %q", name, got, want)
		}
	}
}

func TestUnreadableCreate(t *testing.T) {
	for _, text := range []string{"", "CREATE VIEW v AS SELECT 1", "CREATE TABLE `t` (\n  `a` int", "CREATE TABLE `t` (\n  `a\n)", "CREATE TABLE `t` (\n  `a`\n)"} {
		if c, err := parseCreate(text); err == nil {
			t.Errorf("%q was read as %+v", text, c)
		}
	}
}

// FuzzParseCreate: no text makes it panic, and what it takes apart is made of the text.
func FuzzParseCreate(f *testing.F) {
	f.Add(mysqlTable)
	f.Add("CREATE TABLE `t` (\n  `a` int,\n  `b` text\n)")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCreate(text)
		if err != nil {
			return
		}
		for _, column := range c.columns {
			if !strings.Contains(text, column.typ) || !strings.Contains(text, column.rest) {
				t.Errorf("%q gave %+v", text, column)
			}
			c.uses(column.name)
		}
	})
}
