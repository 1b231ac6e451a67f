package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// report is the page that is published.
type report struct {
	options  options
	version  string
	results  []result
	computed []computedResult
	bulk     bulkResult
}

const preface = `# Benchmark

Written by ` + "`make bench`" + `. Client, proxies and server share one machine, so every proxy pays for its CPU time with the
server's and the client's: a direct connection, which wakes two processes less per statement, is the upper bound, and HAProxy in
TCP mode, which looks at nothing, is what any proxy costs. Each workload runs on all three in turn, %d rounds of %d s with %d
connections. A figure is the median of the rounds' ratios of throughput, with the least and
the greatest in parentheses. Direct and HAProxy work on the application's table in plaintext, phiproxy on its encrypted copy: four sealed
columns, %d rows of %d owners.

The UPDATE changes rows that the proxy has mostly seen before, as an application does that shows a case before it changes it; they are
remembered, sealed (limits.remembered_rows). A row that it has not seen costs one SELECT more: PHIPROXY_LIMITS_REMEMBERED_ROWS=0 shows that.
The last column is the processor time of the proxy alone.

Server: %s, %d CPUs, no TLS.
`

func (r *report) text() string {
	var b strings.Builder
	o := r.options
	fmt.Fprintf(&b, preface, o.rounds, o.seconds, o.threads, o.rows, o.rows/perOwner, r.version, runtime.NumCPU())
	b.WriteString("\n| workload | protocol | phiproxy / HAProxy | aim | phiproxy / direct | HAProxy / direct | 99th percentile, phiproxy / HAProxy | CPU per statement, phiproxy / HAProxy |\n|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.2f | %.2f | %.2f |\n", x.name, x.protocol(), x.toHAProxy, aim(x.toHAProxy, x.target), x.toDirect, x.haproxyToDirect.median, x.latency.median, x.cpu.median)
	}
	fmt.Fprintf(&b, "\nThe sysbench workloads use tables that are not protected: their statements are relayed. The others read or write all four sealed columns\n"+
		"(the update one), and every answer's row count is checked.\n")
	r.computedText(&b)
	r.bulkText(&b)
	return b.String()
}

// bulkText is the part about reading all rows.
func (r *report) bulkText(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Reading all %d rows\n\nOne SELECT, read by the command-line client as rows arrive; all endpoints gave the same bytes.\n"+
		"phiproxy's memory was watched while it passed ten times as many rows in one answer.\n\n", r.options.rows)
	b.WriteString("| phiproxy / direct | aim | phiproxy / HAProxy | HAProxy / direct | phiproxy's memory, at most during / before | size of that answer / memory before |\n|---|---|---|---|---|---|\n")
	fmt.Fprintf(b, "| %s | %s | %s | %.2f | %.2f | %.2f |\n", r.bulk.toDirect, aim(r.bulk.toDirect, bulkTarget), r.bulk.toHAProxy, r.bulk.haproxyToDirect.median, r.bulk.memory, r.bulk.data)
}

func aim(got spread, target float64) string {
	if got.median < target {
		return fmt.Sprintf("%.1f, missed", target)
	}
	return fmt.Sprintf("%.1f", target)
}

func (r *report) write(file string) error {
	if file == "" {
		_, err := os.Stdout.WriteString(r.text())
		return err
	}
	return os.WriteFile(file, []byte(r.text()), 0o644)
}
