package scratch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// Session is the use of the engine by one statement of one client. It is not safe for concurrent use. Release must be
// called whatever happened, which a defer does after a panic too.
type Session struct {
	Database string // the client's current one, which column definitions of derived tables name

	engine   *Engine
	slot     *slot
	settings Settings
	began    time.Time
	deadline time.Time

	applied  bool              // the client's settings are in force, not the engine's own
	origins  map[string]origin // work table -> what it stands for
	used     map[string]bool   // work tables that may hold rows
	rows     int
	bytes    int64
	open     *Rows // not read to its end
	doubtful bool  // the connection's state is not known
	result   string
	released bool
}

// Session takes a free slot for one statement. The context ends the wait; each call has one of its own.
func (e *Engine) Session(ctx context.Context, settings Settings) (*Session, error) {
	began := time.Now()
	sl, err := e.pool.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := sl.server.zone(ctx, settings.zone); err != nil {
		e.pool.warm <- sl
		return nil, err
	}
	e.metrics.sessions.Inc()
	e.metrics.phase("wait", time.Since(began))
	return &Session{
		engine: e, slot: sl, settings: settings, began: began, deadline: time.Now().Add(e.limits.Time),
		origins: make(map[string]origin), used: make(map[string]bool), result: resultOK,
	}, nil
}

// largeSession is the number of loaded bytes from which a session's connection is not used again: sorting and grouping
// that much may have spilt into a file of MySQL's that only shrinks when the connection ends.
const largeSession = 4 << 20

// Release gives the session back. Its rows are removed while the caller goes on. Calling it again has no effect.
func (s *Session) Release() {
	if s.released {
		return
	}
	s.released = true
	unread := s.open != nil && !s.open.done
	if unread {
		_ = s.open.end(nil)
	}
	doubtful := unread || s.doubtful || s.bytes > largeSession
	e, held := s.engine, s.bytes
	e.metrics.statements.WithLabelValues(s.result).Inc()
	e.metrics.phase("total", time.Since(s.began))
	e.pool.put(s.slot, slices.Collect(maps.Keys(s.used)), doubtful, func() {
		e.metrics.held.Set(float64(e.held.Add(-held)))
		e.metrics.sessions.Dec()
	})
}

// interruptTimeout is how long a statement may take to end once it was told to, and the telling.
const interruptTimeout = 2 * time.Second

// guard bounds what follows until the returned function is called with its error: when the context ends, the statement
// is killed in the server, and when that does not help, the connection is cut. A session that this happened to is not
// used again.
func (s *Session) guard(ctx context.Context) (end func(error) error) {
	ctx, cancel := context.WithDeadline(ctx, s.deadline)
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		s.slot.interrupt()
	})
	return once(func(err error) error {
		if !stop() {
			<-killed
			s.doubtful = true
			// Even without an error: some functions answer, wrongly, when they are interrupted.
			err = fail(Timeout, ctx.Err())
		}
		cancel()
		return s.note(err)
	})
}

// interrupt ends the running statement. It is called beside the session.
func (sl *slot) interrupt() {
	_ = sl.conn.SetDeadline(time.Now().Add(interruptTimeout))
	ctx, cancel := context.WithTimeout(context.Background(), interruptTimeout)
	defer cancel()
	_ = sl.server.control(ctx, fmt.Sprintf("KILL QUERY %d", sl.conn.GetConnectionID())) // the deadline is there if this fails
}

// note remembers what an error says about the session.
func (s *Session) note(err error) error {
	switch {
	case err == nil:
	case broken(err):
		s.doubtful, s.result = true, resultFailed
		if errors.Is(err, &Error{Kind: Lost}) {
			s.slot.server.dies() // so that a caller who tries again meets the next server
		}
	default:
		s.result = resultServer
		s.rename(err)
	}
	return err
}

// rename makes the error speak of the tables that the client knows.
func (s *Session) rename(err error) {
	var answer *ServerError
	if errors.As(err, &answer) {
		answer.Message = s.original(answer.Message)
	}
}

// original puts the names that a client knows into a message.
func (s *Session) original(message []byte) []byte {
	database := []byte(s.slot.account.database)
	if !bytes.Contains(message, database) {
		return message
	}
	for work, o := range s.origins {
		if o.schema != "" {
			message = bytes.ReplaceAll(message, database, []byte(o.schema))
			message = bytes.ReplaceAll(message, []byte(work), []byte(o.table))
		}
	}
	return message
}

// apply puts the client's settings into force with the next command.
func (s *Session) apply() {
	if s.applied {
		return
	}
	s.applied = true
	list := s.settings.assignments(nil, s.slot.known, s.slot.server.flavor)
	if len(list) == 0 {
		return
	}
	c := s.slot.conn
	c.begin(mysql.COM_QUERY)
	c.out = append(append(c.out, "SET "...), list...)
	c.later(func(_ packet.OK, err error) error {
		if err != nil {
			return fail(Settling, err)
		}
		return nil
	})
}

// unapply returns to the engine's own settings with the next command.
func (s *Session) unapply() {
	if !s.applied {
		return
	}
	c := s.slot.conn
	c.begin(mysql.COM_QUERY)
	c.out = append(c.out, ownSettings...)
	c.later(succeeded)
	s.applied = false
}

// Query runs a statement under the client's settings and gives its answer while it arrives. The text is in the client's
// character set. An error of the server's is a *ServerError.
func (s *Session) Query(ctx context.Context, sql []byte) (*Rows, error) {
	return s.run(ctx, func(c *conn) error { return c.send(mysql.COM_QUERY, sql) })
}

// run sends a command that is answered by rows or OK, and reads the beginning of the answer.
func (s *Session) run(ctx context.Context, send func(*conn) error) (*Rows, error) {
	if s.open != nil && !s.open.done {
		return nil, s.note(fail(Protocol, errors.New("the last answer was not read to its end")))
	}
	began := time.Now()
	r := &Rows{conn: s.slot.conn, end: s.guard(ctx)}
	s.apply()
	err := send(r.conn)
	if err == nil {
		r.Columns, r.OK, err = r.conn.answer()
	}
	if err != nil || r.Columns == nil {
		r.done = true
		err = r.end(err)
	}
	if err == nil {
		err = s.describe(r.Columns)
	}
	s.engine.metrics.phase("query", time.Since(began))
	if err != nil {
		return nil, err
	}
	if s.open = r; r.done {
		s.open, r.err = nil, io.EOF
	}
	return r, nil
}

// Statement is a prepared statement. It lives as long as its session.
type Statement struct {
	Params  int
	Columns [][]byte // column definitions of the result set, as for a client; none when there is none
	id      uint32
}

// Prepare prepares a statement under the client's settings.
func (s *Session) Prepare(ctx context.Context, sql []byte) (*Statement, error) {
	end := s.guard(ctx)
	p, err := s.prepare(sql)
	if err = end(err); err != nil {
		return nil, err
	}
	return p, s.describe(p.Columns)
}

func (s *Session) prepare(sql []byte) (*Statement, error) {
	s.apply()
	c := s.slot.conn
	if err := c.send(mysql.COM_STMT_PREPARE, sql); err != nil {
		return nil, err
	}
	b, err := c.read()
	if err != nil {
		return nil, err
	}
	if packet.IsErr(b) {
		return nil, serverError(b)
	}
	var ok packet.PrepareOK
	if err := ok.Decode(b); err != nil {
		return nil, fail(Protocol, err)
	}
	if _, err := c.definitions(int(ok.Params)); err != nil {
		return nil, err
	}
	columns, err := c.definitions(int(ok.Columns))
	return &Statement{Params: int(ok.Params), Columns: columns, id: ok.StatementID}, err
}

// Execute runs a prepared statement; its rows are those of the binary protocol. params is the rest of the client's
// COM_STMT_EXECUTE behind the iteration count: NULL bitmap, the flag for new types, types and values. It is empty for a
// statement without parameters.
func (s *Session) Execute(ctx context.Context, p *Statement, params []byte) (*Rows, error) {
	head := binary.LittleEndian.AppendUint32(nil, p.id)
	head = append(head, 0)                           // no cursor
	head = binary.LittleEndian.AppendUint32(head, 1) // iterations, always one
	return s.run(ctx, func(c *conn) error { return c.send(mysql.COM_STMT_EXECUTE, head, params) })
}

// Warning is one line of SHOW WARNINGS.
type Warning struct {
	Level   string // Note, Warning, Error
	Code    uint16
	Message []byte // for the client only
}

// Warnings asks for the warnings of the last statement.
func (s *Session) Warnings(ctx context.Context) ([]Warning, error) {
	end := s.guard(ctx)
	list, err := s.warnings()
	return list, end(err)
}

func (s *Session) warnings() ([]Warning, error) {
	var list []Warning
	err := s.slot.conn.rows("SHOW WARNINGS", func(row []byte) error {
		v, err := textRow(row, 3)
		if err != nil {
			return err
		}
		code := uint16(0)
		for _, digit := range v[1] {
			code = code*10 + uint16(digit-'0')
		}
		list = append(list, Warning{Level: string(v[0]), Code: code, Message: s.original(v[2])})
		return nil
	})
	return list, err
}

// once makes a function that does its work the first time only, and gives back what it is given afterwards.
func once(f func(error) error) func(error) error {
	var done sync.Once
	return func(err error) error {
		done.Do(func() { err = f(err) })
		return err
	}
}
