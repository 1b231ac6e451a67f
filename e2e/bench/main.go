// Command bench compares the ways to a database, side by side: directly, through HAProxy, and through phiproxy with
// encrypted columns. Every workload runs on all of them in turn, several rounds, each round starting with another, so that
// the machine's moods hit all alike. What it reports are ratios of the same round; absolute figures of one machine tell
// nobody anything.
//
// It needs sysbench and haproxy (e2e/setup.sh bench) and is run by `make bench`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"phiproxy/e2e/servers"
)

// options are the command's flags.
type options struct {
	server  string
	rounds  int
	seconds int
	threads int
	rows    int
	only    string
	out     string
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", string(servers.MariaDB), "mariadb or mysql")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of every workload")
	flag.IntVar(&o.seconds, "seconds", 3, "duration of a run, in seconds")
	flag.IntVar(&o.threads, "threads", 8, "client connections of a run")
	flag.IntVar(&o.rows, "rows", 100000, "rows of the application's table, a multiple of 500")
	flag.StringVar(&o.only, "only", "", "run only workloads whose name contains this, and no bulk read")
	flag.StringVar(&o.out, "out", "", "Markdown file to write; standard output when empty")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) (err error) {
	started := time.Now()
	r, err := newRig(o)
	if err != nil {
		return errors.Join(err, r.close())
	}
	defer func() { err = errors.Join(err, r.close()) }()
	report := report{options: o, version: r.version}
	for _, w := range workloads() {
		if !strings.Contains(w.name, o.only) {
			continue
		}
		result, err := r.measure(w)
		if err != nil {
			return err
		}
		report.results = append(report.results, result)
		progress("%s", result)
	}
	if err := r.compute(&report); err != nil {
		return err
	}
	if o.only == "" {
		if err := r.bulk(&report); err != nil {
			return err
		}
	}
	progress("done in %s", time.Since(started).Round(time.Second))
	return report.write(o.out)
}

// progress tells a person where the run is.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
