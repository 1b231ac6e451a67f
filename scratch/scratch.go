// Package scratch evaluates what needs plaintext in MySQL itself: a private server of the backend's own family, inside
// the trusted zone, in memory, that answers on a unix socket only. The planner loads the rows that a statement needs
// into work tables with their logical types, runs the remainder of the client's statement over them, and passes on
// columns, rows, errors and warnings, which are therefore MySQL's own.
//
//	engine, err := scratch.Open(ctx, scratch.Options{...})
//	err = engine.Sync(ctx, schema, showCreate)          // twins of the protected tables, after every change of the schema
//	session, err := engine.Session(ctx, settings)       // one statement of one client
//	defer session.Release()
//	name, err := session.Load(ctx, table, rows)         // as often as needed
//	rows, err := session.Query(ctx, sql)                // rows.Columns and rows.Next give packets for the client
//
// What keeps clients apart: a session is a slot with an account of its own, which sees its own database and the empty
// twins and nothing else. After use its work tables are emptied (MyISAM cuts their files to nothing), and its variables,
// prepared statements and locks go with COM_RESET_CONNECTION; a slot whose connection is in doubt is thrown away with its
// database.
//
// What keeps rows off disks and out of logs: the data directory is on tmpfs, every log is off, and what the server prints
// is dropped once it is up. The kernel kills the server when the proxy ends, and a watchdog then removes the directory.
package scratch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"phiproxy/rewrite"
)

// Mode says where the server comes from.
type Mode string

// The modes.
const (
	ModeAuto     Mode = "auto"     // a program found by environment or PATH, as a child
	ModeCommand  Mode = "command"  // the given program, as a child
	ModeDSN      Mode = "dsn"      // a server that somebody else runs, behind a unix socket
	ModeEmbedded Mode = "embedded" // phiproxy's own server, inside this process
	ModeOff      Mode = "off"      // none
)

// Options of an engine.
type Options struct {
	Mode   Mode           // "" is ModeAuto
	Family rewrite.Flavor // of the backend; auto prefers it
	// Command is the server program with first arguments (ModeCommand), Arguments are added behind the engine's own
	// --no-defaults: a --basedir, say.
	Command, Arguments []string
	// DSN is user:password@unix(/path/to/socket)/ of an account with all privileges and the grant option (ModeDSN).
	DSN string
	// Directory must be on a file system in memory; "" looks for one.
	Directory string
	// LowerCaseNames is the backend's @@lower_case_table_names.
	LowerCaseNames int
	AtBoot         bool // start the server in Open, not with the first session
	Limits         Limits
	Log            *zap.Logger           // nil for none
	Metrics        prometheus.Registerer // nil for none
}

// Limits bound what statements may hold in the server. Zero means the default.
type Limits struct {
	Sessions   int           // statements at a time; 16
	Rows       int           // rows that one statement loads; 1,000,000
	Bytes      int64         // bytes of the values that one statement loads; 256 MiB
	TotalBytes int64         // the same of all statements that run; 1 GiB
	Time       time.Duration // from Session to Release; 60 s
	Wait       time.Duration // for a free session, and for a server that is starting; 30 s
}

func (l Limits) complete() Limits {
	set(&l.Sessions, 16)
	set(&l.Rows, 1_000_000)
	set(&l.Bytes, 256<<20)
	set(&l.TotalBytes, 1<<30)
	set(&l.Time, time.Minute)
	set(&l.Wait, 30*time.Second)
	return l
}

func set[T comparable](to *T, otherwise T) {
	var zero T
	if *to == zero {
		*to = otherwise
	}
}
