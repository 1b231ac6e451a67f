package proxy

import (
	"strings"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
)

// prepareCompute prepares a statement that the scratch server will run. The backend prepares one with as many parameters,
// which gives the statement its id and is never executed; the columns are those that the scratch server finds.
func (s *session) prepareCompute(st *rewrite.Statement) error {
	find := s.computedColumns
	if st.Compute.Explain > 0 {
		find = s.explainedColumns
	}
	columns, err := find(st)
	if err != nil {
		return err
	}
	params := len(marks(st.Tokens))
	ok, err := s.prepareText([]byte("DO 0" + strings.Repeat(" + ?", params)))
	if err != nil {
		return err
	}
	ok.Columns = uint16(len(columns))
	s.keepPrepared(st, ok, true)
	if err := s.client.WritePacket(ok.Append(nil)); err != nil {
		return err
	}
	if err := s.relayDefinitions(params); err != nil {
		return err
	}
	if err := s.backend.Settle(); err != nil {
		return err
	}
	for _, column := range columns {
		if err := s.client.WritePacket(column); err != nil {
			return err
		}
	}
	if len(columns) > 0 {
		if err := s.sendDefEOF(packet.OK{Status: s.status}); err != nil {
			return err
		}
	}
	return s.client.Flush()
}

// computedColumns are the columns of the statement's result, found over empty work tables.
func (s *session) computedColumns(st *rewrite.Statement) ([][]byte, error) {
	c := &compute{s: s, st: st, opener: s.newOpener()}
	defer c.close()
	settings, err := s.scratchSettings(st.Compute.Clock)
	if err != nil {
		return nil, err
	}
	if c.scratch, err = s.srv.cfg.Scratch.Session(s.ctx, settings); err != nil {
		return nil, err
	}
	c.scratch.Database = s.state.Database
	if err := s.reading(false, c.askValues); err != nil {
		return nil, err
	}
	for _, set := range c.variables {
		if _, err := c.scratch.Query(s.ctx, set); err != nil {
			return nil, err
		}
	}
	none := func(func([][]byte, error) bool) {}
	for i := range st.Compute.Fetches {
		f := &st.Compute.Fetches[i]
		shown, err := s.takes(st, i)
		if err != nil {
			return nil, err
		}
		flags, err := s.columnFlags(f)
		if err != nil {
			return nil, err
		}
		work := c.workTable(f, flags)
		showView(f, work.Columns, shown)
		if err := c.scratch.Load(s.ctx, work, none); err != nil {
			return nil, err
		}
	}
	p, err := c.scratch.Prepare(s.ctx, st.ComputeText(nil, c.literals))
	if err != nil {
		c.execution = &prepared{st: st}
		return nil, c.misread(err)
	}
	return p.Columns, nil
}

// takes lets the backend prepare a question, which shows whether it will answer: hints, partitions and privileges are its own.
// The definitions are those of the answer.
func (s *session) takes(st *rewrite.Statement, fetch int) ([]packet.Column, error) {
	text, err := st.FetchText(nil, fetch, nil)
	if err != nil {
		return nil, err
	}
	id, columns, err := s.prepareOnce(text)
	if err != nil {
		return nil, err
	}
	shown := make([]packet.Column, len(columns))
	for i := range columns {
		if err := shown[i].Decode(columns[i]); err != nil {
			return nil, backendError(err)
		}
	}
	return shown, s.closeOnce(id)
}
