package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"phiproxy/config"
	"phiproxy/migrate"
)

func schemaPlanCommand() command {
	return command{
		name: "schema plan", short: "print the DDL that the database needs",
		long: "Compares the database with the configuration and prints what `phiproxy schema apply` would run: key and audit tables, wider columns, the flag column. Nothing is changed. Exit code 1 when something stands in the way.",
		setup: func(flags *flag.FlagSet) runner {
			load := configFlag(flags)
			asJSON := flags.Bool("json", false, "print the plan as JSON")
			return func(ctx context.Context, env environment, _ []string) error {
				cfg, err := load(env)
				if err != nil {
					return err
				}
				return planSchema(ctx, cfg, env.out, *asJSON)
			}
		},
	}
}

func planSchema(ctx context.Context, cfg *config.Config, w io.Writer, asJSON bool) error {
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	plan, err := migrate.NewPlan(ctx, store, catalogTables(cfg))
	if err != nil {
		return err
	}
	print := plan.Print
	if asJSON {
		print = plan.JSON
	}
	if err := print(w); err != nil {
		return err
	}
	if len(plan.Refusals) > 0 {
		return migrate.ErrRefused
	}
	return nil
}

func schemaApplyCommand() command {
	return command{
		name: "schema apply", short: "run the DDL that the database needs",
		long: "Runs what `phiproxy schema plan` prints, step by step; with provider local it also makes the key file. It can be interrupted and run again: an already prepared database is left alone. Take a backup first.",
		setup: func(flags *flag.FlagSet) runner {
			load := configFlag(flags)
			return func(ctx context.Context, env environment, _ []string) error {
				cfg, err := load(env)
				if err != nil {
					return err
				}
				return applySchema(ctx, cfg, env.out)
			}
		},
	}
}

// applySchema prepares the database and says so on w.
func applySchema(ctx context.Context, cfg *config.Config, w io.Writer) error {
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	plan, err := migrate.NewPlan(ctx, store, catalogTables(cfg))
	if err != nil {
		return err
	}
	if err := makeLocalKey(cfg.Keys); err != nil {
		return err
	}
	err = plan.Apply(ctx, store, func(p migrate.Progress) {
		if !p.Done {
			fmt.Fprintf(w, "%d/%d %s\n      %s\n", p.Number, p.Total, p.Step.Why, p.Step.SQL)
		}
	})
	if errors.Is(err, migrate.ErrRefused) {
		return errors.Join(plan.Print(w), err)
	}
	if err != nil {
		return err
	}
	if len(plan.Steps) == 0 {
		fmt.Fprintln(w, "nothing to do: the database is prepared")
	}
	for _, warning := range plan.Warnings {
		fmt.Fprintln(w, "note:", warning)
	}
	return nil
}
