package audit

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Report is what Verify found.
type Report struct {
	Files   int
	Records uint64
	First   time.Time // of the first record
	Last    time.Time // of the last one
	Signed  uint64    // number of the last record under a signature
	Torn    int       // last lines that a crash cut off, as the files behind them say
	Tail    int       // bytes of a last line that is being written, or that a crash cut off; 0 for none
	Gaps    int       // times in which records could not be written, as the log says
	Missing uint64    // records that are missing from these
	Bad     *Problem  // first bad line; nil when all is well
}

// Problem is a bad line of a log.
type Problem struct {
	File string // without its directory
	Line int    // from 1; 0 when the whole file is meant
	Text string
}

func (p *Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Text)
	}
	return fmt.Sprintf("%s, line %d: %s", p.File, p.Line, p.Text)
}

// Verify reads the whole log of a directory and checks every hash and signature. The first bad line is reported in
// Report.Bad, and nothing behind it is looked at; the error is about reading files. A log that is being written to can be
// verified.
//
// What it cannot see is that the end of a log was cut off together with a head.json that was put back to what it was then:
// Options.Anchor is for that.
func Verify(dir string, key ed25519.PublicKey) (Report, error) {
	h, err := readHead(dir) // first: what it speaks of must then be in the files
	if err != nil {
		return Report{}, err
	}
	numbers, err := fileNumbers(dir)
	if err != nil {
		return Report{}, err
	}
	v := verifier{dir: dir, key: key, head: h}
	for _, n := range numbers {
		if err = v.file(n); err != nil {
			break
		}
	}
	if err == nil {
		err = v.end()
	}
	v.report.Records = v.n
	if bad := (*Problem)(nil); errors.As(err, &bad) {
		v.report.Bad = bad
		return v.report, nil
	}
	return v.report, err
}

// verifier follows the chain through the files.
type verifier struct {
	dir string
	key ed25519.PublicKey
	// head is nil when there is none.
	head *head

	chain
	log    string  // id
	name   string  // of the current file
	line   int     // in it
	number uint64  // of the current file
	torn   int     // bytes behind the last newline of the file before
	before Problem // where they are
	report Report
}

func (v *verifier) bad(format string, args ...any) error {
	return &Problem{File: v.name, Line: v.line, Text: fmt.Sprintf(format, args...)}
}

func (v *verifier) file(number uint64) error {
	if number != v.number+1 {
		v.name, v.line = fileName(v.number+1), 0
		return v.bad("the file is missing")
	}
	v.torn, v.report.Tail = v.report.Tail, 0
	v.before = Problem{File: v.name, Line: v.line}
	v.number, v.name = number, fileName(number)
	l, err := openLines(filepath.Join(v.dir, v.name))
	if err != nil {
		return err
	}
	defer l.close()
	v.report.Files++
	return v.lines(l)
}

func (v *verifier) lines(l *lines) error {
	for {
		line, err := l.next()
		v.line = l.n
		switch {
		case err == io.EOF && l.n == 1:
			return v.bad("the file has no records")
		case err == io.EOF:
			v.report.Tail = l.rest
			return nil
		case err == errLong:
			return v.bad("%v", err)
		case err != nil:
			return err
		}
		if err := v.record(line); err != nil {
			return err
		}
	}
}

// record checks one line.
func (v *verifier) record(line []byte) error {
	r, err := parse(line)
	if err != nil {
		return v.bad("%v", err)
	}
	if v.line == 1 && r.Torn != v.torn {
		return v.unsaid(r.Torn)
	}
	before := v.chain
	if err := v.check(line); err != nil {
		return v.misplaced(r, before, err)
	}
	if r.N != v.n {
		return v.bad("record %d stands where record %d should", r.N, v.n)
	}
	if (v.line == 1) != (r.Kind == kindFile) {
		return v.bad("a %q record cannot stand here", r.Kind)
	}
	v.count(r)
	if err := v.content(r, before); err != nil {
		return err
	}
	if v.head != nil && v.head.N == v.n && v.head.Hash != v.hash.String() {
		return v.bad("this is not the record that %s was signed for", headName)
	}
	return nil
}

// unsaid is about a file that ends in something else than the next one says.
func (v *verifier) unsaid(torn int) error {
	if v.torn == 0 {
		return v.bad("the file before should end in %d bytes that are no record", torn)
	}
	v.before.Text = fmt.Sprintf("the line is cut off, and the next file does not say so: here are %d bytes, it speaks of %d", v.torn, torn)
	return &v.before
}

// misplaced says what is wrong with a line that does not follow.
func (v *verifier) misplaced(r *record, before chain, why error) error {
	switch want := before.n + 1; {
	case r.N > want:
		return v.bad("record %d is missing: here stands record %d", want, r.N)
	case r.N < want:
		return v.bad("record %d stands here again", r.N)
	}
	return v.bad("%v", why)
}

func (v *verifier) count(r *record) {
	at := r.Time
	if v.report.First.IsZero() {
		v.report.First = at
	}
	if at.After(v.report.Last) {
		v.report.Last = at
	}
	if r.Kind == kindGap {
		v.report.Gaps++
		v.report.Missing += r.Missing
	}
}

// content checks what records of some kinds say about the log.
func (v *verifier) content(r *record, before chain) error {
	switch r.Kind {
	case kindFile:
		return v.first(r, before)
	case kindSign:
		if err := r.signRecord.verify(v.key, v.log, before); err != nil {
			return v.bad("%v", err)
		}
		v.report.Signed = before.n
		return nil
	case kindBegin, kindMore, kindEnd, kindGap:
		return nil
	}
	return v.bad("there are no records of kind %.20q", r.Kind)
}

// first checks the first line of a file.
func (v *verifier) first(r *record, before chain) error {
	switch {
	case r.File != v.number:
		return v.bad("this is file %d of the log", r.File)
	case v.log != "" && r.Log != v.log:
		return v.bad("the file belongs to another log")
	case r.Prev != before.hash.String():
		return v.bad("the file does not follow the one before it")
	case r.Cut != "":
		return v.bad("when this file was begun, %s", r.Cut)
	}
	if v.torn > 0 {
		v.report.Torn++
	}
	v.log = r.Log
	return nil
}

// end checks the log's head against the files.
func (v *verifier) end() error {
	if v.number == 0 {
		return &os.PathError{Op: "verify", Path: v.dir, Err: errors.New("there are no files of an access log")}
	}
	if v.head != nil && v.head.N > v.n {
		return v.bad("the log ends here with record %d, but record %d was signed: the end was cut off", v.n, v.head.N)
	}
	v.name, v.line = headName, 0
	if v.head == nil {
		return v.bad("the file is missing: whether the end of the log was cut off cannot be told")
	}
	if v.head.Log != v.log {
		return v.bad("the head belongs to another log")
	}
	if err := v.head.verify(v.key); err != nil {
		return v.bad("%v", err)
	}
	return nil
}
