package token

import "bytes"

// lineComment skips to the line feed that ends the comment, or to the end of the text. The servers also end it at a
// NUL, which is refused.
func (s *scanner) lineComment() error {
	rest := s.sql[s.pos:]
	n := bytes.IndexByte(rest, '\n')
	if n < 0 {
		n = len(rest)
	}
	if bytes.IndexByte(rest[:n], 0) >= 0 {
		return ErrByte
	}
	s.pos += n
	return nil
}

// slash reads / or any comment that begins with it.
func (s *scanner) slash() error {
	start := s.pos
	s.pos++
	if s.at(s.pos) != '*' {
		s.emit(Op, start)
		return nil
	}
	s.pos++
	switch c := s.at(s.pos); {
	case c == '!':
		s.pos++
		return s.executable(false)
	case c == 'M' && s.at(s.pos+1) == '!':
		if !s.o.MariaDB {
			return s.plainComment()
		}
		s.pos += 2
		return s.executable(true)
	case c == '+':
		return s.hint()
	}
	return s.plainComment()
}

// plainComment skips to the first */; s.pos is behind the opening.
func (s *scanner) plainComment() error {
	rest := s.sql[s.pos:]
	n := bytes.Index(rest, []byte("*/"))
	if n < 0 {
		return ErrUnterminated
	}
	if bytes.IndexByte(rest[:n], 0) >= 0 {
		return ErrByte
	}
	s.pos += n + 2
	return nil
}

// hint skips an optimizer hint. MySQL reads quoted names and strings inside it, other servers do not: both agree on
// its end only when it is not inside quotes.
func (s *scanner) hint() error {
	start := s.pos
	if err := s.plainComment(); err != nil {
		return err
	}
	var open byte
	for _, c := range s.sql[start : s.pos-2] {
		switch {
		case open == 0 && (c == '\'' || c == '"' || c == '`'):
			open = c
		case c == open:
			open = 0
		case c == '\\':
			return ErrComment
		}
	}
	if open != 0 {
		return ErrComment
	}
	return nil
}

// executable begins the content of /*! or /*M!, or skips it when its version is not the server's; s.pos is behind the
// opening.
func (s *scanner) executable(maria bool) error {
	if s.inside {
		return ErrComment
	}
	version, n, ok := s.version()
	if !ok {
		return ErrComment
	}
	s.pos += n
	run, known := s.runs(version, maria)
	switch {
	case !known:
		return ErrComment
	case run:
		s.inside = true
		return nil
	}
	return s.skipVersioned()
}

// version reads the number behind the opening: five or six digits, or none at all.
func (s *scanner) version() (version, n int, ok bool) {
	for n < 7 && isDigit(s.at(s.pos+n)) {
		version = version*10 + int(s.at(s.pos+n)-'0')
		n++
	}
	switch n {
	case 0, 5:
		return version, n, true
	case 6:
		// MariaDB takes a sixth digit always, MySQL (since 8.0) only before white space.
		return version, n, s.o.MariaDB || (s.o.Version >= 90000 && classes[s.at(s.pos+6)] == space)
	}
	return 0, 0, false
}

// never is the version of comments that no server is to execute; every dump of MariaDB's begins with one.
const never = 999999

// runs tells whether the server executes a comment of that version, and whether that is certain. A version above the
// server's is not certain, save for that of no server: the server may have been replaced by a newer one since it was asked.
func (s *scanner) runs(version int, maria bool) (run, known bool) {
	switch {
	case version == never && s.o.MariaDB && s.o.Version != 0:
		return false, true
	case version < 50700:
		return true, true
	case !s.o.MariaDB || maria || version > 99999:
		return true, version <= s.o.Version
	case version <= 50999:
		return false, s.o.Version != 0 // MySQL 5.7's numbers, which MariaDB never took for its own
	}
	return false, s.o.Version >= 101100 // MySQL's of today; earlier releases of MariaDB differ
}

// skipVersioned skips the content of a comment that is not executed. One level of plain comments may nest in it;
// quotes mean nothing.
func (s *scanner) skipVersioned() error {
	nested := false
	for ; s.pos+1 < len(s.sql); s.pos++ {
		switch a, b := s.sql[s.pos], s.sql[s.pos+1]; {
		case a == 0:
			return ErrByte
		case a == '/' && b == '*' && !nested:
			nested = true
			s.pos++
		case a == '*' && b == '/':
			s.pos++
			if !nested {
				s.pos++
				return nil
			}
			nested = false
		}
	}
	return ErrUnterminated
}

// closeComment ends an executable comment; s.pos is between * and /.
func (s *scanner) closeComment() error {
	if !s.inside {
		return ErrComment
	}
	s.inside = false
	s.pos++
	return nil
}
