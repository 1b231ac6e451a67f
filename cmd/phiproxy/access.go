package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"phiproxy/audit"
	"phiproxy/config"
)

func accessCommands() []command { return []command{accessWhoCommand()} }

func accessWhoCommand() command {
	return command{
		name: "access who", short: "say who saw an owner's values, and when",
		long: "Searches the access log for statements that touched an owner's protected values, and prints who sent them, when, from where, and what they did. Statements count that ran at any moment from --from to --to, both included. " +
			"Statements whose end was not recorded, because the proxy was killed, are listed for every owner: they may have touched his values. The log is not verified: phiproxy keys verify-audit does that. " +
			"Each proxy has a log of its own; --dir may be given once for each.",
		examples: []string{
			"phiproxy access who --owner USER001 --from 2026-11-01 --to 2026-12-01", "phiproxy access who --owner USER001 --from 24h --json",
			"phiproxy access who --owner USER001 --user app --dir /var/log/phiproxy-a --dir /var/log/phiproxy-b",
		},
		setup: func(flags *flag.FlagSet) runner {
			a := access{query: audit.Query{Limit: accessLimit}}
			flags.StringVar(&a.query.Owner, "owner", "", "the `owner` of the values")
			flags.StringVar(&a.query.User, "user", "", "only statements of this database or application `user`")
			flags.StringVar(&a.query.Outcome, "outcome", "", "only this `outcome`: done, sent (rows moved or deleted unread), failed, refused, broken or unfinished")
			flags.IntVar(&a.query.Limit, "limit", accessLimit, "at most that many statements of each log")
			momentFlag(flags, &a.query.From, "from", "the first `time`: a date, a time, or how long ago, such as 7d")
			momentFlag(flags, &a.query.To, "to", "the last `time`")
			flags.BoolVar(&a.json, "json", false, "print JSON lines")
			logs := logFlags(flags)
			return func(_ context.Context, env environment, _ []string) (err error) {
				if err := a.check(); err != nil {
					return usageError{fmt.Errorf("%s: %w", flags.Name(), err)}
				}
				if a.dirs, err = logs.directories(env); err != nil {
					return err
				}
				return a.who(env.out)
			}
		},
	}
}

// accessLimit is more than anybody reads, and less than a machine minds.
const accessLimit = 10_000

// access is what access who was asked for.
type access struct {
	query audit.Query
	dirs  []string
	json  bool
}

func (a *access) check() error {
	outcomes := []string{"", audit.Done, audit.Sent, audit.Failed, audit.Refused, audit.Broken, audit.Unfinished}
	switch {
	case a.query.Owner == "":
		return errors.New("--owner is missing")
	case a.query.Limit < 1:
		return errors.New("--limit wants a number from 1 on")
	case !slices.Contains(outcomes, a.query.Outcome):
		return errors.New("--outcome wants done, sent, failed, refused, broken or unfinished")
	}
	return checkRange(a.query.From, a.query.To)
}

// found is what a search of all logs gave.
type found struct {
	events     []audit.Event // in the order of their times
	cut        bool          // there may be more than --limit
	unreadable int           // damaged lines
}

// errDamaged comes after what could be read: an answer that may lack something must not look complete.
var errDamaged = errors.New("lines of the access log cannot be read, so something may be missing; phiproxy keys verify-audit names the first one")

// who prints what the logs hold about the owner.
func (a *access) who(w io.Writer) error {
	f, err := a.search()
	if err != nil {
		return err
	}
	if a.json {
		err = printEvents(w, f.events)
	} else {
		err = a.print(w, f)
	}
	if err == nil && f.unreadable > 0 {
		err = fmt.Errorf("%d %w", f.unreadable, errDamaged)
	}
	return err
}

func (a *access) search() (f found, err error) {
	for _, dir := range a.dirs {
		before := len(f.events)
		for e, err := range audit.Search(dir, a.query) {
			switch {
			case errors.As(err, new(*audit.Problem)):
				f.unreadable++
			case err != nil:
				return f, err
			default:
				f.events = append(f.events, e)
			}
		}
		f.cut = f.cut || len(f.events)-before >= a.query.Limit
	}
	slices.SortStableFunc(f.events, func(x, y audit.Event) int { return x.Time.Compare(y.Time) })
	return f, nil
}

func printEvents(w io.Writer, events []audit.Event) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i := range events {
		if err := e.Encode(&events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *access) print(w io.Writer, f found) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TIME\tUSER\tCLIENT\tAPPLICATION\tVERB\tTABLES\tROWS\tREAD\tWRITTEN\tOUTCOME")
	people := map[string]bool{}
	for i := range f.events {
		e := &f.events[i]
		people[who(e)] = true
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", e.Time.UTC().Format(time.RFC3339), visible(e.User), visible(e.Client), dash(visible(e.Application)),
			dash(e.Verb), dash(visible(strings.Join(e.Tables, ","))), e.Rows, e.Opened, e.Sealed, join(" ", e.Outcome, e.Code))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s by %s\n", plural(len(f.events), "statement"), plural(len(people), "user"))
	if f.cut {
		fmt.Fprintf(w, "There may be more: --limit is %d\n", a.query.Limit)
	}
	return nil
}

// who names a person as well as the log can: by certificate and application user, too.
func who(e *audit.Event) string { return e.User + "\x00" + e.TLSSubject + "\x00" + e.Application }

// logs says where access logs are.
type logs struct {
	dirs []string
	load func(environment) (*config.Config, error)
}

// logFlags defines --dir and --config.
func logFlags(flags *flag.FlagSet) *logs {
	l := &logs{load: configFlag(flags)}
	flags.Func("dir", "`directory` of an access log, for logs of elsewhere: the configuration is not read then; may be repeated", func(dir string) error {
		l.dirs = append(l.dirs, dir)
		return nil
	})
	return l
}

var errNoLog = usageError{errors.New("phiproxy: no access log is configured (audit.dir), and no --dir given")}

func (l *logs) directories(env environment) ([]string, error) {
	if len(l.dirs) > 0 {
		return l.dirs, nil
	}
	cfg, err := l.load(env)
	if err != nil {
		return nil, err
	}
	if !cfg.Audit.Enabled() {
		return nil, errNoLog
	}
	return []string{cfg.Audit.Dir}, nil
}
