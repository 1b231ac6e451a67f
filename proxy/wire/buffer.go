package wire

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// blockSize holds what a server sends at once (net_buffer_length is 16 KiB).
const blockSize = 32 << 10

type block [blockSize]byte

var blocks = sync.Pool{New: func() any { return new(block) }}

func takeBlock() *block { return blocks.Get().(*block) }

func (c *Conn) giveBlock(b *block) {
	if c.secret {
		clear(b[:])
	}
	blocks.Put(b)
}

// need makes at least n bytes at pos available.
func (c *Conn) need(n int) error {
	for c.end-c.pos < n {
		if err := c.fill(n); err != nil {
			return err
		}
	}
	return nil
}

// fill reads once. When there is nothing to read yet it blocks, so everything written before goes out first; while there
// is, what was written collects.
func (c *Conn) fill(n int) error {
	if err := c.Settle(); err != nil {
		return err
	}
	if c.raw != nil {
		return c.fillRaw(n)
	}
	if err := c.flushBoth(); err != nil {
		return err
	}
	c.room(n)
	got, err := c.nc.Read(c.in[c.end:])
	return c.got(got, err)
}

func (c *Conn) flushBoth() error {
	if err := c.Flush(); err != nil || c.peer == nil {
		return err
	}
	return c.peer.Flush()
}

// got accounts for the outcome of one read.
func (c *Conn) got(n int, err error) error {
	c.end += n
	c.bytesIn += uint64(n)
	c.asking = true
	switch {
	case n > 0:
		return nil
	case err == nil:
		return c.failed("read", io.ErrNoProgress)
	case err == io.EOF && c.end > c.pos:
		return c.failed("read", io.ErrUnexpectedEOF)
	}
	return c.failed("read", err)
}

// room moves what is unread to the front of the buffer and makes the buffer larger when it is full, at most to what n
// needs. Growing only when full keeps a peer from making us allocate what it only announced.
func (c *Conn) room(n int) {
	if c.in == nil {
		c.block = takeBlock()
		c.in = c.block[:]
	}
	if c.pos > 0 {
		c.end = copy(c.in, c.in[c.pos:c.end])
		c.start, c.pos = 0, 0
	}
	if c.end < len(c.in) {
		return
	}
	larger := make([]byte, min(2*len(c.in), max(n, len(c.in)+blockSize)))
	copy(larger, c.in[:c.end])
	c.dropIn()
	c.in = larger
}

func (c *Conn) dropIn() {
	if c.block != nil {
		c.giveBlock(c.block)
		c.block = nil
	} else if c.secret {
		clear(c.in)
	}
	c.in = nil
}

// Release gives the buffers back while nothing is in them. Payloads that ReadPacket returned are no longer valid.
func (c *Conn) Release() {
	if c.pos == c.end && c.start == c.pos {
		c.start, c.pos, c.end = 0, 0, 0
		c.dropIn()
	}
}

// readyRead is a read that waits, if it must, without holding a buffer that has nothing in it.
type readyRead struct {
	fn      func(fd uintptr) bool
	flushed bool
	n       int
	err     error
}

// readReady is called when the socket may have something to read, the first time just to try.
func (c *Conn) readReady(fd uintptr) bool {
	r := &c.ready
	if c.awaitsAnswer() {
		c.Release()
		r.flushed = true
		r.err = c.flushBoth()
		return r.err != nil
	}
	if c.in == nil {
		c.block = takeBlock()
		c.in = c.block[:]
	}
	if r.n, r.err = rawRead(fd, c.in[c.end:]); r.err != syscall.EAGAIN {
		return true
	}
	c.Release()
	if r.flushed {
		return false
	}
	r.flushed = true
	r.err = c.flushBoth()
	return r.err != nil
}

// awaitsAnswer tells that nothing can have arrived, since what is to be read is the answer to what is still to be written,
// so that a try to read would be a system call for nothing. The socket is watched since before that is written: a
// connection that was closed meanwhile shows when it is written to.
func (c *Conn) awaitsAnswer() bool {
	return c.answers && c.asking && len(c.out) > 0 && c.pos == c.end
}

func (c *Conn) fillRaw(n int) error {
	if c.in != nil {
		c.room(n)
	}
	r := &c.ready
	r.n, r.err, r.flushed = 0, nil, false
	if err := c.raw.Read(r.fn); err != nil {
		return c.failed("read", err)
	}
	if failed, ok := r.err.(*Error); ok {
		return failed // a write's
	}
	if r.n == 0 && r.err == nil {
		r.err = io.EOF
	}
	return c.got(r.n, r.err)
}

// rawConn returns the descriptor of a plain socket.
func rawConn(nc net.Conn) syscall.RawConn {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := nc.(syscall.Conn).SyscallConn()
		if err == nil {
			return raw
		}
	}
	return nil
}

// Flush sends what was written.
func (c *Conn) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	err := c.writeThrough(c.out)
	c.giveBlock(c.outBlock)
	c.out, c.outBlock = nil, nil
	return err
}

// readyWrite is a write that goes on whenever the socket has room.
type readyWrite struct {
	fn   func(fd uintptr) bool
	rest []byte
	err  error
}

func (w *readyWrite) write(fd uintptr) bool {
	for len(w.rest) > 0 {
		n, err := rawWrite(fd, w.rest)
		if err == syscall.EAGAIN {
			return false
		}
		if err != nil {
			w.err = err
			return true
		}
		w.rest = w.rest[n:]
	}
	return true
}

func (c *Conn) writeReady(p []byte) (int, error) {
	w := &c.writable
	w.rest, w.err = p, nil
	err := c.raw.Write(w.fn)
	if err == nil {
		err = w.err
	}
	n := len(p) - len(w.rest)
	w.rest = nil
	return n, err
}

func (c *Conn) writeThrough(p []byte) error {
	c.asking = false
	var n int
	var err error
	if c.raw != nil {
		n, err = c.writeReady(p)
	} else {
		n, err = c.nc.Write(p)
	}
	c.bytesOut += uint64(n)
	if err != nil {
		return c.failed("write", err)
	}
	return nil
}

// reserve makes room for n bytes in the write buffer.
func (c *Conn) reserve(n int) error {
	if len(c.out)+n > blockSize {
		if err := c.Flush(); err != nil {
			return err
		}
	}
	if c.out == nil {
		c.outBlock = takeBlock()
		c.out = c.outBlock[:0]
	}
	return nil
}

// write appends p to the write buffer, and sends the buffer whenever it is full.
func (c *Conn) write(p []byte) error {
	for len(p) > 0 {
		if len(c.out) == 0 && len(p) >= blockSize {
			return c.writeThrough(p)
		}
		if err := c.reserve(1); err != nil {
			return err
		}
		n := min(blockSize-len(c.out), len(p))
		c.out = append(c.out, p[:n]...)
		p = p[n:]
		if len(c.out) == blockSize {
			if err := c.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Closed tells whether err is the ordinary end of a connection: the other end closed it between two packets.
func Closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET)
}
