package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/token"
)

// SessionValue is something that only the session with the backend knows: who the user is, a variable's value.
type SessionValue struct {
	at, end int // its tokens

	User bool // a user variable: the scratch session gets one of that name; anything else becomes a literal
}

// variable counts a variable that is read or assigned to.
func (c *computing) variable(n *ast.VariableExpr) {
	if n.Value != nil {
		c.assigned = append(c.assigned, given{value: n.Value, blocks: slices.Clone(c.stack)})
	}
	c.asked++
}

// sessionValues finds the calls of sessionFunctions and the variables of a statement.
func (u *unit) sessionValues() []SessionValue {
	var list []SessionValue
	for i := 0; i < u.end; i++ {
		v := SessionValue{at: i, end: i}
		switch u.toks[i].Kind {
		case token.UserVar:
			v.end, v.User = i+1, true
		case token.SysVar:
			if v.end = i + 1; u.op(i+1, ".") {
				v.end = i + 3
			}
		case token.Word:
			v.end = u.sessionCall(i)
		}
		if v.end > i {
			list = append(list, v)
			i = v.end - 1
		}
	}
	return list
}

// sessionCall is the token behind the call that begins at token i, i when there is none.
func (u *unit) sessionCall(i int) int {
	name := strings.ToLower(string(u.text(i)))
	switch {
	case !sessionFunctions[name] || u.op(i-1, "."):
		return i
	case u.op(i+1, "(") && u.op(i+2, ")"):
		return i + 3
	case name == "current_user" && !u.op(i+1, "("):
		return i + 1
	}
	return i
}

// replaceValues makes room for literals. The statement's text is put together anew for each run, see ComputeWith.
func (c *computing) replaceValues(values []SessionValue) {
	for i, v := range values {
		if !v.User {
			c.edits = append(c.edits, edit{at: v.at, end: v.end, value: i + 1})
		}
	}
}

// ValueText is how the statement writes a value.
func (s *Statement) ValueText(v SessionValue) []byte {
	return s.SQL[s.Tokens[v.at].Start:s.Tokens[v.end-1].End]
}
