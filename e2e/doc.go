// Package e2e holds the end-to-end tests: the real phiproxy program between real drivers and real servers. Run
// e2e/setup.sh once before. Nothing here is skipped: what is missing makes a test fail.
//
//	differential_test.go   the same statements in clear and through phiproxy: testdata/surgicase.sql, and generator_test.go
//	canary_test.go         nothing that was written can be found in a file, and the control run finds it
//	drivers_test.go        Go, Python and Node drivers, command lines and dumps
//	auth_test.go           passwords and TLS on both legs
//	commands_test.go       commands of the protocol, and capabilities
//	packets_test.go        sizes, slices and garbage
//	faults_test.go         servers, connections, values and the program itself break
//	kms_test.go            the key service breaks
//	reads_test.go          random SELECT statements of every form, in clear and through phiproxy
//	races_test.go          another session is faster than an upsert
//	values_test.go         what the servers do with values: records and checks the files that rewrite/logical is tested with
//	literal_test.go        parameters written as literals mean the same
//
// Helpers: servers starts databases, harness runs phiproxy, client shows everything a server says, pump cuts streams up.
// testdata/gaps lists what phiproxy refuses, and what is known to differ, of each differential run; -update writes it.
package e2e
