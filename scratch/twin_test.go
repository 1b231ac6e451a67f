package scratch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/logical"
)

// casesTable is a protected table as the catalog describes it.
func casesTable() *rewrite.Table {
	sealed := func(name, typ, definition string) rewrite.Column {
		return rewrite.Column{Name: name, Type: typ, Nullable: true, HasDefault: true, Protected: &rewrite.Protected{ID: "cases." + name, Definition: definition, Type: logical.Date{}}} // whose plaintext is text
	}
	return &rewrite.Table{
		Schema: "surgi_case", Name: "cases", Protected: true, PrimaryKey: []int{0}, UniqueKeys: [][]int{{0}}, AutoInc: 0, Owner: 1, Flag: -1,
		Columns: []rewrite.Column{
			{Name: "case_id", Type: "int"},
			{Name: "user_id", Type: "varchar(20)", Collation: "utf8mb4_general_ci"},
			sealed("last", "varbinary(252)", "varchar(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"),
			sealed("dob", "varbinary(124)", "date"),
			sealed("cost", "varbinary(124)", "decimal(6,2)"),
			sealed("weight", "varbinary(124)", "float"),
			sealed("kind", "varbinary(124)", "enum('a','b')"),
			sealed("seen", "varbinary(124)", "timestamp"),
			{Name: "name_length", Type: "int", Nullable: true, Generated: true},
		},
	}
}

// showCreateCases is what a server prints for it.
func showCreateCases(f rewrite.Flavor) string {
	generated, check := "int GENERATED ALWAYS AS (char_length(`last`)) STORED", "CONSTRAINT `cost_positive` CHECK ((`cost` >= 0))"
	if f == rewrite.MariaDB {
		generated, check = "int(11) GENERATED ALWAYS AS (char_length(`last`)) STORED", "CONSTRAINT `cost_positive` CHECK (`cost` >= 0)"
	}
	return "CREATE TABLE `cases` (\n" +
		"  `case_id` int NOT NULL AUTO_INCREMENT,\n" +
		"  `user_id` varchar(20) COLLATE utf8mb4_general_ci NOT NULL DEFAULT 'no, one' COMMENT 'the owner, ''quoted''',\n" +
		"  `last` varbinary(252) DEFAULT NULL,\n  `dob` varbinary(124) DEFAULT NULL,\n  `cost` varbinary(124) DEFAULT NULL,\n  `weight` varbinary(124) DEFAULT NULL,\n" +
		"  `kind` varbinary(124) DEFAULT NULL,\n  `seen` varbinary(124) NULL DEFAULT NULL,\n  `name_length` " + generated + ",\n" +
		"  PRIMARY KEY (`case_id`),\n  KEY `user` (`user_id`),\n" +
		"  CONSTRAINT `fk` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE,\n  " + check + "\n" +
		") ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
}

func synced(t *testing.T, f rewrite.Flavor) (*Engine, *rewrite.Table) {
	t.Helper()
	e, table := common(t, f), casesTable()
	schema := &rewrite.Schema{Flavor: f}
	schema.Tables = map[string]*rewrite.Table{schema.Key(table.Schema, table.Name): table}
	show := func(context.Context, string, string) (string, error) { return showCreateCases(f), nil }
	if err := e.Sync(t.Context(), schema, show); err != nil {
		t.Fatal(err)
	}
	return e, table
}

// A twin answers for the types that clients see, with the flags of the backend's keys.
func TestTwin(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e, _ := synced(t, f)
		s := session(t, e, nil)
		p, err := s.Prepare(t.Context(), []byte("SELECT case_id, user_id, dob FROM surgi_case.cases WHERE LOWER(last)=?"))
		if err != nil || p.Params != 1 {
			t.Fatalf("got %+v, %v", p, err)
		}
		var got []string
		for _, b := range p.Columns {
			var c packet.Column
			if err := c.Decode(b); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(c.Type, " ", c.Flags&keyFlags))
		}
		if fmt.Sprint(got) != "[3 16898 253 16392 10 0]" {
			t.Errorf("got types and flags %v", got)
		}
		for _, sql := range []string{"INSERT INTO surgi_case.cases (last) VALUES ('x')", "DROP TABLE surgi_case.cases"} {
			if _, err := ask(s, sql); err == nil {
				t.Errorf("%s is allowed", sql)
			}
		}
	})
}

// What an INSERT would store, warn and refuse, as the server itself does.
func TestNormalise(t *testing.T) {
	cases := []struct {
		name, mode, values string
		ignore             bool
		want               string // stored values and codes of warnings, or the code of the error
	}{
		{"expressions", "STRICT_TRANS_TABLES", "UPPER('müller'), '1980-1-5', 1/3, 0.1e0, 2, NOW()", false, "MÜLLER|1980-01-05|0.33|0.10000000149011612|b|1970-01-01 00:00:01|6 [1265]"},
		{"null and default", "STRICT_TRANS_TABLES", "NULL, DEFAULT, DEFAULT, NULL, NULL, NULL", false, "NULL|NULL|NULL|NULL|NULL|NULL|NULL []"},
		{"too long", "STRICT_TRANS_TABLES", "'123456789', NULL, NULL, NULL, NULL, NULL", false, "1406"},
		{"too long, not strict", "", "'123456789', NULL, NULL, NULL, NULL, NULL", false, "12345678|NULL|NULL|NULL|NULL|NULL|8 [1265]"},
		{"too long, ignored", "STRICT_TRANS_TABLES", "'123456789', NULL, NULL, NULL, NULL, NULL", true, "12345678|NULL|NULL|NULL|NULL|NULL|8 [1265]"},
		{"bad date", "STRICT_TRANS_TABLES", "NULL, '1980-02-31', NULL, NULL, NULL, NULL", false, "1292"},
		{"bad date, not strict", "", "NULL, '1980-02-31', NULL, NULL, NULL, NULL", false, "NULL|0000-00-00|NULL|NULL|NULL|NULL|NULL [%d]"},
		{"bad date, allowed", "ALLOW_INVALID_DATES", "NULL, '1980-02-31', NULL, NULL, NULL, NULL", false, "NULL|1980-02-31|NULL|NULL|NULL|NULL|NULL []"},
		{"out of range", "STRICT_TRANS_TABLES", "NULL, NULL, 12345.6, NULL, NULL, NULL", false, "1264"},
		{"enum", "STRICT_TRANS_TABLES", "NULL, NULL, NULL, NULL, 'c', NULL", false, "1265"},
		{"division", "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO", "NULL, NULL, 1/0, NULL, NULL, NULL", false, "1365"},
		{"check", "STRICT_TRANS_TABLES", "NULL, NULL, -1, NULL, NULL, NULL", false, "check"},
		{"check, ignored", "STRICT_TRANS_TABLES", "NULL, NULL, -1, NULL, NULL, NULL", true, "check ignored"},
		{"time zone", "STRICT_TRANS_TABLES", "NULL, NULL, NULL, NULL, NULL, '2024-01-01 00:30:00'", false, "NULL|NULL|NULL|NULL|NULL|2023-12-31 23:30:00|NULL []"},
		{"number of values", "", "1", false, "1136"},
	}
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e, table := synced(t, f)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				s := session(t, e, map[string]string{"sql_mode": c.mode, "time_zone": "+01:00", "timestamp": "1"})
				stored, err := s.Normalise(t.Context(), Write{
					Table: table, Columns: []int{2, 3, 4, 5, 6, 7}, Rows: [][][]byte{{[]byte(c.values)}}, Ignore: c.ignore, Read: []int{2, 3, 4, 5, 6, 7, 8},
				})
				if got := outcome(stored, err); got != wanted(c.want, f) {
					t.Errorf("got %s, want %s", got, wanted(c.want, f))
				}
			})
		}
	})
}

// wanted fills in what the families call differently.
func wanted(want string, f rewrite.Flavor) string {
	check, ignored, date := "3819", "dropped", 1264
	if f == rewrite.MariaDB {
		check, ignored, date = "4025", "4025", 1265 // MariaDB's IGNORE does not forgive a single row
	}
	want = strings.Replace(strings.Replace(want, "check ignored", ignored, 1), "check", check, 1)
	return strings.Replace(want, "%d", fmt.Sprint(date), 1)
}

func outcome(stored *Stored, err error) string {
	var answer *ServerError
	switch {
	case errors.As(err, &answer):
		return fmt.Sprint(answer.Code)
	case err != nil:
		return err.Error()
	case stored.Dropped:
		return "dropped"
	}
	var codes []uint16
	for _, w := range stored.Warnings {
		codes = append(codes, w.Code)
	}
	var texts []string
	for _, v := range stored.Rows[0] {
		if v == nil {
			v = []byte("NULL")
		}
		texts = append(texts, string(v))
	}
	return strings.Join(texts, "|") + " " + fmt.Sprint(codes)
}

// Many rows keep their order, and two writes of one session do not meet.
func TestNormaliseRows(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e, table := synced(t, f)
		s := session(t, e, nil)
		for range 2 {
			var w Write
			w.Table, w.Columns = table, []int{2, 4}
			for i := range 300 {
				w.Rows = append(w.Rows, [][]byte{fmt.Appendf(nil, "CONCAT('n', %d)", i), fmt.Append(nil, i)})
			}
			stored, err := s.Normalise(t.Context(), w)
			if err != nil || len(stored.Rows) != 300 || string(stored.Rows[299][0]) != "n299" || string(stored.Rows[7][1]) != "7.00" {
				t.Fatalf("got %v", err)
			}
		}
	})
}

// An UPDATE of loaded rows is the server's: values, warnings, generated columns, CHECK.
func TestLoadTwin(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e, table := synced(t, f)
		s := session(t, e, map[string]string{"sql_mode": "STRICT_TRANS_TABLES"})
		if err := s.LoadTwin(t.Context(), table, []int{0, 2, 3}, source([]string{"5", "Müller", "1980-01-31"}, []string{"6", "Smith", "NULL"})); err != nil {
			t.Fatal(err)
		}
		rows, err := s.Query(t.Context(), []byte("UPDATE cases SET last=CONCAT(last,'!'), dob=dob+INTERVAL 1 MONTH"))
		if err != nil || rows.OK.AffectedRows != 2 || rows.Columns != nil {
			t.Fatalf("got %+v, %v", rows, err)
		}
		got, err := s.ReadTwin(t.Context(), table, []int{0, 2, 3, 8})
		if err != nil || fmt.Sprintf("%s", got) != "[[5 Müller! 1980-02-29 7] [6 Smith!  6]]" {
			t.Fatalf("got %s, %v", got, err)
		}
		var answer *ServerError
		if _, err = ask(s, "UPDATE cases SET last=REPEAT('x', 9)"); !errors.As(err, &answer) || answer.Code != 1406 {
			t.Fatalf("got %v", err)
		}
		_, err = ask(s, "UPDATE cases SET cost=-1")
		if !errors.As(err, &answer) || strings.Contains(string(answer.Message), "phiproxy") {
			t.Fatalf("got %v", err)
		}
	})
}

// A definition that is not what the schema says is an error, not a twin of something else.
func TestParseTwinRefuses(t *testing.T) {
	good := showCreateCases(rewrite.MySQL)
	if _, err := parseTwin(casesTable(), good); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "one line": "CREATE TABLE `cases` (", "no end": good[:strings.LastIndex(good, ")")],
		"other type": strings.Replace(good, "varbinary(252)", "varchar(252)", 1), "other order": strings.Replace(good, "`dob`", "`bod`", 1),
		"column missing": strings.Replace(good, "  `dob` varbinary(124) DEFAULT NULL,\n", "", 1), "unknown line": strings.Replace(good, "  KEY", "  PERIOD", 1),
		"column more": strings.Replace(good, "  PRIMARY", "  `x` int,\n  PRIMARY", 1),
	} {
		if _, err := parseTwin(casesTable(), text); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
}

// Twins can be made of the schema alone, and survive a restart of the server.
func TestPlainTwin(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e, table := common(t, f), casesTable()
		schema := &rewrite.Schema{Flavor: f}
		schema.Tables = map[string]*rewrite.Table{schema.Key(table.Schema, table.Name): table}
		if err := e.Sync(t.Context(), schema, nil); err != nil {
			t.Fatal(err)
		}
		s := session(t, e, nil)
		stored, err := s.Normalise(t.Context(), Write{Table: table, Columns: []int{1, 2}, Rows: [][][]byte{{[]byte("'u'"), []byte("'x'")}}})
		if err != nil || string(stored.Rows[0][1]) != "x" {
			t.Fatalf("got %v", err)
		}
	})
}

// A schema that has not changed leaves the twins alone; one that has replaces what changed and drops what is gone.
func TestSync(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e := open(t, programOptions(f))
		s := session(t, e, nil)
		sync := func(tables ...*rewrite.Table) {
			schema := &rewrite.Schema{Flavor: f, Tables: make(map[string]*rewrite.Table)}
			for _, table := range tables {
				schema.Tables[schema.Key(table.Schema, table.Name)] = table
			}
			if err := e.Sync(t.Context(), schema, nil); err != nil {
				t.Fatal(err)
			}
		}
		born := func() uint64 { return e.state.born }
		first := born()
		sync(casesTable())
		second := born()
		sync(casesTable())
		other := casesTable()
		other.Name = "deleted_cases"
		other.Columns[2].Protected.Definition = "text"
		sync(casesTable(), other)
		if second == first || born() != second {
			t.Errorf("slots are made anew at the wrong time: %d, %d, %d", first, second, born())
		}
		s.Release()
		s = session(t, e, nil)
		mustAsk(t, s, "SELECT COUNT(*) FROM surgi_case.cases, surgi_case.deleted_cases", "0")
		sync(other)
		if _, err := ask(s, "SELECT 1 FROM surgi_case.cases"); err == nil {
			t.Error("a twin that is gone is still there")
		}
		broken := casesTable()
		broken.Columns[2].Protected.Definition = "nonsense"
		schema := &rewrite.Schema{Flavor: f}
		broken.Name = "broken"
		schema.Tables = map[string]*rewrite.Table{"x": broken, "y": casesTable()}
		if err := e.Sync(t.Context(), schema, nil); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("a twin of nonsense is made: %v", err)
		}
		mustAsk(t, s, "SELECT COUNT(*) FROM surgi_case.cases", "0")
	})
}

// Rows that do not fit leave the answer to the statement behind them unread: the connection must not be used again.
func TestUnfitRowsEndTheConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e, table := synced(t, f)
		for range 8 {
			s := session(t, e, nil)
			if err := s.LoadTwin(t.Context(), table, []int{0, 2}, source([]string{"1", "far too long for eight"})); err != nil {
				t.Fatal(err)
			}
			var failed *Error
			if _, err := s.Query(t.Context(), []byte("UPDATE cases SET last='x'")); !errors.As(err, &failed) || failed.Kind != Unfit {
				t.Fatalf("%v", err)
			}
			s.Release()
			s = session(t, e, nil)
			rows, err := s.Query(t.Context(), []byte("SELECT 7"))
			if err != nil || len(rows.Columns) != 1 {
				t.Fatalf("%+v, %v", rows, err)
			}
			if _, err := rows.Next(); err != nil {
				t.Fatal(err)
			}
			if _, err := rows.Next(); err != io.EOF {
				t.Fatal(err)
			}
			s.Release()
		}
	})
}
