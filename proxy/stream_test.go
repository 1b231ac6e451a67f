package proxy

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// counted is a connection that counts what was written to it.
type counted struct {
	net.Conn
	written *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// A long parameter of a statement that is relayed reaches the server while it is still on its way; a short one, or a text, that
// is not complete does not.
func TestLongParametersAreStreamed(t *testing.T) {
	for _, tt := range []struct {
		name     string
		head     []byte
		size     int
		streamed bool
	}{
		{"long data", []byte{mysql.COM_STMT_SEND_LONG_DATA, 1, 0, 0, 0, 0, 0}, 8 << 20, true},
		{"execution", []byte{mysql.COM_STMT_EXECUTE, 1, 0, 0, 0, 0, 1, 0, 0, 0}, 8 << 20, true},
		{"over several fragments", []byte{mysql.COM_STMT_EXECUTE, 1, 0, 0, 0, 0, 1, 0, 0, 0}, 1<<24 + 1<<20, true},
		{"short execution", []byte{mysql.COM_STMT_EXECUTE, 1, 0, 0, 0, 0, 1, 0, 0, 0}, 1 << 19, false},
		{"MariaDB's last statement", []byte{mysql.COM_STMT_EXECUTE, 255, 255, 255, 255, 0, 1, 0, 0, 0}, 8 << 20, false},
		{"text", append([]byte{mysql.COM_QUERY}, "SELECT '"...), 8 << 20, false},
	} {
		var written atomic.Int64
		b := newBackend(t, func(command []byte) [][]byte {
			if command[0] == mysql.COM_STMT_SEND_LONG_DATA {
				return [][]byte{}
			}
			return [][]byte{okPacket(idle)}
		})
		p := newProxy(t, b, func(c *Config) {
			dial := tcpDialer(b.listener.Addr().String())
			c.Dial = func(ctx context.Context) (net.Conn, error) {
				nc, err := dial(ctx)
				return counted{nc, &written}, err
			}
		})
		c := p.login(baseCaps)
		before := written.Load()
		command := append(append([]byte{}, tt.head...), bytesOf(tt.size)...)
		framed := frames(command)
		half := len(framed) / 2
		if _, err := c.nc.Write(framed[:half]); err != nil {
			t.Fatal(err)
		}
		if tt.streamed {
			eventually(t, tt.name+": half of it at the server", func() bool { return written.Load()-before > int64(half)-1<<18 })
		} else if got := written.Load() - before; got != 0 {
			t.Errorf("%s: %d bytes were sent before it was complete", tt.name, got)
		}
		if _, err := c.nc.Write(framed[half:]); err != nil {
			t.Fatal(err)
		}
		if tt.head[0] != mysql.COM_STMT_SEND_LONG_DATA {
			c.SetSequence(byte(1 + len(command)>>24))
			if got := c.read(); !packet.IsOK(got) {
				t.Errorf("%s: answer %x", tt.name, got)
			}
		}
		if got := c.ask([]byte{mysql.COM_PING}); !packet.IsOK(got) {
			t.Fatalf("%s: out of step: %x", tt.name, got)
		}
		if seen := b.seen(); len(seen) != 2 || string(seen[0]) != string(command) && tt.head[1] != 255 {
			t.Errorf("%s: the command arrived damaged", tt.name)
		}
	}
}

// frames is a command as it goes over the wire.
func frames(command []byte) (out []byte) {
	for seq := byte(0); ; seq++ {
		n := min(len(command), packet.MaxFragment)
		out = append(append(out, byte(n), byte(n>>8), byte(n>>16), seq), command[:n]...)
		if command = command[n:]; n < packet.MaxFragment {
			return out
		}
	}
}
