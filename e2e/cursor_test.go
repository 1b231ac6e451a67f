package e2e

import (
	"regexp"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
)

// A cursor over protected columns gives its rows piece by piece, opened, while other statements run, and a client sees no
// difference in any packet: the rows are not given before they are asked for.
func TestCursors(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "cursors")
		for _, caps := range []uint32{0, mysql.CLIENT_DEPRECATE_EOF} {
			open := func(addr, database string) side {
				c, err := client.Dial(client.Options{Addr: addr, User: servers.AppUser, Password: servers.AppPassword, Database: database, Set: caps})
				return side{conn: opened(t, c, err), database: database}
			}
			plain, sealed := open(p.plainServer.Addr, p.plain.database), open(p.proxy.Addr, p.sealed.database)
			for _, sql := range cursorStatements {
				if diff := cmp.Diff(walkCursor(t, plain, sql), walkCursor(t, sealed, sql)); diff != "" {
					t.Errorf("capabilities %#x, %s: directly (-), through phiproxy (+)\n%s", caps, sql, diff)
				}
			}
		}
	})
}

var digits = regexp.MustCompile(`\d+`)

var cursorStatements = []string{
	"SELECT * FROM cases WHERE user_id >= ? ORDER BY case_id",
	"SELECT patient_first AS f, patient_dob, case_status FROM cases WHERE user_id >= ? ORDER BY case_id",
	"SELECT u.user_email, c.patient_last FROM cases c JOIN user_profile u ON u.user_id = c.user_id WHERE c.user_id >= ? ORDER BY c.case_id",
	"SELECT patient_first FROM cases WHERE user_id = 'nobody' AND ? IS NOT NULL",
	"SELECT case_id, case_status FROM cases WHERE user_id >= ? ORDER BY case_id",
	"SELECT ? AS x",
}

// walkCursor returns everything that a client sees of a cursor: opened, fetched with other statements in between, fetched
// behind its end, opened again and reset.
func walkCursor(t *testing.T, s side, sql string) (seen []client.Result) {
	t.Helper()
	p, err := s.conn.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	note := func(r client.Result, err error) client.Result {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		s.anonymizeColumns(r.Columns)
		r.Status &^= optimizerFlags
		if r.Err != nil {
			r.Err.Message = digits.ReplaceAllString(r.Err.Message, "#") // the statement's id
		}
		seen = append(seen, r)
		return r
	}
	for range 2 {
		r := note(s.conn.OpenCursor(p, stringParam("")))
		columns := r.Columns
		for i := uint32(1); i < 6; i++ {
			note(s.conn.Fetch(p, columns, 2*i))
			note(query(t, s.conn, "SELECT patient_last FROM cases ORDER BY case_id LIMIT 1"), nil)
		}
		note(s.conn.Fetch(p, columns, 1000))
		note(s.conn.Fetch(p, columns, 1000))
	}
	columns := note(s.conn.OpenCursor(p, stringParam(""))).Columns
	note(do(t, s, mysql.COM_STMT_RESET, string(statementNumber(p))), nil)
	note(s.conn.Fetch(p, columns, 1))
	if err := s.conn.CloseStatement(p); err != nil {
		t.Fatal(err)
	}
	return seen
}

// Rows of a cursor are in the character set that their definitions named; when that changed they are refused, not garbled.
func TestCursorUnderAnotherCharset(t *testing.T) {
	p := newPair(t, server(t, servers.MariaDB), "cursor_charset")
	prepared, err := p.sealed.conn.Prepare("SELECT patient_first FROM cases WHERE user_id >= ? ORDER BY case_id")
	if err != nil {
		t.Fatal(err)
	}
	columns, err := p.sealed.conn.OpenCursor(prepared, stringParam(""))
	if err != nil || columns.Err != nil {
		t.Fatal(columns.Err, err)
	}
	exec(t, p.sealed.conn, "SET NAMES latin1")
	if r, err := p.sealed.conn.Fetch(prepared, columns.Columns, 1); err != nil || r.Err == nil || len(r.Rows) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	exec(t, p.sealed.conn, "SET NAMES utf8mb4")
	if r, err := p.sealed.conn.Fetch(prepared, columns.Columns, 1); err != nil || r.Err != nil || len(r.Rows) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
