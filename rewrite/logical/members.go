package logical

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// members is ENUM and SET. The plaintext is a member, or members in the order of their definition with commas, in UTF-8; the
// empty text is the member of the servers that stands for a wrong value, or no member.
type members struct {
	text             // shows the plaintext
	several bool     // SET
	list    []string // as defined
	plain   bool     // members that differ by more than their case, so that a member is itself alone
}

func parseMembers(d Definition, f fields) (Type, error) {
	t := members{text: text{name: strings.TrimSpace(d.Type), column: charsetOf(d), bin: strings.HasSuffix(d.Collation, "_bin")}, several: f.base == "set", list: f.args}
	if t.column.MaxLen == 0 {
		return nil, fmt.Errorf("columns of type %s with character set %q cannot be protected", d.Type, d.Charset)
	}
	if len(t.list) == 0 {
		return nil, fmt.Errorf("type %s cannot be protected", d.Type)
	}
	folded := make(map[string]bool)
	t.plain = true
	for _, m := range t.list {
		key := strings.ToLower(m)
		t.plain = t.plain && ascii([]byte(m)) && !folded[key] && m != "" && strings.TrimSpace(m) == m
		folded[key] = true
	}
	return t, nil
}

// WrongIsEmpty reports whether the empty text of a type is the member that stands for a wrong value, of which the server warns.
func WrongIsEmpty(t Type) bool {
	m, ok := t.(members)
	return ok && !m.several && !slices.Contains(m.list, "")
}

// MaxPlaintext counts UTF-8.
func (t members) MaxPlaintext() int {
	longest, all := 0, len(t.list)-1
	for _, m := range t.list {
		longest, all = max(longest, len(m)), all+len(m)
	}
	if t.several {
		return all
	}
	return longest
}

// Normalize takes members as they are defined.
func (t members) Normalize(v Value, _ Mode) ([]byte, *Problem) {
	if v.Kind != String || !t.plain || !t.column.asciiOf(v.Bytes) {
		return nil, refuse
	}
	last := -1
	for name := range strings.SplitSeq(string(v.Bytes), ",") {
		at := slices.Index(t.list, name)
		if at <= last || !t.several && last >= 0 {
			return nil, refuse
		}
		last = at
	}
	return v.Bytes, nil
}

// Column is the metadata of the column.
func (t members) Column(cs Charset) Meta {
	const unused = 1 // characters of a column that is made up
	t.chars, t.fixed = unused, true
	m := t.text.Column(cs)
	longest, all := 0, len(t.list)-1
	for _, name := range t.list {
		n := utf8.RuneCountInString(name)
		longest, all = max(longest, n), all+n
	}
	m.SetFlags |= flagEnum
	if t.several {
		longest, m.SetFlags = all, m.SetFlags&^flagEnum|flagSet
	}
	m.Length *= uint32(longest)
	return m
}
