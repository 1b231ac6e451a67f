package proxy

import (
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/fault"
)

// maxAttributes is how many bytes of attributes a statement with a plan may have.
const maxAttributes = 1 << 20

// attributed reports whether the client's statements may come with attributes.
func (s *session) attributed() bool { return s.has(mysql.CLIENT_QUERY_ATTRIBUTES) }

// statementText returns the text of a COM_QUERY and keeps the attributes in front of it.
func (s *session) statementText(p []byte) (sql []byte, err error) {
	s.attributes = nil
	if !s.attributed() {
		return p[1:], nil
	}
	head, sql, err := packet.SplitQuery(p)
	if err != nil {
		return nil, fault.PacketMalformed.With("query attributes")
	}
	s.attributes = head
	return sql, nil
}

// planAttributes keeps the attributes of an execution for the case that it is sent as text.
func (s *session) planAttributes(e *packet.Execute) {
	s.attributes = nil
	if s.attributed() {
		s.attributes = packet.AppendQueryHead(nil, e.Attributes)
	}
}

// carriable refuses statements with a plan whose attributes are too long.
func (s *session) carriable() error {
	if len(s.attributes) > maxAttributes {
		return fault.PacketTooLarge.With("query attributes")
	}
	return nil
}

// application is the user within the application: what the statement's attribute of the configured name says, or else the
// connection's.
func (s *session) application() string {
	user, wanted := s.who.application, s.srv.cfg.ApplicationAttribute
	if wanted == "" || len(s.attributes) == 0 {
		return user
	}
	_ = packet.EachQueryAttribute(s.attributes, func(p *packet.Param) { // it was read once already
		if string(p.Name) == wanted {
			user = attributeText(p)
		}
	})
	return user
}

// attributeText is a text or an integer as text, "" for anything else.
func attributeText(p *packet.Param) string {
	switch n, ok := p.Int(); {
	case p.Null:
		return ""
	case p.Text():
		return string(p.Value)
	case ok && p.Unsigned:
		return strconv.FormatUint(uint64(n), 10)
	case ok:
		return strconv.FormatInt(n, 10)
	}
	return ""
}
