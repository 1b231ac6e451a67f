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

// foreign are the character sets whose text only the servers convert, with the bytes of their longest characters.
var foreign = map[string]int{
	"armscii8": 1, "cp1250": 1, "cp1251": 1, "cp1256": 1, "cp1257": 1, "cp850": 1, "cp852": 1, "cp866": 1, "dec8": 1, "geostd8": 1, "greek": 1, "hebrew": 1, "hp8": 1,
	"keybcs2": 1, "koi8r": 1, "koi8u": 1, "latin2": 1, "latin5": 1, "latin7": 1, "macce": 1, "macroman": 1, "swe7": 1, "tis620": 1,
	"big5": 2, "cp932": 2, "euckr": 2, "gb2312": 2, "gbk": 2, "sjis": 2, "ucs2": 2, "eucjpms": 3, "ujis": 3, "gb18030": 4, "utf16": 4, "utf16le": 4, "utf32": 4,
}

// foreign reports whether only the servers convert text of the character set.
func (c Charset) foreign() bool { return foreign[c.Name] > 0 }

// least is how many bytes the shortest character has.
func (c Charset) least() int {
	switch c.Name {
	case "ucs2", "utf16", "utf16le":
		return 2
	case "utf32":
		return 4
	}
	return 1
}

// asciiOf reports whether a text is ASCII, and the same characters in the character set.
func (c Charset) asciiOf(b []byte) bool { return ascii(b) && c.Name != "swe7" && c.Name != "sjis" }

// Shows reports whether values of a type can be shown in a result character set: not so in the column's own when only the
// servers know that.
func Shows(t Type, cs Charset) bool {
	switch t := t.(type) {
	case text:
		return !t.shownIn(cs).foreign()
	case members:
		return !t.shownIn(cs).foreign()
	}
	return true
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
