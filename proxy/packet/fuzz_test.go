package packet

import (
	"bytes"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"
)

// again decodes what an accepted payload encodes to, which must give the same message and from then on the same bytes.
func again[T any](t *testing.T, first *T, decode func(*T, []byte) error, encode func(*T) []byte) {
	t.Helper()
	b := encode(first)
	var second T
	if err := decode(&second, b); err != nil {
		t.Fatalf("own encoding %x refused: %v", b, err)
	}
	if got := encode(&second); !bytes.Equal(got, b) {
		t.Fatalf("encoded %x, then %x", b, got)
	}
}

func seeds(f *testing.F, packets ...string) {
	f.Helper()
	for _, s := range packets {
		f.Add(fromHex(f, s))
	}
}

func FuzzGreeting(f *testing.F) {
	seeds(f, greetingMySQL, greetingMariaDB)
	f.Fuzz(func(t *testing.T, b []byte) {
		var g Greeting
		if g.Decode(b) == nil {
			again(t, &g, (*Greeting).Decode, func(g *Greeting) []byte { return g.Append(nil) })
		}
	})
}

func FuzzSSLRequest(f *testing.F) {
	seeds(f, "008a0000 00000001 2d 0000000000000000000000000000000000000000000000")
	f.Fuzz(func(t *testing.T, b []byte) {
		var s SSLRequest
		if s.Decode(b) == nil {
			again(t, &s, (*SSLRequest).Decode, func(s *SSLRequest) []byte { return s.Append(nil) })
		}
	})
}

func FuzzHandshakeResponse(f *testing.F) {
	seeds(f, responseFull, responseOld, responseSecure)
	f.Fuzz(func(t *testing.T, b []byte) {
		var h HandshakeResponse
		if h.Decode(b) == nil {
			again(t, &h, (*HandshakeResponse).Decode, func(h *HandshakeResponse) []byte { return h.Append(nil) })
			_ = EachAttribute(h.Attributes, func(_, _ []byte) {})
		}
	})
}

func FuzzChangeUser(f *testing.F) {
	f.Add(fromHex(f, "11 726f6f7400 02 6162 646200 2d00 6d7973716c5f6e61746976655f70617373776f726400 04 016101 62"), uint32(0xffffffff))
	f.Add(fromHex(f, "11 726f6f7400 616200 646200"), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, caps uint32) {
		var c ChangeUser
		if c.Decode(b, caps) == nil {
			again(t, &c, func(c *ChangeUser, b []byte) error { return c.Decode(b, caps) }, func(c *ChangeUser) []byte { return c.Append(nil, caps) })
		}
	})
}

func FuzzAuthSwitchRequest(f *testing.F) {
	seeds(f, "fe 6d7973716c5f6e61746976655f70617373776f726400 0102030400", "fe")
	f.Fuzz(func(t *testing.T, b []byte) {
		var a AuthSwitchRequest
		if a.Decode(b) == nil {
			again(t, &a, (*AuthSwitchRequest).Decode, func(a *AuthSwitchRequest) []byte { return a.Append(nil) })
		}
	})
}

func FuzzAuthNextFactor(f *testing.F) {
	seeds(f, "02 6469616c6f6700 41", "02 00")
	f.Fuzz(func(t *testing.T, b []byte) {
		var a AuthNextFactor
		if a.Decode(b) == nil && !bytes.Equal(a.Append(nil), b) {
			t.Fatalf("encoded %x", a.Append(nil))
		}
	})
}

func FuzzAuthMoreData(f *testing.F) {
	seeds(f, "01 04", "01")
	f.Fuzz(func(t *testing.T, b []byte) {
		var a AuthMoreData
		if a.Decode(b) == nil && !bytes.Equal(a.Append(nil), b) {
			t.Fatalf("encoded %x", a.Append(nil))
		}
	})
}

func FuzzOK(f *testing.F) {
	for _, s := range []string{"00 01 05 0200 0300", "00 01 00 0240 0000 03 616263 05 01 03 02 6462", "fe 00 00 2240 0000 00 00", "00 00 00 0200 0000 616263"} {
		f.Add(fromHex(f, s), uint32(0))
		f.Add(fromHex(f, s), mysql.CLIENT_SESSION_TRACK)
	}
	f.Fuzz(func(t *testing.T, b []byte, caps uint32) {
		var o OK
		if o.Decode(b, caps) != nil {
			return
		}
		again(t, &o, func(o *OK, b []byte) error { return o.Decode(b, caps) }, func(o *OK) []byte { return o.Append(nil, caps) })
		again(t, &o, func(o *OK, b []byte) error { return o.Decode(b, 0) }, func(o *OK) []byte { return o.Append(nil, 0) })
		_ = EachStateChange(o.StateChanges, func(byte, []byte) {})
	})
}

func FuzzErr(f *testing.F) {
	seeds(f, "ff 2804 23 3432303030 6f6f7073", "ff 1004 546f6f")
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Err
		if e.Decode(b) == nil && !bytes.Equal(e.Append(nil), b) {
			t.Fatalf("encoded %x", e.Append(nil))
		}
	})
}

func FuzzEOF(f *testing.F) {
	seeds(f, "fe 0100 0200")
	f.Fuzz(func(t *testing.T, b []byte) {
		var e EOF
		if e.Decode(b) == nil && !bytes.Equal(e.Append(nil), b) {
			t.Fatalf("encoded %x", e.Append(nil))
		}
	})
}

func FuzzColumn(f *testing.F) {
	seeds(f, columnHex, columnHex+"fb", columnHex+"03616263")
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ColumnCount(b)
		var c Column
		if c.Decode(b) == nil {
			again(t, &c, (*Column).Decode, func(c *Column) []byte { return c.Append(nil) })
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add([]byte{0, 0x04, 2, 'a', 'b'}, []byte{mysql.MYSQL_TYPE_NULL, mysql.MYSQL_TYPE_BLOB})
	f.Add([]byte{0, 0, 1, 4, 0xe4, 7, 1, 1}, []byte{mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_DATE})
	f.Fuzz(func(t *testing.T, row, types []byte) {
		for rest := row; len(rest) > 0; {
			var err error
			if _, _, rest, err = TextValue(rest); err != nil {
				break
			}
		}
		nulls, rest, err := BinaryRow(row, len(types))
		for i := 0; err == nil && i < len(types); i++ {
			if !nulls.Null(i) {
				var v []byte
				v, rest, err = BinaryValue(types[i], rest)
				_, _ = AppendTemporalText(nil, types[i], v)
			}
		}
	})
}

func FuzzPrepareOK(f *testing.F) {
	seeds(f, "00 01000000 0200 0300 00 0000")
	f.Fuzz(func(t *testing.T, b []byte) {
		var p PrepareOK
		if p.Decode(b) == nil {
			again(t, &p, (*PrepareOK).Decode, func(p *PrepareOK) []byte { return p.Append(nil) })
		}
	})
}

func FuzzSendLongData(f *testing.F) {
	seeds(f, "18 01000000 0200 616263")
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = StatementID(b)
		var s SendLongData
		if s.Decode(b) == nil && !bytes.Equal(s.Append(nil), b) {
			t.Fatalf("encoded %x", s.Append(nil))
		}
	})
}

func FuzzExecute(f *testing.F) {
	f.Add(fromHex(f, execution), 3, uint8(0))
	f.Add(fromHex(f, "17 07000000 00 01000000 02 01 fd00 fc00 01 61"), 2, uint8(2))
	f.Add(fromHex(f, "17 07000000 00 01000000"), 0, uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, n int, longBits uint8) {
		if n < 0 || n > 1<<16-1 {
			return
		}
		long := make([]bool, 8)
		for i := range long {
			long[i] = longBits&(1<<i) != 0
		}
		var e Execute
		if e.Decode(b, n, nil, long) != nil {
			return
		}
		again(t, &e, func(e *Execute, b []byte) error { return e.Decode(b, n, nil, long) }, func(e *Execute) []byte { return e.Append(nil) })
		checkLiterals(t, e.Params)
	})
}

// checkLiterals looks for a literal that would end early: text between quotes must hold no lone quote.
func checkLiterals(t *testing.T, params []Param) {
	for _, p := range params {
		for _, noEscapes := range []bool{false, true} {
			got, err := AppendLiteral(nil, p, LiteralStyle{NoBackslashEscapes: noEscapes})
			if err != nil || len(got) == 0 || got[0] != '\'' {
				continue
			}
			if text := unquote(got, noEscapes); text == nil {
				t.Fatalf("literal %q of %+v does not end where it should", got, p)
			} else if textType(p.Type) && !cmp.Equal(text, append([]byte{}, p.Value...)) {
				t.Fatalf("literal %q means %q, want %q", got, text, p.Value)
			}
		}
	}
}

func textType(typ byte) bool {
	return typ == mysql.MYSQL_TYPE_VAR_STRING || typ == mysql.MYSQL_TYPE_STRING || typ == mysql.MYSQL_TYPE_VARCHAR
}

// unquote reads a quoted string as the servers do; nil when it ends before its last byte or not at all.
func unquote(lit []byte, noEscapes bool) []byte {
	text := []byte{}
	for i := 1; i < len(lit); i++ {
		switch c := lit[i]; {
		case c == '\\' && !noEscapes:
			i++
			if i == len(lit) || lit[i] != '\\' {
				return nil
			}
		case c == '\'' && i == len(lit)-1:
			return text
		case c == '\'':
			i++
			if lit[i] != '\'' {
				return nil
			}
		}
		text = append(text, lit[i])
	}
	return nil
}
