package embedded

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"phiproxy/embedded/surgicase"
)

// start runs a server with the sample schema, which closes with the test.
func start(t *testing.T) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0", Options{
		Databases:  []string{"surgicase"},
		TLS:        selfSigned(t),
		Accounts:   []Account{{User: "app", Password: "it's"}, {User: "sha", Password: "pw", Plugin: "caching_sha2_password"}},
		Statements: surgicase.SchemaStatements(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// connect opens one connection that closes with the test.
func connect(t *testing.T, s *Server, user, password, parameters string) (*sql.Conn, error) {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/surgicase%s", user, password, s.Addr(), parameters))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	t.Cleanup(func() {
		if conn != nil {
			_ = conn.Close()
		}
		_ = db.Close()
	})
	return conn, err
}

func app(t *testing.T, s *Server) *sql.Conn {
	t.Helper()
	conn, err := connect(t, s, "app", "it's", "")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func exec(t *testing.T, conn *sql.Conn, statement string) int64 {
	t.Helper()
	result, err := conn.ExecContext(context.Background(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	affected, _ := result.RowsAffected()
	return affected
}

// texts runs a query and returns its first column.
func texts(t *testing.T, conn *sql.Conn, query string) []string {
	t.Helper()
	rows, err := conn.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		var text sql.NullString
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		list = append(list, text.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestLogin(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		user, password, parameters string
		ok                         bool
	}{
		{"app", "it's", "", true},
		{"app", "it's", "?tls=skip-verify", true},
		{"sha", "pw", "?tls=skip-verify", true},
		{"app", "wrong", "", false},
		{"sha", "wrong", "?tls=skip-verify", false},
		{"sha", "pw", "", false}, // this server has no RSA exchange
		{setupUser, "", "", false},
		{"root", "", "", false},
	} {
		if _, err := connect(t, s, c.user, c.password, c.parameters); (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.user, c.parameters, err)
		}
	}
}

func TestSampleDataLoads(t *testing.T) {
	conn := app(t, start(t))
	data := surgicase.Generate(1, 3, 4)
	for _, statement := range data.LookupSQL() {
		exec(t, conn, statement)
	}
	for _, c := range data.Cases {
		exec(t, conn, c.InsertSQL())
	}
	if got := texts(t, conn, "SELECT patient_last FROM cases WHERE case_id = "+surgicase.Quote(data.Cases[2].ID)); !slices.Equal(got, []string{data.Cases[2].Last}) {
		t.Errorf("read back %q", got)
	}
}

// The two halves of what the memory engine does by itself: a commit put back every table that its transaction had read.
func TestCommitOfAReaderKeepsOthersWrites(t *testing.T) {
	s := start(t)
	reader, writer := app(t, s), app(t, s)
	exec(t, writer, "CREATE TABLE t (id INT PRIMARY KEY)")
	exec(t, reader, "SET autocommit = 0")
	texts(t, reader, "SELECT id FROM t")
	exec(t, writer, "INSERT INTO t VALUES (1)")
	exec(t, reader, "COMMIT")
	if got := texts(t, writer, "SELECT id FROM t"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("rows %v", got)
	}
}

func TestFirstWriteSeesWhatIsCommitted(t *testing.T) {
	s := start(t)
	a, b := app(t, s), app(t, s)
	exec(t, a, "CREATE TABLE t (id INT PRIMARY KEY)")
	exec(t, a, "BEGIN")
	texts(t, a, "SELECT id FROM t")
	exec(t, b, "INSERT INTO t VALUES (1)")
	exec(t, a, "INSERT INTO t VALUES (2)")
	if got := texts(t, b, "SELECT id FROM t"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("another session reads %v before the commit", got)
	}
	exec(t, a, "COMMIT")
	if got := texts(t, b, "SELECT id FROM t ORDER BY id"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("rows %v", got)
	}
}

func TestRollback(t *testing.T) {
	s := start(t)
	a, b := app(t, s), app(t, s)
	exec(t, a, "CREATE TABLE t (id INT PRIMARY KEY)")
	exec(t, a, "BEGIN")
	exec(t, a, "INSERT INTO t VALUES (1)")
	exec(t, a, "ROLLBACK")
	exec(t, b, "INSERT INTO t VALUES (2)") // would wait if the lock were still held
	if got := texts(t, a, "SELECT id FROM t"); !slices.Equal(got, []string{"2"}) {
		t.Errorf("rows %v", got)
	}
}

// A failed statement of its own transaction must neither keep the lock nor leave its rows.
func TestFailedWriteReleasesTheLock(t *testing.T) {
	s := start(t)
	a, b := app(t, s), app(t, s)
	exec(t, a, "CREATE TABLE t (id INT PRIMARY KEY)")
	exec(t, a, "INSERT INTO t VALUES (1)")
	var failed *mysql.MySQLError
	if _, err := a.ExecContext(t.Context(), "INSERT INTO t VALUES (2), (1)"); !errors.As(err, &failed) || failed.Number != 1062 {
		t.Fatalf("duplicate key: %v", err)
	}
	exec(t, b, "INSERT INTO t VALUES (3)")
	if got := texts(t, b, "SELECT id FROM t ORDER BY id"); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("rows %v", got)
	}
}

func TestClosedConnectionReleasesTheLock(t *testing.T) {
	s := start(t)
	a, b := app(t, s), app(t, s)
	exec(t, b, "CREATE TABLE t (id INT PRIMARY KEY)")
	exec(t, a, "BEGIN")
	exec(t, a, "INSERT INTO t VALUES (1)")
	if err := a.Raw(func(any) error { return driver.ErrBadConn }); !errors.Is(err, driver.ErrBadConn) { // closes the connection itself
		t.Fatal(err)
	}
	exec(t, b, "INSERT INTO t VALUES (2)")
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	s := start(t)
	exec(t, app(t, s), "CREATE TABLE t (id INT PRIMARY KEY, n INT)")
	exec(t, app(t, s), "INSERT INTO t VALUES (1, 0)")
	const sessions, rounds = 4, 25
	done := make(chan error, sessions)
	for range sessions {
		conn := app(t, s)
		go func() { done <- increment(conn, rounds) }()
	}
	for range sessions {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := texts(t, app(t, s), "SELECT n FROM t"); !slices.Equal(got, []string{fmt.Sprint(sessions * rounds)}) {
		t.Errorf("counted to %v", got)
	}
}

func increment(conn *sql.Conn, rounds int) error {
	for range rounds {
		for _, statement := range []string{"BEGIN", "SELECT n FROM t FOR UPDATE", "UPDATE t SET n = n + 1", "COMMIT"} {
			if _, err := conn.ExecContext(context.Background(), statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
	}
	return nil
}

func TestBinaryCoalesce(t *testing.T) {
	conn := app(t, start(t))
	exec(t, conn, "CREATE TABLE t (id INT PRIMARY KEY, b VARBINARY(20))")
	exec(t, conn, "INSERT INTO t VALUES (1, x'FFFE00'), (2, NULL)")
	if got := texts(t, conn, "SELECT COALESCE(b, '') AS b FROM t ORDER BY id"); !slices.Equal(got, []string{"\xff\xfe\x00", ""}) {
		t.Errorf("%q", got)
	}
	if got := texts(t, conn, "SELECT COALESCE(NULL, id, 5) FROM t ORDER BY id"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("%q", got)
	}
}

// The library's shortcut for a lookup by primary key took one part of a statement for the whole.
func TestLookupByKeyInsideOfMore(t *testing.T) {
	conn := app(t, start(t))
	exec(t, conn, "CREATE TABLE t (id INT PRIMARY KEY, n INT)")
	exec(t, conn, "INSERT INTO t VALUES (1, 7), (2, 7)")
	for query, rows := range map[string]int{
		"SELECT n FROM t WHERE id = 1 UNION ALL SELECT n FROM t":                    3,
		"SELECT n FROM t UNION ALL SELECT n FROM t WHERE id = 1 ORDER BY n":         3,
		"SELECT a.id FROM t a LEFT JOIN t b ON a.n = b.n WHERE a.id = 1":            2,
		"SELECT a.id FROM t a LEFT JOIN (SELECT * FROM t) b ON TRUE WHERE a.id = 1": 2,
		"SELECT x.id FROM (SELECT id FROM t WHERE id = 1) x, (SELECT 1 FROM t) y":   2,
		"SELECT id FROM t WHERE id = 1":                                             1,
		"SELECT COUNT(*) FROM t":                                                    1,
		"SELECT id FROM t WHERE n = (SELECT n FROM t WHERE id = 1)":                 2,
	} {
		if got := texts(t, conn, query); len(got) != rows {
			t.Errorf("%s: %v", query, got)
		}
	}
}

func TestTextsCompareAsInMySQL(t *testing.T) {
	conn := app(t, start(t))
	exec(t, conn, "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20)) DEFAULT CHARSET=utf8mb4")
	exec(t, conn, "INSERT INTO t VALUES (1, 'Zoë')")
	if got := texts(t, conn, "SELECT id FROM t WHERE s = 'zoe'"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("rows %v", got)
	}
}

func TestVersion(t *testing.T) {
	if got := texts(t, app(t, start(t)), "SELECT VERSION()"); !slices.Equal(got, []string{Version}) {
		t.Errorf("VERSION() is %q, the greeting says %q", got, Version)
	}
}

func TestClassify(t *testing.T) {
	for query, want := range map[string]kind{
		"SELECT 1": reads, " /* x */ (select 1)": reads, "# c\nSELECT 1": reads, "-- c\nshow tables": reads, "SELECT 1 for update": writes,
		"WITH a AS (SELECT 1) SELECT 1": reads, "WITH a AS (SELECT 1) DELETE FROM t": writes, "begin": ends, "START TRANSACTION": ends, "COMMIT;": ends,
		"INSERT INTO t VALUES (1)": writes, "CALL p()": writes, "": writes, "/* open": writes, "SET autocommit=0": reads,
	} {
		if got := classify(query); got != want {
			t.Errorf("%q: %d, want %d", query, got, want)
		}
	}
}
