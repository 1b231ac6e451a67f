package audit

import "time"

// Outcomes of a statement.
const (
	Done       = "done"       // the server answered without an error
	Sent       = "sent"       // sealed values were copied or removed without being opened; the server's answer was not read
	Failed     = "failed"     // the server answered with an error, or the proxy did while the statement ran
	Refused    = "refused"    // the proxy refused the statement; nothing of the client's was sent
	Broken     = "broken"     // a connection ended before the answer did
	Unfinished = "unfinished" // there is no record of the statement's end: it runs, or the process ended first. Never written, only found
)

// Verdicts beside those of the rewriter's plans.
const VerdictRefuse = "refuse"

// MaxOwners is the most owners that one record names. A statement that touches more has further records, written while it
// runs.
const MaxOwners = 1000

// maxText is the longest text of a record in bytes: names, addresses and ids, none of which is longer in the servers.
const maxText = 512

// Event is what is recorded of one statement. Times are UTC.
type Event struct {
	ID          uint64    `json:"id"`                // of the statement, unique in one log
	Time        time.Time `json:"time"`              // when it began
	Session     uint64    `json:"session"`           // number of the client connection, as in the proxy's own log
	User        string    `json:"user"`              // as which the client logged in at the database
	Client      string    `json:"client"`            // address:port
	TLSSubject  string    `json:"tls,omitempty"`     // of the client's verified certificate
	Application string    `json:"app,omitempty"`     // user within the application, as the application says
	Fingerprint string    `json:"fp,omitempty"`      // of the statement's shape
	Verb        string    `json:"verb,omitempty"`    // first word: SELECT, INSERT, ...
	Verdict     string    `json:"verdict,omitempty"` // direct, lookup, relay, refuse
	Tables      []string  `json:"tables,omitempty"`  // protected tables, schema.table
	Columns     []string  `json:"columns,omitempty"` // protected columns, schema.table.column; a written one ends in "="

	// What follows is known at the end.

	// Owners are those whose values were opened, sealed or replaced: at most MaxOwners of them, OwnersTotal in all when
	// there are more. That total counts an owner again whose rows do not stand together.
	Owners      []string `json:"owners,omitempty"`
	OwnersTotal int64    `json:"owners_total,omitempty"`
	// Partial says that a record with further owners was lost: anybody may have been among them.
	Partial bool   `json:"owners_missing,omitempty"`
	Rows    int64  `json:"rows,omitempty"`    // returned, or affected
	Opened  int64  `json:"opened,omitempty"`  // values read in the clear
	Sealed  int64  `json:"sealed,omitempty"`  // values encrypted
	Outcome string `json:"outcome,omitempty"` // Done, Failed, ...
	Code    string `json:"code,omitempty"`    // of the error: PHI-nnnn, or the server's number
	Millis  int64  `json:"ms,omitempty"`      // from Time to the end
}

// end is not before the event's end: Millis is rounded down.
func (e *Event) end() time.Time { return e.Time.Add(time.Duration(e.Millis+1) * time.Millisecond) }
