package keys

import (
	"context"
	"errors"
	"sync"
	"time"
)

// guard is the provider as the ring uses it: behind the circuit breaker, counted and timed.
type guard struct {
	provider Provider
	breaker  breaker
	metrics  *Metrics

	mu     sync.Mutex
	health Health // but for OutageNow
}

func (g *guard) generate(ctx context.Context, kctx Context) (dek []byte, w Wrapped, err error) {
	err = g.call("generate", func() error {
		dek, w, err = g.provider.Generate(ctx, kctx)
		return err
	})
	return dek, w, err
}

func (g *guard) unwrap(ctx context.Context, w Wrapped, kctx Context) (dek []byte, err error) {
	err = g.call("unwrap", func() error {
		dek, err = g.provider.Unwrap(ctx, w, kctx)
		return err
	})
	return dek, err
}

func (g *guard) check(ctx context.Context) error {
	return g.call("check", func() error { return g.provider.Check(ctx) })
}

func (g *guard) call(operation string, f func() error) error {
	if !g.breaker.allow() {
		g.metrics.heldBack(operation)
		return &Error{Kind: ErrUnavailable, Op: operation, Code: "circuit open"}
	}
	began := time.Now()
	err := classified(f(), operation)
	g.breaker.report(err)
	g.note(err)
	g.metrics.call(operation, time.Since(began), err)
	return err
}

// classified turns a provider's error of no known kind into an outage: it keeps cached keys and gives no new ones.
func classified(err error, operation string) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrRevoked) || errors.Is(err, ErrCorrupt) {
		return err
	}
	return &Error{Kind: ErrUnavailable, Op: operation, Cause: err}
}
