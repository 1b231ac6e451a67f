package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"phiproxy/config"
	"phiproxy/keys"
	"phiproxy/keys/store"
	"phiproxy/keys/usage"
)

// keysCommands are what an administrator does with keys.
func keysCommands() []command {
	return []command{
		keysStatusCommand(), keysListCommand(), keysGenerateCommand(), keysRotateCommand(), keysRetireCommand(), keysReinstateCommand(),
		keysDestroyCommand(), keysRewrapCommand(), keysExportAuditCommand(), keysVerifyAuditCommand(),
	}
}

// operator is what the key commands work with.
type operator struct {
	env   environment
	cfg   *config.Config
	db    *sql.DB
	store *store.Store
	users *store.Users
	usage *usage.Counter
	ring  *keys.Ring // nil for commands that only look
}

// openOperator opens the database as the configuration says.
func openOperator(ctx context.Context, env environment, cfg *config.Config) (*operator, error) {
	db, err := openStore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	o := &operator{env: env, cfg: cfg, db: db, store: store.New(db), users: store.NewUsers(db, cfg.Keys.Users)}
	o.usage = &usage.Counter{DB: db, Tables: usageTables(cfg)}
	return o, nil
}

func usageTables(cfg *config.Config) []usage.Table {
	tables := make([]usage.Table, len(cfg.Tables))
	for i, t := range cfg.Tables {
		tables[i] = usage.Table{Schema: t.Schema, Name: t.Name, Owner: t.Owner}
		for _, c := range t.Columns {
			tables[i].Columns = append(tables[i].Columns, c.Name)
		}
	}
	return tables
}

// openRing adds the keys. Who asked for a key by a command wants it made, whatever serve does at a first write.
func (o *operator) openRing(ctx context.Context) (err error) {
	k := o.cfg.Keys
	k.GenerateOnFirstWrite = true
	o.ring, err = newRing(ctx, k, o.db, keys.NewMetrics(nil), zap.NewNop())
	return err
}

func (o *operator) close() error {
	if o.ring != nil {
		o.ring.Close()
	}
	return o.db.Close()
}

func (o *operator) printf(format string, args ...any) { fmt.Fprintf(o.env.out, format, args...) }

// looking makes the runner of a command that changes nothing. check looks at the flags before anything is opened.
func looking(flags *flag.FlagSet, check func() error, run func(context.Context, *operator) error) runner {
	load := configFlag(flags)
	return func(ctx context.Context, env environment, _ []string) error {
		if err := check(); err != nil {
			return usageError{fmt.Errorf("%s: %w", flags.Name(), err)}
		}
		return withOperator(ctx, env, load, run)
	}
}

// acting makes the runner of a command that changes keys.
func acting(flags *flag.FlagSet, check func() error, run func(context.Context, *operator) error) runner {
	return looking(flags, check, func(ctx context.Context, o *operator) error {
		if err := o.openRing(ctx); err != nil {
			return err
		}
		return run(keys.WithActor(ctx, keys.Actor{PerformedBy: performer(o.env.environ)}), o)
	})
}

func withOperator(ctx context.Context, env environment, load func(environment) (*config.Config, error), run func(context.Context, *operator) error) error {
	cfg, err := load(env)
	if err != nil {
		return err
	}
	o, err := openOperator(ctx, env, cfg)
	if err != nil {
		return err
	}
	return errors.Join(run(ctx, o), o.close())
}

// performer is who runs the command, for the audit trail: the person behind sudo rather than root.
func performer(environ []string) string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	for _, entry := range environ {
		if sudo, ok := strings.CutPrefix(entry, "SUDO_USER="); ok && sudo != "" {
			name = sudo
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return "cli:" + name + "@" + host
}

// interruptible ends the context at the first SIGINT or SIGTERM; the second has its usual effect.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// now is the database's time, in which it notes when keys were made.
func (o *operator) now(ctx context.Context) (time.Time, error) {
	var seconds int64
	err := o.db.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP()").Scan(&seconds)
	return time.Unix(seconds, 0).UTC(), err
}

// eachOwner walks through the chosen owners' keys, page by page.
func (o *operator) eachOwner(ctx context.Context, f store.Filter, each func(store.OwnerKey) error) error {
	for page := (store.Page{}); ; {
		list, err := o.store.List(ctx, f, page)
		if err != nil {
			return err
		}
		for _, k := range list.Owners {
			if err := each(k); err != nil {
				return err
			}
		}
		if list.Next == "" {
			return nil
		}
		page.After = list.Next
	}
}
