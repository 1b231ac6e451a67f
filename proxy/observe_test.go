package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/audit"
	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/logical"
)

// observedSchema has one protected table, app.people(id, owner, name).
func observedSchema(t testing.TB) *rewrite.Schema {
	t.Helper()
	name, err := logical.Parse(logical.Definition{Type: "varchar(10)", Charset: "utf8mb4", CollationID: 45})
	if err != nil {
		t.Fatal(err)
	}
	table := &rewrite.Table{Schema: "app", Name: "people", Protected: true, Owner: 1, Flag: -1, AutoInc: -1, PrimaryKey: []int{0}, UniqueKeys: [][]int{{0}}, Columns: []rewrite.Column{
		{Name: "id", Type: "int"}, {Name: "owner", Type: "varchar(40)"}, {Name: "name", Type: "varbinary(70)", Protected: &rewrite.Protected{ID: "people.name", Type: name}},
	}}
	s := &rewrite.Schema{Tables: map[string]*rewrite.Table{}}
	s.Tables[s.Key("app", "people")] = table
	return s
}

// observedBackend tells the session's state, and answers everything else with a person whose name is NULL.
func observedBackend(t testing.TB) *backend {
	b := newBackend(t, func(p []byte) [][]byte {
		text := string(p[1:])
		switch {
		case p[0] == mysql.COM_QUERY && text == stateQuery:
			row := textOf("STRICT_TRANS_TABLES", "utf8mb4", "utf8mb4", "utf8mb4", "app", "1000")
			return [][]byte{{stateColumns}, column("a"), column("b"), column("c"), column("d"), column("e"), column("f"), eofPacket(idle), row, eofPacket(idle)}
		case strings.HasPrefix(text, "SELECT") && strings.Contains(text, "owner"):
			name := packet.Column{Catalog: []byte("def"), Name: []byte("name"), Charset: 63, Length: 70, Type: mysql.MYSQL_TYPE_VAR_STRING}
			row := append(packet.AppendNull(nil), textOf("someone")...)
			return [][]byte{{2}, name.Append(nil), column("__phi_owner_1"), eofPacket(idle), row, row, eofPacket(idle)}
		case strings.HasPrefix(text, "BEGIN"):
			return [][]byte{okPacket(idle | mysql.SERVER_STATUS_IN_TRANS)}
		case p[0] == mysql.COM_STMT_PREPARE:
			return [][]byte{errPacket(1295)} // nothing to say against it
		}
		return [][]byte{okPacket(idle)}
	})
	b.forget = true
	return b
}

// newObserved is a proxy with a protected table; log is nil for one without an access log.
func newObserved(t testing.TB, log *audit.Log) *proxied {
	t.Helper()
	planner := rewrite.NewPlanner(observedSchema(t), 1000)
	return newProxy(t, observedBackend(t), func(c *Config) {
		c.Planner = func() *rewrite.Planner { return planner }
		c.Access, c.ApplicationAttribute = log, "app_user"
	})
}

func openLog(t testing.TB) (*audit.Log, string) {
	t.Helper()
	dir := t.TempDir()
	log, err := audit.Open(audit.Options{Dir: filepath.Join(dir, "log"), KeyFile: filepath.Join(dir, "key")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() }) // a test may have closed it
	return log, filepath.Join(dir, "log")
}

func events(t testing.TB, dir string, q audit.Query) []audit.Event {
	t.Helper()
	var all []audit.Event
	for e, err := range audit.Search(dir, q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func sqlCommand(sql string) []byte { return append([]byte{mysql.COM_QUERY}, sql...) }

// query runs a statement and returns the last packet of the answer.
func (c *client) query(sql string) []byte {
	c.t.Helper()
	p := c.ask(sqlCommand(sql))
	if packet.IsOK(p) || packet.IsErr(p) {
		return p
	}
	for ends := 0; ends < 2; {
		if p = c.read(); packet.IsErr(p) {
			return p
		}
		if p[0] == mysql.EOF_HEADER && len(p) == eofBytes {
			ends++
		}
	}
	return p
}

func (p *proxied) loginAs(user, person string) *client {
	p.t.Helper()
	c := p.connect()
	first := c.respond(baseCaps|mysql.CLIENT_CONNECT_ATTRS|mysql.CLIENT_CONNECT_WITH_DB, func(r *packet.HandshakeResponse) {
		r.User, r.Database = []byte(user), []byte("app")
		r.Attributes = textOf("program_name", "secret words", "app_user", person)
	})
	if !packet.IsOK(first) {
		p.t.Fatalf("login answered with %x", first)
	}
	return c
}

func TestAccessIsRecorded(t *testing.T) {
	log, dir := openLog(t)
	p := newObserved(t, log)
	c := p.loginAs("ann", "nurse 5")
	c.query("SELECT name FROM people WHERE id = 7")
	c.query("SELECT COUNT(*) FROM people")
	c.query("SELECT id FROM people WHERE name = 'CANARY'")
	c.query("SELECT 'CANARY")
	c.query("SELECT 1 FROM people WHERE 'CANARY")
	got := events(t, dir, audit.Query{})
	if len(got) != 3 {
		t.Fatalf("%d events: %+v", len(got), got)
	}
	e := got[0]
	if e.User != "ann" || e.Application != "nurse 5" || !strings.HasPrefix(e.Client, "127.0.0.1:") || e.Verb != "SELECT" || e.Verdict != "direct" ||
		e.Rows != 2 || e.Opened != 0 || e.Outcome != audit.Done || len(e.Columns) != 1 || e.Columns[0] != "app.people.name" || e.Tables[0] != "app.people" || len(e.Fingerprint) != 16 {
		t.Errorf("%+v", e)
	}
	if got[1].Outcome != audit.Refused || got[1].Code != "PHI-1102" || got[2].Code == "" {
		t.Errorf("%+v", got[1:])
	}
	if text := fmt.Sprintf("%+v", got); strings.Contains(text, "CANARY") || strings.Contains(text, "secret") {
		t.Error(text)
	}
}

// A client that goes away in the middle leaves a record that ends.
func TestBrokenAccessIsRecorded(t *testing.T) {
	log, dir := openLog(t)
	b := observedBackend(t)
	script := b.script
	b.script = func(p []byte) [][]byte {
		if strings.HasPrefix(string(p[1:]), "SELECT name") || strings.Contains(string(p), "CAST(") {
			return nil // hangs up
		}
		return script(p)
	}
	planner := rewrite.NewPlanner(observedSchema(t), 1000)
	p := newProxy(t, b, func(c *Config) {
		c.Planner = func() *rewrite.Planner { return planner }
		c.Access = log
	})
	c := p.loginAs("ann", "")
	c.send(sqlCommand("SELECT name FROM people WHERE id = 7"))
	p.closed()
	if got := events(t, dir, audit.Query{}); len(got) != 1 || got[0].Outcome != audit.Broken {
		t.Errorf("%+v", got)
	}
}

// While the log cannot be written statements about protected values are refused, others go on.
func TestUnwritableLog(t *testing.T) {
	log, _ := openLog(t)
	c := newObserved(t, log).loginAs("ann", "")
	if packet.IsErr(c.query("SELECT name FROM people")) {
		t.Error("refused while the log is open")
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if e := errorOf(t, c.query("SELECT name FROM people")); !strings.Contains(string(e.Message), "PHI-2101") {
		t.Errorf("%+v", e)
	}
	if packet.IsErr(c.query("SELECT COUNT(*) FROM people")) || packet.IsErr(c.query("UPDATE other SET a = 1")) {
		t.Error("other statements are refused too")
	}
}

func TestSessions(t *testing.T) {
	p := newObserved(t, nil)
	c := p.loginAs("ann", "nurse 5")
	c.query("BEGIN")
	c.query("SELECT name FROM people")
	waiting := p.connect()
	defer waiting.Close()
	var list []SessionInfo
	eventually(t, "both sessions are listed", func() bool {
		list = p.srv.Sessions()
		return len(list) == 2 && list[0].Idle && list[0].Rows == 2
	})
	s := list[0]
	if s.User != "ann" || s.Application != "nurse 5" || s.Database != "app" || s.LastVerb != "SELECT" || s.Statements != 2 || s.TLS != "" || s.Client == "" || s.Since.IsZero() {
		t.Errorf("%+v", s)
	}
	if list[1].User != "" || list[1].ID <= s.ID {
		t.Errorf("%+v", list[1])
	}
	c.query("BEGIN")
	eventually(t, "the transaction is shown", func() bool { return p.srv.Sessions()[0].InTransaction })
}

func TestTLSSubject(t *testing.T) {
	server, mine := selfSigned(t), selfSigned(t)
	leaf, err := x509.ParseCertificate(mine.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	server.ClientCAs, server.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	server.ClientCAs.AddCert(leaf)
	p := newProxy(t, newBackend(t, func([]byte) [][]byte { return [][]byte{okPacket(idle)} }), func(c *Config) { c.ClientTLS = server })
	c := p.connect()
	request := packet.SSLRequest{Capabilities: baseCaps | mysql.CLIENT_SSL, Collation: 45}
	c.write(request.Append(nil))
	mine.InsecureSkipVerify = true
	if err := c.StartTLS(t.Context(), tls.Client, mine); err != nil {
		t.Fatal(err)
	}
	if !packet.IsOK(c.respond(baseCaps|mysql.CLIENT_SSL, nil)) {
		t.Fatal("no login")
	}
	if s := p.srv.Sessions()[0]; s.TLS != "TLS 1.3" || s.TLSSubject != leaf.Subject.String() {
		t.Errorf("%+v", s)
	}
}

func TestVerbs(t *testing.T) {
	for p, want := range map[string]string{
		"\x03select 1": "SELECT", "\x03 /* x */ (SELECT 1)": "SELECT", "\x03Jane Doe": "other", "\x03": "other", "": "", "\x0e": "PING", "\x02app": "USE",
		"\x16SELECT ?": "PREPARE", "\x17\x00": "EXECUTE", "\x1f": "other", "\x01": "QUIT",
	} {
		if got := verbs[verbOf([]byte(p), false)]; got != want {
			t.Errorf("%q: %s, want %s", p, got, want)
		}
	}
}

func TestStatements(t *testing.T) {
	p := newObserved(t, nil)
	c := p.loginAs("ann", "")
	for i := range 5 {
		c.query(fmt.Sprintf("SELECT name FROM people WHERE id = %d", i))
	}
	c.query("SELECT COUNT(*) FROM people")
	c.query("SELECT id FROM people WHERE name = 'CANARY' OR name = CANARY")
	c.query("SELECT 'CANARY' FROM other")
	list := p.srv.Statements()
	if len(list) != 3 {
		t.Fatalf("%+v", list)
	}
	first := list[0]
	if first.Text != "SELECT name FROM people WHERE id = ?" || first.Count != 5 || first.Rows != 10 || first.Errors != 0 || first.Verdict != "direct" || first.Verb != "SELECT" || first.Last.IsZero() {
		t.Errorf("%+v", first)
	}
	for _, s := range list[1:] {
		if refused := s.Verdict == audit.VerdictRefuse; refused != (s.Reason == "PHI-1102") || refused != (s.Errors == 1) || !refused && s.Verdict != "relay" {
			t.Errorf("%+v", s)
		}
	}
	if text := fmt.Sprint(list); strings.Contains(text, "CANARY") {
		t.Error(text)
	}
}

// The list of shapes is bounded, and keeps those that are in use.
func TestShapesAreBounded(t *testing.T) {
	var s shapeCounts
	kept := s.refused(&rewrite.Shape{Hash: 0}, "PHI-1102")
	for i := range uint64(5 * maxShapes) {
		kept.begin()
		s.refused(&rewrite.Shape{Hash: i + 1}, "PHI-1102").begin()
	}
	srv := &Server{}
	for i := range s.shards {
		srv.shapes.shards[i].counts = s.shards[i].counts
	}
	list := srv.Statements()
	if len(list) > maxShapes || list[0].Count != 5*maxShapes {
		t.Errorf("%d shapes, %+v", len(list), list[0])
	}
}

// BenchmarkObserve is what observing a statement costs, the access log being off and on.
func BenchmarkObserve(b *testing.B) {
	log, _ := openLog(b)
	planner := rewrite.NewPlanner(observedSchema(b), 100)
	st, f := planner.Plan(rewrite.State{Database: "app"}, []byte("SELECT name FROM people WHERE id = 7"))
	if f != nil {
		b.Fatal(f)
	}
	last := eofPacket(idle)
	for name, access := range map[string]*audit.Log{"off": nil, "on": log} {
		b.Run(name, func(b *testing.B) {
			s := &session{srv: &Server{cfg: Config{Access: access}}, started: time.Now(), user: "ann"}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.begin(st); err != nil {
					b.Fatal(err)
				}
				s.shown([]byte("1"))
				s.ended(last)
			}
		})
	}
}
