package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"phiproxy/config"
)

// configFlag defines --config; the returned function loads the file that it names.
func configFlag(flags *flag.FlagSet) func(environment) (*config.Config, error) {
	path := configPathFlag(flags)
	return func(env environment) (*config.Config, error) { return loadConfig(*path, env) }
}

func configPathFlag(flags *flag.FlagSet) *string {
	return flags.String("config", "", "configuration `file`; PHIPROXY_CONFIG when absent, then phiproxy.yaml")
}

func loadConfig(flagged string, env environment) (*config.Config, error) {
	cfg, err := config.Load(configPath(flagged, env.environ), env.environ)
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}

func configPath(flagged string, environ []string) string {
	if flagged != "" {
		return flagged
	}
	for _, entry := range environ {
		if path, ok := strings.CutPrefix(entry, "PHIPROXY_CONFIG="); ok && path != "" {
			return path
		}
	}
	return "phiproxy.yaml"
}

func configCheckCommand() command {
	return command{
		name: "config check", short: "check a configuration file",
		long: "Reads the configuration as `phiproxy serve` would and reports everything that is wrong with it, each with its line. Exit code 2 when something is.",
		setup: func(flags *flag.FlagSet) runner {
			load := configFlag(flags)
			return func(_ context.Context, env environment, _ []string) error {
				cfg, err := load(env)
				if err != nil {
					return err
				}
				columns := 0
				for _, t := range cfg.Tables {
					columns += len(t.Columns)
				}
				fmt.Fprintf(env.out, "ok: %d tables, %d protected columns, backend %s, keys from %s\n", len(cfg.Tables), columns, cfg.Backend.Address, cfg.Keys.Provider)
				return nil
			}
		},
	}
}
