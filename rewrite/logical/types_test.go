package logical

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// What Go takes for canonical, and what it leaves to the server.
func TestCanonicalPlaintext(t *testing.T) {
	for _, c := range []struct {
		typ   string
		kind  ValueKind
		value string
		want  string // "" is refused
	}{
		{"tinyint(4)", Int, "127", "127"}, {"tinyint(4)", Int, "128", ""}, {"tinyint(4)", Int, "-128", "-128"}, {"tinyint(4)", Int, "-0", "0"}, {"tinyint(4)", Int, "007", "7"},
		{"tinyint unsigned", Int, "255", "255"}, {"tinyint unsigned", Int, "-1", ""}, {"int", String, "42", "42"}, {"int", String, " 42", ""}, {"int", String, "042", ""},
		{"int", String, "-0", ""}, {"int", String, "", ""}, {"int", Decimal, "1.0", ""}, {"int", Binary, "1", ""}, {"mediumint", Int, "8388607", "8388607"}, {"mediumint", Int, "8388608", ""},
		{"bigint unsigned", Int, "18446744073709551615", "18446744073709551615"}, {"bigint unsigned", Int, "18446744073709551616", ""}, {"int(5) unsigned zerofill", Int, "7", "00007"},
		{"int(5) unsigned zerofill", Int, "1234567", "1234567"}, {"bigint", Int, "-9223372036854775808", "-9223372036854775808"},
		{"time", String, "12:34:56", "12:34:56"}, {"time", String, "-838:59:59", ""}, {"time", String, "-837:59:59", "-837:59:59"}, {"time", String, "012:34:56", ""}, {"time", String, "12:60:00", ""},
		{"time", String, "-00:00:00", ""}, {"time", String, "1:2:3", ""}, {"time", String, "12:34", ""}, {"time", String, "12:34:56.1", ""}, {"time", String, "12:100:2", ""}, {"time", String, "", ""},
		{"time(3)", Clock, "12:34:56.789000", ""}, {"time(6)", Clock, "12:34:56.789000", "12:34:56.789000"}, {"time(3)", String, "12:34:56.7", "12:34:56.700"}, {"time(3)", String, "12:34:56.", ""},
		{"datetime", String, "2020-02-29 10:20:30", "2020-02-29 10:20:30"}, {"datetime", String, "2020-02-29", "2020-02-29 00:00:00"}, {"datetime", String, "2019-02-29", ""},
		{"datetime", String, "0000-00-00 00:00:00", ""}, {"datetime", String, "2020-02-29 1:001:22", ""}, {"datetime", String, "2020-02-29 24:00:00", ""}, {"datetime", Int, "20200229", ""},
		{"datetime(2)", Temporal, "2020-02-29 10:20:30", "2020-02-29 10:20:30.00"}, {"datetime(2)", String, "2020-02-29T10:20:30", ""}, {"datetime", Temporal, "2020-13-29 10:20:30", ""},
		{"timestamp", String, "2020-02-29 10:20:30", ""}, {"year", Int, "2020", "2020"}, {"year", String, "2155", "2155"}, {"year", Int, "1900", ""}, {"year(4)", Int, "70", ""},
		{"decimal(5,2)", Int, "7", "7.00"}, {"decimal(5,2)", String, "-1.5", "-1.50"}, {"decimal(5,2)", Decimal, "1.555", ""}, {"decimal(5,2)", Decimal, "1000", ""}, {"decimal(5,2)", Decimal, "-0.00", ""},
		{"decimal(5,2)", String, "1e1", ""}, {"decimal(5,2)", String, ".5", ""}, {"decimal(5,2)", String, "5.", ""}, {"decimal(5,2)", Decimal, "007.1", "7.10"}, {"decimal(5,2) unsigned", Decimal, "-1.0", ""},
		{"decimal(5,2) unsigned zerofill", Decimal, "1.5", "001.50"}, {"decimal(5,5)", Decimal, "0.5", "0.50000"}, {"decimal(2,2) unsigned zerofill", Decimal, "0.5", "0.50"}, {"decimal", Int, "3", "3"},
		{"double", Int, "5", "5"}, {"double", Int, "9007199254740992", "9.007199254740992e15"}, {"double", Float, "0.1", "0.1"}, {"double", Float, "1e300", "1e300"}, {"double", String, "5", ""}, {"double", Float, "-0", ""},
		{"double(10,3)", Int, "5", ""}, {"double unsigned", Int, "-5", ""}, {"float", Int, "5", "5"}, {"float", Int, "16777217", ""}, {"float", Float, "0.5", ""}, {"double", Float, "1e309", ""},
		{"binary(4)", String, "ab", "ab\x00\x00"}, {"binary(4)", Binary, "\xf8", "\xf8\x00\x00\x00"}, {"binary(4)", Binary, "12345", ""}, {"varbinary(4)", Binary, "\xf8", "\xf8"},
		{"varbinary(4)", String, "\u00e9", ""}, {"blob", String, "ab", "ab"}, {"bit(10)", Int, "1023", "1023"}, {"bit(10)", Int, "1024", ""}, {"bit(10)", String, "1", ""}, {"bit", Int, "1", "1"},
		{"bit(64)", Int, "18446744073709551615", "18446744073709551615"}, {"json", String, "{}", ""},
		{"enum('a','it''s')", String, "it's", "it's"}, {"enum('a','it''s')", String, "A", ""}, {"enum('a','b')", Int, "1", ""}, {"enum('a','b')", String, "", ""}, {"enum('a','A')", String, "a", ""},
		{"enum('a','\u00fc')", String, "a", ""}, {"set('a','b','c')", String, "a,c", "a,c"}, {"set('a','b','c')", String, "c,a", ""}, {"set('a','b','c')", String, "a,a", ""}, {"set('a','b','c')", String, "a,", ""},
		{"enum('a','b')", String, "a,b", ""},
	} {
		got, p := parse(t, c.typ, charsetFor(c.typ)).Normalize(Value{c.kind, []byte(c.value)}, Mode{Strict: true})
		if p != nil && !p.Refuse || p == nil != (c.want != "") || p == nil && string(got) != c.want {
			t.Errorf("%s, %q: %q, %+v", c.typ, c.value, got, p)
		}
	}
}

// charsetFor is the character set of types that have one.
func charsetFor(typ string) string {
	if strings.HasPrefix(typ, "enum") || strings.HasPrefix(typ, "set") {
		return "utf8mb4"
	}
	return ""
}

// Text in a character set that only servers convert is taken when it is ASCII that fits.
func TestForeignCharsets(t *testing.T) {
	for _, c := range []struct{ typ, charset, value, want string }{
		{"varchar(5)", "cp1251", "abc", "abc"}, {"varchar(5)", "cp1251", "\u042f", ""}, {"varchar(5)", "cp1251", "abcdef", ""}, {"char(5)", "gbk", "ab ", "ab"}, {"varchar(5)", "swe7", "abc", ""},
		{"varchar(5)", "sjis", "abc", ""}, {"tinytext", "utf32", strings.Repeat("a", 63), strings.Repeat("a", 63)}, {"tinytext", "utf32", strings.Repeat("a", 64), ""},
	} {
		got, p := parse(t, c.typ, c.charset).Normalize(Value{String, []byte(c.value)}, Mode{})
		if p == nil != (c.want != "") || p == nil && string(got) != c.want {
			t.Errorf("%s %s, %q: %q, %+v", c.typ, c.charset, c.value, got, p)
		}
	}
	if typ := parse(t, "varchar(5)", "gbk"); Shows(typ, Charset{Name: "binary"}) || !Shows(typ, Charset{Name: "latin1"}) {
		t.Error("text in gbk is shown in gbk, or not in latin1")
	}
}

// Recorded of MySQL 9.7 and MariaDB 10.11.
func TestShown(t *testing.T) {
	for _, c := range []struct{ typ, plain, text, binary string }{
		{"tinyint", "-5", "-5", "fb"}, {"smallint(5) unsigned zerofill", "00042", "00042", "2a00"}, {"mediumint", "-5", "-5", "fbffffff"}, {"int unsigned", "4294967295", "4294967295", "ffffffff"},
		{"bigint", "-5", "-5", "fbffffffffffffff"}, {"int", "", "0", "00000000"}, {"int(5) unsigned zerofill", "", "00000", "00000000"},
		{"year", "2020", "2020", "e407"}, {"year", "", "0000", "0000"},
		{"time", "-838:59:59", "-838:59:59", "080122000000163b3b"}, {"time(3)", "12:00:00.123", "12:00:00.123", "0c00000000000c000078e00100"}, {"time", "", "00:00:00", "00"},
		{"datetime", "2020-01-01 01:02:03", "2020-01-01 01:02:03", "07e4070101010203"}, {"datetime(3)", "2020-01-01 01:02:03.500", "2020-01-01 01:02:03.500", "0be407010101020320a10700"},
		{"datetime(6)", "2020-01-01 00:00:00.000000", "2020-01-01 00:00:00.000000", "04e4070101"}, {"datetime(2)", "", "0000-00-00 00:00:00.00", "00"},
		{"timestamp", "2020-01-01 01:02:03", "2020-01-01 03:02:03", "07e4070101030203"}, {"timestamp(2)", "0000-00-00 00:00:00.00", "0000-00-00 00:00:00.00", "00"},
		{"decimal(5,5)", "0.50000", "0.50000", "07302e3530303030"}, {"decimal(5,2)", "", "0.00", "04302e3030"},
		{"float", "0.10000000149011612", "0.1", "cdcccc3d"}, {"float", "100000002004087730000", "1e20", "ec78ad60"}, {"float", "1234567", "1234570", "38b49649"}, {"float(7,3)", "1234.5677490234375", "1234.568", "2b529a44"},
		{"float unsigned zerofill", "3", "000000000003", "00004040"}, {"double", "1e15", "1e15", "00003426f56b0c43"}, {"double", "100000000000000", "100000000000000", "0000901ec4bcd642"},
		{"bit(10)", "513", "\x02\x01", "020201"}, {"bit(64)", "7", "\x00\x00\x00\x00\x00\x00\x00\a", "080000000000000007"}, {"bit(1)", "", "\x00", "0100"},
		{"binary(3)", "", "\x00\x00\x00", "03000000"}, {"blob", "ab", "ab", "026162"}, {"json", "", "null", "046e756c6c"}, {"enum('a','b')", "b", "b", "0162"}, {"enum('a','b')", "", "", "00"},
		{"set('a','b')", "a,b", "a,b", "03612c62"},
		{"double", "1.5e-20", "1.5e-20", "9bb16dc978b5d13b"}, {"double(10,3)", "1234.568", "1234.568", "83c0caa1454a9340"}, {"double", "", "0", "0000000000000000"},
	} {
		typ := parse(t, c.typ, charsetFor(c.typ))
		cs := Charset{Name: "utf8mb4", MaxLen: 4, Zone: time.FixedZone("", 2*60*60)}
		if got := string(typ.AppendText(nil, []byte(c.plain), cs)); got != c.text {
			t.Errorf("%s %q: text %q", c.typ, c.plain, got)
		}
		if got := hex.EncodeToString(typ.AppendBinary(nil, []byte(c.plain), cs)); got != c.binary {
			t.Errorf("%s %q: binary %s", c.typ, c.plain, got)
		}
	}
}

// Recorded of MySQL 9.7; MariaDB 10.11 has the same but for what is said of it.
func TestDefinitionsOfTypes(t *testing.T) {
	const physical = flagBinary | flagBlob
	for _, c := range []struct {
		typ                    string
		mariaDB                bool
		protocol               byte
		length, decimals, flag int
	}{
		{"tinyint", false, 1, 4, 0, 0}, {"tinyint(1)", false, 1, 1, 0, 0}, {"tinyint unsigned", false, 1, 3, 0, 32}, {"smallint(5) unsigned zerofill", false, 2, 5, 0, 96},
		{"mediumint", false, 9, 9, 0, 0}, {"mediumint unsigned", false, 9, 8, 0, 32}, {"int", false, 3, 11, 0, 0}, {"int(10) unsigned", true, 3, 10, 0, 32},
		{"bigint", false, 8, 20, 0, 0}, {"bigint unsigned", false, 8, 20, 0, 32}, {"year", false, 13, 4, 0, 96}, {"time", false, 11, 10, 0, 128}, {"time(3)", false, 11, 14, 3, 128},
		{"datetime", false, 12, 19, 0, 128}, {"datetime(6)", false, 12, 26, 6, 128}, {"timestamp(2)", false, 7, 22, 2, 128}, {"timestamp", true, 7, 19, 0, 160},
		{"decimal(10,2)", false, 246, 12, 2, 0}, {"decimal(10,0)", false, 246, 11, 0, 0}, {"decimal(10,2) unsigned zerofill", false, 246, 11, 2, 96},
		{"float", false, 4, 12, 31, 0}, {"float(7,3)", false, 4, 7, 3, 0}, {"double", false, 5, 22, 31, 0}, {"double unsigned zerofill", false, 5, 22, 31, 96},
		{"bit(10)", false, 16, 10, 0, 32}, {"binary(5)", false, 254, 5, 0, 128}, {"varbinary(5)", false, 253, 5, 0, 128}, {"tinyblob", false, 252, 255, 0, 144}, {"longblob", false, 252, 4294967295, 0, 144},
		{"json", false, 245, 4294967295, 0, 144},
	} {
		typ, err := Parse(Definition{Type: c.typ, MariaDB: c.mariaDB})
		if err != nil {
			t.Fatal(err)
		}
		m := typ.Column(Charset{Name: "utf8mb4", ID: 255, MaxLen: 4})
		if m.Type != c.protocol || m.Charset != 63 || int(m.Length) != c.length || int(m.Decimals) != c.decimals || physical&^m.ClearFlags|m.SetFlags != uint16(c.flag) {
			t.Errorf("%s: %+v", c.typ, m)
		}
		if typ.String() != c.typ {
			t.Errorf("%s is called %s", c.typ, typ)
		}
	}
}

func TestDefinitionsOfMembers(t *testing.T) {
	for _, c := range []struct {
		typ, charset, collation string
		length, flags           int
	}{
		{"enum('a','b','\u00fc')", "utf8mb4", "utf8mb4_general_ci", 4, 256}, {"enum('a','b''c')", "latin1", "latin1_swedish_ci", 12, 256}, {"enum('a','B')", "utf8mb4", "utf8mb4_bin", 4, 384},
		{"set('a','b','\u00fc')", "utf8mb4", "utf8mb4_general_ci", 20, 2048}, {"set('a','b')", "latin1", "latin1_swedish_ci", 12, 2048},
	} {
		typ, err := Parse(Definition{Type: c.typ, Charset: c.charset, Collation: c.collation})
		if err != nil {
			t.Fatal(err)
		}
		m := typ.Column(Charset{Name: "utf8mb4", ID: 255, MaxLen: 4})
		if m.Type != 254 || m.Charset != 255 || int(m.Length) != c.length || (flagBinary|flagBlob)&^m.ClearFlags|m.SetFlags != uint16(c.flags) {
			t.Errorf("%s: %+v", c.typ, m)
		}
	}
}

// The types that FuzzTypes looks at.
var fuzzedTypes = []string{
	"tinyint", "int(7) unsigned zerofill", "bigint unsigned", "time(3)", "datetime(2)", "timestamp", "year", "decimal(7,3)", "decimal(9,4) unsigned zerofill", "float", "double", "double(9,2)",
	"binary(9)", "varbinary(9)", "bit(13)", "enum('a','b')", "set('a','b','c')",
}

// A value that is taken is canonical: it fits, and what is shown of it is taken for the same. Any plaintext can be shown.
func FuzzTypes(f *testing.F) {
	for i := range fuzzedTypes {
		for _, s := range []string{"0", "-12.50", "12:34:56.7", "2020-02-29 10:20:30.5", "1e30", ""} {
			f.Add(uint8(i), uint8(String), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, which, kind uint8, value []byte) {
		name := fuzzedTypes[int(which)%len(fuzzedTypes)]
		typ := parse(t, name, charsetFor(name))
		typ.AppendText(nil, value, Charset{Zone: time.FixedZone("", -60)})
		typ.AppendBinary(nil, value, Charset{})
		plain, p := typ.Normalize(Value{ValueKind(kind) % (Clock + 1), bytes.Clone(value)}, Mode{})
		if p != nil {
			return
		}
		if len(plain) > typ.MaxPlaintext() {
			t.Fatalf("%s: %q is too long", typ, plain)
		}
		shown := typ.AppendText(nil, plain, Charset{Name: "utf8mb4"})
		if again, p := typ.Normalize(Value{String, bytes.Clone(shown)}, Mode{}); p == nil && !bytes.Equal(again, plain) {
			t.Fatalf("%s: %q becomes %q", typ, plain, again)
		}
	})
}

// Whatever a COLUMN_TYPE is, it is read or refused.
func FuzzParse(f *testing.F) {
	for _, s := range append(fuzzedTypes, "enum('it''s','a\\\\b')", "decimal(10", "set(',)", "int unsigned zerofill", "time(9)") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		typ, err := Parse(Definition{Type: name, Charset: "utf8mb4"})
		if err != nil {
			return
		}
		typ.AppendText(nil, nil, Charset{Name: "utf8mb4", MaxLen: 4})
		typ.Column(Charset{Name: "utf8mb4", MaxLen: 4})
	})
}
