package token

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

var kindNames = map[Kind]string{
	Word: "word", Quoted: "quoted", String: "string", Int: "int", Decimal: "decimal", Float: "float", Hex: "hex", Bit: "bit",
	Param: "param", UserVar: "var", SysVar: "sysvar", Op: "op",
}

// show is the tokens of a text: kind and text of each, but for words and operators the text alone.
func show(sql string, toks []Token) string {
	var parts []string
	for _, t := range toks[:len(toks)-1] {
		part := string(t.Text([]byte(sql)))
		if t.Kind != Op && t.Kind != Word {
			part = kindNames[t.Kind] + ":" + part
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

var (
	mysql97   = Options{Version: 90700}
	mysql80   = Options{Version: 80039}
	maria1011 = Options{MariaDB: true, Version: 101119}
	unknown   = Options{}
)

func with(o Options, m Mode) Options {
	o.Mode = m
	return o
}

// Each reading was taken from the servers themselves: see TestTokenizerReadsAsServers in e2e.
func TestScan(t *testing.T) {
	for _, c := range []struct {
		o         Options
		sql, want string
	}{
		{mysql97, "", ""},
		{mysql97, "SELECT 1", "SELECT int:1"},
		// comments and space
		{mysql97, "SELECT 1 /* a /* b */ + 1 -- */", "SELECT int:1 + int:1"},
		{mysql97, "SELECT 1 --1", "SELECT int:1 - - int:1"},
		{mysql97, "SELECT 1 --\t1", "SELECT int:1"},
		{mysql97, "SELECT 1 --\x011\n+2", "SELECT int:1 + int:2"},
		{mysql97, "SELECT 1 --", "SELECT int:1"},
		{mysql97, "SELECT 1 #c\r+1\n+2", "SELECT int:1 + int:2"},
		{mysql97, "SELECT\v1\f+\r1\n", "SELECT int:1 + int:1"},
		{mysql97, "/**/SELECT/***/1/*/ */", "SELECT int:1"},
		{mysql97, "SELECT /*+ SET_VAR(a='x') */ 1", "SELECT int:1"},
		// executable comments
		{mysql97, "SELECT /*!40001 SQL_NO_CACHE */ * FROM t", "SELECT SQL_NO_CACHE * FROM t"},
		{unknown, "SELECT /*!40001 SQL_NO_CACHE */ *", "SELECT SQL_NO_CACHE *"},
		{mysql97, "SELECT 1 /*! + 1 */", "SELECT int:1 + int:1"},
		{mysql97, "SELECT 1 /*!50000+1*/", "SELECT int:1 + int:1"},
		{mysql97, "SELECT 1 /*!50700 + 1 */", "SELECT int:1 + int:1"},
		{maria1011, "SELECT 1 /*!50700 + 1 */", "SELECT int:1"},
		{maria1011, "SELECT 1 /*!80000 '*/", "SELECT int:1"},
		{mysql97, "SELECT 1 /*!080030 + 1 */", "SELECT int:1 + int:1"},
		{maria1011, "SELECT 1 /*!100500 + 1 */", "SELECT int:1 + int:1"},
		{maria1011, "SELECT 1 /*M! + 1 */ /*M!100000 + 2 */", "SELECT int:1 + int:1 + int:2"},
		{mysql97, "SELECT 1 /*M! + 1 */", "SELECT int:1"},
		{maria1011, "/*M!999999- sandbox */ SELECT 1", "SELECT int:1"},
		{mysql97, "SELECT 1 /*!50000 + 1 /* x */ + 1 */ + 2", "SELECT int:1 + int:1 + int:1 + int:2"},
		{maria1011, "SELECT 1 /*!80000 + 1 /* x */ + 1 */ + 2", "SELECT int:1 + int:2"},
		{mysql97, "SELECT 1 /*!50000 , '*/' */ , 2", "SELECT int:1 , string:'*/' , int:2"},
		{mysql97, "SELECT 1 /*!50000 -- */\n + 1 */", "SELECT int:1 + int:1"},
		// strings
		{mysql97, `SELECT 'a''b' "c""d" 'e\'f' '\\'`, `SELECT string:'a''b' string:"c""d" string:'e\'f' string:'\\'`},
		{mysql97, "SELECT 'a' 'b'", "SELECT string:'a' string:'b'"},
		{with(mysql97, NoBackslashEscapes), `SELECT 'a\', 'b'`, `SELECT string:'a\' , string:'b'`},
		{with(mysql97, ANSIQuotes), `SELECT "a""b\"`, `SELECT quoted:"a""b\"`},
		{mysql97, "SELECT 'a\x00b', '\xff\xfe'", "SELECT string:'a\x00b' , string:'\xff\xfe'"},
		{mysql97, "SELECT N'a', n'b', _utf8mb4'c', _latin1 0x41", "SELECT N string:'a' , n string:'b' , _utf8mb4 string:'c' , _latin1 hex:0x41"},
		// numbers, and names that begin like them
		{mysql97, "1 12 1. .5 1.5 1e3 1E+2 .5e-1 1.e1", "int:1 int:12 decimal:1. decimal:.5 decimal:1.5 float:1e3 float:1E+2 float:.5e-1 float:1.e1"},
		{mysql97, "0x41 0x4 x'41' X'' b'01' B'' 0b01", "hex:0x41 hex:0x4 hex:x'41' hex:X'' bit:b'01' bit:B'' bit:0b01"},
		{mysql97, "0X41 0xg 0b2 0x 0b 0B1 0x4g", "0X41 0xg 0b2 0x 0b 0B1 0x4g"},
		{mysql97, "1e 1a 1FROM 1e+ 1ex 1e1x", "1e 1a 1FROM 1e + 1ex float:1e1 x"},
		{mysql97, "1.5a 1.a 1..2 1.5.3", "decimal:1.5 a decimal:1. a decimal:1. decimal:.2 decimal:1.5 decimal:.3"},
		{mysql97, "t.1 t.1a t.1e5 t.5.x'41' t .5 `t`.5 t . 5", "t . 1 t . 1a t . 1e5 t . 5 . x string:'41' t decimal:.5 quoted:`t` decimal:.5 t . int:5"},
		{mysql97, "t.x'41' t . x'41' @@a.1", "t . x string:'41' t . hex:x'41' sysvar:@@a . 1"},
		// names
		{mysql97, "`a``b` `é` é a$b _x", "quoted:`a``b` quoted:`é` é a$b _x"},
		{with(mysql97, SingleByte), "`\xe9` '\xe9' /* \xe9 */", "quoted:`\xe9` string:'\xe9'"},
		{maria1011, "$a", "$a"},
		// variables
		{mysql97, "@a @a.b$c @'d e' @`f``g` @\"h\" @@sql_mode @@global.x @@`y`", "var:@a var:@a.b$c var:@'d e' var:@`f``g` var:@\"h\" sysvar:@@sql_mode sysvar:@@global . x sysvar:@@ quoted:`y`"},
		{mysql97, "a@b 'u'@'%'", "a var:@b string:'u' var:@'%'"},
		// operators
		{mysql97, "<=> <= >= <> != << >> < > = ! || && | & := : -> ->> - + * / % ^ ~ { } [ ] ( ) , ; ?", "<=> <= >= <> != << >> < > = ! || && | & := : -> ->> - + * / % ^ ~ { } [ ] ( ) , ; param:?"},
		{mysql97, "a=-1 b<-1 c>=!d e|||f", "a = - int:1 b < - int:1 c >= ! d e || | f"},
	} {
		toks, err := Scan(nil, []byte(c.sql), c.o)
		if err != nil {
			t.Errorf("%q: %v", c.sql, err)
		} else if got := show(c.sql, toks); got != c.want {
			t.Errorf("%q:\ngot  %q\nwant %q", c.sql, got, c.want)
		}
	}
}

func TestScanRefuses(t *testing.T) {
	for _, c := range []struct {
		o    Options
		sql  string
		want error
	}{
		{mysql97, "'a", ErrUnterminated}, {mysql97, `'a\'`, ErrUnterminated}, {mysql97, "`a", ErrUnterminated}, {mysql97, "/* a", ErrUnterminated},
		{mysql97, "/*/", ErrUnterminated}, {mysql97, "/*! 1", ErrUnterminated}, {mysql97, "/*!50000 1 -- */", ErrUnterminated},
		{with(mysql97, NoBackslashEscapes), `'a\', 'b`, ErrUnterminated},
		{mysql97, "/*!99999 1 */", ErrComment}, {mysql80, "/*!90000 1 */", ErrComment}, {unknown, "/*!50700 1 */", ErrComment},
		{mysql97, "/*!500001+1*/", ErrComment}, {mysql80, "/*!080030 1 */", ErrComment}, {mysql97, "/*!5000 1 */", ErrComment},
		{mysql97, "/*!5000000 1 */", ErrComment}, {maria1011, "/*M!120000 1 */", ErrComment},
		{mysql97, "/*!50000 1 /*!50000 2 */ */", ErrComment}, {mysql97, "1 */", ErrComment},
		{mysql97, "SELECT /*+ 'x */ 1", ErrComment}, {mysql97, "SELECT /*+ QB_NAME(`x */ 1", ErrComment},
		{mysql97, "1 \x00", ErrByte}, {mysql97, "-- \x00\n1", ErrByte}, {mysql97, "/* \x00 */", ErrByte}, {mysql97, "`a\x00b`", ErrByte},
		{mysql97, "\x01", ErrByte}, {mysql97, `\N`, ErrByte}, {mysql97, "a\xff", ErrByte}, {mysql97, "\xc3", ErrByte}, {mysql97, "`\xe9`", ErrByte},
		{with(mysql97, SingleByte), "SELECT a\xc3\xa0b", ErrByte}, {mysql97, "$a", ErrByte}, {mysql97, "$$a$$", ErrByte}, {mysql97, "?a", ErrByte},
		{mysql97, "x'4'", ErrNumber}, {mysql97, "x'4g'", ErrNumber}, {mysql97, "b'2'", ErrNumber}, {mysql97, "x'41", ErrNumber}, {mysql97, "1.5e", ErrNumber}, {mysql97, ".5e+", ErrNumber},
		{mysql97, "a =! b", ErrOperator}, {mysql97, "a <<= b", ErrOperator}, {mysql97, "a => b", ErrOperator},
		{mysql97, "@ a", ErrVariable}, {mysql97, "@", ErrVariable}, {mysql97, "@@", ErrVariable}, {mysql97, "@@ a", ErrVariable}, {mysql97, "@é", ErrVariable},
	} {
		if _, err := Scan(nil, []byte(c.sql), c.o); !errors.Is(err, c.want) {
			t.Errorf("%q: got %v, want %v", c.sql, err, c.want)
		}
	}
}

func TestUnquote(t *testing.T) {
	for _, c := range []struct {
		raw  string
		mode Mode
		want string
	}{
		{`''`, 0, ""}, {`'a''b'`, 0, "a'b"}, {`"a""b'c"`, 0, `a"b'c`}, {`'\0\'\"\b\n\r\t\Z\\\x'`, 0, "\x00'\"\b\n\r\t\x1a\\x"},
		{`'\%\_'`, 0, `\%\_`}, {`'a\'`, NoBackslashEscapes, `a\`}, {`'\n''\'`, NoBackslashEscapes, `\n'\`}, {"'é\xff'", 0, "é\xff"},
	} {
		if got := string(Unquote(nil, []byte(c.raw), c.mode)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.raw, got, c.want)
		}
	}
}

func TestScanReusesItsBuffer(t *testing.T) {
	sql := []byte(typical)
	dst := make([]Token, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Scan(dst[:0], sql, mysql97); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

const typical = `SELECT c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, CONCAT(s.first_name, ' ', s.last_name) AS surgeon_name
	# LEFT JOIN something
	FROM cases c LEFT JOIN surgeon_list s ON c.surgeon_id = s.surgeon_id
	WHERE c.case_id = '54d8e448-0091-7031-86bb-d66da5e8f7e0_1700000000000' AND c.active = 1 ORDER BY c.case_id DESC LIMIT 20`

func BenchmarkScan(b *testing.B) {
	sql, dst := []byte(typical), make([]Token, 0, 256)
	b.SetBytes(int64(len(sql)))
	for b.Loop() {
		if _, err := Scan(dst[:0], sql, mysql97); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzScan holds that tokens lie in the text, in order and not empty, and that the text made of the tokens alone is read as
// the same tokens.
func FuzzScan(f *testing.F) {
	for _, sql := range []string{typical, "SELECT 1 /*!50000 + 1 /* x */ + 1 */", `'a\'b' "c" N'x' 0x41 1e+ t.1a @@a.b`, "`a``b`--\n#\n/*! '*/' */", "_latin1'x'.5e1 <=>:=->>"} {
		f.Add([]byte(sql), uint32(0), true)
		f.Add([]byte(sql), uint32(ANSIQuotes|NoBackslashEscapes), false)
	}
	f.Fuzz(func(t *testing.T, sql []byte, mode uint32, maria bool) {
		o := Options{Mode: Mode(mode), MariaDB: maria, Version: 101119}
		toks, err := Scan(nil, sql, o)
		if err != nil {
			return
		}
		last := int32(0)
		for _, tok := range toks {
			if tok.Start < last || tok.End < tok.Start || int(tok.End) > len(sql) || tok.Start == tok.End && tok.Kind != EOF {
				t.Fatalf("token %+v of %q", tok, sql)
			}
			last = tok.End
		}
		joined := joinTokens(sql, toks)
		again, err := Scan(nil, joined, o)
		if err != nil {
			t.Fatalf("%q, made of %q: %v", joined, sql, err)
		}
		sameTokens(t, sql, toks, joined, again)
	})
}

// joinTokens writes the tokens with something between them wherever something was: a space, but not behind a minus, which
// could be the second of a comment's.
func joinTokens(sql []byte, toks []Token) (joined []byte) {
	for i, tok := range toks {
		switch {
		case i == 0 || toks[i-1].End == tok.Start:
		case toks[i-1].IsOp(sql, "-"):
			joined = append(joined, "/**/"...)
		default:
			joined = append(joined, ' ')
		}
		joined = append(joined, tok.Text(sql)...)
	}
	return joined
}

func sameTokens(t *testing.T, sql []byte, toks []Token, joined []byte, again []Token) {
	t.Helper()
	if len(toks) != len(again) {
		t.Fatalf("%q has %d tokens, %q %d", sql, len(toks), joined, len(again))
	}
	for i := range toks {
		if toks[i].Kind != again[i].Kind || !bytes.Equal(toks[i].Text(sql), again[i].Text(joined)) {
			t.Fatalf("token %d of %q is another one in %q", i, sql, joined)
		}
	}
}
