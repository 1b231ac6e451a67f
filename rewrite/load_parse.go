package rewrite

import (
	"encoding/hex"
	"strings"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/infile"
	"phiproxy/rewrite/token"
)

// word steps over the next token if it is one of the words.
func (p *loading) word(words ...string) bool {
	if p.at >= p.u.end || !p.u.is(p.at, words...) {
		return false
	}
	p.at++
	return true
}

func (p *loading) unread() *fault.Error { return fault.Load.With("token %d", p.at) }

// source reads up to the file's name.
func (p *loading) source() *fault.Error {
	p.word("LOW_PRIORITY", "CONCURRENT")
	if !p.word("LOCAL") {
		return fault.LoadServer.With("without LOCAL")
	}
	if !p.word("INFILE") || p.at >= p.u.end || p.u.toks[p.at].Kind != token.String {
		return p.unread()
	}
	p.l.head = span{0, p.at}
	p.l.File = token.Unquote(nil, p.u.text(p.at), p.u.state.Mode)
	p.at++
	return nil
}

// target reads REPLACE or IGNORE, the table, and its partitions.
func (p *loading) target() *fault.Error {
	from := p.at
	if p.word("REPLACE") {
		return fault.LoadReplace.With("REPLACE")
	}
	p.word("IGNORE")
	if !p.word("INTO") || !p.word("TABLE") {
		return p.unread()
	}
	_, _, next, ok := p.u.table(p.at)
	if !ok {
		return p.unread()
	}
	t, err := p.u.protectedAt(p.at)
	if err != nil {
		return err
	}
	if t == nil {
		return fault.Load.With("a protected table is named, but not as the target")
	}
	p.table, p.l.Table = span{p.at, next}, t
	if p.at = next; p.word("PARTITION") {
		if !p.u.op(p.at, "(") {
			return p.unread()
		}
		p.at = p.u.closing(p.at) + 1
	}
	p.l.into = span{from, p.at}
	return nil
}

func (p *loading) charset() *fault.Error {
	switch {
	case p.word("CHARSET"):
	case p.u.is(p.at, "CHARACTER", "CHAR") && p.u.is(p.at+1, "SET"):
		p.at += 2
	default:
		return nil
	}
	name, ok := p.u.name(p.at)
	if p.u.isString(p.at) {
		name, ok = string(token.Unquote(nil, p.u.text(p.at), p.u.state.Mode)), true
	}
	if !ok {
		return p.unread()
	}
	p.l.Charset = strings.ToLower(name)
	p.at++
	return nil
}

// fields reads FIELDS, whose parts come in any order.
func (p *loading) fields() *fault.Error {
	if !p.word("FIELDS", "COLUMNS") {
		return nil
	}
	for start := p.at; ; {
		var err *fault.Error
		switch f := &p.l.Format; {
		case p.word("TERMINATED"):
			f.FieldTerm, err = p.by()
		case p.word("ENCLOSED"):
			f.Enclosed, err = p.char()
		case p.u.is(p.at, "OPTIONALLY") && p.u.is(p.at+1, "ENCLOSED"):
			p.at += 2
			f.Enclosed, err = p.char()
		case p.word("ESCAPED"):
			f.Escaped, err = p.char()
		case p.at == start:
			return p.unread()
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lines reads LINES.
func (p *loading) lines() *fault.Error {
	if !p.word("LINES") {
		return nil
	}
	for start := p.at; ; {
		var err *fault.Error
		switch f := &p.l.Format; {
		case p.word("TERMINATED"):
			f.LineTerm, err = p.by()
		case p.word("STARTING"):
			f.LineStart, err = p.by()
		case p.at == start:
			return p.unread()
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// by reads BY 'text' or BY x'hex'.
func (p *loading) by() ([]byte, *fault.Error) {
	if !p.word("BY") || p.at >= p.u.end {
		return nil, p.unread()
	}
	defer func() { p.at++ }()
	switch p.u.toks[p.at].Kind {
	case token.String:
		if p.u.isString(p.at + 1) {
			return nil, p.unread()
		}
		return token.Unquote(nil, p.u.text(p.at), p.u.state.Mode), nil
	case token.Hex:
		if b, ok := unhex(p.u.text(p.at)); ok {
			return b, nil
		}
	}
	return nil, p.unread()
}

// char is by for at most one character.
func (p *loading) char() (int, *fault.Error) {
	b, err := p.by()
	switch {
	case err != nil:
		return 0, err
	case len(b) > 1:
		return 0, fault.LoadFormat.With("a separator of several characters")
	case len(b) == 0:
		return infile.None, nil
	}
	return int(b[0]), nil
}

// skip reads IGNORE n LINES.
func (p *loading) skip() *fault.Error {
	if !p.word("IGNORE") {
		return nil
	}
	if p.at >= p.u.end || p.u.toks[p.at].Kind != token.Int {
		return p.unread()
	}
	for _, c := range p.u.text(p.at) {
		if p.l.Format.Skip > 1<<40 {
			return p.unread()
		}
		p.l.Format.Skip = p.l.Format.Skip*10 + uint64(c-'0')
	}
	if p.at++; !p.word("LINES", "ROWS") {
		return p.unread()
	}
	return nil
}

// unhex reads x'4A' or 0x4A.
func unhex(raw []byte) ([]byte, bool) {
	b, err := hex.DecodeString(strings.Trim(string(raw[2:]), "'"))
	return b, err == nil
}
