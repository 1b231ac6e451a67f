// Package e2e holds the end-to-end tests: the real phiproxy program between real drivers and real servers. Run
// e2e/setup.sh once before. Nothing here is skipped: what is missing makes a test fail.
package e2e
