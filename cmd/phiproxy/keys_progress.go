package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a command is: a bar on a terminal, two lines for each owner otherwise.
type progress struct {
	w      io.Writer
	worked string                   // said of each owner for whom it worked; %s is his id
	bar    *progressbar.ProgressBar // nil without a terminal
}

func newProgress(w io.Writer, total int, worked string) *progress {
	p := &progress{w: w, worked: worked}
	if isTerminal(w) {
		p.bar = newBar(w, total)
	}
	return p
}

func newBar(w io.Writer, total int) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w), progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(50*time.Millisecond))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// done shows the outcome for one owner.
func (p *progress) done(number, total int, s subject, err error) {
	if p.bar != nil {
		defer p.advance(number, fmt.Sprintf("[%d/%d] %s", number, total, visible(s.id)))
		if err == nil {
			return
		}
		_ = p.bar.Clear() // the line of a failure goes above the bar
	}
	fmt.Fprintf(p.w, "[%d/%d] Processing user: %s\n%s\n", number, total, s, p.outcome(s, err))
}

// advance draws the bar. One that cannot be drawn is no reason to stop.
func (p *progress) advance(number int, text string) {
	p.bar.Describe(text)
	_ = p.bar.Set(number)
}

func (p *progress) outcome(s subject, err error) string {
	if err != nil {
		return "  ✗ " + err.Error()
	}
	return "  ✓ " + fmt.Sprintf(p.worked, visible(s.id))
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.bar != nil {
		fmt.Fprintln(p.w)
	}
}

// visible replaces what could move a terminal's cursor or break a line: ids and names come from tables that others write.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
