package packet

import (
	"bytes"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// attributedQuery is what the mysql command line sends after query_attributes a 1 b NULL-less: two strings.
const attributedQuery = "03 02 01 00 01 fe00 0161 fe00 0162 0131 0132 53454c4543542031"

func TestSplitQuery(t *testing.T) {
	for _, tt := range []struct{ name, in, text string }{
		{"none", "03 00 01 53454c4543542031", "SELECT 1"},
		{"two", attributedQuery, "SELECT 1"},
		{"NULL", "03 01 01 01 01 fe00 0161 44", "D"},
		{"number", "03 01 01 00 01 0880 0161 0100000000000000", ""},
	} {
		b := fromHex(t, tt.in)
		head, text, err := SplitQuery(b)
		if err != nil || string(text) != tt.text || !bytes.Equal(append(append([]byte{3}, head...), text...), b) {
			t.Errorf("%s: head %x, text %q, %v", tt.name, head, text, err)
		}
	}
	for name, in := range map[string]string{
		"not a query": "04 00 01", "nothing": "03", "no sets": "03 00", "two sets": "03 00 02 44", "short bitmap": "03 09 01 00",
		"no types": "03 01 01 00 00 44", "short name": "03 01 01 00 01 fe00 0561", "short value": "03 01 01 00 01 fe00 0161 0561",
		"too many": "03 fdffffff 01", "unknown type": "03 01 01 00 01 4300 0161 0161",
	} {
		if _, _, err := SplitQuery(fromHex(t, in)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEachQueryAttribute(t *testing.T) {
	head, _, err := SplitQuery(fromHex(t, attributedQuery))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	if err := EachQueryAttribute(head, func(p *Param) { got += string(p.Name) + "=" + string(p.Value) + ";" }); err != nil || got != "a=1;b=2;" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestExecuteAttributed(t *testing.T) {
	text := ParamType{Type: mysql.MYSQL_TYPE_STRING}
	e := Execute{StatementID: 7, Flags: 1, Iterations: 1, NewTypes: true,
		Params:     []Param{{ParamType: text, Value: []byte("v")}, {ParamType: text, Null: true}},
		Attributes: []Param{{ParamType: text, Name: []byte("a"), Value: []byte("w")}, {ParamType: text, Name: []byte("b"), Null: true}},
	}
	b := e.AppendAttributed(nil)
	var got Execute
	if err := got.DecodeAttributed(b, 2, nil, nil); err != nil || !bytes.Equal(got.AppendAttributed(nil), b) || len(got.Params) != 2 || len(got.Attributes) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.Flags != 1 || string(got.Attributes[0].Name) != "a" || !got.Attributes[1].Null || !got.Params[1].Null {
		t.Errorf("%+v", got)
	}
	types := got.AppendTypes(nil)
	again := Execute{StatementID: 7, Iterations: 1, Params: got.Params}
	if err := got.DecodeAttributed(again.AppendAttributed(nil), 2, types, nil); err != nil || len(got.Params) != 2 || string(got.Params[0].Value) != "v" {
		t.Errorf("without types: %+v, %v", got, err)
	}
	e.NewTypes = false
	if err := got.DecodeAttributed(e.AppendAttributed(nil), 2, types, nil); err == nil {
		t.Error("attributes without types were accepted")
	}
	if err := got.DecodeAttributed(b, 5, nil, nil); err == nil {
		t.Error("fewer values than parameters were accepted")
	}
	if err := got.DecodeAttributed(fromHex(t, execution), 3, nil, nil); err == nil {
		t.Error("an execution without a number of parameters was accepted")
	}
	b[5] = 1 // without the flag
	if err := got.DecodeAttributed(b, 2, nil, nil); err != nil || len(got.Attributes) != 2 || got.Flags != 1 {
		t.Errorf("without the flag: %+v, %v", got, err)
	}
}

func FuzzSplitQuery(f *testing.F) {
	seeds(f, attributedQuery, "03 00 01 44", "03 01 01 01 01 fe00 0161 44")
	f.Fuzz(func(t *testing.T, b []byte) {
		head, text, err := SplitQuery(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(append([]byte{mysql.COM_QUERY}, head...), text...), b) {
			t.Fatalf("%x was cut into %x and %x", b, head, text)
		}
		var attributes []Param
		if err := EachQueryAttribute(head, func(p *Param) { attributes = append(attributes, *p) }); err != nil {
			t.Fatal(err)
		}
		own := AppendQueryHead([]byte{mysql.COM_QUERY}, attributes)
		if again, rest, err := SplitQuery(own); err != nil || len(rest) > 0 || !bytes.Equal(again, own[1:]) {
			t.Fatalf("own encoding %x: %v", own, err)
		}
	})
}

func FuzzExecuteAttributed(f *testing.F) {
	f.Add(fromHex(f, "17 07000000 08 01000000 02 00 01 fe00 00 fe00 0161 0176 0177"), 1)
	f.Add(fromHex(f, "17 07000000 08 01000000 00"), 0)
	f.Add(fromHex(f, "17 07000000 00 01000000"), 0)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		var e Execute
		if n < 0 || n > maxParams || e.DecodeAttributed(b, n, nil, nil) != nil {
			return
		}
		again(t, &e, func(e *Execute, b []byte) error { return e.DecodeAttributed(b, n, nil, nil) }, func(e *Execute) []byte { return e.AppendAttributed(nil) })
	})
}
