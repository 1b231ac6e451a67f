//go:build !linux

package scratch

import (
	"errors"

	"phiproxy/rewrite"
)

// A child needs Linux: there the kernel ends it with its parent, and a file system can be known to be in memory.
// Elsewhere the server can be a sidecar.

var errNotLinux = errors.New("the scratch server can be a child of the proxy on Linux only; use the mode dsn")

type directory struct{ path string }

func makeDirectory(string, int64) (*directory, error) { return nil, errNotLinux }

func (d *directory) remove() error { return nil }

func neededSpace(rewrite.Flavor) int64 { return 0 }

type child struct {
	done   chan struct{}
	output *tail
}

func startChild(_, _ []string, _ string) (*child, error) { return nil, errNotLinux }

func (c *child) kill()    {}
func (c *child) pid() int { return 0 }
