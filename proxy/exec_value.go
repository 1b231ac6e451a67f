package proxy

import (
	"bytes"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
)

// value reads a client value that is not NULL, from the text or from a parameter.
func (w *writer) value(l rewrite.Literal) (logical.Value, error) {
	switch l.Kind {
	case token.Param:
		return w.paramValue(&w.params[l.Param])
	case token.String:
		return w.literalText(l)
	case token.Int:
		return logical.Value{Kind: logical.Int, Bytes: l.Raw}, nil
	case token.Decimal:
		return logical.Value{Kind: logical.Decimal, Bytes: l.Raw}, nil
	case token.Float:
		return logical.Value{Kind: logical.Float, Bytes: l.Raw}, nil
	case token.Hex:
		return hexValue(l.Raw)
	}
	return logical.Value{}, fault.ValueForm.With("literal of kind %d", l.Kind)
}

// literalText reads a string literal. Behind an introducer its bytes are not the client's character set's.
func (w *writer) literalText(l rewrite.Literal) (logical.Value, error) {
	text := l.Text(w.s.state.Mode)
	switch {
	case l.Charset == "binary":
		return logical.Value{Kind: logical.Binary, Bytes: text}, nil
	case l.Charset == "":
		return w.textValue(text)
	case !utf8.Valid(text): // the server's parser would say 1300
		return logical.Value{}, fault.ValueForm.With("a string that is not in the character set of its introducer")
	}
	return logical.Value{Kind: logical.String, Bytes: text}, nil
}

// textValue converts text from the client's character set. Text that is not valid in it stays as it is, for the type to
// refuse.
func (w *writer) textValue(b []byte) (logical.Value, error) {
	if w.s.env.Client == "latin1" {
		b = logical.FromLatin1(b)
	}
	return logical.Value{Kind: logical.String, Bytes: b}, nil
}

// paramValue reads a parameter of COM_STMT_EXECUTE.
func (w *writer) paramValue(p *packet.Param) (logical.Value, error) {
	switch p.Type {
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET, mysql.MYSQL_TYPE_JSON:
		return w.textValue(bytes.Clone(p.Value))
	case mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB, mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_BIT:
		return logical.Value{Kind: logical.Binary, Bytes: bytes.Clone(p.Value)}, nil
	case mysql.MYSQL_TYPE_DECIMAL, mysql.MYSQL_TYPE_NEWDECIMAL:
		return logical.Value{Kind: logical.Decimal, Bytes: bytes.Clone(p.Value)}, nil
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP:
		text, err := packet.AppendTemporalText(nil, p.Type, p.Value)
		if err != nil {
			return logical.Value{}, fault.PacketMalformed.With("date parameter")
		}
		if p.Type == mysql.MYSQL_TYPE_TIMESTAMP {
			return logical.Value{Kind: logical.Timestamp, Bytes: text}, nil
		}
		return logical.Value{Kind: logical.Temporal, Bytes: text}, nil
	case mysql.MYSQL_TYPE_TIME:
		text, err := packet.AppendTemporalText(nil, p.Type, p.Value)
		if err != nil {
			return logical.Value{}, fault.PacketMalformed.With("time parameter")
		}
		return logical.Value{Kind: logical.Clock, Bytes: text}, nil
	case mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE:
		f, ok := p.Float()
		switch {
		case !ok:
			return logical.Value{}, fault.PacketMalformed.With("number parameter")
		case math.IsNaN(f), math.IsInf(f, 0): // has no text
			return logical.Value{}, fault.ValueForm.With("parameter that is no number")
		}
		return logical.Value{Kind: logical.Float, Bytes: logical.AppendDouble(nil, f)}, nil
	}
	n, ok := p.Int()
	switch {
	case ok && p.Unsigned:
		return logical.Value{Kind: logical.Int, Bytes: strconv.AppendUint(nil, uint64(n), 10)}, nil
	case ok:
		return logical.Value{Kind: logical.Int, Bytes: strconv.AppendInt(nil, n, 10)}, nil
	}
	return logical.Value{}, fault.ValueForm.With("parameter of type %d", p.Type)
}

// hexValue reads x'4A6F' or 0x4A6F; an odd number of digits has a zero in front.
func hexValue(raw []byte) (logical.Value, error) {
	digits := bytes.Trim(raw[2:], "'")
	if len(digits)%2 == 1 {
		digits = append([]byte("0"), digits...)
	}
	b := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(b, digits); err != nil {
		return logical.Value{}, fault.ValueForm.With("hexadecimal literal")
	}
	return logical.Value{Kind: logical.Binary, Bytes: b}, nil
}
