package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"
)

// A record is one line of a file:
//
//	{"n":17,"kind":"begin", ... ,"hash":"<64 hexadecimal digits>"}
//
// n counts the records of the log from 1. hash is SHA-256 over the hash of the record before (32 bytes; zero for the
// first) and the bytes of the line in front of `,"hash"`. The bytes are what is hashed: nothing is encoded again.
const (
	kindFile  = "file"  // first line of a file
	kindBegin = "begin" // an Event: a statement is about to be sent
	kindMore  = "more"  // owners of a running statement, when there are more than MaxOwners
	kindEnd   = "end"   // an Event: the statement has ended, or was refused
	kindGap   = "gap"   // records could not be written for some time
	kindSign  = "sign"  // signature over everything before
)

const (
	hashBytes = sha256.Size
	hashHead  = `,"hash":"`
	hashTail  = `"}`
	hashText  = len(hashHead) + 2*hashBytes + len(hashTail)
	// maxLine is longer than every line that a log writes.
	maxLine = 2 << 20
)

type hash [hashBytes]byte

// follow is the hash of a line's body behind the record with hash h.
func (h hash) follow(body []byte) hash {
	s := sha256.New()
	s.Write(h[:])
	s.Write(body)
	var out hash
	s.Sum(out[:0])
	return out
}

func (h hash) String() string { return hex.EncodeToString(h[:]) }

func parseHash(text string) (h hash, ok bool) {
	if len(text) != 2*hashBytes {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(text))
	return h, err == nil
}

// chain is the state of a log behind its last record.
type chain struct {
	n    uint64 // number of the last record; 0 at the beginning
	hash hash
}

// appendLine appends the record with the given members (`"kind":"begin",...`) as the chain's next line.
func (c *chain) appendLine(dst, members []byte) []byte {
	start := len(dst)
	dst = strconv.AppendUint(append(dst, `{"n":`...), c.n+1, 10)
	dst = append(append(dst, ','), members...)
	c.n, c.hash = c.n+1, c.hash.follow(dst[start:])
	dst = append(dst, hashHead...)
	dst = hex.AppendEncode(dst, c.hash[:])
	return append(dst, hashTail+"\n"...)
}

// record is a line of any kind as it is read.
type record struct {
	N    uint64 `json:"n"`
	Kind string `json:"kind"`
	Event
	fileRecord
	gapRecord
	signRecord
	Hash string `json:"hash"`
}

// fileRecord is the first line of a file.
type fileRecord struct {
	Version int    `json:"v"`
	Log     string `json:"log"`  // random id of the log
	File    uint64 `json:"file"` // number of the file
	Why     string `json:"why"`  // startOfProcess, full or old
	Prev    string `json:"prev"` // hash of the record before
	Torn    int    `json:"torn"` // bytes of a last line that a crash cut off in the file before
	Cut     string `json:"cut"`  // why the log before a process's first file is not whole
}

// Reasons for a new file.
const (
	startOfProcess = "start"
	full           = "size"
	old            = "age"
	writeError     = "error"
)

type gapRecord struct {
	Until   time.Time `json:"until"`   // the record's time is the gap's beginning
	Missing uint64    `json:"missing"` // records that were lost
	Stopped uint64    `json:"stopped"` // statements that were refused because of it
}

type signRecord struct {
	Key string `json:"key"` // first bytes of the SHA-256 hash of the public key
	Sig string `json:"sig"`
}

var (
	errForm  = errors.New("this is no record of an access log")
	errChain = errors.New("the hash does not follow from the record before: a line was changed, removed, added or moved here")
)

// split cuts a line without its newline into what is hashed and the hash.
func split(line []byte) (body []byte, h hash, ok bool) {
	cut := len(line) - hashText
	if cut < 1 || line[0] != '{' {
		return nil, h, false
	}
	body, tail := line[:cut], line[cut:]
	if !bytes.HasPrefix(tail, []byte(hashHead)) || !bytes.HasSuffix(tail, []byte(hashTail)) {
		return nil, h, false
	}
	h, ok = parseHash(string(tail[len(hashHead) : len(tail)-len(hashTail)]))
	return body, h, ok
}

// check verifies that a line without its newline is the chain's next one, and moves the chain on.
func (c *chain) check(line []byte) error {
	body, h, ok := split(line)
	if !ok {
		return errForm
	}
	if c.hash.follow(body) != h {
		return errChain
	}
	c.n, c.hash = c.n+1, h
	return nil
}

// parse reads a line. Members that no record has are an error.
func parse(line []byte) (*record, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	r := new(record)
	if err := d.Decode(r); err != nil || r.N == 0 || r.Kind == "" {
		return nil, errForm
	}
	return r, nil
}

// Encoding. Records are written by hand: it is several times as fast as by reflection, and the order of members is fixed.

const timeLayout = "2006-01-02T15:04:05.000000Z"

func appendKind(dst []byte, kind string) []byte {
	return append(append(append(dst, `"kind":"`...), kind...), '"')
}

func appendTime(dst []byte, name string, t time.Time) []byte {
	return append(t.UTC().AppendFormat(appendName(dst, name+`"`), timeLayout), '"')
}

// appendName appends `,"name":` and, when name ends in a quote, the quote that opens a text.
func appendName(dst []byte, name string) []byte {
	dst = append(dst, `,"`...)
	if n := len(name) - 1; name[n] == '"' {
		return append(append(dst, name[:n]...), `":"`...)
	}
	return append(append(dst, name...), `":`...)
}

func appendNumber[T int64 | uint64](dst []byte, name string, n T) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendInt(appendName(dst, name), int64(n), 10)
}

func appendString(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return appendQuoted(appendName(dst, name), text)
}

func appendStrings(dst []byte, name string, texts []string) []byte {
	if len(texts) == 0 {
		return dst
	}
	dst = append(appendName(dst, name), '[')
	for i, t := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, t)
	}
	return append(dst, ']')
}

// appendQuoted appends a JSON string. Control characters, and bytes that are no UTF-8, are escaped: a line stays a line,
// and a terminal that shows it gets no commands.
func appendQuoted(dst []byte, text string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i, r := range text {
		switch {
		case i >= maxText:
			return append(dst, '"')
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r >= 0x7f && r < 0xa0:
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, '\\', 'u', '2', '0', '2', digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// appendEvent appends the members of an event.
func appendEvent(dst []byte, kind string, e *Event) []byte {
	dst = appendKind(dst, kind)
	dst = appendNumber(dst, "id", e.ID)
	dst = appendTime(dst, "time", e.Time)
	dst = appendNumber(dst, "session", e.Session)
	dst = appendString(dst, "user", e.User)
	dst = appendString(dst, "client", e.Client)
	dst = appendString(dst, "tls", e.TLSSubject)
	dst = appendString(dst, "app", e.Application)
	dst = appendString(dst, "fp", e.Fingerprint)
	dst = appendString(dst, "verb", e.Verb)
	dst = appendString(dst, "verdict", e.Verdict)
	dst = appendStrings(dst, "tables", e.Tables)
	dst = appendStrings(dst, "columns", e.Columns)
	dst = appendStrings(dst, "owners", e.Owners)
	dst = appendNumber(dst, "owners_total", e.OwnersTotal)
	if e.Partial {
		dst = append(appendName(dst, "owners_missing"), "true"...)
	}
	dst = appendNumber(dst, "rows", e.Rows)
	dst = appendNumber(dst, "opened", e.Opened)
	dst = appendNumber(dst, "sealed", e.Sealed)
	dst = appendString(dst, "outcome", e.Outcome)
	dst = appendString(dst, "code", e.Code)
	return appendNumber(dst, "ms", e.Millis)
}

func appendFile(dst []byte, f fileRecord, at time.Time) []byte {
	dst = appendTime(appendKind(dst, kindFile), "time", at)
	dst = appendNumber(dst, "v", int64(f.Version))
	dst = appendString(dst, "log", f.Log)
	dst = appendNumber(dst, "file", f.File)
	dst = appendString(dst, "why", f.Why)
	dst = appendString(dst, "prev", f.Prev)
	dst = appendNumber(dst, "torn", int64(f.Torn))
	return appendString(dst, "cut", f.Cut)
}

func appendGap(dst []byte, g gapRecord, from time.Time) []byte {
	dst = appendTime(appendKind(dst, kindGap), "time", from)
	dst = appendTime(dst, "until", g.Until)
	dst = appendNumber(dst, "missing", g.Missing)
	return appendNumber(dst, "stopped", g.Stopped)
}

func appendSign(dst []byte, s signRecord, at time.Time) []byte {
	dst = appendTime(appendKind(dst, kindSign), "time", at)
	return appendString(appendString(dst, "key", s.Key), "sig", s.Sig)
}
