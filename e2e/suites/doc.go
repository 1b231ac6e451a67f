// Package suites runs the test suites of other people's drivers twice, against a server and through phiproxy in front of
// the same server, and wants the same tests to pass. What a suite needs that phiproxy does not offer yet is listed by the
// names of the tests in testdata; a listed test that passes must leave the list.
package suites
