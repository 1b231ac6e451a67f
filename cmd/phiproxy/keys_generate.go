package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"phiproxy/keys/store"
)

func keysGenerateCommand() command {
	return command{
		name: "keys generate", short: "make keys for the users who have none",
		long: "Makes a data key for every active user without one, a few at a time (keys.parallel), and shows the coverage before and after. Users who have a key are left alone, so a second run does what the first one left. " +
			"With --force every active user gets a new version for new values; what earlier versions sealed stays readable, nothing is destroyed. Users whose keys were destroyed get a new one only when named with --user.\n\n" +
			"Ctrl-C finishes the users that are being worked on, and says what is left. Exit code 0 when all is done, 1 when something failed, was interrupted or declined, 2 for a wrong command line or configuration: nothing was tried.",
		examples: []string{
			"phiproxy keys generate --dry-run", "phiproxy keys generate", "phiproxy keys generate --yes --user USER001", "phiproxy keys generate --force --user USER001",
		},
		setup: func(flags *flag.FlagSet) runner {
			var g generation
			flags.BoolVar(&g.dryRun, "dry-run", false, "only print what would be done")
			flags.BoolVar(&g.force, "force", false, "make a new version for users who have a key, too")
			flags.BoolVar(&g.yes, "yes", false, "do not ask")
			flags.StringVar(&g.user, "user", "", "only this `user`")
			momentFlag(flags, &g.before, "before", beforeUsage)
			return acting(flags, g.check, func(ctx context.Context, o *operator) error { return o.generate(ctx, g) })
		},
	}
}

// generation is what keys generate was asked for.
type generation struct {
	dryRun, force, yes bool
	user               string
	before             time.Time // with force: leave alone whose newest version was made then or later
}

func (g *generation) check() error {
	if !g.before.IsZero() && !g.force {
		return errors.New("--before has a meaning with --force only")
	}
	return nil
}

func (o *operator) generate(ctx context.Context, g generation) error {
	o.printMode(g)
	if err := o.printCoverage(ctx, "Current Status:"); err != nil {
		return err
	}
	began, err := o.now(ctx)
	if err != nil {
		return err
	}
	subjects, err := o.chooseForGenerate(ctx, g)
	if err != nil {
		return err
	}
	if len(subjects) == 0 {
		o.printf("\nNo users need encryption keys\n")
		return nil
	}
	o.printf("\nFound %s needing encryption keys\n", plural(len(subjects), "user"))
	if g.dryRun {
		o.printDryRun(subjects, "generate key")
		return nil
	}
	if !g.yes {
		if err := confirm(o.env, fmt.Sprintf("Generate encryption keys for %s? (yes/no): ", plural(len(subjects), "user")), "yes"); err != nil {
			return err
		}
	}
	o.printf("\n")
	return o.runGenerate(ctx, g, subjects, began)
}

func (o *operator) runGenerate(ctx context.Context, g generation, subjects []subject, began time.Time) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	act, again := o.firstKey, "phiproxy keys generate"
	if g.force {
		act, again = o.ring.Generate, "phiproxy keys generate --force --before "+started(g.before, began)
	}
	r := o.run(ctx, bulk{subjects: subjects, worked: "Successfully generated key for user: %s", act: act})
	o.printOutcome(&r, again)
	o.printf("\n")
	return errors.Join(r.err(), o.printCoverage(context.WithoutCancel(ctx), "Updated Status:"))
}

// firstKey makes an owner's key unless somebody else has done so in the meantime.
func (o *operator) firstKey(ctx context.Context, owner string) (int, error) {
	k, err := o.ring.ForWrite(ctx, owner)
	if err != nil {
		return 0, err
	}
	return k.CurrentVersion(), nil
}

const banner = "============================================================"

func (o *operator) printMode(g generation) {
	o.printf("%[1]s\nENCRYPTION KEY GENERATION\n%[1]s\n", banner)
	if g.dryRun {
		o.printf("DRY RUN: no key is made\n")
	}
	if g.force {
		o.printf("FORCE: users who have a key get a new version; their earlier values stay readable\n")
	}
	o.printf("\n")
}

// chooseForGenerate lists whom it is about.
func (o *operator) chooseForGenerate(ctx context.Context, g generation) ([]subject, error) {
	if g.user != "" {
		return o.chooseOne(ctx, g)
	}
	users, err := o.users.List(ctx, store.UserFilter{OnlyActive: true, WithoutKey: !g.force})
	if err != nil || !g.force {
		return subjectsOf(users, nil), err
	}
	leave, err := o.leftAlone(ctx, g.before)
	return subjectsOf(users, leave), err
}

// subjectsOf leaves out those in leave.
func subjectsOf(users []store.User, leave map[string]bool) []subject {
	var subjects []subject
	for _, u := range users {
		if !leave[u.ID] {
			subjects = append(subjects, subjectOf(u))
		}
	}
	return subjects
}

// leftAlone are the owners whom --force passes over: their keys were destroyed on purpose, or a run that was
// interrupted has given them a new version already.
func (o *operator) leftAlone(ctx context.Context, before time.Time) (map[string]bool, error) {
	leave := map[string]bool{}
	err := o.eachOwner(ctx, store.Filter{}, func(k store.OwnerKey) error {
		leave[k.Owner] = k.State == store.StateDestroyed || madeSince(k, before)
		return nil
	})
	return leave, err
}

// madeSince reports whether the current version was made then or later; never for a zero time.
func madeSince(k store.OwnerKey, t time.Time) bool {
	made := k.CreatedAt
	if k.RotatedAt != nil {
		made = *k.RotatedAt
	}
	return !t.IsZero() && !made.Before(t)
}

// chooseOne is the user named with --user, unless he has a key and needs no other.
func (o *operator) chooseOne(ctx context.Context, g generation) ([]subject, error) {
	u, err := o.user(ctx, g.user)
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, usageError{fmt.Errorf("phiproxy keys generate: no user %s in %s", visible(g.user), o.cfg.Keys.Users.Table)}
	case !u.Active:
		return nil, usageError{fmt.Errorf("phiproxy keys generate: user %s is not active", visible(g.user))}
	case u.HasKey && !g.force:
		o.printf("\nUser %s has a key; --force makes a new version\n", subjectOf(*u))
		return nil, nil
	}
	return []subject{subjectOf(*u)}, nil
}

// user looks a user up, nil when there is none. Where the application has no table of users, everybody is one.
func (o *operator) user(ctx context.Context, id string) (*store.User, error) {
	u, err := o.users.Get(ctx, id)
	if !errors.Is(err, store.ErrNoUserTable) {
		return u, err
	}
	versions, err := o.store.Versions(ctx, id)
	return &store.User{ID: id, Active: true, HasKey: len(versions) > 0}, err
}

func (o *operator) printDryRun(subjects []subject, what string) {
	o.printf("\n")
	for i, s := range subjects {
		o.printf("[%d/%d] Processing user: %s\n  [DRY RUN] Would %s for user: %s\n", i+1, len(subjects), s, what, visible(s.id))
	}
	o.printf("\nRESULTS\nTotal users processed: %[1]d\nSkipped (dry-run): %[1]d\n", len(subjects))
}

// printCoverage prints the guide's four numbers.
func (o *operator) printCoverage(ctx context.Context, title string) error {
	c, err := o.coverage(ctx)
	if err != nil {
		return err
	}
	o.printf("%s\n", title)
	c.print(o)
	return nil
}

// print writes the numbers, or that they are not known.
func (c *coverage) print(o *operator) {
	if c == nil {
		o.printf("  Coverage: not known: %v\n", store.ErrNoUserTable)
		return
	}
	o.printf("  Total active users: %d\n  Users with keys: %d\n  Users without keys: %d\n  Coverage: %.1f%%\n", c.Total, c.With, c.Without, c.Percentage)
}

// coverage is how many of the active users have an active key.
type coverage struct {
	Total      int     `json:"total_active_users"`
	With       int     `json:"users_with_keys"`
	Without    int     `json:"users_without_keys"`
	Percentage float64 `json:"coverage_percentage"`
}

// coverage counts; nil when the application has no table of users.
func (o *operator) coverage(ctx context.Context) (*coverage, error) {
	total, with, err := o.users.Coverage(ctx)
	if errors.Is(err, store.ErrNoUserTable) {
		return nil, nil
	}
	c := &coverage{Total: total, With: with, Without: total - with}
	if total > 0 {
		c.Percentage = float64(with) * 100 / float64(total)
	}
	return c, err
}
