package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

func bound(typ byte, unsigned bool, value []byte) packet.Param {
	return packet.Param{ParamType: packet.ParamType{Type: typ, Unsigned: unsigned}, Value: value}
}

func number(typ byte, unsigned bool, n uint64, size int) packet.Param {
	return bound(typ, unsigned, binary.LittleEndian.AppendUint64(nil, n)[:size])
}

// literalParams are parameters of every type that has a literal, extremes included.
func literalParams() []packet.Param {
	all := ^uint64(0)
	params := []packet.Param{
		{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_NULL}, Null: true},
		number(mysql.MYSQL_TYPE_TINY, false, all, 1), number(mysql.MYSQL_TYPE_TINY, true, all, 1),
		number(mysql.MYSQL_TYPE_SHORT, false, 1<<15, 2), number(mysql.MYSQL_TYPE_SHORT, true, all, 2),
		number(mysql.MYSQL_TYPE_LONG, false, 1<<31, 4), number(mysql.MYSQL_TYPE_LONG, true, all, 4),
		number(mysql.MYSQL_TYPE_LONGLONG, false, 1<<63, 8), number(mysql.MYSQL_TYPE_LONGLONG, true, all, 8),
		number(mysql.MYSQL_TYPE_FLOAT, false, uint64(math.Float32bits(0.1)), 4),
		bound(mysql.MYSQL_TYPE_DATE, false, []byte{0xe4, 7, 2, 29}),
		bound(mysql.MYSQL_TYPE_DATE, false, nil),
		bound(mysql.MYSQL_TYPE_DATETIME, false, []byte{0xe4, 7, 2, 29}),
		bound(mysql.MYSQL_TYPE_DATETIME, false, []byte{0xe4, 7, 2, 29, 1, 2, 3}),
		bound(mysql.MYSQL_TYPE_TIMESTAMP, false, []byte{0xe4, 7, 2, 29, 1, 2, 3, 0x40, 0xe2, 1, 0}),
		bound(mysql.MYSQL_TYPE_TIME, false, []byte{1, 2, 0, 0, 0, 3, 4, 5}),
		bound(mysql.MYSQL_TYPE_TIME, false, []byte{0, 0, 0, 0, 0, 3, 4, 5, 10, 0, 0, 0}),
	}
	for _, f := range []float64{0, 1, -1.5, 1e300, 5e-324, 0.1, 123456789012345678} {
		params = append(params, number(mysql.MYSQL_TYPE_DOUBLE, false, math.Float64bits(f), 8))
	}
	for _, s := range []string{"1", "-1.50", "0.000001", "12345678901234567890123456789.5"} {
		params = append(params, bound(mysql.MYSQL_TYPE_NEWDECIMAL, false, []byte(s)))
	}
	for _, s := range []string{"", "plain", `it's "quoted" \ 100% _x`, "\x00\x1a\n\r\t", "José 名 😀", "12", "2020-01-01"} {
		params = append(params, bound(mysql.MYSQL_TYPE_VAR_STRING, false, []byte(s)), bound(mysql.MYSQL_TYPE_BLOB, false, []byte(s)))
	}
	return params
}

var literalColumns = []string{
	"INT", "BIGINT UNSIGNED", "DOUBLE", "FLOAT", "DECIMAL(40,10)", "VARCHAR(100) CHARACTER SET utf8mb4", "VARBINARY(100)",
	"CHAR(50) CHARACTER SET latin1", "DATE", "DATETIME(6)", "TIME(6)", "TEXT", "LONGBLOB",
}

// Binding a parameter and writing its literal must store the same value, in every type of column and every escape mode.
// A value that does not fit must give the same warnings too.
func TestLiteralMeansParameter(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		exec(t, direct(t, s, ""), "CREATE DATABASE literals")
		c := direct(t, s, "literals")
		for i, typ := range literalColumns {
			exec(t, c, fmt.Sprintf("CREATE TABLE t%d (a %s)", i, typ))
		}
		for _, mode := range []string{"", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"} {
			exec(t, c, "SET sql_mode='"+mode+"'")
			for i, typ := range literalColumns {
				for _, p := range literalParams() {
					if literalIsExact(s.Kind, typ, p) {
						compareLiteral(t, c, i, typ, p, packet.LiteralStyle{NoBackslashEscapes: mode == "NO_BACKSLASH_ESCAPES", TypedTemporal: true})
					}
				}
			}
		}
	})
}

// literalIsExact leaves out what no literal can express: what AppendLiteral documents, zero dates in columns of other
// types, and MySQL's reading of huge unsigned integers as negative times.
func literalIsExact(kind servers.Kind, typ string, p packet.Param) bool {
	textual := strings.Contains(typ, "CHAR") || strings.Contains(typ, "BINARY") || strings.Contains(typ, "TEXT") || strings.Contains(typ, "BLOB")
	switch {
	case p.Type == mysql.MYSQL_TYPE_DATE && len(p.Value) == 0:
		return textual || strings.HasPrefix(typ, "DATE")
	case kind != servers.MySQL:
		return true
	case p.Type == mysql.MYSQL_TYPE_LONGLONG && p.Unsigned:
		return typ != "TIME(6)"
	case (p.Type == mysql.MYSQL_TYPE_TIMESTAMP && len(p.Value) == 11) || (p.Type == mysql.MYSQL_TYPE_TIME && len(p.Value) == 12):
		return !textual
	}
	return !(strings.Contains(typ, "latin1") && strings.Contains(string(p.Value), "名"))
}

func compareLiteral(t *testing.T, c *client.Conn, table int, typ string, p packet.Param, style packet.LiteralStyle) {
	t.Helper()
	name := fmt.Sprintf("t%d", table)
	insert := "INSERT INTO " + name + " VALUES ("
	inlined, err := packet.AppendLiteral([]byte(insert), p, style)
	if err != nil {
		t.Fatal(err)
	}
	inlined = append(inlined, ')')
	prepared, err := c.Prepare(insert + "?)")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Execute(prepared, p)
	if err != nil {
		t.Fatal(err)
	}
	want := stored(t, c, name, r[0])
	if err := c.CloseStatement(prepared); err != nil {
		t.Fatal(err)
	}
	if r, err = c.Query(string(inlined)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, stored(t, c, name, r[0])); diff != "" {
		t.Errorf("%s into %s: bound (-), written (+)\n%s", inlined, typ, diff)
	}
}

// stored is what an INSERT left behind: its warnings by code, and the value.
func stored(t *testing.T, c *client.Conn, table string, r client.Result) []string {
	t.Helper()
	if r.Err != nil {
		return []string{r.Err.Error()}
	}
	var out []string
	for _, w := range query(t, c, "SHOW WARNINGS").Rows {
		out = append(out, w[1].Data)
	}
	for _, row := range query(t, c, "SELECT HEX(a), a+0 FROM "+table).Rows {
		out = append(out, text(row)...)
	}
	exec(t, c, "DELETE FROM "+table)
	return out
}
