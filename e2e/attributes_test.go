package e2e

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

// attributedSides logs in on both sides of a pair as a client that sends attributes.
func attributedSides(t *testing.T, s *servers.Server, name string) (plain, sealed side) {
	t.Helper()
	p := newPair(t, s, name)
	open := func(addr, database string) side {
		c, err := client.Dial(client.Options{Addr: addr, User: servers.AppUser, Password: servers.AppPassword, Database: database, Set: mysql.CLIENT_QUERY_ATTRIBUTES})
		opened(t, c, err)
		return side{conn: c, database: database}
	}
	plain, sealed = open(p.plainServer.Addr, p.plain.database), open(p.proxy.Addr, p.sealed.database)
	return plain, sealed
}

// Statements with attributes mean the same through phiproxy, whether they are relayed, rewritten, or sent as other text.
func TestQueryAttributes(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		plain, sealed := attributedSides(t, s, "attributes")
		offered := plain.conn.Greeting.Capabilities & mysql.CLIENT_QUERY_ATTRIBUTES
		if got := sealed.conn.Greeting.Capabilities & mysql.CLIENT_QUERY_ATTRIBUTES; got != offered {
			t.Fatalf("offered %#x directly and %#x through phiproxy", offered, got)
		}
		if offered == 0 {
			return // MariaDB has none; nobody may send them
		}
		root := direct(t, s, plain.database)
		exec(t, root, "INSTALL COMPONENT 'file://component_query_attributes'")
		t.Cleanup(func() { _, _ = root.Query("UNINSTALL COMPONENT 'file://component_query_attributes'") })
		named := stringParam("seven")
		named.Name = []byte("who")
		null := packet.Param{Name: []byte("nothing"), Null: true, ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_NULL}}
		for _, attributes := range [][]packet.Param{nil, {named}, {null, named}} {
			plain.conn.Attributes, sealed.conn.Attributes = attributes, attributes
			for _, sql := range attributedStatements {
				sql = seedNames().Replace(sql)
				if diff := cmp.Diff(plain.runText(t, sql), sealed.runText(t, sql)); diff != "" {
					t.Errorf("%d attributes, %s: directly (-), through phiproxy (+)\n%s", len(attributes), sql, diff)
				}
			}
			for _, sql := range attributedExecutions {
				params := []packet.Param{stringParam("Ann"), stringParam(seedNames().Replace("{E02}"))}
				if diff := cmp.Diff(plain.runPrepared(t, sql, params), sealed.runPrepared(t, sql, params)); diff != "" {
					t.Errorf("%d attributes, %s: directly (-), through phiproxy (+)\n%s", len(attributes), sql, diff)
				}
			}
		}
	})
}

var attributedStatements = []string{
	"SELECT mysql_query_attribute_string('who')",
	"SELECT patient_first, patient_dob FROM cases WHERE case_id = '{E01}'",
	"UPDATE cases SET patient_last = 'Lovelace', case_status = IF(mysql_query_attribute_string('who') = 'seven', 7, 8) WHERE case_id = '{E02}'",
	"SELECT patient_last, case_status FROM cases WHERE case_id = '{E02}'",
}

var attributedExecutions = []string{
	"UPDATE cases SET patient_first = ?, case_status = IF(mysql_query_attribute_string('who') = 'seven', 5, 6) WHERE case_id = ?",
	"SELECT patient_first, case_status FROM cases WHERE ? IS NOT NULL AND case_id = ?",
	"SELECT ?, ?, mysql_query_attribute_string('who')",
}

// The flag that announces the number of values may be missing when the statement has parameters.
func TestExecutionWithoutCountFlag(t *testing.T) {
	plain, sealed := attributedSides(t, server(t, servers.MySQL), "without_count")
	run := func(s side, sql string) []client.Result {
		p, err := s.conn.Prepare(sql)
		if err != nil {
			t.Fatal(err)
		}
		e := packet.Execute{StatementID: p.StatementID, Iterations: 1, NewTypes: true, Params: []packet.Param{stringParam(seedNames().Replace("{E01}"))}}
		b := e.AppendAttributed(nil)
		b[5] = 0
		r, err := s.conn.SendRaw(b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range r {
			s.anonymizeColumns(r[i].Columns)
		}
		return r
	}
	for _, sql := range []string{"SELECT ?", "SELECT patient_first FROM cases WHERE case_id = ?"} {
		if diff := cmp.Diff(run(plain, sql), run(sealed, sql)); diff != "" {
			t.Errorf("%s: directly (-), through phiproxy (+)\n%s", sql, diff)
		}
	}
}
