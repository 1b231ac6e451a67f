// Package wire moves MySQL packets between two network connections for one goroutine that works in lockstep: it reads a
// command from the client, sends it to the backend, reads the response and sends it to the client. It knows framing
// (MySQL manual, "MySQL Packets"), not the meaning of packets.
//
// Two rules make it fast and free of deadlocks:
//
//   - A Conn that is about to block in a read, since nothing has arrived, first flushes what was written to it and to its
//     peer. So small packets collect in one system call, and nothing that somebody waits for is ever held back.
//   - Pass forwards packets as spans of the read buffer: only headers are looked at, nothing is copied, and a payload
//     longer than the buffer flows through in constant memory.
//
// Buffers come from a pool and go back while a connection is idle.
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

const (
	headerSize = 4 // three bytes of length, one of sequence id

	// MaxFragment is the longest payload behind one header. A payload of that length or more goes on behind the next
	// header; one of an exact multiple ends with a header of length zero.
	MaxFragment = 1<<24 - 1
)

// Reasons for an Error that are not the network's.
var (
	ErrTooLarge = errors.New("packet is larger than allowed")
	ErrSequence = errors.New("packet has the wrong sequence id")
)

// Error is what went wrong on one leg. The session that gets one ends and blames the peer it names.
type Error struct {
	Peer string // "client" or "backend"
	Op   string // "read", "write" or "tls"
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Peer, e.Op, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Conn is one leg of a session. It belongs to a single goroutine; only Close, Interrupt and SetDeadline may be
// called from others.
type Conn struct {
	name string // who is at the other end, for errors
	nc   net.Conn
	raw  syscall.RawConn // set for plain sockets: lets an idle connection wait without holding a buffer
	tls  *tls.Conn       // nc, or what is below its compression; nil without TLS
	peer *Conn           // the other leg, nil during the first steps of a login

	in    []byte // read buffer; nil while idle
	block *block // what `in` is made of when it came from the pool
	start int    // in[start:pos] was passed but is not yet written to the peer
	pos   int    // in[pos:end] was read but not looked at
	end   int

	out      []byte // written, not flushed
	outBlock *block
	asking   bool // out holds all that was written since the last read
	answers  bool // see Answers

	packed *Compressed // nc when it is compressed

	seq   byte // sequence id of the next packet in either direction
	limit int  // longest payload that ReadPacket returns

	skip  int  // payload bytes still to come of a packet that was too large
	more  bool // and whether its fragment is followed by another
	ready readyRead

	writable readyWrite

	// secret makes buffers be cleared before they go back to the pool; set while passwords pass by.
	secret bool

	bytesIn, bytesOut uint64
}

// New wraps nc. Name says who is at the other end; limit is the longest payload that ReadPacket accepts.
func New(nc net.Conn, name string, limit int) *Conn {
	c := &Conn{name: name, nc: nc, limit: limit}
	c.tls, _ = nc.(*tls.Conn)
	c.raw = rawConn(nc)
	c.ready.fn = c.readReady
	c.writable.fn = c.writable.write
	return c
}

// Pair makes a and b the two legs of one session.
func Pair(a, b *Conn) { a.peer, b.peer = b, a }

// SetLimit changes the longest payload that ReadPacket accepts.
func (c *Conn) SetLimit(n int) { c.limit = n }

// Answers says that the other end speaks only when it was spoken to.
func (c *Conn) Answers() { c.answers = true }

// SetSecret makes buffers be cleared before they go back to the pool, for the time that passwords may be in them.
func (c *Conn) SetSecret(on bool) { c.secret = on }

// ResetSequence starts a new command: the next packet carries sequence id 0.
func (c *Conn) ResetSequence() {
	c.seq = 0
	if c.packed != nil {
		c.packed.ResetSequence()
	}
}

// Sequence is the id of the next packet in either direction.
func (c *Conn) Sequence() byte { return c.seq }

// SetSequence makes n the id of the next packet in either direction.
func (c *Conn) SetSequence(n byte) { c.seq = n }

// Traffic returns the bytes read and written so far.
func (c *Conn) Traffic() (in, out uint64) { return c.bytesIn, c.bytesOut }

// RemoteAddr is the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Secure tells whether a password may be sent in the clear, as MySQL sees it: over TLS or a local socket.
func (c *Conn) Secure() bool {
	if c.tls != nil {
		return true
	}
	addr := c.nc.RemoteAddr()
	return addr != nil && addr.Network() == "unix"
}

// TLS describes the connection's TLS; nil when it has none.
func (c *Conn) TLS() *tls.ConnectionState {
	if c.tls == nil {
		return nil
	}
	state := c.tls.ConnectionState()
	return &state
}

// SetDeadline bounds every read and write until it is set again; the zero time takes it away.
func (c *Conn) SetDeadline(t time.Time) error { return c.nc.SetDeadline(t) }

// Interrupt makes a blocked or future read fail with os.ErrDeadlineExceeded until Resume. It may be called from
// another goroutine.
func (c *Conn) Interrupt() { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) }

// Resume takes an Interrupt back.
func (c *Conn) Resume() { _ = c.nc.SetReadDeadline(time.Time{}) }

// Close closes the connection. Buffers go back to the pool with Release.
func (c *Conn) Close() error { return c.nc.Close() }

// StartTLS continues over TLS. Bytes that were read ahead are handed to the TLS layer: a client sends its hello right
// behind the request, and a packet that somebody injected in the clear is no TLS record, so the handshake fails on it.
func (c *Conn) StartTLS(ctx context.Context, wrap func(net.Conn, *tls.Config) *tls.Conn, cfg *tls.Config) error {
	if err := c.Flush(); err != nil {
		return err
	}
	secure := wrap(c.ahead(), cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return c.failed("tls", err)
	}
	c.nc, c.tls, c.raw = secure, secure, nil
	return nil
}

// ahead is the connection as if nothing had been read ahead.
func (c *Conn) ahead() net.Conn {
	nc := c.nc
	if c.pos < c.end {
		nc = &preread{Conn: c.nc, ahead: append([]byte(nil), c.in[c.pos:c.end]...)}
	}
	c.start, c.pos, c.end = 0, 0, 0
	return nc
}

// preread is a connection whose first bytes were read already.
type preread struct {
	net.Conn
	ahead []byte
}

func (p *preread) Read(b []byte) (int, error) {
	if len(p.ahead) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.ahead)
	p.ahead = p.ahead[n:]
	return n, nil
}

func (c *Conn) failed(op string, err error) error {
	return &Error{Peer: c.name, Op: op, Err: err}
}
