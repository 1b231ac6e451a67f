package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"phiproxy/admin"
	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// operator is a token for the admin port of a running proxy.
type operator struct {
	t     *testing.T
	proxy *harness.Proxy
	name  string
	token string
}

// object is a JSON object of an answer.
type object = map[string]any

// tokenLines makes a token and its lines of the section admin.
func tokenLines(t *testing.T, name, role string) (token, lines string) {
	t.Helper()
	token, hash, err := admin.NewToken(name)
	if err != nil {
		t.Fatal(err)
	}
	return token, fmt.Sprintf("    - {name: %s, sha256: %s, role: %s, expires: 2999-01-01}\n", name, hash, role)
}

// try sends a request and returns status and body.
func (o *operator) try(method, path string, parameters ...string) (int, []byte) {
	o.t.Helper()
	query := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	request, err := http.NewRequest(method, "http://"+o.proxy.AdminAddr+path+"?"+query.Encode(), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	if o.token != "" {
		request.Header.Set("Authorization", "Bearer "+o.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return response.StatusCode, body
}

// do is a request that must have the status.
func (o *operator) do(want int, method, path string, parameters ...string) object {
	o.t.Helper()
	status, body := o.try(method, path, parameters...)
	if status != want {
		o.t.Fatalf("%s %s: %d, not %d: %s", method, path, status, want, body)
	}
	var answer object
	if err := json.Unmarshal(body, &answer); err != nil {
		o.t.Fatal(err, string(body))
	}
	return answer
}

// expect compares some fields of an answer, given as pairs.
func (o *operator) expect(answer object, pairs ...any) {
	o.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if got := answer[pairs[i].(string)]; fmt.Sprint(got) != fmt.Sprint(pairs[i+1]) {
			o.t.Errorf("%v is %v, not %v, in %v", pairs[i], got, pairs[i+1], answer)
		}
	}
}

const (
	keyPath     = "/admin/encryption/"
	bossUser    = "boss"
	hostileUser = `<script>alert("1")</script>`
)

// TestAdminPort drives the whole API against the real program, its keys and its database.
func TestAdminPort(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		token, lines := tokenLines(t, "alice", "admin")
		viewerToken, viewerLines := tokenLines(t, "grafana", "viewer")
		p := startProxy(t, harness.Options{Server: s, Database: "admin_port", Admin: "  tokens:\n" + lines + viewerLines})
		d := direct(t, s, p.Database)
		for i := range 3 {
			exec(t, d, fmt.Sprintf("INSERT INTO user_profile (user_id, user_email, user_type, active) VALUES ('%s', 'u%d@example.org', 1, 1)", provider(i+1), i))
		}
		exec(t, d, "INSERT INTO user_profile (user_id, user_email, user_type, active) VALUES ('"+bossUser+"', 'b@example.org', 100, 1), ('"+hostileUser+"', 'h@example.org', 1, 1)")
		o := &operator{t, p, bossUser, token}
		c := app(t, p)
		o.guide()
		o.rotation(c)
		o.destruction(c)
		o.views(c)
		(&operator{t, p, bossUser, viewerToken}).viewer()
		o.strangers()
		o.reloads(viewerLines)
		o.silent(viewerToken)
	})
}

// guide makes the calls of the guide.
func (o *operator) guide() {
	o.t.Helper()
	o.expect(o.do(200, "GET", keyPath+"key-status", "admin_user_id", bossUser), "total_active_users", 5, "users_with_keys", 0, "users_without_keys", 5, "coverage_percentage", 0)
	o.expect(o.do(200, "POST", keyPath+"generate-key", "user_id", provider(1), "admin_user_id", bossUser), "key_version", 1, "success", true)
	o.expect(o.do(200, "POST", keyPath+"generate-key", "user_id", hostileUser, "admin_user_id", bossUser), "user_id", hostileUser)
	o.expect(o.do(200, "GET", keyPath+"key-status", "admin_user_id", bossUser, "target_user_id", provider(1)), "has_key", true, "key_version", 1, "rotated_at", nil, "is_active", true)
	o.expect(o.do(200, "GET", keyPath+"key-status", "admin_user_id", bossUser, "target_user_id", provider(2)), "has_key", false)
	o.do(404, "POST", keyPath+"generate-key", "user_id", "nobody", "admin_user_id", bossUser)
	o.do(403, "POST", keyPath+"generate-key", "user_id", provider(1), "admin_user_id", provider(1))
	o.do(422, "POST", keyPath+"generate-key", "user_id", provider(1))
	o.expect(o.do(200, "POST", keyPath+"clear-cache", "admin_user_id", bossUser), "action", "cleared_all")
	log := o.do(200, "GET", keyPath+"audit-log", "admin_user_id", bossUser, "limit", "1", "target_user_id", provider(1))
	entry := log["audit_entries"].([]any)[0].(object)
	o.expect(entry, "user_id", provider(1), "operation", "generate", "performed_by", bossUser, "ip_address", "127.0.0.1")
	o.expect(entry["details"].(object), "principal", "token:alice", "key_version", 1)
}

// rotation rotates one key and all keys, and reads what was sealed before.
func (o *operator) rotation(c *client.Conn) {
	o.t.Helper()
	exec(o.t, c, insertCase("a", 1, "Alice"), insertCase("b", 2, "Bob"))
	o.expect(o.do(200, "POST", keyPath+"rotate-key", "user_id", provider(1), "admin_user_id", bossUser), "key_version", 2)
	o.do(404, "POST", keyPath+"rotate-key", "user_id", provider(3), "admin_user_id", bossUser)
	time.Sleep(1100 * time.Millisecond) // rotate-all leaves alone what was made in its own second
	job := o.do(202, "POST", keyPath+"rotate-all", "admin_user_id", bossUser)
	path := keyPath + "rotate-all/" + job["job_id"].(string)
	for deadline := time.Now().Add(20 * time.Second); job["state"] == "running" && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		job = o.do(200, "GET", path)
	}
	o.expect(job, "state", "done", "total", 3, "done", 3, "failed", 0)
	list := o.do(200, "GET", keyPath+"keys", "prefix", provider(1)[:8])
	o.expect(list["keys"].([]any)[0].(object), "user_id", provider(1), "key_version", 3, "versions", 3, "state", "active")
	first := o.do(200, "GET", keyPath+"keys", "limit", "1")
	second := o.do(200, "GET", keyPath+"keys", "limit", "2", "after", first["next"].(string))
	o.expect(first, "total", 3)
	if n := len(second["keys"].([]any)); n != 2 || second["next"] != "" {
		o.t.Errorf("second page: %v", second)
	}
	if got := text(query(o.t, c, selectFirst("a")).Rows[0]); got[0] != "Alice" {
		o.t.Errorf("after rotations: %v", got)
	}
}

// destruction takes both steps, and sees that the values are gone.
func (o *operator) destruction(c *client.Conn) {
	o.t.Helper()
	asked := o.do(200, "POST", keyPath+"destroy-key", "user_id", provider(2), "admin_user_id", bossUser)
	o.expect(asked, "rows", 1, "values", 2, "versions", 2)
	o.do(409, "POST", keyPath+"destroy-key", "user_id", provider(1), "admin_user_id", bossUser, "confirmation_code", asked["confirmation_code"].(string))
	query(o.t, c, selectFirst("b"))
	o.expect(o.do(200, "POST", keyPath+"destroy-key", "user_id", provider(2), "admin_user_id", bossUser, "confirmation_code", asked["confirmation_code"].(string)),
		"success", true, "destroyed_versions", 2)
	if queryError(o.t, c, selectFirst("b")) == nil {
		o.t.Error("values of a destroyed key are read")
	}
	o.expect(o.do(200, "GET", keyPath+"key-status", "admin_user_id", bossUser, "target_user_id", provider(2)), "has_key", false, "message", "The user's keys were destroyed")
	o.do(409, "POST", keyPath+"destroy-key", "user_id", provider(2), "admin_user_id", bossUser)
}

// views looks at everything else.
func (o *operator) views(c *client.Conn) {
	o.t.Helper()
	query(o.t, c, selectFirst("a"))
	sessions := o.do(200, "GET", "/admin/sessions")
	if len(sessions["sessions"].([]any)) != 1 {
		o.t.Errorf("%v", sessions)
	}
	_, statements := o.try("GET", "/admin/statements")
	if !strings.Contains(string(statements), "patient_first") || strings.Contains(string(statements), "Alice") || strings.Contains(string(statements), "'a'") {
		o.t.Errorf("statements: %s", statements)
	}
	status := o.do(200, "GET", "/admin/status")
	o.expect(status["user"].(object), "name", "alice", "role", "admin")
	o.expect(status["coverage"].(object), "total_active_users", 5)
	o.expect(status["ready"].(object), "ready", true)
	o.do(503, "GET", "/admin/access")
	o.do(200, "GET", "/openapi.json")
}

func (o *operator) viewer() {
	o.t.Helper()
	o.do(200, "GET", "/admin/status")
	if status, body := o.try("GET", "/metrics"); status != 200 || !strings.Contains(string(body), "phiproxy_admin_requests_total") {
		o.t.Errorf("metrics: %d", status)
	}
	o.do(403, "POST", keyPath+"clear-cache", "admin_user_id", bossUser)
}

// strangers get nothing; probes of the proxy's health go on.
func (o *operator) strangers() {
	o.t.Helper()
	wrong, _ := tokenLines(o.t, "alice", "admin")
	for _, token := range []string{"", wrong} {
		stranger := &operator{o.t, o.proxy, "", token}
		for _, path := range []string{"/admin/status", keyPath + "keys", "/metrics", "/nothing", "/debug/pprof/"} {
			stranger.do(401, "GET", path)
			if token != "" {
				break // more would begin a back-off
			}
		}
	}
	stranger := &operator{o.t, o.proxy, "", ""}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := stranger.try("GET", path); status != 200 || len(body) > 20 {
			o.t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// reloads takes the token out of the configuration of the running proxy.
func (o *operator) reloads(keep string) {
	o.t.Helper()
	file := o.proxy.ConfigFile()
	text, err := os.ReadFile(file)
	if err != nil {
		o.t.Fatal(err)
	}
	at := strings.Index(string(text), "    - {name: alice")
	rest := string(text)[at:]
	without := string(text)[:at] + rest[strings.Index(rest, "\n")+1:]
	if !strings.Contains(without, keep) {
		o.t.Fatal("the other token went too")
	}
	if err := os.WriteFile(file, []byte(without), 0o600); err != nil {
		o.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, _ := o.try("GET", "/version")
		if status == 401 {
			return
		}
		if status != 200 || time.Now().After(deadline) {
			o.t.Fatalf("a removed token gets %d", status)
		}
	}
}

// silent looks for secrets and values in the proxy's log.
func (o *operator) silent(tokens ...string) {
	o.t.Helper()
	log, err := os.ReadFile(o.proxy.LogFile())
	if err != nil {
		o.t.Fatal(err)
	}
	for _, secret := range append(tokens, o.token, "phx_", "Alice", hostileUser) {
		if strings.Contains(string(log), secret) {
			o.t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(string(log), `"principal":"token:alice"`) {
		o.t.Error("the log names nobody")
	}
}
