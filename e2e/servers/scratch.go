package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ScratchConfig is phiproxy's section "scratch" for a backend of the kind: a server program of the same version, started when
// it is needed. A script that runs it may be put into dir.
func ScratchConfig(kind Kind, dir string) (string, error) {
	switch kind {
	case MariaDB:
		return "{mode: auto, at_boot: false}", nil
	case Embedded:
		return "off", nil
	}
	program := os.Getenv("PHIPROXY_MYSQLD")
	if program == "" {
		program = filepath.Join(dir, "mysqld")
		if err := os.WriteFile(program, []byte(mysqldScript()), 0o700); err != nil {
			return "", err
		}
	}
	return "{command: " + program + ", at_boot: false}", nil
}

// mysqldScript runs MySQL 9.7, which may live in a tree of its own with its own C library (see mysql97.sh), by that library's
// loader, so that it sees the whole file system.
func mysqldScript() string {
	root := environment("MYSQL97_ROOT", "/var/tmp/mysql97")
	var libraries []string
	for _, pattern := range []string{"/lib/*-linux-gnu", "/usr/lib/*-linux-gnu"} {
		found, _ := filepath.Glob(root + pattern) // the pattern is well formed
		libraries = append(libraries, found...)
	}
	return fmt.Sprintf("#!/bin/sh\nexec %[1]s/lib64/ld-linux-x86-64.so.2 --library-path %[2]s %[1]s/usr/sbin/mysqld \"$@\" --basedir=%[1]s/usr\n", root, strings.Join(libraries, ":"))
}
