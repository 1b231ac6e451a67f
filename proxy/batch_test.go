package proxy

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// batchProxy is a proxy with a protected table in front of a server that may be asked what it got.
func batchProxy(t *testing.T) (*proxied, *backend) {
	t.Helper()
	planner := rewrite.NewPlanner(observedSchema(t), 100)
	b := observedBackend(t)
	b.forget = false
	answer := b.script
	b.script = func(p []byte) [][]byte {
		switch {
		case p[0] == mysql.COM_SET_OPTION:
			return [][]byte{eofPacket(idle)}
		case strings.Contains(string(p), "wrong"):
			return [][]byte{errPacket(1064)}
		}
		return answer(p)
	}
	return newProxy(t, b, func(c *Config) { c.Planner = func() *rewrite.Planner { return planner } }), b
}

// sent is what the server got, without the questions about the session's state.
func sent(b *backend) (texts []string) {
	for _, p := range b.seen() {
		if text := string(p[1:]); text != stateQuery {
			texts = append(texts, strings.TrimSpace(text))
		}
	}
	return texts
}

// statuses reads answers until none is announced; of rows they are the last, -1 is an error.
func (c *client) statuses() (all []int32) {
	c.t.Helper()
	for {
		p := c.read()
		if packet.IsErr(p) {
			return append(all, -1)
		}
		if !packet.IsOK(p) {
			for ends := 0; ends < 2; {
				if p = c.read(); packet.IsEOF(p) && len(p) == eofBytes {
					ends++
				}
			}
		}
		status, ok := statusFlags(p)
		if !ok {
			c.t.Fatalf("%x has no status", p)
		}
		all = append(all, int32(status))
		if status&mysql.SERVER_MORE_RESULTS_EXISTS == 0 {
			return all
		}
	}
}

func TestBatch(t *testing.T) {
	const on, off = "\x00\x00", "\x01\x00"
	tests := []struct {
		name, sql string
		sent      []string
		statuses  []int32
	}{
		{"unprotected", "DO 1; DO 2", []string{on, "DO 1; DO 2"}, []int32{int32(idle)}},
		{"protected", "DO 1; SELECT name FROM people; DO 2", []string{"DO 1", "SELECT name , CAST(`people`.`owner` AS BINARY) AS `__phi_owner_1` FROM people", "DO 2"}, []int32{int32(more), int32(more), int32(idle)}},
		{"error", "SELECT name FROM people; wrong; DO 2", []string{"SELECT name , CAST(`people`.`owner` AS BINARY) AS `__phi_owner_1` FROM people", "wrong"}, []int32{int32(more), -1}},
		{"refused", "COMMIT; SELECT LOWER(name) FROM people; DO 2", nil, []int32{-1}},
		{"refused behind a change", "SET @a = 1; SELECT LOWER(name) FROM people; DO 2", []string{"SET @a = 1", "SELECT LOWER(name) FROM people"}, []int32{int32(more), -1}},
		{"unreadable", "COMMIT; SELECT name FROM people WHERE id = 'x", nil, []int32{-1}},
		{"single", "SELECT name FROM people;", []string{"SELECT name , CAST(`people`.`owner` AS BINARY) AS `__phi_owner_1` FROM people"}, []int32{int32(idle)}},
		{"empty", "SELECT name FROM people;;DO 1", nil, []int32{-1}},
	}
	for _, tt := range tests {
		p, b := batchProxy(t)
		c := p.login(baseCaps | mysql.CLIENT_MULTI_STATEMENTS)
		if r := <-b.logins; r.Capabilities&mysql.CLIENT_MULTI_STATEMENTS != 0 {
			t.Error("the server was told to take several statements")
		}
		c.send(sqlCommand(tt.sql))
		statuses := c.statuses()
		got := sent(b)
		if len(tt.sent) > 0 && tt.sent[0] != on {
			got = slices.DeleteFunc(got, func(s string) bool { return s == off })
		}
		if !slices.Equal(got, tt.sent) || !slices.Equal(statuses, tt.statuses) {
			t.Errorf("%s: sent %q, answered %v; want %q and %v", tt.name, got, statuses, tt.sent, tt.statuses)
		}
		if got := c.ask([]byte{mysql.COM_PING}); !packet.IsOK(got) {
			t.Fatalf("%s: out of step: %x", tt.name, got)
		}
	}
}

// The server takes several statements only while a text that names no protected table is relayed.
func TestServerIsToldHowManyStatements(t *testing.T) {
	const on, off = "\x00\x00", "\x01\x00"
	p, b := batchProxy(t)
	c := p.login(baseCaps)
	if e := errorOf(t, c.ask(sqlCommand("DO 1; SELECT name FROM people"))); e.Code != fault.Multi.Code {
		t.Errorf("before it was asked for: %d %s", e.Code, e.Message)
	}
	for _, step := range []struct {
		command []byte
		want    []string
	}{
		{[]byte{mysql.COM_SET_OPTION, 0, 0}, []string{on}},
		{sqlCommand("DO 0; DO 0"), []string{off, "DO 0", "DO 0"}}, // the first might ask about the refusal
		{[]byte{mysql.COM_SET_OPTION, 0, 0}, []string{on}},
		{sqlCommand("DO 1; DO 2"), []string{"DO 1; DO 2"}},
		{sqlCommand("DO 3; DO 'people'"), []string{off, "DO 3", "DO 'people'"}},
		{sqlCommand("DO 4"), []string{"DO 4"}},
		{sqlCommand("DO 5; DO 6"), []string{on, "DO 5; DO 6"}},
		{[]byte{mysql.COM_RESET_CONNECTION}, []string{""}},
		{sqlCommand("DO 7; DO 8"), []string{on, "DO 7; DO 8"}},
		{[]byte{mysql.COM_SET_OPTION, 1, 0}, []string{off}},
		{sqlCommand("DO 9; DO 10"), []string{"DO 9; DO 10"}},
	} {
		before := len(sent(b))
		c.send(step.command)
		if step.command[0] == mysql.COM_SET_OPTION {
			c.read()
		} else {
			c.statuses()
		}
		if got := sent(b)[before:]; !slices.Equal(got, step.want) {
			t.Errorf("%q: the server got %q, want %q", step.command, got, step.want)
		}
	}
}
