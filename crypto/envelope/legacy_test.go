package envelope

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"phiproxy/crypto/envelope/legacytest"
)

func sealLegacy(t testing.TB, plain string) []byte {
	t.Helper()
	v, err := legacytest.Seal(testDEK, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(v)
}

func TestLegacyRoundTrip(t *testing.T) {
	k := newTestKey(t, testDEK)
	for n := 1; n < 300; n++ {
		plain := strings.Repeat("é", n)[:n]
		v := sealLegacy(t, plain)
		if !LooksLegacy(v) || IsEnvelope(v) {
			t.Fatalf("%d bytes: does not look like the guide's format", n)
		}
		if got, err := OpenLegacy([]byte("before"), k, v); err != nil || string(got) != "before"+plain {
			t.Fatalf("%d bytes: %q, %v", n, got, err)
		}
	}
}

func TestLooksLegacy(t *testing.T) {
	short := base64.StdEncoding.EncodeToString(make([]byte, 28))
	least := base64.StdEncoding.EncodeToString(make([]byte, 29))
	for _, c := range []struct {
		v    string
		want bool
	}{
		{"", false}, {"Jo", false}, {least, true}, {short[:36], false},
		{strings.TrimRight(least, "="), false}, {least + "=", false}, {least + "\n", false}, {least[:36] + "\r\n==", false},
		{strings.Replace(least, "A", "-", 1), false}, {strings.Replace(least, "A", "_", 1), false}, {strings.Replace(least, "A", "=", 1), false},
		{strings.Repeat("A", 40), true}, {strings.Repeat("A", 41), false}, {strings.Repeat("=", 40), false},
		{"A name may have forty characters in it ..", false},
	} {
		if got := LooksLegacy([]byte(c.v)); got != c.want {
			t.Errorf("%q: %v", c.v, got)
		}
	}
}

func TestOpenLegacyRefuses(t *testing.T) {
	k, other := newTestKey(t, testDEK), newTestKey(t, bytes.Repeat([]byte{1}, dekLen))
	v := sealLegacy(t, "Joanna")
	if _, err := OpenLegacy(nil, other, v); err != ErrOpen {
		t.Errorf("another key: %v", err)
	}
	raw, _ := base64.StdEncoding.DecodeString(string(v))
	for i := range len(raw) * 8 {
		raw[i/8] ^= 1 << (i % 8)
		if _, err := OpenLegacy(nil, k, []byte(base64.StdEncoding.EncodeToString(raw))); err != ErrOpen {
			t.Errorf("bit %d flipped: %v", i, err)
		}
		raw[i/8] ^= 1 << (i % 8)
	}
	// The last character before the padding has bits that decode to nothing; only zero is what Python writes.
	loose := bytes.Clone(sealLegacy(t, "Joan"))
	loose[len(loose)-2]++
	if loose[len(loose)-1] != '=' {
		t.Fatal("the value was chosen to need padding")
	}
	if _, err := OpenLegacy(nil, k, loose); err != ErrOpen {
		t.Errorf("loose base64: %v", err)
	}
	if _, err := OpenLegacy(nil, k, Seal(nil, k, testContext, []byte("Jo"))); err != ErrOpen {
		t.Errorf("an envelope: %v", err)
	}
}

// The guide's bytes under an envelope's header must not open, although the DEK is the same.
func TestLegacyIsNoEnvelope(t *testing.T) {
	k := newTestKey(t, testDEK)
	raw, _ := base64.StdEncoding.DecodeString(string(sealLegacy(t, "exactly 16 bytes")))
	v := append([]byte{magic, 0}, k.id[:]...)
	v = append(v, raw[:nonceSize]...)
	v = append(v, raw[nonceSize+tagSize:]...)
	v = append(v, raw[nonceSize:nonceSize+tagSize]...)
	for _, c := range []Context{{}, testContext} {
		if _, err := Open(nil, k, c, v); err != ErrOpen {
			t.Error(err)
		}
	}
}

func FuzzOpenLegacy(f *testing.F) {
	k, _ := NewKey(testDEK)
	f.Add(sealLegacy(f, "Jo"))
	f.Add([]byte(strings.Repeat("A", 40)))
	f.Fuzz(func(t *testing.T, v []byte) {
		_, err := OpenLegacy(nil, k, v)
		if err == nil && !LooksLegacy(v) {
			t.Fatalf("opened although it does not look like it: %q", v)
		}
		raw, decodeErr := base64.StdEncoding.DecodeString(string(v))
		want := decodeErr == nil && len(raw) >= 29 && len(v) >= 40 && !bytes.ContainsAny(v, "\r\n")
		if want && !LooksLegacy(v) {
			t.Fatalf("%q does not look like the guide's format", v)
		}
	})
}
