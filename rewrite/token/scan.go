package token

import (
	"errors"
	"unicode/utf8"
)

// Options says whose reading of the text is asked for.
type Options struct {
	Mode    Mode
	MariaDB bool
	Version int // 80039 for 8.0.39, 101119 for 10.11.19; 0 when the server's way with versions is not known
}

// What makes a text unreadable. A statement that may touch protected tables is then refused; none of the texts
// holds anything of the client's.
var (
	ErrUnterminated = errors.New("a string, identifier or comment does not end")
	ErrComment      = errors.New("an executable comment or hint whose reading by the server is not certain")
	ErrByte         = errors.New("a byte that begins no token")
	ErrNumber       = errors.New("a malformed number or hexadecimal literal")
	ErrOperator     = errors.New("comparison characters that form no operator")
	ErrVariable     = errors.New("a variable without a name")
	ErrTooLong      = errors.New("the text is longer than 1 GiB")
)

const maxText = 1 << 30 // MySQL's own limit of max_allowed_packet

// Scan appends the tokens of sql to dst, a final EOF token included, as the server named by o reads it: white space and
// comments are left out, the content of an executable comment is read or skipped by its version. It allocates nothing
// when dst is large enough. Wherever the server's reading is not certain, or is a syntax error on every server, an error is returned.
//
// The rules are those of the servers' lexers (sql/sql_lex.cc of MySQL and MariaDB); testdata/probes.json holds what the
// servers themselves answered.
func Scan(dst []Token, sql []byte, o Options) ([]Token, error) {
	if len(sql) > maxText {
		return dst, ErrTooLong
	}
	s := scanner{sql: sql, dst: dst, o: o, wordEnd: -1}
	if err := s.run(); err != nil {
		return s.dst, err
	}
	end := int32(len(sql))
	return append(s.dst, Token{Kind: EOF, Start: end, End: end}), nil
}

type scanner struct {
	sql     []byte
	dst     []Token
	o       Options
	pos     int
	wordEnd int  // end of the last token when it was a word; a dot right there begins a qualified name
	inside  bool // in an executable comment whose content is executed
}

// at is the byte at position i, 0 past the end as in the servers' zero-terminated buffers.
func (s *scanner) at(i int) byte {
	if i < len(s.sql) {
		return s.sql[i]
	}
	return 0
}

func (s *scanner) emit(k Kind, start int) {
	s.dst = append(s.dst, Token{Kind: k, Start: int32(start), End: int32(s.pos)})
}

func (s *scanner) run() error {
	for s.pos < len(s.sql) {
		c := s.sql[s.pos]
		cl := classes[c]
		if cl == space {
			s.pos++
			continue
		}
		if err := s.step(c, cl); err != nil {
			return err
		}
	}
	if s.inside {
		return ErrUnterminated
	}
	return nil
}

func (s *scanner) step(c byte, cl class) error {
	switch cl {
	case letter, nonASCII:
		return s.word(s.pos)
	case literalLetter:
		return s.letterLiteral(c)
	case digit:
		return s.number()
	case quote:
		return s.quoted(c)
	case sharp:
		return s.lineComment()
	case slash:
		return s.slash()
	case minus:
		return s.minus()
	case dot:
		return s.dot()
	case at:
		return s.variable()
	case compare:
		return s.comparison(c)
	case double:
		return s.doubled(c)
	case single:
		return s.single(c)
	case dollar:
		if !s.o.MariaDB { // MySQL 9 reads $tag$ .. $tag$ as a string
			return ErrByte
		}
		return s.word(s.pos)
	}
	return ErrByte
}

// word reads an identifier or keyword whose first byte is at start and whose next one is at s.pos.
func (s *scanner) word(start int) error {
	i := s.pos
	for i < len(s.sql) && isIdent[s.sql[i]] {
		if s.sql[i] < utf8.RuneSelf {
			i++
			continue
		}
		n := s.rune(i)
		if n == 0 {
			return ErrByte
		}
		i += n
	}
	s.pos = i
	s.emit(Word, start)
	s.wordEnd = i
	return nil
}

// rune is the length of the character at i outside quotes, 0 when the server's reading of it is not certain. In a
// single-byte character set some bytes are letters, one is a space and some nothing at all, so none is accepted.
func (s *scanner) rune(i int) int {
	if s.o.Mode&SingleByte != 0 {
		return 0
	}
	r, n := utf8.DecodeRune(s.sql[i:])
	if r == utf8.RuneError && n <= 1 {
		return 0
	}
	return n
}

// letterLiteral reads x'..', b'..', n'..', or a word that begins with one of these letters. The n is a word of its own,
// as character set introducers are.
func (s *scanner) letterLiteral(c byte) error {
	if s.at(s.pos+1) != '\'' {
		return s.word(s.pos)
	}
	start := s.pos
	s.pos++
	switch c {
	case 'n', 'N':
		s.emit(Word, start)
		return s.text('\'')
	case 'x', 'X':
		return s.digits(start, Hex, isHex)
	}
	return s.digits(start, Bit, isBit)
}

// digits reads the quoted part of x'..' and b'..'.
func (s *scanner) digits(start int, k Kind, ok func(byte) bool) error {
	i := s.pos + 1
	for ok(s.at(i)) {
		i++
	}
	if s.at(i) != '\'' || (k == Hex && (i-s.pos-1)%2 != 0) {
		return ErrNumber
	}
	s.pos = i + 1
	s.emit(k, start)
	return nil
}

// number reads what begins with a digit: a number, or an identifier like 1abc, 1e or 0xg.
func (s *scanner) number() error {
	start := s.pos
	if s.sql[start] == '0' {
		switch s.at(start + 1) {
		case 'x':
			return s.prefixed(start, Hex, isHex)
		case 'b':
			return s.prefixed(start, Bit, isBit)
		}
	}
	i := s.skipDigits(start)
	c := s.at(i)
	if !isIdent[c] {
		s.pos = i
		if c == '.' {
			s.pos++
			return s.real(start)
		}
		s.emit(Int, start)
		return nil
	}
	if c == 'e' || c == 'E' {
		j := i + 1
		if b := s.at(j); b == '+' || b == '-' {
			j++
		}
		if isDigit(s.at(j)) {
			s.pos = s.skipDigits(j)
			s.emit(Float, start)
			return nil
		}
	}
	s.pos = i
	return s.word(start)
}

// prefixed reads 0x.. and 0b.., which are identifiers when anything else is glued to them.
func (s *scanner) prefixed(start int, k Kind, ok func(byte) bool) error {
	i := start + 2
	for ok(s.at(i)) {
		i++
	}
	s.pos = i
	if i > start+2 && !isIdent[s.at(i)] {
		s.emit(k, start)
		return nil
	}
	return s.word(start)
}

// real reads the rest of a number after its point.
func (s *scanner) real(start int) error {
	i := s.skipDigits(s.pos)
	if c := s.at(i); c != 'e' && c != 'E' {
		s.pos = i
		s.emit(Decimal, start)
		return nil
	}
	i++
	if c := s.at(i); c == '+' || c == '-' {
		i++
	}
	if !isDigit(s.at(i)) {
		return ErrNumber
	}
	s.pos = s.skipDigits(i)
	s.emit(Float, start)
	return nil
}

func (s *scanner) skipDigits(i int) int {
	for isDigit(s.at(i)) {
		i++
	}
	return i
}

// dot reads a point: of a qualified name (what follows it at once is a name whatever it looks like: t.1a, t.select), or
// of a number.
func (s *scanner) dot() error {
	start := s.pos
	next := s.at(start + 1)
	qualified := s.wordEnd == start
	if !qualified && isDigit(next) {
		s.pos++
		return s.real(start)
	}
	s.pos++
	s.emit(Op, start)
	if isIdent[next] {
		return s.word(s.pos)
	}
	return nil
}

// quoted reads '..', ".." and `..`.
func (s *scanner) quoted(c byte) error {
	if c == '`' || (c == '"' && s.o.Mode&ANSIQuotes != 0) {
		return s.name(c)
	}
	return s.text(c)
}

// text reads a string literal; s.pos is at its opening quote.
func (s *scanner) text(q byte) error {
	start := s.pos
	escapes := s.o.Mode&NoBackslashEscapes == 0
	i := s.pos + 1
	for i < len(s.sql) {
		switch c := s.sql[i]; {
		case c == '\\' && escapes:
			i += 2
		case c != q:
			i++
		case s.at(i+1) == q:
			i += 2
		default:
			s.pos = i + 1
			s.emit(String, start)
			return nil
		}
	}
	return ErrUnterminated
}

// name reads a quoted identifier. It ends at a NUL in the servers, so one is refused.
func (s *scanner) name(q byte) error {
	start := s.pos
	wide := false
	for i := start + 1; i < len(s.sql); i++ {
		c := s.sql[i]
		if c == 0 {
			return ErrByte
		}
		wide = wide || c >= utf8.RuneSelf
		if c != q {
			continue
		}
		if s.at(i+1) == q {
			i++
			continue
		}
		if wide && s.o.Mode&SingleByte == 0 && !utf8.Valid(s.sql[start:i]) {
			return ErrByte
		}
		s.pos = i + 1
		s.emit(Quoted, start)
		return nil
	}
	return ErrUnterminated
}

// variable reads @name, @'name', @`name`, @"name" and @@name.
func (s *scanner) variable() error {
	start := s.pos
	i := start + 1
	switch c := s.at(i); {
	case c == '@':
		return s.systemVariable(start)
	case classes[c] == quote:
		s.pos = i
		return s.named(start, s.quoted(c))
	}
	for isHostname(s.at(i)) {
		i++
	}
	if i == start+1 || s.at(i) >= utf8.RuneSelf {
		return ErrVariable
	}
	s.pos = i
	s.emit(UserVar, start)
	return nil
}

// named turns the last token, the quoted name of a variable, into the variable that begins at start.
func (s *scanner) named(start int, err error) error {
	if err == nil {
		t := &s.dst[len(s.dst)-1]
		t.Kind, t.Start = UserVar, int32(start)
	}
	return err
}

func (s *scanner) systemVariable(start int) error {
	s.pos = start + 2
	c := s.at(s.pos)
	if c == '`' { // the name is the quoted token that follows
		s.emit(SysVar, start)
		return nil
	}
	if !isIdent[c] {
		return ErrVariable
	}
	if err := s.word(start); err != nil {
		return err
	}
	s.dst[len(s.dst)-1].Kind = SysVar
	return nil
}

// comparison reads < > = ! and what they combine to. The servers take every adjacent comparison character into the
// token before they look it up, so that =! is no operator; a syntax error there is an error here.
func (s *scanner) comparison(c byte) error {
	start := s.pos
	n := 1
	if classes[s.at(start+1)] == compare {
		n = 2
		if third := s.at(start + 2); c == '<' && third != '<' && classes[third] == compare {
			n = 3
		}
	}
	s.pos += n
	switch string(s.sql[start:s.pos]) {
	case "<", ">", "=", "!", "<=", ">=", "<>", "!=", "<<", ">>", "<=>":
		s.emit(Op, start)
		return nil
	}
	return ErrOperator
}

// doubled reads & | : and && || :=.
func (s *scanner) doubled(c byte) error {
	start := s.pos
	s.pos++
	if next := s.at(s.pos); (c == ':' && next == '=') || (c != ':' && next == c) {
		s.pos++
	}
	s.emit(Op, start)
	return nil
}

// single reads one character of punctuation.
func (s *scanner) single(c byte) error {
	start := s.pos
	s.pos++
	switch c {
	case '*':
		if s.at(s.pos) == '/' {
			return s.closeComment()
		}
	case '?':
		if isIdent[s.at(s.pos)] { // no parameter for the servers, which could not put a value there
			return ErrByte
		}
		s.emit(Param, start)
		return nil
	}
	s.emit(Op, start)
	return nil
}

// minus reads - -> ->> or a comment that begins with two of them and a space, a control character or the end.
func (s *scanner) minus() error {
	start := s.pos
	next := s.at(start + 1)
	if next == '-' {
		if c := s.at(start + 2); c <= ' ' || c == 0x7f {
			s.pos++
			return s.lineComment()
		}
	}
	s.pos++
	if next == '>' {
		s.pos++
		if s.at(s.pos) == '>' {
			s.pos++
		}
	}
	s.emit(Op, start)
	return nil
}
