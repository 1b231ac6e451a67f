package scratch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"go.uber.org/zap"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
)

// pool holds the slots. A slot that was used lately is preferred: its connection and its tables are there already.
type pool struct {
	engine     *Engine
	warm, cold chan *slot
	cleaning   sync.WaitGroup
	emptying   atomic.Int32 // slots that are being emptied
}

// slot is a place for one session: an account that sees its own database, that database, and a connection.
type slot struct {
	number  int
	server  *server
	born    uint64 // state.born when it was set up; 0 before
	account account
	conn    *conn             // nil when there is none
	tables  map[string]string // work table -> its definition; all of them are empty
	known   map[string]bool   // variables of the server
}

func newPool(e *Engine) *pool {
	p := &pool{engine: e, warm: make(chan *slot, e.limits.Sessions), cold: make(chan *slot, e.limits.Sessions)}
	for i := range e.limits.Sessions {
		p.cold <- &slot{number: i}
	}
	return p
}

// get gives a slot that is connected to the current server. A server that turns out to be dead is waited for once.
func (p *pool) get(ctx context.Context) (*slot, error) {
	sl, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	for range 2 {
		var s state
		if s, err = p.engine.ready(ctx); err != nil {
			break
		}
		if sl.conn != nil && sl.born == s.born {
			return sl, nil
		}
		sl.drop()
		if err = sl.connect(ctx, s); err == nil {
			return sl, nil
		}
		if !s.server.dies() {
			break
		}
	}
	p.cold <- sl
	return nil, err
}

// deathTimeout is how long after a failed login the end of a child may take to be noticed.
const deathTimeout = 200 * time.Millisecond

// dies reports whether the server ends just now.
func (s *server) dies() bool {
	select {
	case <-s.done:
		return true
	case <-time.After(deathTimeout):
		return false
	}
}

// dead reports whether the server has ended.
func (s *server) dead() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Setting up a slot takes longer than emptying one. Some are set up at once, so that a client with one statement after
// the other does not wait; more only when none of those that are being emptied is free in time.
const (
	readySlots = 4
	patience   = 2 * time.Millisecond
)

func (p *pool) take(ctx context.Context) (*slot, error) {
	select {
	case sl := <-p.warm:
		return sl, nil
	default:
	}
	cold := p.cold
	if p.emptying.Load() > 0 && p.engine.limits.Sessions-len(p.cold) >= readySlots {
		cold = nil
	}
	more, wait := time.NewTimer(patience), time.NewTimer(p.engine.limits.Wait)
	defer more.Stop()
	defer wait.Stop()
	for {
		select {
		case sl := <-p.warm:
			return sl, nil
		case sl := <-cold:
			return sl, nil
		case <-more.C:
			cold = p.cold
		case <-ctx.Done():
			return nil, fail(Timeout, ctx.Err())
		case <-wait.C:
			return nil, fail(Busy, nil)
		}
	}
}

// put takes a slot back: it is emptied first, while the client goes on. freed is called when nothing is left.
func (p *pool) put(sl *slot, used []string, doubtful bool, freed func()) {
	p.emptying.Add(1)
	began := time.Now()
	p.cleaning.Go(func() {
		defer p.emptying.Add(-1)
		defer func() { p.engine.metrics.phase("empty", time.Since(began)) }()
		defer freed()
		if !doubtful {
			if err := sl.clean(used); err != nil {
				p.engine.log.Warn("a scratch session could not be emptied and is thrown away", zap.Error(err))
				doubtful = true
			}
		}
		if !doubtful {
			p.warm <- sl
			return
		}
		sl.drop()
		sl.wipe()
		p.cold <- sl
	})
}

// close waits for the slots that are being emptied and ends the connections of the others.
func (p *pool) close() {
	p.cleaning.Wait()
	for {
		select {
		case sl := <-p.warm:
			sl.drop()
		default:
			return
		}
	}
}

const cleanTimeout = 10 * time.Second

// clean empties the work tables and makes the session as new, ready to load.
func (sl *slot) clean(used []string) error {
	if err := sl.conn.SetDeadline(time.Now().Add(cleanTimeout)); err != nil {
		return err
	}
	c := sl.conn
	c.forget()
	for _, table := range used {
		c.begin(mysql.COM_QUERY)
		c.out = append(append(c.out, "DELETE FROM "...), quoteName(table)...)
		c.later(succeeded)
	}
	c.begin(mysql.COM_RESET_CONNECTION) // to the server's own settings, see learn
	if err := c.flush(); err != nil {
		return err
	}
	if err := succeeded(c.readOK()); err != nil {
		return err
	}
	if sl.server.flavor == rewrite.Embedded {
		return sl.begin()
	}
	return c.SetDeadline(time.Time{})
}

func succeeded(_ packet.OK, err error) error {
	if err != nil {
		return fail(Lost, err)
	}
	return nil
}

// begin makes a session of a new connection ready to load, and one of the embedded server, which forgets its database when it is
// reset.
func (sl *slot) begin() error {
	c := sl.conn
	c.begin(mysql.COM_INIT_DB)
	c.out = append(c.out, sl.account.database...)
	c.later(succeeded)
	_, err := c.exec(ownSettings)
	return err
}

// drop ends the connection.
func (sl *slot) drop() {
	if sl.conn != nil {
		_ = sl.conn.Close()
	}
	sl.conn, sl.born, sl.tables = nil, 0, nil
}

// wipe removes the slot's database. When the server is gone, so are its files.
func (sl *slot) wipe() {
	ctx, cancel := context.WithTimeout(context.Background(), cleanTimeout)
	defer cancel()
	_ = sl.server.control(ctx, "DROP DATABASE IF EXISTS "+quoteName(sl.account.database))
}

// connect makes the slot's database and account anew and logs in.
func (sl *slot) connect(ctx context.Context, s state) (err error) {
	sl.server = s.server
	name := fmt.Sprintf("phiproxy-work-%d", sl.number)
	sl.account = account{network: s.server.network, address: s.server.address, user: name, password: newPassword(), database: name}
	if s.server.flavor == rewrite.Embedded {
		sl.account.user, sl.account.password = s.server.user, s.server.password
	}
	if err := s.server.control(ctx, sl.setup(s.schemas)...); err != nil {
		return err
	}
	if sl.conn, err = dial(ctx, sl.account); err != nil {
		return err
	}
	sl.tables, sl.born, sl.known = make(map[string]string), s.born, s.server.known
	if err := sl.begin(); err != nil {
		sl.drop()
		return fail(Unavailable, err)
	}
	return nil
}

func (sl *slot) setup(schemas []string) []string {
	database, user := quoteName(sl.account.database), quote(sl.account.user)+"@'localhost'"
	statements := []string{"DROP DATABASE IF EXISTS " + database, "CREATE DATABASE " + database}
	if sl.server.flavor == rewrite.Embedded {
		return statements
	}
	statements = append(statements, "DROP USER IF EXISTS "+user, "CREATE USER "+user+" IDENTIFIED BY "+quote(sl.account.password),
		"GRANT ALL ON "+database+".* TO "+user)
	if sl.server.flavor == rewrite.MySQL { // some of a client's settings are restricted there
		statements = append(statements, "GRANT SESSION_VARIABLES_ADMIN ON *.* TO "+user)
	}
	for _, schema := range schemas {
		pattern := strings.NewReplacer("_", `\_`, "%", `\%`).Replace(schema)
		statements = append(statements, "GRANT SELECT ON "+quoteName(pattern)+".* TO "+user)
	}
	return statements
}

// control runs statements on a connection of its own, as the account that may do all.
func (s *server) control(ctx context.Context, statements ...string) (err error) {
	c, err := dial(ctx, s.account)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	for _, sql := range statements {
		if _, err := c.exec(sql); err != nil {
			return fail(Unavailable, err)
		}
	}
	return nil
}

// learn asks the server which variables it has, and makes the engine's own settings its defaults: sessions that are reset have
// them without being told.
func (s *server) learn(ctx context.Context) error {
	c, err := dial(ctx, s.account)
	if err != nil {
		return err
	}
	defer c.Close()
	if s.flavor != rewrite.Embedded {
		if _, err := c.exec(ownDefaults); err != nil {
			return fail(Unavailable, err)
		}
	}
	s.known = make(map[string]bool)
	for _, v := range variables {
		err := c.rows("SELECT @@"+v.name, func([]byte) error { return nil })
		if broken(err) {
			return err
		}
		s.known[v.name] = err == nil
	}
	return nil
}
