package token

// class says what a byte can begin.
type class uint8

const (
	none          class = iota // nothing: control characters, backslash
	space                      // white space of both servers
	letter                     // a word
	literalLetter              // x b n: a word, or a literal before a quote
	nonASCII                   // a word, when the bytes are a character
	digit
	quote
	sharp
	slash
	minus
	dot
	at
	compare // < > = !
	double  // & | :
	single  // other punctuation
	dollar
)

var classes = makeClasses()

func makeClasses() (t [256]class) {
	mark := func(chars string, c class) {
		for i := range len(chars) {
			t[chars[i]] = c
		}
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = letter, letter
	}
	for c := 0x80; c < 0x100; c++ {
		t[c] = nonASCII
	}
	mark("_", letter)
	mark("xXbBnN", literalLetter)
	mark("0123456789", digit)
	mark(" \t\n\v\f\r", space)
	mark("'\"`", quote)
	mark("#", sharp)
	mark("/", slash)
	mark("-", minus)
	mark(".", dot)
	mark("@", at)
	mark("<>=!", compare)
	mark("&|:", double)
	mark("()*+,;?%^~{}[]", single)
	mark("$", dollar)
	return t
}

// isIdent marks the bytes that continue an identifier. Those outside ASCII are checked where they stand.
var isIdent = makeIdent()

func makeIdent() (t [256]bool) {
	for c, cl := range classes {
		t[c] = cl == letter || cl == literalLetter || cl == digit || cl == nonASCII || cl == dollar
	}
	return t
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isBit(c byte) bool { return c == '0' || c == '1' }

func isHex(c byte) bool {
	return isDigit(c) || ('a' <= c && c <= 'f') || ('A' <= c && c <= 'F')
}

// isHostname marks what a user variable's name holds without quotes.
func isHostname(c byte) bool {
	return isDigit(c) || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '.' || c == '_' || c == '$'
}
