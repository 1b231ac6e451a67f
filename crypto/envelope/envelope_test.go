package envelope

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"phiproxy/crypto/envelope/legacytest"
)

var (
	testDEK     = bytes.Repeat([]byte{0x42}, dekLen)
	testContext = NewContext("cases.patient_first", "54d8e448-0091-7031-86bb-d66da5e8f7e0")
)

func newTestKey(t testing.TB, dek []byte) *Key {
	t.Helper()
	k, err := NewKey(dek)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRoundTrip(t *testing.T) {
	k := newTestKey(t, testDEK)
	for n := range 3000 {
		plain := legacytest.Random(n)
		sealed := Seal([]byte("before"), k, testContext, plain)
		if string(sealed[:6]) != "before" {
			t.Fatal("Seal changed what was there")
		}
		sealed = sealed[6:]
		if len(sealed) != SealedSize(n) || !IsEnvelope(sealed) {
			t.Fatalf("%d bytes: %d sealed, SealedSize %d", n, len(sealed), SealedSize(n))
		}
		if id, ok := Parse(sealed); !ok || id != k.ID() {
			t.Fatalf("%d bytes: key id %x, %v", n, id, ok)
		}
		got, err := Open([]byte("before"), k, testContext, sealed)
		if err != nil || string(got[:6]) != "before" || !bytes.Equal(got[6:], plain) {
			t.Fatalf("%d bytes: %x, %v", n, got, err)
		}
	}
}

// Plaintexts that look like padding or like an envelope must come back as they are.
func TestRoundTripAwkward(t *testing.T) {
	k := newTestKey(t, testDEK)
	for _, plain := range []string{"", "\x00", "\x80", "\x80\x00", "a\x80\x00\x00", strings.Repeat("\x00", 16), strings.Repeat("\x80", 15),
		string(Seal(nil, k, testContext, []byte("inner")))} {
		got, err := Open(nil, k, testContext, Seal(nil, k, testContext, []byte(plain)))
		if err != nil || string(got) != plain {
			t.Errorf("%q: %q, %v", plain, got, err)
		}
	}
}

// The format as the package comment states it, opened by other code than the package's own.
func TestFormat(t *testing.T) {
	k := newTestKey(t, testDEK)
	sealed := Seal(nil, k, NewContext("ab", "c"), []byte("Jo"))
	header := append([]byte{0xf8, 0}, hkdf32(testDEK, "phiproxy envelope 1 key id")[:16]...)
	if !bytes.Equal(sealed[:18], header) {
		t.Errorf("header %x, want %x", sealed[:18], header)
	}
	aad := string(header) + "\x00\x00\x00\x00\x00\x00\x00\x02ab\x00\x00\x00\x00\x00\x00\x00\x01c"
	plain, err := plainGCM(t, testDEK).Open(nil, sealed[18:30], sealed[30:], []byte(aad))
	if err != nil || string(plain) != "Jo\x80"+strings.Repeat("\x00", 13) {
		t.Errorf("plaintext %q, %v", plain, err)
	}
}

// plainGCM is AES-GCM with nonces of the caller's own. The package never uses it: strict FIPS mode refuses it, so that
// the tests, which check the package's format from outside, ask for an exception.
func plainGCM(t *testing.T, key []byte) (aead cipher.AEAD) {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	fips140.WithoutEnforcement(func() { aead, err = cipher.NewGCM(block) })
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// hkdf32 is RFC 5869 without salt for one block of output.
func hkdf32(secret []byte, info string) []byte {
	extract := hmac.New(sha256.New, make([]byte, sha256.Size))
	extract.Write(secret)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte(info + "\x01"))
	return expand.Sum(nil)
}

func TestBuckets(t *testing.T) {
	for _, c := range []struct{ plain, padded int }{
		{0, 16}, {15, 16}, {16, 32}, {31, 32}, {32, 48}, {47, 48}, {48, 64}, {63, 64}, {64, 96}, {255, 256}, {256, 384}, {1000, 1024},
		{1023, 1024}, {1024, 1152}, {65535, 65536}, {16777215, 16777216},
	} {
		if got := SealedSize(c.plain) - Overhead; got != c.padded {
			t.Errorf("%d bytes are padded to %d, want %d", c.plain, got, c.padded)
		}
	}
	for n := range 1 << 17 {
		if b := padded(n); b <= n || b-n > 128 || padded(b-1) != b || b < padded(max(n-1, 0)) {
			t.Fatalf("%d bytes are padded to %d", n, b)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	k := newTestKey(t, testDEK)
	other := newTestKey(t, bytes.Repeat([]byte{0x43}, dekLen))
	sealed := Seal(nil, k, testContext, []byte("Joanna"))
	for _, c := range []struct {
		why string
		key *Key
		ctx Context
		v   []byte
	}{
		{"another key", other, testContext, sealed},
		{"another column", k, NewContext("cases.patient_last", "54d8e448-0091-7031-86bb-d66da5e8f7e0"), sealed},
		{"another owner", k, NewContext("cases.patient_first", "54d8e448-0091-7031-86bb-d66da5e8f7e1"), sealed},
		{"column and owner exchanged", k, NewContext("54d8e448-0091-7031-86bb-d66da5e8f7e0", "cases.patient_first"), sealed},
		{"no context", k, Context{}, sealed},
		{"nothing", k, testContext, nil},
		{"a byte more", k, testContext, append(bytes.Clone(sealed), 0)},
		{"a block more", k, testContext, append(bytes.Clone(sealed), make([]byte, 16)...)},
	} {
		if got, err := Open([]byte("before"), c.key, c.ctx, c.v); !errors.Is(err, ErrOpen) || string(got) != "before" {
			t.Errorf("%s: %q, %v", c.why, got, err)
		}
	}
}

func TestEveryBitFlipped(t *testing.T) {
	k := newTestKey(t, testDEK)
	for _, n := range []int{0, 10, 1000} {
		sealed := Seal(nil, k, testContext, bytes.Repeat([]byte{'x'}, n))
		for i := range len(sealed) * 8 {
			sealed[i/8] ^= 1 << (i % 8)
			if _, err := Open(nil, k, testContext, sealed); err != ErrOpen {
				t.Fatalf("%d bytes, bit %d flipped: %v", n, i, err)
			}
			sealed[i/8] ^= 1 << (i % 8)
		}
	}
}

func TestEveryTruncation(t *testing.T) {
	k := newTestKey(t, testDEK)
	sealed := Seal(nil, k, testContext, bytes.Repeat([]byte{'x'}, 100))
	for n := range sealed {
		if _, err := Open(nil, k, testContext, sealed[:n]); err != ErrOpen {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
}

// Different (column, owner) pairs never have the same associated data, whatever bytes the names hold.
func TestContextInjective(t *testing.T) {
	names := []string{"", "a", "b", "ab", "abc", "bc", "c", "\x00", "\x00\x00\x00\x01", "\x00\x00\x00\x01a", "a\x00\x00\x00\x01b"}
	seen := map[string][2]string{}
	for _, column := range names {
		for _, owner := range names {
			aad := string(NewContext(column, owner).aad)
			if before, taken := seen[aad]; taken {
				t.Fatalf("(%q, %q) and %q have the same associated data", column, owner, before)
			}
			seen[aad] = [2]string{column, owner}
		}
	}
}

func FuzzContextInjective(f *testing.F) {
	f.Add("ab", "c", "a", "bc")
	f.Fuzz(func(t *testing.T, c1, o1, c2, o2 string) {
		same := bytes.Equal(NewContext(c1, o1).aad, NewContext(c2, o2).aad)
		if same != (c1 == c2 && o1 == o2) {
			t.Fatalf("(%q, %q) and (%q, %q): same associated data is %v", c1, o1, c2, o2, same)
		}
	})
}

func TestEqualPlaintextsDiffer(t *testing.T) {
	k := newTestKey(t, testDEK)
	seen := make(map[string]bool)
	for range 10000 {
		sealed := Seal(nil, k, testContext, []byte("Smith"))
		for _, part := range [][]byte{sealed[18:30], sealed[30:46], sealed[46:]} { // nonce, ciphertext, tag
			if seen[string(part)] {
				t.Fatal("two envelopes of the same value share a nonce, ciphertext or tag")
			}
			seen[string(part)] = true
		}
	}
}

// TestSalamander makes one GCM ciphertext whose tag verifies under two DEKs, the known attack on a cipher
// that does not commit to its key, and shows that as an envelope it opens under neither wrong key.
func TestSalamander(t *testing.T) {
	dek1, dek2 := testDEK, bytes.Repeat([]byte{0x43}, dekLen)
	k1, k2 := newTestKey(t, dek1), newTestKey(t, dek2)
	for _, id := range []KeyID{k1.ID(), k2.ID(), {}} {
		header := append([]byte{magic, 0}, id[:]...)
		v := append(bytes.Clone(header), salamander(t, dek1, dek2, append(bytes.Clone(header), testContext.aad...))...)
		_, err1 := Open(nil, k1, testContext, v)
		_, err2 := Open(nil, k2, testContext, v)
		if err1 == nil || err2 == nil {
			t.Errorf("key id %x: opens (%v, %v)", id, err1, err2)
		}
	}
}

// salamander gives nonce | ciphertext (one block) | tag such that GCM opens it under both keys. For one block c and
// associated data a of n blocks, tag = a·H^(n+2) + c·H^2 + len·H + E(J), a linear equation in c: the two tags are equal
// for exactly one c.
func salamander(t *testing.T, key1, key2, aad []byte) []byte {
	t.Helper()
	nonce := []byte("twelve bytes")
	h1, mask1 := ghashKeys(key1, nonce)
	h2, mask2 := ghashKeys(key2, nonce)
	zero := make([]byte, 16)
	left := xorBlocks(ghash(h1, aad, zero), mask1)
	right := xorBlocks(ghash(h2, aad, zero), mask2)
	// c·(H1^2 + H2^2) = left + right
	c := gfMul(xorBlocks(left, right), gfInverse(xorBlocks(gfMul(h1, h1), gfMul(h2, h2))))
	cipherBlock := c[:]
	tag1 := xorBlocks(ghash(h1, aad, cipherBlock), mask1)
	v := append(append(bytes.Clone(nonce), cipherBlock...), tag1[:]...)
	for _, key := range [][]byte{key1, key2} {
		if _, err := plainGCM(t, key).Open(nil, nonce, v[12:], aad); err != nil {
			t.Fatal("the attack does not work, so that the test shows nothing:", err)
		}
	}
	return v
}

func ghashKeys(key, nonce []byte) (h, mask [16]byte) {
	block, _ := aes.NewCipher(key)
	block.Encrypt(h[:], make([]byte, 16))
	block.Encrypt(mask[:], append(bytes.Clone(nonce), 0, 0, 0, 1))
	return h, mask
}

func ghash(h [16]byte, aad, cipherBlock []byte) [16]byte {
	data := bytes.Clone(aad)
	data = append(data, make([]byte, -len(data)&15)...)
	data = append(data, cipherBlock...)
	data = binary.BigEndian.AppendUint64(data, uint64(len(aad))*8)
	data = binary.BigEndian.AppendUint64(data, uint64(len(cipherBlock))*8)
	var y [16]byte
	for ; len(data) > 0; data = data[16:] {
		y = gfMul(xorBlocks(y, [16]byte(data)), h)
	}
	return y
}

func xorBlocks(a, b [16]byte) [16]byte {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}

// gfMul multiplies in GCM's field: bit 0 is the most significant bit of byte 0, the polynomial is 1+x+x^2+x^7+x^128.
func gfMul(a, b [16]byte) (z [16]byte) {
	for i := range 128 {
		if a[i/8]&(0x80>>(i%8)) != 0 {
			z = xorBlocks(z, b)
		}
		carry := b[15] & 1
		for j := 15; j > 0; j-- {
			b[j] = b[j]>>1 | b[j-1]<<7
		}
		b[0] >>= 1
		b[0] ^= 0xe1 * carry
	}
	return z
}

// gfInverse is a^(2^128-2).
func gfInverse(a [16]byte) [16]byte {
	r := [16]byte{0x80} // one
	for range 127 {
		a = gfMul(a, a)
		r = gfMul(r, a)
	}
	return r
}

func TestNewdekLen(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewKey(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}

func TestIsEnvelope(t *testing.T) {
	for first := range 256 {
		if want := first >= 0xf8; IsEnvelope([]byte{byte(first), 0}) != want {
			t.Errorf("first byte %#x: want %v", first, want)
		}
	}
	if IsEnvelope(nil) {
		t.Error("'' is not an envelope")
	}
}

// The whole package must work in Go's strict FIPS 140-3 mode, which a process chooses when it starts.
func TestFIPS(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.skip=^TestFIPS$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func FuzzOpen(f *testing.F) {
	k, _ := NewKey(testDEK)
	f.Add(Seal(nil, k, testContext, []byte("Jo")))
	f.Add([]byte{magic, 1})
	f.Fuzz(func(t *testing.T, v []byte) {
		plain, err := Open(nil, k, testContext, v)
		id, ok := Parse(v)
		switch {
		case err != nil && err != ErrOpen:
			t.Fatal(err)
		case err == nil && (!ok || id != k.ID() || len(v) != SealedSize(len(plain))):
			t.Fatalf("opened although the structure is wrong: %x", v)
		case ok && !IsEnvelope(v):
			t.Fatalf("has a key id but is no envelope: %x", v)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	box := testContext.Box(newTestKey(b, testDEK))
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = box.Seal(dst[:0], []byte("Joanna Mustermann"))
	}
}

func BenchmarkOpen(b *testing.B) {
	box := testContext.Box(newTestKey(b, testDEK))
	sealed := box.Seal(nil, []byte("Joanna Mustermann"))
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		box.Open(dst[:0], sealed)
	}
}

func TestNoAllocations(t *testing.T) {
	box := testContext.Box(newTestKey(t, testDEK))
	plain := []byte("Joanna")
	sealed, dst := box.Seal(nil, plain), make([]byte, 0, 4096)
	for name, f := range map[string]func(){
		"Seal": func() { box.Seal(dst, plain) },
		"Open": func() { box.Open(dst, sealed) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestNewBox(t *testing.T) {
	k := newTestKey(t, testDEK)
	two, one := NewContext("cases.patient_dob", "u1").Box(k), NewBox(k, "cases.patient_dob", "u1")
	if one.key != two.key || !bytes.Equal(one.aad, two.aad) {
		t.Errorf("NewBox: %x, NewContext and Box: %x", one.aad, two.aad)
	}
}

// A box is its context and key: what one seals the other opens, and a box of another key holds nothing of it.
func TestBox(t *testing.T) {
	k, other := newTestKey(t, testDEK), newTestKey(t, bytes.Repeat([]byte{0x43}, dekLen))
	sealed := Seal(nil, k, testContext, []byte("Jo"))
	box := testContext.Box(k)
	if got, err := box.Open(nil, sealed); err != nil || string(got) != "Jo" || !box.Holds(sealed) {
		t.Errorf("%q, %v", got, err)
	}
	if testContext.Box(other).Holds(sealed) || box.Holds(sealed[:50]) || box.Holds(nil) {
		t.Error("a box holds what it cannot open")
	}
	if _, err := NewContext("another", "owner").Box(k).Open(nil, sealed); err != ErrOpen {
		t.Error(err)
	}
}
