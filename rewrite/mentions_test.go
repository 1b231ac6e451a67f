package rewrite

import (
	"bytes"
	"strings"
	"testing"

	"phiproxy/rewrite/token"
)

func TestMentions(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 10)
	for sql, want := range map[string]bool{
		"":         false,
		"SELECT 1": false,
		"case":     false,
		"SELECT case_id FROM case_procedure_codes": false,
		"cases":                                 true,
		"SELECT 1 FROM cases":                   true,
		"SELECT 1 FROM CaSeS WHERE 1":           true,
		"SELECT 1 FROM app.cases":               true,
		"SELECT 1 FROM `cases`":                 true,
		"SELECT 1 FROM\ncases\n":                true,
		"SELECT 1 FROM/**/cases/**/":            true,
		"SELECT 1 FROM /*!50000cases*/":         true,
		"SELECT 1 FROM /*!cases*/":              true,
		"SELECT 1 FROM /*M!100100cases*/":       true,
		"SELECT 'in both cases'":                true, // literals are not told from names
		"SELECT cases1, cases_, xcases, _cases": false,
		"SELECT 1 FROM deleted_cases":           true,
		"SELECT 1 FROM undeleted_cases":         false,
		"SELECT * FROM case_view":               true,
		"call Copy_Cases()":                     true,
		"PREPARE s FROM @q":                     true,
		"prepared":                              false,
		"execute immediate @q":                  true,
		"BEGIN NOT ATOMIC":                      true,
		"set names gbk":                         true,
		"SET CHARACTER SET gbk":                 true,
		"SET @@character_set_client=28":         true,
		"SET @OLD_CHARACTER_SET_CLIENT=1":       false,
		"SET CHARSET big5":                      true,
		"SET collation_connection=gbk_bin":      true,
		"SELECT 1 FROM caſes":                   true,
		"SELECT * FROM case_v\u0130ew":          true,
	} {
		if got := p.Mentions([]byte(sql)); got != want {
			t.Errorf("%q: %v, want %v", sql, got, want)
		}
	}
}

func TestMentionsTable(t *testing.T) {
	p := NewPlanner(appSchema(MySQL), 10)
	for sql, want := range map[string]bool{"SET NAMES utf8mb4": false, "PREPARE s FROM @q": false, "PREPARE s FROM 'TABLE cases'": true, "CALL copy_cases()": true} {
		if got := p.MentionsTable([]byte(sql)); got != want {
			t.Errorf("%q: %v, want %v", sql, got, want)
		}
	}
	if NewPlanner(&Schema{}, 10).MentionsTable([]byte("SELECT 1 FROM cases")) {
		t.Error("a schema without protected tables has nothing to name")
	}
}

// TestMatcherEverywhere puts each word at every place of a text, in both cases, and compares with a plain search.
func TestMatcherEverywhere(t *testing.T) {
	for _, words := range [][]string{{"cases", "prepare", "gbk"}, {"t", "cases"}, {"ab"}, {"abcab", "bcabc"}} {
		m := newMatcher(append([]string(nil), words...))
		for _, w := range words {
			for at := range 40 {
				for _, fill := range []string{" ", ";", "é", "7"} {
					text := strings.Repeat(fill, at) + w + strings.Repeat(" ", 40-at)
					if !m.match([]byte(text)) || !m.match([]byte(strings.ToUpper(text))) {
						t.Fatalf("%v: %q not found", words, text)
					}
					if m.match([]byte(strings.ReplaceAll(text, w, "x"+w+"x"))) {
						t.Fatalf("%v: found inside of a word: %q", words, text)
					}
				}
			}
		}
	}
}

// FuzzMentions holds Mentions to its promise: what it does not match holds no protected name, whatever the text is read as.
func FuzzMentions(f *testing.F) {
	p := NewPlanner(appSchema(MySQL), 10)
	for _, seed := range goldenSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql []byte) {
		if p.Mentions(sql) {
			return
		}
		for mode := range token.SingleByte << 1 {
			if mode&^(token.ANSIQuotes|token.NoBackslashEscapes|token.IgnoreSpace|token.SingleByte) != 0 {
				continue
			}
			for _, mariaDB := range []bool{false, true} {
				toks, err := token.Scan(nil, sql, token.Options{Mode: mode, MariaDB: mariaDB, Version: 101119})
				if err != nil {
					continue
				}
				u := p.unitOf(State{Database: "app", Mode: mode}, sql, toks)
				if u.namesAny(0) || u.hasWord(0, "PREPARE", "IMMEDIATE", "ATOMIC", "NAMES") {
					t.Fatalf("%q, mode %b", sql, mode)
				}
			}
		}
	})
}

func goldenSeeds(f *testing.F) [][]byte {
	var seeds [][]byte
	for _, name := range []string{"testdata/accepted.golden", "testdata/refused.golden"} {
		for _, c := range readGolden(f, name) {
			seeds = append(seeds, []byte(c.sql))
		}
	}
	return seeds
}

func BenchmarkMentions(b *testing.B) {
	p := NewPlanner(appSchema(MySQL), 10)
	short := []byte("SELECT user_id, first_name, last_name FROM user_profile WHERE user_id = '54d8e448-0091-7031-86bb-d66da5e8f7e0' AND active = 1")
	big := bytes.Repeat([]byte("INSERT INTO request_logs (endpoint, request_payload) VALUES ('/case', '{\"name\": \"somebody\"}'); "), 10000)
	for name, sql := range map[string][]byte{"short": short, "big": big} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(sql)))
			for b.Loop() {
				if p.Mentions(sql) {
					b.Fatal("mentioned")
				}
			}
		})
	}
}
