// Package infile reads the files of LOAD DATA as the servers do: bytes -> lines of fields. It follows READ_INFO of both
// families (sql/sql_load.cc) step by step, for formats whose separators are ASCII and files whose character set agrees with
// ASCII and has no ASCII byte inside of a longer character: then both servers read bytes, whatever they do about characters.
package infile

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// None stands for no character in Enclosed and Escaped.
const None = -1

// Format is what FIELDS and LINES say.
type Format struct {
	FieldTerm []byte // FIELDS TERMINATED BY
	LineStart []byte // LINES STARTING BY
	LineTerm  []byte // LINES TERMINATED BY
	Enclosed  int    // FIELDS ENCLOSED BY, None without
	Escaped   int    // FIELDS ESCAPED BY, None without
	Skip      uint64 // IGNORE n LINES
}

// maxSeparator is the longest separator that is read; looking for one may take its length in time for every byte.
const maxSeparator = 100

// Readable reports whether the format is one that this package reads: each line and field has an end, which differ, in short
// pieces of ASCII.
func (f *Format) Readable() bool {
	if len(f.FieldTerm) == 0 || len(f.LineTerm) == 0 || bytes.Equal(f.FieldTerm, f.LineTerm) {
		return false
	}
	for _, s := range [][]byte{f.FieldTerm, f.LineStart, f.LineTerm} {
		if len(s) > maxSeparator {
			return false
		}
		for _, c := range s {
			if c >= utf8.RuneSelf {
				return false
			}
		}
	}
	return f.Enclosed < utf8.RuneSelf && f.Escaped < utf8.RuneSelf
}

// What is wrong with a file.
var (
	ErrLong    = errors.New("a line is longer than the limit")
	ErrCharset = errors.New("the file is not in its character set")
)

// Field is one field of a line.
type Field struct {
	Value []byte // without what encloses and escapes it; valid until the next line is read
	Null  bool
}

// Line is one line of a file.
type Line struct {
	Fields []Field // as many as were asked for, or less
	Cut    bool    // there was more on the line, and an end of the line behind it
}

// Reader cuts a file into lines.
type Reader struct {
	f     Format
	more  func() ([]byte, error)
	valid func([]byte) bool
	limit int

	buf  []byte // what was read of the file; buf[pos:] was not looked at
	pos  int
	done bool  // the file has no more bytes
	err  error // of more

	started     bool
	startOfLine bool
	endOfLine   bool
	eof         bool
	value       []byte // of the line's fields, one behind the other
	isNull      bool
	enclosed    bool
	fields      []Field
}

// NewReader reads a file whose next bytes more gives, io.EOF behind the last ones; they need not stay as they are. valid says
// whether a text is in the file's character set. limit bounds the bytes that a line may have.
func NewReader(f Format, limit int, valid func([]byte) bool, more func() ([]byte, error)) *Reader {
	return &Reader{f: f, more: more, valid: valid, limit: limit, startOfLine: len(f.LineStart) > 0}
}

// Next reads the next line, which shall have n fields. It returns io.EOF behind the last one.
func (r *Reader) Next(n int) (Line, error) {
	line, err := r.next(n)
	if r.err != nil {
		return Line{}, r.err
	}
	return line, err
}

func (r *Reader) next(n int) (Line, error) {
	if !r.started {
		r.started = true
		for range r.f.Skip {
			more, _, err := r.nextLine()
			if err != nil {
				return Line{}, err
			}
			if !more {
				break
			}
		}
	}
	if r.eof && !r.endOfLine { // next_line met the end
		return Line{}, io.EOF
	}
	ends, err := r.readFields(n)
	if err != nil || len(ends) == 0 {
		return Line{}, cmpErr(err, io.EOF)
	}
	start := 0
	for i, end := range ends {
		r.fields[i].Value = r.value[start:end:end]
		start = end
	}
	more, cut, err := r.nextLine()
	return Line{Fields: r.fields, Cut: cut && more}, err
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// readFields reads up to n fields of a line and returns where their values end.
func (r *Reader) readFields(n int) (ends []int, err error) {
	r.value, r.fields = r.value[:0], r.fields[:0]
	for range n {
		start := len(r.value)
		ok, err := r.readField()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		v := r.value[start:]
		if !r.valid(v) {
			return nil, ErrCharset
		}
		null := !r.enclosed && r.f.Enclosed != None && string(v) == "NULL" || len(v) == 1 && r.isNull
		r.fields = append(r.fields, Field{Null: null})
		ends = append(ends, len(r.value))
	}
	return ends, nil
}

// need makes n bytes available at pos, if the file has them.
func (r *Reader) need(n int) bool {
	for len(r.buf)-r.pos < n && !r.done {
		p, err := r.more()
		if err != nil {
			r.done = true
			if err != io.EOF {
				r.err = err
			}
			break
		}
		if keep := r.pos - 1; keep > 0 { // the last character may yet be taken back
			r.buf = append(r.buf[:0], r.buf[keep:]...)
			r.pos = 1
		}
		r.buf = append(r.buf, p...)
	}
	return len(r.buf)-r.pos >= n
}

const endOfFile = -1

func (r *Reader) get() int {
	if !r.need(1) {
		return endOfFile
	}
	c := r.buf[r.pos]
	r.pos++
	return int(c)
}

// unget takes a get back.
func (r *Reader) unget(c int) {
	if c != endOfFile {
		r.pos--
	}
}

// terminator reports whether c, which was just read, begins what ends a field or line, and reads the rest of it.
func (r *Reader) terminator(c int, term []byte) bool {
	if c != int(term[0]) || !r.need(len(term)-1) || !bytes.HasPrefix(r.buf[r.pos:], term[1:]) {
		return false
	}
	r.pos += len(term) - 1
	return true
}

// findStart skips what stands in front of a line.
func (r *Reader) findStart() bool {
	for {
		c := r.get()
		if c == endOfFile {
			r.endOfLine, r.eof = true, true
			return false
		}
		if r.terminator(c, r.f.LineStart) {
			return true
		}
	}
}

// readField appends the next field of the line to value; ok is false when there is none.
func (r *Reader) readField() (ok bool, err error) {
	r.isNull, r.enclosed = false, false
	if r.endOfLine {
		return false, nil
	}
	if r.startOfLine {
		r.startOfLine = false
		if !r.findStart() {
			return false, nil
		}
	}
	c := r.get()
	if c == endOfFile {
		r.endOfLine, r.eof = true, true
		return false, nil
	}
	start, quote := len(r.value), None
	if c == r.f.Enclosed {
		quote = c
		r.value = append(r.value, byte(c)) // stays when nothing closes it
	} else {
		r.unget(c)
	}
	for {
		if len(r.value) > r.limit {
			return false, ErrLong
		}
		done, closed := r.step(quote)
		if !done {
			continue
		}
		if closed {
			r.enclosed = true
			r.value = append(r.value[:start], r.value[start+1:]...)
		}
		return true, nil
	}
}

// step reads one character of a field. done tells that the field is over, closed that what enclosed it was closed.
func (r *Reader) step(quote int) (done, closed bool) {
	c := r.get()
	if c == endOfFile {
		return r.ended(), false
	}
	if c == r.f.Escaped {
		literal, over := r.escape()
		if over || !literal {
			return over, false
		}
	}
	if quote == None && r.terminator(c, r.f.LineTerm) {
		r.endOfLine = true
		return true, false
	}
	switch {
	case c == quote:
		next := r.get()
		if next == quote {
			r.value = append(r.value, byte(next))
			return false, false
		}
		if r.closes(next) {
			return true, true
		}
		r.unget(next)
	case quote == None && r.terminator(c, r.f.FieldTerm):
		return true, false
	}
	r.value = append(r.value, byte(c))
	return false, false
}

// closes reports whether next, behind a closing quote, ends the field.
func (r *Reader) closes(next int) bool {
	switch {
	case next == endOfFile:
		r.endOfLine = true // that it is the end of the file, the next read tells
		return true
	case r.terminator(next, r.f.LineTerm):
		r.endOfLine = true
		return true
	}
	return r.terminator(next, r.f.FieldTerm)
}

func (r *Reader) ended() bool {
	r.endOfLine, r.eof = true, true
	return true
}

// escape reads what stands behind the escape character. literal tells that the character is an ordinary one: when it
// also encloses, only its double is escaped.
func (r *Reader) escape() (literal, over bool) {
	c := r.get()
	if c == endOfFile {
		r.value = append(r.value, byte(r.f.Escaped))
		return false, r.ended()
	}
	if r.f.Escaped == r.f.Enclosed && c != r.f.Escaped {
		r.unget(c)
		return true, false
	}
	r.value = append(r.value, r.unescape(byte(c)))
	return false, false
}

func (r *Reader) unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case '0':
		return 0
	case 'Z':
		return 0x1a
	case 'N':
		r.isNull = true
	}
	return c
}

// nextLine goes on to the next line. more is false at the end of the file, cut is true when something was left of the line.
func (r *Reader) nextLine() (more, cut bool, err error) {
	r.startOfLine = len(r.f.LineStart) > 0
	if r.endOfLine || r.eof {
		r.endOfLine = false
		return !r.eof, false, nil
	}
	var skipped []byte
	for {
		c := r.get()
		switch {
		case c == endOfFile:
			r.eof = true
			return false, cut, r.checkSkipped(skipped)
		case c == r.f.Escaped:
			cut = true
			if c = r.get(); c == endOfFile {
				r.eof = true
				return false, cut, r.checkSkipped(skipped)
			}
		case r.terminator(c, r.f.LineTerm):
			return true, cut, r.checkSkipped(skipped)
		default:
			cut = true
		}
		if skipped = append(skipped, byte(c)); len(skipped) > r.limit {
			return false, cut, ErrLong
		}
	}
}

func (r *Reader) checkSkipped(b []byte) error {
	if !r.valid(b) {
		return ErrCharset
	}
	return nil
}
