package proxy

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/fault"
)

// A statement's attribute names the application's user; without one it is the connection's.
func TestApplicationOfAStatement(t *testing.T) {
	text := func(name, value string) packet.Param {
		return packet.Param{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_STRING}, Name: []byte(name), Value: []byte(value)}
	}
	number := packet.Param{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_TINY}, Name: []byte("app_user"), Value: []byte{0xff}}
	unsigned := number
	unsigned.Unsigned = true
	null := packet.Param{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_NULL}, Name: []byte("app_user"), Null: true}
	for _, tt := range []struct {
		wanted     string
		attributes []packet.Param
		want       string
	}{
		{"app_user", nil, "connection's"},
		{"app_user", []packet.Param{text("other", "x")}, "connection's"},
		{"app_user", []packet.Param{text("other", "x"), text("app_user", "nurse 7")}, "nurse 7"},
		{"app_user", []packet.Param{number}, "-1"},
		{"app_user", []packet.Param{unsigned}, "255"},
		{"app_user", []packet.Param{null}, ""},
		{"", []packet.Param{text("app_user", "x")}, "connection's"},
	} {
		s := &session{srv: &Server{cfg: Config{ApplicationAttribute: tt.wanted}}, who: identity{application: "connection's"}}
		s.attributes = packet.AppendQueryHead(nil, tt.attributes)
		if got := s.application(); got != tt.want {
			t.Errorf("%q of %d attributes: %q, want %q", tt.wanted, len(tt.attributes), got, tt.want)
		}
	}
}

// Attributes that cannot be read are refused before anything is sent, and the connection goes on.
func TestMalformedAttributes(t *testing.T) {
	b := newBackend(t, alwaysOK)
	c := newProxy(t, b, nil).login(baseCaps | mysql.CLIENT_QUERY_ATTRIBUTES)
	for _, command := range []string{"\x03", "\x03\x01\x01\x00\x00x", "\x03\x00\x02x"} {
		if e := errorOf(t, c.ask([]byte(command))); e.Code != fault.PacketMalformed.Code {
			t.Errorf("%q: answer %d %s", command, e.Code, e.Message)
		}
	}
	if got := c.ask([]byte{mysql.COM_PING}); !packet.IsOK(got) || len(b.seen()) != 1 {
		t.Errorf("out of step: %x", got)
	}
}
