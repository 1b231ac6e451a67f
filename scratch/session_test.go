package scratch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
)

var patients = WorkTable{
	Name: "w1", Schema: "surgicase", Table: "cases",
	Columns: []WorkColumn{
		{Name: "id", Type: "int", NotNull: true, Origin: &Origin{"surgicase", "cases", "case_id", 1<<1 | 1<<9}},
		{Name: "last", Type: "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", Origin: &Origin{"surgicase", "cases", "patient_last", 0}},
		{Name: "dob", Type: "date"},
	},
}

func manyPatients(n int) RowSource {
	return func(yield func([][]byte, error) bool) {
		for i := range n {
			if !yield([][]byte{fmt.Append(nil, i), fmt.Appendf(nil, "Name%d", i%10), []byte("1980-02-03")}, nil) {
				return
			}
		}
	}
}

// A statement over loaded rows gives the server's rows and metadata, which speak of the client's table.
func TestQuery(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		s := session(t, common(t, f), nil)
		if err := s.Load(t.Context(), patients, source([]string{"1", "Müller", "1980-01-05"}, []string{"2", "muller", "NULL"}, []string{"3", "O'Brien\\\n\t\x00", "0000-00-00"})); err != nil {
			t.Fatal(err)
		}
		mustAsk(t, s, "SELECT COUNT(*), GROUP_CONCAT(id) FROM w1 GROUP BY last ORDER BY 1", "1|3\n2|1,2")
		mustAsk(t, s, "SELECT HEX(last), dob FROM w1 WHERE id=3", "4F27427269656E5C0A0900|0000-00-00")
		mustAsk(t, s, "SELECT a.id, b.id FROM w1 a JOIN w1 b ON a.last=b.last WHERE a.id<b.id", "1|2") // the same table twice
		rows, err := s.Query(t.Context(), []byte("SELECT id, w1.last AS l, 1 FROM w1"))
		if err != nil {
			t.Fatal(err)
		}
		var id, last, one packet.Column
		if err := errors.Join(id.Decode(rows.Columns[0]), last.Decode(rows.Columns[1]), one.Decode(rows.Columns[2]), rows.Close()); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s %s %s %s %s %d", id.Schema, id.Table, id.OrgTable, id.Name, id.OrgName, id.Flags&keyFlags); got != "surgicase cases cases id case_id 514" {
			t.Error(got)
		}
		if got := fmt.Sprintf("%s %s %s", last.Name, last.OrgName, one.OrgTable); got != "l patient_last " {
			t.Error(got)
		}
	})
}

// Errors of the client's statement are the server's, and name the client's tables.
func TestServerError(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		s := session(t, common(t, f), nil)
		if err := s.Load(t.Context(), patients, nil); err != nil {
			t.Fatal(err)
		}
		_, err := ask(s, "SELECT * FROM w1, nosuch")
		var answer *ServerError
		if !errors.As(err, &answer) || answer.Code != 1146 || answer.State != "42S02" {
			t.Fatalf("got %v", err)
		}
		_, err = ask(s, "DELETE FROM w1 WHERE nosuch(1)")
		if !errors.As(err, &answer) || strings.Contains(string(answer.Message), s.slot.account.database) && f == rewrite.MySQL {
			t.Fatalf("got %v", err)
		}
		if strings.Contains(answer.Error(), "nosuch") {
			t.Error("the error's text quotes the statement")
		}
		mustAsk(t, s, "SELECT COUNT(*) FROM w1", "0") // the session goes on
	})
}

// Rows arrive by INSERT and by LOAD DATA alike, whatever the type and the bytes.
func TestLoadTypes(t *testing.T) {
	columns := []struct {
		typ    string
		utf8   bool
		values []string
		read   string // what to select
		want   []string
	}{
		{"tinyint unsigned", false, []string{"255", "0"}, "c", nil},
		{"bigint", false, []string{"-9223372036854775808", "9223372036854775807"}, "c", nil},
		{"decimal(30,10)", false, []string{"-12345678901234567890.0123456789", "0.0000000001"}, "c", nil},
		{"float", false, []string{"0.12345679104328156", "3.4028234663852886e38"}, "c+0e0", []string{"0.12345679104328156", "3.4028234663852886e38"}},
		{"double", false, []string{"0.1", "-1.7976931348623157e308"}, "c", nil},
		{"bit(10)", false, []string{"\x02\x01", "\x00\x5c"}, "HEX(c)", []string{"201", "5C"}},
		{"date", false, []string{"2024-02-30", "0000-00-00"}, "c", nil},
		{"datetime(6)", false, []string{"2024-02-29 23:59:59.123456", "2024-00-00 00:00:00.000000"}, "c", nil},
		{"timestamp(3) NULL", false, []string{"2024-10-27 00:30:00.500", "2024-10-27 01:30:00.500"}, "c", nil},
		{"time(2)", false, []string{"-838:59:59.00", "00:00:00.01"}, "c", nil},
		{"year", false, []string{"1901", "2155"}, "c", nil},
		{"char(10) CHARACTER SET latin1", false, []string{"M\xfcller", "x"}, "HEX(c)", []string{"4DFC6C6C6572", "78"}},
		{"varchar(10) CHARACTER SET latin1", true, []string{"Müller\t", "\\N"}, "HEX(c)", []string{"4DFC6C6C657209", "5C4E"}},
		{"varchar(10) CHARACTER SET utf8mb4", false, []string{"日本😀 ", ""}, "HEX(c)", []string{"E697A5E69CACF09F988020", ""}},
		{"text CHARACTER SET utf16", true, []string{"aé", "😀"}, "HEX(c)", []string{"006100E9", "D83DDE00"}},
		{"varbinary(10)", false, []string{"\x00\xff\n\t\r\x1a\\'\"", "\xf0"}, "HEX(c)", []string{"00FF0A090D1A5C2722", "F0"}},
		{"longblob", false, []string{strings.Repeat("\xff\x00", 5000), "\\"}, "LENGTH(c)", []string{"10000", "1"}},
		{"enum('a','b','é') CHARACTER SET utf8mb4", false, []string{"é", "b"}, "c", nil},
		{"set('a','b','c')", false, []string{"a,c", ""}, "c", nil},
		{"json", false, []string{`{"a": "é\"\\n"}`, `[]`}, "c", nil},
		{"geometry", false, []string{"\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40", "NULL"}, "ST_AsText(c)", []string{"POINT(1 2)", "NULL"}},
	}
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		for _, c := range columns {
			want := c.want
			if want == nil {
				want = c.values
			}
			for _, n := range []int{0, fewRows} { // rows in front, so that those which are looked at come by LOAD DATA
				t.Run(fmt.Sprint(c.typ, " ", n), func(t *testing.T) {
					s := session(t, common(t, f), map[string]string{"character_set_results": "utf8mb4", "sql_mode": "ALLOW_INVALID_DATES", "time_zone": "+00:00"})
					table := WorkTable{Name: "w2", Columns: []WorkColumn{{Name: "n", Type: "int", NotNull: true}, {Name: "c", Type: c.typ, UTF8: c.utf8}}}
					var rows [][]string
					for i := range n {
						rows = append(rows, []string{fmt.Sprint(i - n), "NULL"})
					}
					rows = append(rows, []string{"1", c.values[0]}, []string{"2", c.values[1]}, []string{"3", "NULL"})
					if err := s.Load(t.Context(), table, source(rows...)); err != nil {
						t.Fatal(err)
					}
					mustAsk(t, s, "SELECT "+c.read+" FROM w2 WHERE n>0 ORDER BY n", want[0]+"\n"+want[1]+"\nNULL")
					mustAsk(t, s, "SELECT COUNT(*) FROM w2 WHERE n<0 AND c IS NULL", fmt.Sprint(n))
				})
			}
		}
	})
}

// A value that its type cannot hold is an error of the engine's, never a changed value.
func TestUnfit(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		for _, n := range []int{0, fewRows} {
			s := session(t, common(t, f), nil)
			rows := func(yield func([][]byte, error) bool) {
				for i := range n {
					if !yield([][]byte{fmt.Append(nil, i), nil, nil}, nil) {
						return
					}
				}
				yield([][]byte{[]byte("1"), []byte(strings.Repeat("x", 101)), nil}, nil)
			}
			err := s.Load(t.Context(), patients, rows)
			if err == nil {
				_, err = ask(s, "SELECT COUNT(*) FROM w1")
			}
			wantKind(t, err, Unfit)
			if strings.Contains(err.Error(), "xxx") {
				t.Error("the error quotes the value")
			}
			s.Release()
		}
		s := session(t, common(t, f), nil)
		if err := s.Load(t.Context(), patients, nil); err != nil {
			t.Fatal(err)
		}
		mustAsk(t, s, "SELECT COUNT(*) FROM w1", "0")
	})
}

// What a client has set holds for its own statement only.
func TestSettings(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e := open(t, one(programOptions(f)))
		s := session(t, e, map[string]string{
			"sql_mode": "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES", "time_zone": "+05:30", "timestamp": "86400.5", "lc_time_names": "de_DE",
			"group_concat_max_len": "10", "div_precision_increment": "2", "max_sort_length": "64", "collation_connection": "utf8mb4_bin", "character_set_results": "latin1",
			"default_week_format": "3", "last_insert_id": "77", "character_set_client": "utf8mb4", "character_set_connection": "utf8mb4",
		})
		mustAsk(t, s, `SELECT 'a'||'b\', NOW(), DAYNAME('2024-01-01'), 1/3, 'a'='A', LAST_INSERT_ID(), @v`, `ab\|1970-01-02 05:30:00|Montag|0.33|0|77|NULL`)
		mustAsk(t, s, "SELECT 'é'", "\xe9")
		if _, err := ask(s, "SELECT @v:=7, GET_LOCK('l', 0)"); err != nil {
			t.Fatal(err)
		}
		s.Release()
		s = session(t, e, map[string]string{"character_set_results": "NULL"})
		mustAsk(t, s, `SELECT 'a'||'b', DAYNAME('2024-01-01'), 1/3, 'a'='A', @v, YEAR(NOW())>2000, LAST_INSERT_ID(), @@max_sort_length`, `0|Monday|0.3333|1|NULL|1|0|1024`)
		if got := fmt.Sprint(e.Status().Flavor); got != fmt.Sprint(f) {
			t.Error(got)
		}
	})
}

// However a session left its connection, the next one begins with the engine's own settings in its own database.
func TestSettingsOfTheNext(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e := open(t, one(programOptions(f)))
		s := session(t, e, map[string]string{"sql_mode": "ANSI", "time_zone": "+05:30", "character_set_client": "latin1", "character_set_connection": "latin1", "character_set_results": "NULL"})
		if _, err := ask(s, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		s.Release()
		s = session(t, e, nil)
		var got string
		err := s.slot.conn.rows("SELECT CONCAT_WS('|', @@sql_mode, @@time_zone, @@character_set_client, @@character_set_connection, @@character_set_results, DATABASE())", func(row []byte) error {
			v, err := textRow(row, 1)
			got = string(v[0])
			return err
		})
		want := "NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION|+00:00|utf8mb4|utf8mb4|utf8mb4|" + s.slot.account.database
		if err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	})
}

func one(o Options) Options {
	o.Limits.Sessions = 1
	return o
}

func TestSettingsRefused(t *testing.T) {
	value := "1; DROP"
	for _, values := range []map[string]*string{{"no_such": &value}, {"timestamp": &value}, {"wait_timeout": nil}} {
		if _, err := NewSettings(values); err == nil {
			t.Errorf("%v is taken", values)
		}
	}
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		s := session(t, common(t, f), map[string]string{"time_zone": "No/Where"})
		_, err := ask(s, "SELECT 1")
		wantKind(t, err, Settling)
	})
}

// One session sees neither the tables of another nor anything but its own.
func TestIsolation(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e := common(t, f)
		table := patients
		table.Name = "only_a"
		a, b := session(t, e, nil), session(t, e, nil)
		if err := a.Load(t.Context(), table, source([]string{"1", "secret", "NULL"})); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{
			"SELECT * FROM only_a", "SELECT * FROM `" + a.slot.account.database + "`.only_a", "SELECT * FROM mysql.user", "KILL " + fmt.Sprint(a.slot.conn.GetConnectionID()),
			"SELECT 1 INTO OUTFILE '/tmp/x'", "SET GLOBAL general_log=1", "CREATE DATABASE d", "LOAD DATA INFILE '/etc/passwd' INTO TABLE only_a",
		} {
			var answer *ServerError
			if _, err := ask(b, sql); !errors.As(err, &answer) {
				t.Errorf("%s: got %v, want an error of the server", sql, err)
			}
		}
		mustAsk(t, b, "SELECT LOAD_FILE('/etc/passwd')", "NULL")
		mustAsk(t, b, "SELECT COUNT(*) FROM information_schema.tables WHERE table_name='only_a'", "0")
		mustAsk(t, b, "SELECT COUNT(DISTINCT user) FROM information_schema.processlist", "1")
		mustAsk(t, a, "SELECT last FROM only_a", "secret")
	})
}

// After use, however it ended, nothing is left in the tables or the variables.
func TestEmptied(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e := open(t, one(programOptions(f)))
		ends := map[string]func(s *Session){
			"well":   func(s *Session) { mustAsk(t, s, "SELECT @x:='canary', last FROM w1 LIMIT 1", "canary|Name0") },
			"error":  func(s *Session) { _, _ = ask(s, "SELECT nosuch FROM w1") },
			"unread": func(s *Session) { _, _ = s.Query(t.Context(), []byte("SELECT a.* FROM w1 a, w1 b")) },
			"panic": func(s *Session) {
				defer func() { _ = recover() }()
				defer s.Release()
				panic("test")
			},
			"cancel": func(s *Session) {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				rows, err := s.Query(ctx, []byte("SELECT COUNT(*) FROM w1 a, w1 b, w1 c, w1 d WHERE a.last<>CONCAT(b.last,c.id,d.id)"))
				if err == nil {
					err = rows.Close()
				}
				wantKind(t, err, Timeout)
			},
		}
		for name, end := range ends {
			s := session(t, e, nil)
			if err := s.Load(t.Context(), patients, manyPatients(1000)); err != nil {
				t.Fatal(name, err)
			}
			end(s)
			s.Release()
			s = session(t, e, nil)
			if err := s.Load(t.Context(), patients, nil); err != nil {
				t.Fatal(name, err)
			}
			mustAsk(t, s, "SELECT COUNT(*), @x FROM w1", "0|NULL")
			s.Release()
		}
	})
}

func TestLimits(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		o := one(programOptions(f))
		o.Limits.Rows, o.Limits.Bytes, o.Limits.TotalBytes, o.Limits.Time, o.Limits.Wait = 500, 20000, 12000, time.Second, 30*time.Second
		e := open(t, o)
		for _, c := range []struct {
			rows int
			text string
			kind Kind
		}{{501, "x", TooManyRows}, {300, strings.Repeat("x", 100), Full}, {2, strings.Repeat("x", 10001), TooManyBytes}} {
			s := session(t, e, nil)
			table := WorkTable{Name: "w3", Columns: []WorkColumn{{Name: "a", Type: "mediumtext"}}}
			err := s.Load(t.Context(), table, func(yield func([][]byte, error) bool) {
				for range c.rows {
					if !yield([][]byte{[]byte(c.text)}, nil) {
						return
					}
				}
			})
			wantKind(t, err, c.kind)
			s.Release()
		}
		s := session(t, e, nil)
		_, err := ask(s, "SELECT SLEEP(20)")
		wantKind(t, err, Timeout)
		s.Release()
		s = session(t, e, nil)
		mustAsk(t, s, "SELECT 1", "1")
		e.limits.Wait = 50 * time.Millisecond
		_, err = e.Session(t.Context(), Settings{})
		wantKind(t, err, Busy)
		if held := e.held.Load(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// Prepared statements give binary rows, and take the client's parameters as they are.
func TestPrepared(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		s := session(t, common(t, f), nil)
		if err := s.Load(t.Context(), patients, manyPatients(5)); err != nil {
			t.Fatal(err)
		}
		p, err := s.Prepare(t.Context(), []byte("SELECT id, dob FROM w1 WHERE id=?"))
		if err != nil || p.Params != 1 || len(p.Columns) != 2 {
			t.Fatalf("got %+v, %v", p, err)
		}
		rows, err := s.Execute(t.Context(), p, []byte{0, 1, 3, 0, 4, 0, 0, 0}) // no NULL, new types, INT 4
		if err != nil {
			t.Fatal(err)
		}
		row, err := rows.Next()
		if err != nil || fmt.Sprintf("%x", row) != "0000"+"04000000"+"04bc070203" {
			t.Fatalf("got %x, %v", row, err)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Prepare(t.Context(), []byte("SELEC")); err == nil {
			t.Error("nonsense is prepared")
		}
	})
}

// Named time zones are there when a client has one, and give what the zone's rules say.
func TestTimeZones(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		for range 2 {
			s := session(t, common(t, f), map[string]string{"time_zone": "Europe/Berlin", "timestamp": "1729989000"})
			table := WorkTable{Name: "zones", Columns: []WorkColumn{{Name: "a", Type: "timestamp NULL"}}}
			rows := source([]string{"2024-10-27 00:30:00"}, []string{"2024-10-27 01:30:00"}, []string{"1970-01-01 12:00:00"}, []string{"2037-07-01 12:00:00"})
			if err := s.Load(t.Context(), table, rows); err != nil {
				t.Fatal(err)
			}
			mustAsk(t, s, "SELECT a, UNIX_TIMESTAMP(a) FROM zones", "2024-10-27 02:30:00|1729989000\n2024-10-27 02:30:00|1729992600\n1970-01-01 13:00:00|43200\n2037-07-01 14:00:00|2130062400")
			if err := s.Zone(t.Context(), "America/New_York"); err != nil {
				t.Fatal(err)
			}
			mustAsk(t, s, "SELECT NOW(), CONVERT_TZ('2024-07-01 12:00:00','+00:00','America/New_York')", "2024-10-27 02:30:00|2024-07-01 08:00:00")
			s.Release()
		}
	})
}

// A slot keeps a bounded number of tables, and a name may come to mean other columns.
func TestManyTables(t *testing.T) {
	e := open(t, one(programOptions(rewrite.MariaDB)))
	for i := range keptTables + 20 {
		s := session(t, e, nil)
		for _, name := range []string{fmt.Sprint("t", i), "same"} {
			table := WorkTable{Name: name, Columns: []WorkColumn{{Name: fmt.Sprint("c", i), Type: "int"}}}
			if err := s.Load(t.Context(), table, source([]string{"1"})); err != nil {
				t.Fatal(err)
			}
		}
		mustAsk(t, s, fmt.Sprintf("SELECT COUNT(*) FROM t%d JOIN same USING (c%d)", i, i), "1")
		if n := len(s.slot.tables); n > keptTables {
			t.Fatalf("%d tables are kept", n)
		}
		s.Release()
	}
}
