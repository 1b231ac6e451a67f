package rewrite

import (
	"slices"
	"strings"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
)

// planSelect plans SELECT, TABLE and VALUES.
func (u *unit) planSelect() (*Plan, *fault.Error) {
	if u.is(0, "TABLE") && u.schema.Flavor == MariaDB {
		return relay("the server does not know TABLE statements and will say so"), nil
	}
	u.reads = true
	pieces, into := u.withoutInto(u.withoutJSONTable(u.pieces()))
	pr, err := u.parse(pieces)
	if err != nil {
		return nil, err
	}
	p, err := u.planRead(pr, into)
	if err != nil {
		return u.planCompute(pr, err)
	}
	p.rememberable(u)
	return p, nil
}

// planRead plans a SELECT whose protected columns are only shown.
func (u *unit) planRead(pr *parsed, into bool) (*Plan, *fault.Error) {
	r := newResolver(pr)
	b, err := r.query(pr.stmt, nil, nil, asResult)
	if err != nil {
		return nil, err
	}
	if into && b.has(sealed) {
		return nil, fault.Into.With("INTO @variable")
	}
	if into && b.has(flagged) {
		return nil, fault.Flag.With("INTO @variable")
	}
	return r.finish(b, "")
}

// planWith plans a statement behind a WITH clause.
func (u *unit) planWith() (*Plan, *fault.Error) {
	switch i := u.find(1, "SELECT", "TABLE", "VALUES", "UPDATE", "DELETE", "INSERT", "REPLACE"); {
	case u.is(i, "UPDATE"):
		return planUpdate(u)
	case u.is(i, "DELETE"):
		return planDelete(u)
	case u.is(i, "INSERT", "REPLACE"):
		return planInsert(u)
	}
	return u.planSelect()
}

// withoutInto takes `INTO @a, @b` out of the pieces.
func (u *unit) withoutInto(pieces []piece) ([]piece, bool) {
	at := u.intoVariables()
	return cut(pieces, at.from, at.to), at.to > 0
}

// intoVariables are the tokens of `INTO @a, @b`.
func (u *unit) intoVariables() span {
	at := u.find(0, "INTO")
	if at < 0 || u.toks[at+1].Kind != token.UserVar {
		return span{}
	}
	end := at + 2
	for u.op(end, ",") && u.toks[end+1].Kind == token.UserVar {
		end += 2
	}
	return span{at, end}
}

// withoutJSONTable puts a name in the place of JSON_TABLE(..), a table of unknown columns to us. Names of protected
// columns inside stay unaccounted for.
func (u *unit) withoutJSONTable(pieces []piece) []piece {
	for i := u.end - 2; i >= 0; i-- {
		if u.is(i, "JSON_TABLE") && u.op(i+1, "(") {
			pieces = cut(pieces, i+1, u.closing(i+1)+1)
			k := slices.IndexFunc(pieces, func(p piece) bool { return p.tok == i })
			pieces[k].text = "`" + jsonTable + "`"
		}
	}
	return pieces
}

// jsonTable is the name that stands for JSON_TABLE(..) in parse texts.
const jsonTable = string(tag) + "json_table"

// closing is the token of the parenthesis that closes the one at token i.
func (u *unit) closing(i int) int {
	depth := 0
	for ; i < u.end; i++ {
		switch {
		case u.op(i, "("):
			depth++
		case u.op(i, ")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return u.end - 1
}

// finish makes the plan of a statement that has been resolved; b is its result set, nil without one.
func (r *resolver) finish(b *block, why string) (*Plan, *fault.Error) {
	if err := r.accounted(); err != nil {
		return nil, err
	}
	p := &Plan{Verdict: Relay, Why: why, edits: r.edits}
	if b != nil && (b.protected() || b.starHidden) {
		p.show(b)
	}
	switch {
	case b != nil && b.has(sealed):
		p.Verdict, p.Why = Direct, "protected columns are only shown: each row's owner is asked for, values are opened as rows pass"
	case p.Outputs != nil || len(p.edits) > 0:
		p.Verdict, p.Why = Direct, "the encryption flag counts as 0"
	case why == "" && !r.u.touched:
		p.Why = "reads no protected table"
	case why == "":
		p.Why = "needs no value of a protected column"
	}
	return p, nil
}

// show describes the outputs of a result set.
func (p *Plan) show(b *block) {
	p.Outputs = make([]Output, len(b.outputs))
	for i, o := range b.outputs {
		out := Output{Hidden: o.kind == hidden, Flag: o.kind == flagged}
		if o.kind == sealed || o.kind == flagged {
			out.Table, out.Column, out.Owner = o.table, o.column.column, o.ownerAt
		}
		if o.kind == sealed {
			p.Touches = appendTouch(p.Touches, Touch{Table: o.table, Column: out.Column})
		}
		if o.wrapped != nil {
			p.wrapped = append(p.wrapped, boundWrap{output: i, wrapping: *o.wrapped})
			out.Wrapped = &Wrapped{NotNull: o.wrapped.notNull}
		}
		p.Outputs[i] = out
	}
}

func appendTouch(touches []Touch, t Touch) []Touch {
	if slices.Contains(touches, t) {
		return touches
	}
	return append(touches, t)
}

// isText reports whether a logical type is a character string.
func isText(t logical.Type) bool {
	switch base, _, _ := strings.Cut(t.String(), "("); base {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return true
	}
	return false
}

func isDateType(t logical.Type) bool { return t.String() == "date" }
