package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"phiproxy/config"
	"phiproxy/keys/store"
)

// openPaths are what answers without credentials besides the page's files, which hold nothing of an installation.
var openPaths = []string{"/healthz", "/readyz"}

// TestWalk asks every row of the table, and what is not in it, without credentials and with wrong ones.
func TestWalk(t *testing.T) {
	b := newBench(t)
	pages := map[string]bool{}
	for _, row := range pageRoutes() {
		pages[row.pattern()] = true
	}
	if len(b.table) < 18 {
		t.Errorf("only %d rows", len(b.table))
	}
	for _, row := range b.Server.table {
		target := strings.NewReplacer("{$}", "", "{job_id}", "x").Replace(row.path)
		isOpen := slices.Contains(openPaths, row.path) || pages[row.pattern()]
		if isOpen != (row.role == open) {
			t.Errorf("%s has the role %s", row.pattern(), row.role)
		}
		if got := b.ask("", row.method, target).Code; (got != http.StatusUnauthorized) != isOpen {
			t.Errorf("%s without credentials: %d", row.pattern(), got)
		}
		for _, method := range []string{"HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "X"} {
			if got := b.ask("", method, target).Code; got != http.StatusUnauthorized && (method != "HEAD" || !isOpen) {
				t.Errorf("%s %s without credentials: %d", method, target, got)
			}
		}
	}
	for _, target := range []string{"/admin", "/admin/", "/admin/encryption/", "//healthz", "/healthz/", "/HEALTHZ", "/admin/../healthz", "/debug/pprof/", "/%2e%2e/etc/passwd", "/readyz%00", "/.git/config"} {
		if got := b.ask("", "GET", target).Code; got != http.StatusUnauthorized {
			t.Errorf("%s without credentials: %d", target, got)
		}
	}
	if acts := b.fakes.done(); len(acts) > 0 {
		t.Errorf("acts without credentials: %v", acts)
	}
}

// TestWrongCredentials are refused by every row alike, open ones included.
func TestWrongCredentials(t *testing.T) {
	for name, headers := range map[string][]string{
		"unknown token": {"Bearer " + unknownToken}, "expired token": {"Bearer " + expiredToken}, "empty": {""}, "no token": {"Bearer "},
		"basic": {"Basic YWxpY2U6eA=="}, "hash": {"Bearer " + hashOf(adminToken)}, "prefix": {"Bearer " + adminToken[:len(adminToken)-1]},
		"longer": {"Bearer " + adminToken + "a"}, "two headers": {"Bearer " + adminToken, "Bearer " + adminToken}, "two spaces": {"Bearer  " + adminToken},
		"control": {"Bearer " + adminToken + "\r\nX: y"}, "other name": {"Bearer " + strings.Replace(adminToken, "alice", "alicf", 1)}, "megabyte": {"Bearer " + strings.Repeat("a", 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, target := range []string{"/admin/status", "/readyz", "/metrics", "/nothing"} {
				b := newBench(t)
				r := httptest.NewRequest("GET", target, nil)
				r.Host = "localhost"
				r.Header["Authorization"] = headers
				w := b.send(r)
				if headers[0] == "" && target == "/readyz" {
					continue // no credentials at all
				}
				if w.Code != http.StatusUnauthorized || w.Body.String() != `{"detail":{"error":"Authentication required"}}` || w.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s: %d %s", target, w.Code, w.Body)
				}
				b.silent(t, headers...)
				if logged := b.logs.FilterMessage("admin authentication failed").Len(); logged != 1 {
					t.Errorf("logged %d times", logged)
				}
			}
		})
	}
}

// silent checks that the log repeats nothing of what was sent.
func (b *bench) silent(t *testing.T, secrets ...string) {
	t.Helper()
	for _, entry := range b.logs.All() {
		text := entry.Message + fmt.Sprint(entry.ContextMap())
		for _, s := range append(secrets, adminToken, viewerToken, hashOf(adminToken), hostile) {
			s = strings.TrimSpace(strings.TrimPrefix(s, "Bearer "))
			if s != "" && strings.Contains(text, s) {
				t.Fatalf("the log holds %.80q: %.200s", s, text)
			}
		}
	}
}

func TestViewersChangeNothing(t *testing.T) {
	b := newBench(t)
	changing := 0
	for _, row := range b.Server.table {
		if row.method == "GET" && row.role != administrator {
			continue
		}
		changing++
		w := b.ask(viewerToken, row.method, row.path+"?user_id=USER1&"+asAdmin)
		if w.Code != http.StatusForbidden || w.Body.String() != `{"detail":{"error":"This needs the role admin"}}` {
			t.Errorf("%s: %d %s", row.pattern(), w.Code, w.Body)
		}
	}
	if acts := b.fakes.done(); len(acts) > 0 || changing < 5 {
		t.Errorf("%d rows; acts of a viewer: %v", changing, acts)
	}
	if got := testutil.ToFloat64(b.metrics.denied); int(got) != changing {
		t.Errorf("%v denials counted, not %d", got, changing)
	}
}

func TestARowNeedsARole(t *testing.T) {
	for name, row := range map[string]route{
		"no role":    {method: "GET", path: "/x", page: healthz},
		"no handler": {method: "GET", path: "/x", role: open},
		"two":        {method: "GET", path: "/x", role: open, page: healthz, call: (*Server).version},
	} {
		b := newBench(t)
		b.Server.table = append(b.Server.table, row)
		if _, err := b.newMux(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for r := nobody; r <= administrator; r++ {
		if r.may(nobody) {
			t.Errorf("%s gets what is nobody's", r)
		}
	}
}

// TestOrigins: a browser that another site drives gets nothing, whatever credentials it would have.
func TestOrigins(t *testing.T) {
	post := "/admin/encryption/clear-cache?" + asAdmin
	for _, c := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"no browser", nil, 200},
		{"own page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost"}, 200},
		{"address bar", []string{"Sec-Fetch-Site", "none"}, 200},
		{"other site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"sibling", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://evil.internal"}, 403},
		{"old browser, other site", []string{"Origin", "https://evil.example"}, 403},
		{"old browser, opaque", []string{"Origin", "null"}, 403},
		{"old browser, own page", []string{"Origin", "http://localhost"}, 200},
		{"rebound name", []string{"Host", "evil.example", "Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}, 421},
		{"rebound name with a port", []string{"Host", "evil.example:8306"}, 421},
		{"local name as part", []string{"Host", "localhost.evil.example"}, 421},
		{"address as part", []string{"Host", "127.0.0.1.evil.example"}, 421},
		{"dot", []string{"Host", "ops.internal."}, 421},
		{"no host", []string{"Host", ""}, 421},
		{"user in the host", []string{"Host", "localhost@evil.example"}, 421},
		{"configured", []string{"Host", "OPS.internal:8306"}, 200},
		{"IPv4", []string{"Host", "10.1.2.3:8306"}, 200},
		{"IPv6", []string{"Host", "[::1]:8306"}, 200},
	} {
		b := newBench(t)
		w := b.ask(adminToken, "POST", post, c.headers...)
		if w.Code != c.want || len(b.fakes.done()) > 0 != (c.want == 200) {
			t.Errorf("%s: %d, acts %v", c.name, w.Code, b.fakes.done())
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: other origins may read", c.name)
		}
	}
}

func TestReadsOfForeignHostsAreRefused(t *testing.T) {
	b := newBench(t)
	for _, row := range b.Server.table {
		target := strings.NewReplacer("{$}", "", "{job_id}", "x").Replace(row.path)
		if w := b.ask(adminToken, row.method, target, "Host", "evil.example"); w.Code != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", row.pattern(), w.Code)
		}
	}
}

// TestMarkupStaysData: names that are markup come out as JSON, in which not even the characters of markup stand.
func TestMarkupStaysData(t *testing.T) {
	b := newBench(t)
	escaped := "%3Cscript%3Ealert(%221%22)%3C/script%3E"
	b.fakes.owners.Owners[0].Owner = hostile
	for _, target := range []string{
		statAt + "?target_user_id=" + escaped + "&" + asAdmin, statAt + "?target_user_id=x" + escaped + "&" + asAdmin,
		logAt + "?" + asAdmin, logAt + "?limit=" + escaped + "&" + asAdmin, "/admin/encryption/keys", "/admin/sessions", "/admin/status", "/admin/access",
	} {
		w := b.ask(adminToken, "GET", target)
		var any map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &any); err != nil || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v, %v", target, err, w.Header())
		}
		if strings.ContainsAny(w.Body.String(), "<>") || !strings.Contains(w.Body.String(), `\u003cscript\u003e`) {
			t.Errorf("%s: %s", target, w.Body)
		}
	}
	b.fakes.users["\r\nSet-Cookie: x"] = store.User{Active: true}
	w := b.ask(adminToken, "GET", statAt+"?target_user_id=%0d%0aSet-Cookie:+x&"+asAdmin)
	if w.Header().Get("Set-Cookie") != "" {
		t.Error("a header was injected")
	}
	b.silent(t, "Set-Cookie")
}

// TestGuessing is 10^4 wrong guesses from one address: a few are looked at, the rest is put off; an operator who was at
// work there goes on, one who was not must wait; nothing that was sent is in the log.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if w := b.ask(adminToken, "GET", "/version"); w.Code != 200 {
			t.Fatal(w.Code)
		}
		looked, putOff := 0, 0
		for i := range 10_000 {
			guess := fmt.Sprintf("phx_alice_%s", strings.NewReplacer("0", "x", "1", "y", "8", "z", "9", "w").Replace(fmt.Sprintf("%052d", i)))
			switch w := b.ask(guess, "GET", "/admin/status"); w.Code {
			case http.StatusUnauthorized:
				looked++
			case http.StatusTooManyRequests:
				putOff++
			default:
				t.Fatal(w.Code)
			}
			time.Sleep(100 * time.Millisecond) // 1,000 s in all
		}
		if looked < freeGuesses || looked > freeGuesses+15 || looked+putOff != 10_000 {
			t.Errorf("%d guesses were looked at, %d put off", looked, putOff)
		}
		if w := b.ask(adminToken, "GET", "/version"); w.Code != 200 {
			t.Errorf("who was at work is locked out: %d", w.Code)
		}
		if w := b.ask(boundToken, "GET", "/version"); w.Code != http.StatusTooManyRequests {
			t.Errorf("a right guess in a back-off: %d", w.Code)
		}
		if w := b.ask("", "GET", "/healthz"); w.Code != 200 {
			t.Errorf("probes are put off: %d", w.Code)
		}
		r := httptest.NewRequest("GET", "http://localhost/version", nil)
		r.RemoteAddr = "10.9.8.7:1"
		r.Header.Set("Authorization", "Bearer "+viewerToken)
		if w := b.send(r); w.Code != 200 {
			t.Errorf("another address is put off: %d", w.Code)
		}
		b.silent(t, "phx_")
		failures := b.metrics.failures
		if got := int(testutil.ToFloat64(failures.WithLabelValues(failUnknown))); got != looked {
			t.Errorf("%d unknown tokens counted, not %d", got, looked)
		}
		if got := int(testutil.ToFloat64(failures.WithLabelValues(failThrottled))); got != putOff+1 {
			t.Errorf("%d put off counted, not %d", got, putOff+1)
		}
		if n := b.logs.FilterMessage("admin authentication failed").Len(); n < looked || n > looked+400 {
			t.Errorf("%d lines in the log for %d failures", n, looked)
		}
		time.Sleep(longBackoff)
		if w := b.ask(boundToken, "GET", "/version"); w.Code != 200 {
			t.Errorf("after the back-off: %d", w.Code)
		}
	})
}

// TestGuessingFromEverywhere is a guess from each of 10^4 addresses.
func TestGuessingFromEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		looked := 0
		for i := range 10_000 {
			if b.from(fmt.Sprintf("[2001:db8:%x::%x]:1", i, i), unknownToken) == http.StatusUnauthorized {
				looked++
			}
		}
		if looked > freeGlobally+1 {
			t.Errorf("%d guesses were looked at", looked)
		}
		if n := b.throttle.addresses.Len(); n > maxAddresses {
			t.Errorf("%d addresses remembered", n)
		}
		if code := b.from("10.0.0.1:1", adminToken); code != http.StatusTooManyRequests {
			t.Errorf("a newcomer in a general back-off: %d", code)
		}
		time.Sleep(longGlobally)
		if code := b.from("10.0.0.1:1", adminToken); code != 200 {
			t.Errorf("after it: %d", code)
		}
	})
}

func (b *bench) from(address, token string) int {
	r := httptest.NewRequest("GET", "http://localhost/version", nil)
	r.RemoteAddr = address
	r.Header.Set("Authorization", "Bearer "+token)
	return b.send(r).Code
}

func TestMemoryOfGuessesIsBounded(t *testing.T) {
	th := newThrottle()
	now := time.Now()
	for i := range 3 * maxAddresses {
		th.wrong(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32), now)
		th.right(netip.PrefixFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 32), principal{kind: "token"}, now)
	}
	if a, k := th.addresses.Len(), th.known.Len(); a != maxAddresses || k != maxKnown {
		t.Errorf("%d addresses and %d acquaintances remembered", a, k)
	}
}

func TestAddressOf(t *testing.T) {
	for remote, want := range map[string]string{
		"10.0.0.1:5": "10.0.0.1/32", "[::ffff:10.0.0.1]:5": "10.0.0.1/32", "[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64", "[fe80::1%eth0]:5": "fe80::/64", "@": "invalid Prefix",
	} {
		if got := addressOf(remote).String(); got != want {
			t.Errorf("%s: %s, not %s", remote, got, want)
		}
	}
}

func TestTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		soon := time.Now().Add(time.Hour)
		b := newBench(t, func(o *Options) {
			o.Config.Tokens[1].Expires = config.Moment(soon.Unix())
		})
		time.Sleep(time.Hour - time.Second)
		if w := b.ask(adminToken, "GET", "/version"); w.Code != 200 {
			t.Error(w.Code)
		}
		time.Sleep(time.Second)
		if w := b.ask(adminToken, "GET", "/version"); w.Code != 401 {
			t.Error(w.Code)
		}
		failed := b.logs.FilterMessage("admin authentication failed").All()
		if len(failed) != 1 || failed[0].ContextMap()["reason"] != failExpired || failed[0].ContextMap()["principal"] != "token:alice" {
			t.Errorf("%v", failed)
		}
	})
}

func TestNewToken(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		token, hash, err := NewToken("ops.team-1")
		if err != nil || !tokenForm.MatchString(token) || hash != hashOf(token) || seen[token] {
			t.Fatal(token, hash, err)
		}
		seen[token] = true
	}
	for _, name := range []string{"", "a_b", "a b", "ä", strings.Repeat("a", 65), "a\n"} {
		if _, _, err := NewToken(name); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestOpenMetrics(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Config.OpenMetrics = true })
	if w := b.ask("", "GET", "/metrics"); w.Code != 200 || !strings.Contains(w.Body.String(), "phiproxy_statements_total") {
		t.Error(w.Code)
	}
}

func TestActs(t *testing.T) {
	b := newBench(t)
	for _, target := range []string{genAt + "?user_id=USER1&" + asAdmin, clearAt + "?" + asAdmin, clearAt + "?target_user_id=USER1&" + asAdmin, "/admin/encryption/rotate-key?user_id=USER1&" + asAdmin} {
		if w := b.ask(adminToken, "POST", target); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
	}
	if got := b.fakes.done(); !slices.Equal(got, []string{"generate USER1", "clear all", "clear USER1", "rotate USER1"}) {
		t.Error(got)
	}
	if n := len(b.logs.FilterMessage("admin request").All()); n != 4 {
		t.Errorf("%d requests logged", n)
	}
}
