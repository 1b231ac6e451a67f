package embedded

import (
	"context"
	"strings"
	"sync"
	"time"

	vitess "github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"

	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
)

// lockWait is how long a write waits for another session's transaction before error 1205.
const lockWait = 10 * time.Second

// transactions makes the memory engine safe for several sessions. By itself that engine copies a table when a
// transaction first touches it, be it only to read, and the commit puts the whole copy back: whatever other sessions
// committed in between is lost. Here
//
//   - one session at a time may write: from the first write of its transaction to the end of it,
//   - the first write of a transaction forgets the copies, so that it starts from what is committed,
//   - a transaction that only read has its copies forgotten before it ends, so that its commit puts nothing back.
//
// Reads never wait. Seen from outside it is READ COMMITTED with one lock for the whole server.
type transactions struct {
	vitess.Handler
	writer chan struct{} // holds one token while a session may write

	mu       sync.Mutex
	sessions map[uint32]*session // connection id -> its session
}

type session struct {
	*memory.Session
	writing bool // this session holds the writer token
	alone   bool // readAlone is running a statement
}

func newTransactions() *transactions {
	return &transactions{writer: make(chan struct{}, 1), sessions: map[uint32]*session{}}
}

// builder makes sessions and remembers them. A connection that is reset gets a new session.
func (t *transactions) builder(provider sql.DatabaseProvider) func(context.Context, *vitess.Conn, string) (sql.Session, error) {
	return func(_ context.Context, conn *vitess.Conn, address string) (sql.Session, error) {
		client := sql.Client{Capabilities: conn.Capabilities}
		if user, ok := conn.UserData.(sql.MysqlConnectionUser); ok {
			client.User, client.Address = user.User, user.Host
		}
		made := memory.NewSession(sql.NewBaseSessionWithClientServer(address, client, conn.ConnectionID), provider)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.release(t.sessions[conn.ConnectionID])
		t.sessions[conn.ConnectionID] = &session{Session: made}
		return made, nil
	}
}

// ConnectionClosed implements vitess.Handler. An open transaction dies with its session.
func (t *transactions) ConnectionClosed(c *vitess.Conn) {
	t.mu.Lock()
	t.release(t.sessions[c.ConnectionID])
	delete(t.sessions, c.ConnectionID)
	t.mu.Unlock()
	t.Handler.ConnectionClosed(c)
}

func (t *transactions) of(c *vitess.Conn) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions[c.ConnectionID]
}

func (t *transactions) release(s *session) {
	if s != nil && s.writing {
		s.writing = false
		<-t.writer
	}
}

// ComQuery implements vitess.Handler.
func (t *transactions) ComQuery(ctx context.Context, c *vitess.Conn, query string, callback vitess.ResultSpoolFn) error {
	return t.statement(c, query, func() error {
		return t.Handler.ComQuery(ctx, c, query, func(r *sqltypes.Result, more bool) error {
			t.correctStatus(c)
			return callback(r, more)
		})
	})
}

// ComStmtExecute implements vitess.Handler.
func (t *transactions) ComStmtExecute(ctx context.Context, c *vitess.Conn, prepared *vitess.PrepareData, callback func(*sqltypes.Result) error) error {
	return t.statement(c, prepared.PrepareStmt, func() error {
		return t.Handler.ComStmtExecute(ctx, c, prepared, func(r *sqltypes.Result) error {
			t.correctStatus(c)
			return callback(r)
		})
	})
}

// statement runs one statement under the rules of the type's comment.
func (t *transactions) statement(c *vitess.Conn, query string, run func() error) error {
	s := t.of(c)
	if s == nil { // the first command of a connection makes its session
		return run()
	}
	switch kind := classify(query); {
	case s.writing && kind != ends:
		return t.write(s, run)
	case kind == ends:
		return t.end(s, run)
	case kind == writes:
		if !t.acquire(s) {
			return vitess.NewSQLError(1205, "HY000", "Lock wait timeout exceeded; try restarting transaction")
		}
		return t.write(s, run)
	case s.inTransaction():
		return run()
	default:
		return s.readAlone(c, run)
	}
}

// acquire takes the writer token and forgets the session's copies of tables.
func (t *transactions) acquire(s *session) bool {
	timeout := time.NewTimer(lockWait)
	defer timeout.Stop()
	select {
	case t.writer <- struct{}{}:
		s.writing = true
		s.forget()
		return true
	case <-timeout.C:
		return false
	}
}

// write runs a statement of a session that holds the token, and gives the token back when no transaction is open after it.
func (t *transactions) write(s *session, run func() error) error {
	err := run()
	if err != nil && !s.inTransaction() {
		s.forget() // the engine leaves the transaction of a failed statement open
		s.SetTransaction(nil)
	}
	if s.GetTransaction() == nil {
		t.release(s)
	}
	return err
}

// end runs COMMIT, ROLLBACK, BEGIN and START TRANSACTION.
func (t *transactions) end(s *session, run func() error) error {
	if !s.writing {
		s.forget()
	}
	err := run()
	t.release(s)
	return err
}

// forget drops the session's copies of tables, and with them what it changed.
func (s *session) forget() { _ = s.Rollback(nil, nil) }

// inTransaction reports whether a statement leaves its transaction open: after BEGIN, or with autocommit off.
func (s *session) inTransaction() bool {
	if s.GetIgnoreAutoCommit() {
		return true
	}
	auto, err := plan.IsSessionAutocommit(sql.NewContext(context.Background(), sql.WithSession(s.Session)))
	return err == nil && !auto
}

// readAlone runs a read that is its own transaction, without letting the engine commit it.
func (s *session) readAlone(c *vitess.Conn, run func() error) error {
	s.forget()
	s.SetTransaction(nil)
	s.SetIgnoreAutoCommit(true)
	s.alone = true
	err := run()
	s.alone = false
	s.SetIgnoreAutoCommit(false)
	s.forget()
	s.SetTransaction(nil)
	c.StatusFlags &^= uint16(vitess.ServerInTransaction)
	return err
}

// correctStatus hides the transaction that readAlone keeps open from the packet that ends the result.
func (t *transactions) correctStatus(c *vitess.Conn) {
	if s := t.of(c); s != nil && s.alone {
		c.StatusFlags &^= uint16(vitess.ServerInTransaction)
	}
}

// kind is what a statement means for the lock.
type kind uint8

const (
	writes kind = iota // anything not known to be one of the others
	reads
	ends // COMMIT, ROLLBACK, BEGIN, START TRANSACTION
)

func classify(query string) kind {
	text := strings.ToUpper(skipComments(query))
	word := text[:strings.IndexFunc(text+" ", func(r rune) bool { return r < 'A' || r > 'Z' })]
	switch word {
	case "COMMIT", "ROLLBACK", "BEGIN", "START":
		return ends
	case "SHOW", "SET", "USE", "DESCRIBE", "DESC", "EXPLAIN", "PREPARE", "DEALLOCATE":
		return reads
	case "SELECT":
		if strings.Contains(text, "FOR UPDATE") || strings.Contains(text, "FOR SHARE") || strings.Contains(text, "LOCK IN SHARE MODE") {
			return writes
		}
		return reads
	case "WITH":
		if strings.Contains(text, "UPDATE") || strings.Contains(text, "DELETE") {
			return writes
		}
		return reads
	default:
		return writes
	}
}

// skipComments is the query from its first word on: white space, parentheses and comments before it are left out.
func skipComments(query string) string {
	for {
		query = strings.TrimLeft(query, " \t\r\n(;")
		var end string
		switch {
		case strings.HasPrefix(query, "/*"):
			end = "*/"
		case strings.HasPrefix(query, "#"), strings.HasPrefix(query, "--"):
			end = "\n"
		default:
			return query
		}
		at := strings.Index(query, end)
		if at < 0 {
			return ""
		}
		query = query[at+len(end):]
	}
}
