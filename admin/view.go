package admin

import (
	"context"
	"errors"
	"net/http"

	"phiproxy/audit"
)

type sessionList struct {
	Total    int       `json:"total"`
	Sessions []Session `json:"sessions"`
}

func (s *Server) sessions(_ context.Context, c *call) (any, error) {
	all := s.options.Sessions()
	return sessionList{len(all), firstOf(all, c.values.number("limit"))}, nil
}

type statementList struct {
	Total      int         `json:"total"`
	Statements []Statement `json:"statements"`
}

func (s *Server) statements(_ context.Context, c *call) (any, error) {
	chosen := []Statement{}
	for _, st := range s.options.Statements() {
		if verdict := c.values.text("verdict"); verdict == "" || st.Verdict == verdict {
			chosen = append(chosen, st)
		}
	}
	return statementList{len(chosen), firstOf(chosen, c.values.number("limit"))}, nil
}

// firstOf is at most n of the list, and never null.
func firstOf[T any](list []T, n int) []T {
	return append([]T{}, list[:min(n, len(list))]...)
}

type accessList struct {
	Returned  int           `json:"returned"`
	Truncated bool          `json:"truncated"`        // there are more
	Bad       int           `json:"unreadable_lines"` // of the log; 'phiproxy keys verify-audit' names them
	Entries   []audit.Event `json:"entries"`
}

func (s *Server) accessLog(ctx context.Context, c *call) (any, error) {
	if s.options.Search == nil {
		return nil, fail(http.StatusServiceUnavailable, "No access log is kept; the setting audit.dir begins one")
	}
	limit := c.values.number("limit")
	q := audit.Query{
		Owner: c.values.text("owner"), User: c.values.text("user"), Outcome: c.values.text("outcome"),
		From: c.values.moment("from"), To: c.values.moment("to"), Limit: limit + 1, Done: ctx.Done(),
	}
	answer := accessList{Entries: []audit.Event{}}
	for event, err := range s.options.Search(q) {
		switch {
		case ctx.Err() != nil, errors.Is(err, audit.ErrStopped):
			return nil, fail(http.StatusServiceUnavailable, "The search takes too long; choose a shorter time")
		case isProblem(err):
			answer.Bad++
		case err != nil:
			return nil, failBy("The access log cannot be read", err)
		case len(answer.Entries) == limit:
			answer.Truncated = true
		default:
			answer.Entries = append(answer.Entries, event)
		}
		if answer.Truncated {
			break
		}
	}
	answer.Returned = len(answer.Entries)
	return answer, nil
}

// isProblem tells a damaged line, which a search goes on after.
func isProblem(err error) bool {
	_, ok := errors.AsType[*audit.Problem](err)
	return ok
}
