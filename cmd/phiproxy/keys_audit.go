package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"phiproxy/keys/store"
)

func keysExportAuditCommand() command {
	return command{
		name: "keys export-audit", short: "write the trail of key operations to a file",
		long: "Writes the records of encryption_key_audit, oldest first, as JSON lines or CSV. --from is inclusive, --to is not. In CSV a cell that a spreadsheet would take for a formula gets a ' in front.",
		examples: []string{
			"phiproxy keys export-audit --out audit.jsonl", "phiproxy keys export-audit --format csv --from 2026-01-01 --to 2027-01-01 --out audit-2026.csv", "phiproxy keys export-audit --user USER001 --from 24h",
		},
		setup: func(flags *flag.FlagSet) runner {
			var e export
			flags.StringVar(&e.format, "format", "jsonl", "jsonl or csv")
			flags.StringVar(&e.filter.Owner, "user", "", "only this `user`'s keys")
			momentFlag(flags, &e.filter.From, "from", "the first `time`: a date, a time, or how long ago, such as 7d")
			momentFlag(flags, &e.filter.To, "to", "the `time` to end before")
			flags.StringVar(&e.file, "out", "", "new `file` to write, mode 0600; standard output when absent")
			return looking(flags, e.check, func(ctx context.Context, o *operator) error { return o.exportAudit(ctx, e) })
		},
	}
}

// export is what keys export-audit was asked for.
type export struct {
	format, file string
	filter       store.AuditFilter
}

func (e *export) check() error {
	if !slices.Contains([]string{"jsonl", "csv"}, e.format) {
		return errors.New("--format wants jsonl or csv")
	}
	return checkRange(e.filter.From, e.filter.To)
}

func (o *operator) exportAudit(ctx context.Context, e export) (err error) {
	out := o.env.out
	if e.file != "" {
		f, err := os.OpenFile(e.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return usageError{err}
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	buffered := bufio.NewWriter(out)
	write, flush := jsonLines(buffered)
	if e.format == "csv" {
		write, flush = csvLines(buffered)
	}
	return errors.Join(o.store.EachAudit(ctx, e.filter, write), flush(), buffered.Flush())
}

// auditRecord is one record as the guide's audit-log endpoint shows it.
type auditRecord struct {
	ID          int64           `json:"audit_id"`
	User        string          `json:"user_id"`
	Operation   string          `json:"operation"`
	PerformedBy string          `json:"performed_by"`
	Time        string          `json:"operation_timestamp"`
	Details     json.RawMessage `json:"details"`
	IPAddress   string          `json:"ip_address"`
}

func jsonLines(w io.Writer) (write func(store.AuditEntry) error, flush func() error) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	write = func(a store.AuditEntry) error {
		return e.Encode(auditRecord{a.ID, a.Owner, a.Operation, a.PerformedBy, shortTime(a.Timestamp), a.Details, a.IPAddress})
	}
	return write, func() error { return nil }
}

func csvLines(w io.Writer) (write func(store.AuditEntry) error, flush func() error) {
	c := csv.NewWriter(w)
	head := c.Write([]string{"audit_id", "user_id", "operation", "performed_by", "operation_timestamp", "details", "ip_address"})
	write = func(a store.AuditEntry) error {
		if head != nil {
			return head
		}
		return c.Write([]string{strconv.FormatInt(a.ID, 10), cell(a.Owner), cell(a.Operation), cell(a.PerformedBy), shortTime(a.Timestamp), string(a.Details), cell(a.IPAddress)})
	}
	return write, func() error {
		c.Flush()
		return c.Error()
	}
}

// cell keeps a spreadsheet from running what a user name or an id may hold.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
