package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/pump"
	"phiproxy/e2e/servers"
)

// fault expects an error of the proxy's own, and that the application's pool will not take it for a wrong password.
func fault(t *testing.T, what string, err error) {
	t.Helper()
	var e *client.ServerError
	if !errors.As(err, &e) || !strings.HasPrefix(e.Message, "phiproxy PHI-") {
		t.Errorf("%s: %v", what, err)
		return
	}
	if strings.Contains(e.Message, "Access denied") || strings.Contains(e.Message, "authentication") {
		t.Errorf("%s: %q makes the application drop its pool", what, e.Message)
	}
}

// queryError runs a statement that must fail, and leave the connection usable.
func queryError(t *testing.T, c *client.Conn, sql string) error {
	t.Helper()
	r, err := c.Query(sql)
	if err != nil {
		t.Fatalf("%v in %.200s", err, sql)
	}
	query(t, c, "SELECT 1")
	if r[len(r)-1].Err == nil {
		return nil
	}
	return r[len(r)-1].Err
}

// Without a backend a login is answered with an error; when the backend is back, logins work again.
func TestNoBackend(t *testing.T) {
	s := ownServer(t, servers.MariaDB, servers.Options{})
	p := startProxy(t, harness.Options{Server: s, Database: "no_backend"})
	c := app(t, p)
	exec(t, c, insertCase("kept", 1, "Kept"), "BEGIN", insertCase("lost", 1, "Lost"))
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Query("COMMIT"); err == nil && r[0].Err == nil {
		t.Error("COMMIT succeeded without a server")
	}
	_, err := p.App()
	fault(t, "login without a backend", err)
	if err := s.Run(servers.Options{}); err != nil {
		t.Fatal(err)
	}
	got := query(t, app(t, p), "SELECT case_id, patient_first FROM cases").Rows
	if len(got) != 1 || got[0][1].Data != "Kept" {
		t.Errorf("after the restart: %v", got)
	}
}

func insertCase(id string, owner int, first string) string {
	return fmt.Sprintf("INSERT INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('%s', '%s', '%s', 'Last')", id, provider(owner), first)
}

// A connection that breaks on one leg is closed on the other; nothing is retried.
func TestBrokenConnections(t *testing.T) {
	s := server(t, servers.MySQL)
	back, err := pump.Start(s.Addr, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	p := startProxy(t, harness.Options{Server: s, Database: "broken", Backend: back.Addr()})
	c := app(t, p)
	exec(t, c, "BEGIN", insertCase("x", 1, "X"))
	back.Cut()
	if r, err := c.Query("COMMIT"); err == nil && r[0].Err == nil {
		t.Error("COMMIT succeeded over a broken connection")
	}
	back.Down(true)
	_, err = p.App()
	fault(t, "login to a backend that hangs up", err)
	back.Down(false)
	c = app(t, p)
	if got := query(t, c, "SELECT COUNT(*) FROM cases").Rows[0][0].Data; got != "0" {
		t.Errorf("%s rows were committed", got)
	}
	// The client goes: its transaction must end at once, or others wait for its locks.
	exec(t, c, insertCase("y", 1, "Y"), "BEGIN", "UPDATE cases SET patient_first = 'Z' WHERE case_id = 'y'")
	_ = c.Close()
	other := app(t, p)
	exec(t, other, "SET innodb_lock_wait_timeout = 10", "UPDATE cases SET patient_first = 'W' WHERE case_id = 'y'")
}

// Stored values that somebody changed, moved or copied are errors, never data; other rows and the connection go on.
func TestTampering(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "tampering"})
		c := app(t, p)
		admin := direct(t, s, "tampering")
		for name, change := range map[string]string{
			"changed":             "UPDATE cases SET patient_first = UNHEX(CONCAT(LEFT(HEX(patient_first), 60), IF(SUBSTRING(HEX(patient_first), 61, 1) = '0', '1', '0'), SUBSTRING(HEX(patient_first), 62))) WHERE case_id = 'a'",
			"truncated":           "UPDATE cases SET patient_first = LEFT(patient_first, LENGTH(patient_first) - 1) WHERE case_id = 'a'",
			"extended":            "UPDATE cases SET patient_first = UNHEX(CONCAT(HEX(patient_first), '78')) WHERE case_id = 'a'",
			"from another column": "UPDATE cases SET patient_first = patient_last WHERE case_id = 'a'",
			"from another owner":  "UPDATE cases SET user_id = '" + provider(2) + "' WHERE case_id = 'a'",
			"of nobody":           "UPDATE cases SET user_id = NULL WHERE case_id = 'a'",
			"plaintext":           "UPDATE cases SET patient_first = 'in clear' WHERE case_id = 'a'",
		} {
			t.Run(name, func(t *testing.T) {
				exec(t, c, "DELETE FROM cases", insertCase("a", 1, "Ann"), insertCase("b", 1, "Bob"), insertCase("c", 2, "Cid"))
				exec(t, admin, change)
				fault(t, "text", queryError(t, c, "SELECT case_id, patient_first FROM cases WHERE case_id = 'a'"))
				fault(t, "whole table", queryError(t, c, "SELECT * FROM cases ORDER BY case_id"))
				fault(t, "prepared", preparedError(t, c, "SELECT patient_first FROM cases WHERE case_id = 'a'"))
				if got := query(t, c, "SELECT patient_first FROM cases WHERE case_id = 'b'").Rows[0][0].Data; got != "Bob" {
					t.Errorf("the next row reads %q", got)
				}
			})
		}
	})
}

func preparedError(t *testing.T, c *client.Conn, sql string) error {
	t.Helper()
	p, err := c.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Execute(p)
	if err != nil {
		t.Fatal(err)
	}
	query(t, c, "SELECT 1")
	if r[0].Err == nil {
		return nil
	}
	return r[0].Err
}

// A missing key makes its owner's values unreadable, and nobody else's. Writing for the owner must not make a new key
// that would hide the loss of the old one.
func TestMissingKey(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		first := startProxy(t, harness.Options{Server: s, Database: "missing_key"})
		exec(t, app(t, first), insertCase("a", 1, "Ann"), insertCase("b", 2, "Bob"))
		admin := direct(t, s, "missing_key")
		for _, table := range []string{"user_encryption_keys", "phiproxy_key_versions"} {
			exec(t, admin, "DELETE FROM "+table+" WHERE user_id = '"+provider(1)+"'")
		}
		p := restarted(t, first, harness.Options{Server: s, Database: "missing_key"})
		c := app(t, p)
		fault(t, "reading", queryError(t, c, "SELECT patient_first FROM cases WHERE case_id = 'a'"))
		if got := query(t, c, "SELECT patient_first FROM cases WHERE case_id = 'b'").Rows[0][0].Data; got != "Bob" {
			t.Errorf("the other owner's row reads %q", got)
		}
	})
}

// A proxy that is killed in the middle of a load leaves sealed values and whole rows only.
func TestKilledProxy(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "killed"})
		const rounds = 5
		var acknowledged sync.Map // case id -> first name, of what was committed
		for round := range rounds {
			var load sync.WaitGroup
			for worker := range 4 {
				load.Go(func() { loadUntilBroken(p, fmt.Sprintf("r%dw%d", round, worker), &acknowledged) })
			}
			time.Sleep(200 * time.Millisecond) // the load runs for a while
			if err := p.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			load.Wait()
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
		}
		checkCommitted(t, p, &acknowledged)
		for _, row := range query(t, direct(t, s, "killed"), "SELECT case_id, patient_first, patient_last FROM cases").Rows {
			for _, v := range row[1:] {
				if strings.Contains(v.Data, row[0].Data) {
					t.Fatalf("%s is stored in clear", row[0].Data)
				}
			}
		}
	})
}

// loadUntilBroken inserts and updates in transactions until the connection breaks.
func loadUntilBroken(p *harness.Proxy, name string, acknowledged *sync.Map) {
	c, err := p.App()
	if err != nil {
		return
	}
	defer c.Close()
	for i := 0; ; i++ {
		id := fmt.Sprintf("%s-%d", name, i)
		for _, sql := range []string{"BEGIN", insertCase(id, 1+i%3, "first of "+id), "UPDATE cases SET patient_last = 'last of " + id + "' WHERE case_id = '" + id + "'", "COMMIT"} {
			if c.Exec(sql) != nil {
				return
			}
		}
		acknowledged.Store(id, "first of "+id)
	}
}

func checkCommitted(t *testing.T, p *harness.Proxy, acknowledged *sync.Map) {
	t.Helper()
	got := map[string]string{}
	for _, row := range query(t, app(t, p), "SELECT case_id, patient_first, patient_last FROM cases").Rows {
		if row[1].Data != "first of "+row[0].Data || row[2].Data != "last of "+row[0].Data {
			t.Errorf("torn row %v", text(row))
		}
		got[row[0].Data] = row[1].Data
	}
	n := 0
	acknowledged.Range(func(id, first any) bool {
		n++
		if got[id.(string)] != first {
			t.Errorf("%v was committed and is gone", id)
		}
		return true
	})
	if n == 0 {
		t.Error("nothing was committed at all")
	}
}

// SIGTERM: new connections are refused, running transactions may finish, the exit code is 0.
func TestDrain(t *testing.T) {
	s := server(t, servers.MariaDB)
	p := startProxy(t, harness.Options{Server: s, Database: "drain"})
	busy, idle := app(t, p), app(t, p)
	exec(t, busy, "BEGIN", insertCase("a", 1, "Ann"))
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "new connections are refused", func() bool {
		c, err := p.App()
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	exec(t, busy, insertCase("b", 1, "Bob"), "COMMIT")
	if _, err := idle.Query("SELECT 1"); err == nil {
		t.Error("an idle connection outlived the drain")
	}
	if err := p.Process.Wait(20 * time.Second); err != nil {
		t.Error(err)
	}
	if got := query(t, direct(t, s, "drain"), "SELECT COUNT(*) FROM cases").Rows[0][0].Data; got != "2" {
		t.Errorf("%s rows", got)
	}
}

func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// One connection too many is told so, and gets in when another has left.
func TestTooManyConnections(t *testing.T) {
	s := server(t, servers.MariaDB)
	p := startProxy(t, harness.Options{Server: s, Database: "too_many", Extra: "limits:\n  max_connections: 3\n"})
	open := []*client.Conn{app(t, p), app(t, p), app(t, p)}
	_, err := p.App()
	if e := (*client.ServerError)(nil); !errors.As(err, &e) || e.Code != 1040 {
		t.Errorf("the fourth: %v", err)
	}
	if err := open[0].Quit(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "a place is free", func() bool {
		c, err := p.App()
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// A client that logs in slowly is cut off.
func TestLoginTimeout(t *testing.T) {
	s := server(t, servers.MariaDB)
	p := startProxy(t, harness.Options{Server: s, Database: "slow_login", Extra: "limits:\n  login_timeout: 1s\n"})
	c, err := client.Connect(p.Addr, 0)
	opened(t, c, err)
	if err := c.WriteRaw([]byte{100, 0, 0, 1, 0x0d}); err != nil {
		t.Fatal(err)
	}
	c.SetTimeout(10 * time.Second)
	if _, err := c.Read(); err == nil {
		_, err = c.Read() // after an error packet
		if err != io.EOF {
			t.Errorf("still open: %v", err)
		}
	} else if os.IsTimeout(err) {
		t.Error("not cut off")
	}
}
