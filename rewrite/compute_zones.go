package rewrite

import "phiproxy/rewrite/token"

// ZonePair are the zones of a CONVERT_TZ call: literals or parameters.
type ZonePair struct {
	from, to int // tokens
}

// zonePairs finds the calls of CONVERT_TZ whose zones are literals or parameters.
func (u *unit) zonePairs() []ZonePair {
	var list []ZonePair
	for i := range u.end {
		if !u.is(i, "CONVERT_TZ") || !u.op(i+1, "(") {
			continue
		}
		end := u.closing(i + 1)
		p := ZonePair{from: end - 3, to: end - 1}
		if p.from > i+2 && u.op(end-2, ",") && u.op(end-4, ",") && u.zone(p.from) && u.zone(p.to) {
			list = append(list, p)
		}
	}
	return list
}

func (u *unit) zone(i int) bool {
	return u.toks[i].Kind == token.String || u.toks[i].Kind == token.Param
}

// Zones are the literals of a pair; param appends that of a parameter.
func (s *Statement) Zones(p ZonePair, param func(dst []byte, n int) ([]byte, error)) (zones [2][]byte, err error) {
	for i, at := range []int{p.from, p.to} {
		if zones[i], err = s.clauseWith(nil, span{at, at + 1}, param); err != nil {
			return zones, err
		}
	}
	return zones, nil
}
