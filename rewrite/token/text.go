package token

// Text is the token's text.
func (t Token) Text(sql []byte) []byte { return sql[t.Start:t.End] }

// Is reports whether the token is the unquoted word, given in upper case.
func (t Token) Is(sql []byte, word string) bool {
	if t.Kind != Word || int(t.End-t.Start) != len(word) {
		return false
	}
	for i := range len(word) {
		if c := sql[int(t.Start)+i]; upper(c) != word[i] {
			return false
		}
	}
	return true
}

// IsOp reports whether the token is the operator.
func (t Token) IsOp(sql []byte, op string) bool {
	return t.Kind == Op && string(t.Text(sql)) == op
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// Name is the identifier that a Word or Quoted token stands for: without quotes, doubled quotes made one.
func (t Token) Name(sql []byte) string {
	raw := t.Text(sql)
	if t.Kind != Quoted {
		return string(raw)
	}
	return string(undouble(nil, raw[1:len(raw)-1], raw[0]))
}

func undouble(dst, body []byte, quote byte) []byte {
	for i := 0; i < len(body); i++ {
		dst = append(dst, body[i])
		if body[i] == quote {
			i++
		}
	}
	return dst
}

// Unquote appends the value of a String token to dst. Escapes are those of the MySQL manual, "String Literals": \% and \_
// keep their backslash, and a backslash before any other character is dropped.
func Unquote(dst, raw []byte, m Mode) []byte {
	quote, body := raw[0], raw[1:len(raw)-1]
	if m&NoBackslashEscapes != 0 {
		return undouble(dst, body, quote)
	}
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case c == quote:
			i++
		case c == '\\' && i+1 < len(body):
			i++
			c = escaped(body[i])
			if c == '%' || c == '_' {
				dst = append(dst, '\\')
			}
		}
		dst = append(dst, c)
	}
	return dst
}

func escaped(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 0x1a
	}
	return c
}
