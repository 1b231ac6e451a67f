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

// matcher finds any of a set of words in a text without regard to case. It moves a window of the shortest word's length
// over the text and shifts it by what the window's last two bytes allow (Wu and Manber, "A fast algorithm for
// multi-pattern searching", 1994). Bytes are classed by their low five bits, which makes letters of both cases equal.
type matcher struct {
	words  []string // folded
	window int
	shift  [1024]uint8 // classes of two bytes -> how far the window can move; 0: a word may end here
	ends   [1024][]int // classes of two bytes -> words whose first window bytes end so
}

func newMatcher(words []string) *matcher {
	slices.Sort(words)
	m := &matcher{words: slices.Compact(words)}
	m.window = 255
	for _, w := range m.words {
		m.window = min(m.window, len(w))
	}
	if m.window < 2 {
		return m
	}
	for i := range m.shift {
		m.shift[i] = uint8(m.window - 1)
	}
	for k, w := range m.words {
		for end := 2; end <= m.window; end++ {
			c := pair(w[end-2], w[end-1])
			m.shift[c] = min(m.shift[c], uint8(m.window-end))
		}
		c := pair(w[m.window-2], w[m.window-1])
		m.ends[c] = append(m.ends[c], k)
	}
	return m
}

func pair(a, b byte) int { return int(a&31)<<5 | int(b&31) }

func (m *matcher) match(text []byte) bool {
	if m.foldable(text) {
		text = []byte(fold(string(text)))
	}
	if m.window < 2 {
		return m.each(text)
	}
	for end := m.window; end <= len(text); {
		c := pair(text[end-2], text[end-1])
		if n := m.shift[c]; n > 0 {
			end += int(n)
			continue
		}
		for _, k := range m.ends[c] {
			if m.at(m.words[k], text, end-m.window) {
				return true
			}
		}
		end++
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
