package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

var algorithms = map[string]Algorithm{"zlib": Zlib, "zstd": Zstd}

// packed compresses the pieces, each by one write.
func packed(a Algorithm, pieces ...[]byte) []byte {
	s := &stream{}
	c := Compress(s, a, 3)
	for _, p := range pieces {
		_, _ = c.Write(p) // into memory
	}
	return s.out.Bytes()
}

func TestCompressionGivesBackWhatWasWritten(t *testing.T) {
	noise := make([]byte, 100_000)
	for i, x := range noise {
		noise[i] = byte(uint32(i)*2654435761>>13) ^ x
	}
	for name, a := range algorithms {
		for _, piece := range [][]byte{{1}, pattern(49), pattern(50), pattern(1000), noise, pattern(maxUncompressed - 1), pattern(maxUncompressed), pattern(maxUncompressed + 1), pattern(3*maxUncompressed + 7), pattern(MaxFragment + headerSize)} {
			for _, chunk := range []int{1, 7, 4096} {
				if chunk == 1 && len(piece) > 200_000 {
					continue
				}
				in := packed(a, piece, []byte("next"))
				got, err := io.ReadAll(Compress(&stream{in: in, chunk: chunk}, a, 3))
				if err != nil || !bytes.Equal(got, append(append([]byte{}, piece...), "next"...)) {
					t.Fatalf("%s, %d bytes in chunks of %d: %d bytes, %v", name, len(piece), chunk, len(got), err)
				}
			}
		}
	}
}

func TestCompressedPacketsSayWhatTheyAre(t *testing.T) {
	for name, a := range algorithms {
		in := packed(a, []byte("short"), pattern(1000))
		if !bytes.Equal(in[:12], []byte{5, 0, 0, 0, 0, 0, 0, 's', 'h', 'o', 'r', 't'}) {
			t.Errorf("%s: a short one is %x", name, in[:12])
		}
		if h := in[12:]; fragmentSize(h) != len(h)-compressedHeader || h[3] != 1 || fragmentSize(h[4:]) != 1000 || len(h) > 900 {
			t.Errorf("%s: a long one begins %x, has %d bytes", name, h[:7], len(h))
		}
	}
}

func TestDamagedCompression(t *testing.T) {
	for name, a := range algorithms {
		whole := packed(a, pattern(1000))
		damaged := map[string]func([]byte) []byte{
			"sequence":    func(b []byte) []byte { b[3] = 1; return b },
			"cut":         func(b []byte) []byte { return b[:len(b)-1] },
			"cut header":  func(b []byte) []byte { return b[:3] },
			"less inside": func(b []byte) []byte { b[4]++; return b },
			"more inside": func(b []byte) []byte { b[4]--; return b },
			"no stream":   func(b []byte) []byte { b[7] ^= 0x55; return b },
			"bomb":        func(b []byte) []byte { b[4], b[5], b[6] = 0xff, 0xff, 0xff; return b },
		}
		for what, damage := range damaged {
			_, err := io.ReadAll(Compress(&stream{in: damage(bytes.Clone(whole)), chunk: 100}, a, 3))
			if !errors.Is(err, ErrCompressed) && !errors.Is(err, ErrSequence) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

// late is a stream whose every other read passes a deadline.
type late struct {
	stream
	now bool
}

func (l *late) Read(p []byte) (int, error) {
	if l.now = !l.now; l.now {
		return 0, os.ErrDeadlineExceeded
	}
	return l.stream.Read(p)
}

func TestDeadlineInACompressedPacket(t *testing.T) {
	for name, a := range algorithms {
		want := pattern(5000)
		c := Compress(&late{stream: stream{in: packed(a, want), chunk: 3}}, a, 3)
		var got []byte
		for len(got) < len(want) {
			var b [64]byte
			n, err := c.Read(b[:])
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%s: %v after %d bytes", name, err, len(got))
			}
			got = append(got, b[:n]...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: wrong bytes", name)
		}
	}
}

// Packets pass between a compressed and a plain leg, whose sequence ids have nothing to do with each other.
func TestPassBetweenCompressedAndPlain(t *testing.T) {
	for name, a := range algorithms {
		for _, n := range []int{0, 100, MaxFragment - 1, MaxFragment, MaxFragment + 99} {
			payload := pattern(n)
			from, to := pair(nil, 4096)
			from.nc = &stream{in: packed(a, append(frame(payload, 9), frame([]byte("x"), 0)...)), chunk: 4096}
			if err := from.StartCompression(a, 3); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(from.Pass(), from.Pass(), from.Settle()); err != nil {
				t.Fatalf("%s, %d bytes: %v", name, n, err)
			}
			want := append(frame(payload, 0), frame([]byte("x"), byte(1+n/MaxFragment))...)
			if !bytes.Equal(to.out.Bytes(), want) {
				t.Fatalf("%s, %d bytes: wrong bytes", name, n)
			}
		}
	}
}

func FuzzCompressed(f *testing.F) {
	for _, a := range algorithms {
		f.Add(packed(a, pattern(300), []byte("x")), byte(a), 5)
		f.Add([]byte{5, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5}, byte(a), 1)
	}
	f.Fuzz(func(t *testing.T, in []byte, a byte, chunk int) {
		if chunk < 1 {
			return
		}
		algorithm := Zlib + Algorithm(a%2)
		got, err := io.ReadAll(io.LimitReader(Compress(&stream{in: in, chunk: chunk}, algorithm, 1), 1<<16))
		if err != nil || len(got) == 1<<16 {
			return
		}
		again, err := io.ReadAll(Compress(&stream{in: packed(algorithm, got), chunk: chunk}, algorithm, 1))
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%d bytes came back as %d, %v", len(got), len(again), err)
		}
	})
}
