package main

import (
	"context"
	"iter"

	"go.uber.org/zap"

	"phiproxy/admin"
	"phiproxy/audit"
	"phiproxy/config"
)

// openAccessLog opens the access log, when one is configured.
func (a *assembly) openAccessLog(context.Context) (err error) {
	if !a.cfg.Audit.Enabled() {
		a.log.Warn("no access log is kept: who sees protected values is not recorded", zap.String("setting", "audit.dir"))
		return nil
	}
	options := accessLogOptions(a.cfg.Audit)
	options.Report, options.Anchor = a.reportAccessLog, a.anchorAccessLog
	if a.access, err = audit.Open(options); err != nil {
		return err
	}
	return a.metrics.Register(a.access)
}

func accessLogOptions(c config.Audit) audit.Options {
	return audit.Options{
		Dir: c.Dir, KeyFile: c.KeyFile, Interval: c.SignInterval.Std(), SyncEach: c.Sync == config.SyncEach, SyncInterval: c.SyncInterval.Std(),
		RotateSize: int64(c.RotateSize), RotateAge: c.RotateAge.Std(), OnFull: c.OnFull,
	}
}

func (a *assembly) reportAccessLog(err error) {
	if err != nil {
		a.log.Error("the access log cannot be written", zap.String("on_full", a.cfg.Audit.OnFull), zap.Error(err))
		return
	}
	a.log.Info("the access log can be written")
}

// anchorAccessLog puts the log's state where whoever changes its files does not reach: another log, on its way elsewhere.
func (a *assembly) anchorAccessLog(record uint64, hash string) {
	a.log.Info("access log", zap.Uint64("record", record), zap.String("hash", hash))
}

// showAccessLog gives the admin port the access log.
func (a *assembly) showAccessLog(o *admin.Options) {
	if a.access == nil {
		return
	}
	o.Audit = a.access.Health
	o.Search = func(q audit.Query) iter.Seq2[audit.Event, error] { return audit.Search(a.cfg.Audit.Dir, q) }
}
