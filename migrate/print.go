package migrate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"phiproxy/migrate/catalog"
)

// Print shows the plan to a person.
func (p *Plan) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Server %s, database %s\n", p.Server, p.Database)
	printProblems(&b, "Refused. Nothing will be changed before these are resolved:", p.Refusals)
	printProblems(&b, "Please look at:", p.Warnings)
	if len(p.Refusals) == 0 {
		p.printSteps(&b)
		p.printTables(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printProblems(b *strings.Builder, title string, problems []catalog.Problem) {
	if len(problems) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, p := range problems {
		fmt.Fprintf(b, "  - %s\n", wrap(p.String(), "    "))
	}
}

func (p *Plan) printSteps(b *strings.Builder) {
	if len(p.Steps) == 0 {
		fmt.Fprint(b, "\nNothing to do: the database is as configured.\n")
		return
	}
	fmt.Fprintf(b, "\n%d steps:\n", len(p.Steps))
	for i, s := range p.Steps {
		fmt.Fprintf(b, "\n%3d. %s\n     %s\n\n%s;\n", i+1, s.Table, wrap(s.Why, "     "), indent(s.SQL, "       "))
		if s.Undo != "" {
			fmt.Fprintf(b, "\n     undo: %s\n", wrap(strings.Join(strings.Fields(s.Undo), " "), "           "))
		}
	}
}

func (p *Plan) printTables(b *strings.Builder) {
	fmt.Fprint(b, "\nAfterwards:\n")
	for _, t := range p.Tables {
		meaning := "no value in plain; from then on one that is not sealed is an error"
		if t.State == catalog.Migrating {
			meaning = "rows still hold plaintext, which stays readable until it is sealed"
		}
		fmt.Fprintf(b, "  %s is %s: %s\n", t.Table, t.State, meaning)
	}
}

func indent(text, by string) string { return by + strings.ReplaceAll(text, "\n", "\n"+by) }

// wrap breaks a text at spaces after 100 columns; later lines begin with indent.
func wrap(text, indent string) string {
	var b strings.Builder
	column := 0
	for i, w := range strings.Fields(text) {
		if i > 0 && column+len(w) >= 100 {
			b.WriteString("\n" + indent)
			column = 0
		} else if i > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(w)
		column += len(w)
	}
	return b.String()
}

// JSON writes the plan for a program.
func (p *Plan) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Server   string       `json:"server"`
		Database string       `json:"database"`
		Refusals []string     `json:"refusals"`
		Warnings []string     `json:"warnings"`
		Steps    []Step       `json:"steps"`
		Tables   []TableState `json:"tables"`
	}{p.Server, p.Database, texts(p.Refusals), texts(p.Warnings), append([]Step{}, p.Steps...), append([]TableState{}, p.Tables...)})
}

func texts(problems []catalog.Problem) []string {
	out := []string{}
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}
