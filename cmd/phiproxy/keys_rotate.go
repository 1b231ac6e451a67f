package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"phiproxy/keys/store"
)

func keysRotateCommand() command {
	return command{
		name: "keys rotate", short: "give keys a new version for new values",
		long: "Makes a new version of a user's key, or of everybody's. Every proxy seals new values under it within seconds; what earlier versions sealed stays readable. " +
			"Ctrl-C finishes the users that are being worked on, and prints the command that goes on with the rest. Exit code 0 when all is done, 1 when something failed, was interrupted or declined, 2 for a wrong command line or configuration: nothing was tried.",
		examples: []string{
			"phiproxy keys rotate --user USER001", "phiproxy keys rotate --all --dry-run", "phiproxy keys rotate --all --yes",
			"phiproxy keys rotate --all --before 2026-11-24T10:00:00Z",
		},
		setup: func(flags *flag.FlagSet) runner {
			var r rotation
			flags.StringVar(&r.user, "user", "", "only this `user`")
			flags.BoolVar(&r.all, "all", false, "every user with an active key")
			flags.BoolVar(&r.dryRun, "dry-run", false, "only print what would be done")
			flags.BoolVar(&r.yes, "yes", false, "do not ask")
			momentFlag(flags, &r.before, "before", beforeUsage)
			return acting(flags, r.check, func(ctx context.Context, o *operator) error { return o.rotate(ctx, r) })
		},
	}
}

const beforeUsage = "leave alone users whose newest version was made at this `time` or later: to go on after an interruption"

// started is the --before of the command that goes on: the first run's start.
func started(before, began time.Time) string {
	if before.IsZero() {
		before = began
	}
	return before.UTC().Format(time.RFC3339)
}

// rotation is what keys rotate was asked for.
type rotation struct {
	user             string
	all, dryRun, yes bool
	before           time.Time
}

func (r *rotation) check() error {
	if (r.user == "") == !r.all {
		return errors.New("wants either --user or --all")
	}
	return nil
}

func (o *operator) rotate(ctx context.Context, r rotation) error {
	began, err := o.now(ctx)
	if err != nil {
		return err
	}
	subjects, err := o.chooseForRotate(ctx, r)
	if err != nil {
		return err
	}
	if len(subjects) == 0 {
		o.printf("No keys to rotate\n")
		return nil
	}
	if r.dryRun {
		o.printDryRun(subjects, "rotate key")
		return nil
	}
	if !r.yes {
		if err := confirm(o.env, fmt.Sprintf("Rotate the keys of %s? (yes/no): ", plural(len(subjects), "user")), "yes"); err != nil {
			return err
		}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	done := o.run(ctx, bulk{subjects: subjects, worked: "Successfully rotated key for user: %s", act: o.ring.Rotate})
	o.printOutcome(&done, "phiproxy keys rotate --all --before "+started(r.before, began))
	return done.err()
}

func (o *operator) chooseForRotate(ctx context.Context, r rotation) (subjects []subject, err error) {
	filter := store.Filter{State: store.StateActive}
	if r.user != "" {
		filter = store.Filter{Prefix: r.user}
	}
	known := false
	err = o.eachOwner(ctx, filter, func(k store.OwnerKey) error {
		known = known || k.Owner == r.user
		if k.State == store.StateActive && (r.all || k.Owner == r.user) && !madeSince(k, r.before) {
			subjects = append(subjects, subject{id: k.Owner})
		}
		return nil
	})
	if err == nil && r.user != "" && !known {
		err = usageError{fmt.Errorf("phiproxy keys rotate: user %s has no key", visible(r.user))}
	}
	if err == nil && r.user != "" && known && len(subjects) == 0 && r.before.IsZero() {
		err = usageError{fmt.Errorf("phiproxy keys rotate: the key of user %s is not active", visible(r.user))}
	}
	return subjects, err
}
