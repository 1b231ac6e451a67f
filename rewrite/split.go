package rewrite

import (
	"bytes"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// Part is one of several statements in a text: its bytes from Start to End, without the semicolon behind them.
type Part struct {
	Start, End int
	// Code is set for a statement that holds others, such as CREATE PROCEDURE. Where it ends only the server's grammar knows:
	// the part reaches to the end of the text.
	Code bool
	// Fault says why the part, which reaches to the end of the text, cannot be read; nil for all others.
	Fault *fault.Error
}

// Split cuts a text into the statements that a server runs one after another under CLIENT_MULTI_STATEMENTS. Semicolons and
// white space at the end of the text are nobody's. A statement without a word in front of others cannot be read: it is an
// error that the server would find only when the statements before it have run.
func (p *Planner) Split(st State, sql []byte) []Part {
	toks, unread := token.Scan(make([]token.Token, 0, len(sql)/4+8), sql, p.scanOptions(st.Mode))
	if unread != nil {
		toks = append(toks, token.Token{Kind: token.EOF, Start: int32(len(sql)), End: int32(len(sql))})
	}
	var parts []Part
	start, first := 0, 0
	for i, t := range toks {
		if t.Kind != token.EOF && !t.IsOp(sql, ";") {
			continue
		}
		if onlySemicolons(sql[start:]) {
			break
		}
		part := Part{Start: start, End: int(t.Start)}
		switch {
		case t.Kind == token.EOF && unread != nil:
			part.Fault = fault.BadTokens.With("%v", unread)
		case i == first && t.Kind != token.EOF:
			part.Fault = fault.Multi.With("an empty statement")
		case p.unitOf(st, sql, toks[first:i+1]).storedCode():
			part.Code = true
		case !p.whole(st, sql[start:t.Start]):
			part.Fault = fault.BadTokens.With("a semicolon in a comment")
		}
		if part.Code || part.Fault != nil {
			part.End = len(sql)
			return append(parts, part)
		}
		parts = append(parts, part)
		start, first = int(t.End), i+1
	}
	return parts
}

func onlySemicolons(sql []byte) bool { return len(bytes.Trim(sql, "; \t\r\n\v\f")) == 0 }

// whole reports whether a statement that ends at a semicolon holds executable comments to their ends.
func (p *Planner) whole(st State, sql []byte) bool {
	if !bytes.Contains(sql, []byte("/*")) {
		return true
	}
	_, err := token.Scan(nil, sql, p.scanOptions(st.Mode))
	return err == nil
}
