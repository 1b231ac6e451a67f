package infile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// pieces gives a text in pieces of n bytes.
func pieces(text []byte, n int) func() ([]byte, error) {
	var piece []byte
	return func() ([]byte, error) {
		clear(piece) // nobody may look at it any more
		if len(text) == 0 {
			return nil, io.EOF
		}
		k := min(n, len(text))
		piece = bytes.Clone(text[:k])
		text = text[k:]
		return piece, nil
	}
}

// read shows the lines of a text, fields in brackets, NULL as -, a line that was cut with a + behind it.
func read(f Format, text []byte, fields, piece int) (string, error) {
	const limit = 1 << 16
	var b strings.Builder
	for r := NewReader(f, limit, utf8.Valid, pieces(text, piece)); ; {
		line, err := r.Next(fields)
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		for _, field := range line.Fields {
			if field.Null {
				b.WriteByte('-')
			} else {
				fmt.Fprintf(&b, "[%s]", field.Value)
			}
		}
		if line.Cut {
			b.WriteByte('+')
		}
		b.WriteByte('\n')
	}
}

func plain() Format {
	return Format{FieldTerm: []byte("\t"), LineTerm: []byte("\n"), Enclosed: None, Escaped: '\\'}
}

func csv() Format {
	return Format{FieldTerm: []byte(","), LineTerm: []byte("\r\n"), Enclosed: '"', Escaped: '\\'}
}

// What is expected here is what both servers did; the differential tests of e2e ask them again.
func TestLines(t *testing.T) {
	quotes := csv()
	quotes.Escaped = '"'
	none := plain()
	none.Escaped = None
	starts := plain()
	starts.LineStart, starts.Skip = []byte(">>"), 1
	long := Format{FieldTerm: []byte("aab"), LineTerm: []byte("aa;"), Enclosed: None, Escaped: None}
	tests := []struct {
		f          Format
		text, want string
	}{
		{plain(), "", ""},
		{plain(), "\n", "[]\n"},
		{plain(), "a\tb\nc\td", "[a][b]\n[c][d]\n"},
		{plain(), "a\nb\tc\td\ne\tf\tg", "[a]\n[b][c]+\n[e][f]\n"},
		{plain(), "a\tb\t\n", "[a][b]\n"},
		{plain(), "\\N\t\\N\\N\nN\tNULL\n", "-[NN]\n[N][NULL]\n"},
		{plain(), "a\\\tb\t\\n\\t\\r\\b\\0\\Z\\\\\\x\n", "[a\tb][\n\t\r\b\x00\x1a\\x]\n"},
		{plain(), "a\tb\\", "[a][b\\]\n"},
		{plain(), "a\tb\tc\\\nd\te\nf\n", "[a][b]+\n[f]\n"},
		{csv(), "\"a,\"\"b\",NULL\r\n\"NULL\",\"c\r\nd\"", "[a,\"b]-\n[NULL][c\r\nd]\n"},
		{csv(), "\"a\"b\",c\"d\"\r\n", "[a\"b][c\"d\"]\n"},
		{csv(), "\"never closed,x\r\n", "[\"never closed,x\r\n]\n"},
		{csv(), "\"\\N\",\"a\\\"b\"\r\n", "-[a\"b]\n"},
		{quotes, "\"a\"\"b\",\"\\N\"\r\n", "[a\"b][\\N]\n"},
		{none, "a\\\tb\\n\n", "[a\\][b\\n]\n"},
		{starts, "skipped>>\nx>>a\tb\nno\n>>>>c\n>>", "[a][b]\n[>>c]\n"},
		{long, "xaaabyaa;zaaaa;", "[xa][y]\n[zaa]\n"},
	}
	for i, tt := range tests {
		for _, piece := range []int{1, 2, 1000} {
			got, err := read(tt.f, []byte(tt.text), 2, piece)
			if err != nil || got != tt.want {
				t.Errorf("%d, pieces of %d: %q read as %q, want %q, %v", i, piece, tt.text, got, tt.want, err)
			}
		}
	}
}

func TestFilesThatAreNotRead(t *testing.T) {
	for text, want := range map[string]error{
		"a\t\xe2\x82\n":                              ErrCharset,
		"a\tb\tc\xff\n":                              ErrCharset,
		strings.Repeat("x", 1<<17) + "\n":            ErrLong,
		"a\tb" + strings.Repeat("x", 1<<17):          ErrLong,
		"a\tb\t" + strings.Repeat("x", 1<<17) + "\n": ErrLong,
	} {
		if _, err := read(plain(), []byte(text), 2, 1000); !errors.Is(err, want) {
			t.Errorf("%.20q gives %v, want %v", text, err, want)
		}
	}
	broken := errors.New("broken")
	r := NewReader(plain(), 1<<10, utf8.Valid, func() ([]byte, error) { return nil, broken })
	if _, err := r.Next(1); err != broken {
		t.Errorf("a broken source gives %v", err)
	}
}

func TestReadable(t *testing.T) {
	for i, change := range []func(*Format){
		func(f *Format) { f.FieldTerm = nil }, func(f *Format) { f.LineTerm = nil }, func(f *Format) { f.LineTerm = f.FieldTerm },
		func(f *Format) { f.FieldTerm = []byte("§") }, func(f *Format) { f.LineStart = []byte("§") }, func(f *Format) { f.Enclosed = 0xa7 }, func(f *Format) { f.Escaped = 0xa7 },
	} {
		f := plain()
		if !f.Readable() {
			t.Fatal("the default format")
		}
		if change(&f); f.Readable() {
			t.Errorf("format %d", i)
		}
	}
}

// FuzzReader reads any file of any format: how it arrives does not matter, and what was read, written in a format that leaves
// no doubt, reads the same.
func FuzzReader(f *testing.F) {
	f.Add([]byte("a\tb\nc\t\\N\n"), "\t", "\n", "", -1, 92, 2)
	f.Add([]byte("\"a\"\"\",NULL\r\n\"b\r\nc"), ",", "\r\n", "", 34, 34, 3)
	f.Add([]byte(">>a,,b;;>>c,,d,,e"), ",,", ";;", ">>", 97, 98, 1)
	f.Fuzz(func(t *testing.T, text []byte, field, line, start string, enclosed, escaped, n int) {
		format := Format{FieldTerm: []byte(field), LineTerm: []byte(line), LineStart: []byte(start), Enclosed: max(enclosed, None), Escaped: max(escaped, None), Skip: uint64(len(text) % 3)}
		if !format.Readable() {
			return
		}
		n = 1 + (n&0x7fffffff)%8
		whole, err := read(format, text, n, len(text)+1)
		single, again := read(format, text, n, 1)
		if whole != single || (err == nil) != (again == nil) {
			t.Fatalf("%q in one piece, %q in many, %v, %v", whole, single, err, again)
		}
		if err == nil {
			checkRewritten(t, format, text, n, whole)
		}
	})
}

// checkRewritten writes the lines as the proxy does for the server.
func checkRewritten(t *testing.T, format Format, text []byte, n int, want string) {
	var b bytes.Buffer
	escape := strings.NewReplacer("\t", `\t`, "\n", `\n`, `\`, `\\`)
	for r := NewReader(format, 1<<16, utf8.Valid, pieces(text, len(text)+1)); ; {
		line, err := r.Next(n)
		if err != nil {
			break
		}
		for i, f := range line.Fields {
			if i > 0 {
				b.WriteByte('\t')
			}
			if f.Null {
				b.WriteString(`\N`)
			} else {
				b.WriteString(escape.Replace(string(f.Value)))
			}
		}
		if line.Cut {
			b.WriteString("\tx")
		}
		b.WriteByte('\n')
	}
	if got, err := read(plain(), b.Bytes(), n, 7); err != nil || got != want {
		t.Fatalf("%q was read, %q when rewritten, %v", want, got, err)
	}
}
