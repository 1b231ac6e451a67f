package audit

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const victimDir = "PHIPROXY_TEST_AUDIT_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		fmt.Fprintln(os.Stderr, victim(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// victim runs statements of 20 sessions until it is killed. It says what is sent, and whose values were shown, at the
// moments at which a proxy would do these things.
func victim(dir string) error {
	l, err := Open(killedOptions(dir))
	if err != nil {
		return err
	}
	failed := make(chan error)
	for i := range 20 {
		go func() {
			for n := 0; ; n++ {
				if err := victimStatement(l, fmt.Sprintf("%d.%d.%d", os.Getpid(), i, n)); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

func victimStatement(l *Log, name string) error {
	entry, err := l.Begin(event("user" + name))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(os.Stdout, "sent user%s\n", name); err != nil {
		return err
	}
	entry.Owner([]byte("owner" + name))
	if err := entry.End(Event{Outcome: Done}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "shown owner%s\n", name)
	return err
}

func killedOptions(dir string) Options {
	return Options{Dir: filepath.Join(dir, "log"), KeyFile: filepath.Join(dir, "key"), RotateSize: 32 << 10, SyncInterval: 3 * time.Millisecond, Interval: 5 * time.Millisecond}
}

// A process that is killed in the middle of its statements has recorded every one that it sent and every owner whose
// values it let out, and the log goes on behind it.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	o := killedOptions(dir)
	var said []string
	for range 5 {
		said = append(said, killOne(t, dir)...)
		l := open(t, o)
		access(t, l, event("ann"), "1")
		closeLog(t, l)
		sound(t, o)
	}
	recorded, ended := map[string]bool{}, map[string]bool{}
	for _, e := range search(t, o, Query{}) {
		recorded[e.User] = true
		for _, owner := range e.Owners {
			ended[owner] = true
		}
	}
	for _, line := range said {
		what, name, _ := strings.Cut(line, " ")
		if what == "sent" && !recorded[name] || what == "shown" && !ended[name] {
			t.Errorf("%s, which is not recorded", line)
		}
	}
	if len(said) < 100 {
		t.Errorf("only %d things happened", len(said))
	}
}

// killOne runs a victim for a moment and returns what it said.
func killOne(t *testing.T, dir string) []string {
	t.Helper()
	var out, errors bytes.Buffer
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), victimDir+"="+dir)
	w := &counting{w: &out, enough: make(chan struct{})}
	c.Stdout, c.Stderr = w, &errors
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.enough:
	case <-time.After(20 * time.Second):
		t.Error("the victim does nothing")
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	if errors.Len() > 0 {
		t.Fatal(errors.String())
	}
	whole := out.String()
	return strings.Split(whole[:strings.LastIndexByte(whole, '\n')], "\n")
}

// counting closes enough when many lines were written.
type counting struct {
	w      *bytes.Buffer
	lines  int
	once   sync.Once
	enough chan struct{}
}

func (c *counting) Write(p []byte) (int, error) {
	if c.lines += bytes.Count(p, []byte("\n")); c.lines > 500 {
		c.once.Do(func() { close(c.enough) })
	}
	return c.w.Write(p)
}
