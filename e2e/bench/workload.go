package main

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"phiproxy/e2e/servers"
)

// workload is one kind of load.
type workload struct {
	name     string
	script   string // sysbench's own, or "" for cases.lua
	op       string // of cases.lua
	prepared bool
	target   float64 // least ratio to HAProxy that the project set itself
}

// Ratios to HAProxy that are aimed at.
const (
	relayTarget     = 0.9 // statements that touch no protected table
	encryptedTarget = 0.7
)

func workloads() []workload {
	var all []workload
	for _, prepared := range []bool{false, true} {
		all = append(all,
			workload{name: "sysbench point select", script: "oltp_point_select", prepared: prepared, target: relayTarget},
			workload{name: "sysbench read-write", script: "oltp_read_write", prepared: prepared, target: relayTarget},
			workload{name: "insert a case", op: "insert", prepared: prepared, target: encryptedTarget},
			workload{name: "select a case by id", op: "get", prepared: prepared, target: encryptedTarget},
			workload{name: fmt.Sprintf("list the %d cases of an owner", perOwner), op: "list", prepared: prepared, target: encryptedTarget},
			workload{name: "update one field", op: "update", prepared: prepared, target: encryptedTarget},
		)
	}
	return all
}

func (w *workload) protocol() string {
	if w.prepared {
		return "prepared"
	}
	return "text"
}

//go:embed cases.lua
var casesLua []byte

// result is what one workload gave.
type result struct {
	workload
	toHAProxy, toDirect spread // phiproxy's throughput in relation to theirs
	haproxyToDirect     spread
	latency             spread // phiproxy's 99th percentile in relation to HAProxy's
	cpu                 spread // phiproxy's own processor time per statement in relation to HAProxy's
}

func (r result) String() string {
	return fmt.Sprintf("%s (%s): %s of HAProxy, %s of direct, CPU per statement %s of HAProxy's", r.name, r.protocol(), r.toHAProxy, r.toDirect, r.cpu)
}

// spread is the median, the least and the greatest of a ratio over the rounds.
type spread struct{ median, least, greatest float64 }

func newSpread(ratios []float64) spread {
	sorted := slices.Sorted(slices.Values(ratios))
	return spread{median: sorted[len(sorted)/2], least: sorted[0], greatest: sorted[len(sorted)-1]}
}

func (s spread) String() string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.median, s.least, s.greatest)
}

// rate is what one run of one endpoint gave: statements per second, their 99th percentile, and the processor time that
// the proxy itself took for each, in any unit (0 for the direct connection).
type rate struct{ throughput, p99, cpu float64 }

// rounds runs a measurement on all endpoints in turn, each round beginning with another.
func (r *rig) rounds(run func(*endpoint) (rate, error)) (map[string][]rate, error) {
	rates := map[string][]rate{}
	for round := range r.options.rounds {
		for i := range r.endpoints {
			e := r.endpoints[(round+i)%len(r.endpoints)]
			got, err := withCPU(e, run)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.name, err)
			}
			rates[e.name] = append(rates[e.name], got)
		}
	}
	return rates, nil
}

// withCPU runs a measurement and adds what the endpoint's process used meanwhile.
func withCPU(e *endpoint, run func(*endpoint) (rate, error)) (rate, error) {
	before, err := e.cpu()
	if err != nil {
		return rate{}, err
	}
	got, err := run(e)
	if err != nil {
		return rate{}, err
	}
	after, err := e.cpu()
	got.cpu = float64(after-before) / got.throughput // all runs take the same time
	return got, err
}

func (r *rig) measure(w workload) (result, error) {
	rates, err := r.rounds(func(e *endpoint) (rate, error) { return r.sysbench(e, &w) })
	if err != nil {
		return result{}, fmt.Errorf("%s (%s): %w", w.name, w.protocol(), err)
	}
	return compare(w, rates), nil
}

func compare(w workload, rates map[string][]rate) result {
	ratio := func(a, b string, of func(rate) float64) spread {
		var ratios []float64
		for i := range rates[a] {
			ratios = append(ratios, of(rates[a][i])/of(rates[b][i]))
		}
		return newSpread(ratios)
	}
	throughput, p99, cpu := func(r rate) float64 { return r.throughput }, func(r rate) float64 { return r.p99 }, func(r rate) float64 { return r.cpu }
	return result{
		workload: w, toHAProxy: ratio(phiproxy, haproxy, throughput), toDirect: ratio(phiproxy, direct, throughput),
		haproxyToDirect: ratio(haproxy, direct, throughput), latency: ratio(phiproxy, haproxy, p99), cpu: ratio(phiproxy, haproxy, cpu),
	}
}

var (
	queries = regexp.MustCompile(`queries:\s+\d+\s+\(([\d.]+) per sec`)
	p99Line = regexp.MustCompile(`99th percentile:\s+([\d.]+)`)
)

// sysbench runs one workload once.
func (r *rig) sysbench(e *endpoint, w *workload) (rate, error) {
	script, database := w.script, sysbenchDatabase
	if script == "" {
		script, database = filepath.Join(r.dir, "cases.lua"), e.database
		if err := os.WriteFile(script, casesLua, 0o600); err != nil {
			return rate{}, err
		}
	}
	args := r.sysbenchArgs(e, database)
	if w.script == "" {
		args = append(r.connectArgs(e, database), "--op="+w.op, "--rows="+strconv.Itoa(r.options.rows))
	}
	mode := "disable"
	if w.prepared {
		mode = "auto"
	}
	args = append(args, "--db-ps-mode="+mode, "--threads="+strconv.Itoa(r.options.threads), "--time="+strconv.Itoa(r.options.seconds), "--percentile=99", script, "run")
	out, err := exec.Command("sysbench", args...).CombinedOutput()
	if err != nil {
		return rate{}, fmt.Errorf("sysbench: %w\n%s", err, out)
	}
	return readRate(out)
}

func readRate(out []byte) (rate, error) {
	number := func(e *regexp.Regexp) float64 {
		if m := e.FindSubmatch(out); m != nil {
			n, _ := strconv.ParseFloat(string(m[1]), 64)
			return n
		}
		return 0
	}
	got := rate{throughput: number(queries), p99: number(p99Line)}
	if got.throughput == 0 || got.p99 == 0 {
		return rate{}, fmt.Errorf("sysbench printed no figures:\n%s", out)
	}
	return got, nil
}

// sysbenchArgs are the arguments of sysbench's own scripts.
func (r *rig) sysbenchArgs(e *endpoint, database string) []string {
	return append(r.connectArgs(e, database), "--tables="+strconv.Itoa(sysbenchTables), "--table-size="+strconv.Itoa(sysbenchRows))
}

func (r *rig) connectArgs(e *endpoint, database string) []string {
	host, port, _ := net.SplitHostPort(e.addr)
	return []string{
		"--db-driver=mysql", "--mysql-host=" + host, "--mysql-port=" + port, "--mysql-user=" + servers.AppUser, "--mysql-password=" + servers.AppPassword,
		"--mysql-db=" + database,
	}
}
