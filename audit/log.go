package audit

import (
	"crypto/ed25519"
	"errors"
	"iter"
	"time"
)

// What happens to protected statements while records cannot be written.
const (
	Refuse = "refuse" // they are refused
	Allow  = "allow"  // they run, and are counted
)

// ErrUnavailable is what Begin returns while records cannot be written and Options.OnFull is Refuse.
var ErrUnavailable = errors.New("audit: the access log cannot be written")

var errStub = errors.New("audit: not built yet")

// Options say where and how a log is kept.
type Options struct {
	Dir      string
	KeyFile  string        // PEM file with the Ed25519 private key; made with the log when neither exists
	Interval time.Duration // between signatures; 10 s when 0
	OnFull   string        // Refuse when ""
}

// Log is an open access log. It is safe for concurrent use.
type Log struct{}

// Open opens the log of a directory, or begins one.
func Open(o Options) (*Log, error) { return nil, errStub }

// Begin records that a statement is about to be sent. It returns when the record is written.
func (l *Log) Begin(e Event) (*Entry, error) { return nil, errStub }

// Note records a statement that is not sent: a refused one.
func (l *Log) Note(e Event) error { return errStub }

// Entry is a statement that has begun. It is used by one goroutine at a time.
type Entry struct{}

// End records how the statement ended: e's Owners, Rows, Opened, Sealed, Outcome and Code. It returns when the record is
// written.
func (e *Entry) End(end Event) error { return errStub }

// Health is the state of a log.
type Health struct {
	OK      bool      `json:"ok"`
	Error   string    `json:"error,omitempty"` // why not; never more than the operating system's words
	Since   time.Time `json:"since"`           // of the present state
	Records uint64    `json:"records"`         // in the log
	Refused uint64    `json:"refused"`         // statements, since the start
	Lost    uint64    `json:"lost"`            // records, since the start
}

// Health returns the log's state now.
func (l *Log) Health() Health { return Health{} }

// Close signs and closes the log.
func (l *Log) Close() error { return errStub }

// Report is what Verify found.
type Report struct {
	Files   int
	Records uint64
	First   time.Time // of the first record
	Last    time.Time
	Signed  uint64   // number of the last record under a signature
	Torn    int      // last lines that a crash cut off, and the log says so
	Gaps    int      // times in which records could not be written, and the log says so
	Bad     *Problem // first bad line; nil when all is well
}

// Problem is a bad line.
type Problem struct {
	File string
	Line int // from 1; 0 when it is about the file
	Text string
}

func (p *Problem) Error() string { return p.File + ": " + p.Text }

// Verify reads the whole log of a directory. A bad line is reported in Report.Bad; the error is about reading.
func Verify(dir string, key ed25519.PublicKey) (Report, error) { return Report{}, errStub }

// ReadPublicKey reads a PEM file with an Ed25519 public key, or the private key of Options.KeyFile.
func ReadPublicKey(file string) (ed25519.PublicKey, error) { return nil, errStub }

// Query selects events. Zero fields select all.
type Query struct {
	Owner    string // whose values were touched, or may have been: unfinished statements are found for every owner
	User     string // database or application user
	From, To time.Time
	Outcome  string
	Limit    int
}

// Search yields the events of a directory's log, oldest first, one for each statement. It does not verify.
func Search(dir string, q Query) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) { yield(Event{}, errStub) }
}
