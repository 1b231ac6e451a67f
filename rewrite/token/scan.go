package token

import (
	"bytes"
	"errors"
)

// Options are what decides how a text reads.
type Options struct {
	Mode    Mode
	MariaDB bool
	Version int // of the server, as in /*!nnnnn: 80039, 101119
}

// Reasons why a text cannot be cut into tokens with certainty.
var (
	ErrUnterminated = errors.New("a string, identifier or comment does not end")
	ErrExecutable   = errors.New("an executable comment whose reading depends on the server")
	ErrNUL          = errors.New("a NUL byte outside of a string")
)

// Scan appends the tokens of sql to dst, comments and white space left out; the last token is EOF.
//
// Executable comments are read as the server of the Options reads them when that is certain: `/*!` and `/*!nnnnn ` with
// five digits of 40000 to 50699, which every server of today runs. All others give ErrExecutable.
func Scan(dst []Token, sql []byte, o Options) ([]Token, error) {
	s := scanner{sql: sql, opt: o, out: dst}
	for {
		if err := s.space(); err != nil {
			return s.out, err
		}
		if s.pos >= len(sql) {
			s.emit(EOF, s.pos)
			return s.out, nil
		}
		if err := s.token(); err != nil {
			return s.out, err
		}
	}
}

type scanner struct {
	sql        []byte
	pos        int
	opt        Options
	out        []Token
	executable bool // inside of an executable comment
}

func (s *scanner) at(i int) byte {
	if i < len(s.sql) {
		return s.sql[i]
	}
	return 0
}

// emit adds the token that begins at start and ends at the position.
func (s *scanner) emit(k Kind, start int) {
	s.out = append(s.out, Token{Kind: k, Start: int32(start), End: int32(s.pos)})
}

// space skips white space and comments.
func (s *scanner) space() error {
	for s.pos < len(s.sql) {
		c := s.sql[s.pos]
		switch {
		case isSpace(c):
			s.pos++
		case c == '#':
			s.line()
		case c == '-' && s.at(s.pos+1) == '-' && s.endsDash(s.pos+2):
			s.line()
		case c == '/' && s.at(s.pos+1) == '*':
			if err := s.comment(); err != nil {
				return err
			}
		case c == '*' && s.executable && s.at(s.pos+1) == '/':
			s.executable = false
			s.pos += 2
		default:
			return nil
		}
	}
	if s.executable {
		return ErrUnterminated
	}
	return nil
}

// endsDash reports whether `--` is a comment: white space, a control character or the end must follow.
func (s *scanner) endsDash(i int) bool { return i >= len(s.sql) || s.sql[i] <= ' ' || s.sql[i] == 0x7f }

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// line skips to behind the next line feed; a carriage return does not end a comment.
func (s *scanner) line() {
	n := bytes.IndexByte(s.sql[s.pos:], '\n')
	if n < 0 {
		s.pos = len(s.sql)
		return
	}
	s.pos += n + 1
}

func (s *scanner) comment() error {
	switch {
	case s.at(s.pos+2) == '!':
		return s.versioned()
	case s.at(s.pos+2) == 'M' && s.at(s.pos+3) == '!':
		return ErrExecutable
	}
	n := bytes.Index(s.sql[s.pos+2:], []byte("*/"))
	if n < 0 {
		return ErrUnterminated
	}
	s.pos += 2 + n + 2
	return nil
}

// versioned enters an executable comment, whose content is then scanned like any other text.
func (s *scanner) versioned() error {
	const minimum, maximum = 40000, 50699 // MariaDB skips 50700 and up
	if s.executable {
		return ErrExecutable
	}
	digits, version := 0, 0
	for i := s.pos + 3; '0' <= s.at(i) && s.at(i) <= '9'; i++ {
		digits++
		version = version*10 + int(s.at(i)-'0')
		if digits > 5 {
			return ErrExecutable
		}
	}
	if digits != 0 && (digits != 5 || version < minimum || version > maximum) {
		return ErrExecutable
	}
	s.executable = true
	s.pos += 3 + digits
	return nil
}

func (s *scanner) token() error {
	start, c := s.pos, s.sql[s.pos]
	switch {
	case c == '\'':
		return s.quoted(String, c, !s.is(NoBackslashEscapes))
	case c == '"' && s.is(ANSIQuotes):
		return s.quoted(Quoted, c, false)
	case c == '"':
		return s.quoted(String, c, !s.is(NoBackslashEscapes))
	case c == '`':
		return s.quoted(Quoted, c, false)
	case c == '@':
		return s.variable()
	case c == '?':
		s.pos++
		s.emit(Param, start)
		return nil
	case isDigit(c) || c == '.' && isDigit(s.at(start+1)) && !s.afterName():
		s.number()
		return nil
	case (c == 'x' || c == 'X') && s.at(start+1) == '\'':
		return s.prefixed(Hex)
	case (c == 'b' || c == 'B') && s.at(start+1) == '\'':
		return s.prefixed(Bit)
	case isIdent(c):
		s.word()
		s.emit(Word, start)
		return nil
	case c == 0:
		return ErrNUL
	}
	s.pos += operatorLen(s.sql[s.pos:])
	s.emit(Op, start)
	return nil
}

func (s *scanner) is(m Mode) bool { return s.opt.Mode&m != 0 }

// afterName reports whether the previous token is an identifier right in front, so that a dot belongs to a name: t.1a.
func (s *scanner) afterName() bool {
	if len(s.out) == 0 {
		return false
	}
	t := s.out[len(s.out)-1]
	return (t.Kind == Word || t.Kind == Quoted) && int(t.End) == s.pos
}

// quoted scans a string or quoted identifier; a doubled quote stands for itself.
func (s *scanner) quoted(k Kind, quote byte, escapes bool) error {
	start := s.pos
	for i := start + 1; i < len(s.sql); i++ {
		switch c := s.sql[i]; {
		case c == '\\' && escapes:
			i++
		case c != quote:
		case s.at(i+1) == quote:
			i++
		default:
			s.pos = i + 1
			s.emit(k, start)
			return nil
		}
	}
	return ErrUnterminated
}

// prefixed scans x'..' and b'..'.
func (s *scanner) prefixed(k Kind) error {
	start := s.pos
	n := bytes.IndexByte(s.sql[start+2:], '\'')
	if n < 0 {
		return ErrUnterminated
	}
	s.pos += 2 + n + 1
	s.emit(k, start)
	return nil
}

// variable scans @name, @'name', @`name` and @@name. A lone @ (as in user@host) is an operator.
func (s *scanner) variable() error {
	start := s.pos
	s.pos++
	kind := UserVar
	if s.at(s.pos) == '@' {
		kind = SysVar
		s.pos++
	}
	switch c := s.at(s.pos); {
	case c == '\'' || c == '"' || c == '`':
		if err := s.quoted(kind, c, c != '`' && !s.is(NoBackslashEscapes)); err != nil {
			return err
		}
		s.out[len(s.out)-1].Start = int32(start)
		return nil
	case isIdent(c) || isDigit(c) || c == '.' && kind == UserVar:
		for isIdent(s.at(s.pos)) || isDigit(s.at(s.pos)) || s.at(s.pos) == '.' && kind == UserVar {
			s.pos++
		}
		s.emit(kind, start)
		return nil
	}
	s.emit(Op, start)
	return nil
}

func (s *scanner) word() {
	for isIdent(s.at(s.pos)) || isDigit(s.at(s.pos)) {
		s.pos++
	}
}

// number scans a number, or an identifier that begins with digits (1abc, and 1e where no exponent follows).
func (s *scanner) number() {
	start := s.pos
	if s.sql[start] == '0' && s.based(start) {
		return
	}
	if s.afterDot() {
		s.word()
		s.emit(Word, start)
		return
	}
	s.digits()
	kind := Int
	switch c := s.at(s.pos); {
	case c == '.':
		kind = Decimal
		s.pos++
		s.digits()
		if s.exponent() {
			kind = Float
		}
	case s.exponent():
		kind = Float
	case isIdent(c):
		kind = Word
		s.word()
	}
	s.emit(kind, start)
}

// afterDot reports whether the digits right behind a dot are a name: t.1.
func (s *scanner) afterDot() bool {
	n := len(s.out)
	if n < 2 || s.sql[s.out[n-1].Start] != '.' || s.out[n-1].Kind != Op || int(s.out[n-1].End) != s.pos {
		return false
	}
	k := s.out[n-2].Kind
	return k == Word || k == Quoted
}

func (s *scanner) digits() {
	for isDigit(s.at(s.pos)) {
		s.pos++
	}
}

// exponent scans e, an optional sign, and at least one digit.
func (s *scanner) exponent() bool {
	if c := s.at(s.pos); c != 'e' && c != 'E' {
		return false
	}
	i := s.pos + 1
	if c := s.at(i); c == '+' || c == '-' {
		i++
	}
	if !isDigit(s.at(i)) {
		return false
	}
	s.pos = i
	s.digits()
	return true
}

// based scans 0x41 and 0b01. With an upper-case letter, or when something else follows, they are identifiers.
func (s *scanner) based(start int) bool {
	kind, valid := Hex, isHex
	switch s.at(start + 1) {
	case 'x':
	case 'b':
		kind, valid = Bit, isBit
	default:
		return false
	}
	i := start + 2
	for valid(s.at(i)) {
		i++
	}
	if i == start+2 || isIdent(s.at(i)) || isDigit(s.at(i)) {
		return false
	}
	s.pos = i
	s.emit(kind, start)
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isBit(c byte) bool   { return c == '0' || c == '1' }
func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isIdent reports whether c can stand in an unquoted identifier, digits aside.
func isIdent(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

// operatorLen is the length of the longest operator that text begins with.
func operatorLen(text []byte) int {
	for _, op := range [...]string{"->>", "<=>", "->", "<=", ">=", "<>", "!=", "<<", ">>", "||", "&&", ":="} {
		if len(text) >= len(op) && string(text[:len(op)]) == op {
			return len(op)
		}
	}
	return 1
}
