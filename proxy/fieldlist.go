package proxy

import (
	"bytes"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/result"
	"phiproxy/rewrite"
)

// onFieldList answers COM_FIELD_LIST, with which the mysql command line learns the columns of every table: definitions
// without a count. Those of a protected table are shown with their logical types.
func (s *session) onFieldList(p []byte) error {
	table, err := s.listedTable(p)
	if err != nil {
		return err
	}
	if table == nil {
		return s.relay(p, (*session).relayFetched)
	}
	return s.relay(p, func(s *session) error { return s.passFieldList(table) })
}

// listedTable returns the protected table that a COM_FIELD_LIST asks for, nil for any other.
func (s *session) listedTable(p []byte) (*rewrite.Table, error) {
	s.planner = s.srv.cfg.Planner()
	name, _, _ := bytes.Cut(p[1:], []byte{0})
	if !s.planner.Mentions(name) {
		return nil, nil
	}
	if err := s.ensureState(); err != nil {
		return nil, err
	}
	if err := s.readable(); err != nil {
		return nil, err
	}
	schema := s.planner.Schema()
	key := schema.Key(s.state.Database, string(name))
	if err := schema.Unreachable(s.state.Database, string(name)); err != nil {
		return nil, err
	}
	if t := schema.Tables[key]; t != nil && t.Protected {
		return t, nil
	}
	return nil, nil
}

func (s *session) passFieldList(table *rewrite.Table) error {
	for {
		size, head, err := s.backend.Peek(1)
		if err != nil {
			return err
		}
		if len(head) > 0 && head[0] >= mysql.EOF_HEADER {
			if err := s.passEnd(size, head[0]); err != nil {
				return err
			}
			return s.backend.Settle()
		}
		if err := s.passField(table); err != nil {
			return err
		}
	}
}

func (s *session) passField(table *rewrite.Table) error {
	p, err := s.backend.ReadPacket()
	if err != nil {
		return err
	}
	var c packet.Column
	if err := c.Decode(p); err != nil {
		return backendError(err)
	}
	for i := range table.Columns {
		if column := &table.Columns[i]; column.Protected != nil && strings.EqualFold(column.Name, string(c.OrgName)) {
			result.Logical(&c, &rewrite.Output{Table: table, Column: i}, s.env.Results)
		}
	}
	return s.client.WritePacket(c.Append(nil))
}
