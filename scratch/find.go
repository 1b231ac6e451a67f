package scratch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"phiproxy/rewrite"
)

// Environment variables that name the server programs; they come before PATH.
const (
	MySQLVariable   = "PHIPROXY_MYSQLD"
	MariaDBVariable = "PHIPROXY_MARIADBD"
)

// program is a server program that can be started.
type program struct {
	command []string // program and first arguments
	flavor  rewrite.Flavor
	version string // the text after "Ver"
}

// find looks for a server program of the backend's family. Debian's "mysqld" may be MariaDB, so that what a
// program is comes from what it says of itself.
func find(ctx context.Context, o Options) (program, error) {
	if len(o.Command) > 0 {
		return inspect(ctx, o.Command)
	}
	for _, name := range candidates() {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		p, err := inspect(ctx, []string{path})
		if err != nil {
			continue
		}
		if p.flavor == o.Family {
			return p, nil
		}
	}
	return program{}, fail(Off, errors.New("no server program of the backend's family is on PATH, and another one might answer differently"))
}

func candidates() []string {
	var names []string
	for _, variable := range []string{MySQLVariable, MariaDBVariable} {
		if v := os.Getenv(variable); v != "" {
			names = append(names, v)
		}
	}
	// sbin directories are often missing from the PATH of a service.
	return append(names, "mysqld", "mariadbd", "/usr/sbin/mysqld", "/usr/sbin/mariadbd", "/usr/libexec/mysqld", "/usr/libexec/mariadbd")
}

const versionTimeout = 10 * time.Second

// inspect asks a program for its version.
func inspect(ctx context.Context, command []string) (program, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], "--no-defaults", "--version")...).Output()
	if err != nil {
		return program{}, fail(Off, fmt.Errorf("%s --version: %w", command[0], err))
	}
	_, version, ok := strings.Cut(string(out), " Ver ")
	if !ok {
		return program{}, fail(Off, fmt.Errorf("%s is neither MySQL nor MariaDB", command[0]))
	}
	p := program{command: command, flavor: rewrite.MySQL, version: strings.TrimSpace(version)}
	if strings.Contains(version, "MariaDB") {
		p.flavor = rewrite.MariaDB
	}
	return p, nil
}
