package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"phiproxy/keys/store"
)

func keysListCommand() command {
	return command{
		name: "keys list", short: "list owners and their keys",
		long: "Lists the owners that have, or had, a key, in the order of their ids. At most --limit are printed; the last line then says how to go on. " +
			"States: active (reads and writes), inactive (reads only), orphaned (the user's current row is gone; reads only until the next write), destroyed.",
		examples: []string{
			"phiproxy keys list", "phiproxy keys list --prefix 54d8 --state active", "phiproxy keys list --version 1 --limit 20 --after USER020", "phiproxy keys list --json",
		},
		setup: func(flags *flag.FlagSet) runner {
			var l listing
			flags.StringVar(&l.filter.Prefix, "prefix", "", "only ids that begin with this `text`")
			flags.StringVar(&l.filter.State, "state", "", "only keys in this `state`: active, inactive, orphaned or destroyed")
			flags.IntVar(&l.filter.Version, "version", 0, "only owners whose current version has this `number`")
			flags.StringVar(&l.page.After, "after", "", "begin after this `user`")
			flags.IntVar(&l.page.Limit, "limit", 100, "print at most that many, up to 1000")
			flags.BoolVar(&l.json, "json", false, "print JSON")
			return looking(flags, l.check, func(ctx context.Context, o *operator) error { return o.list(ctx, l) })
		},
	}
}

// listing is what keys list was asked for.
type listing struct {
	filter store.Filter
	page   store.Page
	json   bool
}

func (l *listing) check() error {
	states := []string{"", store.StateActive, store.StateInactive, store.StateOrphaned, store.StateDestroyed}
	switch {
	case !slices.Contains(states, l.filter.State):
		return errors.New("--state wants active, inactive, orphaned or destroyed")
	case l.page.Limit < 1 || l.page.Limit > 1000:
		return errors.New("--limit wants 1 to 1000")
	case l.filter.Version < 0:
		return errors.New("--version wants a number from 1 on")
	}
	return nil
}

// listedKey is one owner in the JSON output.
type listedKey struct {
	User      string     `json:"user_id"`
	State     string     `json:"state"`
	Version   int        `json:"key_version"`
	Versions  int        `json:"versions"`
	Usable    int        `json:"usable"`
	Created   *time.Time `json:"created_at"`
	Rotated   *time.Time `json:"rotated_at"`
	MasterKey string     `json:"master_key"`
	Seals     uint64     `json:"seals"`
}

func (o *operator) list(ctx context.Context, l listing) error {
	list, err := o.store.List(ctx, l.filter, l.page)
	if err != nil {
		return err
	}
	if l.json {
		return o.listJSON(list)
	}
	w := tabwriter.NewWriter(o.env.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "USER\tSTATE\tVERSION\tVERSIONS\tUSABLE\tCREATED\tROTATED\tSEALS AT MOST")
	for _, k := range list.Owners {
		rotated := "-"
		if k.RotatedAt != nil {
			rotated = shortTime(*k.RotatedAt)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%d\n", visible(k.Owner), k.State, k.Current, k.Versions, k.Usable, shortTime(k.CreatedAt), rotated, k.Seals)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	o.printf("%d of %s", len(list.Owners), plural(list.Total, "owner"))
	if list.Next != "" {
		o.printf("; go on with --after %s", visible(list.Next))
	}
	o.printf("\n")
	return nil
}

func (o *operator) listJSON(list store.OwnerList) error {
	out := struct {
		Total int         `json:"total"`
		Next  string      `json:"next,omitempty"`
		Keys  []listedKey `json:"keys"`
	}{Total: list.Total, Next: list.Next, Keys: []listedKey{}}
	for _, k := range list.Owners {
		listed := listedKey{
			User: k.Owner, State: k.State, Version: k.Current, Versions: k.Versions, Usable: k.Usable, Rotated: k.RotatedAt, MasterKey: k.MasterKey, Seals: k.Seals,
		}
		if !k.CreatedAt.IsZero() {
			listed.Created = &k.CreatedAt
		}
		out.Keys = append(out.Keys, listed)
	}
	return writeJSON(o.env.out, out)
}
