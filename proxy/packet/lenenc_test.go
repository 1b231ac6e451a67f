package packet

import (
	"bytes"
	"math"
	"testing"
)

func TestLenEncIntBounds(t *testing.T) {
	for _, n := range []uint64{0, 250, 251, 252, 255, 1<<16 - 1, 1 << 16, 1<<24 - 1, 1 << 24, 1<<32 - 1, math.MaxUint64} {
		b := AppendLenEncInt(nil, n)
		if len(b) != LenEncSize(n) {
			t.Errorf("%d: %d bytes, LenEncSize says %d", n, len(b), LenEncSize(n))
		}
		got, rest, ok := LenEncInt(append(b, 0xaa))
		if !ok || got != n || !bytes.Equal(rest, []byte{0xaa}) {
			t.Errorf("%d: got %d, rest %x, %v", n, got, rest, ok)
		}
		for cut := range b {
			if _, _, ok := LenEncInt(b[:cut]); ok {
				t.Errorf("%d cut to %d bytes was accepted", n, cut)
			}
		}
	}
}

func TestLenEncIntRefusesNullAndErr(t *testing.T) {
	for _, first := range []byte{0xfb, 0xff} {
		if _, _, ok := LenEncInt(append([]byte{first}, make([]byte, 9)...)); ok {
			t.Errorf("%x was accepted", first)
		}
	}
}

// A length that a 32-bit cast would make small must not pass (the class of CVE-2024-27304).
func TestLenEncBytesHugeLength(t *testing.T) {
	for _, n := range []uint64{5, 1 << 32, 1<<32 + 1, 1 << 63, math.MaxUint64} {
		if _, _, ok := LenEncBytes(append(AppendLenEncInt(nil, n), 1, 2, 3, 4)); ok {
			t.Errorf("length %d over 4 bytes was accepted", n)
		}
	}
}
