package proxy

import (
	"bytes"
	"slices"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite/fault"
)

const (
	idle = mysql.SERVER_STATUS_AUTOCOMMIT
	more = idle | mysql.SERVER_MORE_RESULTS_EXISTS
)

func column(name string) []byte {
	c := packet.Column{Catalog: []byte("def"), Name: []byte(name), Charset: 45, Length: 80, Type: mysql.MYSQL_TYPE_VAR_STRING}
	return c.Append(nil)
}

func textOf(values ...string) []byte {
	var p []byte
	for _, v := range values {
		p = packet.AppendLenEncBytes(p, v)
	}
	return p
}

// endOf is what ends rows under the capabilities.
func endOf(caps uint32, status uint16) []byte {
	if caps&mysql.CLIENT_DEPRECATE_EOF == 0 {
		return eofPacket(status)
	}
	ok := packet.OK{EOF: true, Status: status}
	return ok.Append(nil, 0)
}

// resultSet is the response with the given rows.
func resultSet(caps uint32, status uint16, rows ...[]byte) [][]byte {
	packets := [][]byte{{2}, column("a"), column("b")}
	if caps&mysql.CLIENT_DEPRECATE_EOF == 0 {
		packets = append(packets, eofPacket(status))
	}
	return append(append(packets, rows...), endOf(caps, status))
}

func bytesOf(n int) []byte { return bytes.Repeat([]byte("0123456789"), n/10+1)[:n] }

// Every form of response arrives as the server sent it, and the connection is in step behind it.
func TestResponsesAreRelayed(t *testing.T) {
	for _, caps := range []uint32{baseCaps, baseCaps | mysql.CLIENT_DEPRECATE_EOF} {
		prepared := packet.PrepareOK{StatementID: 3, Params: 1, Columns: 2}
		definitions := [][]byte{prepared.Append(nil), column("?"), column("a"), column("b")}
		if caps&mysql.CLIENT_DEPRECATE_EOF == 0 {
			definitions = [][]byte{prepared.Append(nil), column("?"), eofPacket(idle), column("a"), column("b"), eofPacket(idle)}
		}
		noColumns := packet.PrepareOK{StatementID: 4}
		cursor := [][]byte{{2}, column("a"), column("b"), endOf(caps, idle|mysql.SERVER_STATUS_CURSOR_EXISTS)}
		query, execute, fetch := []byte{mysql.COM_QUERY, 'S'}, []byte{mysql.COM_STMT_EXECUTE, 3, 0, 0, 0, 1}, []byte{mysql.COM_STMT_FETCH, 3, 0, 0, 0, 9}
		many := make([][]byte, 5000)
		for i := range many {
			many[i] = textOf("some text", "and more")
		}
		tests := []struct {
			name     string
			command  []byte
			response [][]byte
		}{
			{"OK", query, [][]byte{okPacket(idle)}},
			{"ERR", query, [][]byte{errPacket(1064)}},
			{"rows", query, resultSet(caps, idle, textOf("x", "y"), []byte{packet.Null, packet.Null}, textOf("", ""))},
			{"no rows", query, resultSet(caps, idle)},
			{"many rows", query, resultSet(caps, idle, many...)},
			{"long row", query, resultSet(caps, idle, textOf(string(bytesOf(1<<24+99)), "y"), textOf("x", "y"))},
			{"row of a full fragment", query, resultSet(caps, idle, bytesOf(wire.MaxFragment))},
			{"error among rows", query, append(resultSet(caps, idle, textOf("x", "y"))[:4], errPacket(1317))},
			{"several results", query, slices.Concat(resultSet(caps, more, textOf("x", "y")), [][]byte{okPacket(more)}, resultSet(caps, idle))},
			{"error behind a result", query, slices.Concat(resultSet(caps, more), [][]byte{errPacket(1064)})},
			{"binary rows", execute, resultSet(caps, idle, []byte{0, 0, 1, 'x', 1, 'y'})},
			{"cursor", execute, cursor},
			{"fetch", fetch, [][]byte{{0, 0, 1, 'x', 1, 'y'}, endOf(caps, idle|mysql.SERVER_STATUS_LAST_ROW_SEND)}},
			{"fetch without cursor", fetch, [][]byte{errPacket(1421)}},
			{"prepare", []byte{mysql.COM_STMT_PREPARE, 'S'}, definitions},
			{"prepare without columns", []byte{mysql.COM_STMT_PREPARE, 'S'}, [][]byte{noColumns.Append(nil)}},
			{"prepare error", []byte{mysql.COM_STMT_PREPARE, 'S'}, [][]byte{errPacket(1064)}},
			{"reset statement", []byte{mysql.COM_STMT_RESET, 3, 0, 0, 0}, [][]byte{okPacket(idle)}},
			{"statistics", []byte{mysql.COM_STATISTICS}, [][]byte{[]byte("Uptime: 1")}},
			{"field list", []byte{mysql.COM_FIELD_LIST, 't', 0}, [][]byte{column("a"), column("b"), endOf(caps, idle)}},
			{"field list error", []byte{mysql.COM_FIELD_LIST, 't', 0}, [][]byte{errPacket(1146)}},
			{"init db", []byte{mysql.COM_INIT_DB, 't'}, [][]byte{okPacket(idle)}},
			{"reset", []byte{mysql.COM_RESET_CONNECTION}, [][]byte{okPacket(idle)}},
			{"process info", []byte{mysql.COM_PROCESS_INFO}, resultSet(caps, idle, textOf("1", "x"))},
			{"kill", []byte{mysql.COM_PROCESS_KILL, 1, 0, 0, 0}, [][]byte{errPacket(1094)}},
			{"multi-statements off", []byte{mysql.COM_SET_OPTION, 1, 0}, [][]byte{endOf(caps, idle)}},
			{"debug", []byte{mysql.COM_DEBUG}, [][]byte{endOf(caps, idle)}},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				b := newBackend(t, func(command []byte) [][]byte {
					if command[0] == mysql.COM_PING {
						return [][]byte{okPacket(idle)}
					}
					return tt.response
				})
				c := newProxy(t, b, nil).login(caps)
				c.send(tt.command)
				for i, want := range tt.response {
					if got := c.read(); !bytes.Equal(got, want) {
						t.Fatalf("packet %d of the response has %d bytes instead of %d", i, len(got), len(want))
					}
				}
				if got := c.ask([]byte{mysql.COM_PING}); !packet.IsOK(got) {
					t.Fatalf("out of step: %x", got)
				}
				if seen := b.seen(); !bytes.Equal(seen[0], tt.command) {
					t.Fatalf("the server got %x", seen[0])
				}
			})
		}
	}
}

// Commands of any length arrive as they were sent.
func TestLongCommandsAreRelayed(t *testing.T) {
	for _, n := range []int{wire.MaxFragment - 1, wire.MaxFragment, wire.MaxFragment + 1, 1<<24 + 2, 1<<25 - 1, 64 << 20} {
		b := newBackend(t, alwaysOK)
		c := newProxy(t, b, nil).login(baseCaps)
		command := append([]byte{mysql.COM_QUERY}, bytesOf(n-1)...)
		if got := c.ask(command); !packet.IsOK(got) {
			t.Fatalf("length %d: %x", n, got)
		}
		if got := b.seen(); !bytes.Equal(got[0], command) {
			t.Fatalf("length %d: the server got %d bytes", n, len(got[0]))
		}
	}
}

// What nobody agreed on, and what comes from a server that is none, ends the session with the backend to blame.
func TestResponsesThatEndTheSession(t *testing.T) {
	tests := []struct {
		name     string
		command  []byte
		response [][]byte
	}{
		{"LOCAL INFILE", []byte{mysql.COM_QUERY, 'S'}, [][]byte{[]byte("\xfb/etc/passwd")}},
		{"empty packet", []byte{mysql.COM_QUERY, 'S'}, [][]byte{{}}},
		{"column count with a tail", []byte{mysql.COM_QUERY, 'S'}, [][]byte{{2, 2}}},
		{"short OK", []byte{mysql.COM_QUERY, 'S'}, [][]byte{{0, 0}}},
		{"endless OK", []byte{mysql.COM_QUERY, 'S'}, [][]byte{make([]byte, maxStatusPacket+1)}},
		{"rows where EOF belongs", []byte{mysql.COM_QUERY, 'S'}, [][]byte{{1}, column("a"), textOf("x")}},
		{"prepare with a short OK", []byte{mysql.COM_STMT_PREPARE, 'S'}, [][]byte{{0, 1, 0}}},
		{"empty ping", []byte{mysql.COM_PING}, [][]byte{{}}},
		{"hang-up", []byte{mysql.COM_QUERY, 'S'}, nil},
		{"hang-up among rows", []byte{mysql.COM_QUERY, 'S'}, [][]byte{{1}, column("a"), eofPacket(idle), textOf("x"), nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBackend(t, func([]byte) [][]byte { return tt.response })
			if n := len(tt.response); n > 0 && tt.response[n-1] == nil {
				b.script = hangUpAfter(b, tt.response[:n-1])
			}
			p := newProxy(t, b, nil)
			c := p.login(baseCaps)
			c.send(tt.command)
			for {
				if _, err := c.ReadPacket(); err != nil {
					break
				}
			}
			if got := p.closed()["culprit"]; got != string(fault.Backend) {
				t.Errorf("culprit %v", got)
			}
		})
	}
}

// hangUpAfter answers with part of a response and closes the connection.
func hangUpAfter(b *backend, packets [][]byte) func([]byte) [][]byte {
	return func([]byte) [][]byte {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.hangUp = true
		return packets
	}
}

// The session state that only the proxy asked for is taken out, and remembered.
func TestSessionTrackingIsStripped(t *testing.T) {
	changed := packet.OK{
		AffectedRows: 300, Status: idle | mysql.SERVER_SESSION_STATE_CHANGED, Info: []byte("info"), StateChanges: []byte("\x01\x05\x04test"),
	}
	plain := packet.OK{AffectedRows: 300, Status: idle, Info: []byte("info")}
	tests := []struct {
		name string
		caps uint32
		want packet.OK
	}{
		{"not asked for", baseCaps, plain},
		{"asked for", baseCaps | mysql.CLIENT_SESSION_TRACK, changed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBackend(t, func([]byte) [][]byte { return [][]byte{changed.Append(nil, mysql.CLIENT_SESSION_TRACK)} })
			c := newProxy(t, b, nil).login(tt.caps)
			for range 2 {
				got := c.ask([]byte("\x03INSERT"))
				if want := tt.want.Append(nil, tt.caps); !bytes.Equal(got, want) {
					t.Errorf("got %x, want %x", got, want)
				}
			}
		})
	}
}
