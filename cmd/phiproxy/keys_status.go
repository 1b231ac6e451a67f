package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/store"
)

func keysStatusCommand() command {
	return command{
		name: "keys status", short: "show key coverage, versions, and what uses them",
		long: "Shows how many active users have a key, in which states keys are, and how many stored values are sealed under current and under earlier versions; with --user one user's versions, each with the number of values that use it. " +
			"Counting reads the first bytes of every protected value in the database: --no-count leaves it out.",
		examples: []string{"phiproxy keys status", "phiproxy keys status --user USER001", "phiproxy keys status --no-count --json"},
		setup: func(flags *flag.FlagSet) runner {
			var s statusQuery
			flags.StringVar(&s.user, "user", "", "only this `user`")
			flags.BoolVar(&s.json, "json", false, "print JSON")
			flags.BoolVar(&s.noCount, "no-count", false, "do not count stored values")
			return looking(flags, noCheck, func(ctx context.Context, o *operator) error {
				if s.user != "" {
					return o.userStatus(ctx, s)
				}
				return o.fleetStatus(ctx, s)
			})
		},
	}
}

func noCheck() error { return nil }

// statusQuery is what keys status was asked for.
type statusQuery struct {
	user          string
	json, noCount bool
}

// fleetStatus is the state of everybody's keys.
type fleetStatus struct {
	*coverage                // nil when the application has no table of users
	Owners    map[string]int `json:"owners"`           // state -> owners
	Values    *valueCounts   `json:"values,omitempty"` // nil when not counted
}

// valueCounts tells what stored values are sealed under.
type valueCounts struct {
	Rows    int64 `json:"rows"`
	Current int64 `json:"current"`           // current versions
	Earlier int64 `json:"earlier"`           // earlier, usable ones
	Lost    int64 `json:"lost"`              // destroyed or retired versions, or keys that are none of the owner's
	Guide   int64 `json:"guide"`             // the guide's format, which names no key
	Plain   int64 `json:"plain"`             // not sealed
	Owners  int   `json:"owners_to_migrate"` // owners with values under earlier versions
}

func (o *operator) fleetStatus(ctx context.Context, q statusQuery) (err error) {
	s := fleetStatus{Owners: map[string]int{}}
	if s.coverage, err = o.coverage(ctx); err != nil {
		return err
	}
	err = o.eachOwner(ctx, store.Filter{}, func(k store.OwnerKey) error {
		s.Owners[k.State]++
		return nil
	})
	if err != nil {
		return err
	}
	if !q.noCount {
		if s.Values, err = o.countValues(ctx); err != nil {
			return err
		}
	}
	if q.json {
		return writeJSON(o.env.out, s)
	}
	o.printFleet(s)
	return nil
}

// countValues counts the values of all owners.
func (o *operator) countValues(ctx context.Context) (*valueCounts, error) {
	var c valueCounts
	err := o.usage.All(ctx, func(owner string, u keys.Usage) error {
		versions, err := o.store.Versions(ctx, owner)
		if err != nil {
			return err
		}
		c.add(versions, u)
		return nil
	})
	return &c, err
}

func (c *valueCounts) add(versions []store.VersionInfo, u keys.Usage) {
	current, earlier, total := int64(0), int64(0), int64(0)
	for _, n := range u.Values {
		total += n
	}
	for _, v := range versions {
		switch n := u.Values[keyID(v.KeyID)]; {
		case v.Current && v.State == store.VersionUsable:
			current += n
		case v.State == store.VersionUsable:
			earlier += n
		}
	}
	c.Rows += u.Rows
	c.Current += current
	c.Earlier += earlier
	c.Lost += total - current - earlier
	c.Guide += u.Guide
	c.Plain += u.Plain
	if earlier > 0 {
		c.Owners++
	}
}

// keyID is the id in a version's row; the zero id, which no value carries, for none.
func keyID(text string) (id envelope.KeyID) {
	b, err := hex.DecodeString(text)
	if err == nil && len(b) == len(id) {
		copy(id[:], b)
	}
	return id
}

func (o *operator) printFleet(s fleetStatus) {
	o.printf("Current Status:\n")
	s.coverage.print(o)
	o.printf("\nOwners by the state of their key:\n")
	for _, state := range []string{store.StateActive, store.StateInactive, store.StateOrphaned, store.StateDestroyed} {
		o.printf("  %s: %d\n", state, s.Owners[state])
	}
	if v := s.Values; v != nil {
		o.printf("\nStored values (%d rows):\n  under current versions: %d\n  under earlier versions: %d (of %s)\n  under keys that are gone: %d\n  in the guide's format: %d\n  not sealed: %d\n",
			v.Rows, v.Current, v.Earlier, plural(v.Owners, "user"), v.Lost, v.Guide, v.Plain)
	}
}

// versionStatus is one version with what uses it.
type versionStatus struct {
	Version   int        `json:"version"`
	Current   bool       `json:"current"`
	State     string     `json:"state"`
	KeyID     string     `json:"key_id"`
	MasterKey string     `json:"master_key"`
	Created   time.Time  `json:"created_at"`
	Ended     *time.Time `json:"ended_at"` // retired or destroyed
	Seals     uint64     `json:"seals"`    // at most
	Values    *int64     `json:"values"`   // null when not counted
}

// userStatus is the state of one owner's keys.
type userStatus struct {
	User     string          `json:"user_id"`
	Name     string          `json:"name,omitempty"`
	Active   *bool           `json:"user_active,omitempty"` // absent when the table of users does not have him
	Versions []versionStatus `json:"versions"`
	Rows     *int64          `json:"rows,omitempty"`
	Guide    *int64          `json:"guide,omitempty"`
	Plain    *int64          `json:"plain,omitempty"`
	Lost     *int64          `json:"lost,omitempty"`
}

func (o *operator) userStatus(ctx context.Context, q statusQuery) error {
	versions, err := o.store.Versions(ctx, q.user)
	if err != nil {
		return err
	}
	u, err := o.user(ctx, q.user)
	if err != nil {
		return err
	}
	if u == nil && len(versions) == 0 {
		return usageError{fmt.Errorf("phiproxy keys status: %s is no user, and has no key", visible(q.user))}
	}
	s := userStatus{User: q.user, Versions: versionStatuses(versions)}
	if u != nil {
		s.Name, s.Active = subjectOf(*u).label, &u.Active
	}
	if !q.noCount {
		if err := o.countUser(ctx, &s, versions); err != nil {
			return err
		}
	}
	if q.json {
		return writeJSON(o.env.out, s)
	}
	return o.printUser(s)
}

func versionStatuses(versions []store.VersionInfo) []versionStatus {
	list := make([]versionStatus, len(versions))
	for i, v := range versions {
		list[i] = versionStatus{
			Version: v.Number, Current: v.Current, State: v.State, KeyID: v.KeyID, MasterKey: v.MasterKey, Created: v.Created, Ended: v.Ended, Seals: v.Seals,
		}
	}
	return list
}

func (o *operator) countUser(ctx context.Context, s *userStatus, versions []store.VersionInfo) error {
	u, err := o.usage.Owner(ctx, s.User)
	if err != nil {
		return err
	}
	var c valueCounts
	c.add(versions, u)
	s.Rows, s.Guide, s.Plain, s.Lost = &c.Rows, &c.Guide, &c.Plain, &c.Lost
	for i := range s.Versions {
		n := u.Values[keyID(s.Versions[i].KeyID)]
		s.Versions[i].Values = &n
	}
	return nil
}

func (o *operator) printUser(s userStatus) error {
	o.printf("User: %s\n", subject{s.User, s.Name})
	if s.Active != nil && !*s.Active {
		o.printf("The user is not active.\n")
	}
	if len(s.Versions) == 0 {
		o.printf("No encryption key found for this user\n")
	} else if err := o.printVersions(s.Versions); err != nil {
		return err
	}
	if s.Rows != nil {
		o.printf("\nRows: %d; values in the guide's format: %d; not sealed: %d; under keys that are gone: %d\n", *s.Rows, *s.Guide, *s.Plain, *s.Lost)
	}
	return nil
}

func (o *operator) printVersions(versions []versionStatus) error {
	o.printf("\n")
	w := tabwriter.NewWriter(o.env.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VERSION\tSTATE\tCREATED\tVALUES\tSEALS AT MOST\tKEY ID\tMASTER KEY")
	for _, v := range versions {
		state := v.State
		if v.Current {
			state += ", current"
		}
		values := "-"
		if v.Values != nil {
			values = fmt.Sprint(*v.Values)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%s\n", v.Version, state, shortTime(v.Created), values, v.Seals, dash(v.KeyID), dash(visible(v.MasterKey)))
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
