package packet

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
)

func le(n uint64, size int) []byte { return binary.LittleEndian.AppendUint64(nil, n)[:size] }

func param(typ byte, v []byte) Param { return Param{ParamType: ParamType{Type: typ}, Value: v} }

func unsigned(typ byte, v []byte) Param {
	return Param{ParamType: ParamType{Type: typ, Unsigned: true}, Value: v}
}

func TestAppendLiteral(t *testing.T) {
	minusOne := ^uint64(0)
	for _, c := range []struct {
		p    Param
		want string
	}{
		{Param{Null: true}, "NULL"},
		{param(mysql.MYSQL_TYPE_TINY, le(minusOne, 1)), "-1"},
		{unsigned(mysql.MYSQL_TYPE_TINY, le(minusOne, 1)), "255"},
		{param(mysql.MYSQL_TYPE_SHORT, le(minusOne, 2)), "-1"},
		{unsigned(mysql.MYSQL_TYPE_SHORT, le(minusOne, 2)), "65535"},
		{param(mysql.MYSQL_TYPE_LONG, le(minusOne, 4)), "-1"},
		{unsigned(mysql.MYSQL_TYPE_LONG, le(minusOne, 4)), "4294967295"},
		{param(mysql.MYSQL_TYPE_LONGLONG, le(1<<63, 8)), "-9223372036854775808"},
		{unsigned(mysql.MYSQL_TYPE_LONGLONG, le(minusOne, 8)), "18446744073709551615"},
		{param(mysql.MYSQL_TYPE_FLOAT, le(uint64(math.Float32bits(0.1)), 4)), "1.0000000149011612e-01"},
		{param(mysql.MYSQL_TYPE_DOUBLE, le(math.Float64bits(-1.5), 8)), "-1.5e+00"},
		{param(mysql.MYSQL_TYPE_NEWDECIMAL, []byte("-1.50")), "-1.50"},
		{param(mysql.MYSQL_TYPE_DECIMAL, []byte("15")), "15."},
		{param(mysql.MYSQL_TYPE_VAR_STRING, []byte(`a'b\c`)), `'a''b\\c'`},
		{param(mysql.MYSQL_TYPE_BLOB, []byte("a'\x00")), `_binary x'612700'`},
		{param(mysql.MYSQL_TYPE_BLOB, nil), `_binary x''`},
		{param(mysql.MYSQL_TYPE_DATE, []byte{0xe4, 7, 2, 29}), `'2020-02-29'`},
		{param(mysql.MYSQL_TYPE_DATE, nil), `'0000-00-00'`},
		{param(mysql.MYSQL_TYPE_DATE, []byte{0xe4, 7, 2, 29, 1, 2, 3}), `'2020-02-29'`},
		{param(mysql.MYSQL_TYPE_DATETIME, []byte{0xe4, 7, 2, 29}), `'2020-02-29 00:00:00'`},
		{param(mysql.MYSQL_TYPE_DATETIME, []byte{0xe4, 7, 2, 29, 1, 2, 3}), `'2020-02-29 01:02:03'`},
		{param(mysql.MYSQL_TYPE_TIMESTAMP, []byte{0xe4, 7, 2, 29, 1, 2, 3, 1, 0, 0, 0}), `'2020-02-29 01:02:03.000001'`},
		{param(mysql.MYSQL_TYPE_TIME, []byte{1, 2, 0, 0, 0, 3, 4, 5}), `'-51:04:05'`},
		{param(mysql.MYSQL_TYPE_TIME, []byte{0, 0, 0, 0, 0, 3, 4, 5, 10, 0, 0, 0}), `'03:04:05.000010'`},
		{param(mysql.MYSQL_TYPE_TIME, nil), `'00:00:00'`},
	} {
		got, err := AppendLiteral(nil, c.p, LiteralStyle{})
		if err != nil || string(got) != c.want {
			t.Errorf("%+v: got %s, %v, want %s", c.p, got, err, c.want)
		}
	}
}

func TestAppendLiteralRefuses(t *testing.T) {
	for name, p := range map[string]Param{
		"NaN":            param(mysql.MYSQL_TYPE_DOUBLE, le(math.Float64bits(math.NaN()), 8)),
		"infinite":       param(mysql.MYSQL_TYPE_FLOAT, le(uint64(math.Float32bits(float32(math.Inf(1)))), 4)),
		"cut off":        param(mysql.MYSQL_TYPE_LONG, []byte{1}),
		"decimal as SQL": param(mysql.MYSQL_TYPE_NEWDECIMAL, []byte("1 OR 1")),
		"empty decimal":  param(mysql.MYSQL_TYPE_NEWDECIMAL, nil),
		"two points":     param(mysql.MYSQL_TYPE_NEWDECIMAL, []byte("1.2.3")),
		"year":           param(mysql.MYSQL_TYPE_YEAR, []byte{1, 2}),
		"odd date":       param(mysql.MYSQL_TYPE_DATE, []byte{1, 2, 3}),
	} {
		if got, err := AppendLiteral(nil, p, LiteralStyle{}); err == nil {
			t.Errorf("%s: accepted as %s", name, got)
		}
	}
}

func TestInline(t *testing.T) {
	params := []Param{param(mysql.MYSQL_TYPE_TINY, []byte{0xfb}), param(mysql.MYSQL_TYPE_STRING, []byte(`x\`))}
	got, err := Inline(nil, []byte("SELECT a-?,?AND b"), []int{9, 11}, params, true)
	if want := `SELECT a- -5 , 'x\' AND b`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := Inline(nil, []byte("?"), []int{0}, nil, false); err == nil {
		t.Error("a mark without a parameter was accepted")
	}
}

func TestTypedTemporalLiterals(t *testing.T) {
	for _, c := range []struct {
		p    Param
		want string
	}{
		{param(mysql.MYSQL_TYPE_DATE, []byte{0xe4, 7, 2, 29}), `DATE'2020-02-29'`},
		{param(mysql.MYSQL_TYPE_DATE, []byte{0xe4, 7, 2, 30}), `'2020-02-30'`},
		{param(mysql.MYSQL_TYPE_DATE, nil), `'0000-00-00'`},
		{param(mysql.MYSQL_TYPE_DATETIME, []byte{0xe4, 7, 2, 29}), `TIMESTAMP'2020-02-29 00:00:00'`},
		{param(mysql.MYSQL_TYPE_TIME, nil), `TIME'00:00:00'`},
	} {
		if got, err := AppendLiteral(nil, c.p, LiteralStyle{TypedTemporal: true}); err != nil || string(got) != c.want {
			t.Errorf("got %s, %v, want %s", got, err, c.want)
		}
	}
}
