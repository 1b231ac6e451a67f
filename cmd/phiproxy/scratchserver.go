package main

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"phiproxy/migrate/catalog"
	"phiproxy/rewrite"
	"phiproxy/scratch"
)

// openScratch makes the scratch engine for a backend's family.
func (a *assembly) openScratch(ctx context.Context, s *rewrite.Schema) (err error) {
	c := a.cfg.Scratch
	o := scratch.Options{
		Mode: scratch.Mode(c.Mode), Family: s.Flavor, Arguments: c.Arguments, DSN: c.DSN.Reveal(), Directory: c.Directory,
		LowerCaseNames: s.LowerCaseNames, AtBoot: c.AtBoot,
		Limits: scratch.Limits{Sessions: c.Sessions, Rows: c.Rows, Bytes: int64(c.Bytes), TotalBytes: int64(c.TotalBytes), Time: c.Time.Std(), Wait: c.Wait.Std()},
		Log:    a.log.Named("scratch"), Metrics: a.metrics,
	}
	if c.Command != "" {
		o.Command = []string{c.Command}
	}
	a.scratch, err = scratch.Open(ctx, o)
	return err
}

// checkScratch fails when the scratch server is wanted and cannot be had.
func (a *assembly) checkScratch(context.Context) error {
	if problem := a.scratch.Status().Problem; problem != "" && a.scratch.Available() {
		return errors.New(problem)
	}
	return nil
}

// syncScratch tells the scratch engine about a schema.
func (a *assembly) syncScratch(s *catalog.Snapshot) {
	if !a.scratch.Available() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Backend.ConnectTimeout.Std())
	defer cancel()
	if err := a.scratch.Sync(ctx, s.Schema, nil); err != nil {
		a.log.Warn("the scratch server does not know the schema", zap.Error(err))
	}
}
