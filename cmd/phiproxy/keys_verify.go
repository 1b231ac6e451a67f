package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"phiproxy/audit"
)

func keysVerifyAuditCommand() command {
	return command{
		name: "keys verify-audit", short: "prove that the access log was not tampered with",
		long: "Reads the whole access log and checks that every line follows from the one before it, and that the signatures are the log's own. Names the first line that is wrong: changed, removed, added or moved. " +
			"Records after the last signature are chained but could have been cut off; their number is printed. " +
			"What could have been cut off the end together with its signature only a witness can tell: --anchor takes record number and hash from a line \"access log\" of the proxy's own log, kept elsewhere, and proves that this record is still there. " +
			"On another machine, copy the directory and the public key (key_file.pub) there, and give --dir and --public-key. Exit code 0 when all is well, 1 when a line is bad or cannot be read, 2 for a wrong command line.",
		examples: []string{
			"phiproxy keys verify-audit", "phiproxy keys verify-audit --dir /mnt/archive/phiproxy-a --public-key /etc/phiproxy/audit.key.pub",
			"phiproxy keys verify-audit --anchor 1207:6cb6bcc2e9a90bff4bd32032ecbad8f304cf2ef80aa66dfa423f508677b8398e",
		},
		setup: func(flags *flag.FlagSet) runner {
			logs := logFlags(flags)
			var v verification
			flags.StringVar(&v.keyFile, "public-key", "", "PEM `file` with the log's public key; audit.key_file.pub when absent")
			flags.Func("anchor", "`record:hash` that must be in the log", v.anchor.set)
			return func(_ context.Context, env environment, _ []string) (err error) {
				if v.dirs, err = logs.directories(env); err != nil {
					return err
				}
				if v.anchor.hash != "" && len(v.dirs) > 1 {
					return usageError{errors.New("phiproxy keys verify-audit: --anchor is of one log")}
				}
				if v.keyFile == "" {
					if v.keyFile, err = logs.publicKey(env); err != nil {
						return err
					}
				}
				return v.run(env.out)
			}
		},
	}
}

// publicKey is the file with the public key of the configured log.
func (l *logs) publicKey(env environment) (string, error) {
	if len(l.dirs) > 0 {
		return "", usageError{errors.New("phiproxy keys verify-audit: --dir goes with --public-key")}
	}
	cfg, err := l.load(env)
	if err != nil {
		return "", err
	}
	return cfg.Audit.KeyFile + ".pub", nil
}

var errTampered = errors.New("the access log does not verify, see above")

// verification is what keys verify-audit was asked for.
type verification struct {
	dirs    []string
	keyFile string
	anchor  anchor
}

func (v *verification) run(w io.Writer) error {
	key, err := audit.ReadPublicKey(v.keyFile)
	if err != nil {
		return err
	}
	for _, dir := range v.dirs {
		ok, verifyErr := v.one(w, dir, key)
		if verifyErr != nil {
			return verifyErr
		}
		if !ok {
			err = errTampered
		}
	}
	return err
}

// one verifies one log and prints what it found.
func (v *verification) one(w io.Writer, dir string, key ed25519.PublicKey) (ok bool, err error) {
	if _, err := os.Stat(dir); err != nil {
		return false, err
	}
	report, err := audit.Verify(dir, key)
	if err != nil {
		return false, err
	}
	printReport(w, dir, report)
	if report.Bad != nil || v.anchor.hash == "" {
		return report.Bad == nil, nil
	}
	found, err := v.anchor.in(dir)
	if found {
		fmt.Fprintf(w, "  ok: record %d is there, and is the one of the anchor\n", v.anchor.record)
	} else {
		fmt.Fprintf(w, "  BAD: record %d of the anchor is not there: the end was cut off, or it is another log\n", v.anchor.record)
	}
	return found, err
}

func printReport(w io.Writer, dir string, r audit.Report) {
	fmt.Fprintf(w, "%s: %s in %s", dir, plural(r.Records, "record"), plural(r.Files, "file"))
	if r.Records > 0 {
		fmt.Fprintf(w, ", from %s to %s", shortTime(r.First), shortTime(r.Last))
	}
	fmt.Fprintln(w)
	if r.Torn > 0 || r.Gaps > 0 {
		fmt.Fprintf(w, "  lines cut off by a crash: %d; times in which nothing could be recorded: %d; the log itself says so\n", r.Torn, r.Gaps)
	}
	if r.Bad != nil {
		fmt.Fprintf(w, "  BAD: %s line %d: %s\n", r.Bad.File, r.Bad.Line, r.Bad.Text)
		return
	}
	fmt.Fprintf(w, "  ok: every line is in its place; signed up to record %d\n", r.Signed)
}

// anchor is a record of the log as a witness remembers it.
type anchor struct {
	record uint64
	hash   string // "" for no anchor
}

var anchorForm = regexp.MustCompile(`^([1-9][0-9]{0,18}):([0-9a-f]{64})$`)

func (a *anchor) set(text string) error {
	m := anchorForm.FindStringSubmatch(text)
	if m == nil {
		return errors.New("want a record's number and hash, such as 17:6cb6...398e")
	}
	a.record, _ = strconv.ParseUint(m[1], 10, 64) // at most 19 digits: it fits
	a.hash = m[2]
	return nil
}

// in looks for the record in the files of a log that has been verified.
func (a *anchor) in(dir string) (bool, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return false, err
	}
	for _, file := range files {
		if found, err := a.inFile(file); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (a *anchor) inFile(name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	first, last := fmt.Appendf(nil, `{"n":%d,`, a.record), fmt.Appendf(nil, `"hash":"%s"}`, a.hash)
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		if bytes.HasPrefix(line, first) {
			return bytes.HasSuffix(bytes.TrimSuffix(line, []byte("\n")), last), nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}
