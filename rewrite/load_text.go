package rewrite

import "fmt"

// loadFormat is how the file that the proxy writes is read: no separator, escape or value of it depends on sql_mode.
const loadFormat = " FIELDS TERMINATED BY x'09' ENCLOSED BY '' ESCAPED BY x'5C' LINES STARTING BY '' TERMINATED BY x'0A'"

// LoadText is the backend's LOAD DATA, for a file in the given character set. Its lines have a field for each of Load.Writes
// in front of the client's.
func (s *Statement) LoadText(dst []byte, charset string) []byte {
	l := s.Load
	dst = append(s.words(dst, l.head), " 'rows'"...)
	dst = append(s.words(dst, l.into), " CHARACTER SET "+charset+loadFormat+" ("...)
	for i := range l.Writes {
		dst = fmt.Appendf(dst, "%s%d, ", loadVariable, i)
	}
	for i, name := range l.list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, name...)
	}
	dst = append(dst, ')')
	return s.loadSets(dst)
}

// charset is that of the client's file as far as the statement tells it.
func (l *Load) charset() string {
	if l.Charset == "" {
		return "@@character_set_database"
	}
	return l.Charset
}

// loadSets appends SET: the client's assignments, the sealed values, and the flag.
func (s *Statement) loadSets(dst []byte) []byte {
	l, word := s.Load, " SET"
	add := func() { dst, word = append(dst, word...), "," }
	for _, v := range l.sets {
		add()
		dst = s.words(dst, v)
	}
	for i, w := range l.Writes {
		add()
		name := quoteName(l.Table.Columns[w.Column].Name)
		if w.Field >= 0 {
			dst = fmt.Appendf(dst, " %s = IF(LENGTH(%s%d), UNHEX(%[2]s%[3]d), %[1]s)", name, loadVariable, i)
		} else {
			dst = fmt.Appendf(dst, " %s = UNHEX(%s%d)", name, loadVariable, i)
		}
	}
	if l.Table.Flag >= 0 {
		add()
		dst = append(dst, " "+quoteName(l.Table.Columns[l.Table.Flag].Name)+" = 1"...)
	}
	return dst
}

// words appends the texts of tokens.
func (s *Statement) words(dst []byte, v span) []byte {
	for i := v.from; i < v.to; i++ {
		if len(dst) > 0 && (i == v.from || s.Tokens[i-1].End != s.Tokens[i].Start) {
			dst = append(dst, ' ')
		}
		dst = append(dst, s.Tokens[i].Text(s.SQL)...)
	}
	return dst
}
