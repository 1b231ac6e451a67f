package result

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
)

// reversing stands for opening: a stored value is its plaintext reversed, and belongs to owner "o".
type reversing struct{}

func (reversing) Open(dst []byte, _ *rewrite.Output, owner, stored []byte) ([]byte, error) {
	if string(owner) != "o" {
		return dst, fault.Foreign.With("owner")
	}
	for i := len(stored) - 1; i >= 0; i-- {
		dst = append(dst, stored[i])
	}
	return dst, nil
}

func protected(t testing.TB, typ, charset string) *rewrite.Protected {
	t.Helper()
	l, err := logical.Parse(logical.Definition{Type: typ, Charset: charset, CollationID: 45})
	if err != nil {
		t.Fatal(err)
	}
	return &rewrite.Protected{ID: typ, Type: l, Definition: typ + " CHARACTER SET utf8mb4", Collation: "utf8mb4_bin"}
}

// fixture is SELECT id, name, born, flag, owner (hidden): the plan of a protected table.
func fixture(t testing.TB) (*rewrite.Table, *Set) {
	table := &rewrite.Table{Schema: "app", Name: "people", Protected: true, Flag: 3, Columns: []rewrite.Column{
		{Name: "id"}, {Name: "name", Protected: protected(t, "varchar(10)", "utf8mb4")}, {Name: "born", Protected: protected(t, "date", "")}, {Name: "flag"},
	}}
	schema := &rewrite.Schema{Tables: map[string]*rewrite.Table{}}
	schema.Tables[schema.Key("app", "people")] = table
	p := &rewrite.Plan{Outputs: []rewrite.Output{{}, {Table: table, Column: 1, Owner: 4}, {Table: table, Column: 2, Owner: 4}, {Table: table, Column: 3, Flag: true}, {Hidden: true}}}
	return table, New(schema, p, logical.Charset{Name: "utf8mb4", ID: 255, MaxLen: 4}, reversing{})
}

func define(t testing.TB, s *Set, columns ...packet.Column) []packet.Column {
	t.Helper()
	var shown []packet.Column
	for i, c := range columns {
		out, visible, err := s.Column(nil, i, c.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if visible {
			var d packet.Column
			if err := d.Decode(out); err != nil {
				t.Fatal(err)
			}
			shown = append(shown, d)
		}
	}
	return shown
}

func columns() []packet.Column {
	return []packet.Column{
		{Name: []byte("id"), Type: mysql.MYSQL_TYPE_LONG, Flags: mysql.NOT_NULL_FLAG},
		{Name: []byte("name"), Type: mysql.MYSQL_TYPE_VAR_STRING, Charset: 63, Length: 70, Flags: mysql.BINARY_FLAG | mysql.NOT_NULL_FLAG},
		{Name: []byte("born"), Type: mysql.MYSQL_TYPE_VAR_STRING, Charset: 63, Length: 70, Flags: mysql.BINARY_FLAG},
		{Name: []byte("flag"), Type: mysql.MYSQL_TYPE_TINY, Length: 4},
		{Name: []byte("__phi_owner_1"), Type: mysql.MYSQL_TYPE_VAR_STRING, Charset: 63},
	}
}

func TestColumnsHaveLogicalTypes(t *testing.T) {
	_, s := fixture(t)
	shown := define(t, s, columns()...)
	if len(shown) != 4 || s.Visible() != 4 || s.Columns() != 5 {
		t.Fatalf("%d columns, %d visible of %d", len(shown), s.Visible(), s.Columns())
	}
	name, born := shown[1], shown[2]
	if name.Type != mysql.MYSQL_TYPE_VAR_STRING || name.Charset != 255 || name.Length != 40 || name.Flags != mysql.NOT_NULL_FLAG {
		t.Errorf("name: %+v", name)
	}
	if born.Type != mysql.MYSQL_TYPE_DATE || born.Charset != 63 || born.Length != 10 || born.Flags != mysql.BINARY_FLAG {
		t.Errorf("born: %+v", born)
	}
}

func TestColumnsThatDoNotFitThePlan(t *testing.T) {
	_, s := fixture(t)
	unplanned := packet.Column{Schema: []byte("app"), OrgTable: []byte("people"), OrgName: []byte("name"), Type: mysql.MYSQL_TYPE_VAR_STRING, Charset: 63}
	number := packet.Column{Type: mysql.MYSQL_TYPE_LONG}
	for i, c := range map[int]packet.Column{0: unplanned, 1: number} {
		var f *fault.Error
		if _, _, err := s.Column(nil, i, c.Append(nil)); !errors.As(err, &f) || f.Fault != fault.ColumnsChanged {
			t.Errorf("column %d: %v", i, err)
		}
	}
}

// An ordinary column that a derived table shows under a protected column's name is not mistaken for that.
func TestOrdinaryColumnOfAProtectedName(t *testing.T) {
	_, s := fixture(t)
	for _, c := range []packet.Column{{Type: mysql.MYSQL_TYPE_DATE, Charset: 63}, {Type: mysql.MYSQL_TYPE_VAR_STRING, Charset: 255}} {
		c.Schema, c.OrgTable, c.OrgName = []byte("app"), []byte("people"), []byte("name")
		if _, _, err := s.Column(nil, 0, c.Append(nil)); err != nil {
			t.Errorf("type %d: %v", c.Type, err)
		}
	}
}

func textRow(values ...any) []byte {
	var row []byte
	for _, v := range values {
		if v == nil {
			row = packet.AppendNull(row)
		} else {
			row = packet.AppendLenEncBytes(row, v.(string))
		}
	}
	return row
}

func TestTextRows(t *testing.T) {
	_, s := fixture(t)
	define(t, s, columns()...)
	for _, c := range []struct{ in, want []byte }{
		{textRow("7", "oJ", "90-20-4891", "1", "o"), textRow("7", "Jo", "1984-02-09", "0")},
		{textRow("7", nil, nil, nil, nil), textRow("7", nil, nil, nil)},
		{textRow("", "", nil, "0", "o"), textRow("", "", nil, "0")},
	} {
		got, err := s.TextRow([]byte("kept"), c.in)
		if err != nil || !bytes.Equal(got, append([]byte("kept"), c.want...)) {
			t.Errorf("%q: %q, %v", c.in, got, err)
		}
	}
	for _, bad := range [][]byte{nil, textRow("7"), append(textRow("7", "a", "b", "c", "o"), 1), {0xff}} {
		if _, err := s.TextRow(nil, bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if _, err := s.TextRow(nil, textRow("7", "oJ", nil, "1", "somebody else")); err == nil {
		t.Error("another owner's value was shown")
	}
}

func TestBinaryRows(t *testing.T) {
	_, s := fixture(t)
	define(t, s, columns()...)
	row := append(packet.AppendBinaryHead(nil, 5), 7, 0, 0, 0)
	row = packet.AppendLenEncBytes(row, "oJ")
	row = packet.AppendLenEncBytes(row, "90-20-4891")
	row = packet.AppendLenEncBytes(append(row, 1), "o")
	want := append(packet.AppendBinaryHead(nil, 4), 7, 0, 0, 0)
	want = packet.AppendLenEncBytes(want, "Jo")
	want = append(want, 4, 0xc0, 0x07, 2, 9, 0)
	got, err := s.BinaryRow(nil, row)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x, %v", got, want, err)
	}
	for n := range row {
		if _, err := s.BinaryRow(nil, row[:n]); err == nil {
			t.Errorf("the first %d bytes were read", n)
		}
	}
}

func TestBinaryNulls(t *testing.T) {
	_, s := fixture(t)
	define(t, s, columns()...)
	row, want := packet.AppendBinaryHead(nil, 5), packet.AppendBinaryHead(nil, 4)
	for i := range 5 {
		packet.SetNull(row, i)
	}
	for i := range 4 {
		packet.SetNull(want, i)
	}
	if got, err := s.BinaryRow(nil, row); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestShow(t *testing.T) {
	table, _ := fixture(t)
	created := "CREATE TABLE `people` (\n  `id` int NOT NULL,\n  `name` varbinary(70) DEFAULT NULL,\n  `born` varbinary(70),\n  PRIMARY KEY (`id`)\n)"
	logical := "CREATE TABLE `people` (\n  `id` int NOT NULL,\n  `name` varchar(10) CHARACTER SET utf8mb4 DEFAULT NULL,\n  `born` date CHARACTER SET utf8mb4,\n  PRIMARY KEY (`id`)\n)"
	for _, c := range []struct {
		kind     rewrite.ShowKind
		in, want []any
	}{
		{rewrite.ShowColumns, []any{"name", "varbinary(70)", "YES", "", nil, ""}, []any{"name", "varchar(10)", "YES", "", nil, ""}},
		{rewrite.ShowColumns, []any{"id", "int", "NO", "PRI", nil, ""}, []any{"id", "int", "NO", "PRI", nil, ""}},
		{rewrite.ShowFullColumns, []any{"name", "varbinary(70)", nil, "YES"}, []any{"name", "varchar(10)", "utf8mb4_bin", "YES"}},
		{rewrite.ShowCreate, []any{"people", created}, []any{"people", logical}},
	} {
		s := NewShow(&rewrite.Show{Table: table, Kind: c.kind})
		for i := range c.in {
			column := packet.Column{Type: mysql.MYSQL_TYPE_VAR_STRING}
			if _, _, err := s.Column(nil, i, column.Append(nil)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.TextRow(nil, textRow(c.in...))
		if diff := cmp.Diff(string(textRow(c.want...)), string(got)); diff != "" || err != nil {
			t.Error(diff, err)
		}
		got, err = s.BinaryRow(nil, binaryRow(c.in))
		if diff := cmp.Diff(string(binaryRow(c.want)), string(got)); diff != "" || err != nil {
			t.Error("binary:", diff, err)
		}
	}
}

func binaryRow(values []any) []byte {
	row := packet.AppendBinaryHead(nil, len(values))
	for i, v := range values {
		if v == nil {
			packet.SetNull(row, i)
		} else {
			row = packet.AppendLenEncBytes(row, v.(string))
		}
	}
	return row
}

func FuzzRows(f *testing.F) {
	f.Add(textRow("7", "oJ", "90-20-4891", "1", "o"))
	f.Add(append(packet.AppendBinaryHead(nil, 5), 7, 0, 0, 0, 1, 'a', 1, 'b', 1, 1, 'o'))
	f.Fuzz(func(t *testing.T, row []byte) {
		_, s := fixture(t)
		define(t, s, columns()...)
		if out, err := s.TextRow(nil, row); err == nil {
			for range 4 {
				if _, _, out, err = packet.TextValue(out); err != nil {
					t.Fatal(err)
				}
			}
			if len(out) > 0 {
				t.Fatalf("%d bytes too many", len(out))
			}
		}
		if out, err := s.BinaryRow(nil, row); err == nil {
			if _, _, err := packet.BinaryRow(out, 4); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkTextRow(b *testing.B) {
	_, s := fixture(b)
	define(b, s, columns()...)
	row, out := textRow("7", "oJ", "90-20-4891", "1", "o"), make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		out, _ = s.TextRow(out[:0], row)
	}
}
