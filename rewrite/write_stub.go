package rewrite

import (
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

type edit struct {
	at, end int
	text    string
}

type writePlan struct{}

func shapeKey(dst []byte, st State, sql []byte, toks []token.Token) []byte {
	dst = append(dst, st.Database...)
	dst = append(dst, 0, byte(st.Mode), byte(st.Mode>>8))
	for _, t := range toks {
		dst = append(dst, 0)
		dst = append(dst, t.Text(sql)...)
	}
	return dst
}

func planInsert(u *unit) (*Plan, *fault.Error) { return nil, fault.Statement.With("stub") }
func planUpdate(u *unit) (*Plan, *fault.Error) { return nil, fault.Statement.With("stub") }
func planDelete(u *unit) (*Plan, *fault.Error) { return nil, fault.Statement.With("stub") }

// Text is a stub.
func (s *Statement) Text(dst []byte, _ SealFunc) ([]byte, error) {
	last := 0
	for _, e := range s.edits {
		dst = append(dst, s.SQL[last:s.Tokens[e.at].Start]...)
		dst = append(dst, e.text...)
		last = int(s.Tokens[e.at].Start)
		if e.end > e.at {
			last = int(s.Tokens[e.end-1].End)
		}
	}
	return append(dst, s.SQL[last:]...), nil
}
