package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

const computing = "SELECT UPPER(patient_last) AS l, COUNT(*) FROM cases GROUP BY UPPER(patient_last) ORDER BY l"

// A statement that needs more rows than the limit allows is refused; the session, and statements that need fewer, go on.
func TestComputeLimits(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		c := app(t, startProxy(t, harness.Options{Server: s, Database: "compute_limits", Scratch: limited(t, s, "rows: 5")}))
		exec(t, c, computeData()...)
		if err := queryError(t, c, computing); err == nil || !strings.Contains(err.Error(), "PHI-2202") {
			t.Errorf("too many rows: %v", err)
		}
		exec(t, c, "BEGIN")
		if err := queryError(t, c, computing); err == nil || !strings.Contains(err.Error(), "PHI-2202") {
			t.Errorf("too many rows in a transaction: %v", err)
		}
		if got := query(t, c, "SELECT UPPER(patient_last) FROM cases WHERE case_id = 'k05'"); len(got.Rows) != 1 || got.Rows[0][0].Data != "ZED" {
			t.Errorf("%v", got.Rows)
		}
		exec(t, c, "COMMIT")
	})
}

// limited is the usual scratch section with another setting.
func limited(t *testing.T, s *servers.Server, setting string) string {
	t.Helper()
	section, err := servers.ScratchConfig(s.Kind, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(section, "}") + ", " + setting + "}"
}

// A statement that fetches twice sees one state of the database, whatever others commit meanwhile.
func TestComputeSnapshot(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "compute_snapshot"})
		c, writer := app(t, p), app(t, p)
		exec(t, c, computeData()...)
		stop := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := writer.Exec(fmt.Sprintf("UPDATE cases SET human_case_id = %d, case_status = %d", i, i%100)); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for range 60 {
			got := query(t, c, "SELECT COUNT(*), COUNT(DISTINCT a.human_case_id) FROM cases a JOIN cases b ON a.case_id = b.case_id AND a.human_case_id = b.human_case_id AND a.patient_last <=> b.patient_last")
			if row := text(got.Rows[0]); row[0] != "14" || row[1] != "1" {
				t.Errorf("two states: %v", row)
			}
		}
		close(stop)
		group.Wait()
	})
}

// When the scratch server is killed while statements run, they fail with a fault of their own, and those after it are answered by the
// next server.
func TestComputeKilled(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "compute_killed"})
		c := app(t, p)
		exec(t, c, computeData()...)
		want := fmt.Sprint(query(t, c, computing).Rows)
		stop := killing(t, p)
		failed := untilFault(t, c, want)
		stop()
		if !strings.Contains(failed.Message, "PHI-2201") {
			t.Errorf("%v", failed)
		}
		deadline := time.Now().Add(40 * time.Second)
		for {
			r, err := c.Query(computing)
			if err != nil {
				t.Fatal(err)
			}
			if r[0].Err == nil {
				if got := fmt.Sprint(r[0].Rows); got != want {
					t.Errorf("after the restart: %s", got)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("it did not come back: %v", r[0].Err)
			}
		}
	})
}

// killing kills the proxy's scratch server, and each that follows it, until the function that it returns is called: a
// server that ends between two statements costs none of them.
func killing(t *testing.T, p *harness.Proxy) func() {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for last := 0; ; {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
			}
			pid := scratchPID(t, p)
			if pid == last {
				continue
			}
			last = pid
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// untilFault repeats the statement until it fails; before that every answer is right.
func untilFault(t *testing.T, c *client.Conn, want string) *client.ServerError {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		r, err := c.Query(computing)
		if err != nil {
			t.Fatal(err)
		}
		if r[0].Err != nil {
			return r[0].Err
		}
		if got := fmt.Sprint(r[0].Rows); got != want {
			t.Fatalf("a wrong answer: %s", got)
		}
	}
	t.Fatal("no statement failed")
	return nil
}

// scratchPID is the process of the proxy's scratch server, as its log says.
func scratchPID(t *testing.T, p *harness.Proxy) int {
	t.Helper()
	text, err := os.ReadFile(p.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		var entry struct {
			Message string `json:"msg"`
			PID     int    `json:"pid"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "the scratch server is ready" {
			pid = entry.PID
		}
	}
	return pid
}

// Nothing of what statements computed with is left behind: not in the scratch server's files, not in the backend's.
func TestComputeCanary(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "compute_canary"})
		c, mark := app(t, p), newCanary()
		exec(t, c, computeData()...)
		value := mark.marker(1)
		exec(t, c, "UPDATE cases SET patient_first = '"+value+"' WHERE case_id = 'k01'")
		for _, sql := range []string{
			"SELECT case_id, UPPER(patient_first) FROM cases WHERE patient_first = '" + value + "' AND active >= 0",
			"SELECT patient_first, COUNT(*) FROM cases GROUP BY patient_first HAVING patient_first >= '" + value + "' OR 1 = 1 ORDER BY patient_first",
			"SELECT case_id FROM cases WHERE patient_first LIKE CONCAT('" + value + "', '%') ORDER BY patient_last FOR UPDATE",
		} {
			if got := query(t, c, sql); len(got.Rows) == 0 {
				t.Errorf("no rows: %s", sql)
			}
		}
		scratchDirectory := directoryOf(t, scratchPID(t, p))
		time.Sleep(300 * time.Millisecond) // sessions are emptied while the client goes on
		for _, dir := range []string{scratchDirectory, s.Dir} {
			for file, found := range mark.findInFiles(t, dir) {
				t.Errorf("%s: %v", file, found)
			}
		}
	})
}

// directoryOf is the data directory in a server's arguments.
func directoryOf(t *testing.T, pid int) string {
	t.Helper()
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	for argument := range strings.SplitSeq(string(arguments), "\x00") {
		if dir, ok := strings.CutPrefix(argument, "--datadir="); ok {
			return dir
		}
	}
	t.Fatal("the scratch server has no data directory")
	return ""
}
