package scratch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"phiproxy/rewrite"
)

// Many clients at once, some of whom give up in the middle, read their own rows and nobody else's.
func TestConcurrent(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		o := programOptions(f)
		o.Limits.Sessions = 6
		e := open(t, o)
		var g errgroup.Group
		for client := range 16 {
			g.Go(func() error {
				for i := range 40 {
					if err := oneOfMany(t.Context(), e, client, i); err != nil {
						return fmt.Errorf("client %d, statement %d: %w", client, i, err)
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		e.pool.cleaning.Wait()
		if held := e.held.Load(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
		if n := len(e.pool.warm) + len(e.pool.cold); n != 6 {
			t.Errorf("%d of 6 slots are left", n)
		}
	})
}

// oneOfMany is one statement of a client. A client that gives up must be told so, or get the right answer.
func oneOfMany(ctx context.Context, e *Engine, client, i int) error {
	s, err := e.Session(ctx, Settings{})
	if err != nil {
		return err
	}
	defer s.Release()
	n := rand.IntN(150) + 1
	if err := s.Load(ctx, patients, source(sameRows(n, fmt.Sprint("client", client, "#", i))...)); err != nil {
		return err
	}
	impatient, sql := i%10 == 3, "SELECT COUNT(*), COUNT(DISTINCT last), MIN(last), @mine FROM w1"
	if impatient {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(3000))*time.Microsecond)
		defer cancel()
	}
	if i%7 == 0 {
		sql = "SELECT COUNT(*), COUNT(DISTINCT last), MIN(last), @mine := NULL FROM w1"
	}
	got, err := askWithin(ctx, s, sql)
	if impatient && errors.Is(err, &Error{Kind: Timeout}) {
		return nil
	}
	if want := fmt.Sprintf("%d|1|client%d#%d|NULL", n, client, i); err == nil && got != want {
		err = fmt.Errorf("got %s, want %s", got, want)
	}
	return err
}

func sameRows(n int, text string) [][]string {
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = []string{fmt.Sprint(i), text, "NULL"}
	}
	return rows
}
