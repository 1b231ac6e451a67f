package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

func keysDestroyCommand() command {
	return command{
		name: "keys destroy", short: "make one user's values unreadable for good",
		long: "Overwrites every version of a user's key: current, earlier and retired ones. Nothing can then read the user's values, neither in the database nor in a backup that does not hold the keys. There is no way back. " +
			"First it prints how many rows that concerns, then it asks to type the user id. In scripts --yes answers the question, and needs --rows with exactly that number of rows. " +
			"A backup of the key tables still holds the wrapped keys: delete those backups, or their master key, as well.",
		examples: []string{"phiproxy keys destroy --user USER001", "phiproxy keys destroy --user USER001 --yes --rows 42"},
		setup: func(flags *flag.FlagSet) runner {
			var d destruction
			flags.StringVar(&d.user, "user", "", "the `user`")
			flags.BoolVar(&d.yes, "yes", false, "do not ask; needs --rows")
			flags.Int64Var(&d.rows, "rows", -1, "the `number` of rows that become unreadable, with --yes")
			return acting(flags, d.check, func(ctx context.Context, o *operator) error { return o.destroy(ctx, d) })
		},
	}
}

// destruction is what keys destroy was asked for.
type destruction struct {
	user string
	yes  bool
	rows int64 // -1 when not given
}

func (d *destruction) check() error {
	switch {
	case d.user == "":
		return errors.New("--user is missing")
	case d.yes && d.rows < 0:
		return errors.New("--yes needs --rows with the number of rows that become unreadable; without --yes it is printed first")
	}
	return nil
}

func (o *operator) destroy(ctx context.Context, d destruction) error {
	versions, err := o.store.Versions(ctx, d.user)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return usageError{fmt.Errorf("phiproxy keys destroy: user %s has no key", visible(d.user))}
	}
	alive := notDestroyed(versions)
	if alive == 0 {
		o.printf("The keys of %s were destroyed before\n", visible(d.user))
		return nil
	}
	u, err := o.usage.Owner(ctx, d.user)
	if err != nil {
		return err
	}
	o.printf("User %s has a key with %s.\nDestroying it makes %s with %s unreadable for good, here and in every backup without the keys.\n",
		visible(d.user), plural(alive, "version"), plural(u.Rows, "row"), plural(sealedValues(u), "sealed value"))
	if err := o.confirmDestroy(d, u.Rows); err != nil {
		return err
	}
	n, err := o.ring.Destroy(ctx, d.user)
	if err != nil {
		return err
	}
	o.printf("Destroyed: %s of the key of %s\n", plural(n, "version"), visible(d.user))
	return nil
}

func (o *operator) confirmDestroy(d destruction, rows int64) error {
	if !d.yes {
		return confirm(o.env, "Type the user id to destroy it: ", d.user)
	}
	if d.rows != rows {
		return usageError{fmt.Errorf("phiproxy keys destroy: --rows says %d, but it would be %d: nothing was destroyed", d.rows, rows)}
	}
	return nil
}

func notDestroyed(versions []store.VersionInfo) int {
	n := 0
	for _, v := range versions {
		if v.State != store.VersionDestroyed {
			n++
		}
	}
	return n
}

// sealedValues counts what only the user's keys can open.
func sealedValues(u keys.Usage) int64 {
	n := u.Guide
	for _, values := range u.Values {
		n += values
	}
	return n
}
