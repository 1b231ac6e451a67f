package main

import "golang.org/x/sys/unix"

// freeBytes is how much an ordinary user may still write on the file system of a directory.
func freeBytes(dir string) (uint64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return s.Bavail * uint64(s.Bsize), err
}
