package config

// Where the scratch server comes from.
const (
	ScratchAuto     = "auto"     // a program found on this host
	ScratchCommand  = "command"  // the program of scratch.command
	ScratchDSN      = "dsn"      // the server of scratch.dsn
	ScratchEmbedded = "embedded" // inside this process
	ScratchOff      = "off"
)

// Scratch is the server that evaluates what needs plaintext. `scratch: off` is short for its mode.
type Scratch struct {
	Mode       string   `yaml:"mode" default:"auto" enum:"auto|command|dsn|embedded|off" short:"true" doc:"auto: mysqld or mariadbd, whichever is of the backend's family, of PHIPROXY_MYSQLD, PHIPROXY_MARIADBD or PATH, run as a child. command, dsn: as the setting of that name says, which alone is enough. embedded: the server of 'phiproxy demo'. off: none; statements that need it are refused. 'scratch: off' is short for 'scratch: {mode: off}'."`
	Command    string   `yaml:"command" doc:"Server program to run as a child."`
	Arguments  []string `yaml:"arguments" doc:"Further arguments of the program, such as --basedir."`
	DSN        Secret   `yaml:"dsn" doc:"user:password@unix(/path/to/socket)/ of a server that somebody else runs for this proxy alone, such as a sidecar container. The account needs all privileges with grant option; every log of the server must be off."`
	Directory  string   `yaml:"directory" doc:"Where the child's files are; a file system in memory (tmpfs). /dev/shm or another one with room when absent."`
	AtBoot     bool     `yaml:"at_boot" default:"true" doc:"Starts the server with the proxy instead of with the first statement that needs it."`
	Sessions   int      `yaml:"sessions" default:"16" min:"1" doc:"Statements that use the server at a time; more wait."`
	Rows       int      `yaml:"rows" default:"1000000" min:"1" doc:"Most rows that one statement may load."`
	Bytes      Size     `yaml:"bytes" default:"256MiB" min:"65536" doc:"Most bytes of values that one statement may load."`
	TotalBytes Size     `yaml:"total_bytes" default:"1GiB" min:"65536" doc:"The same for all statements together."`
	Time       Duration `yaml:"time" default:"1m" doc:"Longest time that one statement may take there."`
	Wait       Duration `yaml:"wait" default:"30s" doc:"Longest wait for a free session, or for the server to start."`
}

// complete lets a command or a DSN alone choose the mode.
func (s *Scratch) complete() {
	switch {
	case s.Mode != ScratchAuto:
	case s.Command != "":
		s.Mode = ScratchCommand
	case !s.DSN.Empty():
		s.Mode = ScratchDSN
	}
}

func (d *decoder) checkScratch(s Scratch) {
	s.complete()
	if s.Command == "" && s.Mode == ScratchCommand {
		d.problem("scratch.command", "is missing: scratch.mode is command")
	}
	if s.DSN.Empty() && s.Mode == ScratchDSN {
		d.problem("scratch.dsn", "is missing: scratch.mode is dsn")
	}
	if s.Command != "" && s.Mode != ScratchCommand {
		d.problem("scratch.command", "has no effect: scratch.mode is %s", s.Mode)
	}
	if !s.DSN.Empty() && s.Mode != ScratchDSN {
		d.problem("scratch.dsn", "has no effect: the server comes from scratch.%s", s.Mode)
	}
	if s.Mode == ScratchDSN && s.Directory != "" {
		d.problem("scratch.directory", "has no effect: the server of scratch.dsn has its own")
	}
}
