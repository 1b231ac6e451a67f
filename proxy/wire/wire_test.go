package wire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

const testLimit = 1 << 30

// stream is a connection that reads from memory in segments of at most chunk bytes and remembers what is written.
type stream struct {
	net.Conn
	in    []byte
	chunk int
	out   bytes.Buffer
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.chunk)], s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *stream) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *stream) Close() error                { return nil }

// frame is the reference encoder: a payload in packets from sequence id seq on.
func frame(payload []byte, seq byte) []byte {
	var b []byte
	for {
		n := min(len(payload), MaxFragment)
		b = append(b, byte(n), byte(n>>8), byte(n>>16), seq)
		b = append(b, payload[:n]...)
		payload = payload[n:]
		seq++
		if n < MaxFragment {
			return b
		}
	}
}

// pattern returns n bytes, to be read only.
func pattern(n int) []byte { return patternBytes()[:n:n] }

var patternBytes = sync.OnceValue(func() []byte {
	p := make([]byte, 1<<25+2)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
})

// lengths are payload lengths around every boundary: the header, a block, a fragment and its multiples.
func lengths() []int {
	l := []int{0, 1, 2, 3, 4, 5, 250, 251, 65535, 65536}
	for _, b := range []int{blockSize - headerSize, blockSize, 2 * blockSize, MaxFragment, 1 << 24, 2 * MaxFragment, 1 << 25} {
		l = append(l, b-2, b-1, b, b+1, b+2)
	}
	return l
}

func chunksFor(n int) []int {
	if n > 1<<16 {
		return []int{blockSize - 1}
	}
	return []int{1, 2, 3, 7, 1000, 1 << 20}
}

func TestReadPacketReassembles(t *testing.T) {
	for _, n := range lengths() {
		want := pattern(n)
		for _, chunk := range chunksFor(n) {
			tail := []byte("next")
			c := New(&stream{in: append(frame(want, 0), frame(tail, byte(1+n/MaxFragment))...), chunk: chunk}, "client", testLimit)
			got, err := c.ReadPacket()
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("length %d in segments of %d: got %d bytes, error %v", n, chunk, len(got), err)
			}
			if got, err = c.ReadPacket(); err != nil || !bytes.Equal(got, tail) {
				t.Fatalf("length %d in segments of %d: the packet behind it: %q, %v", n, chunk, got, err)
			}
		}
	}
}

func TestWritePacketSplits(t *testing.T) {
	for _, n := range lengths() {
		payload := pattern(n)
		s := &stream{}
		c := New(s, "client", testLimit)
		c.SetSequence(250)
		for _, p := range [][]byte{payload, []byte("next")} {
			if err := c.WritePacket(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		want := append(frame(payload, 250), frame([]byte("next"), 250+byte(1+n/MaxFragment))...)
		if !bytes.Equal(s.out.Bytes(), want) {
			t.Fatalf("length %d: wrong bytes", n)
		}
	}
}

func TestWriteCommandIsOnePacket(t *testing.T) {
	for _, n := range lengths() {
		s := &stream{}
		c := New(s, "client", testLimit)
		body := pattern(n)
		if err := c.WriteCommand(3, body[:min(n, 5)], body[min(n, 5):]); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.out.Bytes(), frame(append([]byte{3}, body...), 0)) {
			t.Fatalf("length %d: wrong bytes", n)
		}
	}
}

// pair returns two legs: what is passed from the first shows in the out buffer of the second.
func pair(in []byte, chunk int) (from *Conn, to *stream) {
	to = &stream{chunk: 1}
	from = New(&stream{in: in, chunk: chunk}, "backend", testLimit)
	Pair(from, New(to, "client", testLimit))
	return from, to
}

func TestPassForwardsAndRenumbers(t *testing.T) {
	for _, n := range lengths() {
		payload := pattern(n)
		for _, chunk := range chunksFor(n) {
			from, to := pair(append(frame(payload, 0), frame([]byte("next"), byte(1+n/MaxFragment))...), chunk)
			from.peer.SetSequence(7)
			for range 2 {
				if err := from.Pass(); err != nil {
					t.Fatalf("length %d in segments of %d: %v", n, chunk, err)
				}
			}
			if err := from.Settle(); err != nil {
				t.Fatal(err)
			}
			want := append(frame(payload, 7), frame([]byte("next"), 7+byte(1+n/MaxFragment))...)
			if !bytes.Equal(to.out.Bytes(), want) {
				t.Fatalf("length %d in segments of %d: wrong bytes", n, chunk)
			}
			if len(from.in) > blockSize {
				t.Fatalf("length %d: the buffer grew to %d bytes", n, len(from.in))
			}
		}
	}
}

func TestPassRowsStopsAtTheEnd(t *testing.T) {
	long := append([]byte{0xfe}, pattern(MaxFragment)...) // a row whose first value has an eight-byte length
	tests := []struct {
		name string
		rows [][]byte
		end  []byte
	}{
		{"EOF", [][]byte{{1, 'a'}, {0xfb}, {}}, []byte{0xfe, 0, 0, 2, 0}},
		{"OK", [][]byte{{1, 'a'}}, []byte{0xfe, 0, 0, 2, 0, 0, 0}},
		{"ERR", [][]byte{{1, 'a'}}, []byte{0xff, 1, 2, 'x'}},
		{"no rows", nil, []byte{0xfe, 0, 0, 2, 0}},
		{"long row", [][]byte{long, {1, 'b'}}, []byte{0xfe, 0, 0, 2, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var in []byte
			seq := byte(0)
			for _, p := range append(tt.rows[:len(tt.rows):len(tt.rows)], tt.end) {
				in = append(in, frame(p, seq)...)
				seq += byte(1 + len(p)/MaxFragment)
			}
			from, to := pair(in, 1000)
			rows, err := from.PassRows()
			if err != nil || rows != uint64(len(tt.rows)) {
				t.Fatalf("passed %d rows, error %v", rows, err)
			}
			end, err := from.ReadPacket()
			if err != nil || !bytes.Equal(end, tt.end) {
				t.Fatalf("the end is %x, error %v", end, err)
			}
			if want := in[:len(in)-headerSize-len(tt.end)]; !bytes.Equal(to.out.Bytes(), want) {
				t.Fatalf("passed %d bytes, want %d", to.out.Len(), len(want))
			}
		})
	}
}

// A packet that is passed and one that is written leave in the order of the calls.
func TestPassAndWriteKeepOrder(t *testing.T) {
	var in []byte
	for i := range byte(200) {
		in = append(in, frame([]byte{i}, i)...)
	}
	from, to := pair(in, 13)
	var want []byte
	for i := range byte(100) {
		if err := from.Pass(); err != nil {
			t.Fatal(err)
		}
		p, err := from.ReadPacket()
		if err != nil {
			t.Fatal(err)
		}
		if err := from.peer.WritePacket(p); err != nil {
			t.Fatal(err)
		}
		want = append(append(want, frame([]byte{2 * i}, 2*i)...), frame([]byte{2*i + 1}, 2*i+1)...)
	}
	if err := from.peer.Flush(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(to.out.Bytes(), want) {
		t.Fatal("wrong order")
	}
}

func TestDropForwardsNothing(t *testing.T) {
	in := append(frame(pattern(MaxFragment+5), 0), frame([]byte("next"), 2)...)
	from, to := pair(in, 5000)
	if err := from.Drop(); err != nil {
		t.Fatal(err)
	}
	got, err := from.ReadPacket()
	if err != nil || string(got) != "next" || to.out.Len() != 0 {
		t.Fatalf("next packet %q, error %v, %d bytes forwarded", got, err, to.out.Len())
	}
}

func TestTooLargeIsSkipped(t *testing.T) {
	for _, n := range []int{101, blockSize + 1, MaxFragment, MaxFragment + 1} {
		c := New(&stream{in: append(frame(pattern(n), 0), frame([]byte("next"), byte(1+n/MaxFragment))...), chunk: 4000}, "client", 100)
		if _, err := c.ReadPacket(); !errors.Is(err, ErrTooLarge) {
			t.Fatalf("length %d: error %v", n, err)
		}
		if err := c.Skip(); err != nil {
			t.Fatalf("length %d: %v", n, err)
		}
		if got, err := c.ReadPacket(); err != nil || string(got) != "next" {
			t.Fatalf("length %d: next packet %q, %v", n, got, err)
		}
		if len(c.in) > blockSize {
			t.Fatalf("length %d: the buffer grew to %d", n, len(c.in))
		}
	}
}

// A limit between two fragments is found before the second is read.
func TestTooLargeInSecondFragment(t *testing.T) {
	c := New(&stream{in: append(frame(pattern(MaxFragment+5), 0), frame([]byte("next"), 2)...), chunk: 1 << 20}, "client", MaxFragment+1)
	if _, err := c.ReadPacket(); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if err := c.Skip(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.ReadPacket(); err != nil || string(got) != "next" {
		t.Fatalf("next packet %q, %v", got, err)
	}
}

// A peer that announces much and sends little gets no large buffer.
func TestBufferGrowsWithWhatArrives(t *testing.T) {
	in := frame(pattern(MaxFragment-1), 0)[:3*blockSize]
	c := New(&stream{in: in, chunk: 1000}, "client", testLimit)
	if _, err := c.ReadPacket(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if len(c.in) > 8*blockSize {
		t.Fatalf("%d bytes arrived, the buffer has %d", len(in), len(c.in))
	}
}

func TestWrongSequence(t *testing.T) {
	c := New(&stream{in: frame([]byte("x"), 3), chunk: 10}, "client", testLimit)
	_, err := c.ReadPacket()
	var e *Error
	if !errors.Is(err, ErrSequence) || !errors.As(err, &e) || e.Peer != "client" {
		t.Fatal(err)
	}
}

func TestReleaseGivesBuffersBack(t *testing.T) {
	c := New(&stream{in: append(frame([]byte("a"), 0), frame([]byte("b"), 1)...), chunk: 100}, "client", testLimit)
	if _, err := c.ReadPacket(); err != nil {
		t.Fatal(err)
	}
	if c.Release(); c.in == nil {
		t.Fatal("released a buffer with a packet in it")
	}
	if _, err := c.ReadPacket(); err != nil {
		t.Fatal(err)
	}
	if c.Release(); c.in != nil || c.block != nil {
		t.Fatal("kept an empty buffer")
	}
}

func TestSecretBuffersAreCleared(t *testing.T) {
	c := New(&stream{in: frame([]byte("a password"), 0), chunk: 100}, "client", testLimit)
	c.SetSecret(true)
	p, err := c.ReadPacket()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WritePacket(p); err != nil {
		t.Fatal(err)
	}
	out := c.out
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	c.Release()
	if !bytes.Equal(p, make([]byte, len(p))) || !bytes.Equal(out, make([]byte, len(out))) {
		t.Fatal("the password is still in a buffer")
	}
}

// tcpPair returns the two ends of a loopback connection.
func tcpPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestIdleConnectionHoldsNoBuffer(t *testing.T) {
	a, b := tcpPair(t)
	c := New(b, "client", testLimit)
	waiting := make(chan error)
	go func() { waiting <- c.Await() }()
	c.Interrupt()
	if err := <-waiting; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if c.in != nil {
		t.Fatal("a buffer was taken")
	}
	c.Resume()
	if _, err := a.Write(frame([]byte("hello"), 0)); err != nil {
		t.Fatal(err)
	}
	if err := c.Await(); err != nil {
		t.Fatal(err)
	}
	if p, err := c.ReadPacket(); err != nil || string(p) != "hello" {
		t.Fatalf("%q, %v", p, err)
	}
	a.Close()
	if _, err := c.ReadPacket(); !errors.Is(err, io.EOF) || !Closed(err) {
		t.Fatal(err)
	}
}

// A read flushes what was written to either leg before it blocks.
func TestReadFlushesBothLegs(t *testing.T) {
	client, c := tcpPair(t)
	server, s := tcpPair(t)
	front, back := New(c, "client", testLimit), New(s, "backend", testLimit)
	Pair(front, back)
	if err := front.WritePacket([]byte("to client")); err != nil {
		t.Fatal(err)
	}
	if err := back.WritePacket([]byte("to server")); err != nil {
		t.Fatal(err)
	}
	go func() { _ = front.Await() }()
	for peer, want := range map[net.Conn]string{client: "to client", server: "to server"} {
		got := make([]byte, headerSize+len(want))
		_ = peer.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadFull(peer, got); err != nil || string(got[headerSize:]) != want {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func testCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// joined writes what it collected in front of its first real write, so that both leave in one segment.
type joined struct {
	net.Conn
	first []byte
}

func (j *joined) Write(p []byte) (int, error) {
	first := j.first
	j.first = nil
	if _, err := j.Conn.Write(append(first, p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestTLSHelloInTheSegmentOfTheRequest(t *testing.T) {
	a, b := tcpPair(t)
	done := make(chan error, 1)
	go func() {
		secure := tls.Client(&joined{Conn: a, first: frame([]byte("ssl request"), 0)}, &tls.Config{InsecureSkipVerify: true})
		_, err := secure.Write(frame([]byte("login"), 1))
		done <- err
	}()
	c := New(b, "client", testLimit)
	if _, err := c.ReadPacket(); err != nil {
		t.Fatal(err)
	}
	if c.Secure() {
		t.Fatal("secure before TLS")
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	if err := c.StartTLS(context.Background(), tls.Server, cfg); err != nil {
		t.Fatal(err)
	}
	if p, err := c.ReadPacket(); err != nil || string(p) != "login" || !c.Secure() {
		t.Fatalf("%q, %v", p, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Packets that somebody puts behind the request in the clear must not be read as if they had come through TLS.
func TestTLSRefusesInjectedPackets(t *testing.T) {
	a, b := tcpPair(t)
	if _, err := a.Write(append(frame([]byte("ssl request"), 0), frame([]byte("injected login"), 1)...)); err != nil {
		t.Fatal(err)
	}
	c := New(b, "client", testLimit)
	if _, err := c.ReadPacket(); err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	var e *Error
	if err := c.StartTLS(context.Background(), tls.Server, cfg); !errors.As(err, &e) || e.Op != "tls" {
		t.Fatalf("the injected packet was accepted: %v", err)
	}
}

// A write that finds the socket full goes on when the reader has caught up, and ends when the reader is gone.
func TestLargeWritesWaitForRoom(t *testing.T) {
	a, b := tcpPair(t)
	c := New(b, "client", testLimit)
	payload := pattern(MaxFragment + 1000)
	done := make(chan error, 1)
	go func() { done <- c.WritePacket(payload) }()
	want := frame(payload, 0)
	got := make([]byte, len(want)-1000-headerSize) // what is left stays in the write buffer
	if _, err := io.ReadFull(a, got); err != nil || !bytes.Equal(got, want[:len(got)]) {
		t.Fatalf("wrong bytes, error %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go func() {
		for done <- nil; c.WritePacket(payload) == nil; {
		}
		close(done)
	}()
	<-done
	a.Close()
	<-done
	var e *Error
	if err := c.WritePacket(payload); !errors.As(err, &e) || e.Op != "write" {
		t.Fatalf("error %v", err)
	}
}
