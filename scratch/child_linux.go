package scratch

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is a program that does not outlive this process.
type child struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed once it has ended
	output *tail
	watch  *watchdog
}

// startChild starts a program that the kernel kills when this process ends (PR_SET_PDEATHSIG). The signal comes when
// the thread that started the program ends, so a goroutine keeps that thread until the program is gone.
func startChild(command, args []string, dir string) (*child, error) {
	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], args...)...)
	c := &child{cmd: cmd, done: make(chan struct{}), output: new(tail)}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, c.output, c.output, time.Second
	// A group of its own: a terminal's interrupt is for the proxy, which ends the server when it is done with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go c.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	w, err := startWatchdog(dir, cmd.Process.Pid)
	if err != nil {
		c.kill()
		return nil, err
	}
	c.watch = w
	return c, nil
}

func (c *child) run(started chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	err := c.cmd.Start()
	if err == nil {
		if err = restrain(c.cmd.Process.Pid); err != nil {
			_ = c.cmd.Process.Kill()
		}
	}
	started <- err
	if c.cmd.Process != nil {
		_ = c.cmd.Wait() // how it ended is in its output
	}
	close(c.done)
}

// restrain keeps a crash from writing the memory of the program to a file, and has the kernel end the program, not the
// proxy, when memory runs out.
func restrain(pid int) error {
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil); err != nil {
		return err
	}
	return os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("1000"), 0)
}

// kill ends the program at once and waits until it is gone. There is nothing in it to be saved.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
	if c.watch != nil {
		c.watch.stop()
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// watchdog is a shell that waits for this process to end. It then removes the directory, so that a proxy that is killed
// leaves no row behind even if it is never started again, and kills the program in case the kernel has not.
type watchdog struct {
	cmd   *exec.Cmd
	alive io.Closer
}

// $1 is the directory, $2 the program, which is known by its working directory.
const watchdogScript = `read x; [ "$x" = stop ] && exit
[ "$(readlink "/proc/$2/cwd")" = "$1" ] && kill -9 "$2"
rm -rf -- "$1"; sleep 1; rm -rf -- "$1"`

func startWatchdog(dir string, pid int) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "sh", dir, strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the watchdog: %w", err)
	}
	return &watchdog{cmd, alive}, nil
}

// stop ends the watchdog without effect.
func (w *watchdog) stop() {
	_, _ = io.WriteString(w.alive.(io.Writer), "stop\n")
	_ = w.alive.Close()
	_ = w.cmd.Wait()
}
