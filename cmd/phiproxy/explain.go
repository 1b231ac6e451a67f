package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"

	"phiproxy/config"
	"phiproxy/migrate/catalog"
	"phiproxy/rewrite"
	"phiproxy/rewrite/token"
)

func explainCommand() command {
	return command{
		name: "explain", args: ` "SQL"`, short: "say what would become of a statement",
		long: "Reads the schema from the database and prints what phiproxy would do with the statement and why: relay it, run it with edits, look rows up first, or refuse it. Nothing is executed and no key is used.",
		setup: func(flags *flag.FlagSet) runner {
			load := configFlag(flags)
			database := flags.String("database", "", "current `database` of the session; the first protected table's when absent")
			prepared := flags.Bool("prepared", false, "plan it as a prepared statement, in which ? is a parameter")
			return func(ctx context.Context, env environment, args []string) error {
				if len(args) != 1 {
					return usageError{errors.New("phiproxy explain wants one statement, in quotes")}
				}
				cfg, err := load(env)
				if err != nil {
					return err
				}
				if *database == "" {
					*database = cfg.Tables[0].Schema
				}
				state := rewrite.State{Database: *database, Prepared: *prepared}
				return explain(ctx, env, cfg, state, args[0])
			}
		},
	}
}

// explain prints the verdict on a statement in a session that has the state and the server's own sql_mode.
func explain(ctx context.Context, env environment, cfg *config.Config, state rewrite.State, statement string) error {
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	if state.Mode, err = sqlMode(ctx, store); err != nil {
		return err
	}
	snapshot, err := catalog.Load(ctx, store, catalogTables(cfg))
	if err != nil {
		return err
	}
	planner := rewrite.NewPlanner(snapshot.Schema, cfg.Limits.Shapes)
	fmt.Fprint(env.out, planner.Explain(state, statement))
	return problemsError(snapshot.Problems)
}

// sqlMode is the sql_mode that a new session gets, as far as it changes how SQL reads.
func sqlMode(ctx context.Context, db *sql.DB) (token.Mode, error) {
	var mode string
	err := db.QueryRowContext(ctx, "SELECT @@GLOBAL.sql_mode").Scan(&mode)
	return token.ParseMode(mode), err
}
