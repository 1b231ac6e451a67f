// Command phiproxy encrypts configured columns between applications and their MySQL or MariaDB server. Each subcommand is
// one file here; `phiproxy help` lists them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // something did not work
	exitUsage  = 2 // wrong command line or configuration: nothing was tried
)

// environment is what a command has of the outside world.
type environment struct {
	in       io.Reader // answers to questions; nil when there is nobody to ask
	out, err io.Writer
	environ  []string // NAME=value
}

// command is one subcommand.
type command struct {
	name  string // its words: "config check"
	args  string // what follows them and the flags in the usage line; "" when nothing may
	short string // one line for the list
	long  string // more, for its own help
	// examples are command lines for its help, as one would type them.
	examples []string
	// setup defines the command's flags and returns what to run once they are parsed.
	setup func(*flag.FlagSet) runner
}

// runner runs a command with the arguments that are not flags.
type runner func(ctx context.Context, env environment, args []string) error

// commands is the whole table, in the order of the list.
func commands() []command {
	return slices.Concat(
		[]command{serveCommand(), demoCommand(), explainCommand(), schemaPlanCommand(), schemaApplyCommand(), configCheckCommand()},
		keysCommands(), accessCommands(), tokenCommands(),
		[]command{doctorCommand(), versionCommand()},
	)
}

// usageError is a mistake on the command line or in the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	env := environment{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}
	if err := harden(); err != nil {
		fmt.Fprintln(env.err, "phiproxy:", err)
		os.Exit(exitFailed)
	}
	os.Exit(run(context.Background(), env, os.Args[1:]))
}

// run finds the command, runs it and says what went wrong. It returns the exit code.
func run(ctx context.Context, env environment, args []string) int {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		help(env.out, args)
		return exitOK
	}
	c, rest, ok := find(args)
	if !ok {
		return unknown(env.err, args)
	}
	err := c.run(ctx, env, rest)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &usageError{}):
		fmt.Fprintln(env.err, err)
		return exitUsage
	default:
		fmt.Fprintln(env.err, "phiproxy:", err)
		return exitFailed
	}
}

// unknown says that there is no such command, and which ones begin with the same word.
func unknown(w io.Writer, args []string) int {
	if group := grouped(args[0]); len(group) > 0 {
		fmt.Fprintf(w, "phiproxy %s: which of these?\n\n", args[0])
		list(w, group)
		return exitUsage
	}
	fmt.Fprintf(w, "phiproxy: no command %q; phiproxy help lists them\n", args[0])
	return exitUsage
}

func (c command) run(ctx context.Context, env environment, args []string) error {
	flags, start := c.flags()
	flags.SetOutput(env.err)
	rest, err := parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return usageError{fmt.Errorf("phiproxy help %s says how it is used", c.name)} // flags wrote what is wrong
	case c.args == "" && len(rest) > 0:
		return usageError{fmt.Errorf("phiproxy %s: unexpected argument %q", c.name, rest[0])}
	}
	return start(ctx, env, rest)
}

// parse parses flags wherever they stand and returns the other arguments.
func parse(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
}

func (c command) flags() (*flag.FlagSet, runner) {
	flags := flag.NewFlagSet("phiproxy "+c.name, flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: phiproxy %s [flags]%s\n\n%s\n\n", c.name, c.args, fold(c.long, 100))
		flags.PrintDefaults()
		for i, example := range c.examples {
			if i == 0 {
				fmt.Fprint(flags.Output(), "\nexamples:\n")
			}
			fmt.Fprintf(flags.Output(), "  %s\n", example)
		}
	}
	return flags, c.setup(flags)
}

// fold breaks a text at blanks, so that lines have at most width characters where that can be. Line breaks stay.
func fold(text string, width int) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		column := 0
		for word := range strings.FieldsSeq(paragraph) {
			switch {
			case column > 0 && column+1+len(word) > width:
				b.WriteByte('\n')
				column = 0
			case column > 0:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
	}
	return b.String()
}

// find returns the command that the arguments begin with, and the arguments after its words.
func find(args []string) (command, []string, bool) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], true
		}
	}
	return command{}, nil, false
}

// grouped returns the commands whose first word it is, when they have more words.
func grouped(word string) []command {
	var group []command
	for _, c := range commands() {
		if strings.HasPrefix(c.name, word+" ") {
			group = append(group, c)
		}
	}
	return group
}

const helpText = `phiproxy encrypts configured columns between applications and their MySQL or MariaDB server.

usage: phiproxy COMMAND [flags]

`

func help(w io.Writer, args []string) {
	if len(args) > 1 {
		if c, _, ok := find(args[1:]); ok {
			flags, _ := c.flags()
			flags.SetOutput(w)
			flags.Usage()
			return
		}
		if group := grouped(args[1]); len(group) > 0 {
			list(w, group)
			return
		}
	}
	fmt.Fprint(w, helpText)
	list(w, commands())
	fmt.Fprint(w, "\nphiproxy help COMMAND says more. Exit codes: 0 done, 1 something failed, 2 wrong command line or configuration: nothing was tried.\ndocs/configuration.md describes the configuration, docs/runbooks.md what to do when.\n")
}

func list(w io.Writer, commands []command) {
	for _, c := range commands {
		fmt.Fprintf(w, "  %-18s %s\n", c.name, c.short)
	}
}
