package operator

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/keys/kmsemu"
)

// edit changes the configuration of an installation.
func (i *installation) edit(pairs ...string) {
	i.t.Helper()
	text, err := os.ReadFile(i.proxy.ConfigFile())
	if err != nil {
		i.t.Fatal(err)
	}
	if err := os.WriteFile(i.proxy.ConfigFile(), []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		i.t.Fatal(err)
	}
}

// Each thing that can be wrong is named, with what to do.
func TestDoctor(t *testing.T) {
	s := server(t, production)
	i := install(t, "doctor", 3)
	healthy, err := os.ReadFile(i.proxy.ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	logDir := filepath.Join(t.TempDir(), "log")
	withLog := "log:\n  level: debug\naudit: {dir: " + logDir + ", key_file: " + logDir + ".key}\n"
	i.exec("CREATE OR REPLACE USER poor IDENTIFIED BY 'poor'")
	i.exec("GRANT SELECT ON doctor.* TO poor")
	for _, c := range []struct {
		name    string
		prepare func()
		code    int
		want    string
	}{
		{"users without keys", func() {}, 0, "warn key coverage 3 of 3 active users have no key; ...\nfix: phiproxy keys generate"},
		{"no access log", func() {}, 0, "warn access log none is kept...\nfix: set audit.dir..."},
		{"nobody may use the admin port", func() {}, 0, "warn admin tokens ...\nfix: phiproxy token new ..."},
		{"plain to this host", func() {}, 0, "ok client TLS none, on 127...\nok backend TLS none, to 127..."},
		{"users with keys", func() { i.ok("keys", "generate", "--yes") }, 0, "ok key coverage all 3 active users have a key"},
		{"too many grants", func() {}, 0, "warn grants the account has ALL PRIVILEGES ON *.*\nfix: ..."},
		{"backend with TLS", func() { i.edit("mode: disable", "mode: verify\n    ca: "+s.PKI.CAFile+"\n    server_name: localhost") }, 0, "ok backend TLS TLS 1.3, certificate verified, valid until ..."},
		{"backend not verified", func() { i.edit("mode: disable", "mode: require") }, 0, "warn backend TLS ..., but the server's certificate is not verified\nfix: ..."},
		{"backend of another authority", func() { i.edit("mode: disable", "mode: verify") }, 1, "fail database ...\nfix: ...\nfail backend TLS ...certificate...\nfix: ..."},
		{"access log to come", func() { i.edit("log:\n  level: debug\n", withLog) }, 0, "ok access log ... will be made by phiproxy serve"},
		{"access log on something else", func() {
			if err := os.WriteFile(logDir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			i.edit("log:\n  level: debug\n", withLog)
		}, 1, "fail access log ...: statements about protected values are refused\nfix: ..."},
		{"an account that may only look", func() { i.edit(servers.StoreUser+":"+servers.StorePassword, "poor:poor") }, 1, "fail grants SELECT, INSERT on user_encryption_keys: ...\nfix: ...GRANT SELECT, INSERT ON user_encryption_keys..."},
		{"a wrong password", func() { i.edit(servers.StorePassword, "wrong") }, 1, "fail database ...\nfix: ...\nok key service ..."},
		{"the key service denies", func() { i.kms.Set(kmsemu.Faults{Deny: true}) }, 1, "fail key service ...denies the master key (AccessDeniedException)\nfix: ...kms:Decrypt..."},
		{"the key service is out", func() { i.kms.Set(kmsemu.Faults{Fail: -1}) }, 1, "fail key service ...does not answer...\nfix: ..."},
		{"a column has changed", func() { i.exec("ALTER TABLE cases MODIFY patient_first VARCHAR(20)") }, 1, "fail schema 3 statements are missing\nfix: ...\nphiproxy: something fails, see above"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i.t = t
			if err := os.WriteFile(i.proxy.ConfigFile(), healthy, 0o600); err != nil {
				t.Fatal(err)
			}
			i.kms.Set(kmsemu.Faults{})
			c.prepare()
			i.expect(c.code, "", c.want, "doctor")
		})
	}
	i.t = t
	_, output := i.run("", "doctor", "--json")
	var findings []struct{ Check, Level, Text string }
	if err := json.NewDecoder(strings.NewReader(output)).Decode(&findings); err != nil || len(findings) < 10 {
		t.Errorf("got %v, %v", findings, err)
	}
}

// The access log answers who saw whose values, and shows that it was not touched.
func TestAccessLog(t *testing.T) {
	i := install(t, "accesses", 3)
	dir := filepath.Join(t.TempDir(), "log")
	i.edit("log:\n  level: debug\n", "log:\n  level: debug\naudit: {dir: "+dir+", key_file: "+dir+".key, application_attribute: app_user}\n")
	c := i.serve()
	i.insert(c, "a", "USER001")
	i.insert(c, "b", "USER002")
	if !readable(t, c, "a") {
		t.Fatal("not readable")
	}
	i.expect(0, "", "TIME USER CLIENT APPLICATION VERB TABLES ROWS READ WRITTEN OUTCOME\n... app ... INSERT accesses.cases 1 0 2 done\n... app ... SELECT accesses.cases 1 1 0 done\n2 statements by 1 user",
		"access", "who", "--owner", "USER001", "--from", "1h")
	i.expect(0, "", "1 statement by 1 user", "access", "who", "--owner", "USER002")
	i.expect(0, "", "0 statements by 0 users", "access", "who", "--owner", "USER003")
	i.expect(0, "", "0 statements by 0 users", "access", "who", "--owner", "USER001", "--to", "2026-01-01")
	i.expect(0, "", "0 statements by 0 users", "access", "who", "--owner", "USER001", "--user", "nobody")
	i.expect(0, "", "1 statement by 1 user\nThere may be more: --limit is 1", "access", "who", "--owner", "USER001", "--limit", "1")
	var event struct {
		User, Verb string
		Owners     []string
		Rows       int
	}
	lines := strings.Split(i.ok("access", "who", "--owner", "USER001", "--json"), "\n")
	if err := json.Unmarshal([]byte(lines[1]), &event); err != nil || event.User != "app" || event.Verb != "SELECT" || len(event.Owners) != 1 || event.Rows != 1 {
		t.Errorf("got %+v, %v from %q", event, err, lines)
	}
	stop(t, i.proxy)
	i.expect(0, "", dir+": ... records in 1 file, from ... to ...\nok: every line is in its place; signed up to record ...", "keys", "verify-audit")
	i.witness()
	twice := i.ok("access", "who", "--owner", "USER001", "--dir", dir, "--dir", dir)
	if missing, ok := follows(twice, "4 statements by 1 user"); !ok {
		t.Errorf("missing %q in\n%s", missing, twice)
	}
	i.tamper(dir)
}

func stop(t *testing.T, p *harness.Proxy) {
	t.Helper()
	if err := p.Process.Stop(); err != nil {
		t.Fatal(err)
	}
}

// witness holds the log to what the proxy's own log says of its end.
func (i *installation) witness() {
	i.t.Helper()
	var record uint64
	var hash string
	for line := range strings.Lines(string(readFile(i.t, i.proxy.LogFile()))) {
		var entry struct {
			Msg, Hash string
			Record    uint64
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "access log" {
			record, hash = entry.Record, entry.Hash
		}
	}
	i.expect(0, "", fmt.Sprintf("ok: every line...\nok: record %d is there...", record), "keys", "verify-audit", "--anchor", fmt.Sprintf("%d:%s", record, hash))
	i.expect(1, "", "ok: every line...\nBAD: record ... is not there...", "keys", "verify-audit", "--anchor", fmt.Sprintf("%d:%s", record+1, hash))
	i.expect(1, "", "ok: every line...\nBAD: record ... is not there...", "keys", "verify-audit", "--anchor", fmt.Sprintf("%d:%s", record-1, hash))
	i.expect(2, "", "", "keys", "verify-audit", "--anchor", hash)
}

// tamper changes one line and expects it to be named.
func (i *installation) tamper(dir string) {
	i.t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		i.t.Fatal(err)
	}
	for _, file := range files {
		if err := os.WriteFile(file, []byte(strings.Replace(string(readFile(i.t, file)), "USER002", "USER003", 1)), 0o600); err != nil {
			i.t.Fatal(err)
		}
	}
	i.expect(1, "", "BAD: ... line ...\nphiproxy: the access log does not verify, see above", "keys", "verify-audit")
	if err := os.WriteFile(files[0], append([]byte("garbage\n"), readFile(i.t, files[0])...), 0o600); err != nil {
		i.t.Fatal(err)
	}
	i.expect(1, "", "2 statements by 1 user\nphiproxy: 1 lines of the access log cannot be read...", "access", "who", "--owner", "USER001")
	i.expect(1, "", "", "keys", "verify-audit", "--dir", dir+"-none", "--public-key", dir+".key.pub")
	i.expect(1, "", "", "keys", "verify-audit", "--dir", dir, "--public-key", dir+"-none")
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
