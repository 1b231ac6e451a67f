package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"phiproxy/config"
	"phiproxy/keys"
	"phiproxy/keys/store"
)

func keysRewrapCommand() command {
	return command{
		name: "keys rewrap", short: "move all keys under another master key",
		long: "Wraps every version of every user's key under another master key: --to names it, an id, ARN or alias with provider aws, a key file with provider local. Data keys and stored values stay as they are, and proxies go on serving. " +
			"Each new blob is proved to hold the same key before it replaces the old one. What the target has wrapped already is skipped, so it can be interrupted and run again. " +
			"Before it, set keys.alias to the new master key and keys.old_keys to the earlier one on every proxy (local: local_file, old_local_files); docs/runbooks.md has the whole order. " +
			"Exit code 0 when all is done, 1 when something failed, was interrupted or declined, 2 for a wrong command line or configuration: nothing was tried.",
		examples: []string{"phiproxy keys rewrap --to alias/surgicase-phi-master-2027 --dry-run", "phiproxy keys rewrap --to alias/surgicase-phi-master-2027 --yes"},
		setup: func(flags *flag.FlagSet) runner {
			var r rewrapping
			flags.StringVar(&r.to, "to", "", "the `key` to wrap under")
			flags.BoolVar(&r.dryRun, "dry-run", false, "only print what would be done")
			flags.BoolVar(&r.yes, "yes", false, "do not ask")
			return acting(flags, r.check, func(ctx context.Context, o *operator) error { return o.rewrap(ctx, r) })
		},
	}
}

// rewrapping is what keys rewrap was asked for.
type rewrapping struct {
	to          string
	dryRun, yes bool
}

func (r *rewrapping) check() error {
	if r.to == "" {
		return errors.New("--to is missing")
	}
	return nil
}

func (o *operator) rewrap(ctx context.Context, r rewrapping) error {
	target, err := newProvider(ctx, targetKeys(o.cfg.Keys, r.to))
	if err != nil {
		return err
	}
	name, err := masterKeyName(ctx, target)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	todo, done, err := o.countWrapped(ctx, name)
	if err != nil {
		return err
	}
	o.printf("Master key: %s\nKey versions: %d, of which it wraps %d already\n", visible(name), todo+done, done)
	if todo == 0 || r.dryRun {
		o.printf("%d to move\n", todo)
		return nil
	}
	if !r.yes {
		if err := confirm(o.env, fmt.Sprintf("Wrap %s under it? (yes/no): ", plural(todo, "key version")), "yes"); err != nil {
			return err
		}
	}
	return o.runRewrap(ctx, target)
}

// targetKeys is the configuration with another master key and none besides it.
func targetKeys(k config.Keys, to string) config.Keys {
	if k.Provider == config.ProviderLocal {
		k.LocalFile, k.OldLocalFiles = to, nil
	} else {
		k.Alias, k.OldKeys = to, nil
	}
	return k
}

// masterKeyName asks a provider to wrap a key, which is thrown away: that proves it works, and tells its name.
func masterKeyName(ctx context.Context, p keys.Provider) (string, error) {
	dek, w, err := p.Generate(ctx, keys.CheckContext())
	clear(dek)
	return w.KeyARN, err
}

// countWrapped counts the versions that another master key wraps, and those that this one does.
func (o *operator) countWrapped(ctx context.Context, masterKey string) (todo, done int, err error) {
	err = o.eachOwner(ctx, store.Filter{}, func(k store.OwnerKey) error {
		versions, err := o.store.Versions(ctx, k.Owner)
		for _, v := range versions {
			switch {
			case v.State == store.VersionDestroyed:
			case v.MasterKey == masterKey && v.Bound:
				done++
			default:
				todo++
			}
		}
		return err
	})
	return todo, done, err
}

func (o *operator) runRewrap(ctx context.Context, target keys.Provider) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	show := &progress{w: o.env.out, worked: "Wrapped anew: key of user %s"}
	var failed []failure
	result, err := o.ring.Rewrap(ctx, target, func(p keys.RewrapProgress) {
		if show.bar == nil && isTerminal(o.env.out) {
			show = newProgress(o.env.out, p.Total, show.worked)
		}
		s := subject{id: p.Owner, label: fmt.Sprintf("version %d", p.Version)}
		if p.Err != nil {
			failed = append(failed, failure{s.String(), p.Err})
		}
		if !p.Skipped {
			show.done(p.Done, p.Total, s, p.Err)
		}
	})
	show.end()
	o.printf("\nRESULTS\nKey versions: %d\nWrapped anew: %d\nSkipped: %d\nFailed: %d\n", result.Total, result.Rewrapped, result.Skipped, result.Failed)
	o.printFailures(failed)
	left := result.Total - result.Rewrapped - result.Skipped - result.Failed
	if left > 0 {
		o.printf("\nLeft: %d; the same command goes on\n", left)
	}
	return (&outcome{stopped: err, failed: failed}).err()
}
