package proxy

import (
	"context"
	"encoding/binary"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"phiproxy/keys"
	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
)

var mutatedSessions = flag.Int("sessions", 2000, "sessions of TestMutatedSessions")

const (
	soakWorkers = 32
	soakAnswers = 700                    // bytes of answers that a whole session gets
	soakStall   = 200 * time.Millisecond // after which a peer that waits for bytes that never come hangs up
)

// Sessions whose bytes were damaged on the way, of either leg, end: no panic, no goroutine, no session is left, and a
// session that nobody damaged is served all the while.
func TestMutatedSessions(t *testing.T) {
	core, logs := observer.New(zapcore.ErrorLevel)
	dir := t.TempDir()
	backend := soakListener(t, filepath.Join(dir, "backend"))
	b := soakBackend(t)
	var damage atomic.Uint64
	go func() {
		for {
			nc, err := backend.Accept()
			if err != nil {
				return
			}
			n := damage.Add(1)
			go b.serve(&damagedConn{Conn: nc, random: rand.New(rand.NewPCG(n, 2)), damage: n%3 == 0})
		}
	}()
	planner := rewrite.NewPlanner(observedSchema(t), 100)
	p := newProxy(t, b, func(c *Config) {
		c.Planner = func() *rewrite.Planner { return planner }
		c.Keys, c.Log = noKeys{}, zap.New(core)
		c.Dial = func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", backend.Addr().String())
		}
	})
	front := soakListener(t, filepath.Join(dir, "front"))
	go func() { _ = p.srv.Serve(front) }()
	before := runtime.NumGoroutine()
	soak(t, front.Addr().String())
	for _, e := range logs.All() {
		t.Errorf("%s %v", e.Message, e.ContextMap())
	}
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before+1 })
}

// soakBackend answers every command of soakSession in the form that it has.
func soakBackend(t *testing.T) *backend {
	b := observedBackend(t)
	answer := b.script
	name := packet.Column{Catalog: []byte("def"), Name: []byte("name"), Charset: 63, Length: 70, Type: mysql.MYSQL_TYPE_VAR_STRING}
	prepared := packet.PrepareOK{StatementID: 1, Columns: 2, Params: 1}
	b.script = func(p []byte) [][]byte {
		switch p[0] {
		case mysql.COM_STMT_PREPARE:
			return [][]byte{prepared.Append(nil), column("?"), eofPacket(idle), name.Append(nil), column("__phi_owner_1"), eofPacket(idle)}
		case mysql.COM_STMT_EXECUTE:
			return [][]byte{{2}, name.Append(nil), column("__phi_owner_1"), eofPacket(idle), {0, 4, 1, 'o'}, eofPacket(idle)}
		case mysql.COM_STMT_CLOSE, mysql.COM_STMT_SEND_LONG_DATA:
			return [][]byte{}
		case mysql.COM_FIELD_LIST:
			return [][]byte{column("id"), eofPacket(idle)}
		case mysql.COM_SET_OPTION:
			return [][]byte{eofPacket(idle)}
		case mysql.COM_STMT_FETCH:
			return [][]byte{errPacket(1243)}
		case mysql.COM_QUIT:
			return nil
		}
		if text := string(p[1:]); strings.HasPrefix(text, "SELECT CAST") {
			return [][]byte{{3}, column("id"), column("owner"), column("name"), eofPacket(idle), append(textOf("1", "o1"), packet.Null), eofPacket(idle)}
		}
		return answer(p)
	}
	return b
}

func soakListener(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// soak runs the sessions.
func soak(t *testing.T, path string) {
	plain := soakSession()
	var next, served atomic.Int64
	var group sync.WaitGroup
	for range soakWorkers {
		group.Go(func() {
			for n := next.Add(1); n <= int64(*mutatedSessions) && !t.Failed(); n = next.Add(1) {
				random := rand.New(rand.NewPCG(uint64(n), 1))
				if n%64 != 0 {
					_, err := soakOnce(path, mutated(random, plain))
					check(t, err)
					continue
				}
				answered, err := soakOnce(path, plain)
				check(t, err)
				served.Add(answered / soakAnswers)
			}
		})
	}
	group.Wait()
	if want := int64(*mutatedSessions / 64 / 2); served.Load() < want { // the server's leg of a third of them was damaged
		t.Errorf("%d undamaged sessions were served, want %d", served.Load(), want)
	}
}

// soakOnce sends the bytes of a session and reads answers until the proxy hangs up or has nothing to say any more.
func soakOnce(path string, bytes []byte) (answered int64, err error) {
	nc, err := net.Dial("unix", path)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	go func() {
		_, _ = nc.Write(bytes) // the proxy may hang up in the middle
		_ = nc.(*net.UnixConn).CloseWrite()
	}()
	_ = nc.SetReadDeadline(time.Now().Add(5 * soakStall))
	answered, _ = io.Copy(io.Discard, nc) // a deadline is an end like any other
	return answered, nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// soakSession is all that a client says in a session that uses most commands.
func soakSession() []byte {
	login := packet.HandshakeResponse{
		SSLRequest: packet.SSLRequest{Capabilities: baseCaps | mysql.CLIENT_CONNECT_ATTRS | mysql.CLIENT_MULTI_STATEMENTS | mysql.CLIENT_SESSION_TRACK, MaxPacketSize: 1 << 24, Collation: 45},
		User:       []byte("somebody"), AuthResponse: []byte("proof"), AuthPlugin: []byte(mysql.AUTH_NATIVE_PASSWORD), Attributes: textOf("program_name", "soak"),
	}
	again := packet.ChangeUser{User: []byte("other"), AuthResponse: []byte("proof"), Collation: 45, AuthPlugin: []byte(mysql.AUTH_NATIVE_PASSWORD)}
	long := packet.SendLongData{StatementID: 1, Data: []byte("piece")}
	all := framed(nil, 1, login.Append(nil))
	for _, command := range [][]byte{
		sqlCommand("SELECT name FROM people WHERE id = 7"), sqlCommand("INSERT INTO people (id, owner, name) VALUES (1, 'o1', 'Ann'), (2, 'o2', NULL)"),
		sqlCommand("SET @a = 1; SELECT 2; SELECT name FROM people"), sqlCommand("UPDATE people SET name = 'Bob' WHERE id = 1"), sqlCommand("SHOW WARNINGS LIMIT 1"),
		append([]byte{mysql.COM_STMT_PREPARE}, "SELECT name FROM people WHERE id = ?"...), long.Append(nil),
		{mysql.COM_STMT_EXECUTE, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, mysql.MYSQL_TYPE_LONG, 0, 7, 0, 0, 0}, {mysql.COM_STMT_FETCH, 1, 0, 0, 0, 2, 0, 0, 0},
		{mysql.COM_STMT_RESET, 1, 0, 0, 0}, {mysql.COM_STMT_CLOSE, 1, 0, 0, 0}, {mysql.COM_SET_OPTION, 0, 0}, append([]byte{mysql.COM_INIT_DB}, "app"...),
		append([]byte{mysql.COM_FIELD_LIST}, "people\x00"...), {mysql.COM_PING}, {mysql.COM_STATISTICS}, {mysql.COM_RESET_CONNECTION}, again.Append(nil, baseCaps), {mysql.COM_QUIT},
	} {
		all = framed(all, 0, command)
	}
	return all
}

// framed appends a payload with its header.
func framed(dst []byte, sequence byte, payload []byte) []byte {
	head := binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	head[len(head)-1] = sequence
	return append(head, payload...)
}

// mutated is a copy of the bytes with some of them changed, lost, doubled or put in.
func mutated(random *rand.Rand, b []byte) []byte {
	b = append([]byte(nil), b...)
	for range 1 + random.IntN(4) {
		if len(b) < 2 {
			return b
		}
		from := random.IntN(len(b) - 1)
		to := min(len(b), from+1+random.IntN(16))
		switch random.IntN(6) {
		case 0:
			b[from] ^= 1 << random.IntN(8)
		case 1:
			b[from] = byte(random.Uint32())
		case 2:
			b = append(b[:from:from], b[to:]...)
		case 3:
			b = append(b[:to:to], b[from:]...)
		case 4:
			b = b[:from]
		default:
			b[from] = []byte{0, 1, 0x7f, 0x80, 0xfb, 0xfc, 0xfe, 0xff}[random.IntN(8)]
		}
	}
	return b
}

// damagedConn is a server's connection that damages some of what it sends, and hangs up when nothing comes any more.
type damagedConn struct {
	net.Conn
	random *rand.Rand
	damage bool
}

func (c *damagedConn) Read(b []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(soakStall))
	return c.Conn.Read(b)
}

func (c *damagedConn) Write(b []byte) (int, error) {
	if !c.damage || c.random.IntN(4) > 0 {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(mutated(c.random, b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// noKeys is a key ring without keys.
type noKeys struct{}

func (noKeys) ForRead(context.Context, string) (*keys.OwnerKeys, error)  { return nil, keys.ErrNoKey }
func (noKeys) ForWrite(context.Context, string) (*keys.OwnerKeys, error) { return nil, keys.ErrNoKey }
func (noKeys) Refresh(context.Context, string) (*keys.OwnerKeys, error)  { return nil, keys.ErrNoKey }
