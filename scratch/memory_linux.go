package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"phiproxy/rewrite"
)

const (
	tmpfsMagic = 0x01021994
	ramfsMagic = 0x858458f6
)

// directoryPrefix begins the name of every engine's directory.
const directoryPrefix = "phiproxy-scratch-"

// memoryDirectories are places that are a file system in memory on common systems.
func memoryDirectories() []string {
	places := []string{"/dev/shm", "/run", "/tmp"}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		places = append(places, dir)
	}
	return places
}

// makeDirectory makes a directory, mode 0700, on a file system in memory with so many bytes free: below parent, or
// where one is found.
func makeDirectory(parent string, needed int64) (*directory, error) {
	places := memoryDirectories()
	if parent != "" {
		places = []string{parent}
	}
	var problems []error
	for _, place := range places {
		err := suitable(place, needed)
		if err == nil {
			var d *directory
			if d, err = lockedDirectory(place); err == nil {
				return d, nil
			}
		}
		problems = append(problems, err)
	}
	return nil, fmt.Errorf("no directory in memory for the server's files: %w", errors.Join(problems...))
}

// suitable tells why a place is not.
func suitable(place string, needed int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(place, &s); err != nil {
		return fmt.Errorf("%q: %w", place, err)
	}
	switch {
	case int64(s.Type) == ramfsMagic: // has no size
		return nil
	case int64(s.Type) != tmpfsMagic:
		return fmt.Errorf("%s is not a file system in memory (tmpfs)", place)
	case s.Blocks > 0 && int64(s.Bavail)*s.Bsize < needed:
		return fmt.Errorf("%s has less than %d MiB free; a container needs a larger /dev/shm or a tmpfs of its own", place, needed>>20)
	}
	return nil
}

// neededSpace is what a data directory, its template and some rows take at least.
func neededSpace(f rewrite.Flavor) int64 {
	if f == rewrite.MariaDB {
		return 16 << 20
	}
	return 192 << 20
}

// directory is an engine's own. Its lock tells whether the engine lives: what an engine that was killed has left is
// removed by the next one.
type directory struct {
	path string
	lock *os.File
}

func lockedDirectory(parent string) (*directory, error) {
	sweep(parent)
	path, err := os.MkdirTemp(parent, directoryPrefix)
	if err != nil {
		return nil, err
	}
	d := &directory{path: path}
	if d.lock, err = lockFile(filepath.Join(path, "lock")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return d, nil
}

// lockFile opens a file and locks it for as long as it stays open.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the directories of engines that are gone. One without a lock file is just being made.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(parent, e.Name())
		if !strings.HasPrefix(e.Name(), directoryPrefix) || !e.IsDir() || !ours(path) {
			continue
		}
		lock := filepath.Join(path, "lock")
		if _, err := os.Stat(lock); err != nil {
			continue
		}
		if f, err := lockFile(lock); err == nil {
			_ = os.RemoveAll(path) // another engine may be doing the same
			_ = f.Close()
		}
	}
}

func ours(path string) bool {
	var s unix.Stat_t
	return unix.Lstat(path, &s) == nil && int(s.Uid) == os.Getuid()
}

func (d *directory) remove() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}
