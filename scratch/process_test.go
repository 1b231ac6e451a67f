package scratch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"phiproxy/rewrite"
)

// parentVariable makes the test program a proxy that runs a scratch server of the named family until it is killed.
const parentVariable = "PHIPROXY_TEST_SCRATCH_PARENT"

const canary = "Zq7canaryXw3"

// parent loads a canary, prints the server's process id and directory, and waits to be killed.
func parent() {
	o := programOptions(rewrite.MySQL)
	if os.Getenv(parentVariable) == "mariadb" {
		o = programOptions(rewrite.MariaDB)
	}
	ctx := context.Background()
	e, err := Open(ctx, o)
	if err == nil {
		var s *Session
		if s, err = e.Session(ctx, Settings{}); err == nil {
			if err = s.Load(ctx, patients, source([]string{"1", canary, "NULL"})); err == nil {
				_, err = ask(s, "SELECT * FROM w1")
			}
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(e.Status().PID, e.Directory())
	select {}
}

// When the proxy is killed, its server dies and nothing of its directory remains.
func TestParentKilled(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), parentVariable+"="+filepath.Base(t.Name()))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		runtime.LockOSThread() // Pdeathsig
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		first, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
		pid, err := strconv.Atoi(first)
		if !ok || err != nil {
			t.Fatal(line)
		}
		if !holds(t, dir, canary) {
			t.Error("the canary is not in the directory to begin with")
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		eventually(t, "the server is dead", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) })
		eventually(t, "the directory is gone", func() bool {
			_, err := os.Stat(dir)
			return errors.Is(err, fs.ErrNotExist)
		})
	})
}

// zombie tells that a process has ended, though nobody has asked for its exit code yet.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time: " + what)
		}
	}
}

// holds looks for a text in every file below a directory, in several spellings.
func holds(t *testing.T, dir, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, spelling := range []string{text, strings.ToUpper(text), fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), strings.Join(strings.Split(text, ""), "\x00")} {
			if bytes.Contains(data, []byte(spelling)) {
				found = true
				t.Logf("found in %s", strings.TrimPrefix(path, dir))
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // files of statements come and go
		t.Fatal(err)
	}
	return found
}

// After use no file of the server holds a value, whatever the statement did with it.
func TestCanary(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e, table := synced(t, f)
		wide := WorkTable{Name: "w4", Columns: []WorkColumn{{Name: "a", Type: "varchar(400) CHARACTER SET utf8mb4"}, {Name: "b", Type: "mediumtext"}, {Name: "c", Type: "int"}}, Keys: [][]int{{0}, {1}}}
		big := func(yield func([][]byte, error) bool) {
			for i := range 20000 {
				if !yield([][]byte{fmt.Appendf(nil, "%s%d", canary, i), bytes.Repeat([]byte(canary), 100), fmt.Append(nil, i)}, nil) {
					return
				}
			}
		}
		for name, use := range map[string]func(s *Session) error{
			"few rows": func(s *Session) error {
				if err := s.Load(t.Context(), patients, source([]string{"1", canary, "NULL"})); err != nil {
					return err
				}
				_, err := ask(s, "SELECT * FROM w1")
				return err
			},
			"large sort and group": func(s *Session) error {
				if err := s.Load(t.Context(), wide, big); err != nil {
					return err
				}
				if _, err := ask(s, "SELECT a, b, COUNT(*) FROM w4 GROUP BY a, b ORDER BY b, a DESC LIMIT 3"); err != nil {
					return err
				}
				_, err := ask(s, "WITH x AS (SELECT DISTINCT CONCAT(b, a) AS y FROM w4) SELECT COUNT(*), MAX(y) FROM x")
				return err
			},
			"normalised": func(s *Session) error {
				_, err := s.Normalise(t.Context(), Write{Table: table, Columns: []int{1, 2}, Rows: [][][]byte{{[]byte("'" + canary + "'"), []byte("LEFT('" + canary + "',8)")}}})
				return err
			},
			"error": func(s *Session) error {
				_, err := s.Normalise(t.Context(), Write{Table: table, Columns: []int{2}, Rows: [][][]byte{{[]byte("'" + canary + "'")}}})
				if broken(err) {
					return err
				}
				return nil
			},
		} {
			s := session(t, e, nil)
			if err := use(s); err != nil {
				t.Fatal(name, err)
			}
			if name == "few rows" && !holds(t, e.Directory(), canary) {
				t.Error("the canary is never there, so that this test says nothing")
			}
			s.Release()
			e.pool.cleaning.Wait()
			if holds(t, e.Directory(), canary) {
				t.Errorf("%s: left behind", name)
			}
		}
	})
}

// The server is killed in the middle of a statement: that statement fails, the next one is answered by a new server that
// has the twins.
func TestServerKilled(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		o := programOptions(f)
		o.AtBoot, o.Metrics = true, prometheus.NewRegistry()
		e := open(t, o)
		table := casesTable()
		schema := &rewrite.Schema{Flavor: f}
		schema.Tables = map[string]*rewrite.Table{schema.Key(table.Schema, table.Name): table}
		if err := e.Sync(t.Context(), schema, nil); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s := session(t, e, nil)
			if err := s.Load(t.Context(), patients, manyPatients(200)); err != nil {
				t.Fatal(err)
			}
			pid := e.Status().PID
			time.AfterFunc(100*time.Millisecond, func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
			_, err := ask(s, "SELECT SLEEP(30)")
			wantKind(t, err, Lost)
			s.Release()
			s = session(t, e, nil)
			mustAsk(t, s, "SELECT COUNT(*) FROM surgi_case.cases", "0")
			s.Release()
		}
		if s := e.Status(); s.Restarts != 2 || !s.Running || s.Problem != "" {
			t.Errorf("got %+v", s)
		}
	})
}

// A server that hangs costs a statement its time limit, not more.
func TestServerHangs(t *testing.T) {
	o := programOptions(rewrite.MariaDB)
	o.Limits.Time = time.Second
	e := open(t, o)
	s := session(t, e, nil)
	mustAsk(t, s, "SELECT 1", "1")
	freeze(t, e.Status().PID)
	began := time.Now()
	_, err := ask(s, "SELECT 1")
	wantKind(t, err, Timeout)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
}

// freeze stops a process, and waits until the last of its threads has noticed.
func freeze(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	tasks := fmt.Sprintf("/proc/%d/task/*/stat", pid)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob(tasks)
		if err != nil || len(files) == 0 {
			t.Fatal("no threads: ", err)
		}
		if !slices.ContainsFunc(files, func(file string) bool { return !isStopped(file) }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the process does not stop")
		}
	}
}

// isStopped reports the state of a thread by proc(5): the letter behind its name. A thread that is gone counts as stopped.
func isStopped(file string) bool {
	stat, err := os.ReadFile(file)
	if err != nil {
		return true
	}
	return bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T"))
}

// The server has no TCP port, its directory is the engine's alone and in memory, and it writes no core.
func TestClosed(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e := common(t, f)
		session(t, e, nil).Release()
		pid := e.Status().PID
		if ports := listening(t, pid); len(ports) > 0 {
			t.Errorf("listens on %v", ports)
		}
		info, err := os.Stat(e.Directory())
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("got mode %v, %v", info.Mode(), err)
		}
		if err := suitable(e.Directory(), 0); err != nil {
			t.Error(err)
		}
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err != nil || !bytes.Contains(limits, []byte("Max core file size        0                    0 ")) {
			t.Errorf("a core could be written: %v", err)
		}
		if score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid)); err != nil || string(score) != "1000\n" {
			t.Errorf("got OOM score %q, %v", score, err)
		}
		if _, err := os.Stat(filepath.Join(e.Directory(), "init.sql")); !errors.Is(err, fs.ErrNotExist) {
			t.Error("the password is in a file")
		}
		arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || bytes.Contains(arguments, []byte("aA1!")) {
			t.Error("the password is in the arguments")
		}
		c, err := dial(t.Context(), e.state.server.account)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, name := range []string{"general_log", "slow_query_log", "log_bin", "performance_schema", "skip_networking"} {
			want := "0"
			if name == "skip_networking" {
				want = "1"
			}
			got := ""
			if err := c.rows("SELECT @@global."+name+"+0", func(row []byte) error {
				got = string(row[1:])
				return nil
			}); err != nil || got != want {
				t.Errorf("%s is %s, %v", name, got, err)
			}
		}
	})
}

// listening gives the inodes of a process's sockets that are among those of a TCP table in state LISTEN.
func listening(t *testing.T, pid int) (ports []string) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(links) == 0 {
		t.Fatal("no files", err)
	}
	own := make(map[string]bool)
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			own[target] = true
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue // no IPv6
		}
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" && own["socket:["+f[9]+"]"] {
				ports = append(ports, f[1])
			}
		}
	}
	return ports
}

// What cannot be used is refused when the engine is opened.
func TestRefused(t *testing.T) {
	disk := t.TempDir()
	if suitable(disk, 0) == nil {
		disk = "/proc" // the tests run on a tmpfs
	}
	for name, o := range map[string]Options{
		"disk":              {Mode: ModeCommand, Command: []string{"mariadbd"}, Directory: disk},
		"no directory":      {Mode: ModeCommand, Command: []string{"mariadbd"}, Directory: "/no/such"},
		"no command":        {Mode: ModeCommand},
		"missing program":   {Mode: ModeCommand, Command: []string{"/no/such"}},
		"another program":   {Mode: ModeCommand, Command: []string{"/bin/echo"}},
		"unknown mode":      {Mode: "x"},
		"network":           {Mode: ModeDSN, DSN: "a:b@tcp(127.0.0.1:3306)/"},
		"no DSN":            {Mode: ModeDSN, DSN: "nonsense"},
		"nobody at the DSN": {Mode: ModeDSN, DSN: "a:b@unix(/no/such)/", AtBoot: true, Limits: Limits{Wait: 100 * time.Millisecond}},
	} {
		if e, err := Open(t.Context(), o); err == nil {
			t.Errorf("%s: is taken", name)
			_ = e.Close()
		} else if strings.Contains(err.Error(), "a:b") {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
	}
	e := open(t, Options{Mode: ModeOff})
	_, err := e.Session(t.Context(), Settings{})
	wantKind(t, err, Off)
}

// What a killed proxy has left is removed by the next one, what a living one uses is not.
func TestSweep(t *testing.T) {
	first, err := makeDirectory("", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.lock.Close(); err != nil { // as if its process had ended
		t.Fatal(err)
	}
	second, err := makeDirectory("", 0)
	if err != nil {
		t.Fatal(err)
	}
	third, err := makeDirectory("", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the directory of a dead engine is still there")
	}
	if _, err := os.Stat(second.path); err != nil {
		t.Error(err)
	}
	for _, d := range []*directory{second, third} {
		if err := d.remove(); err != nil {
			t.Error(err)
		}
	}
}

// Ten thousand statements leave neither goroutines nor memory behind.
func TestManyStatements(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		e := common(t, f)
		statement := func(i int) {
			s, err := e.Session(t.Context(), Settings{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Release()
			table := patients
			table.Name = fmt.Sprint("w", i%10)
			if err := s.Load(t.Context(), table, manyPatients(i%30)); err != nil {
				t.Fatal(err)
			}
			if i%50 == 0 {
				_, _ = ask(s, "SELECT nosuch")
			}
			mustAsk(t, s, "SELECT COUNT(*) FROM "+table.Name+" WHERE last LIKE 'n%'", fmt.Sprint(i%30))
		}
		for i := range 1000 {
			statement(i)
		}
		e.pool.cleaning.Wait()
		goroutines, memory, began := runtime.NumGoroutine(), resident(t, e.Status().PID), time.Now()
		for i := range 10000 {
			statement(i)
		}
		e.pool.cleaning.Wait()
		t.Logf("%v a statement", time.Since(began)/10000)
		if n := runtime.NumGoroutine(); n > goroutines+3 {
			t.Errorf("%d goroutines, %d before", n, goroutines)
		}
		if now := resident(t, e.Status().PID); now > memory+32<<20 {
			t.Errorf("the server has %d MiB, %d before", now>>20, memory>>20)
		}
	})
}

func resident(t *testing.T, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// A sidecar is used by its socket and refused while it keeps a log.
func TestSidecar(t *testing.T) {
	everywhere(t, func(t *testing.T, f rewrite.Flavor) {
		own := open(t, programOptions(f))
		session(t, own, nil).Release()
		a := own.state.server.account
		dsn := fmt.Sprintf("%s:%s@unix(%s)/", a.user, a.password, a.address)
		e := open(t, Options{Mode: ModeDSN, DSN: dsn})
		s := session(t, e, nil)
		if err := s.Load(t.Context(), patients, manyPatients(300)); err != nil {
			t.Fatal(err)
		}
		mustAsk(t, s, "SELECT COUNT(*) FROM w1", "300")
		s.Release()
		if got := e.Status().Flavor; got != f {
			t.Errorf("got family %v", got)
		}
		if err := own.state.server.control(t.Context(), "SET GLOBAL general_log=ON"); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Options{Mode: ModeDSN, DSN: dsn, AtBoot: true, Limits: Limits{Wait: 200 * time.Millisecond}})
		wantKind(t, err, Unavailable)
	})
}

// The embedded server evaluates for the demo, whose backend it is as well.
func TestEmbedded(t *testing.T) {
	e := open(t, Options{Mode: ModeEmbedded})
	for range 3 {
		s := session(t, e, nil)
		table := patients
		table.Columns = append([]WorkColumn(nil), patients.Columns...)
		if err := s.Load(t.Context(), table, manyPatients(250)); err != nil {
			t.Fatal(err)
		}
		mustAsk(t, s, "SELECT COUNT(*) FROM w1 WHERE LOWER(last)='name3'", "25")
		s.Release()
	}
}
