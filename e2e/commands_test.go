package e2e

import (
	"fmt"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

// Commands that the proxy relays answer as the server does.
func TestCommands(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		p := commandsPair(t, s)
		for name, run := range map[string]func(*testing.T, side) any{
			"ping":             func(t *testing.T, s side) any { return do(t, s, mysql.COM_PING, "") },
			"init db":          func(t *testing.T, s side) any { return do(t, s, mysql.COM_INIT_DB, s.database) },
			"unknown db":       func(t *testing.T, s side) any { return do(t, s, mysql.COM_INIT_DB, "no_such_database") },
			"use":              func(t *testing.T, s side) any { return s.runText(t, "USE "+s.database) },
			"reset":            resetConnection,
			"statement reset":  statementReset,
			"closed statement": closedStatement,
			"two statements":   twoStatements,
			"remembered types": rememberedTypes,
		} {
			t.Run(name, func(t *testing.T) {
				if diff := cmp.Diff(run(t, p.plain), run(t, p.sealed)); diff != "" {
					t.Errorf("directly (-), through phiproxy (+)\n%s", diff)
				}
				for _, s := range []side{p.plain, p.sealed} { // some of these answers tell of the statement before
					query(t, s.conn, "SELECT patient_first FROM cases WHERE case_id = 'x'")
				}
			})
		}
		statistics(t, p.sealed.conn)
	})
}

func commandsPair(t *testing.T, s *servers.Server) *pair {
	t.Helper()
	return newPair(t, s, "commands")
}

func do(t *testing.T, s side, command byte, argument string) client.Result {
	t.Helper()
	r, err := s.conn.Do(command, []byte(argument))
	if err != nil {
		t.Fatal(err)
	}
	if r.Err != nil {
		r.Err.Message = s.anonymous(r.Err.Message)
	}
	return r
}

// resetConnection forgets variables, prepared statements, and the transaction.
func resetConnection(t *testing.T, s side) any {
	exec(t, s.conn, "SET @a = 1", "SET sql_mode = 'ANSI_QUOTES'")
	r := do(t, s, mysql.COM_RESET_CONNECTION, "")
	return []any{r.Err, s.runText(t, "SELECT @a, @@sql_mode"), s.runText(t, `SELECT case_id, "x" FROM cases WHERE case_id = "x"`)}
}

func statementReset(t *testing.T, s side) any {
	p, err := s.conn.Prepare("SELECT patient_first FROM cases WHERE case_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.conn.SendLongData(p, 0, []byte("half")); err != nil {
		t.Fatal(err)
	}
	r := do(t, s, mysql.COM_STMT_RESET, string(statementNumber(p)))
	results, err := s.conn.Execute(p, stringParam("none"))
	if err != nil {
		t.Fatal(err)
	}
	return []any{r.Err, results[0].Err, results[0].Rows}
}

// TestChangeUser logs in again on the same connection: the session starts anew, and a wrong password ends it.
func TestChangeUser(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "change_user")
		for _, password := range []string{servers.AdminPassword, "wrong"} {
			to := client.Options{User: servers.AdminUser, Password: password}
			run := func(s side) []any {
				exec(t, s.conn, "SET @a = 1", "SET sql_mode = 'ANSI_QUOTES'")
				to.Database = s.database
				if err := s.conn.ChangeUser(to); err != nil {
					return []any{s.anonymous(err.Error())}
				}
				return []any{s.runText(t, "SELECT @a, SUBSTRING_INDEX(CURRENT_USER(), '@', 1), @@sql_mode"), s.runText(t, `SELECT patient_first, "x" FROM cases WHERE case_id = "x"`)}
			}
			if diff := cmp.Diff(run(p.plain), run(p.sealed)); diff != "" {
				t.Errorf("password %q: directly (-), through phiproxy (+)\n%s", password, diff)
			}
		}
	})
}

func statementNumber(p *client.Prepared) []byte {
	long := packet.SendLongData{StatementID: p.StatementID}
	return long.Append(nil)[1:5]
}

func closedStatement(t *testing.T, s side) any {
	p, err := s.conn.Prepare("SELECT patient_first FROM cases WHERE case_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.conn.CloseStatement(p); err != nil {
		t.Fatal(err)
	}
	r, err := s.conn.Execute(p, stringParam("x"))
	if err != nil {
		t.Fatal(err)
	}
	return r[0].Err.Code
}

func twoStatements(t *testing.T, s side) any {
	var out []any
	a, err := s.conn.Prepare("SELECT patient_first, patient_dob FROM cases WHERE case_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.conn.Prepare("SELECT user_email FROM user_profile WHERE user_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	names := seedNames()
	for range 2 {
		for _, x := range []struct {
			p     *client.Prepared
			param string
		}{{a, "{E01}"}, {b, "{P1}"}} {
			r, err := s.conn.Execute(x.p, stringParam(names.Replace(x.param)))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r[0].Rows)
		}
	}
	return out
}

// rememberedTypes executes again without sending the types of the parameters, as libmysqlclient does.
func rememberedTypes(t *testing.T, s side) any {
	// The embedded server counts an unchanged row as changed when ON UPDATE has a new second to store.
	p, err := s.conn.Prepare("UPDATE cases SET patient_first = ?, case_status = ?, case_updated_ts = case_updated_ts WHERE case_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	id := seedNames().Replace("{E03}")
	for i, name := range []string{"Once", "Twice", "Twice"} {
		e := packet.Execute{StatementID: p.StatementID, Iterations: 1, NewTypes: i == 0, Params: []packet.Param{
			stringParam(name), number(mysql.MYSQL_TYPE_SHORT, false, 3, 2), stringParam(id),
		}}
		r, err := s.conn.Send(e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r[0].AffectedRows, r[0].Err, s.runText(t, "SELECT patient_first FROM cases WHERE case_id = '"+id+"'").Results[0].Rows)
	}
	return out
}

func statistics(t *testing.T, c *client.Conn) {
	t.Helper()
	if err := c.Command(mysql.COM_STATISTICS, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := c.Read(); err != nil || len(b) == 0 {
		t.Errorf("statistics: %q, %v", b, err)
	}
}

// COM_FIELD_LIST describes protected columns by their logical types.
func TestFieldList(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "fields")
		for _, argument := range []string{"cases\x00", "cases\x00patient%", "user_profile\x00", "no_such\x00"} {
			if diff := cmp.Diff(fieldList(t, p.plain, argument), fieldList(t, p.sealed, argument)); diff != "" {
				t.Errorf("%q: directly (-), through phiproxy (+)\n%s", argument, diff)
			}
		}
	})
}

func fieldList(t *testing.T, s side, argument string) []string {
	t.Helper()
	if err := s.conn.Command(mysql.COM_FIELD_LIST, []byte(argument)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for {
		b, err := s.conn.Read()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s.anonymous(string(b)))
		if packet.IsErr(b) || packet.IsEOF(b) {
			return out
		}
	}
}

// Commands that would go round the proxy are refused, and the connection goes on.
func TestRefusedCommands(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "refused"})
		for command, argument := range map[byte]string{
			mysql.COM_BINLOG_DUMP: "\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00", mysql.COM_TABLE_DUMP: "\x07refused\x05cases",
			mysql.COM_REGISTER_SLAVE: "\x01\x00\x00\x00", mysql.COM_BINLOG_DUMP_GTID: "\x00\x00", mysql.COM_CREATE_DB: "x", mysql.COM_DROP_DB: "refused",
			mysql.COM_CLONE: "", 0x40: "", 0xfe: "", mysql.COM_STMT_FETCH: "\x01\x00\x00\x00\x01\x00\x00\x00",
		} {
			c := app(t, p)
			r, err := c.Do(command, []byte(argument))
			if err != nil || r.Err == nil {
				t.Errorf("command %#x: %+v, %v", command, r, err)
				continue
			}
			if _, err := c.Query("SELECT case_id, patient_first FROM cases"); err != nil {
				t.Errorf("after command %#x: %v", command, err)
			}
		}
	})
}

// The shape of packets follows the capabilities of the client, in every combination.
func TestCapabilities(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "capabilities")
		options := []uint32{mysql.CLIENT_DEPRECATE_EOF, mysql.CLIENT_SESSION_TRACK, mysql.CLIENT_FOUND_ROWS, mysql.CLIENT_INTERACTIVE | mysql.CLIENT_IGNORE_SPACE}
		for bits := range 1 << len(options) {
			o := client.Options{User: servers.AppUser, Password: servers.AppPassword, Clear: mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA * uint32(bits&1)}
			for i, capability := range options {
				if bits&(1<<i) != 0 {
					o.Set |= capability
				}
			}
			// What is asked for besides must not be agreed to.
			o.Set |= mysql.CLIENT_COMPRESS | mysql.CLIENT_LOCAL_FILES | mysql.CLIENT_MULTI_STATEMENTS | mysql.CLIENT_QUERY_ATTRIBUTES
			if bits&2 != 0 {
				o.Set |= mysql.CLIENT_OPTIONAL_RESULTSET_METADATA | mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM
			}
			capabilityRun(t, s, p, o)
		}
	})
}

func capabilityRun(t *testing.T, s *servers.Server, p *pair, o client.Options) {
	t.Helper()
	dial := func(addr, database string) side {
		o.Addr, o.Database = addr, database
		c, err := client.Connect(addr, 0)
		opened(t, c, err)
		// A well-behaved client asks only for what the proxy offers, and so does the direct one, to compare like with like.
		o := o
		o.Set &= proxyOffers(t, p.proxy)
		if err := c.LogIn(o); err != nil {
			t.Fatal(err)
		}
		return side{conn: c, database: database}
	}
	two := &pair{kind: s.Kind, plain: dial(p.plainServer.Addr, p.plain.database), sealed: dial(p.proxy.Addr, p.sealed.database), gaps: map[string]bool{}}
	id := seedNames().Replace("{E05}")
	for _, sql := range []string{
		"SET timestamp = 1763120000",
		"SELECT * FROM cases WHERE case_id = '" + id + "'", "SELECT 1", "SELECT user_email FROM user_profile ORDER BY user_id", "SET @x = 1", "SET autocommit = 0",
		"UPDATE cases SET patient_first = 'Same' WHERE case_id = '" + id + "'", "UPDATE cases SET patient_first = 'Same' WHERE case_id = '" + id + "'",
		"UPDATE cases SET case_status = 9 WHERE case_id = '" + id + "'", "COMMIT", "SET autocommit = 1", "USE " + "mysql", "SELECT no_such FROM cases",
	} {
		two.run(t, statement{id: fmt.Sprintf("capabilities %#x", o.Set), sql: sql}, false)
	}
	_ = two.plain.conn.Quit()
	_ = two.sealed.conn.Quit()
}

func proxyOffers(t *testing.T, p *harness.Proxy) uint32 {
	t.Helper()
	c, err := client.Connect(p.Addr, 0)
	opened(t, c, err)
	return c.Greeting.Capabilities
}
