package wire

import (
	"bytes"
	"testing"
)

// Whatever bytes arrive in whatever segments: no panic, packets are those of the reference decoder, and the buffer never
// grows far beyond what arrived.
func FuzzReadPacket(f *testing.F) {
	f.Add(frame([]byte("hello"), 0), 3, 100)
	f.Add(append(frame(nil, 0), frame(pattern(300), 1)...), 1, 1000)
	f.Add([]byte{0xff, 0xff, 0xff, 0, 1, 2, 3}, 2, 1<<20)
	f.Add([]byte{5, 0, 0, 9, 1, 2, 3, 4, 5}, 7, 4)
	f.Fuzz(func(t *testing.T, in []byte, chunk, limit int) {
		if chunk < 1 || limit < 0 || limit > 1<<26 {
			return
		}
		c := New(&stream{in: in, chunk: chunk}, "client", limit)
		rest, seq := in, byte(0)
		for {
			got, err := c.ReadPacket()
			if len(c.in) > 2*len(in)+2*blockSize {
				t.Fatalf("%d bytes arrived, the buffer has %d", len(in), len(c.in))
			}
			want, tail, ok := decodeFrame(rest, seq, limit)
			if ok != (err == nil) {
				t.Fatalf("error %v, the reference says %v", err, ok)
			}
			if err != nil {
				return
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("got %x, want %x", got, want)
			}
			rest, seq = tail, seq+1
		}
	})
}

// decodeFrame is the reference decoder for inputs shorter than a full fragment.
func decodeFrame(b []byte, seq byte, limit int) (payload, rest []byte, ok bool) {
	if len(b) < headerSize || b[3] != seq {
		return nil, nil, false
	}
	n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	b = b[headerSize:]
	if n > limit || n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// Passing gives the same bytes with new sequence ids, or an error, never something else.
func FuzzPass(f *testing.F) {
	f.Add(append(frame([]byte{1, 'a'}, 0), frame([]byte{0xfe, 0, 0, 2, 0}, 1)...), 3)
	f.Add(frame(pattern(600), 0), 100)
	f.Add([]byte{1, 0, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, in []byte, chunk int) {
		if chunk < 1 {
			return
		}
		from, to := pair(append([]byte(nil), in...), chunk)
		rows, err := from.PassRows()
		if settle := from.Settle(); settle != nil {
			t.Fatal(settle)
		}
		out := to.out.Bytes()
		if len(out) > len(in) || !bytes.Equal(out, in[:len(out)]) {
			t.Fatalf("%d rows, error %v: passed bytes differ", rows, err)
		}
	})
}
