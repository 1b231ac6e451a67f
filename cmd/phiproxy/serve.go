package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"phiproxy/admin"
	"phiproxy/config"
	"phiproxy/proxy"
)

func serveCommand() command {
	return command{
		name: "serve", short: "run the proxy",
		long: "Runs the proxy and its admin port until SIGTERM or SIGINT. Who may use the admin port is read again when the file changes, and on SIGHUP. At the end no connection is accepted any more, and each one ends as soon as it is between transactions, at the latest after limits.drain_timeout. A second signal ends it at once.",
		setup: func(flags *flag.FlagSet) runner {
			path := configPathFlag(flags)
			return func(ctx context.Context, env environment, _ []string) error {
				cfg, err := loadConfig(*path, env)
				if err != nil {
					return err
				}
				log, err := newLogger(cfg.Log)
				if err != nil {
					return err
				}
				ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
				defer stop()
				a, err := assemble(ctx, cfg, log)
				if err != nil {
					return err
				}
				a.reload = adminReload(*path, env)
				return errors.Join(a.serve(ctx, stop), a.close())
			}
		},
	}
}

// adminReload says where the admin port finds who may use it, whenever that changes and on SIGHUP.
func adminReload(flagged string, env environment) admin.Reload {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	load := func() (config.Admin, error) {
		cfg, err := loadConfig(flagged, env)
		if err != nil {
			return config.Admin{}, err
		}
		return cfg.Admin, nil
	}
	return admin.Reload{File: configPath(flagged, env.environ), Load: load, Now: hup}
}

// listeners are the open ports of an assembly.
type listeners struct {
	mysql net.Listener
	local net.Listener // the unix socket, nil without
	admin net.Listener // nil when the admin port is disabled
}

func (a *assembly) listen() (l listeners, err error) {
	if path := a.cfg.Listen.Socket; path != "" {
		if l.local, err = listenLocal(path); err != nil {
			return l, err
		}
	}
	if a.admin != nil {
		if l.admin, err = net.Listen("tcp", a.cfg.Admin.Address); err != nil {
			return l, errors.Join(err, l.close())
		}
	}
	// Last, since it is what others wait for.
	if l.mysql, err = net.Listen("tcp", a.cfg.Listen.Address); err != nil {
		return l, errors.Join(err, l.close())
	}
	return l, nil
}

// close closes what is open.
func (l listeners) close() (err error) {
	for _, open := range []net.Listener{l.local, l.admin, l.mysql} {
		if open != nil {
			err = errors.Join(err, open.Close())
		}
	}
	return err
}

// socketMode lets the proxy's group connect.
const socketMode = 0o660

// listenLocal opens a unix socket. One that a process left behind which is no more is taken away first.
func listenLocal(path string) (net.Listener, error) {
	if nc, err := net.Dial("unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("listen.socket: %s is in use", path), nc.Close())
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// serve opens the ports and serves until ctx ends, then drains. Once draining began it calls stop, so that the next
// signal has its usual effect.
func (a *assembly) serve(ctx context.Context, stop func()) error {
	l, err := a.listen()
	if err != nil {
		return err
	}
	a.log.Info("ready", zap.Stringer("listen", l.mysql.Addr()), zap.String("backend", a.cfg.Backend.Address),
		zap.Bool("client_tls", a.cfg.Listen.TLS.Enabled()), zap.String("backend_tls", a.cfg.Backend.TLS.Mode), zap.Bool("fips140", build().FIPS))
	return a.serveOn(ctx, l, stop)
}

// serveOn serves on open ports. It returns when everything has ended.
func (a *assembly) serveOn(ctx context.Context, l listeners, stop func()) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ignore(a.proxy.Serve(l.mysql), proxy.ErrServerClosed) })
	if l.local != nil {
		group.Go(func() error { return ignore(a.proxy.Serve(l.local), proxy.ErrServerClosed) })
	}
	group.Go(func() error { a.schema.Run(ctx); return nil })
	if a.cfg.Keys.WarmUp {
		group.Go(func() error { a.warmUp(ctx); return nil })
	}
	if l.admin != nil {
		group.Go(func() error { return a.admin.Serve(l.admin) })
		group.Go(func() error { a.admin.Watch(ctx, a.reload); return nil })
	}
	group.Go(func() error {
		<-ctx.Done()
		stop()
		return a.drain()
	})
	return group.Wait()
}

// warmUp loads all owners' keys. A failure is no reason to stop: each key is loaded again when it is needed.
func (a *assembly) warmUp(ctx context.Context) {
	result, err := a.ring.Warm(ctx)
	if err != nil {
		a.log.Warn("not all keys could be loaded at start", zap.Int("loaded", result.Loaded), zap.Int("failed", result.Failed), zap.Error(err))
		return
	}
	a.log.Info("keys loaded", zap.Int("owners", result.Owners), zap.Int("failed", result.Failed))
}

// drain ends the sessions, then the admin port, which answers "not ready" meanwhile.
func (a *assembly) drain() error {
	a.draining.Store(true)
	a.log.Info("draining", zap.Duration("timeout", a.cfg.Limits.DrainTimeout.Std()))
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Limits.DrainTimeout.Std())
	defer cancel()
	err := a.proxy.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		a.log.Warn("sessions were closed in the middle of a transaction")
		err = nil
	}
	if a.admin != nil {
		err = errors.Join(err, ignore(a.admin.Shutdown(ctx), context.DeadlineExceeded))
	}
	a.log.Info("ended")
	return err
}

// ignore turns the expected error into none.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
