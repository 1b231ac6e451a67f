package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"phiproxy/audit"
)

func keysVerifyAuditCommand() command {
	return command{
		name: "keys verify-audit", short: "prove that the access log was not tampered with",
		long: "Reads the whole access log and checks that every line follows from the one before it, and that the signatures are the log's own. Names the first line that is wrong: changed, removed, added or moved. " +
			"Records after the last signature are chained but could have been cut off; their number is printed. " +
			"On another machine, copy the directory and the public key (key_file.pub) there, and give --dir and --public-key. Exit code 0 when all is well, 1 when a line is bad or cannot be read, 2 for a wrong command line.",
		examples: []string{"phiproxy keys verify-audit", "phiproxy keys verify-audit --dir /mnt/archive/phiproxy-a --public-key /etc/phiproxy/audit.key.pub"},
		setup: func(flags *flag.FlagSet) runner {
			logs := logFlags(flags)
			key := flags.String("public-key", "", "PEM `file` with the log's public key; audit.key_file.pub when absent")
			return func(_ context.Context, env environment, _ []string) error {
				dirs, err := logs.directories(env)
				if err != nil {
					return err
				}
				if *key == "" {
					if *key, err = logs.publicKey(env); err != nil {
						return err
					}
				}
				return verifyAudit(env, dirs, *key)
			}
		},
	}
}

// publicKey is the file with the public key of the configured log.
func (l *logs) publicKey(env environment) (string, error) {
	if len(l.dirs) > 0 {
		return "", usageError{errors.New("phiproxy keys verify-audit: --dir goes with --public-key")}
	}
	cfg, err := l.load(env)
	if err != nil {
		return "", err
	}
	return cfg.Audit.KeyFile + ".pub", nil
}

var errTampered = errors.New("the access log does not verify, see above")

func verifyAudit(env environment, dirs []string, keyFile string) error {
	key, err := audit.ReadPublicKey(keyFile)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			return err
		}
		report, verifyErr := audit.Verify(dir, key)
		if verifyErr != nil {
			return verifyErr
		}
		printReport(env, dir, report)
		if report.Bad != nil {
			err = errTampered
		}
	}
	return err
}

func printReport(env environment, dir string, r audit.Report) {
	fmt.Fprintf(env.out, "%s: %s in %s", dir, plural(r.Records, "record"), plural(r.Files, "file"))
	if r.Records > 0 {
		fmt.Fprintf(env.out, ", from %s to %s", shortTime(r.First), shortTime(r.Last))
	}
	fmt.Fprintln(env.out)
	if r.Torn > 0 || r.Gaps > 0 {
		fmt.Fprintf(env.out, "  lines cut off by a crash: %d; times in which nothing could be recorded: %d; the log itself says so\n", r.Torn, r.Gaps)
	}
	if r.Bad != nil {
		fmt.Fprintf(env.out, "  BAD: %s line %d: %s\n", r.Bad.File, r.Bad.Line, r.Bad.Text)
		return
	}
	fmt.Fprintf(env.out, "  ok: every line is in its place; signed up to record %d\n", r.Signed)
}
