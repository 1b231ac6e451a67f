package rewrite

import (
	"strings"
	"testing"

	"phiproxy/rewrite/token"
)

func TestSplit(t *testing.T) {
	for _, flavor := range []Flavor{MariaDB, MySQL} {
		p := NewPlanner(&Schema{Flavor: flavor, ServerVersion: map[Flavor]int{MariaDB: 101119, MySQL: 90700}[flavor]}, 4)
		for _, tt := range []struct {
			mode token.Mode
			sql  string
			want string // the parts between bars; ! is one that cannot be read, * one of stored code
		}{
			{0, "", ""},
			{0, " ; ;", ""},
			{0, "SELECT 1", "SELECT 1"},
			{0, "SELECT 1; ; ", "SELECT 1"},
			{0, "SELECT 1;SELECT 2", "SELECT 1|SELECT 2"},
			{0, "SELECT ';' ; SELECT \";\"; SELECT `;`", "SELECT ';' | SELECT \";\"| SELECT `;`"},
			{0, "SELECT 'a\\';'; x", "SELECT 'a\\';'| x"},
			{token.NoBackslashEscapes, "SELECT 'a\\';x", "SELECT 'a\\'|x"},
			{token.ANSIQuotes, "SELECT \"a\\\";x", "SELECT \"a\\\"|x"},
			{0, "SELECT 1; # a;b\nx", "SELECT 1| # a;b\nx"},
			{0, "SELECT 1 -- ;\n; x", "SELECT 1 -- ;\n| x"},
			{0, "SELECT /*;*/ 1; /* the end; */", "SELECT /*;*/ 1| /* the end; */"},
			{0, "SELECT /*!50000 1; */ x", "!SELECT /*!50000 1; */ x"},
			{0, "SELECT /*!50000 1 */; x", "SELECT /*!50000 1 */| x"},
			{0, "SELECT 1;;x", "SELECT 1|!;x"},
			{0, "SELECT 1; 'open; x", "SELECT 1|! 'open; x"},
			{0, "SELECT 1; CREATE PROCEDURE p() BEGIN x; y; END; z", "SELECT 1|* CREATE PROCEDURE p() BEGIN x; y; END; z"},
			{0, "ALTER USER a; CREATE TRIGGER b; c", "ALTER USER a|* CREATE TRIGGER b; c"},
			{0, "BEGIN NOT ATOMIC x; END", "*BEGIN NOT ATOMIC x; END"},
			{0, "BEGIN; x", "BEGIN| x"},
		} {
			var got []string
			for _, part := range p.Split(State{Mode: tt.mode}, []byte(tt.sql)) {
				mark := map[bool]string{true: "!"}[part.Fault != nil] + map[bool]string{true: "*"}[part.Code]
				got = append(got, mark+tt.sql[part.Start:part.End])
			}
			if strings.Join(got, "|") != tt.want {
				t.Errorf("flavor %v, %q: %q", flavor, tt.sql, got)
			}
		}
	}
}

// Whatever the text, the parts follow one another with a single semicolon between them, and nothing but semicolons and white
// space is behind the last.
func FuzzSplit(f *testing.F) {
	for _, sql := range []string{"SELECT 1;SELECT ';'", "a;/*!50000 b;*/c", "x;;y", "CREATE PROCEDURE p() BEGIN x; END; y", "';"} {
		f.Add([]byte(sql), uint32(0))
		f.Add([]byte(sql), uint32(token.NoBackslashEscapes|token.ANSIQuotes))
	}
	p := NewPlanner(&Schema{Flavor: MySQL, ServerVersion: 90700}, 4)
	f.Fuzz(func(t *testing.T, sql []byte, mode uint32) {
		at := 0
		parts := p.Split(State{Mode: token.Mode(mode)}, sql)
		for i, part := range parts {
			if i > 0 {
				if sql[at] != ';' {
					t.Fatalf("%q: part %d is not behind a semicolon", sql, i)
				}
				at++
			}
			if part.Start != at || part.End < part.Start || part.End > len(sql) {
				t.Fatalf("%q: part %d is [%d, %d), want it at %d", sql, i, part.Start, part.End, at)
			}
			at = part.End
		}
		if !onlySemicolons(sql[at:]) {
			t.Fatalf("%q: %q belongs to nobody", sql, sql[at:])
		}
	})
}
