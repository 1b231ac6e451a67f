package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

// The main test of the project: the same statements on a plaintext database directly, and through phiproxy over the
// encrypted one, must give the same answers in everything a client can see. A statement that phiproxy refuses is a gap: it
// runs on neither side, and the gaps must be those of testdata/gaps.

var update = flag.Bool("update", false, "write the golden files of the tests that run anew")

// side is one of the two sessions that are compared.
type side struct {
	conn     *client.Conn
	database string
}

var atRow = regexp.MustCompile(` at row \d+$`)

// withoutRow takes the row's number out of messages about UPDATEs: it counts rows in the order of the server's own scan.
func withoutRow(sql, message string) string {
	if strings.HasPrefix(sql, "UPDATE") {
		return atRow.ReplaceAllString(message, " at row N")
	}
	return message
}

// optimizerFlags tell how the optimizer went about a statement, which statistics decide and not the statement.
const optimizerFlags = mysql.SERVER_STATUS_NO_GOOD_INDEX_USED | mysql.SERVER_STATUS_NO_INDEX_USED | mysql.SERVER_QUERY_WAS_SLOW

// groupedFlags are flags of columns that a statement with GROUP BY shows or not, depending on whether the optimizer chose a
// temporary table: the keys that a column is part of, and the servers' internal mark of a group's column.
const groupedFlags = mysql.PRI_KEY_FLAG | mysql.UNIQUE_KEY_FLAG | multipleKeyFlag | mysql.PART_KEY_FLAG | mysql.GROUP_FLAG

const multipleKeyFlag = 8

// answer is all that a client sees of a statement.
type answer struct {
	Prepare  *prepared
	Results  []client.Result
	Warnings [][]string
}

type prepared struct {
	Params  int
	Columns []client.Column
	Err     *client.ServerError
}

// clearEmbedded takes out what the embedded server says in its own way: phiproxy says of protected columns and of bad
// values what MySQL would.
func (a *answer) clearEmbedded() {
	for i := range a.Results {
		r := &a.Results[i]
		r.Info, r.Warnings = "", 0
		clearTimes(r)
		if r.Err != nil {
			r.Err = &client.ServerError{Message: "some error"}
		}
	}
	a.Warnings = nil
	a.eachColumn(func(c *client.Column) {
		c.Charset, c.Flags, c.Length, c.Decimals = 0, 0, 0, 0
		if c.Type == mysql.MYSQL_TYPE_BLOB {
			c.Type = mysql.MYSQL_TYPE_VAR_STRING
		}
	})
}

// clearTimes takes out when a row was made and changed: the embedded server does not know SET timestamp.
func clearTimes(r *client.Result) {
	for i, c := range r.Columns {
		for _, row := range r.Rows {
			if c.Type == mysql.MYSQL_TYPE_TIMESTAMP {
				row[i].Data = ""
			}
		}
	}
}

func (a answer) clearLengths() { a.eachColumn(func(c *client.Column) { c.Length = 0 }) }

func (a answer) clearPreparedDecimals() {
	if a.Prepare != nil {
		for i := range a.Prepare.Columns {
			a.Prepare.Columns[i].Decimals = 0
		}
	}
}

// workNames are names of databases and tables in the scratch server.
var workNames = regexp.MustCompile(`phiproxy-work|w_[0-9a-f]{16}`)

// workName is a name of the scratch server's that a client can see, "" when there is none.
func (a answer) workName() (found string) {
	a.eachColumn(func(c *client.Column) {
		for _, name := range []string{c.Schema, c.Table, c.OrgTable, c.Name, c.OrgName} {
			if workNames.MatchString(name) {
				found = name
			}
		}
	})
	if err := a.err(); err != nil && workNames.MatchString(err.Message) {
		found = err.Message
	}
	return found
}

// sessionValue finds what the scratch server is told as literals.
var sessionValue = regexp.MustCompile(`@@|LAST_INSERT_ID\(\)`)

// clearIntegers takes out how long an integer is said to be, which is another for a literal (docs/differences.md).
func (a answer) clearIntegers() {
	for i := range a.Results {
		for j, c := range a.Results[i].Columns {
			widenColumn(a.Results[i].Rows, j, c.Type)
		}
	}
	a.eachColumn(func(c *client.Column) {
		if c.Type == mysql.MYSQL_TYPE_LONG || c.Type == mysql.MYSQL_TYPE_LONGLONG {
			c.Type, c.Length = mysql.MYSQL_TYPE_LONGLONG, 0
		}
	})
}

// widened is an integer of the binary protocol with eight bytes, as a longer type has it. Those of the text protocol are digits.
func widened(kind byte, data string) string {
	sizes := map[byte]int{mysql.MYSQL_TYPE_TINY: 1, mysql.MYSQL_TYPE_SHORT: 2, mysql.MYSQL_TYPE_YEAR: 2, mysql.MYSQL_TYPE_LONG: 4}
	n := sizes[kind]
	if n == 0 || len(data) != n || strings.Trim(data, "-0123456789") == "" {
		return data
	}
	fill := "\x00"
	if data[n-1] >= 0x80 {
		fill = "\xff"
	}
	return data + strings.Repeat(fill, 8-n)
}

func (a answer) clearFlags(flags uint16) { a.eachColumn(func(c *client.Column) { c.Flags &^= flags }) }

func (a answer) eachColumn(f func(*client.Column)) {
	for _, r := range a.Results {
		for i := range r.Columns {
			f(&r.Columns[i])
		}
	}
	if a.Prepare != nil {
		for i := range a.Prepare.Columns {
			f(&a.Prepare.Columns[i])
		}
	}
}

// refused reports whether phiproxy refused the statement, and with which fault.
func (a answer) refused() (fault string, ok bool) {
	var err *client.ServerError
	if a.Prepare != nil && a.Prepare.Err != nil {
		err = a.Prepare.Err
	} else if len(a.Results) > 0 {
		err = a.Results[len(a.Results)-1].Err
	}
	if err == nil || !strings.HasPrefix(err.Message, "phiproxy ") {
		return "", false
	}
	fault, _, _ = strings.Cut(strings.TrimPrefix(err.Message, "phiproxy "), ":")
	return fault, true
}

// runText runs a statement in the text protocol.
func (s side) runText(t *testing.T, sql string) answer {
	t.Helper()
	r, err := s.conn.Query(sql)
	if err != nil {
		t.Fatalf("%v in %.300s", err, sql)
	}
	return s.finish(t, sql, answer{Results: r})
}

// runPrepared prepares a statement, runs it twice if it only reads, and closes it.
func (s side) runPrepared(t *testing.T, sql string, params []packet.Param) answer {
	t.Helper()
	p, err := s.conn.Prepare(sql)
	if e, ok := err.(*client.ServerError); ok {
		return s.finish(t, sql, answer{Prepare: &prepared{Err: e}})
	}
	if err != nil {
		t.Fatalf("%v preparing %.300s", err, sql)
	}
	a := answer{Prepare: &prepared{Params: int(p.Params), Columns: p.ColumnDefs}}
	if a.Results, err = s.conn.Execute(p, params...); err != nil {
		t.Fatalf("%v executing %.300s", err, sql)
	}
	if err := s.conn.CloseStatement(p); err != nil {
		t.Fatal(err)
	}
	return s.finish(t, sql, a)
}

// finish asks for the warnings that were counted and takes the database's name out of the answer.
func (s side) finish(t *testing.T, sql string, a answer) answer {
	t.Helper()
	if n := len(a.Results); n > 0 && (a.Results[n-1].Warnings > 0 || a.Results[n-1].Err != nil) {
		if _, refused := a.refused(); !refused {
			for _, row := range query(t, s.conn, "SHOW WARNINGS").Rows {
				a.Warnings = append(a.Warnings, []string{row[0].Data, row[1].Data, withoutRow(sql, s.anonymous(row[2].Data))})
			}
		}
	}
	for i := range a.Results {
		r := &a.Results[i]
		s.anonymizeColumns(r.Columns)
		sortArrays(r.Rows)
		r.Status &^= optimizerFlags
		if r.Err != nil {
			r.Err.Message = withoutRow(sql, s.anonymous(r.Err.Message))
		}
	}
	if a.Prepare != nil {
		s.anonymizeColumns(a.Prepare.Columns)
		if a.Prepare.Err != nil {
			a.Prepare.Err.Message = s.anonymous(a.Prepare.Err.Message)
		}
	}
	return a
}

// sortArrays sorts the elements of JSON arrays: JSON_ARRAYAGG gives them in any order, on two plaintext databases too.
func sortArrays(rows [][]client.Value) {
	for _, row := range rows {
		for i, v := range row {
			var elements []json.RawMessage
			if !strings.HasPrefix(v.Data, "[") || json.Unmarshal([]byte(v.Data), &elements) != nil {
				continue
			}
			slices.SortFunc(elements, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
			row[i].Data = string(bytes.Join(rawBytes(elements), []byte(",")))
		}
	}
}

func rawBytes(elements []json.RawMessage) [][]byte {
	out := make([][]byte, len(elements))
	for i, e := range elements {
		out[i] = e
	}
	return out
}

func (s side) anonymous(text string) string { return strings.ReplaceAll(text, s.database, "db") }

func (s side) anonymizeColumns(columns []client.Column) {
	for i := range columns {
		c := &columns[i]
		c.Schema, c.Name, c.OrgName = s.anonymous(c.Schema), s.anonymous(c.Name), s.anonymous(c.OrgName)
	}
}

// pair is a plaintext session and one through the proxy.
type pair struct {
	plain, sealed side
	kind          servers.Kind
	plainServer   *servers.Server
	proxy         *harness.Proxy
	gaps          map[string]bool   // "ID PHI-nnnn"
	plans         []planned         // see addPlans
	own           map[string]uint16 // table.column -> its ownFlags
	explained     map[string]int    // parts of answers that plans explain
	tally         map[string]int    // how the comparisons went
}

// run runs a statement through the proxy, then, unless it was refused, on the plaintext database, and reports whether the
// answers are equal.
func (p *pair) run(t *testing.T, st statement, prepare bool) bool {
	t.Helper()
	do := func(s side, sql string) answer { return s.runText(t, sql) }
	if prepare {
		do = func(s side, sql string) answer {
			sql, params := parameterize(t, sql)
			return s.runPrepared(t, sql, params)
		}
	}
	return p.compare(t, st, do, prepare)
}

// compare is run with the statement as do sends it.
func (p *pair) compare(t *testing.T, st statement, do func(s side, sql string) answer, prepare bool) bool {
	t.Helper()
	got := do(p.sealed, st.sql)
	if fault, refused := got.refused(); refused {
		p.gaps[st.id+" "+fault] = true
		p.count("refused " + fault)
		return true
	}
	want := do(p.plain, st.sql)
	if strings.HasPrefix(st.sql, "SET ") {
		for _, way := range p.plans {
			do(way.side, st.sql)
		}
	}
	if strings.HasPrefix(st.sql, "SHOW CREATE") {
		// The length of this column is that of the text which the server made for the physical table.
		want.clearLengths()
		got.clearLengths()
	}
	if p.kind == servers.Embedded {
		want.clearEmbedded()
		got.clearEmbedded()
	}
	if prepare && strings.Contains(st.sql, "UNION") {
		// Until it has run, MySQL says 31 for the decimals of a text column of a union and 0 for those of a binary one.
		want.clearPreparedDecimals()
		got.clearPreparedDecimals()
	}
	if name := got.workName(); name != "" {
		t.Errorf("%s: %s: the scratch server's own name %q reached the client", st.id, st.sql, name)
	}
	if len(p.plans) > 0 && sessionValue.MatchString(st.sql) {
		want.clearIntegers()
		got.clearIntegers()
	}
	how := "identical"
	if len(p.plans) > 0 && !cmp.Equal(want, got) {
		how = "identical to the plaintext database's answer under other plans"
		p.explain(&want, &got, do, st.sql)
	}
	if len(p.plans) == 0 && strings.Contains(st.sql, "GROUP BY") {
		want.clearFlags(groupedFlags)
		got.clearFlags(groupedFlags)
	}
	if name := knownDifference(p.kind, st.sql, want, got); name != "" {
		p.gaps[st.id+" "+name] = true
		p.count("difference with a name: " + name)
		return true
	}
	diff := cmp.Diff(want, got)
	if diff != "" {
		how = "different"
		t.Errorf("%s: plaintext database (-), through phiproxy (+)\n%.1500s\n%s", st.id, st.sql, diff)
	}
	p.count(how)
	return diff == ""
}

func (p *pair) count(how string) {
	if p.tally == nil {
		p.tally = map[string]int{}
	}
	p.tally[how]++
}

// knownDifference names a difference that is no secret: docs/differences.md lists them. None of them lets wrong data through.
func knownDifference(kind servers.Kind, sql string, want, got answer) string {
	w, g := want.err(), got.err()
	if w != nil && g != nil && w.Code == duplicateKey && slices.Contains(valueErrors, g.Code) && strings.Contains(sql, "), (") {
		// phiproxy looks at every value of an INSERT before the server sees the first row.
		return "another of several errors"
	}
	if !slices.EqualFunc(want.Warnings, got.Warnings, slices.Equal) && cmp.Equal(want.withoutWarnings(), got.withoutWarnings()) {
		switch {
		case w != nil:
			// The server tells of the values that it looked at before it failed, phiproxy of those that it looked at.
			return "conditions beside an error"
		case cmp.Equal(sorted(want.Warnings), sorted(got.Warnings)):
			// phiproxy's own warnings come before the server's.
			return "order of warnings"
		}
	}
	const noFunction = 1305
	missing := w != nil && w.Code == noFunction || want.Prepare != nil && want.Prepare.Err != nil && want.Prepare.Err.Code == noFunction
	switch {
	case missing && !strings.HasPrefix(sql, "SELECT"):
		// A computed write asks for its functions when it has rows.
		return "a function that the server lacks"
	case kind == servers.MariaDB && w == nil && g == nil && strings.HasPrefix(sql, "UPDATE") && len(want.Results) == 1 && want.Results[0].Info == "" && got.Results[0].AffectedRows == 0:
		return "no information about an UPDATE that can match no row"
	}
	if strings.Contains(sql, "GROUP BY") && len(got.Warnings) == 0 && slices.ContainsFunc(want.Warnings, func(w []string) bool { return w[1] == incorrectDate }) {
		// The server's own temporary table does not take the zero dates that the column holds.
		return "zero dates in GROUP BY"
	}
	if kind == servers.Embedded && (strings.HasPrefix(sql, "SHOW") || strings.HasPrefix(sql, "DESCRIBE")) {
		return "the embedded server's way to print a table"
	}
	if kind == servers.Embedded && strings.Contains(sql, "INTO deleted_cases SELECT") && w == nil && g == nil {
		return "the embedded server's insert id of a copy"
	}
	return ""
}

func (a answer) withoutWarnings() answer {
	a.Warnings = nil
	return a
}

func sorted(warnings [][]string) [][]string {
	return slices.SortedFunc(slices.Values(warnings), slices.Compare)
}

const (
	duplicateKey  = 1062
	incorrectDate = "1292"
)

// valueErrors say that a value does not fit its column.
var valueErrors = []uint16{1292, 1366, 1406}

// err is the error that a statement ended with, nil when it succeeded.
func (a answer) err() *client.ServerError {
	if len(a.Results) == 0 {
		return nil
	}
	return a.Results[len(a.Results)-1].Err
}

// newPair makes the two databases with the same data: the plaintext one directly, the other through the proxy.
func newPair(t *testing.T, s *servers.Server, name string) *pair {
	t.Helper()
	return newPairWith(t, s, name, harness.Options{})
}

func newPairWith(t *testing.T, s *servers.Server, name string, o harness.Options) *pair {
	t.Helper()
	p := newEmptyPair(t, s, name, o)
	p.load(t, s, "--users", "5", "--cases", "12")
	return p
}

// plainServerOf is the server for the plaintext database. The embedded server has one lock for all its tables, so that the
// two sides of a pair need one each.
func plainServerOf(t *testing.T, s *servers.Server) *servers.Server {
	t.Helper()
	if s.Kind != servers.Embedded {
		return s
	}
	return ownServer(t, servers.Embedded, servers.Options{})
}

// load gives both sides the same data and the same clock.
func (p *pair) load(t *testing.T, srv *servers.Server, seedArgs ...string) {
	t.Helper()
	seed, err := harness.Seed(seedArgs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []side{p.plain, p.sealed} {
		exec(t, s.conn, "SET NAMES utf8mb4", "SET timestamp=1763120000")
		if err := harness.Load(s.conn, seed); err != nil {
			t.Fatal(err)
		}
		if srv.Kind != servers.Embedded {
			// Equal statistics make equal plans; MySQL shows key flags of columns only when it needs no temporary table.
			query(t, direct(t, srv, s.database), "ANALYZE TABLE cases, user_profile, case_procedure_codes, case_status_list, surgeon_list, facility_list")
		}
	}
}

func TestDifferentialSurgiCase(t *testing.T) {
	onEach(t, servers.Kinds(), func(t *testing.T, s *servers.Server) {
		for _, prepare := range []bool{false, true} {
			name := map[bool]string{false: "text", true: "prepared"}[prepare]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, s, "surgicase_"+name)
				for _, st := range surgicase(t) {
					p.run(t, st, prepare)
				}
				checkGaps(t, fmt.Sprintf("%s-%s", s.Kind, name), p.gaps)
			})
		}
	})
}

// Forms of statements that the application does not use. The planner is on its own: what it refuses is the gap, whether a
// scratch server would answer it or not.
func TestDifferentialForms(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		for _, prepare := range []bool{false, true} {
			name := map[bool]string{false: "text", true: "prepared"}[prepare]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := newPairWith(t, s, "forms_"+name, harness.Options{Scratch: "off"})
				for _, st := range script(t, "forms.sql") {
					p.run(t, st, prepare)
				}
				checkGaps(t, fmt.Sprintf("forms-%s-%s", s.Kind, name), p.gaps)
			})
		}
	})
}

// The comparison itself must be calm: two plaintext databases give equal answers.
func TestDifferentialControl(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := controlPair(t, s, "control")
		for _, st := range surgicase(t) {
			p.run(t, st, false)
			p.run(t, st, true)
		}
	})
}

// controlPair makes two plaintext databases with the same data.
func controlPair(t *testing.T, s *servers.Server, name string) *pair {
	t.Helper()
	p := &pair{gaps: map[string]bool{}}
	for database, to := range map[string]*side{name + "_a": &p.plain, name + "_b": &p.sealed} {
		if err := harness.CreateDatabase(s, database); err != nil {
			t.Fatal(err)
		}
		*to = side{conn: direct(t, s, database), database: database}
	}
	p.load(t, s, "--users", "5", "--cases", "12")
	return p
}

// checkGaps compares the refusals of a run with the golden list of its kind.
func checkGaps(t *testing.T, name string, gaps map[string]bool) {
	t.Helper()
	path := "testdata/gaps/" + name + ".txt"
	got := strings.Join(slices.Sorted(maps.Keys(gaps)), "\n")
	if got != "" {
		got += "\n"
	}
	t.Logf("%d statements refused", len(gaps))
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("refusals, wanted (-) and got (+); go test -update accepts them\n%s", diff)
	}
}
