package scratch

import (
	"os"
	"strconv"

	"phiproxy/rewrite"
)

// common are the arguments of every run of a server program over a data directory. An own configuration file of the
// machine's server must have no say here.
func (l *childLauncher) common(data string) []string {
	args := append([]string{"--no-defaults"}, l.arguments...)
	args = append(args, "--datadir="+data, "--tmpdir="+l.path("tmp"), "--lower-case-table-names="+strconv.Itoa(l.fold),
		"--character-set-server=utf8mb4", "--skip-log-bin", "--skip-networking", "--performance-schema=OFF", "--skip-stack-trace", "--local-infile=ON")
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	if l.program.flavor == rewrite.MariaDB {
		return append(args, "--skip-innodb", "--default-storage-engine=MyISAM", "--log-warnings=0")
	}
	// InnoDB holds MySQL's data dictionary and nothing else.
	return append(args, "--log-error-verbosity=1", "--innodb-buffer-pool-size=16M", "--innodb-redo-log-capacity=16M", "--innodb-doublewrite=OFF",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-use-native-aio=OFF", "--secure-file-priv=NULL")
}

// runArguments are those of a server that answers.
func (l *childLauncher) runArguments() []string {
	args := append(l.common(l.path("data")), "--socket="+l.path("sock"), "--pid-file="+l.path("pid"), "--init-file="+l.path("init.sql"),
		"--general-log=OFF", "--slow-query-log=OFF", "--event-scheduler=OFF", "--skip-name-resolve",
		"--explicit-defaults-for-timestamp=ON", "--max-allowed-packet="+strconv.Itoa(maxPacket), "--key-buffer-size=8M",
		"--max-connections="+strconv.Itoa(l.sessions+spareConnections), "--tmp-table-size=64M", "--max-heap-table-size=64M")
	if l.program.flavor == rewrite.MariaDB {
		// An empty directory: there is no file to read, and no account that may write one.
		// Hash joins, which MySQL has by itself: work tables seldom have keys.
		return append(args, "--join-cache-level=4", "--aria-pagecache-buffer-size=8M", "--query-cache-type=OFF", "--secure-file-priv="+l.path("nowhere"))
	}
	return append(args, "--mysqlx=OFF", "--auto-generate-certs=OFF", "--caching-sha2-password-auto-generate-rsa-keys=OFF",
		"--temptable-max-mmap=0", "--internal-tmp-mem-storage-engine=TempTable")
}

// spareConnections are for the engine itself: its control connection, and sessions that are just being replaced.
const spareConnections = 16
