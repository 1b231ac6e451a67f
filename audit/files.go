package audit

import (
	"bufio"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names in a log's directory.
const (
	filePrefix  = "access-"
	fileSuffix  = ".jsonl"
	fileDigits  = 8
	headName    = "head.json" // the last signature
	lockName    = "lock"
	unfinished  = ".new" // suffix of files that are being made
	dirMode     = 0o700
	fileMode    = 0o600
	othersWrite = 0o022
)

func fileName(n uint64) string { return fmt.Sprintf("%s%0*d%s", filePrefix, fileDigits, n, fileSuffix) }

// fileNumbers lists the files of a log in order.
func fileNumbers(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		digits, isPrefixed := strings.CutPrefix(e.Name(), filePrefix)
		digits, isLog := strings.CutSuffix(digits, fileSuffix)
		n, err := strconv.ParseUint(digits, 10, 64)
		if isPrefixed && isLog && err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// lines reads a file line by line.
type lines struct {
	f    *os.File
	r    *bufio.Reader
	n    int    // of the line that was read last, from 1
	buf  []byte // of lines longer than r's buffer
	rest int    // bytes behind the last newline, once next has returned io.EOF
}

func openLines(file string) (*lines, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	return &lines{f: f, r: bufio.NewReaderSize(f, 64<<10)}, nil
}

func (l *lines) close() { _ = l.f.Close() } // it was only read

var errLong = errors.New("the line is longer than a record can be")

// next returns the next line without its newline, valid until the following call, and io.EOF behind the last one.
func (l *lines) next() ([]byte, error) {
	l.n++
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		whole := part
		if len(l.buf) > 0 || err == bufio.ErrBufferFull {
			l.buf = append(l.buf, part...)
			whole = l.buf
		}
		switch {
		case err == nil:
			return whole[:len(whole)-1], nil
		case err == io.EOF:
			l.rest = len(whole)
			return nil, io.EOF
		case err != bufio.ErrBufferFull:
			return nil, err
		case len(l.buf) > maxLine:
			return nil, errLong
		}
	}
}

// head is the content of headName: the signature that was made last, and where the log was then.
type head struct {
	Log  string `json:"log"`
	N    uint64 `json:"n"`    // last record that is signed
	Hash string `json:"hash"` // behind it
	signRecord
}

func writeHead(dir string, h head) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, headName+unfinished)
	if err := os.WriteFile(temp, append(text, '\n'), fileMode); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, headName))
}

// readHead returns nil without an error when there is none.
func readHead(dir string) (*head, error) {
	text, err := os.ReadFile(filepath.Join(dir, headName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h := new(head)
	if err := json.Unmarshal(text, h); err != nil {
		return new(head), nil // it verifies under no key
	}
	return h, nil
}

// verify says why a head is none of the key's.
func (h *head) verify(key ed25519.PublicKey) error {
	c := chain{n: h.N}
	var ok bool
	if c.hash, ok = parseHash(h.Hash); !ok {
		return errForm
	}
	return h.signRecord.verify(key, h.Log, c)
}

// tail is what is found at the end of a log.
type tail struct {
	chain
	log   string // id, "" when there is no record
	file  uint64 // last file's number
	torn  int    // bytes of the last file that are no record
	first uint64 // number of the last file's first record
	signs int    // signatures in the last file

	watched *head // the log's
	met     bool  // its record was met
}

// readTail finds the chain's state at the end of a log, and whether the record that its head was signed for is still
// there. A last file without a readable first line is passed over; Verify names it.
func readTail(dir string, h *head) (tail, error) {
	numbers, err := fileNumbers(dir)
	if err != nil {
		return tail{}, err
	}
	var last tail
	for i := len(numbers) - 1; i >= 0; i-- {
		t, err := readTailOf(dir, numbers[i], h)
		if err != nil {
			return t, err
		}
		if last.log == "" {
			last = t
		}
		last.met = last.met || t.met
		if last.log != "" && (h == nil || h.N+1 >= t.first) {
			break // the head's record is not in front of this file
		}
	}
	if len(numbers) > 0 {
		last.file = numbers[len(numbers)-1]
	}
	return last, nil
}

func readTailOf(dir string, file uint64, h *head) (t tail, err error) {
	l, err := openLines(filepath.Join(dir, fileName(file)))
	if err != nil {
		return t, err
	}
	defer l.close()
	t.watched = h
	return t, t.read(l)
}

// cut says why the log cannot be whole, in words that end "when this file was begun, ...": somebody removed its end, or
// put another in its place.
func (t *tail) cut(h *head, key ed25519.PrivateKey) string {
	switch {
	case h == nil && t.file <= 1 && t.signs == 0:
		return "" // there is nothing, or a process that ended before it had signed anything
	case h == nil:
		return headName + " was missing: the end of the log before may have been cut off"
	case h.verify(key.Public().(ed25519.PublicKey)) != nil:
		return headName + " was not signed with the log's key: the end of the log before may have been cut off"
	case !t.met:
		return fmt.Sprintf("record %d, which had been signed, was gone: the end of the log before was cut off", h.N)
	}
	return ""
}

// read follows the chain through a file from its first line. It stops at the first line that does not fit: whatever
// is behind it counts as torn off, and Verify says so unless it is a piece of one line.
func (t *tail) read(l *lines) error {
	size := 0
	for {
		line, err := l.next()
		switch {
		case err == nil && l.n == 1:
			err = t.start(line)
		case err == nil:
			err = t.check(line)
		case err == io.EOF:
			t.torn = l.rest
			return nil
		}
		if err != nil {
			return t.stop(l, size, err)
		}
		t.watch(line)
		size += len(line) + 1
	}
}

// watch looks at a record that fits.
func (t *tail) watch(line []byte) {
	if kind, _ := peek(line); kind == kindSign {
		t.signs++
	}
	if h := t.watched; h != nil && h.N == t.n && h.Hash == t.hash.String() {
		t.met = true
	}
}

func (t *tail) stop(l *lines, good int, why error) error {
	if why != errForm && why != errChain && why != errLong {
		return why
	}
	info, err := l.f.Stat()
	if err != nil {
		return err
	}
	t.torn = int(info.Size()) - good
	return nil
}

// start takes the chain's state from the first line of a file.
func (t *tail) start(line []byte) error {
	r, err := parse(line)
	if err != nil {
		return err
	}
	prev, ok := parseHash(r.Prev)
	if r.Kind != kindFile || !ok {
		return errForm
	}
	t.chain, t.log, t.first = chain{n: r.N - 1, hash: prev}, r.fileRecord.Log, r.N
	if h := t.watched; h != nil && h.N == t.n && h.Hash == r.Prev {
		t.met = true // the last record of the file before
	}
	return t.check(line)
}
