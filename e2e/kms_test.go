package e2e

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/keys/kmsemu"
)

const masterKey = "alias/surgicase-phi-master"

// startKMS runs the emulator of the key service.
func startKMS(t *testing.T) (*kmsemu.Emulator, string) {
	t.Helper()
	e, err := kmsemu.New(kmsemu.Options{Aliases: []string{masterKey}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return e, s.URL
}

// restarted is a second proxy with the same keys in the database and none in memory.
func restarted(t *testing.T, first *harness.Proxy, o harness.Options) *harness.Proxy {
	t.Helper()
	p, err := harness.StartPrepared(o, first)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopProxy(t, p) })
	return p
}

func selectFirst(id string) string {
	return "SELECT patient_first FROM cases WHERE case_id = '" + id + "'"
}

// The key service sees owners' ids, and nothing of what is sealed.
func TestKMS(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		kms, url := startKMS(t)
		o := harness.Options{Server: s, Database: "kms", KMS: url}
		first := startProxy(t, o)
		c := app(t, first)
		exec(t, c, insertCase("a", 1, "Secretname"), insertCase("b", 2, "Secretname"), insertCase("c", 1, "Secretname"))
		if n := kms.Counts()["GenerateDataKey"]; n != 2 {
			t.Errorf("%d data keys for two owners", n)
		}
		kms.Reset()
		p := restarted(t, first, o)
		var sessions sync.WaitGroup
		for range 30 {
			sessions.Go(func() { readName(t, p, "a", "Secretname") })
		}
		sessions.Wait()
		// At its start the proxy asks for the keys of every owner, and the sessions may be faster.
		if n := kms.Counts()["Decrypt"]; n > 2 {
			t.Errorf("%d calls for two owners", n)
		}
		for _, r := range kms.Requests() {
			if body := string(r.Body); strings.Contains(body, "Secretname") || !strings.Contains(body, "EncryptionContext") {
				t.Errorf("%s: %s", r.Operation, body)
			}
		}
	})
}

func readName(t *testing.T, p *harness.Proxy, id, want string) {
	c, err := p.App()
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	r, err := c.Query(selectFirst(id))
	if err != nil || len(r[0].Rows) != 1 || r[0].Rows[0][0].Data != want {
		t.Errorf("%s: %+v, %v", id, r, err)
	}
}

// withUncached is a session of a second proxy, which has the key of case a's owner in memory and not that of case b's, made
// after it started.
func withUncached(t *testing.T, first *harness.Proxy, o harness.Options) *client.Conn {
	t.Helper()
	exec(t, app(t, first), insertCase("a", 1, "Ann"))
	c := app(t, restarted(t, first, o))
	query(t, c, selectFirst("a"))
	exec(t, app(t, first), insertCase("b", 2, "Bob"))
	return c
}

// An outage of the key service stops owners whose keys are not in memory, and nobody else; it ends by itself.
func TestKMSOutage(t *testing.T) {
	for name, outage := range map[string]kmsemu.Faults{"down": {Drop: true}, "internal errors": {Fail: -1}, "hanging": {Hang: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kms, url := startKMS(t)
			o := harness.Options{Server: server(t, servers.MariaDB), Database: "outage_" + strings.ReplaceAll(name, " ", "_"), KMS: url}
			first := startProxy(t, o)
			c := withUncached(t, first, o)
			kms.Set(outage)
			if got := query(t, c, selectFirst("a")).Rows[0][0].Data; got != "Ann" {
				t.Errorf("a cached owner reads %q", got)
			}
			exec(t, c, "BEGIN", insertCase("d", 1, "Dan"))
			fault(t, "read", queryError(t, c, selectFirst("b")))
			fault(t, "first write of an owner", queryError(t, c, insertCase("c", 3, "Cid")))
			exec(t, c, insertCase("e", 1, "Eve"), "COMMIT")
			kms.Set(kmsemu.Faults{})
			waitUntil(t, "the other owner can be read again", func() bool {
				r, err := c.Query(selectFirst("b"))
				return err == nil && r[0].Err == nil && r[0].Rows[0][0].Data == "Bob"
			})
			if got := query(t, c, "SELECT COUNT(*) FROM cases").Rows[0][0].Data; got != "4" {
				t.Errorf("%s rows", got)
			}
		})
	}
}

// A refusal of the key service is no outage: keys in memory are dropped, too.
func TestKMSRevocation(t *testing.T) {
	kms, url := startKMS(t)
	o := harness.Options{Server: server(t, servers.MariaDB), Database: "revoked", KMS: url}
	first := startProxy(t, o)
	c := withUncached(t, first, o)
	kms.Set(kmsemu.Faults{Deny: true})
	fault(t, "an owner who is not cached", queryError(t, c, selectFirst("b")))
	waitUntil(t, "the cached owner is refused", func() bool {
		r, err := c.Query(selectFirst("a"))
		return err == nil && r[0].Err != nil
	})
	kms.Set(kmsemu.Faults{})
	waitUntil(t, "both can be read again", func() bool { return readable(c, "a") && readable(c, "b") })
}

func readable(c *client.Conn, id string) bool {
	r, err := c.Query(selectFirst(id))
	return err == nil && r[0].Err == nil
}

// Throttling is waited out.
func TestKMSThrottling(t *testing.T) {
	kms, url := startKMS(t)
	p := startProxy(t, harness.Options{Server: server(t, servers.MariaDB), Database: "throttled", KMS: url})
	kms.Set(kmsemu.Faults{Throttle: 2})
	exec(t, app(t, p), insertCase("a", 1, "Ann"))
}

// A wrapped key of one owner does not open under another.
func TestSwappedKeys(t *testing.T) {
	_, url := startKMS(t)
	for name, kms := range map[string]string{"aws": url, "local": ""} {
		t.Run(name, func(t *testing.T) {
			s := server(t, servers.MariaDB)
			o := harness.Options{Server: s, Database: "swapped_" + name, KMS: kms}
			first := startProxy(t, o)
			exec(t, app(t, first), insertCase("a", 1, "Ann"), insertCase("b", 2, "Bob"))
			admin := direct(t, s, o.Database)
			exec(t, admin, "CREATE TABLE other AS SELECT user_id, wrapped_dek, key_id FROM phiproxy_key_versions",
				"UPDATE user_encryption_keys k JOIN other o ON o.user_id <> k.user_id SET k.encrypted_dek = o.wrapped_dek",
				"UPDATE phiproxy_key_versions k JOIN other o ON o.user_id <> k.user_id SET k.wrapped_dek = o.wrapped_dek, k.key_id = o.key_id")
			p := restarted(t, first, o)
			c := app(t, p)
			fault(t, "read", queryError(t, c, selectFirst("a")))
			fault(t, "write", queryError(t, c, insertCase("c", 2, "Cid")))
		})
	}
}
