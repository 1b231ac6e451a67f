package rewrite

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// dangerous begin the names of character sets and collations whose characters can hold a quote or a backslash as
// their last byte, so that a text reads differently under them.
var dangerous = []string{"gbk", "big5", "sjis", "cp932", "gb18030"}

// DangerousCharset reports whether texts in a character set cannot be read as tokens of bytes.
func DangerousCharset(name string) bool {
	return slices.ContainsFunc(dangerous, func(d string) bool { return strings.HasPrefix(name, d) })
}

// planSet plans SET in all its forms.
func (u *unit) planSet() (*Plan, *fault.Error) {
	if u.choosesCharset() && u.namesDangerous() {
		return nil, fault.Charset.With("SET")
	}
	if u.is(1, "STATEMENT") && u.namesAny(2) {
		return nil, fault.SetFor.With("SET STATEMENT")
	}
	if !u.namesAny(1) {
		return relay("changes the session only"), nil
	}
	return u.planExpressions()
}

// choosesCharset reports whether the statement sets the session's character sets.
func (u *unit) choosesCharset() bool {
	for i := 1; i < u.end; i++ {
		name := strings.TrimLeft(fold(string(u.text(i))), "@`")
		switch {
		case name == "names", name == "charset", name == "character",
			strings.HasPrefix(name, "character_set_"), strings.HasPrefix(name, "collation_"):
			return true
		}
	}
	return false
}

func (u *unit) namesDangerous() bool {
	for i := 1; i < u.end; i++ {
		name := fold(string(u.text(i)))
		if u.toks[i].Kind == token.String {
			name = fold(string(token.Unquote(nil, u.text(i), u.state.Mode)))
		}
		name = strings.Trim(name, "`\" ")
		if DangerousCharset(name) {
			return true
		}
	}
	return false
}

// planExpressions plans SET and DO, whose expressions can hold subqueries over protected tables.
func (u *unit) planExpressions() (*Plan, *fault.Error) {
	pr, err := u.parse(u.pieces())
	if err != nil {
		return nil, err
	}
	r := newResolver(pr)
	var exprs []ast.ExprNode
	switch s := pr.stmt.(type) {
	case *ast.SetStmt:
		for _, v := range s.Variables {
			exprs = append(exprs, v.Value, v.ExtendValue)
		}
	case *ast.DoStmt:
		exprs = s.Exprs
	default:
		return nil, fault.Statement.With("kind of statement")
	}
	for _, e := range exprs {
		if e == nil {
			continue
		}
		if err := r.check(e, &scope{}, clause{reason: fault.Expression}); err != nil {
			return u.planCompute(pr, err)
		}
	}
	return r.finish(nil, "computes with values that are not protected")
}

// planDynamic plans PREPARE and EXECUTE. Only a text that is there to be read can be judged.
func (u *unit) planDynamic() (*Plan, *fault.Error) {
	var at int
	switch {
	case u.is(0, "PREPARE") && u.is(2, "FROM"):
		at = 3
	case u.is(0, "EXECUTE") && u.is(1, "IMMEDIATE"):
		at = 2
	case u.is(0, "EXECUTE"):
		return relay("runs a statement that was prepared before"), nil
	default:
		return nil, fault.Dynamic.With("form of PREPARE")
	}
	if u.toks[at].Kind != token.String || at+1 < u.end && !u.is(at+1, "USING") || u.namesAny(at+1) {
		return nil, fault.Dynamic.With("the text is no literal")
	}
	text := token.Unquote(nil, u.text(at), u.state.Mode)
	if !u.planner.Mentions(text) {
		return relay("its text names no protected table"), nil
	}
	st := u.state
	st.Prepared = true
	inner, err := u.planner.newUnit(st, text)
	if err != nil {
		return nil, fault.BadTokens.With("%v", err)
	}
	if inner.is(0, "PREPARE", "EXECUTE") {
		return nil, fault.Dynamic.With("PREPARE in PREPARE")
	}
	p, fe := inner.plan()
	switch {
	case fe != nil:
		return nil, fe
	case p.Verdict != Relay || p.Show != nil:
		return nil, fault.Dynamic.With("the text needs a plan of its own")
	}
	prepared := relay("its text needs no sealed value")
	prepared.Touches = p.Touches
	return prepared, nil
}

// planCompound plans BEGIN NOT ATOMIC and its kin: statements inside are not looked at one by one.
func (u *unit) planCompound() (*Plan, *fault.Error) {
	if u.namesAny(0) || u.buildsSQL(0) || u.choosesCharset() && u.namesDangerous() {
		return nil, fault.Compound.With("compound statement")
	}
	return relay("names no protected table"), nil
}

func (u *unit) buildsSQL(from int) bool { return u.hasWord(from, "PREPARE", "IMMEDIATE", "EXECUTE") }

// planCall plans CALL.
func (u *unit) planCall() (*Plan, *fault.Error) {
	schema, name, next, ok := u.table(1)
	switch {
	case !ok:
		return nil, fault.Unparsable.With("CALL")
	case u.planner.names.opaqueRoutine(u.schema, schema, name):
		return nil, fault.Opaque.With("procedure %s", name)
	case u.namesAny(next):
		return nil, fault.Statement.With("a protected table in CALL's arguments")
	}
	return relay("the routine reads no protected table"), nil
}
