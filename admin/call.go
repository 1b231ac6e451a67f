package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

// callTimeout bounds one call of the API.
const callTimeout = 25 * time.Second

// call is one request of the API, authenticated, with its parameters parsed.
type call struct {
	who     principal
	address string // of the client, with port
	path    func(name string) string
	values  values
	began   time.Time
}

// took is the guide's execution_time_ms.
func (c *call) took() int64 { return time.Since(c.began).Milliseconds() }

// apiCall answers a call: a value that becomes JSON with status 200, or an error, best an *apiError.
type apiCall func(s *Server, ctx context.Context, c *call) (any, error)

// serve parses the parameters and runs the row's handler.
func (row *route) serve(s *Server, w http.ResponseWriter, r *http.Request, p principal) {
	if row.page != nil {
		row.page(w, r)
		return
	}
	parsed, bad := parseValues(row.params, r.URL.RawQuery, p)
	if bad != nil {
		bad.write(w)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	c := &call{who: p, address: r.RemoteAddr, path: r.PathValue, values: parsed, began: time.Now()}
	answer, err := row.call(s, ctx, c)
	if err != nil {
		s.failed(row, err).write(w)
		return
	}
	writeJSON(w, row.success(), answer)
}

// failed is the answer to an error. One that no handler expected is told in the log only, without its text, which may
// quote what it is about.
func (s *Server) failed(row *route, err error) *apiError {
	if known, ok := errors.AsType[*apiError](err); ok {
		if known.cause != nil {
			s.log.Error("admin call failed", zap.String("route", row.path), zap.String("error", reasonOf(known.cause)))
		}
		return known
	}
	s.log.Error("admin call failed", zap.String("route", row.path), zap.String("error", reasonOf(err)))
	return fail(http.StatusInternalServerError, "Internal error: "+reasonOf(err))
}

// apiError is an answer other than success.
type apiError struct {
	status int
	detail any // the body's "detail"
	body   any // the whole body instead
	cause  error
}

func (e *apiError) Error() string { return http.StatusText(e.status) }

func (e *apiError) write(w http.ResponseWriter) {
	if e.body != nil {
		writeJSON(w, e.status, e.body)
		return
	}
	writeJSON(w, e.status, failure{e.detail})
}

// failure is the body of every answer but success, as FastAPI has it.
type failure struct {
	Detail any `json:"detail"`
}

// message is the guide's detail.
type message struct {
	Error string `json:"error"`
}

func fail(status int, text string) *apiError { return &apiError{status: status, detail: message{text}} }

// failBy is the guide's 500: a constant text and the reason.
func failBy(text string, cause error) *apiError {
	return &apiError{status: http.StatusInternalServerError, detail: message{text + ": " + reasonOf(cause)}, cause: cause}
}

// reasonOf is an error's text where that is made of constants, and a constant where it may quote values.
func reasonOf(err error) string {
	if known, ok := errors.AsType[*keys.Error](err); ok {
		return known.Error()
	}
	switch {
	case errors.Is(err, store.ErrNoUserTable):
		return store.ErrNoUserTable.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case errors.Is(err, context.Canceled):
		return "canceled"
	default:
		return "unexpected failure"
	}
}

// writeJSON marshals before the status is sent. The encoder escapes <, > and &, so that no answer reads as markup.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"detail":{"error":"Internal error"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client went away: nobody is left to tell
}
