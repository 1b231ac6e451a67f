// Package audit is the access log of protected data: who did what to whose values, when, and what came of it. It never
// holds a value, a SQL literal or a key.
//
// Records are lines of JSON in numbered files. Each line ends with a SHA-256 hash over the line before it and itself, so
// that nothing can be changed, removed, added or moved unnoticed; at intervals a record holds an Ed25519 signature of the
// chain up to it. Verify checks all of it, Search reads it. Files are never deleted.
package audit

import "time"

// Outcomes of a statement.
const (
	Done       = "done"       // the server answered without an error
	Failed     = "failed"     // the server answered with an error, or the proxy did while the statement ran
	Refused    = "refused"    // the proxy refused the statement; nothing was sent
	Broken     = "broken"     // a connection ended before the answer did
	Unfinished = "unfinished" // there is no record of the statement's end: the process ended first. Never written, only found
)

// Event is what is recorded of one statement. Times are UTC.
type Event struct {
	ID          uint64    `json:"id"`                // of the statement, unique in one log
	Time        time.Time `json:"time"`              // when it began
	Session     uint64    `json:"session"`           // number of the client connection, as in the proxy's log
	User        string    `json:"user"`              // as which the client logged in at the database
	Client      string    `json:"client"`            // address:port
	TLSSubject  string    `json:"tls,omitempty"`     // of the client's verified certificate
	Application string    `json:"app,omitempty"`     // user within the application, see config audit.application_attribute
	Fingerprint string    `json:"fp,omitempty"`      // of the statement's shape, as in the proxy's list of statements
	Verb        string    `json:"verb,omitempty"`    // first word: SELECT, INSERT, ...
	Verdict     string    `json:"verdict"`           // direct, lookup, relay, refuse
	Tables      []string  `json:"tables,omitempty"`  // protected tables, schema.table
	Columns     []string  `json:"columns,omitempty"` // protected columns, schema.table.column; written ones end in "="

	// The rest is known at the end.
	Owners  []string `json:"owners,omitempty"` // whose values were opened, sealed or found; see Entry.Owner for many
	Rows    int64    `json:"rows,omitempty"`   // rows returned, or affected
	Opened  int64    `json:"opened,omitempty"` // values read in the clear
	Sealed  int64    `json:"sealed,omitempty"` // values encrypted
	Outcome string   `json:"outcome,omitempty"`
	Code    string   `json:"code,omitempty"` // of the error: PHI-nnnn, or the server's number
	Millis  int64    `json:"ms,omitempty"`   // from Time to the end
}
