// Package docs carries the documents that the program itself shows, and the tests that keep all of them true.
package docs

import (
	_ "embed"
	"regexp"
	"strings"
)

//go:embed errors.md
var errorsText string

var (
	heading     = regexp.MustCompile(`(?m)^### (PHI-\d{4})$`)
	codeLine    = regexp.MustCompile(`(?m)^Error \d+, SQLSTATE .*$`)
	groupHeadRE = regexp.MustCompile(`(?m)^## .*$`)
)

// Explanations is what errors.md says about each code besides the fault's own text: code -> Markdown.
func Explanations() map[string]string { return explanations(errorsText) }

// explanations reads the handwritten part of every section.
func explanations(text string) map[string]string {
	found := map[string]string{}
	places := heading.FindAllStringSubmatchIndex(text, -1)
	for i, place := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		body := text[place[1]:end]
		if line := codeLine.FindStringIndex(body); line != nil {
			body = body[line[1]:]
		}
		if group := groupHeadRE.FindStringIndex(body); group != nil {
			body = body[:group[0]]
		}
		found[text[place[2]:place[3]]] = strings.TrimSpace(body)
	}
	return found
}
