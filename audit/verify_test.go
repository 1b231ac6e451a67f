package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// damaged is a closed log of several files that tests damage.
type damaged struct {
	o     Options
	files [][][]byte // file -> line, newlines included
}

func newDamaged(t testing.TB) *damaged {
	t.Helper()
	o := options(t)
	o.RotateSize = 4096
	for range 2 {
		l := open(t, o)
		for i := range 8 {
			access(t, l, event("ann"), fmt.Sprint(i))
		}
		closeLog(t, l)
	}
	d := &damaged{o: o}
	for n := uint64(1); ; n++ {
		text, err := os.ReadFile(d.file(n))
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		d.files = append(d.files, bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")))
		last := len(d.files[n-1]) - 1
		d.files[n-1][last] = append(bytes.Clone(d.files[n-1][last]), '\n')
	}
	if len(d.files) < 4 {
		t.Fatalf("%d files", len(d.files))
	}
	return d
}

func (d *damaged) file(n uint64) string { return filepath.Join(d.o.Dir, fileName(n)) }

func (d *damaged) write(t testing.TB, file int, lines [][]byte) {
	t.Helper()
	if err := os.WriteFile(d.file(uint64(file+1)), bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
}

// found verifies after a damage to a line, and repairs it.
func (d *damaged) found(t *testing.T, what string, file int, lines [][]byte, at int) {
	t.Helper()
	d.write(t, file, lines)
	r := verify(t, d.o)
	d.write(t, file, d.files[file])
	if r.Bad == nil {
		t.Errorf("%s of file %d, line %d, was not found", what, file+1, at)
		return
	}
	// Where the file ends early the next one is the first that does not follow.
	next := at > len(lines) && r.Bad.File == fileName(uint64(file+2)) && r.Bad.Line == 1
	if !next && (r.Bad.File != fileName(uint64(file+1)) || r.Bad.Line != at) {
		t.Errorf("%s of file %d, line %d: %v", what, file+1, at, r.Bad)
	}
}

// Every line of a log is edited, removed, repeated, exchanged with the next and cut; each damage is found where it is.
func TestVerifyFindsEveryDamage(t *testing.T) {
	d := newDamaged(t)
	sound(t, d.o)
	for f, lines := range d.files {
		for i, line := range lines {
			for _, at := range []int{0, len(line) / 3, len(line) / 2, len(line) - 10, len(line) - 2} {
				edited := slices.Clone(lines)
				edited[i] = bytes.Clone(line)
				edited[i][at] ^= 1
				d.found(t, fmt.Sprintf("edit at %d", at), f, edited, i+1)
			}
			repeated := slices.Insert(slices.Clone(lines), i, line)
			d.found(t, "repetition", f, repeated, i+2)
			d.found(t, "removal", f, slices.Delete(slices.Clone(lines), i, i+1), i+1)
			if i+1 < len(lines) {
				swapped := slices.Clone(lines)
				swapped[i], swapped[i+1] = lines[i+1], lines[i]
				d.found(t, "exchange", f, swapped, i+1)
			}
			cut := slices.Clone(lines[:i+1])
			cut[i] = line[:len(line)/2]
			d.found(t, "cut", f, cut, i+1)
		}
	}
	sound(t, d.o)
}

func TestVerifyFindsFiles(t *testing.T) {
	d := newDamaged(t)
	for f := range d.files {
		if err := os.Rename(d.file(uint64(f+1)), d.file(999)+"x"); err != nil {
			t.Fatal(err)
		}
		r := verify(t, d.o)
		if r.Bad == nil {
			t.Errorf("file %d is missing, which was not found", f+1)
		} else if last := f == len(d.files)-1; !last && r.Bad.File != fileName(uint64(f+1)) {
			t.Errorf("file %d is missing: %v", f+1, r.Bad)
		}
		if err := os.Rename(d.file(999)+"x", d.file(uint64(f+1))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(d.file(uint64(len(d.files)+1)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, d.o); r.Bad == nil {
		t.Error("a file without records was not found")
	}
}

// Whoever changes a log and makes its hashes anew has no signature for it.
func TestVerifyFindsForgery(t *testing.T) {
	d := newDamaged(t)
	var c chain
	var before int // records in front of the file
	for f, lines := range d.files {
		var forged [][]byte
		for i, line := range lines {
			body, _, ok := split(line[:len(line)-1])
			if !ok {
				t.Fatal("not a record")
			}
			_, members, _ := bytes.Cut(body, []byte{','})
			members = bytes.Replace(members, []byte(`"user":"ann"`), []byte(`"user":"bob"`), 1)
			if i == 0 && f > 0 {
				members = bytes.Replace(members, []byte(d.prev(t, f)), []byte(c.hash.String()), 1)
			}
			forged = append(forged, c.appendLine(nil, members))
		}
		d.write(t, f, forged)
		before += len(lines)
	}
	r := verify(t, d.o)
	if r.Bad == nil || r.Bad.File != fileName(1) || !bytes.Contains(d.files[0][r.Bad.Line-1], []byte(`"kind":"sign"`)) {
		t.Errorf("%v", r.Bad)
	}
}

func (d *damaged) prev(t *testing.T, file int) string {
	t.Helper()
	r, err := parse(d.files[file][0])
	if err != nil {
		t.Fatal(err)
	}
	return r.Prev
}

func TestVerifyWithAnotherKey(t *testing.T) {
	d := newDamaged(t)
	other := options(t)
	closeLog(t, open(t, other))
	r, err := Verify(d.o.Dir, publicKey(t, other))
	if err != nil || r.Bad == nil || r.Bad.Line == 0 {
		t.Errorf("%+v, %v", r.Bad, err)
	}
}

// The end of a log that was cut off is missed by the head, and a head that is no head is found.
func TestVerifyHead(t *testing.T) {
	d := newDamaged(t)
	name := filepath.Join(d.o.Dir, headName)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	last := len(d.files) - 1
	d.write(t, last, d.files[last][:2])
	if r := verify(t, d.o); r.Bad == nil || r.Bad.Line != 3 || r.Bad.File != fileName(uint64(last+1)) {
		t.Errorf("cut off: %v", r.Bad)
	}
	d.write(t, last, d.files[last])
	for _, damage := range [][]byte{nil, []byte("{}"), bytes.Replace(text, []byte(`"sig":"`), []byte(`"sig":"00`), 1), bytes.Replace(text, []byte(`"n":`), []byte(`"n":1`), 1)} {
		if err := os.WriteFile(name, damage, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, d.o); r.Bad == nil {
			t.Errorf("head %q passes", damage)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, d.o); r.Bad == nil || r.Bad.File != headName {
		t.Errorf("removed: %v", r.Bad)
	}
}

// crashed is a copy of a log at a moment at which its process lives, with some bytes behind its end.
func crashed(t *testing.T, torn string) Options {
	t.Helper()
	o := options(t)
	l := open(t, o)
	access(t, l, event("ann"), "1")
	copied := o
	copied.Dir += "-crashed"
	if err := os.CopyFS(copied.Dir, os.DirFS(o.Dir)); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	name := filepath.Join(copied.Dir, fileName(1))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(name, append(text, torn...), 0o600), os.Chmod(copied.Dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	return copied
}

// A crash leaves half a record behind. It is not taken for one, the next process says so, and the chain goes on.
func TestTornLine(t *testing.T) {
	for torn, want := range map[string]int{"": 0, `{"n":6,"kind":"begin","id"`: 1, "\x00\x00\x00": 1} {
		o := crashed(t, torn)
		if r := sound(t, o); r.Tail != len(torn) {
			t.Errorf("%+v", r)
		}
		l := open(t, o)
		access(t, l, event("cid"), "1")
		closeLog(t, l)
		if r := sound(t, o); r.Torn != want {
			t.Errorf("%q: %+v", torn, r)
		}
		if got := users(search(t, o, Query{Owner: "1"})); got != "ann cid" {
			t.Error(got)
		}
	}
	o := crashed(t, "torn")
	closeLog(t, open(t, o))
	name := filepath.Join(o.Dir, fileName(1))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text[:len(text)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, o); r.Bad == nil || r.Bad.File != fileName(1) {
		t.Errorf("the torn line was cut further: %v", r.Bad)
	}
}

// Somebody who cuts off the end of a log and waits for the next start does not get it signed away.
func TestCutBeforeRestart(t *testing.T) {
	for name, cut := range map[string]func(d *damaged) error{
		"last file": func(d *damaged) error { return os.Remove(d.file(uint64(len(d.files)))) },
		"two files": func(d *damaged) error {
			return errors.Join(os.Remove(d.file(uint64(len(d.files)))), os.Remove(d.file(uint64(len(d.files)-1))))
		},
		"lines":            func(d *damaged) error { return d.truncate(3) },
		"signature":        func(d *damaged) error { return d.truncate(len(d.files[len(d.files)-1]) - 1) },
		"head":             func(d *damaged) error { return os.Remove(filepath.Join(d.o.Dir, headName)) },
		"head's content":   func(d *damaged) error { return os.WriteFile(filepath.Join(d.o.Dir, headName), []byte("{}"), 0o600) },
		"lines for others": func(d *damaged) error { return d.forgeTail() },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDamaged(t)
			if err := cut(d); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				closeLog(t, open(t, d.o))
			}
			if r := verify(t, d.o); r.Bad == nil || r.Bad.Line != 1 {
				t.Errorf("%v", r.Bad)
			}
		})
	}
}

// truncate leaves some lines of the last file.
func (d *damaged) truncate(lines int) error {
	last := len(d.files) - 1
	return os.WriteFile(d.file(uint64(last+1)), bytes.Join(d.files[last][:lines], nil), 0o600)
}

// forgeTail puts other records in the place of the last file's, as many as there were, without signatures.
func (d *damaged) forgeTail() error {
	last := len(d.files) - 1
	var t tail
	lines := d.files[last]
	if err := t.start(lines[0][:len(lines[0])-1]); err != nil {
		return err
	}
	forged := bytes.Clone(lines[0])
	e := event("nobody")
	for range 2 * len(lines) {
		forged = t.appendLine(forged, appendEvent(nil, kindEnd, &e))
	}
	return os.WriteFile(d.file(uint64(last+1)), forged, 0o600)
}

// Somebody who damages the last file before the next start gets no blessing for it.
func TestDamageBeforeRestart(t *testing.T) {
	d := newDamaged(t)
	last := len(d.files) - 1
	for _, at := range []int{0, 1} {
		edited := slices.Clone(d.files[last])
		edited[at] = bytes.Clone(edited[at])
		edited[at][len(edited[at])/2] ^= 1
		d.write(t, last, edited)
		l := open(t, d.o)
		access(t, l, event("cid"), "1")
		closeLog(t, l)
		if r := verify(t, d.o); r.Bad == nil || r.Bad.File != fileName(uint64(last+1)) || r.Bad.Line != at+1 {
			t.Errorf("line %d: %v", at+1, r.Bad)
		}
	}
}

func TestVerifyNothing(t *testing.T) {
	o := options(t)
	closeLog(t, open(t, o))
	for _, dir := range []string{t.TempDir(), "/no/such/directory"} {
		if _, err := Verify(dir, publicKey(t, o)); err == nil {
			t.Errorf("%s verifies", dir)
		}
	}
}

// FuzzRead gives Verify and Search any text as a log's file.
func FuzzRead(f *testing.F) {
	d := newDamaged(f)
	for _, lines := range d.files[:2] {
		f.Add(bytes.Join(lines, nil))
	}
	f.Add([]byte(`{"n":1,"kind":"begin","id":1}`))
	f.Add([]byte("\x00\n\n{"))
	f.Add(bytes.Replace(bytes.Join(d.files[1], nil), []byte(`"prev":"`), []byte(`"prev":"00`), 1))
	f.Add([]byte(`{"n":,"kind":"begin"` + strings.Repeat("0", hashText) + "\n")) // looks like a record at first
	key, dir := publicKey(f, d.o), f.TempDir()
	name := filepath.Join(dir, fileName(1))
	original := bytes.Join(d.files[0], nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(dir, key)
		if err == nil && r.Bad == nil {
			t.Fatal("a log without a head verifies")
		}
		if r.Signed > 0 && !bytes.HasPrefix(text, original[:1]) {
			t.Fatal("a signature verifies over something else")
		}
		n := 0
		for _, err := range Search(dir, Query{Owner: "1"}) {
			if _, isProblem := err.(*Problem); err != nil && !isProblem {
				t.Fatal(err)
			}
			n++
		}
		if n > 2*bytes.Count(text, []byte("\n"))+2 {
			t.Fatalf("%d events", n)
		}
		if _, err := readTail(dir, nil); err != nil {
			t.Fatal(err)
		}
	})
}
