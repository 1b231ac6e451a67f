package proxy

import (
	"strconv"
	"strings"

	"phiproxy/rewrite/token"
)

// question is a short statement that may ask for the diagnostics of the one before.
type question struct {
	text string // in upper case, a space between any two tokens, without comments and LIMIT
	// offset and limit are the window of SHOW WARNINGS LIMIT; limit is negative without one.
	offset, limit int
	diagnostics   bool // it reads the diagnostics area in some way
}

// counts are the questions for a number of conditions.
var counts = []string{
	"SHOW COUNT ( * ) WARNINGS", "SHOW COUNT ( * ) ERRORS",
	"SELECT @@WARNING_COUNT", "SELECT @@ERROR_COUNT", "SELECT @@SESSION . WARNING_COUNT", "SELECT @@SESSION . ERROR_COUNT",
}

// questionOf reads a statement. Whether "text" is a string or a name does not matter to any question.
func questionOf(sql []byte) question {
	const longest = 4 << 10
	q := question{limit: -1}
	if len(sql) > longest {
		return q
	}
	tokens, err := token.Scan(nil, sql, token.Options{})
	if err != nil {
		return q
	}
	var words []string
	for _, t := range tokens[:len(tokens)-1] {
		words = append(words, strings.ToUpper(string(t.Text(sql))))
	}
	for len(words) > 0 && words[len(words)-1] == ";" {
		words = words[:len(words)-1]
	}
	q.diagnostics = readsDiagnostics(words)
	if len(words) > 3 && words[0] == "SHOW" && words[2] == "LIMIT" && q.limits(words[3:]) {
		words = words[:2]
	}
	q.text = strings.Join(words, " ")
	return q
}

func readsDiagnostics(words []string) bool {
	for _, w := range words {
		switch strings.Trim(w, "@`") {
		case "DIAGNOSTICS", "WARNING_COUNT", "ERROR_COUNT":
			return true
		}
	}
	return len(words) > 1 && words[0] == "SHOW" && (words[1] == "WARNINGS" || words[1] == "ERRORS")
}

// limits reads "n" or "offset, n".
func (q *question) limits(words []string) bool {
	var err error
	if len(words) == 3 && words[1] == "," {
		if q.offset, err = strconv.Atoi(words[0]); err != nil {
			return false
		}
		words = words[2:]
	}
	if len(words) != 1 {
		return false
	}
	q.limit, err = strconv.Atoi(words[0])
	return err == nil
}

// window is the part of the rows that LIMIT leaves.
func (q question) window(rows [][][]byte) [][][]byte {
	rows = rows[min(q.offset, len(rows)):]
	if q.limit >= 0 {
		rows = rows[:min(q.limit, len(rows))]
	}
	return rows
}
