package e2e

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

var leaks = flag.Int("leaks", 400, "statements of TestComputeLeaks on each server")

// used is what a proxy and its scratch server hold when no statement runs.
type used struct {
	goroutines, descriptors, proxyKiB, serverDescriptors, serverThreads, serverKiB, tables int
}

// However many statements used the scratch server, ended well or with an error, neither the proxy nor that server holds more than
// after the first ones.
func TestComputeLeaks(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "compute_leaks", Admin: "  open_metrics: true"})
		c := app(t, p)
		awaitScratch(t, c)
		exec(t, c, computeData()...)
		const sessions = 4
		run := func(from, n int) {
			var group sync.WaitGroup
			for k := range sessions {
				c := app(t, p)
				group.Go(func() {
					for i := from + k; i < from+n; i += sessions {
						// Forty shapes, so that work tables are made and dropped, too.
						if _, err := c.Query(newComputeGenerator(9, uint64(i%40)).statement()); err != nil {
							t.Error(err)
							return
						}
					}
					_ = c.Close()
				})
			}
			group.Wait()
		}
		run(0, 200)
		before := holding(t, p)
		run(0, *leaks)
		after := holding(t, p)
		t.Logf("before %+v, after %+v", before, after)
		const mebibytes = 1 << 10
		const kept = 16 * 64 * 3 // files: of each of the sessions' tables, which stay there empty
		if after.goroutines > before.goroutines+10 || after.descriptors > before.descriptors+5 || after.serverThreads > before.serverThreads+10 ||
			after.serverDescriptors > kept+100 || after.tables > kept {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if after.proxyKiB > before.proxyKiB+64*mebibytes || after.serverKiB > before.serverKiB+64*mebibytes {
			t.Errorf("memory before %+v, after %+v", before, after)
		}
	})
}

// holding waits until the last sessions are emptied and tells what is held.
func holding(t *testing.T, p *harness.Proxy) used {
	t.Helper()
	var m map[string]int
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		m = gauges(t, p)
		if m["phiproxy_scratch_sessions"] == 0 && m["phiproxy_scratch_held_bytes"] == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d sessions with %d bytes are left", m["phiproxy_scratch_sessions"], m["phiproxy_scratch_held_bytes"])
		}
	}
	pid := scratchPID(t, p)
	server := status(t, pid)
	return used{
		goroutines: m["go_goroutines"], descriptors: m["process_open_fds"], proxyKiB: status(t, p.Process.PID())["VmRSS"],
		serverDescriptors: entries(t, fmt.Sprintf("/proc/%d/fd", pid)), serverThreads: server["Threads"], serverKiB: server["VmRSS"], tables: tableFiles(t, directoryOf(t, pid)),
	}
}

// gauges are the proxy's metrics without labels.
func gauges(t *testing.T, p *harness.Proxy) map[string]int {
	t.Helper()
	m := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(metrics(t, p)))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			m[name] = int(v)
		}
	}
	return m
}

// status are the numbers of proc_pid_status(5).
func status(t *testing.T, pid int) map[string]int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]int{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if fields := strings.Fields(value); len(fields) > 0 {
			m[name], _ = strconv.Atoi(fields[0]) // others are no numbers
		}
	}
	return m
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// tableFiles counts the files in the sessions' databases.
func tableFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.IsDir() && strings.HasPrefix(e.Name(), "phiproxy") {
			n += entries(t, dir+"/"+e.Name())
		}
	}
	return n
}
