package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"phiproxy/config"
)

func doctorCommand() command {
	return command{
		name: "doctor", short: "look for what is wrong with an installation",
		long: "Tries what the proxy needs, from where it runs: the database and its grants, the schema, the users' keys, the clock, TLS of both legs, the key service, the audit directory, the admin port's tokens. One line each, ok, warn or fail, and how to mend it. " +
			"Nothing is changed; the key service is asked for one data key, which is thrown away. Exit code 0 when nothing fails, 1 when something does, 2 when the configuration cannot be read.",
		examples: []string{"phiproxy doctor", "phiproxy doctor --config /etc/phiproxy/phiproxy.yaml --json"},
		setup: func(flags *flag.FlagSet) runner {
			load := configFlag(flags)
			asJSON := flags.Bool("json", false, "print the findings as JSON")
			return func(ctx context.Context, env environment, _ []string) error {
				cfg, err := load(env)
				if err != nil {
					return err
				}
				d := &doctor{cfg: cfg, now: time.Now}
				d.examine(ctx)
				if err := d.print(env.out, *asJSON); err != nil {
					return err
				}
				return d.err()
			}
		},
	}
}

// level is how bad a finding is.
type level string

const (
	levelOK   level = "ok"
	levelWarn level = "warn" // works, but somebody should look at it
	levelFail level = "fail" // does not work, or is not safe
)

// finding is one line of the doctor's report.
type finding struct {
	Check string `json:"check"`
	Level level  `json:"level"`
	Text  string `json:"text"`
	Fix   string `json:"fix,omitempty"`
}

// doctor examines an installation.
type doctor struct {
	cfg      *config.Config
	now      func() time.Time
	db       *sql.DB // nil when the database cannot be used
	findings []finding
}

// examineTime bounds one group of checks.
const examineTime = 15 * time.Second

// examine makes all findings. A check that cannot be made for want of another says nothing.
func (d *doctor) examine(ctx context.Context) {
	d.ok("configuration", "%d tables, backend %s, keys from %s", len(d.cfg.Tables), d.cfg.Backend.Address, d.cfg.Keys.Provider)
	for _, group := range []func(context.Context){
		d.database, d.clock, d.grants, d.schema, d.coverage, d.keyService, d.clientLeg, d.backendLeg, d.auditDirectory, d.tokens,
	} {
		bounded, cancel := context.WithTimeout(ctx, examineTime)
		group(bounded)
		cancel()
	}
	if d.db != nil {
		_ = d.db.Close() // nothing was written
	}
}

func (d *doctor) ok(check, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, Level: levelOK, Text: fmt.Sprintf(format, args...)})
}

func (d *doctor) find(l level, check, text, fix string) {
	d.findings = append(d.findings, finding{Check: check, Level: l, Text: text, Fix: fix})
}

func (d *doctor) warn(check, text, fix string) { d.find(levelWarn, check, text, fix) }
func (d *doctor) fail(check, text, fix string) { d.find(levelFail, check, text, fix) }

var errDoctor = errors.New("something fails, see above")

func (d *doctor) err() error {
	for _, f := range d.findings {
		if f.Level == levelFail {
			return errDoctor
		}
	}
	return nil
}

func (d *doctor) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(w, d.findings)
	}
	for _, f := range d.findings {
		fmt.Fprintf(w, "%-4s  %-13s  %s\n", f.Level, f.Check, f.Text)
		if f.Fix != "" {
			fmt.Fprintf(w, "%21sfix: %s\n", "", f.Fix)
		}
	}
	return nil
}

// writeJSON writes one indented JSON text.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
