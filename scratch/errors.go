package scratch

import "fmt"

// Kind says what went wrong on the engine's side.
type Kind uint8

// The kinds.
const (
	Off          Kind = iota + 1 // no engine is configured, or none was found
	Unavailable                  // the server is starting, restarting, or cannot be started
	Lost                         // the server, or the connection to it, ended while the statement ran
	Busy                         // no session became free in time
	TooManyRows                  // one statement loads more rows than Limits.Rows
	TooManyBytes                 // one statement loads more bytes than Limits.Bytes
	Full                         // all statements together hold more than Limits.TotalBytes
	Timeout                      // the statement ran longer than Limits.Time, or its client gave up
	Unfit                        // a value could not be stored in its own type: the schema and the data differ
	Settling                     // the server does not take the client's settings
	Protocol                     // the server's answer was not what the engine understands
)

var texts = [...]string{
	Off:          "no scratch server is configured or could be found",
	Unavailable:  "the scratch server is not running",
	Lost:         "the scratch server was lost during the statement",
	Busy:         "all sessions of the scratch server are in use",
	TooManyRows:  "the statement needs more rows in the scratch server than the limit allows",
	TooManyBytes: "the statement needs more bytes in the scratch server than the limit allows",
	Full:         "the scratch server is full",
	Timeout:      "the statement took too long in the scratch server",
	Unfit:        "a stored value does not fit the type of its column",
	Settling:     "the scratch server does not know a setting of the session",
	Protocol:     "the scratch server gave an unexpected answer",
}

func (k Kind) String() string { return texts[k] }

// Error is a fault of the engine itself. Neither its text nor its cause ever holds a value of a client.
type Error struct {
	Kind  Kind
	Cause error // for the log; nil when the kind says it all
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Kind.String()
	}
	return e.Kind.String() + ": " + e.Cause.Error()
}

func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, &Error{Kind: k}) ask for the kind.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind
}

func fail(k Kind, cause error) *Error { return &Error{Kind: k, Cause: cause} }

// ServerError is what the scratch server answered to a statement. It is meant for the client, whose own values its
// message may quote: it must not be logged, and Error leaves the message out.
type ServerError struct {
	Code    uint16
	State   string // SQLSTATE
	Message []byte
}

func (e *ServerError) Error() string { return fmt.Sprintf("error %d (%s)", e.Code, e.State) }
