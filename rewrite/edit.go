package rewrite

import "phiproxy/rewrite/token"

// edit puts text in the place of the tokens [at, end) of the statement; with at == end it is put in front of token at.
type edit struct {
	at, end int
	text    string
	value   int // of Compute.Values, from 1, that stands there instead of the text
}

// text assembles a statement from the client's own and what is put into it, front to back.
type text struct {
	s    *Statement
	dst  []byte
	last int // offset in the client's text behind what was copied

	// template keeps the client's parameters where something else is put in their place, so that the backend counts as
	// many as the client; kept tells that one was.
	template, kept bool
}

// replace copies up to token at and leaves the tokens [at, end) out; what belongs in their place is appended to dst next.
func (t *text) replace(at, end int) {
	start := int(t.s.Tokens[at].Start)
	t.dst = append(t.dst, t.s.SQL[t.last:start]...)
	t.last = start
	if end > at {
		t.last = int(t.s.Tokens[end-1].End)
	}
}

func (t *text) apply(e edit) {
	if t.keeps(e.at, e.end) {
		return
	}
	t.replace(e.at, e.end)
	t.dst = append(t.dst, e.text...)
}

// keeps reports whether the tokens [at, end) stay as they are because of a parameter among them.
func (t *text) keeps(at, end int) bool {
	if !t.template {
		return false
	}
	for _, tok := range t.s.Tokens[at:end] {
		if tok.Kind == token.Param {
			t.kept = true
			return true
		}
	}
	return false
}

// rest copies what is left.
func (t *text) rest() []byte {
	t.dst = append(t.dst, t.s.SQL[t.last:]...)
	return t.dst
}

// Text appends the text for the backend to dst. seal is asked for every client value bound for a protected column, in
// the order of the text.
func (s *Statement) Text(dst []byte, seal SealFunc) ([]byte, error) {
	return s.render(&text{s: s, dst: dst}, seal)
}

func (s *Statement) render(t *text, seal SealFunc) ([]byte, error) {
	switch {
	case s.Load != nil:
		return s.LoadText(t.dst, s.Load.charset()), nil
	case s.write == nil:
		for _, e := range s.edits {
			t.apply(e)
		}
		return t.rest(), nil
	case s.write.kind == updates:
		return s.insteadOfUpdate(t)
	}
	return s.insertText(t, seal)
}

// Template appends the text that COM_STMT_PREPARE sends: no client value bound for a protected column is in it. textOnly
// tells that it cannot be executed as it is, because such values, or values that the proxy sets, stand in the text.
func (s *Statement) Template(dst []byte) (out []byte, textOnly bool) {
	t := &text{s: s, dst: dst, template: true}
	out, _ = s.render(t, func(dst []byte, c Cell) ([]byte, error) {
		if c.Value.Kind == token.Param {
			return append(dst, '?'), nil
		}
		textOnly = true
		return append(dst, "NULL"...), nil
	})
	return out, textOnly || t.kept || s.write != nil && s.Verdict == Lookup
}

// span is a range of tokens [from, to).
type span struct{ from, to int }

// literal reads the value in a span; ok is false when it is not one literal. A sign belongs to a number, and strings that
// follow each other are one.
func (s *Statement) literal(v span) (l Literal, ok bool) {
	t := s.Tokens[v.from]
	switch n := v.to - v.from; {
	case n == 1:
		return s.single(v.from)
	case n == 2 && t.Is(s.SQL, "_BINARY") && s.Tokens[v.from+1].Kind == token.Hex:
		return s.single(v.from + 1) // a hexadecimal literal is a binary string by itself
	case n == 2 && (t.IsOp(s.SQL, "-") || t.IsOp(s.SQL, "+")):
		l, ok = s.single(v.from + 1)
		switch l.Kind {
		case token.Int, token.Decimal, token.Float:
			l.Raw = append([]byte{s.SQL[t.Start]}, l.Raw...)
			return l, ok
		}
	case n > 1:
		return s.strings(v)
	}
	return Literal{}, false
}

// strings reads 'a' 'b', which the servers join, and a string behind an introducer.
func (s *Statement) strings(v span) (Literal, bool) {
	l := Literal{Kind: token.String}
	switch t := s.Tokens[v.from]; {
	case t.Is(s.SQL, "_UTF8MB4"):
		l.Charset = "utf8mb4"
		v.from++
	case t.Is(s.SQL, "_BINARY"):
		l.Charset = "binary"
		v.from++
	}
	for _, t := range s.Tokens[v.from:v.to] {
		if t.Kind != token.String {
			return Literal{}, false
		}
	}
	for _, t := range s.Tokens[v.from:v.to] {
		if l.Raw == nil {
			l.Raw = t.Text(s.SQL)
		} else {
			l.Rest = append(l.Rest, t.Text(s.SQL))
		}
	}
	return l, true
}

func (s *Statement) single(i int) (Literal, bool) {
	t := s.Tokens[i]
	l := Literal{Kind: t.Kind, Raw: t.Text(s.SQL)}
	switch t.Kind {
	case token.String, token.Int, token.Decimal, token.Float, token.Hex, token.Bit:
		return l, true
	case token.Param:
		l.Param = s.paramNumber(i)
		return l, true
	case token.Word:
		switch {
		case t.Is(s.SQL, "NULL"):
			return Literal{Kind: token.Null, Raw: l.Raw}, true
		case t.Is(s.SQL, "DEFAULT"):
			return Literal{Kind: token.Default, Raw: l.Raw}, true
		case t.Is(s.SQL, "TRUE"):
			return Literal{Kind: token.Int, Raw: []byte("1")}, true
		case t.Is(s.SQL, "FALSE"):
			return Literal{Kind: token.Int, Raw: []byte("0")}, true
		}
	}
	return Literal{}, false
}

// paramNumber counts the parameters in front of token i. Statements are walked front to back, so it counts on from where
// it was last.
func (s *Statement) paramNumber(i int) int {
	if i < s.counted.token {
		s.counted = paramCount{}
	}
	for ; s.counted.token < i; s.counted.token++ {
		if s.Tokens[s.counted.token].Kind == token.Param {
			s.counted.params++
		}
	}
	return s.counted.params
}

// paramCount is how many parameters stand in front of a token.
type paramCount struct{ token, params int }
