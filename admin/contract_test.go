package admin

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"phiproxy/audit"
	"phiproxy/keys"
	"phiproxy/keys/store"
)

var update = flag.Bool("update", false, "write testdata/openapi.json")

// exchange is one request and the answer it must get.
type exchange struct {
	name    string
	token   string // adminToken when ""
	method  string // GET when ""
	target  string
	prepare func(*fakes)
	status  int
	body    string // exactly, with changing parts as in volatile; not looked at when ""
}

// volatiles differ from one run to the next.
var volatiles = []struct {
	form *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`"execution_time_ms":\d+`), `"execution_time_ms":N`},
	{regexp.MustCompile(`"(job_id|confirmation_code)":"[A-Z2-7]{26}"`), `"$1":"RANDOM"`},
	{regexp.MustCompile(`"(expires_at|started_at|finished_at|rotated_before|started)":"[0-9T:.-]+Z"`), `"$1":"NOW"`},
}

func steady(body string) string {
	for _, v := range volatiles {
		body = v.form.ReplaceAllString(body, v.as)
	}
	return body
}

func failKey(kind error) func(*fakes) {
	return func(f *fakes) {
		f.keyErr = &keys.Error{Kind: kind, Op: "generate", Code: "AccessDeniedException", Cause: errors.New(hostile)}
	}
}

func failStore(f *fakes) {
	f.storeErr = &keys.Error{Kind: keys.ErrStore, Op: "status", Code: "mysql 2006"}
}

func failUsers(f *fakes) { f.userErr = fmt.Errorf("%w: %s", store.ErrNoUserTable, hostile) }

const (
	genAt   = "/admin/encryption/generate-key"
	statAt  = "/admin/encryption/key-status"
	clearAt = "/admin/encryption/clear-cache"
	logAt   = "/admin/encryption/audit-log"
	asAdmin = "admin_user_id=ADMIN1"
)

const (
	needsUserID  = `{"detail":[{"type":"missing","loc":["query","user_id"],"msg":"Field required","input":null}]}`
	needsAdminID = `{"detail":[{"type":"missing","loc":["query","admin_user_id"],"msg":"Field required","input":null}]}`
	blankAdminID = `{"detail":{"error":"Invalid admin_user_id parameter"}}`
	noSuchAdmin  = `{"detail":{"error":"User not found or inactive"}}`
	notAnAdmin   = `{"detail":{"error":"Insufficient privileges. Admin access required (user_type \u003e= 100)"}}`
	noUserTable  = `{"detail":{"error":"Error validating user access: keys/store: the table of users is not as keys.users says"}}`
)

// guideExchanges are answers of the original, byte for byte but for \u003e, which JSON readers take for >.
var guideExchanges = []exchange{
	{name: "first key", method: "POST", target: genAt + "?user_id=USER2&" + asAdmin, status: 200,
		body: `{"success":true,"user_id":"USER2","key_version":1,"message":"Encryption key generated successfully","execution_time_ms":N}`},
	{name: "another version", method: "POST", target: genAt + "?user_id=USER1&" + asAdmin, status: 200,
		body: `{"success":true,"user_id":"USER1","key_version":3,"message":"Encryption key generated successfully","execution_time_ms":N}`},
	{name: "ids are trimmed", method: "POST", target: genAt + "?user_id=%20USER2%20&admin_user_id=%09ADMIN1", status: 200,
		body: `{"success":true,"user_id":"USER2","key_version":1,"message":"Encryption key generated successfully","execution_time_ms":N}`},
	{name: "the last of repeated parameters counts", method: "POST", target: genAt + "?user_id=NOBODY&user_id=USER2&" + asAdmin, status: 200},
	{name: "blank user", method: "POST", target: genAt + "?user_id=%20&" + asAdmin, status: 400, body: `{"detail":{"error":"Invalid user_id parameter"}}`},
	{name: "empty user", method: "POST", target: genAt + "?user_id=&" + asAdmin, status: 400, body: `{"detail":{"error":"Invalid user_id parameter"}}`},
	{name: "blank admin", method: "POST", target: genAt + "?user_id=USER1&admin_user_id=%20", status: 400, body: blankAdminID},
	{name: "both blank", method: "POST", target: genAt + "?user_id=&admin_user_id=", status: 400, body: `{"detail":{"error":"Invalid user_id parameter"}}`},
	{name: "unknown admin", method: "POST", target: genAt + "?user_id=USER1&admin_user_id=NOBODY", status: 404, body: noSuchAdmin},
	{name: "inactive admin", method: "POST", target: genAt + "?user_id=USER1&admin_user_id=GONE", status: 404, body: noSuchAdmin},
	{name: "no admin", method: "POST", target: genAt + "?user_id=USER1&admin_user_id=USER2", status: 403, body: notAnAdmin},
	{name: "unknown user", method: "POST", target: genAt + "?user_id=NOBODY&" + asAdmin, status: 404, body: `{"detail":{"error":"Target user not found: NOBODY"}}`},
	{name: "inactive user", method: "POST", target: genAt + "?user_id=GONE&" + asAdmin, status: 404, body: `{"detail":{"error":"Target user not found: GONE"}}`},
	{name: "no parameters", method: "POST", target: genAt, status: 422,
		body: `{"detail":[{"type":"missing","loc":["query","user_id"],"msg":"Field required","input":null},{"type":"missing","loc":["query","admin_user_id"],"msg":"Field required","input":null}]}`},
	{name: "no user", method: "POST", target: genAt + "?" + asAdmin, status: 422, body: needsUserID},
	{name: "no admin given", method: "POST", target: genAt + "?user_id=USER1", status: 422, body: needsAdminID},
	{name: "key service denies", method: "POST", target: genAt + "?user_id=USER1&" + asAdmin, prepare: failKey(keys.ErrRevoked), status: 500,
		body: `{"detail":{"error":"Encryption key generation failed: keys: generate: the key service denies the master key (AccessDeniedException)"}}`},
	{name: "no audit record", method: "POST", target: genAt + "?user_id=USER1&" + asAdmin, prepare: failKey(keys.ErrAudit), status: 500},
	{name: "no table of users", method: "POST", target: genAt + "?user_id=USER1&" + asAdmin, prepare: failUsers, status: 500, body: noUserTable},

	{name: "coverage", target: statAt + "?" + asAdmin, status: 200,
		body: `{"total_active_users":110,"users_with_keys":108,"users_without_keys":2,"coverage_percentage":98.18,"cache_stats":{"total_cached":3,"expired_count":1,"active_count":2,"cache_ttl_hours":24}}`},
	{name: "coverage with an empty target", target: statAt + "?target_user_id=&" + asAdmin, status: 200},
	{name: "one user's key", target: statAt + "?target_user_id=USER1&" + asAdmin, status: 200,
		body: `{"user_id":"USER1","has_key":true,"key_version":2,"created_at":"2025-11-13T02:13:20","rotated_at":"2025-11-13T03:13:20","is_active":true,"is_cached":true}`},
	{name: "a key never rotated", target: statAt + "?target_user_id=USER3&" + asAdmin, status: 200,
		prepare: func(f *fakes) {
			f.users["USER3"] = store.User{Active: true}
			f.status["USER3"] = store.Status{KeyVersion: 1}
		},
		body: `{"user_id":"USER3","has_key":true,"key_version":1,"created_at":null,"rotated_at":null,"is_active":false,"is_cached":false}`},
	{name: "no key", target: statAt + "?target_user_id=USER2&" + asAdmin, status: 200, body: `{"user_id":"USER2","has_key":false,"message":"No encryption key found for this user"}`},
	{name: "destroyed key", target: statAt + "?target_user_id=USER2&" + asAdmin, status: 200,
		prepare: func(f *fakes) { f.status["USER2"] = store.Status{KeyVersion: 3, Destroyed: true} },
		body:    `{"user_id":"USER2","has_key":false,"message":"The user's keys were destroyed"}`},
	{name: "status of an unknown user", target: statAt + "?target_user_id=NOBODY&" + asAdmin, status: 404, body: `{"detail":{"error":"User not found: NOBODY"}}`},
	{name: "status of an inactive user", target: statAt + "?target_user_id=GONE&" + asAdmin, status: 404, body: `{"detail":{"error":"User not found: GONE"}}`},
	{name: "status by nobody", target: statAt, status: 422, body: needsAdminID},
	{name: "status by a blank", target: statAt + "?admin_user_id=", status: 400, body: blankAdminID},
	{name: "status by an unknown", target: statAt + "?admin_user_id=NOBODY", status: 404, body: noSuchAdmin},
	{name: "status by a user", target: statAt + "?admin_user_id=USER1", status: 403, body: notAnAdmin},
	{name: "status without a store", target: statAt + "?target_user_id=USER1&" + asAdmin, prepare: failStore, status: 500,
		body: `{"detail":{"error":"Failed to retrieve encryption key status: keys: status: the key store failed (mysql 2006)"}}`},

	{name: "clear all", method: "POST", target: clearAt + "?" + asAdmin, status: 200,
		body: `{"success":true,"action":"cleared_all","message":"All DEK caches cleared","cache_stats_after":{"total_cached":3,"expired_count":1,"active_count":2,"cache_ttl_hours":24}}`},
	{name: "clear one", method: "POST", target: clearAt + "?target_user_id=USER1&" + asAdmin, status: 200,
		body: `{"success":true,"action":"cleared_user","target_user_id":"USER1","message":"DEK cache cleared for user USER1","cache_stats_after":{"total_cached":3,"expired_count":1,"active_count":2,"cache_ttl_hours":24}}`},
	{name: "clear an unknown user", method: "POST", target: clearAt + "?target_user_id=NOBODY&" + asAdmin, status: 200},
	{name: "clear a blank", method: "POST", target: clearAt + "?target_user_id=%20&" + asAdmin, status: 400, body: `{"detail":{"error":"Invalid target_user_id parameter"}}`},
	{name: "clear by nobody", method: "POST", target: clearAt, status: 422, body: needsAdminID},
	{name: "clear by a user", method: "POST", target: clearAt + "?admin_user_id=USER1", status: 403, body: notAnAdmin},
	{name: "clear by an unknown", method: "POST", target: clearAt + "?admin_user_id=NOBODY", status: 404, body: noSuchAdmin},
	{name: "clear without a store", method: "POST", target: clearAt + "?" + asAdmin, prepare: failKey(keys.ErrStore), status: 500},

	{name: "audit log", target: logAt + "?limit=1&" + asAdmin, status: 200,
		body: `{"total_records":2,"returned_records":1,"audit_entries":[{"audit_id":2,"user_id":"USER1","operation":"generate","performed_by":"ADMIN1","operation_timestamp":"2025-11-13T02:13:20","details":{"operation":"generate_key","key_version":1,"timestamp":"2025-11-13T02:13:20"},"ip_address":"10.0.0.9"}]}`},
	{name: "audit log of one", target: logAt + "?target_user_id=USER1&" + asAdmin, status: 200},
	{name: "audit log of nobody", target: logAt + "?target_user_id=NOBODY&" + asAdmin, status: 200, body: `{"total_records":0,"returned_records":0,"audit_entries":[]}`},
	{name: "limit 0", target: logAt + "?limit=0&" + asAdmin, status: 422,
		body: `{"detail":[{"type":"greater_than_equal","loc":["query","limit"],"msg":"Input should be greater than or equal to 1","input":"0","ctx":{"ge":1}}]}`},
	{name: "limit 1001", target: logAt + "?limit=1001&" + asAdmin, status: 422,
		body: `{"detail":[{"type":"less_than_equal","loc":["query","limit"],"msg":"Input should be less than or equal to 1000","input":"1001","ctx":{"le":1000}}]}`},
	{name: "limit huge", target: logAt + "?limit=99999999999999999999&" + asAdmin, status: 422,
		body: `{"detail":[{"type":"less_than_equal","loc":["query","limit"],"msg":"Input should be less than or equal to 1000","input":"99999999999999999999","ctx":{"le":1000}}]}`},
	{name: "limit abc", target: logAt + "?limit=abc&" + asAdmin, status: 422,
		body: `{"detail":[{"type":"int_parsing","loc":["query","limit"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"abc"}]}`},
	{name: "audit log by nobody", target: logAt, status: 422, body: needsAdminID},
	{name: "audit log by a blank", target: logAt + "?admin_user_id=%20", status: 400, body: blankAdminID},
	{name: "audit log by an unknown", target: logAt + "?admin_user_id=NOBODY", status: 404, body: noSuchAdmin},
	{name: "audit log by a user", target: logAt + "?admin_user_id=USER1", status: 403, body: notAnAdmin},
	{name: "audit log without a store", target: logAt + "?" + asAdmin, prepare: failStore, status: 500,
		body: `{"detail":{"error":"Failed to retrieve encryption audit log: keys: status: the key store failed (mysql 2006)"}}`},
	{name: "audit log without users", target: logAt + "?" + asAdmin, prepare: failUsers, status: 500, body: noUserTable},
}

// furtherExchanges are answers of the endpoints that the guide does not have.
var furtherExchanges = []exchange{
	{name: "a bound token needs no admin_user_id", token: boundToken, method: "POST", target: genAt + "?user_id=USER1", status: 200},
	{name: "a bound token may name its user", token: boundToken, target: statAt + "?" + asAdmin, status: 200},
	{name: "a bound token may name no other", token: boundToken, target: statAt + "?admin_user_id=USER1", status: 403,
		body: `{"detail":{"error":"admin_user_id is not the user that these credentials act as"}}`},

	{name: "list", token: viewerToken, target: "/admin/encryption/keys?state=active&prefix=USER", status: 200,
		body: `{"total":1,"limit":100,"next":"","keys":[{"user_id":"USER1","state":"active","key_version":2,"versions":2,"usable_versions":2,"created_at":"2025-11-13T02:13:20Z","rotated_at":"2025-11-13T03:13:20Z","is_active":true,"is_cached":true,"master_key":"alias/x","seals":3}]}`},
	{name: "list everything", target: "/admin/encryption/keys?state=all&limit=1000&version=2&after=USER0", status: 200},
	{name: "list an unknown state", target: "/admin/encryption/keys?state=gone", status: 422},
	{name: "list without a store", target: "/admin/encryption/keys", prepare: failStore, status: 500, body: `{"detail":{"error":"Failed to list keys: keys: status: the key store failed (mysql 2006)"}}`},

	{name: "rotate", method: "POST", target: "/admin/encryption/rotate-key?user_id=USER1&" + asAdmin, status: 200,
		body: `{"success":true,"user_id":"USER1","key_version":3,"message":"Encryption key rotated successfully","execution_time_ms":N}`},
	{name: "rotate a blank", method: "POST", target: "/admin/encryption/rotate-key?user_id=%20&" + asAdmin, status: 400},
	{name: "rotate by a user", method: "POST", target: "/admin/encryption/rotate-key?user_id=USER1&admin_user_id=USER1", status: 403, body: notAnAdmin},
	{name: "rotate no key", method: "POST", target: "/admin/encryption/rotate-key?user_id=USER2&" + asAdmin, status: 404, body: `{"detail":{"error":"No encryption key found for this user"}}`},
	{name: "rotate in a race", method: "POST", target: "/admin/encryption/rotate-key?user_id=USER1&" + asAdmin, prepare: failKey(keys.ErrExists), status: 409},
	{name: "rotate a destroyed key", method: "POST", target: "/admin/encryption/rotate-key?user_id=USER1&" + asAdmin, prepare: failKey(keys.ErrDestroyed), status: 409, body: `{"detail":{"error":"The user's keys were destroyed"}}`},
	{name: "rotate in an outage", method: "POST", target: "/admin/encryption/rotate-key?user_id=USER1&" + asAdmin, prepare: failKey(keys.ErrUnavailable), status: 500},
	{name: "rotate nothing", method: "POST", target: "/admin/encryption/rotate-key", status: 422},

	{name: "rotate all", method: "POST", target: "/admin/encryption/rotate-all?" + asAdmin, status: 202},
	{name: "rotate all by a blank", method: "POST", target: "/admin/encryption/rotate-all?admin_user_id=", status: 400, body: blankAdminID},
	{name: "rotate all by a user", method: "POST", target: "/admin/encryption/rotate-all?admin_user_id=USER1", status: 403, body: notAnAdmin},
	{name: "rotate all by an unknown", method: "POST", target: "/admin/encryption/rotate-all?admin_user_id=NOBODY", status: 404, body: noSuchAdmin},
	{name: "rotate all before nonsense", method: "POST", target: "/admin/encryption/rotate-all?rotated_before=x&" + asAdmin, status: 422},
	{name: "rotate all without users", method: "POST", target: "/admin/encryption/rotate-all?" + asAdmin, prepare: failUsers, status: 500},
	{name: "an unknown job", target: "/admin/encryption/rotate-all/nothing", status: 404},

	{name: "ask to destroy", method: "POST", target: "/admin/encryption/destroy-key?user_id=USER1&" + asAdmin, status: 200,
		body: `{"user_id":"USER1","action":"confirmation_required","versions":2,"rows":12,"values":30,"confirmation_code":"RANDOM","expires_at":"NOW","message":"This makes 30 values in 12 rows unreadable for good. Call again with the confirmation code to destroy."}`},
	{name: "destroy with a wrong code", method: "POST", target: "/admin/encryption/destroy-key?user_id=USER1&confirmation_code=x&" + asAdmin, status: 409},
	{name: "destroy a blank", method: "POST", target: "/admin/encryption/destroy-key?user_id=&" + asAdmin, status: 400},
	{name: "destroy by a user", method: "POST", target: "/admin/encryption/destroy-key?user_id=USER1&admin_user_id=USER1", status: 403, body: notAnAdmin},
	{name: "destroy no key", method: "POST", target: "/admin/encryption/destroy-key?user_id=USER2&" + asAdmin, status: 404},
	{name: "destroy a destroyed key", method: "POST", target: "/admin/encryption/destroy-key?user_id=DESTROYED&" + asAdmin, status: 409},
	{name: "destroy nothing", method: "POST", target: "/admin/encryption/destroy-key", status: 422},
	{name: "destroy uncounted", method: "POST", target: "/admin/encryption/destroy-key?user_id=USER1&" + asAdmin, status: 500,
		prepare: func(f *fakes) { f.usageErr = context.DeadlineExceeded },
		body:    `{"detail":{"error":"Counting what would become unreadable failed: it took too long"}}`},

	{name: "status", token: viewerToken, target: "/admin/status", status: 200},
	{name: "status without users", target: "/admin/status", prepare: failUsers, status: 200},
	{name: "sessions", token: viewerToken, target: "/admin/sessions?limit=1", status: 200},
	{name: "sessions: none", target: "/admin/sessions?limit=0", status: 422},
	{name: "statements", token: viewerToken, target: "/admin/statements", status: 200},
	{name: "statements refused", token: viewerToken, target: "/admin/statements?verdict=refuse", status: 200,
		body: `{"total":1,"statements":[{"fingerprint":"","text":"","verb":"","verdict":"refuse","reason":"PHI-1102","count":2,"errors":0,"rows":0,"last":"0001-01-01T00:00:00Z"}]}`},
	{name: "statements of no verdict", target: "/admin/statements?verdict=x", status: 200, body: `{"total":0,"statements":[]}`},
	{name: "who saw whom with no such outcome", target: "/admin/access?outcome=x", status: 422,
		body: `{"detail":[{"type":"enum","loc":["query","outcome"],"msg":"Input should be one of 'done', 'failed', 'refused', 'sent', 'broken', 'unfinished'","input":"x","ctx":{"expected":"'done', 'failed', 'refused', 'sent', 'broken', 'unfinished'"}}]}`},
	{name: "who saw whom", token: viewerToken, target: "/admin/access?owner=USER1&from=2025-01-01T00:00:00Z&to=2026-01-01T01:00:00%2B01:00&outcome=done&limit=1", status: 200,
		body: `{"returned":1,"truncated":true,"unreadable_lines":0,"entries":[{"id":1,"time":"2025-11-13T02:13:20Z","session":3,"user":"surgicase","client":"10.0.0.9:1","verdict":"direct","owners":["USER1"],"outcome":"done"}]}`},
	{name: "who saw whom, all", target: "/admin/access", status: 200},
	{name: "who saw whom since nonsense", target: "/admin/access?from=yesterday", status: 422,
		body: `{"detail":[{"type":"datetime_parsing","loc":["query","from"],"msg":"Input should be a valid datetime such as 2026-01-31T12:00:00Z","input":"yesterday"}]}`},
	{name: "who saw whom, damaged", target: "/admin/access?limit=2", prepare: func(f *fakes) { f.searchErr = &audit.Problem{File: hostile, Line: 3} }, status: 200,
		body: `{"returned":2,"truncated":false,"unreadable_lines":1,"entries":[{"id":1,"time":"2025-11-13T02:13:20Z","session":3,"user":"surgicase","client":"10.0.0.9:1","verdict":"direct","owners":["USER1"],"outcome":"done"},` +
			`{"id":2,"time":"2025-11-13T02:13:20Z","session":0,"user":"\u003cscript\u003ealert(\"1\")\u003c/script\u003e","client":"","verdict":"refuse","outcome":"refused"}]}`},
	{name: "who saw whom, unreadable", target: "/admin/access", prepare: func(f *fakes) { f.searchErr = errors.New(hostile) }, status: 500,
		body: `{"detail":{"error":"The access log cannot be read: unexpected failure"}}`},

	{name: "metrics", token: viewerToken, target: "/metrics", status: 200},
	{name: "version", token: viewerToken, target: "/version", status: 200, body: `{"version":"v1","revision":"","go":"go1","fips140":false}`},
	{name: "description", token: viewerToken, target: "/openapi.json", status: 200},
	{name: "alive", target: "/healthz", status: 200, body: "ok\n"},
	{name: "ready", target: "/readyz", status: 200, body: `{"ready":true}`},
	{name: "unknown path", token: viewerToken, target: "/admin/nothing", status: 404, body: `{"detail":"Not Found"}`},
	{name: "unclean path", token: viewerToken, target: "/admin//status", status: 404, body: `{"detail":"Not Found"}`},
	{name: "unknown method", token: viewerToken, method: "DELETE", target: "/admin/status", status: 405, body: `{"detail":"Method Not Allowed"}`},
	{name: "control characters", target: "/admin/access?owner=%00", status: 422},
	{name: "not UTF-8", target: "/admin/access?owner=%ff", status: 422,
		body: `{"detail":[{"type":"string_unicode","loc":["query","owner"],"msg":"Input should be a valid string, unable to parse raw data as a unicode string","input":null}]}`},
}

// contract is openapi.json and what of it was seen to be true.
type contract struct {
	validator validator.Validator
	mux       *http.ServeMux
	seen      map[string][]int // pattern -> statuses
}

func newContract(t *testing.T) *contract {
	t.Helper()
	b := newBench(t)
	document, err := libopenapi.NewDocument(b.document)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document, config.WithFormatAssertions())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, problems := v.ValidateDocument(); !ok {
		for _, p := range problems {
			t.Errorf("openapi.json: %s: %s", p.Message, p.Reason)
		}
	}
	return &contract{validator: v, mux: b.mux, seen: map[string][]int{}}
}

// TestDocument keeps a copy of openapi.json for who looks at the repository.
func TestDocument(t *testing.T) {
	const file = "testdata/openapi.json"
	got := append(newBench(t).document, '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (accept with -update):\n%s", file, diff)
	}
}

// check compares an answer with the description of its operation.
func (c *contract) check(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	_, pattern := c.mux.Handler(r)
	c.seen[pattern] = append(c.seen[pattern], w.Code)
	result := w.Result()
	if strings.HasPrefix(w.Body.String(), `{"detail":"`) { // of a path or method that is not in the table
		return
	}
	if ok, problems := c.validator.GetResponseBodyValidator().ValidateResponseBody(r, result); !ok {
		for _, p := range problems {
			t.Errorf("%s %s: %d is not as described: %s: %s %v\n%s", r.Method, r.URL, w.Code, p.Message, p.Reason, p.SchemaValidationErrors, w.Body)
		}
	}
}

func TestContract(t *testing.T) {
	c := newContract(t)
	for _, x := range slices.Concat(guideExchanges, furtherExchanges) {
		t.Run(x.name, func(t *testing.T) { x.run(t, c) })
	}
	b := newBench(t, func(o *Options) { o.Search = nil })
	c.expect(t, b, httptest.NewRequest("GET", "/admin/access", nil), adminToken, 503)
	b = newBench(t, func(o *Options) {
		o.Checks = []Check{{"database", func(context.Context) error { return errors.New(hostile) }}}
	})
	c.expect(t, b, httptest.NewRequest("GET", "/readyz", nil), viewerToken, 503)
	c.jobs(t)
	c.destroyed(t)
	for i := range c.table(t) {
		c.refusals(t, &c.table(t)[i])
	}
	c.complete(t)
}

func (x exchange) run(t *testing.T, c *contract) {
	b := newBench(t)
	if x.prepare != nil {
		x.prepare(b.fakes)
	}
	token, method := x.token, x.method
	if token == "" && x.target != "/healthz" && x.target != "/readyz" {
		token = adminToken
	}
	if method == "" {
		method = "GET"
	}
	r := httptest.NewRequest(method, x.target, nil)
	w := c.expect(t, b, r, token, x.status)
	if got := steady(w.Body.String()); x.body != "" && got != x.body {
		t.Errorf("got  %s\nwant %s", got, x.body)
	}
}

// expect sends a request, checks the status, the security headers and the description.
func (c *contract) expect(t *testing.T, b *bench, r *http.Request, token string, status int) *httptest.ResponseRecorder {
	t.Helper()
	if r.Host == "example.com" {
		r.Host = "localhost"
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := b.send(r)
	if w.Code != status {
		t.Errorf("%s %s: status %d, not %d: %s", r.Method, r.URL, w.Code, status, w.Body)
	}
	h := w.Header()
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Security-Policy") == "" {
		t.Errorf("%s %s: security headers are missing: %v", r.Method, r.URL, h)
	}
	c.check(t, r, w)
	return w
}

// jobs exercises the answers that need a running job.
func (c *contract) jobs(t *testing.T) {
	b := newBench(t)
	b.fakes.block = make(chan struct{})
	start := httptest.NewRequest("POST", "/admin/encryption/rotate-all?"+asAdmin, nil)
	w := c.expect(t, b, start, adminToken, 202)
	id := regexp.MustCompile(`"job_id":"(\w+)"`).FindStringSubmatch(w.Body.String())
	if id == nil {
		t.Fatal(w.Body)
	}
	again := httptest.NewRequest("POST", "/admin/encryption/rotate-all?"+asAdmin, nil)
	c.expect(t, b, again, adminToken, 409)
	close(b.fakes.block)
	b.work.Wait()
	c.expect(t, b, httptest.NewRequest("GET", "/admin/encryption/rotate-all/"+id[1], nil), viewerToken, 200)
}

// destroyed exercises the second call of destroy-key.
func (c *contract) destroyed(t *testing.T) {
	b := newBench(t)
	target := "/admin/encryption/destroy-key?user_id=USER1&" + asAdmin
	code := askForCode(t, b, adminToken, target)
	w := c.expect(t, b, httptest.NewRequest("POST", target+"&confirmation_code="+code, nil), adminToken, 200)
	want := `{"success":true,"user_id":"USER1","action":"destroyed","destroyed_versions":2,"rows":12,"message":"Encryption key destroyed","execution_time_ms":N}`
	if got := steady(w.Body.String()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func askForCode(t *testing.T, b *bench, token, target string) string {
	t.Helper()
	w := b.ask(token, "POST", target)
	code := regexp.MustCompile(`"confirmation_code":"(\w+)"`).FindStringSubmatch(w.Body.String())
	if code == nil {
		t.Fatal(w.Code, w.Body)
	}
	return code[1]
}

func (c *contract) table(t *testing.T) []route {
	t.Helper()
	return described(newBench(t))
}

func described(b *bench) []route {
	return slices.DeleteFunc(slices.Clone(b.Server.table), func(r route) bool { return r.summary == "" })
}

// refusals exercises what every row of its kind refuses.
func (c *contract) refusals(t *testing.T, row *route) {
	target := strings.Replace(row.path, "{job_id}", "x", 1)
	request := func(query string) *http.Request { return httptest.NewRequest(row.method, target+query, nil) }
	b := newBench(t)
	c.expect(t, b, request(""), unknownToken, 401)
	foreign := request("")
	foreign.Host = "evil.example"
	c.expect(t, b, foreign, adminToken, 421)
	if row.call != nil {
		c.expect(t, b, request("?a=%zz"), adminToken, 400)
	}
	if len(row.params) > 0 {
		c.expect(t, b, request("?"+row.params[0].name+"=%ff"), adminToken, 422)
	}
	if row.method == "POST" {
		c.expect(t, b, request(""), viewerToken, 403)
		c.expect(t, b, httptest.NewRequest("POST", target, strings.NewReader(strings.Repeat("a", maxBody+1))), adminToken, 413)
		c.expect(t, b, httptest.NewRequest("POST", target, io.LimitReader(endless{}, 10*maxBody)), adminToken, 413)
	}
	for range freeGuesses + 1 {
		b.ask(unknownToken, "GET", "/version")
	}
	w := c.expect(t, b, request(""), unknownToken, 429)
	if n, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
	}
}

// endless is a body without a length.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// complete reports operations and statuses that are described and that no exchange had.
func (c *contract) complete(t *testing.T) {
	for _, row := range c.table(t) {
		for _, status := range append(row.statuses(), row.success()) {
			if !slices.Contains(c.seen[row.pattern()], status) {
				t.Errorf("%s: status %d is described and was never answered", row.pattern(), status)
			}
		}
	}
}

func TestStatusReport(t *testing.T) {
	b := newBench(t)
	b.ask(viewerToken, "GET", "/admin/status")
	got := b.ask(boundToken, "GET", "/admin/status").Body.String()
	for _, part := range []string{
		`"user":{"name":"bound","kind":"token","role":"admin","admin_user_id":"ADMIN1","expires":"2999-01-01T00:00:00Z"}`,
		`"coverage":{"total_active_users":110,"users_with_keys":108,"users_without_keys":2,"coverage_percentage":98.18}`,
		`"verdicts":{"direct":3}`, `"refusals":[{"reason":"PHI-1102","count":2}]`, `"state":"open"`, `"last_error":"unavailable"`,
		`"cache":{"total_cached":3,"expired_count":1,"active_count":2,"cache_ttl_hours":24,"hits":0,"misses":0}`, `"audit":{"ok":true`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s is not in %s", part, got)
		}
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		with, total int
		want        string
	}{{108, 110, "98.18"}, {110, 110, "100.0"}, {0, 5, "0.0"}, {0, 0, "0.0"}, {1, 3, "33.33"}, {2, 3, "66.67"}, {1, 8, "12.5"}} {
		if got, _ := newCoverage(c.total, c.with).Percent.MarshalJSON(); string(got) != c.want {
			t.Errorf("%d of %d: %s, not %s", c.with, c.total, got, c.want)
		}
	}
}

// TestSearchEnds is a search that never ends by itself.
func TestSearchEnds(t *testing.T) {
	b := newBench(t)
	b.fakes.events = []audit.Event{{}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "GET", "/admin/access", nil)
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+viewerToken)
	if w := b.send(r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
