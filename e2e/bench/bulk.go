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
	memory                               float64 // phiproxy's resident memory at its highest during a tenfold read, in relation to before it
	data                                 float64 // size of that answer in relation to the memory before it
}

// Parts of the statement. ins_provider is left out: the updates changed it.
const (
	bulkColumns = "SELECT case_id, user_id, case_date, patient_first, patient_last, patient_dob, case_status, pay_amount FROM cases"
	bulkWhere   = " WHERE case_id < 'd'"
	tenfold     = " JOIN (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 " +
		"UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS times"
)

// bulk reads all rows of the table with the command-line client, which takes them as they come. All endpoints must give the
// same rows.
func (r *rig) bulk(report *report) error {
	sums := map[string][sha256.Size]byte{}
	rates, err := r.rounds(func(e *endpoint) (rate, error) {
		started := time.Now()
		sum, _, err := r.read(e, bulkColumns+bulkWhere)
		took := time.Since(started).Seconds()
		sums[e.name] = sum
		return rate{throughput: float64(r.options.rows) / took, p99: took}, err
	})
	if err != nil {
		return fmt.Errorf("bulk read: %w", err)
	}
	if sums[direct] != sums[phiproxy] || sums[direct] != sums[haproxy] {
		return fmt.Errorf("bulk read: the endpoints gave different rows")
	}
	c := compare(workload{}, rates)
	report.bulk = bulkResult{toDirect: c.toDirect, toHAProxy: c.toHAProxy, haproxyToDirect: c.haproxyToDirect}
	if err := r.memory(&report.bulk); err != nil {
		return err
	}
	progress("bulk read: %s of direct; memory %.2f of before", c.toDirect, report.bulk.memory)
	return nil
}

// memory reads ten times the rows in one answer through phiproxy and watches its memory.
func (r *rig) memory(result *bulkResult) error {
	e := r.endpoint(phiproxy)
	before := residentBytes(e.process.PID())
	stop := watchMemory(e.process.PID())
	_, size, err := r.read(e, bulkColumns+tenfold+bulkWhere)
	peak := stop()
	if err != nil {
		return fmt.Errorf("tenfold bulk read: %w", err)
	}
	result.memory, result.data = float64(peak)/float64(before), float64(size)/float64(before)
	return nil
}

// read gives the checksum and the size of what the client printed for a statement.
func (r *rig) read(e *endpoint, statement string) (sum [sha256.Size]byte, size int64, err error) {
	host, port, _ := net.SplitHostPort(e.addr)
	cmd := exec.Command(r.server.Tool(client(r.server.Kind)), "--no-defaults", "-h", host, "-P", port, "-u", servers.AppUser, "-p"+servers.AppPassword, noTLS(r.server.Kind),
		"--quick", "-N", "-B", "--default-character-set=utf8mb4", e.database, "-e", statement)
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
