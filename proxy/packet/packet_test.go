package packet

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"
)

// fromHex reads a packet written as hex with blanks for the eye.
func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	greetingMySQL = "0a 392e372e3000 08000000 0102030405060708 00 ffff ff 0200 ffdf 15 00000000000000000000" +
		" 090a0b0c0d0e0f101112131400 63616368696e675f736861325f70617373776f726400"
	greetingMariaDB = "0a 352e352e352d31302e3131 00 2a000000 0102030405060708 00 fef7 2d 0200 ff81 15 000000000000 1d000000" +
		" 090a0b0c0d0e0f101112131400 6d7973716c5f6e61746976655f70617373776f726400"
	// caps: 41 | SECURE_CONNECTION | CONNECT_WITH_DB | PLUGIN_AUTH | CONNECT_ATTRS | PLUGIN_AUTH_LENENC
	responseFull = "08823800 00000001 2d 0000000000000000000000000000000000000000000000 726f6f7400 04 aabbccdd 646200" +
		" 6d7973716c5f6e61746976655f70617373776f726400 0e 045f70696403313233 02 6f73 01 78"
	responseOld    = "00020000 00000001 2d 0000000000000000000000000000000000000000000000 726f6f7400 6162 00"
	responseSecure = "01820000 00000001 2d 0000000000000000000000000000000000000000000000 726f6f7400 02 6162"
)

func TestGreetingRoundTrip(t *testing.T) {
	for name, s := range map[string]string{"MySQL": greetingMySQL, "MariaDB": greetingMariaDB} {
		t.Run(name, func(t *testing.T) {
			b := fromHex(t, s)
			var g Greeting
			if err := g.Decode(b); err != nil {
				t.Fatal(err)
			}
			if got := g.Append(nil); !bytes.Equal(got, b) {
				t.Errorf("encoded\n%x, want\n%x", got, b)
			}
			if len(g.Nonce()) != 20 {
				t.Errorf("nonce of %d bytes", len(g.Nonce()))
			}
		})
	}
}

func TestGreetingKeepsMariaDBCapabilities(t *testing.T) {
	var g Greeting
	if err := g.Decode(fromHex(t, greetingMariaDB)); err != nil || g.MariaDB != 0x1d || g.ServerVersion != "5.5.5-10.11" {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestHandshakeResponseRoundTrip(t *testing.T) {
	for name, s := range map[string]string{"full": responseFull, "without secure connection": responseOld, "one-byte length": responseSecure} {
		t.Run(name, func(t *testing.T) {
			b := fromHex(t, s)
			var h HandshakeResponse
			if err := h.Decode(b); err != nil {
				t.Fatal(err)
			}
			if got := h.Append(nil); !bytes.Equal(got, b) {
				t.Errorf("encoded\n%x, want\n%x", got, b)
			}
		})
	}
}

func TestHandshakeResponseAttributes(t *testing.T) {
	var h HandshakeResponse
	if err := h.Decode(fromHex(t, responseFull)); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := EachAttribute(h.Attributes, func(k, v []byte) { got[string(k)] = string(v) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"_pid": "123", "os": "x"}, got); diff != "" {
		t.Error(diff)
	}
	if string(h.User) != "root" || string(h.Database) != "db" || string(h.AuthPlugin) != "mysql_native_password" {
		t.Errorf("got %+v", h)
	}
}

func TestHandshakeResponseForgivesMissingTail(t *testing.T) {
	b := fromHex(t, "08823800 00000001 2d 0000000000000000000000000000000000000000000000 726f6f7400 00 646200")
	var h HandshakeResponse
	if err := h.Decode(b); err != nil || string(h.Database) != "db" {
		t.Errorf("got %+v, %v", h, err)
	}
}

func TestOKWithoutTrack(t *testing.T) {
	for name, c := range map[string]struct{ in, out string }{
		"nothing to strip": {"00 01 05 0200 0300", "00 01 05 0200 0300"},
		"state and info":   {"00 01 00 0240 0000 03 616263 05 01 03 02 6462", "00 01 00 0200 0000 03 616263"},
		"state only":       {"00 00 00 0240 0000 00 05 01 03 02 6462", "00 00 00 0200 0000"},
		"end of rows":      {"fe 00 00 2240 0000 00 05 01 03 02 6462", "fe 00 00 2200 0000"},
	} {
		t.Run(name, func(t *testing.T) {
			in := fromHex(t, c.in)
			got, err := AppendOK(nil, in, mysql.CLIENT_SESSION_TRACK, 0)
			if err != nil || !bytes.Equal(got, fromHex(t, c.out)) {
				t.Errorf("got %x, %v, want %s", got, err, c.out)
			}
			same, err := AppendOK(nil, in, mysql.CLIENT_SESSION_TRACK, mysql.CLIENT_SESSION_TRACK)
			if err != nil || !bytes.Equal(same, in) {
				t.Errorf("same capabilities: got %x, %v", same, err)
			}
		})
	}
}

func TestOKInfoOfServersWithoutTrack(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		bare bool
	}{"with a length, as MySQL sends it": {"00 00 00 0200 0000 03 616263", false}, "bare, as the manual says": {"00 00 00 0200 0000 616263", true}} {
		var o OK
		in := fromHex(t, c.in)
		if err := o.Decode(in, 0); err != nil || string(o.Info) != "abc" || o.BareInfo != c.bare {
			t.Errorf("%s: got %+v, %v", name, o, err)
		}
		if got := o.Append(nil, 0); !bytes.Equal(got, in) {
			t.Errorf("%s: encoded %x", name, got)
		}
	}
}

func TestEachStateChange(t *testing.T) {
	var kinds []byte
	var schema string
	err := EachStateChange(fromHex(t, "01 03 02 6462 02 02 01 31"), func(kind byte, data []byte) {
		kinds = append(kinds, kind)
		if kind == StateSchema {
			v, _, _ := LenEncBytes(data)
			schema = string(v)
		}
	})
	if err != nil || !bytes.Equal(kinds, []byte{StateSchema, StateChanged}) || schema != "db" {
		t.Errorf("got %v %q, %v", kinds, schema, err)
	}
	if err := EachStateChange([]byte{1, 9, 0}, func(byte, []byte) {}); err == nil {
		t.Error("a block that is cut off was accepted")
	}
}

func TestErrRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Err
	}{
		"with state":    {"ff 2804 23 3432303030 6f6f7073", Err{Code: 1064, State: "42000", Message: []byte("oops")}},
		"without state": {"ff 1004 546f6f", Err{Code: 1040, Message: []byte("Too")}},
		"hash in text":  {"ff 1004 23616263", Err{Code: 1040, Message: []byte("#abc")}},
	} {
		t.Run(name, func(t *testing.T) {
			in := fromHex(t, c.in)
			var e Err
			if err := e.Decode(in); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, e); diff != "" {
				t.Error(diff)
			}
			if got := e.Append(nil); !bytes.Equal(got, in) {
				t.Errorf("encoded %x", got)
			}
		})
	}
}

const columnHex = "03 646566 02 6462 01 63 05 6361736573 01 6e 04 6e616d65 0c ff00 e8030000 fd 0110 00 0000"

func TestColumnRoundTrip(t *testing.T) {
	for name, s := range map[string]string{"plain": columnHex, "default NULL": columnHex + " fb", "default value": columnHex + " 03 616263"} {
		t.Run(name, func(t *testing.T) {
			in := fromHex(t, s)
			var c Column
			if err := c.Decode(in); err != nil {
				t.Fatal(err)
			}
			if string(c.OrgTable) != "cases" || c.Charset != 255 || c.Length != 1000 || c.Type != mysql.MYSQL_TYPE_VAR_STRING || c.Flags != 0x1001 {
				t.Errorf("got %+v", c)
			}
			if got := c.Append(nil); !bytes.Equal(got, in) {
				t.Errorf("encoded %x", got)
			}
		})
	}
}

func TestIsRowsEnd(t *testing.T) {
	eof, okEnd := fromHex(t, "fe 0000 0200"), fromHex(t, "fe 00 00 0200 0000 00")
	row := append([]byte{0xfe}, make([]byte, MaxFragment-1)...)
	for name, c := range map[string]struct {
		b    []byte
		caps uint32
		want bool
	}{
		"EOF":                    {eof, 0, true},
		"OK":                     {okEnd, mysql.CLIENT_DEPRECATE_EOF, true},
		"huge row":               {row, mysql.CLIENT_DEPRECATE_EOF, false},
		"huge row, EOF in use":   {row, 0, false},
		"row":                    {[]byte{1, 'a'}, mysql.CLIENT_DEPRECATE_EOF, false},
		"empty":                  {nil, 0, false},
		"short row from 8 bytes": {append([]byte{0xfe}, make([]byte, 8)...), 0, false},
	} {
		if got := IsRowsEnd(c.b, c.caps); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestTextValue(t *testing.T) {
	row := AppendLenEncBytes(AppendNull(AppendLenEncBytes(nil, "a")), "")
	var got []string
	for len(row) > 0 {
		v, null, rest, err := TextValue(row)
		if err != nil {
			t.Fatal(err)
		}
		if null {
			v = []byte("NULL")
		}
		got, row = append(got, string(v)), rest
	}
	if diff := cmp.Diff([]string{"a", "NULL", ""}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBinaryRow(t *testing.T) {
	row := AppendBinaryHead(nil, 8)
	SetNull(row, 0)
	SetNull(row, 6)
	nulls, values, err := BinaryRow(row, 8)
	if err != nil || len(values) != 0 {
		t.Fatal(err, values)
	}
	for i := range 8 {
		if nulls.Null(i) != (i == 0 || i == 6) {
			t.Errorf("column %d: %v", i, nulls.Null(i))
		}
	}
}

func TestBinaryValue(t *testing.T) {
	for name, c := range map[string]struct {
		typ  byte
		in   string
		want string
	}{
		"tiny":        {mysql.MYSQL_TYPE_TINY, "ff", "ff"},
		"year":        {mysql.MYSQL_TYPE_YEAR, "e407", "e407"},
		"int24":       {mysql.MYSQL_TYPE_INT24, "01020304", "01020304"},
		"double":      {mysql.MYSQL_TYPE_DOUBLE, "0102030405060708", "0102030405060708"},
		"date":        {mysql.MYSQL_TYPE_DATE, "04 e4070102", "e4070102"},
		"zero date":   {mysql.MYSQL_TYPE_DATETIME, "00", ""},
		"datetime(6)": {mysql.MYSQL_TYPE_DATETIME, "0b e4070102030405 40420f00", "e407010203040540420f00"},
		"time":        {mysql.MYSQL_TYPE_TIME, "08 01 01000000 020304", "0101000000020304"},
		"decimal":     {mysql.MYSQL_TYPE_NEWDECIMAL, "04 312e3530", "312e3530"},
		"bit":         {mysql.MYSQL_TYPE_BIT, "01 05", "05"},
		"json":        {mysql.MYSQL_TYPE_JSON, "02 7b7d", "7b7d"},
		"geometry":    {mysql.MYSQL_TYPE_GEOMETRY, "02 0000", "0000"},
		"vector":      {mysql.MYSQL_TYPE_VECTOR, "04 00000000", "00000000"},
	} {
		t.Run(name, func(t *testing.T) {
			in := append(fromHex(t, c.in), 0xee)
			v, rest, err := BinaryValue(c.typ, in)
			if err != nil || !bytes.Equal(v, fromHex(t, c.want)) || !bytes.Equal(rest, []byte{0xee}) {
				t.Errorf("got %x, rest %x, %v", v, rest, err)
			}
		})
	}
	for name, c := range map[string]struct {
		typ byte
		in  []byte
	}{"odd date": {mysql.MYSQL_TYPE_DATE, []byte{3, 1, 2, 3}}, "cut off": {mysql.MYSQL_TYPE_LONG, []byte{1}}, "unknown type": {200, []byte{0}}, "long string": {mysql.MYSQL_TYPE_BLOB, []byte{9, 1}}} {
		if _, _, err := BinaryValue(c.typ, c.in); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// execution: statement 7, parameters: 5 (tiny unsigned), NULL, "ab".
const execution = "17 07000000 00 01000000 02 01 0180 0600 fd00 05 02 6162"

func TestExecuteRoundTrip(t *testing.T) {
	in := fromHex(t, execution)
	var e Execute
	if err := e.Decode(in, 3, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := e.Append(nil); !bytes.Equal(got, in) {
		t.Errorf("encoded %x", got)
	}
	types := e.AppendTypes(nil)
	again := fromHex(t, "17 07000000 00 01000000 02 00 05 02 6162")
	if err := e.Decode(again, 3, types, nil); err != nil || string(e.Params[2].Value) != "ab" || !e.Params[0].Unsigned {
		t.Errorf("remembered types: %+v, %v", e, err)
	}
	if got := e.Append(nil); !bytes.Equal(got, again) {
		t.Errorf("encoded %x", got)
	}
	if err := e.Decode(again, 3, nil, nil); err == nil {
		t.Error("an execution without types was accepted before one with types")
	}
}

func TestExecuteLongDataHasNoValue(t *testing.T) {
	in := fromHex(t, "17 07000000 00 01000000 02 01 fd00 fc00 01 61")
	var e Execute
	if err := e.Decode(in, 2, nil, []bool{false, true}); err != nil {
		t.Fatal(err)
	}
	if e.Params[1].Null || !e.Params[1].Long || e.Params[1].Value != nil {
		t.Errorf("got %+v", e.Params[1])
	}
}

func TestExecuteSealsParameter(t *testing.T) {
	var e Execute
	if err := e.Decode(fromHex(t, execution), 3, nil, nil); err != nil {
		t.Fatal(err)
	}
	e.Params[2] = Param{ParamType: ParamType{Type: mysql.MYSQL_TYPE_BLOB}, Value: []byte{1, 2, 3}}
	want := fromHex(t, "17 07000000 00 01000000 02 01 0180 0600 fc00 05 03 010203")
	if got := e.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("encoded %x", got)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	var c Column
	var e Execute
	var o OK
	column, exec, ok := fromHex(t, columnHex), fromHex(t, execution), fromHex(t, "00 01 00 0240 0000 03 616263 05 01 03 02 6462")
	row := AppendLenEncBytes(AppendLenEncBytes(nil, "abc"), "def")
	buf := make([]byte, 0, 1024)
	allocs := testing.AllocsPerRun(100, func() {
		_ = c.Decode(column)
		buf = c.Append(buf[:0])
		_ = e.Decode(exec, 3, nil, nil)
		buf = e.Append(buf[:0])
		_ = o.Decode(ok, mysql.CLIENT_SESSION_TRACK)
		buf = o.Append(buf[:0], 0)
		for rest := row; len(rest) > 0; {
			_, _, rest, _ = TextValue(rest)
		}
		buf, _ = Inline(buf[:0], []byte("?"), []int{0}, e.Params[:1], false)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
