package admin

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"phiproxy/audit"
	"phiproxy/keys/store"
)

// route is one row of the table of everything that the port answers. Exactly one of page and call is set.
type route struct {
	method string
	path   string           // pattern of http.ServeMux
	polled bool             // asked for every few seconds: successes are not worth a line of the log
	role   role             // least role; a row without one is closed to everybody, and New refuses it
	page   http.HandlerFunc // answers itself: files, metrics
	call   apiCall          // answers with JSON

	// The rest is for openapi.json, which lists the rows that have a summary.
	summary string
	params  []param
	status  int    // of success; 200 when 0
	answers []any  // zero values of the shapes of success
	media   string // of success, JSON when ""
	errors  []int  // besides those that every row of its kind has
	failed  any    // zero value of the shape of a 503 that has one of its own
}

func (row *route) success() int {
	if row.status == 0 {
		return http.StatusOK
	}
	return row.status
}

func (row *route) pattern() string { return row.method + " " + row.path }

// Parameters that several rows have.
var (
	adminUser  = param{name: "admin_user_id", need: true, acting: true, doc: "User of the application who performs this: active, with user_type 100 or more. It may be left out, and must not be another, when the token or certificate acts as a user."}
	userID     = param{name: "user_id", need: true, doc: "User whose key is meant."}
	targetUser = param{name: "target_user_id", doc: "User whose key is meant; everybody's when absent or empty."}
)

func limit(fallback, most int, doc string) param {
	return param{name: "limit", kind: number, min: 1, max: most, fallback: fallback, doc: doc}
}

// routes is the whole table. A handler exists only by standing here or in pageRoutes, whose rows are constant files.
func (s *Server) routes() []route {
	return slices.Concat(s.guideRoutes(), s.keyRoutes(), s.viewRoutes(), s.machineRoutes(), pageRoutes())
}

// guideRoutes are the endpoints of the guide, with its parameters, answers and errors.
func (s *Server) guideRoutes() []route {
	return []route{
		{method: "POST", path: "/admin/encryption/generate-key", role: administrator, call: (*Server).generateKey,
			summary: "Makes a user's first key, or a new version of it. Earlier versions stay usable for reading.",
			params:  []param{userID, adminUser}, answers: []any{keyMade{}}, errors: []int{404, 500}},
		{method: "GET", path: "/admin/encryption/key-status", role: viewer, call: (*Server).keyStatus,
			summary: "How many active users have a key, or the state of one user's key.",
			params:  []param{adminUser, targetUser}, answers: []any{coverageStatus{}, keyStatus{}, noKeyStatus{}}, errors: []int{404, 500}},
		{method: "POST", path: "/admin/encryption/clear-cache", role: administrator, call: (*Server).clearCache,
			summary: "Removes one user's keys, or all, from the memory of every proxy of the fleet. They are loaded again when needed.",
			params:  []param{adminUser, targetUser}, answers: []any{cacheCleared{}}, errors: []int{404, 500}},
		{method: "GET", path: "/admin/encryption/audit-log", role: viewer, call: (*Server).auditLog,
			summary: "Audit records of key operations, newest first.",
			params:  []param{adminUser, targetUser, limit(100, 1000, "Most records to return.")}, answers: []any{auditLog{}}, errors: []int{404, 500}},
	}
}

// keyRoutes are the further acts on keys.
func (s *Server) keyRoutes() []route {
	return []route{
		{method: "GET", path: "/admin/encryption/keys", role: viewer, call: (*Server).listKeys,
			summary: "Lists owners' keys in byte order of the user ids, a page at a time.",
			params: []param{
				{name: "prefix", doc: "Only users whose id begins so."},
				{name: "state", kind: choice, choices: []string{"all", store.StateActive, store.StateInactive, store.StateOrphaned, store.StateDestroyed}, doc: "Only keys in this state."},
				{name: "version", kind: number, min: 0, max: 1 << 30, doc: "Only keys whose current version has this number; 0 for any."},
				{name: "after", doc: "next of the page before."}, limit(100, 1000, "Most keys to return."),
			}, answers: []any{keyList{}}, errors: []int{500}},
		{method: "POST", path: "/admin/encryption/rotate-key", role: administrator, call: (*Server).rotateKey,
			summary: "Makes a new version of a user's key for new values. Earlier versions stay usable for reading.",
			params:  []param{userID, adminUser}, answers: []any{keyMade{}}, errors: []int{404, 409, 500}},
		{method: "POST", path: "/admin/encryption/rotate-all", role: administrator, call: (*Server).rotateAll, status: http.StatusAccepted,
			summary: "Starts rotating every active key in the background. An interrupted job goes on when it is started again with its rotated_before: keys that are newer are left alone.",
			params: []param{adminUser, {name: "rotated_before", kind: moment,
				doc: "Only keys made before; the present when absent."}}, answers: []any{jobStatus{}}, errors: []int{404, 409, 500}},
		{method: "GET", path: "/admin/encryption/rotate-all/{job_id}", role: viewer, call: (*Server).rotateAllStatus,
			summary: "The state of a job that rotate-all started.", answers: []any{jobStatus{}}, errors: []int{404}},
		{method: "POST", path: "/admin/encryption/destroy-key", role: administrator, call: (*Server).destroyKey,
			summary: "Destroys every version of a user's key, which makes his protected values unreadable for good. The first call destroys nothing: it counts them and returns a confirmation code, good for five minutes and one use; the second call, with the code, destroys.",
			params:  []param{userID, adminUser, {name: "confirmation_code", doc: "From the first call."}},
			answers: []any{destroyAsked{}, keyDestroyed{}}, errors: []int{404, 409, 500}},
	}
}

// viewRoutes show what the proxy does.
func (s *Server) viewRoutes() []route {
	return []route{
		{method: "GET", path: "/admin/status", role: viewer, polled: true, call: (*Server).status,
			summary: "Everything that the operator's page shows at a glance. Parts that cannot be had are null.", answers: []any{statusReport{}}},
		{method: "GET", path: "/admin/sessions", role: viewer, polled: true, call: (*Server).sessions,
			summary: "Client connections, oldest first.",
			params:  []param{limit(1000, 10000, "Most sessions to return.")}, answers: []any{sessionList{}}},
		{method: "GET", path: "/admin/statements", role: viewer, polled: true, call: (*Server).statements,
			summary: "Shapes of statements about protected tables with their verdicts, the most frequent first. Texts hold no literal.",
			params: []param{
				{name: "verdict", doc: "Only statements with this verdict: direct, lookup, refuse, ..."},
				limit(100, 10000, "Most statements to return."),
			}, answers: []any{statementList{}}},
		{method: "GET", path: "/admin/access", role: viewer, call: (*Server).accessLog,
			summary: "Who saw whose values: the access log, in the order in which statements ended.",
			params: []param{
				{name: "owner", doc: "Only statements that touched this owner's values, or may have: those whose end is not recorded."},
				{name: "user", doc: "Only this database or application user."},
				{name: "from", kind: moment, doc: "Only statements from then on."},
				{name: "to", kind: moment, doc: "Only statements before then."},
				{name: "outcome", kind: choice, choices: []string{audit.Done, audit.Failed, audit.Refused, audit.Sent, audit.Broken, audit.Unfinished}, doc: "Only statements with this outcome."},
				limit(100, 1000, "Most statements to return."),
			}, answers: []any{accessList{}}, errors: []int{500, 503}},
	}
}

// machineRoutes are for probes, scrapers and clients that read the description.
func (s *Server) machineRoutes() []route {
	scrape := promhttp.HandlerFor(s.options.Metrics, promhttp.HandlerOpts{ErrorLog: s.errors})
	scrapeRole := viewer
	if s.options.Config.OpenMetrics {
		scrapeRole = open
	}
	return []route{
		{method: "GET", path: "/healthz", role: open, page: healthz, summary: "The process is alive.", media: "text/plain; charset=utf-8", answers: []any{""}},
		{method: "GET", path: "/readyz", role: open, call: (*Server).readyz,
			summary: "The backend, the key service and the schema can be used. Which of them fails is told to a viewer.", answers: []any{Report{}}, errors: []int{503}, failed: Report{}},
		{method: "GET", path: "/metrics", role: scrapeRole, polled: true, page: scrape.ServeHTTP, summary: "Prometheus metrics.", media: "text/plain", answers: []any{""}},
		{method: "GET", path: "/version", role: viewer, polled: true, call: (*Server).version, summary: "What is running.", answers: []any{Build{}}},
		{method: "GET", path: "/openapi.json", role: viewer, polled: true, page: s.describe, summary: "This document.", answers: []any{map[string]any{}}},
	}
}

// newMux registers the table. It refuses rows that would not be what they seem.
func (s *Server) newMux() (*http.ServeMux, error) {
	mux := http.NewServeMux()
	for i := range s.table {
		row := &s.table[i]
		if row.role == nobody || (row.page == nil) == (row.call == nil) {
			return nil, fmt.Errorf("admin: the route %s has no role or no handler", row.pattern())
		}
		mux.HandleFunc(row.pattern(), s.protect(row))
	}
	return mux, nil
}
