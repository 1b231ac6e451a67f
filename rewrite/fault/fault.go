// Package fault is the one table of everything phiproxy itself says to a client: code, SQLSTATE, constant text, who is
// to blame, and the anchor in docs/errors.md where the cause and the fix stand. No text ever holds a client's value.
package fault

import "fmt"

// Culprit is the side that a fault or a closed connection is blamed on.
type Culprit string

const (
	Client   Culprit = "client"
	Backend  Culprit = "backend"
	KMS      Culprit = "kms"
	Config   Culprit = "config"
	Data     Culprit = "data" // a stored value that does not verify
	Limits   Culprit = "limits"
	Auth     Culprit = "auth"     // a login that the server turned down
	Internal Culprit = "internal" // ourselves
)

// Fault is one row of the table.
type Fault struct {
	ID      string // "PHI-1101"; anchor docs/errors.md#phi-1101
	Code    uint16 // MySQL error code
	State   string // SQLSTATE, five characters
	Text    string // constant text for the client
	Culprit Culprit
}

// Message is what the client reads.
func (f *Fault) Message() string { return fmt.Sprintf("phiproxy %s: %s", f.ID, f.Text) }

// Error is a fault that happened. Detail goes to the log only, and never holds a client's value or key material.
type Error struct {
	*Fault
	Detail string
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Message()
	}
	return e.Message() + " (" + e.Detail + ")"
}

// With makes an error of the fault with a detail for the log.
func (f *Fault) With(format string, args ...any) *Error {
	return &Error{Fault: f, Detail: fmt.Sprintf(format, args...)}
}
