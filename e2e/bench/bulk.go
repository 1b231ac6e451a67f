package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"phiproxy/e2e/servers"
)

// bulkTarget is the ratio to direct that is aimed at for reading the whole table.
const bulkTarget = 0.3

// bulkResult is what reading all rows gave.
type bulkResult struct {
	toDirect, toHAProxy, haproxyToDirect spread
	memory                               float64 // phiproxy's resident memory at its highest during a read, in relation to before it
	data                                 float64 // size of the answer in relation to that memory
}

// bulk reads all rows of the table with the command-line client, which takes them as they come. All endpoints must give the
// same rows.
func (r *rig) bulk(report *report) error {
	sums := map[string][sha256.Size]byte{}
	var before, peak, size int64
	rates, err := r.rounds(func(e *endpoint) (rate, error) {
		stop := func() int64 { return 0 }
		if e.name == phiproxy {
			if before == 0 {
				before = residentBytes(e.process.PID())
			}
			stop = watchMemory(e.process.PID())
		}
		started := time.Now()
		sum, n, err := r.readAll(e)
		took := time.Since(started).Seconds()
		sums[e.name], size, peak = sum, n, max(peak, stop())
		return rate{throughput: float64(r.options.rows) / took, p99: took}, err
	})
	if err != nil {
		return fmt.Errorf("bulk read: %w", err)
	}
	if sums[direct] != sums[phiproxy] || sums[direct] != sums[haproxy] {
		return fmt.Errorf("bulk read: the endpoints gave different rows")
	}
	c := compare(workload{}, rates)
	report.bulk = bulkResult{
		toDirect: c.toDirect, toHAProxy: c.toHAProxy, haproxyToDirect: c.haproxyToDirect,
		memory: float64(peak) / float64(before), data: float64(size) / float64(before),
	}
	progress("bulk read: %s of direct; memory %.2f of before", c.toDirect, report.bulk.memory)
	return nil
}

// readAll gives the checksum and the size of what the client printed. ins_provider is left out: the updates changed it.
func (r *rig) readAll(e *endpoint) (sum [sha256.Size]byte, size int64, err error) {
	host, port, _ := net.SplitHostPort(e.addr)
	cmd := exec.Command(r.server.Tool(client(r.server.Kind)), "--no-defaults", "-h", host, "-P", port, "-u", servers.AppUser, "-p"+servers.AppPassword, noTLS(r.server.Kind),
		"--quick", "-N", "-B", "--default-character-set=utf8mb4", e.database, "-e",
		"SELECT case_id, user_id, case_date, patient_first, patient_last, patient_dob, case_status, pay_amount FROM cases WHERE case_id < 'd'")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return sum, 0, err
	}
	if err := cmd.Start(); err != nil {
		return sum, 0, err
	}
	hash := sha256.New()
	size, err = io.Copy(hash, bufio.NewReaderSize(out, 1<<20))
	if wait := cmd.Wait(); wait != nil {
		return sum, 0, fmt.Errorf("%w: %s", wait, stderr.Bytes())
	}
	hash.Sum(sum[:0])
	return sum, size, err
}

func client(kind servers.Kind) string {
	if kind == servers.MariaDB {
		return "mariadb"
	}
	return "mysql"
}

func noTLS(kind servers.Kind) string {
	if kind == servers.MariaDB {
		return "--skip-ssl"
	}
	return "--ssl-mode=DISABLED"
}

// watchMemory looks at a process's memory until the returned function is called, which gives the highest value seen.
func watchMemory(pid int) func() int64 {
	var peak atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), residentBytes(pid)))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		return peak.Load()
	}
}

// residentBytes reads a process's resident memory (proc_pid_status(5), VmRSS), 0 when it is gone.
func residentBytes(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}
