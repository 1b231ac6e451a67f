package wire

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Algorithm compresses one leg (MySQL manual, "Compression"). The stream of packets is cut into compressed packets without
// regard to where its own packets begin or end; each has a header of seven bytes: its length, a sequence id of its own, and
// the length before compression, 0 when it was not compressed.
type Algorithm uint8

const (
	Zlib Algorithm = iota + 1
	Zstd
)

const (
	compressedHeader = 7
	minCompressed    = 50        // shorter payloads are not worth it, the servers say
	maxUncompressed  = 256 << 10 // of a compressed packet that is written: servers hold it against max_allowed_packet
	keptInput        = 32 << 10  // of a buffer while nothing is in it
)

// ErrCompressed says that a compressed packet does not hold what it announces.
var ErrCompressed = errors.New("a compressed packet is damaged")

// Compressed is a connection whose two directions are compressed. It is for one goroutine.
type Compressed struct {
	net.Conn
	algorithm Algorithm
	level     int // of zstd, 1 to 22
	seq       byte

	in    []byte // in[start:end] was read and not looked at; what was cut off last stands in front of it
	start int
	end   int

	left  int       // bytes still to come out of the packet that was cut off last
	plain io.Reader // gives them
	out   []byte
}

// Compress makes a compressed connection of nc. level is that of zstd, and of what is written.
func Compress(nc net.Conn, a Algorithm, level int) *Compressed {
	return &Compressed{Conn: nc, algorithm: a, level: level}
}

// ResetSequence starts a new command: the next compressed packet in either direction has the sequence id 0.
func (c *Compressed) ResetSequence() { c.seq = 0 }

// Read gives what the next compressed packet holds. A deadline that passes loses nothing.
func (c *Compressed) Read(p []byte) (int, error) {
	for c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.plain.Read(p[:min(len(p), c.left)])
	c.left -= n
	switch {
	case c.left == 0:
		return n, c.finish()
	case err != nil || n == 0 && len(p) > 0:
		return n, ErrCompressed
	}
	return n, nil
}

// finish makes sure that the packet holds no more than it announced.
func (c *Compressed) finish() error {
	var more [1]byte
	if n, err := c.plain.Read(more[:]); n > 0 || err != io.EOF {
		return ErrCompressed
	}
	release(c.plain)
	c.plain = nil
	if c.start == c.end && len(c.in) > keptInput {
		c.in, c.start, c.end = nil, 0, 0
	}
	return nil
}

// next cuts off a compressed packet.
func (c *Compressed) next() error {
	if err := c.need(compressedHeader); err != nil {
		return err
	}
	h := c.in[c.start:]
	size, plain := fragmentSize(h), fragmentSize(h[4:])
	if h[3] != c.seq {
		return ErrSequence
	}
	if err := c.need(compressedHeader + size); err != nil {
		return err
	}
	c.seq++
	body := c.in[c.start+compressedHeader : c.start+compressedHeader+size]
	c.start += compressedHeader + size
	if plain == 0 {
		c.left, c.plain = size, bytes.NewReader(body)
		return nil
	}
	var err error
	c.left = plain
	c.plain, err = c.decompressor(body)
	return err
}

// need reads until n bytes are there. The buffer grows with what arrives, not with what is announced.
func (c *Compressed) need(n int) error {
	for c.end-c.start < n {
		if c.start > 0 {
			c.end = copy(c.in, c.in[c.start:c.end])
			c.start = 0
		}
		if c.end == len(c.in) {
			larger := make([]byte, max(keptInput, min(2*len(c.in), n)))
			copy(larger, c.in[:c.end])
			c.in = larger
		}
		got, err := c.Conn.Read(c.in[c.end:])
		c.end += got
		switch {
		case got > 0:
		case err == io.EOF && c.end > 0:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		default:
			return io.ErrNoProgress
		}
	}
	return nil
}

// Write sends p in compressed packets.
func (c *Compressed) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), maxUncompressed)
		if _, err := c.Conn.Write(c.pack(p[:n])); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	if cap(c.out) > 2*keptInput {
		c.out = nil
	}
	return written, nil
}

// pack makes a compressed packet, which stays valid until the next.
func (c *Compressed) pack(p []byte) []byte {
	c.out = append(c.out[:0], make([]byte, compressedHeader)...)
	plain := len(p)
	if plain >= minCompressed {
		c.out = c.compress(c.out, p)
	}
	if size := len(c.out) - compressedHeader; size == 0 || size >= len(p) {
		c.out, plain = append(c.out[:compressedHeader], p...), 0
	}
	putSize(c.out, len(c.out)-compressedHeader)
	c.out[3] = c.seq
	putSize(c.out[4:], plain)
	c.seq++
	return c.out
}

func putSize(h []byte, n int) { h[0], h[1], h[2] = byte(n), byte(n>>8), byte(n>>16) }

// What compresses holds much memory, and is used for a moment only.
var (
	zlibReaders  sync.Pool // *zlibReader
	zlibWriters  sync.Pool // *zlib.Writer
	zstdReaders  sync.Pool // *zstd.Decoder
	zstdEncoders = [...]func() *zstd.Encoder{
		zstd.SpeedFastest:           sync.OnceValue(func() *zstd.Encoder { return newEncoder(zstd.SpeedFastest) }),
		zstd.SpeedDefault:           sync.OnceValue(func() *zstd.Encoder { return newEncoder(zstd.SpeedDefault) }),
		zstd.SpeedBetterCompression: sync.OnceValue(func() *zstd.Encoder { return newEncoder(zstd.SpeedBetterCompression) }),
		zstd.SpeedBestCompression:   sync.OnceValue(func() *zstd.Encoder { return newEncoder(zstd.SpeedBestCompression) }),
	}
)

// newEncoder makes an encoder for any number of goroutines. The options are constants, so that it cannot fail.
func newEncoder(level zstd.EncoderLevel) *zstd.Encoder {
	e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithLowerEncoderMem(true))
	return e
}

type zlibReader struct {
	io.ReadCloser
	from bytes.Reader
}

func (c *Compressed) decompressor(body []byte) (io.Reader, error) {
	if c.algorithm == Zstd {
		return zstdDecompressor(body)
	}
	z, _ := zlibReaders.Get().(*zlibReader)
	var err error
	if z == nil {
		z = new(zlibReader)
		z.from.Reset(body)
		z.ReadCloser, err = zlib.NewReader(&z.from)
	} else {
		z.from.Reset(body)
		err = z.ReadCloser.(zlib.Resetter).Reset(&z.from, nil)
	}
	if err != nil {
		return nil, ErrCompressed
	}
	return z, nil
}

func zstdDecompressor(body []byte) (io.Reader, error) {
	d, _ := zstdReaders.Get().(*zstd.Decoder)
	if d == nil {
		d, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(2*MaxFragment))
	}
	if d.Reset(bytes.NewReader(body)) != nil {
		return nil, ErrCompressed
	}
	return d, nil
}

// release gives what decompressed a whole packet back.
func release(r io.Reader) {
	switch r := r.(type) {
	case *zlibReader:
		zlibReaders.Put(r)
	case *zstd.Decoder:
		zstdReaders.Put(r)
	}
}

// appender is an io.Writer that appends.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// compress appends p compressed.
func (c *Compressed) compress(dst, p []byte) []byte {
	if c.algorithm == Zstd {
		return zstdEncoders[zstd.EncoderLevelFromZstd(c.level)]().EncodeAll(p, dst)
	}
	to := &appender{b: dst}
	w, _ := zlibWriters.Get().(*zlib.Writer)
	if w == nil {
		w = zlib.NewWriter(to)
	} else {
		w.Reset(to)
	}
	_, _ = w.Write(p) // memory does not fail
	_ = w.Close()
	zlibWriters.Put(w)
	return to.b
}

// StartCompression continues compressed. Bytes that were read ahead are part of the compressed stream already.
func (c *Conn) StartCompression(a Algorithm, level int) error {
	if err := c.Flush(); err != nil {
		return err
	}
	c.packed = Compress(c.ahead(), a, level)
	c.nc, c.raw = c.packed, nil
	c.Release()
	return nil
}
