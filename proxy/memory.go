package proxy

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"sync/atomic"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/result"
	"phiproxy/rewrite"
)

// rowMemory remembers rows of protected tables as the database held them when a session last saw them: the owner and the
// sealed values, never a plaintext. An UPDATE of a row that it names by its primary key then needs no look at the row
// before: it is sent under a guard that the row still is what is remembered, and only if the server does not find it so,
// the row is read. What is remembered is thus a guess that the server checks; nothing ever has to be forgotten in time,
// not by other sessions, other proxies, or a rollback.
//
// It is a table of fixed size; rows that fall on the same slot replace each other.
type rowMemory struct {
	seed  maphash.Seed
	slots []atomic.Pointer[rememberedRow]
}

type rememberedRow struct {
	schema, table string
	key           []byte // as Statement.Point gives it
	row           probed // without its key
}

// maxRemembered is the most bytes of one row that are worth remembering.
const maxRemembered = 4 << 10

func newRowMemory(rows int) *rowMemory {
	return &rowMemory{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[rememberedRow], max(rows, 0))}
}

func (m *rowMemory) slot(t *rewrite.Table, key []byte) *atomic.Pointer[rememberedRow] {
	var h maphash.Hash
	h.SetSeed(m.seed)
	for _, part := range [...]string{t.Schema, t.Name} {
		_, _ = h.WriteString(part)
		_ = h.WriteByte(0)
	}
	_, _ = h.Write(key)
	return &m.slots[h.Sum64()%uint64(len(m.slots))]
}

// recall returns what is remembered of a row.
func (m *rowMemory) recall(t *rewrite.Table, key []byte) (probed, bool) {
	if len(m.slots) == 0 {
		return probed{}, false
	}
	r := m.slot(t, key).Load()
	if r == nil || r.schema != t.Schema || r.table != t.Name || !bytes.Equal(r.key, key) || len(r.row.stored) != len(t.ProtectedColumns()) {
		return probed{}, false
	}
	return r.row, true
}

// remember keeps a copy of a row.
func (m *rowMemory) remember(t *rewrite.Table, key, owner []byte, stored [][]byte) {
	size := len(key) + len(owner)
	for _, v := range stored {
		size += len(v)
		if !isSealed(v) {
			return
		}
	}
	if len(m.slots) == 0 || size > maxRemembered {
		return
	}
	arena := make([]byte, 0, size)
	keep := func(v []byte) []byte {
		if v == nil {
			return nil
		}
		start := len(arena)
		arena = append(arena, v...)
		return arena[start:len(arena):len(arena)]
	}
	r := &rememberedRow{schema: t.Schema, table: t.Name, key: keep(key), row: probed{owner: keep(owner), stored: make([][]byte, len(stored))}}
	for i, v := range stored {
		r.row.stored[i] = keep(v)
	}
	m.slot(t, key).Store(r)
}

// forget drops what is remembered of a row.
func (m *rowMemory) forget(t *rewrite.Table, key []byte) { m.slot(t, key).Store(nil) }

// guess is an UPDATE of a row as it is remembered.
type guess struct {
	key      []byte
	row      probed
	after    probed // the UPDATE
	setsFlag bool
}

// guess makes out an UPDATE of the row that the statement names, when it is remembered.
func (s *session) guess(st *rewrite.Statement, w *writer) (g guess, ok bool) {
	var named bool
	if g.key, named = st.Point(func(n int) ([]byte, bool) { return pointParam(w.params, n) }); !named {
		return g, false
	}
	if g.row, ok = s.srv.rows.recall(st.Target(), g.key); !ok {
		return g, false
	}
	w.reset()
	p, after, err := s.patch(st, w, g.row, 0)
	if err != nil {
		return g, false // the fault may be of a row that is no longer there
	}
	g.after, g.setsFlag = after, p.SetFlag
	return g, true
}

// guessed reports whether the row was as it was remembered, and remembers it as it is now.
func (s *session) guessed(st *rewrite.Statement, g guess, ok packet.OK) bool {
	if ok.AffectedRows == 0 && !bytes.HasPrefix(ok.Info, []byte("Rows matched: 1 ")) {
		s.srv.rows.forget(st.Target(), g.key)
		return false
	}
	s.found([]probed{g.row})
	s.srv.rows.remember(st.Target(), g.key, g.after.owner, g.after.stored)
	return true
}

// updateRemembered tries an UPDATE on what is remembered of its row. done is false when the row has to be read first.
func (s *session) updateRemembered(st *rewrite.Statement, w *writer) (ok packet.OK, done bool, err error) {
	g, known := s.guess(st, w)
	if !known {
		return ok, false, nil
	}
	text, err := st.UpdateText(nil, []rewrite.RowPatch{{Set: g.after.written(st), SetFlag: g.setsFlag, Guard: g.row.guard(st)}})
	if err != nil {
		return ok, false, nil
	}
	if ok, err = s.sendText(text); err != nil {
		return ok, true, err
	}
	return ok, s.guessed(st, g, ok), nil
}

// guard is what must still be true of a row: its owner, and what the statement writes over.
func (r probed) guard(st *rewrite.Statement) [][]byte {
	values := [][]byte{r.owner}
	for _, w := range st.WrittenColumns() {
		values = append(values, r.stored[st.Target().ProtectedIndex(w.Column)])
	}
	return values
}

// rememberRow keeps the one row that an UPDATE changed.
func (s *session) rememberRow(st *rewrite.Statement, row probed) {
	if key, named := st.Point(nil); named {
		s.srv.rows.remember(st.Target(), key, row.owner, row.stored)
	}
}

// rowSeen remembers the row of a SELECT that shows it as a whole.
type rowSeen struct {
	memory *rowMemory
	row    *rewrite.RowOutputs
	key    []byte
	stored [][]byte
}

// see prepares to remember the row that a SELECT names by its key; nil when it names none.
func (s *session) see(st *rewrite.Statement, params []packet.Param) *rowSeen {
	if st.Row == nil {
		return nil
	}
	key, named := st.Point(func(n int) ([]byte, bool) { return pointParam(params, n) })
	if !named {
		return nil
	}
	return &rowSeen{memory: s.srv.rows, row: st.Row, key: key, stored: make([][]byte, len(st.Row.Columns))}
}

// pointParam is a parameter's value as the text protocol would write it.
func pointParam(params []packet.Param, n int) (value []byte, text bool) {
	if n >= len(params) || params[n].Null {
		return nil, false
	}
	if v, ok := params[n].Int(); ok {
		return strconv.AppendInt(nil, v, 10), false
	}
	return params[n].Value, params[n].Text()
}

// keep remembers the row that a result set has just transformed.
func (r *rowSeen) keep(set *result.Set) {
	for i, at := range r.row.Columns {
		r.stored[i] = set.Stored(at)
	}
	r.memory.remember(r.row.Table, r.key, set.Stored(r.row.Owner), r.stored)
}
