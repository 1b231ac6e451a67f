package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"phiproxy/crypto/envelope/legacytest"
)

// growFile adds vectors that the file does not hold yet; it never changes one.
var growFile = flag.Bool("grow", false, "add new vectors to testdata/known_answers.json")

const (
	knownAnswersFile = "testdata/known_answers.json"
	leastVectors     = 150 // raise it when the file grows
)

// vector is one known answer. Refused says why the value must be refused; without it the value must open to Plain.
type vector struct {
	Name    string `json:"name"`
	Format  string `json:"format"` // "envelope 1" or "guide"
	DEK     string `json:"dek"`    // hex
	Column  string `json:"column,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Stored  string `json:"stored"`          // hex
	Plain   string `json:"plain,omitempty"` // hex
	Refused string `json:"refused,omitempty"`
}

func TestKnownAnswers(t *testing.T) {
	if *growFile {
		growKnownAnswers(t)
	}
	vectors := readVectors(t)
	if len(vectors) < leastVectors {
		t.Errorf("%s lost entries: %d left", knownAnswersFile, len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) { checkVector(t, v) })
	}
}

func checkVector(t *testing.T, v vector) {
	k := newTestKey(t, unhex(t, v.DEK))
	got, err := openVector(k, v, unhex(t, v.Stored))
	switch {
	case v.Refused != "" && !errors.Is(err, ErrOpen):
		t.Errorf("opened to %q, want a refusal: %s", got, v.Refused)
	case v.Refused == "" && (err != nil || hex.EncodeToString(got) != v.Plain):
		t.Errorf("%x, %v, want %s", got, err, v.Plain)
	}
}

func openVector(k *Key, v vector, stored []byte) ([]byte, error) {
	if v.Format == "guide" {
		return OpenLegacy(nil, k, stored)
	}
	return Open(nil, k, NewContext(v.Column, v.Owner), stored)
}

func readVectors(t *testing.T) (vectors []vector) {
	t.Helper()
	text, err := os.ReadFile(knownAnswersFile)
	if *growFile && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func growKnownAnswers(t *testing.T) {
	vectors := readVectors(t)
	known := make(map[string]bool)
	for _, v := range vectors {
		known[v.Name] = true
	}
	for _, v := range wantedVectors(t) {
		if !known[v.Name] {
			vectors = append(vectors, v)
		}
	}
	text, err := json.MarshalIndent(vectors, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(knownAnswersFile, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// wantedVectors makes the vectors of today's code, positive ones first.
func wantedVectors(t *testing.T) []vector {
	base := vector{Format: "envelope 1", DEK: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		Column: "cases.patient_first", Owner: "54d8e448-0091-7031-86bb-d66da5e8f7e0"}
	var all []vector
	for name, plain := range positives() {
		all = append(all, sealVector(t, base, "opens: "+name, plain))
	}
	other := base
	other.Column, other.Owner = "", ""
	all = append(all, sealVector(t, other, "opens: no column and no owner", "Jo"))
	other.Column, other.Owner = "cases.pät\x00", strings.Repeat("o", 300)
	all = append(all, sealVector(t, other, "opens: names with any bytes", "Jo"))
	guide := vector{Format: "guide", DEK: base.DEK}
	for _, plain := range []string{"J", "Jo", "Joa", "Zoë 张伟", strings.Repeat("n", 158)} {
		v := guide
		v.Name, v.Plain = fmt.Sprintf("guide opens: %d bytes", len(plain)), hex.EncodeToString([]byte(plain))
		v.Stored = hex.EncodeToString(guideValue(t, v.DEK, plain))
		all = append(all, v)
	}
	good := sealVector(t, base, "", "Joanna")
	return append(append(all, damaged(t, good)...), damagedGuide(t, guide)...)
}

func positives() func(func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for _, plain := range []string{"", "J", "1984-02-09", "Zoë", "张伟", "\x80", "\x00\x00"} {
			if !yield(fmt.Sprintf("%q", plain), plain) {
				return
			}
		}
		for _, n := range []int{14, 15, 16, 17, 31, 32, 63, 64, 127, 128, 191, 192, 255, 256, 383, 384, 511, 512, 1000, 1023, 1024, 1151, 1152, 4095, 4096} {
			if !yield(fmt.Sprintf("%d bytes", n), strings.Repeat("x", n)) {
				return
			}
		}
		yield("250 characters of four bytes", strings.Repeat("😀", 250))
	}
}

func sealVector(t *testing.T, v vector, name, plain string) vector {
	k := newTestKey(t, unhex(t, v.DEK))
	v.Name, v.Plain = name, hex.EncodeToString([]byte(plain))
	v.Stored = hex.EncodeToString(Seal(nil, k, NewContext(v.Column, v.Owner), []byte(plain)))
	return v
}

// damaged makes the negative vectors of an envelope: one for every byte, every length, and every way to move it.
func damaged(t *testing.T, good vector) (all []vector) {
	stored := unhex(t, good.Stored)
	refuse := func(why string, change func(v *vector, b []byte) []byte) {
		v := good
		v.Name, v.Refused, v.Plain = "refused: "+why, why, ""
		v.Stored = hex.EncodeToString(change(&v, bytes.Clone(stored)))
		all = append(all, v)
	}
	for i := range stored {
		refuse(fmt.Sprintf("byte %d (%s) changed", i, fieldOf(i, len(stored))), func(_ *vector, b []byte) []byte { b[i] ^= 0x01; return b })
	}
	for _, first := range []byte{0x00, 0x80, 0xf7, 0xf9, 0xfa, 0xfb, 0xff} {
		refuse(fmt.Sprintf("version byte %#02x", first), func(_ *vector, b []byte) []byte { b[0] = first; return b })
	}
	for bit := range 8 {
		refuse(fmt.Sprintf("flag bit %d set", bit), func(_ *vector, b []byte) []byte { b[1] |= 1 << bit; return b })
	}
	for _, n := range []int{0, 1, 2, 17, 18, 29, 30, 45, 46, 47, len(stored) - 16, len(stored) - 1} {
		refuse(fmt.Sprintf("cut to %d bytes", n), func(_ *vector, b []byte) []byte { return b[:n] })
	}
	for _, n := range []int{1, 16, 32} {
		refuse(fmt.Sprintf("%d zeros added", n), func(_ *vector, b []byte) []byte { return append(b, make([]byte, n)...) })
		refuse(fmt.Sprintf("%d zeros put before the tag", n), func(_ *vector, b []byte) []byte {
			return append(append(b[:len(b)-16:len(b)-16], make([]byte, n)...), b[len(b)-16:]...)
		})
	}
	refuse("flag of the search token with 16 bytes for it", func(_ *vector, b []byte) []byte {
		return append(append([]byte{b[0], 1}, make([]byte, 16)...), b[2:]...)
	})
	return append(all, moved(t, good)...)
}

func moved(t *testing.T, good vector) (all []vector) {
	stored := unhex(t, good.Stored)
	refuse := func(why string, change func(v *vector)) {
		v := good
		v.Name, v.Refused, v.Plain = "refused: "+why, why, ""
		change(&v)
		all = append(all, v)
	}
	refuse("moved to another column", func(v *vector) { v.Column = "cases.patient_last" })
	refuse("column in another case", func(v *vector) { v.Column = "cases.Patient_first" })
	refuse("moved to another owner", func(v *vector) { v.Owner = "54d8e448-0091-7031-86bb-d66da5e8f7e1" })
	refuse("owner in another case", func(v *vector) { v.Owner = strings.ToUpper(v.Owner) })
	refuse("owner with a trailing space", func(v *vector) { v.Owner += " " })
	refuse("a byte moved from owner to column", func(v *vector) { v.Column, v.Owner = v.Column+v.Owner[:1], v.Owner[1:] })
	refuse("column and owner exchanged", func(v *vector) { v.Column, v.Owner = v.Owner, v.Column })
	refuse("no owner", func(v *vector) { v.Owner = "" })
	refuse("another key", func(v *vector) { v.DEK = strings.Repeat("42", dekLen) })
	refuse("another key whose id was put in", func(v *vector) {
		v.DEK = strings.Repeat("42", dekLen)
		id := newTestKey(t, unhex(t, v.DEK)).ID()
		v.Stored = hex.EncodeToString(append(append(bytes.Clone(stored[:2]), id[:]...), stored[18:]...))
	})
	return append(all, badPadding(t, good)...)
}

// badPadding seals, under the right key and context, padding that Seal does not write.
func badPadding(t *testing.T, good vector) (all []vector) {
	k := newTestKey(t, unhex(t, good.DEK))
	for why, padded := range map[string]string{
		"padding without its mark":              "Joanna" + strings.Repeat("\x00", 10),
		"padding with another mark":             "Joanna\x81" + strings.Repeat("\x00", 9),
		"padding of a byte that is not zero":    "Joanna\x80" + strings.Repeat("\x00", 8) + "\x01",
		"nothing but zeros":                     strings.Repeat("\x00", 16),
		"a bucket larger than needed":           "Joanna\x80" + strings.Repeat("\x00", 25),
		"a size between buckets":                strings.Repeat("x", 64) + "\x80" + strings.Repeat("\x00", 15),
		"no padding":                            "",
		"less than the smallest bucket":         "Jo\x80",
		"a full bucket of text without a mark":  "exactly 16 bytes",
		"text of 1024 bytes in doubled buckets": strings.Repeat("x", 1024) + "\x80" + strings.Repeat("\x00", 1023),
	} {
		v := good
		v.Name, v.Refused, v.Plain = "refused: "+why, why, ""
		prefix := append([]byte{magic, 0}, k.id[:]...)
		aad := NewContext(v.Column, v.Owner).Box(k).aad
		v.Stored = hex.EncodeToString(k.seal.Seal(prefix, nil, []byte(padded), aad))
		all = append(all, v)
	}
	return all
}

func damagedGuide(t *testing.T, v vector) (all []vector) {
	good := string(guideValue(t, v.DEK, "Joan"))
	raw, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for why, stored := range map[string]string{
		"without padding":              strings.TrimRight(good, "="),
		"with a line end":              good + "\n",
		"in the URL alphabet":          base64.URLEncoding.EncodeToString(append(bytes.Clone(raw), 0xfb, 0xff)),
		"tag at the end":               base64.StdEncoding.EncodeToString(append(append(bytes.Clone(raw[:12]), raw[28:]...), raw[12:28]...)),
		"first character changed":      flipFirst(good),
		"no ciphertext":                base64.StdEncoding.EncodeToString(raw[:28]),
		"the bytes without base64":     string(raw),
		"base64 with leftover bits":    good[:len(good)-2] + string(good[len(good)-2]+1) + "=",
		"hexadecimal instead":          hex.EncodeToString(raw),
		"plain text of forty letters.": strings.Repeat("Name", 10),
	} {
		v.Name, v.Refused, v.Stored = "guide refused: "+why, why, hex.EncodeToString([]byte(stored))
		all = append(all, v)
	}
	v.Name, v.Refused, v.Stored = "guide refused: another key", "another key", hex.EncodeToString([]byte(good))
	v.DEK = strings.Repeat("42", dekLen)
	return append(all, v)
}

func flipFirst(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func guideValue(t *testing.T, dek, plain string) []byte {
	v, err := legacytest.Seal(unhex(t, dek), []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(v)
}

func fieldOf(i, size int) string {
	switch {
	case i < 1:
		return "version"
	case i < 2:
		return "flags"
	case i < 18:
		return "key id"
	case i < 30:
		return "nonce"
	case i < size-16:
		return "ciphertext"
	}
	return "tag"
}
