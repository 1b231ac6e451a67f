//go:build !linux

package main

// harden has nothing to do where the system offers no prctl.
func harden() error { return nil }
