package proxy

import (
	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// certain refuses an execution whose parameters mean something else when they are written into the text: dates whose
// fields are out of range, moments on MariaDB, fractions of a second in a protected text.
func (s *session) certain(p *prepared) error {
	w := s.newWriter(p.st)
	w.params = p.exec.Params
	for i := range w.params {
		if err := w.certainParam(&w.params[i]); err != nil {
			return err
		}
	}
	var failed error
	eachValue(p.st, func(t *rewrite.Table, column int, l rewrite.Literal) {
		if failed == nil && l.Kind == token.Param && !w.isNull(l) {
			failed = w.certainCell(t, column, l)
		}
	})
	return failed
}

func (w *writer) certainParam(p *packet.Param) error {
	switch {
	case p.Null, p.Type != mysql.MYSQL_TYPE_DATE && p.Type != mysql.MYSQL_TYPE_DATETIME && p.Type != mysql.MYSQL_TYPE_TIMESTAMP:
		return nil
	}
	v, err := w.paramValue(p)
	if err == nil && !v.Certain(w.mode()) {
		err = fault.ValueForm.With("date parameter")
	}
	return err
}

func (w *writer) certainCell(t *rewrite.Table, column int, l rewrite.Literal) error {
	v, err := w.value(l)
	if err != nil {
		return err
	}
	if _, problem := t.Columns[column].Protected.Type.Normalize(v, w.mode()); problem != nil && problem.Refuse && !w.literally(&t.Columns[column], l) {
		return fault.ValueForm.With("%s.%s.%s", t.Schema, t.Name, t.Columns[column].Name)
	}
	return nil
}

// eachValue calls f with every value that a statement writes to a protected column.
func eachValue(st *rewrite.Statement, f func(t *rewrite.Table, column int, l rewrite.Literal)) {
	if st.IsUpdate() {
		for _, wc := range st.WrittenColumns() {
			f(st.Target(), wc.Column, wc.Value)
		}
		return
	}
	st.Cells(func(c rewrite.Cell) { f(c.Table, c.Column, c.Value) })
}
