package rewrite

import (
	"bytes"
	"slices"
)

// Mentions reports whether the text could name a protected table or an opaque view or routine, build SQL at run time
// (PREPARE, EXECUTE IMMEDIATE, BEGIN NOT ATOMIC), or choose a character set. It reads bytes, not tokens: comments, quotes,
// sql_mode and character sets cannot hide a name from it, so that a statement it does not match can be relayed unread.
// It may be wrong in the other direction only.
func (p *Planner) Mentions(sql []byte) bool { return p.scan.match(sql) }

// MentionsTable is Mentions without the statements that only build SQL or choose a character set.
func (p *Planner) MentionsTable(sql []byte) bool { return p.tables.match(sql) }

// matcher finds any of a set of words in a text without regard to case. Every occurrence of a word of n bytes covers one of
// the places 0, n-2, 2(n-2), ... of the text with three bytes of its own, so that only those places are looked at; a set
// tells which three bytes can be a word's. Bytes are classed by their low five bits, which makes letters of both cases equal.
type matcher struct {
	words  []string // folded
	stride int      // distance of the places; 0 when a word is too short to skip anything
	maybe  [1 << 15 / 64]uint64
	within map[uint32][]occurrence // class of three bytes -> where in words it stands
}

// occurrence is a place in a word.
type occurrence struct{ word, offset int }

func newMatcher(words []string) *matcher {
	slices.Sort(words)
	m := &matcher{words: slices.Compact(words), within: map[uint32][]occurrence{}}
	if len(words) == 0 {
		return m
	}
	shortest := len(m.words[0])
	for _, w := range m.words {
		shortest = min(shortest, len(w))
	}
	if shortest < 3 {
		return m
	}
	m.stride = shortest - 2
	for k, w := range m.words {
		for i := range m.stride {
			c := class3(w[i], w[i+1], w[i+2])
			m.maybe[c/64] |= 1 << (c % 64)
			m.within[c] = append(m.within[c], occurrence{word: k, offset: i})
		}
	}
	return m
}

func class3(a, b, c byte) uint32 { return uint32(a&31) | uint32(b&31)<<5 | uint32(c&31)<<10 }

func (m *matcher) match(text []byte) bool {
	if m.foldable(text) {
		text = []byte(fold(string(text)))
	}
	if m.stride == 0 {
		return m.each(text)
	}
	for i := 0; i+2 < len(text); i += m.stride {
		c := class3(text[i], text[i+1], text[i+2])
		if m.maybe[c/64]&(1<<(c%64)) != 0 && m.around(text, i, c) {
			return true
		}
	}
	return false
}

// around reports whether a word covers text[i:i+3], whose class is c.
func (m *matcher) around(text []byte, i int, c uint32) bool {
	for _, o := range m.within[c] {
		if i >= o.offset && m.at(m.words[o.word], text, i-o.offset) {
			return true
		}
	}
	return false
}

// each is for words of one letter, where there is nothing to skip.
func (m *matcher) each(text []byte) bool {
	for i := range text {
		for _, w := range m.words {
			if m.at(w, text, i) {
				return true
			}
		}
	}
	return false
}

// at reports whether the word stands at text[i:] and is not a part of a longer one. Digits in front do not make it
// longer: the version of an executable comment may end right there.
func (m *matcher) at(word string, text []byte, i int) bool {
	if len(text)-i < len(word) || i > 0 && isLetter(text[i-1]) {
		return false
	}
	for j := range len(word) {
		c := text[i+j]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[j] {
			return false
		}
	}
	end := i + len(word)
	return end == len(text) || !isLetter(text[end]) && (text[end] < '0' || '9' < text[end]) || word == "character" && text[end] == '_'
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

// foldable reports whether the text holds one of the letters outside of ASCII that some server takes for an ASCII one.
func (m *matcher) foldable(text []byte) bool {
	for _, l := range foldedLetters {
		if bytes.Contains(text, l) {
			return true
		}
	}
	return false
}

// foldedLetters are the letters of foldLetters in UTF-8.
var foldedLetters = [][]byte{[]byte("\u0130"), []byte("\u0131"), []byte("\u017f"), []byte("\u212a")}
