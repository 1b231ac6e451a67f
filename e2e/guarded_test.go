package e2e

import (
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

// A prepared UPDATE that is executed again and again on rows that the proxy has seen runs as a statement of the proxy's own
// with a guard. It must answer as the client's does on a plaintext database, whatever becomes of the row meanwhile.
func TestGuardedUpdates(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "guarded")
		straight := app(t, p.proxy)
		plain := guardedUpdates(t, p.plain, direct(t, s, p.plain.database))
		sealed := guardedUpdates(t, p.sealed, straight)
		if diff := cmp.Diff(plain, sealed); diff != "" {
			t.Errorf("directly (-), through phiproxy (+)\n%s", diff)
		}
		if n := counter(t, p.sealed.conn, "Com_stmt_execute"); n < 10 {
			t.Errorf("only %d executions reached the server as such", n)
		}
		if made, closed := counter(t, p.sealed.conn, "Com_stmt_prepare"), counter(t, p.sealed.conn, "Com_stmt_close"); made != closed {
			t.Errorf("%d statements prepared, %d closed", made, closed)
		}
	})
}

// counter is a counter of the session's own at the server.
func counter(t *testing.T, c *client.Conn, name string) int {
	t.Helper()
	n, err := strconv.Atoi(query(t, c, "SHOW SESSION STATUS LIKE '"+name+"'").Rows[0][1].Data)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// guarding is a prepared UPDATE of one row that is executed again and again.
type guarding struct {
	t    *testing.T
	s    side
	p    *client.Prepared
	seen []any
}

// set executes the UPDATE and notes everything that shows of it.
func (g *guarding) set(id string, params ...packet.Param) {
	g.t.Helper()
	r, err := g.s.conn.Execute(g.p, append(params, stringParam(id))...)
	if err != nil {
		g.t.Fatal(err)
	}
	answer := g.s.finish(g.t, "", answer{Results: r})
	g.seen = append(g.seen, answer, query(g.t, g.s.conn, "SELECT ROW_COUNT()").Rows,
		query(g.t, g.s.conn, "SELECT patient_first, patient_dob, user_id, case_status FROM cases WHERE case_id = '"+id+"'").Rows)
}

func guardedUpdates(t *testing.T, s side, other *client.Conn) []any {
	p, err := s.conn.Prepare("UPDATE cases SET patient_first = ?, case_status = ?, patient_dob = ? WHERE case_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	g := &guarding{t: t, s: s, p: p}
	names := seedNames()
	id := names.Replace("{E03}")
	two, three := number(mysql.MYSQL_TYPE_LONG, false, 2, 4), number(mysql.MYSQL_TYPE_LONG, false, 3, 4)
	day, null := stringParam("1980-02-03"), packet.Param{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_NULL}, Null: true}
	for _, name := range []string{"Ann", "Bob", "Bob", "Zoë", "", "Deirdre", "Emil", "Emil", "Grace"} {
		g.set(id, stringParam(name), two, day)
	}
	g.set(id, null, three, day)
	g.set(id, stringParam("Hiro"), null, null)
	g.set(id, stringParam("Hiro"), three, null)
	g.set(id, stringParam(strings.Repeat("x", 251)), two, day)
	g.set(id, stringParam("Ivana"), two, stringParam("1980-02-31"))
	g.set(id, stringParam("Ivana"), two, stringParam("1980-2-3"))
	g.set(id, stringParam("José"), number(mysql.MYSQL_TYPE_LONG, false, 70000, 4), day)
	exec(t, other, "UPDATE cases SET patient_first = 'Other' WHERE case_id = '"+id+"'")
	g.set(id, stringParam("Jane"), two, day)
	exec(t, s.conn, "START TRANSACTION")
	g.set(id, stringParam("Kim"), three, day)
	g.set(id, stringParam("Lea"), three, day)
	exec(t, s.conn, "ROLLBACK")
	g.set(id, stringParam("Lea"), three, day)
	exec(t, other, names.Replace("UPDATE cases SET user_id = '{P2}' WHERE case_id = '"+id+"'"))
	g.set(id, stringParam("Mona"), three, day)
	g.set(id, stringParam("Nora"), three, day)
	exec(t, s.conn, "SET sql_mode = ''")
	g.set(id, stringParam(strings.Repeat("y", 251)), three, day)
	g.set(id, stringParam("Olga"), three, stringParam("1980-02-31"))
	exec(t, s.conn, "SET sql_mode = DEFAULT")
	g.set(id, stringParam("Pia"), three, day)
	exec(t, other, "DELETE FROM cases WHERE case_id = '"+id+"'")
	g.set(id, stringParam("Rosa"), three, day)
	g.set("no such row", stringParam("Rosa"), three, day)
	if err := s.conn.CloseStatement(p); err != nil {
		t.Fatal(err)
	}
	return g.seen
}

// A statement that runs as text is not run in a database, or under a sql_mode, in which its text would mean something else
// than where it was prepared.
func TestPreparedElsewhere(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "elsewhere")
		c := p.sealed.conn
		update, err := c.Prepare("UPDATE cases SET patient_first = ? WHERE case_id = ?")
		if err != nil {
			t.Fatal(err)
		}
		run := func() *client.ServerError {
			t.Helper()
			r, err := c.Execute(update, stringParam("Ann"), stringParam(seedNames().Replace("{E03}")))
			if err != nil {
				t.Fatal(err)
			}
			return r[0].Err
		}
		for away, back := range map[string]string{
			"USE mysql":                    "USE " + p.sealed.database,
			"SET sql_mode = 'ANSI_QUOTES'": "SET sql_mode = DEFAULT",
		} {
			exec(t, c, away)
			if got := run(); got == nil || got.Code != mysql.ER_NEED_REPREPARE {
				t.Errorf("after %s: %v", away, got)
			}
			exec(t, c, back)
			if got := run(); got != nil {
				t.Errorf("after %s: %v", back, got)
			}
		}
	})
}
