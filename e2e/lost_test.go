package e2e

import (
	"errors"
	"fmt"
	"testing"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// A server that is killed, or stopped, in the middle of a transaction is lost to a client of the proxy as it is to one of its
// own: with the same error, and nothing is tried again behind the client's back.
func TestServerLostInTransaction(t *testing.T) {
	for _, kind := range real() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := ownServer(t, kind, servers.Options{})
			p := startProxy(t, harness.Options{Server: s, Database: "lost"})
			for name, end := range map[string]func(*servers.Server) error{"killed": (*servers.Server).Kill, "stopped": (*servers.Server).Shutdown} {
				loseServer(t, p, name, end)
			}
		})
	}
}

func loseServer(t *testing.T, p *harness.Proxy, name string, end func(*servers.Server) error) {
	t.Helper()
	plain, sealed, waiting := direct(t, p.Server, "lost"), app(t, p), app(t, p)
	for i, c := range []*client.Conn{plain, sealed, waiting} {
		exec(t, c, "BEGIN", fmt.Sprintf("INSERT INTO case_documents (case_id) VALUES ('%d')", i))
	}
	exec(t, sealed, insertCase("x", 1, "X"))
	exec(t, waiting, insertCase("y", 1, "Y"))
	if err := end(p.Server); err != nil {
		t.Fatal(err)
	}
	want := lostBy(plain, "COMMIT")
	if got := lostBy(sealed, "COMMIT"); got != want {
		t.Errorf("%s, COMMIT: directly %q, through phiproxy %q", name, want, got)
	}
	if got := lostBy(waiting, "UPDATE cases SET patient_first = 'Z' WHERE case_id = 'y'"); got != want {
		t.Errorf("%s, UPDATE: directly %q, through phiproxy %q", name, want, got)
	}
	if err := p.Server.Run(servers.Options{}); err != nil {
		t.Fatal(err)
	}
	got := query(t, app(t, p), "SELECT (SELECT COUNT(*) FROM cases), (SELECT COUNT(*) FROM case_documents)").Rows[0]
	if got[0].Data != "0" || got[1].Data != "0" {
		t.Errorf("%s, after the restart: %v rows", name, text(got))
	}
}

// lostBy is how a client hears that its connection is no more: by an error of the server's, or by the end of the stream.
func lostBy(c *client.Conn, sql string) string {
	r, err := c.Query(sql)
	var answered *client.ServerError
	switch {
	case errors.As(err, &answered):
		return answered.Error()
	case err != nil:
		return "connection lost"
	case r[len(r)-1].Err != nil:
		return r[len(r)-1].Err.Error()
	}
	return "done"
}
