package logical

import "strings"

// decimal is DECIMAL. Its plaintext has as many decimals as the column.
type decimal struct {
	name               string // "decimal(10,2) unsigned"
	digits, decimals   int
	unsigned, zerofill bool
}

func parseDecimal(name string, f fields) Type {
	t := decimal{name: name, digits: 10, unsigned: f.unsigned, zerofill: f.zerofill}
	if n, ok := f.number(0); ok {
		t.digits = n
	}
	t.decimals, _ = f.number(1)
	return t
}

func (t decimal) String() string { return t.name }

// MaxPlaintext counts sign, point, and a zero before it.
func (t decimal) MaxPlaintext() int { return t.digits + len("-0.") }

// Normalize takes numbers that are written out and lose no digit.
func (t decimal) Normalize(v Value, _ Mode) ([]byte, *Problem) {
	if v.Kind != Int && v.Kind != Decimal && v.Kind != String {
		return nil, refuse
	}
	text, negative := strings.CutPrefix(string(v.Bytes), "-")
	whole, fraction, dotted := strings.Cut(text, ".")
	if !allDigits([]byte(whole)) || dotted && !allDigits([]byte(fraction)) {
		return nil, refuse
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > t.digits-t.decimals || len(fraction) > t.decimals || negative && (t.unsigned || strings.Trim(whole+fraction, "0") == "") {
		return nil, refuse
	}
	plain := t.plaintext(whole, fraction)
	if negative {
		plain = "-" + plain
	}
	return []byte(plain), nil
}

// plaintext is a number of digits without leading zeros.
func (t decimal) plaintext(whole, fraction string) string {
	width := 1
	if t.zerofill {
		width = max(t.digits-t.decimals, 1)
	}
	whole = strings.Repeat("0", max(width-len(whole), 0)) + whole
	if t.decimals == 0 {
		return whole
	}
	return whole + "." + fraction + strings.Repeat("0", t.decimals-len(fraction))
}

// Unset is zero.
func (t decimal) Unset() []byte { return []byte(t.plaintext("", "")) }

// Form is text.
func (decimal) Form() Form { return Text8 }

// AppendText is the plaintext itself.
func (t decimal) AppendText(dst, plain []byte, _ Charset) []byte {
	return append(dst, orUnset(t, plain)...)
}

// AppendBinary is the text with its length in front.
func (t decimal) AppendBinary(dst, plain []byte, _ Charset) []byte {
	plain = orUnset(t, plain)
	return append(appendLength(dst, len(plain)), plain...)
}

// Column is the metadata of the column.
func (t decimal) Column(Charset) Meta {
	length := t.digits
	if t.decimals > 0 {
		length++
	}
	if !t.unsigned {
		length++
	}
	m := numberMeta(typeNewDecimal, uint32(length), t.unsigned)
	m.Decimals = byte(t.decimals)
	if t.zerofill {
		m.SetFlags |= flagZerofill
	}
	return m
}
