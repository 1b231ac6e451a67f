package proxy

import "time"

// SessionInfo is one client connection, for the administrator. It never holds SQL.
type SessionInfo struct {
	ID            uint64
	User          string
	Application   string // see Config.ApplicationAttribute
	Client        string // address:port
	TLS           string // version, "" without
	TLSSubject    string // of the client's verified certificate
	Database      string // as far as known
	Since         time.Time
	InTransaction bool
	Idle          bool   // waits for its client
	LastVerb      string // first word of its last statement, or the name of its last command
	Statements    uint64
	Rows          uint64
}

// StatementCount is one shape of statements about protected tables and how often it came.
type StatementCount struct {
	Fingerprint string // hash of Text
	Text        string // without any literal
	Verb        string
	Verdict     string // relay, direct, lookup, refuse
	Reason      string // PHI number of the refusal
	Count       uint64
	Errors      uint64
	Rows        uint64
	Last        time.Time
}

// Sessions lists the client connections, oldest first.
func (srv *Server) Sessions() []SessionInfo { return nil }

// Statements lists the shapes of statements about protected tables, the most frequent first.
func (srv *Server) Statements() []StatementCount { return nil }
