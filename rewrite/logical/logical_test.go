package logical

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func parse(t testing.TB, typ, charset string) Type {
	t.Helper()
	d := Definition{Type: typ, Charset: charset, CollationID: 45}
	if charset != "" {
		d.Collation = charset + "_general_ci"
	}
	got, err := Parse(d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const refused = 1 // in the place of an error code: the value is refused

func TestNormalize(t *testing.T) {
	strict, loose := Mode{Strict: true, NoZeroDate: true, NoZeroInDate: true}, Mode{}
	maria := Mode{MariaDB: true}
	smile := "\U0001F600"
	for _, c := range []struct {
		name, typ, charset string
		v                  Value
		m                  Mode
		want               string
		code               uint16
		fatal              bool
	}{
		{"fits", "varchar(250)", "utf8mb4", text4(smile, 250), strict, strings.Repeat(smile, 250), 0, false},
		{"one too many", "varchar(250)", "utf8mb4", text4(smile, 251), strict, "", 1406, true},
		{"one too many, not strict", "varchar(3)", "utf8mb4", text4("é", 4), loose, "ééé", 1265, false},
		{"spaces too many", "varchar(2)", "utf8mb4", str("ab  "), strict, "ab", 1265, false},
		{"no text", "varchar(9)", "utf8mb4", str("a\xff\xfe"), strict, "", 1366, true},
		{"no text, not strict", "varchar(9)", "utf8mb4", str("a\xff"), loose, "", refused, true},
		{"not in utf8mb3", "varchar(9)", "utf8mb3", str(smile), strict, "", 1366, true},
		{"not in latin1", "varchar(9)", "latin1", str("Щ"), strict, "", 1366, true},
		{"in latin1", "varchar(9)", "latin1", str("é€"), strict, "é€", 0, false},
		{"integer", "varchar(9)", "utf8mb4", Value{Int, []byte("+007")}, strict, "7", 0, false},
		{"negative zero", "varchar(9)", "utf8mb4", Value{Int, []byte("-0")}, strict, "0", 0, false},
		{"huge integer", "varchar(99)", "utf8mb4", Value{Int, []byte("1234567890123456789")}, strict, "", refused, true},
		{"decimal", "varchar(9)", "utf8mb4", Value{Decimal, []byte("1.50")}, strict, "1.50", 0, false},
		{"odd decimal", "varchar(9)", "utf8mb4", Value{Decimal, []byte(".5")}, strict, "", refused, true},
		{"float", "varchar(9)", "utf8mb4", Value{Float, []byte("1e3")}, strict, "", refused, true},
		{"padded", "char(5)", "utf8mb4", str("ab   "), strict, "ab", 0, false},
		{"empty", "varchar(5)", "utf8mb4", str(""), strict, "", 0, false},
		{"tinytext", "tinytext", "utf8mb4", text4("a", 255), strict, strings.Repeat("a", 255), 0, false},
		{"tinytext too long", "tinytext", "utf8mb4", text4("é", 128), strict, "", 1406, true},
		{"tinytext cut", "tinytext", "utf8mb4", text4("é", 128), loose, strings.Repeat("é", 127), 1265, false},

		{"date", "date", "", str("1984-02-09"), strict, "1984-02-09", 0, false},
		{"short date", "date", "", str("1984-2-9"), strict, "1984-02-09", 0, false},
		{"digits", "date", "", str("19840209"), strict, "1984-02-09", 0, false},
		{"two-digit year", "date", "", str("69-12-31"), strict, "2069-12-31", 0, false},
		{"two-digit year of the last century", "date", "", str("700101"), strict, "1970-01-01", 0, false},
		{"midnight", "date", "", str("1984-02-09T00:00:00"), strict, "1984-02-09", 0, false},
		{"time of day", "date", "", str("1984-02-09 12:00:00"), strict, "1984-02-09", 1292, false},
		{"number", "date", "", Value{Int, []byte("19840209")}, strict, "1984-02-09", 0, false},
		{"parameter", "date", "", Value{Temporal, []byte("1984-02-09 00:00:00")}, strict, "1984-02-09", 0, false},
		{"no such day", "date", "", str("1984-02-30"), strict, "", 1292, true},
		{"no leap year", "date", "", str("1900-02-29"), strict, "", 1292, true},
		{"leap year", "date", "", str("2000-02-29"), strict, "2000-02-29", 0, false},
		{"no date", "date", "", str("not a date"), strict, "", 1292, true},
		{"empty date", "date", "", str(""), strict, "", 1292, true},
		{"no date, not strict", "date", "", str("not a date"), loose, "0000-00-00", 1265, false},
		{"no such day, MySQL", "date", "", str("1984-02-30"), loose, "0000-00-00", 1264, false},
		{"no such day, MariaDB", "date", "", str("1984-02-30"), maria, "0000-00-00", 1265, false},
		{"zero date", "date", "", str("0000-00-00"), strict, "", 1292, true},
		{"zero date allowed", "date", "", str("0000-00-00"), loose, "0000-00-00", 0, false},
		{"zero day allowed", "date", "", str("1984-02-00"), loose, "1984-02-00", 0, false},
		{"invalid dates allowed", "date", "", str("1984-02-30"), Mode{Strict: true, AllowInvalid: true}, "1984-02-30", 0, false},
		{"odd delimiters", "date", "", str("1984.2.9"), strict, "", refused, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, p := parse(t, c.typ, c.charset).Normalize(c.v, c.m)
			if p == nil {
				p = &Problem{}
			}
			code := p.Code
			if p.Refuse {
				code = refused
			}
			if code != c.code || p.Fatal != c.fatal || (!p.Fatal && string(got) != c.want) {
				t.Errorf("got %q, %+v", got, p)
			}
		})
	}
}

func str(s string) Value                 { return Value{String, []byte(s)} }
func text4(s string, times int) Value    { return str(strings.Repeat(s, times)) }
func charset(name string, n int) Charset { return Charset{Name: name, ID: 7, MaxLen: n} }

func TestIncorrectStringShowsSixBytes(t *testing.T) {
	_, p := parse(t, "varchar(99)", "utf8mb4").Normalize(str("ab\xff\x01cdefgh"), Mode{Strict: true})
	if p == nil || p.Text != `Incorrect string value: '\xFF\x01cdef...'` {
		t.Errorf("%+v", p)
	}
}

func TestParseRefusesOtherTypes(t *testing.T) {
	for _, d := range []Definition{{Type: "point"}, {Type: "int("}, {Type: "int signed"}, {Type: "varchar(5)", Charset: "klingon"}, {Type: "uuid"}, {}} {
		if got, err := Parse(d); err == nil {
			t.Errorf("%+v: %v", d, got)
		}
	}
}

func TestShownInTheResultCharset(t *testing.T) {
	v := parse(t, "varchar(250)", "utf8mb4")
	for _, c := range []struct {
		cs   Charset
		want string
	}{
		{charset("utf8mb4", 4), "é€Щ\U0001F600"}, {charset("utf8mb3", 3), "é€Щ?"}, {charset("latin1", 1), "\xe9\x80??"},
		{charset("ascii", 1), "????"}, {charset("binary", 1), "é€Щ\U0001F600"},
	} {
		plain := []byte("é€Щ\U0001F600")
		if got := v.AppendText(nil, plain, c.cs); string(got) != c.want {
			t.Errorf("%s: %q", c.cs.Name, got)
		}
		if got := v.AppendBinary(nil, plain, c.cs); string(got) != string(rune(len(c.want)))+c.want {
			t.Errorf("%s, binary: %q", c.cs.Name, got)
		}
	}
}

func TestLatin1IsWindows1252(t *testing.T) {
	for i := range 256 {
		b, ok := latin1Byte([]rune(string(FromLatin1([]byte{byte(i)})))[0])
		if !ok || b != byte(i) {
			t.Errorf("%#x: %#x, %v", i, b, ok)
		}
	}
}

func TestMetadata(t *testing.T) {
	utf8mb4 := charset("utf8mb4", 4)
	for _, c := range []struct {
		typ  string
		cs   Charset
		want Meta
	}{
		{"varchar(250)", utf8mb4, Meta{Type: 253, Charset: 7, Length: 1000, ClearFlags: 128 | 16}},
		{"varchar(250)", charset("latin1", 1), Meta{Type: 253, Charset: 7, Length: 250, ClearFlags: 128 | 16}},
		{"varchar(250)", charset("binary", 1), Meta{Type: 253, Charset: 45, Length: 1000, ClearFlags: 128 | 16}},
		{"char(10)", utf8mb4, Meta{Type: 254, Charset: 7, Length: 40, ClearFlags: 128 | 16}},
		{"date", utf8mb4, Meta{Type: 10, Charset: 63, Length: 10, SetFlags: 128, ClearFlags: 16}},
		{"text", utf8mb4, Meta{Type: 252, Charset: 7, Length: 262140, SetFlags: 16, ClearFlags: 128 | 16}},
		{"longtext", utf8mb4, Meta{Type: 252, Charset: 7, Length: 4294967295, SetFlags: 16, ClearFlags: 128 | 16}},
	} {
		cs := "utf8mb4"
		if c.typ == "date" {
			cs = ""
		}
		if got := parse(t, c.typ, cs).Column(c.cs); got != c.want {
			t.Errorf("%s in %s: %+v", c.typ, c.cs.Name, got)
		}
	}
}

func TestBinaryDates(t *testing.T) {
	for plain, want := range map[string]string{"1984-02-09": "\x04\xc0\x07\x02\x09", "0000-00-00": "\x00", "1984-00-00": "\x04\xc0\x07\x00\x00"} {
		if got := (Date{}).AppendBinary(nil, []byte(plain), Charset{}); string(got) != want {
			t.Errorf("%s: %x", plain, got)
		}
	}
}

// Whatever a client sends, a value that is stored is canonical: text that fits, or a date, and the same again when it
// is written once more.
func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"1984-2-9", "", "840209", "a\xff", strings.Repeat("é", 11), "0000-00-00"} {
		f.Add([]byte(s), uint8(0), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, kind, mode uint8) {
		v := Value{Kind: ValueKind(kind % 7), Bytes: b}
		m := Mode{Strict: mode&1 != 0, NoZeroDate: mode&2 != 0, NoZeroInDate: mode&4 != 0, AllowInvalid: mode&8 != 0, MariaDB: mode&16 != 0}
		for _, typ := range []Type{parse(t, "varchar(10)", "utf8mb4"), parse(t, "tinytext", "latin1"), Date{}} {
			plain, p := typ.Normalize(Value{v.Kind, bytes.Clone(b)}, m)
			if p != nil && p.Fatal {
				continue
			}
			if !utf8.Valid(plain) || len(plain) > typ.MaxPlaintext() {
				t.Fatalf("%s: %q", typ, plain)
			}
			again, p := typ.Normalize(Value{String, bytes.Clone(plain)}, Mode{AllowInvalid: true})
			if p != nil || !bytes.Equal(again, plain) {
				t.Fatalf("%s: %q becomes %q, %+v", typ, plain, again, p)
			}
		}
	})
}
