package scratch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"phiproxy/rewrite"
)

// server is one that runs, whoever started it.
type server struct {
	account
	flavor  rewrite.Flavor
	version string
	twins   map[string]standingTwin
	zones   zones
	known   map[string]bool // variables that the server has, of those that settings may hold
	pid     int             // 0 when it is not a child
	done    <-chan struct{} // closed when it has ended; nil when that cannot be known
	stop    func()          // ends it, and returns when it has ended
}

// launcher starts servers, one after the other.
type launcher interface {
	launch(ctx context.Context) (*server, error)
	close() error // after the last server was stopped
}

// childLauncher runs a server program over a data directory in memory.
type childLauncher struct {
	program   program
	arguments []string // further arguments of the program
	fold      int      // lower_case_table_names
	sessions  int
	dir       *directory
}

const userName = "phiproxy"

func (l *childLauncher) path(name string) string { return filepath.Join(l.dir.path, name) }

// launch begins with an empty data directory every time: a copy of the template, which is made by the first launch.
func (l *childLauncher) launch(ctx context.Context) (*server, error) {
	if _, err := os.Stat(l.path("template")); err != nil {
		if err := l.initialize(ctx); err != nil {
			return nil, err
		}
	}
	if err := l.clear(); err != nil {
		return nil, fail(Unavailable, err)
	}
	a := account{network: "unix", address: l.path("sock"), user: userName, password: newPassword()}
	if err := l.writeInit(a); err != nil {
		return nil, fail(Unavailable, err)
	}
	c, err := startChild(l.program.command, l.runArguments(), l.dir.path)
	if err != nil {
		return nil, fail(Unavailable, err)
	}
	if err := waitReady(ctx, a, c.done); err != nil {
		c.kill()
		return nil, fail(Unavailable, fmt.Errorf("%w; it printed: %s", err, c.output))
	}
	c.output.forget()
	if err := os.Remove(l.path("init.sql")); err != nil {
		c.kill()
		return nil, fail(Unavailable, err)
	}
	return &server{account: a, flavor: l.program.flavor, version: l.program.version, pid: c.pid(), done: c.done, stop: c.kill}, nil
}

func (l *childLauncher) close() error { return l.dir.remove() }

// clear removes what the last server left and lays the template out.
func (l *childLauncher) clear() error {
	for _, name := range []string{"data", "tmp", "nowhere", "sock", "sock.lock", "pid"} {
		if err := os.RemoveAll(l.path(name)); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Mkdir(l.path("tmp"), 0o700), os.Mkdir(l.path("nowhere"), 0o500)); err != nil {
		return err
	}
	return copyTree(l.path("data"), l.path("template"))
}

// writeInit writes what the server runs before anyone can log in: the one account.
func (l *childLauncher) writeInit(a account) error {
	text := fmt.Sprintf("CREATE USER '%[1]s'@'localhost' IDENTIFIED BY '%[2]s';\nGRANT ALL ON *.* TO '%[1]s'@'localhost' WITH GRANT OPTION;\n", a.user, a.password)
	if l.program.flavor == rewrite.MySQL {
		text += "DROP USER 'root'@'localhost';\n"
	}
	return os.WriteFile(l.path("init.sql"), []byte(text), 0o600)
}

const (
	initializeTimeout = 2 * time.Minute // takes two seconds; a machine may be very busy
	readyTimeout      = time.Minute
)

// initialize makes the template. Nothing of it remains when it fails.
func (l *childLauncher) initialize(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, initializeTimeout)
	defer cancel()
	made := l.path("template.new")
	if err := errors.Join(os.RemoveAll(made), os.RemoveAll(l.path("tmp")), os.Mkdir(l.path("tmp"), 0o700)); err != nil {
		return fail(Unavailable, err)
	}
	args, input := append(l.common(made), "--initialize-insecure"), []byte(nil)
	if l.program.flavor == rewrite.MariaDB {
		args = append(l.common(made), "--bootstrap")
		var err error
		if input, err = l.systemTables(ctx); err != nil {
			return fail(Unavailable, err)
		}
		if err := os.MkdirAll(filepath.Join(made, "mysql"), 0o700); err != nil {
			return fail(Unavailable, err)
		}
	}
	cmd := exec.CommandContext(ctx, l.program.command[0], append(l.program.command[1:len(l.program.command):len(l.program.command)], args...)...)
	cmd.Dir, cmd.Stdin = l.dir.path, bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fail(Unavailable, fmt.Errorf("cannot make a data directory: %w; it printed: %s", err, out[max(0, len(out)-tailSize):]))
	}
	if err := os.Rename(made, l.path("template")); err != nil {
		return fail(Unavailable, err)
	}
	return nil
}

// systemTables is the text that makes MariaDB's own tables, as mariadb-install-db sends it. The other texts of that
// program fill in accounts and help, which nobody needs.
func (l *childLauncher) systemTables(ctx context.Context) ([]byte, error) {
	const name = "mysql_system_tables.sql"
	for _, dir := range append(l.messageDirectories(ctx), "/usr/share/mysql", "/usr/share/mariadb", "/usr/local/share/mysql") {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			return append([]byte("use mysql;\n"), text...), nil
		}
	}
	return nil, errors.New(name + " of MariaDB was not found; set scratch.command to a full installation")
}

// messageDirectories asks the program where its share directory is.
func (l *childLauncher) messageDirectories(ctx context.Context) []string {
	args := append(l.program.command[1:len(l.program.command):len(l.program.command)], "--no-defaults")
	args = append(append(args, l.arguments...), "--help", "--verbose")
	out, err := exec.CommandContext(ctx, l.program.command[0], args...).Output()
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(out) {
		if f := bytes.Fields(line); len(f) == 2 && string(f[0]) == "lc-messages-dir" {
			return []string{string(f[1])}
		}
	}
	return nil
}

// waitReady logs in again and again until it succeeds or the server has ended.
func waitReady(ctx context.Context, a account, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := dial(ctx, a)
		if err == nil {
			return c.Close()
		}
		select {
		case <-done:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("it is not ready in time: %w", err)
		case <-tick.C:
		}
	}
}

// copyTree copies directories and plain files. Blocks of zeros become holes: most of a fresh InnoDB file is zeros, and
// every byte here is memory.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		switch target := filepath.Join(to, name); {
		case err != nil:
			return err
		case d.IsDir():
			return os.Mkdir(target, 0o700)
		default:
			return copySparse(target, path)
		}
	})
}

func copySparse(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	block, zeros := make([]byte, 4096), make([]byte, 4096)
	size := int64(0)
	for {
		n, err := io.ReadFull(in, block)
		if !bytes.Equal(block[:n], zeros[:n]) {
			if _, err := out.WriteAt(block[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return out.Truncate(size)
		case err != nil:
			return err
		}
	}
}
