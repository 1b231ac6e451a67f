package migrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"phiproxy/migrate/catalog"
	"phiproxy/rewrite"
)

// Progress tells about a step that is about to run, or, with Done, that ran.
type Progress struct {
	Number, Total int // from 1
	Step          Step
	Done          bool
	Took          time.Duration
}

// ErrRefused is the error of Apply for a plan with refusals.
var ErrRefused = errors.New("the plan has refusals: nothing was changed")

// Apply runs the steps one after another and stops at the first that fails. What ran before stays, and a new plan goes on
// from there.
func (p *Plan) Apply(ctx context.Context, db *sql.DB, progress func(Progress)) error {
	if len(p.Refusals) > 0 {
		return ErrRefused
	}
	if len(p.Steps) == 0 {
		return nil
	}
	c, err := open(ctx, db, p.flavor)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.lock(ctx); err != nil {
		return err
	}
	for i, s := range p.Steps {
		if err := p.run(ctx, c, i, s, progress); err != nil {
			return err
		}
	}
	return p.verify(ctx, db)
}

func (p *Plan) run(ctx context.Context, c *connection, i int, s Step, progress func(Progress)) error {
	now := Progress{Number: i + 1, Total: len(p.Steps), Step: s}
	if progress != nil {
		progress(now)
	}
	start := time.Now()
	if _, err := c.ExecContext(ctx, s.SQL); err != nil {
		return &StepError{Number: i + 1, Total: len(p.Steps), Step: s, Err: err}
	}
	if now.Done, now.Took = true, time.Since(start); progress != nil {
		progress(now)
	}
	return nil
}

// StepError tells which step failed.
type StepError struct {
	Number, Total int
	Step          Step
	Err           error
}

func (e *StepError) Error() string {
	done := "nothing was changed"
	if e.Number > 1 {
		done = fmt.Sprintf("steps 1 to %d are done and stay", e.Number-1)
	}
	return fmt.Sprintf("step %d of %d, on %s: %v; %s; run `phiproxy schema apply` again once the cause is removed", e.Number, e.Total, e.Step.Table, e.Err, done)
}

func (e *StepError) Unwrap() error { return e.Err }

// verify reads the catalog as the proxy will.
func (p *Plan) verify(ctx context.Context, db *sql.DB) error {
	s, err := catalog.Load(ctx, db, p.configured)
	if err != nil {
		return err
	}
	var all []error
	for _, problem := range s.Problems {
		all = append(all, errors.New(problem.String()))
	}
	if len(all) > 0 {
		return fmt.Errorf("all steps ran, but the database is not as it must be: %w", errors.Join(all...))
	}
	return nil
}

// connection is one session at the server under known settings.
type connection struct {
	*sql.Conn
	flavor rewrite.Flavor
}

// sqlMode is strict, so that an ALTER never truncates a value, but takes dates as they are.
const sqlMode = "STRICT_ALL_TABLES"

func open(ctx context.Context, db *sql.DB, flavor rewrite.Flavor) (*connection, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, flavor: flavor}
	settings := []string{"SET SESSION sql_mode = '" + sqlMode + "'"}
	if flavor != rewrite.Embedded { // an ALTER that waits for a lock makes every later statement on its table wait, too
		settings = append(settings, "SET SESSION lock_wait_timeout = 60")
		settings = append(settings, "SET SESSION time_zone = '+00:00'") // in which a sealed TIMESTAMP is
	}
	for _, s := range settings {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// close gives the session's settings up by closing the connection: the pool must not hand them to others.
func (c *connection) close() {
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.Conn.Close()
}

// lock keeps a second run away. The lock ends with the session.
func (c *connection) lock(ctx context.Context) error {
	var got sql.NullInt64
	if err := c.QueryRowContext(ctx, "SELECT GET_LOCK('phiproxy_schema', 5)").Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return errors.New("another `phiproxy schema apply` is running, or a proxy defines a protected table; wait for it")
	}
	return nil
}
