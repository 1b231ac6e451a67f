package proxy

import (
	"bytes"
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// explainFetches answers EXPLAIN of a statement that the scratch server would run with what the backend says of each
// question that it would be asked, one answer behind the other. execution is that of a prepared one.
func (s *session) explainFetches(st *rewrite.Statement, execution *prepared) error {
	c := &compute{s: s, st: st, execution: execution}
	var end packet.OK
	for i := range st.Compute.Fetches {
		text, err := st.FetchText(nil, i, c.literal)
		if err != nil {
			return fault.ValueForm.With("parameter")
		}
		explain := s.explainText
		if execution != nil {
			explain = s.explainPrepared
		}
		if end, err = explain(text, i == 0); err != nil {
			return err
		}
	}
	return s.sendEOF(end)
}

func (s *session) explainText(text []byte, first bool) (end packet.OK, err error) {
	if err := s.sendQuery(text); err != nil {
		return end, err
	}
	return s.explained(first)
}

// explainPrepared runs a text as a prepared statement of its own, whose rows are those of the binary protocol.
func (s *session) explainPrepared(text []byte, first bool) (end packet.OK, err error) {
	id, _, err := s.prepareOnce(text)
	if err != nil {
		return end, err
	}
	execute := packet.Execute{StatementID: id, Iterations: 1}
	s.backend.ResetSequence()
	if err := s.backend.WritePacket(execute.Append(nil)); err != nil {
		return end, err
	}
	if end, err = s.explained(first); s.outOfStep(err) {
		return end, err
	}
	if closed := s.closeOnce(id); closed != nil {
		return end, closed
	}
	return end, err
}

// explained passes the rows of one answer on, and the column definitions of the first.
func (s *session) explained(first bool) (end packet.OK, err error) {
	h, err := s.head()
	if err != nil {
		return end, err
	}
	if first {
		same := func(dst []byte, _ int, p []byte) ([]byte, bool, error) { return append(dst, p...), true, nil }
		err = s.passColumns(transformer{column: same}, h.columns)
	} else {
		err = s.dropDefinitions(h.columns)
	}
	for err == nil {
		var p []byte
		var done bool
		if p, done, err = s.nextRow(&end); done || err != nil {
			return end, err
		}
		s.rows++
		err = s.client.WritePacket(p)
	}
	return end, err
}

// prepareOnce prepares a statement of the proxy's own and gives the definitions of its columns.
func (s *session) prepareOnce(text []byte) (id uint32, columns [][]byte, err error) {
	ok, err := s.prepareText(text)
	if err != nil {
		return 0, nil, err
	}
	if ok.Params > 0 {
		if err := s.dropDefinitions(int(ok.Params)); err != nil {
			return 0, nil, err
		}
	}
	for range ok.Columns {
		p, err := s.backend.ReadPacket()
		if err != nil {
			return 0, nil, err
		}
		columns = append(columns, bytes.Clone(p))
	}
	if ok.Columns > 0 {
		err = s.readDefinitionsEnd()
	}
	return ok.StatementID, columns, err
}

func (s *session) closeOnce(id uint32) error {
	return s.send(mysql.COM_STMT_CLOSE, binary.LittleEndian.AppendUint32(nil, id))
}

// explainedColumns are the columns of the answer, which a server may know when it prepares.
func (s *session) explainedColumns(st *rewrite.Statement) ([][]byte, error) {
	text, err := st.FetchText(nil, 0, nil)
	if err != nil {
		return nil, err
	}
	id, columns, err := s.prepareOnce(text)
	if err != nil {
		return nil, err
	}
	return columns, s.closeOnce(id)
}
