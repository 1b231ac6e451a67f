package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

// The canary test writes random strings into protected columns on every path there is. Afterwards no file of the server,
// no log and no metric may hold one, in any spelling; and the same paths without the proxy must leave them all over, or
// the test would look in the wrong places.

// canary makes markers of 24 letters and digits; all of one run begin with the same 12.
type canary struct{ prefix string }

func newCanary() canary { return canary{rand.Text()[:12]} }

func (c canary) marker(n int) string { return fmt.Sprintf("%sm%02dENDENDEND", c.prefix, n) }

// spellings are the forms in which a file might hold a marker.
func (c canary) spellings() map[string][]byte {
	raw := []byte(c.prefix)
	out := map[string][]byte{
		"raw": raw, "lower": bytes.ToLower(raw), "hex": []byte(hex.EncodeToString(raw)), "HEX": bytes.ToUpper([]byte(hex.EncodeToString(raw))),
		"reversed": reversed(raw), "utf16le": wide(c.prefix, 0, 1), "utf16be": wide(c.prefix, 1, 0),
	}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), raw...))
		// The first characters depend on what precedes the marker, the last on what follows it.
		out[fmt.Sprintf("base64 at %d", shift)] = []byte(encoded[[]int{0, 2, 3}[shift] : len(encoded)-4])
	}
	return out
}

func reversed(b []byte) []byte {
	out := bytes.Clone(b)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func wide(s string, low, high int) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		var pair [2]byte
		pair[low], pair[high] = byte(u), byte(u>>8)
		out = append(out, pair[:]...)
	}
	return out
}

// find looks for the spellings in a text.
func (c canary) find(text []byte) []string {
	var found []string
	for name, spelling := range c.spellings() {
		if i := bytes.Index(text, spelling); i >= 0 {
			found = append(found, fmt.Sprintf("%s at %d: %q", name, i, text[max(0, i-60):min(len(text), i+40)]))
		}
	}
	return found
}

// findInFiles looks in every file below a directory: file -> what was found.
func (c canary) findInFiles(t *testing.T, dir string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if found := c.find(text); len(found) > 0 {
			all[path] = found
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// writePath is one way for a value to travel towards the database.
type writePath struct {
	name string
	// write brings the marker on its way; the row is cases 'c<n>' of provider 1, or 2 after a change of owner.
	write func(t *testing.T, c *client.Conn, row, marker string)
	// stored tells that the value can be read again afterwards.
	stored bool
}

func writePaths() []writePath {
	p1, p2 := "'"+provider(1)+"'", "'"+provider(2)+"'"
	sql := func(text string) func(*testing.T, *client.Conn, string, string) {
		return func(t *testing.T, c *client.Conn, row, marker string) {
			t.Helper()
			for _, part := range strings.Split(text, ";") {
				// Errors are part of some paths; what must be stored is read back.
				if _, err := c.Query(strings.NewReplacer("ROW", "'"+row+"'", "NEXT", "'next-"+row+"'", "MARK", marker, "P1", p1, "P2", p2).Replace(part)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	const begin = "INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'before');"
	return []writePath{
		{"insert", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK')"), true},
		{"insert, hex", func(t *testing.T, c *client.Conn, row, marker string) {
			exec(t, c, fmt.Sprintf("INSERT INTO cases (case_id, user_id, patient_first) VALUES ('%s', %s, x'%x')", row, p1, marker))
		}, true},
		{"insert set", sql("INSERT INTO cases SET case_id = ROW, user_id = P1, patient_first = 'MARK'"), true},
		{"insert ignore", sql("INSERT IGNORE INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK')"), true},
		{"insert of many", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES (NEXT, P2, 'MARK'), (ROW, P1, 'MARK')"), true},
		{"replace", sql(begin + "REPLACE INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK')"), true},
		{"upsert, literal", sql(begin + "INSERT INTO cases (case_id, user_id) VALUES (ROW, P1) ON DUPLICATE KEY UPDATE patient_first = 'MARK'"), true},
		{"upsert, VALUES", sql(begin + "INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK') ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first)"), true},
		{"update", sql(begin + "UPDATE cases SET patient_first = 'MARK' WHERE case_id = ROW"), true},
		{"update, again", sql(begin + "UPDATE cases SET patient_first = 'MARK' WHERE case_id = ROW;UPDATE cases SET patient_first = 'MARK' WHERE case_id = ROW"), true},
		{"update of many", sql(begin + "UPDATE cases SET patient_first = 'MARK', case_status = 3 WHERE case_id LIKE ROW AND user_id = P1"), true},
		{"update of the owner", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK');UPDATE cases SET user_id = P2 WHERE case_id = ROW"), true},
		{"rolled back", sql("BEGIN;INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK');ROLLBACK"), false},
		{"archived", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK');INSERT INTO deleted_cases SELECT * FROM cases WHERE case_id = ROW"), true},
		{"too long", sql(begin + "UPDATE cases SET patient_first = 'MARK" + strings.Repeat("x", 250) + "' WHERE case_id = ROW"), false},
		{"cut off", sql("SET sql_mode='';INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK" + strings.Repeat("x", 250) + "');SHOW WARNINGS;SET sql_mode=DEFAULT"), false},
		{"bad date", sql("INSERT INTO cases (case_id, user_id, patient_dob) VALUES (ROW, P1, 'MARK');SHOW WARNINGS"), false},
		{"duplicate key", sql(begin + "INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK')"), false},
		{"searched for", sql("SELECT case_id FROM cases WHERE patient_first = 'MARK'"), false},
		{"inside a function", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, UPPER(CONCAT('MARK')))"), false},
		{"syntax error", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK'"), false},
		{"unknown column", sql("INSERT INTO cases (case_id, user_id, no_such, patient_first) VALUES (ROW, P1, 1, 'MARK')"), false},
		{"text prepared", sql(`PREPARE s FROM "INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK')"`), false},
		{"quoted otherwise", sql(`INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, "MARK")`), true},
		{"two literals", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, 'MA' 'MARK')"), false},
		{"introducer", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES (ROW, P1, _utf8mb4'MARK')"), true},
		{"wrong case", sql("INSERT INTO CASES (case_id, user_id, patient_first) VALUES (ROW, P1, 'MARK')"), false},
		{"row constructor", sql("INSERT INTO cases (case_id, user_id, patient_first) VALUES row(ROW, P1, 'MARK')"), false},
		{"prepared, string", preparedInsert(mysql.MYSQL_TYPE_VAR_STRING, false), true},
		{"prepared, blob", preparedInsert(mysql.MYSQL_TYPE_BLOB, false), true},
		{"prepared, long data", preparedInsert(mysql.MYSQL_TYPE_VAR_STRING, true), true},
		{"prepared, literal inside", func(t *testing.T, c *client.Conn, row, marker string) {
			prepareAndExecute(t, c, "INSERT INTO cases (case_id, user_id, patient_first) VALUES (?, "+p1+", '"+marker+"')", false, stringParam(row))
		}, true},
		{"prepared update", func(t *testing.T, c *client.Conn, row, marker string) {
			exec(t, c, strings.NewReplacer("ROW", "'"+row+"'", "P1", p1, ";", "").Replace(begin))
			prepareAndExecute(t, c, "UPDATE cases SET patient_first = ? WHERE case_id = ?", false, stringParam(marker), stringParam(row))
		}, true},
		{"prepared upsert", func(t *testing.T, c *client.Conn, row, marker string) {
			for range 2 {
				prepareAndExecute(t, c, "INSERT INTO cases (case_id, user_id, patient_first) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first)", false,
					stringParam(row), stringParam(provider(1)), stringParam(marker))
			}
		}, true},
	}
}

func stringParam(s string) packet.Param { return bound(mysql.MYSQL_TYPE_VAR_STRING, false, []byte(s)) }

func preparedInsert(typ byte, long bool) func(*testing.T, *client.Conn, string, string) {
	return func(t *testing.T, c *client.Conn, row, marker string) {
		t.Helper()
		prepareAndExecute(t, c, "INSERT INTO cases (case_id, user_id, patient_first) VALUES (?, ?, ?)", long,
			stringParam(row), stringParam(provider(1)), bound(typ, false, []byte(marker)))
	}
}

// prepareAndExecute runs a statement once; with long, its last parameter is sent in two pieces before.
func prepareAndExecute(t *testing.T, c *client.Conn, sql string, long bool, params ...packet.Param) {
	t.Helper()
	p, err := c.Prepare(sql)
	if err != nil {
		t.Fatalf("%v preparing %s", err, sql)
	}
	if last := len(params) - 1; long {
		for _, piece := range [][]byte{params[last].Value[:5], params[last].Value[5:]} {
			if err := c.SendLongData(p, last, piece); err != nil {
				t.Fatal(err)
			}
		}
		params[last].Long = true
	}
	if r, err := c.Execute(p, params...); err != nil || r[0].Err != nil {
		t.Fatalf("%v %v executing %s", err, r, sql)
	}
	if err := c.CloseStatement(p); err != nil {
		t.Fatal(err)
	}
}

// writeAll goes every path, and reads back what must have been stored.
func (c canary) writeAll(t *testing.T, conn *client.Conn) {
	t.Helper()
	for i, path := range writePaths() {
		row, marker := fmt.Sprintf("c%02d", i), c.marker(i)
		path.write(t, conn, row, marker)
		if !path.stored {
			continue
		}
		got := query(t, conn, "SELECT patient_first FROM cases WHERE case_id = '"+row+"'").Rows
		if len(got) != 1 || got[0][0].Data != marker {
			t.Errorf("%s: read %v, want %s", path.name, got, marker)
		}
	}
}

func TestCanary(t *testing.T) {
	for _, kind := range real() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := ownServer(t, kind, servers.Options{Logs: true})
			p := startProxy(t, harness.Options{Server: s, Database: "canary", Admin: "  open_metrics: true"})
			c := newCanary()
			c.writeAll(t, app(t, p))
			if found := c.find(metrics(t, p)); len(found) > 0 {
				t.Errorf("metrics: %q", found)
			}
			if err := p.Process.Stop(); err != nil {
				t.Error(err)
			}
			if err := s.Shutdown(); err != nil {
				t.Error(err)
			}
			for _, dir := range []string{s.Dir, p.Dir} {
				for file, found := range c.findInFiles(t, dir) {
					t.Errorf("%s: %q", file, found)
				}
			}
		})
	}
}

// The embedded server has no files: its tables are read past the proxy.
func TestCanaryEmbedded(t *testing.T) {
	s := server(t, servers.Embedded)
	p := startProxy(t, harness.Options{Server: s, Database: "canary", Admin: "  open_metrics: true"})
	c := newCanary()
	c.writeAll(t, app(t, p))
	admin := direct(t, s, "canary")
	for _, table := range query(t, admin, "SHOW TABLES").Rows {
		for _, row := range query(t, admin, "SELECT * FROM "+table[0].Data).Rows {
			for _, v := range row {
				if found := c.find([]byte(v.Data)); len(found) > 0 {
					t.Errorf("%s: %q", table[0].Data, found)
				}
			}
		}
	}
	if found := c.findInFiles(t, p.Dir); len(found) > 0 {
		t.Errorf("the proxy's files: %q", found)
	}
}

// Without the proxy the markers must be found, in the tables, the binary log and both statement logs.
func TestCanaryControl(t *testing.T) {
	for _, kind := range real() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := ownServer(t, kind, servers.Options{Logs: true})
			if err := harness.CreateDatabase(s, "canary"); err != nil {
				t.Fatal(err)
			}
			c := newCanary()
			c.writeAll(t, direct(t, s, "canary"))
			if err := s.Shutdown(); err != nil {
				t.Error(err)
			}
			found := c.findInFiles(t, s.Dir)
			for _, want := range []string{"general.log", "slow.log", "data/binlog.000001", "data/canary/cases.ibd"} {
				if found[filepath.Join(s.Dir, want)] == nil && found[filepath.Join(s.Dir, strings.Replace(want, "01", "02", 1))] == nil {
					t.Errorf("not found in %s, only in %v", want, found)
				}
			}
			general, err := os.ReadFile(filepath.Join(s.Dir, "general.log"))
			if err != nil {
				t.Fatal(err)
			}
			for i, path := range writePaths() {
				if m := []byte(c.marker(i)); !bytes.Contains(general, m) && !bytes.Contains(general, []byte(hex.EncodeToString(m))) {
					t.Errorf("%s: not in the general log", path.name)
				}
			}
		})
	}
}

// ownServer starts a server for one test.
func ownServer(t *testing.T, kind servers.Kind, o servers.Options) *servers.Server {
	t.Helper()
	s, err := servers.Start(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func metrics(t *testing.T, p *harness.Proxy) []byte {
	t.Helper()
	r, err := http.Get("http://" + p.AdminAddr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r.Status, err)
	}
	return text
}
