package proxy

import (
	"bytes"
	"strings"
)

// effect is what a relayed statement may change besides rows. It is judged by the statement's first word: what is not
// known to be neutral has every effect.
type effect uint8

const (
	changesSession effect = 1 << iota // variables, character sets, current database: what ensureState reads
	changesSchema                     // tables, views, routines
	locksTables                       // until UNLOCK TABLES, or the beginning of a transaction
)

// effects remembers relayed prepared statements that have some: statement id -> effect.
type effects map[uint32]effect

// effectOf judges a statement.
func effectOf(sql []byte) effect {
	word, rest := firstWord(sql)
	var upper [maxKeyword]byte
	switch string(appendUpper(upper[:0], word)) {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "SHOW", "COMMIT", "ROLLBACK", "START", "SAVEPOINT", "RELEASE",
		"DESCRIBE", "DESC", "EXPLAIN", "WITH", "TABLE", "VALUES", "TRUNCATE", "UNLOCK", "ANALYZE", "CHECK", "OPTIMIZE", "KILL":
		return 0
	case "BEGIN":
		if plainBegin(rest) {
			return 0
		}
	case "LOCK":
		return locksTables
	case "EXECUTE", "FLUSH":
		return changesSession | locksTables
	case "SET", "USE", "DO", "CALL", "PREPARE", "DEALLOCATE", "XA", "LOAD", "HANDLER":
		// A routine or prepared text that names a protected table, or builds SQL at run time, is not relayed; what others do
		// to the schema concerns no plan.
		return changesSession
	case "":
		if commentedSet(rest) {
			return changesSession
		}
		return changesSession | changesSchema | locksTables
	}
	return changesSession | changesSchema
}

// maxKeyword is longer than every word that effectOf knows.
const maxKeyword = 16

// appendUpper appends a word in upper case; of one that is too long only the beginning, which is no known word either.
func appendUpper(dst, word []byte) []byte {
	for _, c := range word[:min(len(word), maxKeyword)] {
		dst = append(dst, c&^0x20)
	}
	return dst
}

// commentedSet reports whether a statement is one executable comment with a SET in it, of which a dump has many. Whether
// the server runs it does not matter here.
func commentedSet(sql []byte) bool {
	inner, ok := bytes.CutPrefix(sql, []byte("/*!"))
	if !ok {
		return false
	}
	inner, tail, ok := bytes.Cut(inner, []byte("*/"))
	if !ok || len(bytes.Trim(tail, " \t\r\n;")) > 0 {
		return false
	}
	word, _ := firstWord(bytes.TrimLeft(inner, "0123456789"))
	return strings.EqualFold(string(word), "SET")
}

// plainBegin tells BEGIN [WORK] from MariaDB's BEGIN NOT ATOMIC, which holds any statements.
func plainBegin(rest []byte) bool {
	switch strings.ToUpper(strings.Trim(string(rest), " \t\r\n;")) {
	case "", "WORK":
		return len(rest) < maxPlainBegin
	}
	return false
}

const maxPlainBegin = 32

// firstWord returns the letters that a statement begins with, comments, white space and parentheses left out, and what
// follows them. Executable comments are not left out: a statement that begins with one has no first word.
func firstWord(sql []byte) (word, rest []byte) {
	for len(sql) > 0 {
		n := skippable(sql)
		if n == 0 {
			break
		}
		sql = sql[n:]
	}
	n := 0
	for n < len(sql) && isLetter(sql[n]) {
		n++
	}
	return sql[:n], sql[n:]
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// skippable is the length of the white space, parenthesis or plain comment that sql begins with, 0 for none.
func skippable(sql []byte) int {
	switch c := sql[0]; {
	case c == ' ' || c >= '\t' && c <= '\r' || c == '(':
		return 1
	case c == '#':
		return lineLength(sql)
	case c == '-' && len(sql) > 2 && sql[1] == '-' && sql[2] <= ' ':
		return lineLength(sql)
	case c == '/' && len(sql) > 2 && sql[1] == '*' && sql[2] != '!' && sql[2] != 'M':
		return commentLength(sql)
	}
	return 0
}

func lineLength(sql []byte) int {
	for i, c := range sql {
		if c == '\n' {
			return i + 1
		}
	}
	return len(sql)
}

func commentLength(sql []byte) int {
	const open = len("/*")
	for i := open; i+1 < len(sql); i++ {
		if sql[i] == '*' && sql[i+1] == '/' {
			return i + 2
		}
	}
	return 0
}
