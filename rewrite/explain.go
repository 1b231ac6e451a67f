package rewrite

import (
	"fmt"
	"slices"
	"strings"
)

// Explain says in a few lines what becomes of a statement: verdict, reason, the text for the backend, and how the columns
// of its result are treated. Sealed values stand as x'SEALED'.
func (p *Planner) Explain(st State, sql string) string {
	var b strings.Builder
	if !p.Mentions([]byte(sql)) {
		fmt.Fprintf(&b, "verdict: relay\nreason:  the text mentions no protected table\n")
		return b.String()
	}
	s, err := p.Plan(st, []byte(sql))
	if err != nil {
		fmt.Fprintf(&b, "verdict: refuse\nreason:  %s\nerror:   %d (%s), docs/errors.md#%s\n", err.Message(), err.Code, err.State, strings.ToLower(err.ID))
		if err.Detail != "" {
			fmt.Fprintf(&b, "detail:  %s\n", err.Detail)
		}
		return b.String()
	}
	fmt.Fprintf(&b, "verdict: %s\nreason:  %s\n", s.Verdict, s.Why)
	s.explainText(&b)
	s.explainOutputs(&b)
	if s.Show != nil && s.Show.Table != nil {
		fmt.Fprintf(&b, "shows:   the definition of %s.%s\n", s.Show.Table.Schema, s.Show.Table.Name)
	}
	return b.String()
}

// String is the verdict's name.
func (v Verdict) String() string {
	return [...]string{Relay: "relay", Direct: "direct", Lookup: "owner lookup", Scratch: "scratch"}[v]
}

func (s *Statement) explainText(b *strings.Builder) {
	if s.Compute != nil {
		s.explainCompute(b)
	}
	if s.ComputedWrite != nil {
		s.explainComputedWrite(b)
	}
	if s.Verdict == Relay || s.Verdict == Scratch || s.Show != nil {
		return
	}
	if s.Definition != nil {
		s.explainDefinition(b)
		return
	}
	if s.Verdict == Lookup {
		s.explainProbes(b)
	}
	if s.IsUpdate() {
		return
	}
	text, err := s.Text(nil, func(dst []byte, c Cell) ([]byte, error) { return append(dst, "x'SEALED'"...), nil })
	if err == nil {
		fmt.Fprintf(b, "sent:    %s\n", text)
	}
}

// explainCompute shows what runs where.
func (s *Statement) explainCompute(b *strings.Builder) {
	s.explainFetches(b)
	if s.Compute.Explain > 0 {
		return
	}
	fmt.Fprintf(b, "scratch: %s\n", s.ComputeText(nil, nil))
}

func (s *Statement) explainFetches(b *strings.Builder) {
	for i, f := range s.Fetches() {
		text, err := s.FetchText(nil, i, nil)
		switch {
		case err != nil:
		case s.explained() > 0:
			fmt.Fprintf(b, "backend: %s\n", text)
		default:
			fmt.Fprintf(b, "backend: %s\n         into %s, for %s\n", text, f.Work, f.Alias)
		}
	}
}

// explainDefinition shows the text with a type that stands for those which the columns need.
func (s *Statement) explainDefinition(b *strings.Builder) {
	if len(s.Definition.Columns) == 0 {
		fmt.Fprintf(b, "sent:    %s\n", s.SQL)
		return
	}
	fmt.Fprintf(b, "scratch: %s\n", s.Question(nil, "question", ""))
	fmt.Fprintf(b, "sent:    %s\n", s.DefinitionText(nil, slices.Repeat([]string{"VARBINARY(n)"}, len(s.Definition.Columns))))
}

func (s *Statement) explainProbes(b *strings.Builder) {
	probes, err := s.Probes()
	if err != nil {
		fmt.Fprintf(b, "refused when it runs: %v\n", err)
	}
	for _, p := range probes {
		fmt.Fprintf(b, "reads:   %s\n", p.SQL)
	}
	if s.IsUpdate() {
		fmt.Fprintf(b, "then:    the UPDATE for the rows found, each with the values sealed for its owner\n")
	}
}

func (s *Statement) explainOutputs(b *strings.Builder) {
	for i, o := range s.Outputs {
		switch {
		case o.Hidden:
			fmt.Fprintf(b, "column %d: owner, hidden from the client\n", i+1)
		case o.Flag:
			fmt.Fprintf(b, "column %d: shown as 0\n", i+1)
		case o.Table != nil:
			fmt.Fprintf(b, "column %d: %s.%s, owner in column %d%s\n", i+1, o.Table.Name, o.Table.Columns[o.Column].Name, o.Owner+1, o.Wrapped)
		}
	}
}

// String tells what an output was wrapped in, "" for nothing.
func (w *Wrapped) String() string {
	if w == nil {
		return ""
	}
	return fmt.Sprintf(", or one of %d literals", len(w.Literals))
}
