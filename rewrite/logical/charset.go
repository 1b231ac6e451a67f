package logical

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// MySQL's latin1 is Windows-1252 with its five undefined bytes mapped straight to U+0081, U+008D, U+008F, U+0090, U+009D
// (MySQL manual, "West European Character Sets").

// FromLatin1 converts text of a latin1 client to UTF-8.
func FromLatin1(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/2)
	for _, c := range b {
		r := charmap.Windows1252.DecodeByte(c)
		if r == utf8.RuneError {
			r = rune(c)
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func latin1Byte(r rune) (byte, bool) {
	switch r {
	case 0x81, 0x8d, 0x8f, 0x90, 0x9d:
		return byte(r), true
	}
	return charmap.Windows1252.EncodeRune(r)
}

// Holds reports whether the character set has the character.
func (c Charset) holds(r rune) bool {
	switch c.Name {
	case "utf8mb3":
		return r <= 0xffff
	case "latin1":
		_, ok := latin1Byte(r)
		return ok
	case "ascii":
		return r < utf8.RuneSelf
	}
	return true
}

// appendText converts UTF-8 to the character set; a character that it does not have becomes a question mark, as in the
// servers.
func (c Charset) appendText(dst, plain []byte) []byte {
	if c.Name == "utf8mb4" {
		return append(dst, plain...)
	}
	for len(plain) > 0 {
		r, n := utf8.DecodeRune(plain)
		switch {
		case !c.holds(r):
			dst = append(dst, '?')
		case c.Name == "latin1":
			b, _ := latin1Byte(r)
			dst = append(dst, b)
		default:
			dst = append(dst, plain[:n]...)
		}
		plain = plain[n:]
	}
	return dst
}
