package rewrite

import (
	"fmt"
	"strings"

	"phiproxy/rewrite/token"
)

// Withheld is a statement of which the server may read everything: its literals are constants, comments are gone, and names
// that the schema does not know, which may be values whose quotes were forgotten, have placeholders. It is not for running.
type Withheld struct {
	Text  []byte
	names map[string]string // placeholder -> name as the client wrote it, without quotes
}

// Withhold takes out of a statement what the server must not see. It is nil for a text that cannot be cut into tokens.
func (p *Planner) Withhold(m token.Mode, sql []byte) *Withheld {
	toks, err := token.Scan(nil, sql, p.scanOptions(m))
	if err != nil {
		return nil
	}
	w := &Withheld{names: map[string]string{}}
	known, called, placeholders := p.known(), called(sql, toks), map[string]string{}
	for i, t := range toks {
		if i > 0 && toks[i-1].End != t.Start {
			w.Text = append(w.Text, ' ')
		}
		switch t.Kind {
		case token.String:
			w.Text = append(w.Text, "''"...)
		case token.Int, token.Decimal, token.Float, token.Hex, token.Bit:
			w.Text = append(w.Text, '1')
		case token.UserVar:
			w.Text = append(w.Text, "@v"...)
		case token.Word, token.Quoted:
			name := t.Name(sql)
			if known[fold(name)] || t.Kind == token.Word && (meansSomething(name) || called[fold(name)]) {
				w.Text = append(w.Text, t.Text(sql)...)
				continue
			}
			w.Text = append(w.Text, w.placeholder(placeholders, name)...)
		default:
			w.Text = append(w.Text, t.Text(sql)...)
		}
	}
	return w
}

// called are the unquoted names in front of a parenthesis: those of functions, and of derived tables with a list of columns,
// which keep it wherever they stand.
func called(sql []byte, toks []token.Token) map[string]bool {
	names := map[string]bool{}
	for i, t := range toks[:len(toks)-1] {
		if t.Kind == token.Word && toks[i+1].IsOp(sql, "(") {
			names[fold(t.Name(sql))] = true
		}
	}
	return names
}

// meansSomething reports whether an unquoted word is one of the grammar, or the introducer of a string.
func meansSomething(word string) bool {
	upper := strings.ToUpper(word)
	return keywords[upper] || upper == "N" || word[0] == '_'
}

func (w *Withheld) placeholder(placeholders map[string]string, name string) string {
	p := placeholders[fold(name)]
	if p == "" {
		p = fmt.Sprintf("phiproxy_name_%03d_", len(placeholders))
		placeholders[fold(name)], w.names[p] = p, name
	}
	return p
}

// Has reports whether a message of the server's names a placeholder.
func (w *Withheld) Has(message string) bool {
	for p := range w.names {
		if strings.Contains(message, p) {
			return true
		}
	}
	return false
}

// Restore puts the client's names into a message of the server's.
func (w *Withheld) Restore(message string) string {
	for p, name := range w.names {
		message = strings.ReplaceAll(message, p, name)
	}
	return message
}
