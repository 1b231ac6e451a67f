package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

func keysRetireCommand() command {
	return command{
		name: "keys retire", short: "take key versions that no value uses out of use",
		long: "Retires versions that are neither current nor used by any stored value: they are loaded no more. The values are counted first, and a version that one of them uses is refused. " +
			"The wrapped key is kept, so that phiproxy keys reinstate can bring it back for a restored backup; only phiproxy keys destroy is final. Values in the guide's format name no key: an owner who has some keeps his versions.",
		examples: []string{"phiproxy keys retire --user USER001 --version 1", "phiproxy keys retire --user USER001", "phiproxy keys retire --all --dry-run", "phiproxy keys retire --all --yes"},
		setup: func(flags *flag.FlagSet) runner {
			var r retirement
			flags.StringVar(&r.user, "user", "", "only this `user`'s versions")
			flags.IntVar(&r.version, "version", 0, "only this `version`; all unused ones when absent")
			flags.BoolVar(&r.all, "all", false, "everybody's unused versions")
			flags.BoolVar(&r.dryRun, "dry-run", false, "only print what would be done")
			flags.BoolVar(&r.yes, "yes", false, "do not ask")
			return acting(flags, r.check, func(ctx context.Context, o *operator) error { return o.retire(ctx, r) })
		},
	}
}

// retirement is what keys retire was asked for.
type retirement struct {
	user             string
	version          int
	all, dryRun, yes bool
}

func (r *retirement) check() error {
	switch {
	case (r.user == "") == !r.all:
		return errors.New("wants either --user or --all")
	case r.version != 0 && r.all:
		return errors.New("--version goes with --user")
	case r.version < 0:
		return errors.New("--version wants a number from 1 on")
	}
	return nil
}

// unused is one version to retire, with the count that shows it is unused.
type unused struct {
	owner   string
	version int
	usage   keys.Usage
}

func (o *operator) retire(ctx context.Context, r retirement) error {
	list, err := o.findUnused(ctx, r)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		o.printf("No version is unused\n")
		return nil
	}
	for _, v := range list {
		o.printf("unused: %s version %d\n", visible(v.owner), v.version)
	}
	if r.dryRun {
		return nil
	}
	if !r.yes {
		if err := confirm(o.env, fmt.Sprintf("Retire %s? (yes/no): ", plural(len(list), "version")), "yes"); err != nil {
			return err
		}
	}
	return o.retireAll(ctx, list)
}

func (o *operator) retireAll(ctx context.Context, list []unused) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	var failed []failure
	for i, v := range list {
		if ctx.Err() != nil {
			o.printf("Left: %s; the same command goes on\n", plural(len(list)-i, "version"))
			return errInterrupted
		}
		err := o.ring.Retire(context.WithoutCancel(ctx), v.owner, v.version, v.usage)
		if err != nil {
			failed = append(failed, failure{fmt.Sprintf("%s version %d", v.owner, v.version), err})
			continue
		}
		o.printf("[%d/%d] retired: %s version %d\n", i+1, len(list), visible(v.owner), v.version)
	}
	o.printFailures(failed)
	if len(failed) > 0 {
		return errSomeFailed
	}
	return nil
}

// findUnused counts values and lists the versions that none is sealed under.
func (o *operator) findUnused(ctx context.Context, r retirement) ([]unused, error) {
	if r.user != "" {
		return o.findUnusedOf(ctx, r)
	}
	counted := map[string]keys.Usage{} // owner -> count; owners without rows are absent
	err := o.usage.All(ctx, func(owner string, u keys.Usage) error {
		counted[owner] = u
		return nil
	})
	if err != nil {
		return nil, err
	}
	var list []unused
	err = o.eachOwner(ctx, store.Filter{}, func(k store.OwnerKey) error {
		if k.Usable < 2 {
			return nil
		}
		versions, err := o.store.Versions(ctx, k.Owner)
		list = append(list, unusedOf(k.Owner, versions, counted[k.Owner])...)
		return err
	})
	return list, err
}

func (o *operator) findUnusedOf(ctx context.Context, r retirement) ([]unused, error) {
	versions, err := o.store.Versions(ctx, r.user)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, usageError{fmt.Errorf("phiproxy keys retire: user %s has no key", visible(r.user))}
	}
	u, err := o.usage.Owner(ctx, r.user)
	if err != nil {
		return nil, err
	}
	if r.version == 0 {
		return unusedOf(r.user, versions, u), nil
	}
	for _, v := range versions {
		if v.Number == r.version {
			return o.namedVersion(r, v, u)
		}
	}
	return nil, usageError{fmt.Errorf("phiproxy keys retire: user %s has no version %d", visible(r.user), r.version)}
}

// namedVersion says why the version cannot be retired, or gives it back.
func (o *operator) namedVersion(r retirement, v store.VersionInfo, u keys.Usage) ([]unused, error) {
	list := unusedOf(r.user, []store.VersionInfo{v}, u)
	switch {
	case len(list) == 1:
		return list, nil
	case v.State != store.VersionUsable:
		o.printf("Version %d of %s is %s already\n", v.Number, visible(r.user), v.State)
		return nil, nil
	case v.Current:
		return nil, usageError{fmt.Errorf("phiproxy keys retire: version %d is the current one; rotate the key first", v.Number)}
	case u.Guide > 0:
		return nil, fmt.Errorf("version %d: %w: %d values in the guide's format may need it", v.Number, keys.ErrInUse, u.Guide)
	}
	return nil, fmt.Errorf("version %d: %w by %d values", v.Number, keys.ErrInUse, u.Values[keyID(v.KeyID)])
}

func unusedOf(owner string, versions []store.VersionInfo, u keys.Usage) []unused {
	var list []unused
	for _, v := range versions {
		if !v.Current && v.State == store.VersionUsable && u.Guide == 0 && u.Values[keyID(v.KeyID)] == 0 {
			list = append(list, unused{owner, v.Number, u})
		}
	}
	return list
}

func keysReinstateCommand() command {
	return command{
		name: "keys reinstate", short: "make a retired key version readable again",
		long:     "Brings a retired version back into use for reading, for instance because a restored backup holds values that it sealed. It does not become current.",
		examples: []string{"phiproxy keys reinstate --user USER001 --version 1"},
		setup: func(flags *flag.FlagSet) runner {
			user := flags.String("user", "", "the `user`")
			version := flags.Int("version", 0, "his retired `version`")
			check := func() error {
				if *user == "" || *version < 1 {
					return errors.New("wants --user and --version")
				}
				return nil
			}
			return acting(flags, check, func(ctx context.Context, o *operator) error {
				if err := o.ring.Reinstate(ctx, *user, *version); err != nil {
					return err
				}
				o.printf("Version %d of %s can be read again\n", *version, visible(*user))
				return nil
			})
		},
	}
}
