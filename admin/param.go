package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// kind is the type of a parameter.
type kind int

const (
	text kind = iota
	number
	moment // RFC 3339
	choice
)

// param declares one query parameter: how it is parsed, and how openapi.json describes it.
type param struct {
	name     string
	doc      string
	kind     kind
	need     bool
	acting   bool // admin_user_id: a principal that acts as one user need not give it
	fallback int  // number: when absent
	min, max int  // number
	choices  []string
}

// values are the parsed parameters of a call, by name: string, int or time.Time. Absent ones are not in it.
type values map[string]any

func (v values) text(name string) string      { s, _ := v[name].(string); return s }
func (v values) number(name string) int       { n, _ := v[name].(int); return n }
func (v values) moment(name string) time.Time { t, _ := v[name].(time.Time); return t }
func (v values) has(name string) bool         { _, ok := v[name]; return ok }

// invalid is one entry of a 422 answer, as FastAPI has it with pydantic 2.
type invalid struct {
	Type  string         `json:"type"`
	Loc   []string       `json:"loc"`
	Msg   string         `json:"msg"`
	Input any            `json:"input"`
	Ctx   map[string]any `json:"ctx,omitempty"`
}

// parseValues reads the declared parameters; others are ignored, as FastAPI does. Of a repeated one the last counts.
func parseValues(params []param, query string, p principal) (values, *apiError) {
	given, err := url.ParseQuery(query)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "Malformed query string")
	}
	parsed, problems := values{}, []invalid{}
	for i := range params {
		want := &params[i]
		all := given[want.name]
		if len(all) == 0 {
			if want.need && (!want.acting || p.userID == "") {
				problems = append(problems, want.invalid("missing", "Field required", nil, nil))
			} else if want.kind == number {
				parsed[want.name] = want.fallback
			}
			continue
		}
		value, problem := want.parse(all[len(all)-1])
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		parsed[want.name] = value
	}
	if len(problems) > 0 {
		return nil, &apiError{status: http.StatusUnprocessableEntity, detail: problems}
	}
	return parsed, nil
}

func (p *param) invalid(kind, msg string, input any, ctx map[string]any) invalid {
	return invalid{kind, []string{"query", p.name}, msg, input, ctx}
}

func (p *param) parse(input string) (any, *invalid) {
	var problem invalid
	switch {
	case !utf8.ValidString(input) || strings.ContainsRune(input, 0):
		problem = p.invalid("string_unicode", "Input should be a valid string, unable to parse raw data as a unicode string", nil, nil)
	case p.kind == number:
		return p.parseNumber(input)
	case p.kind == moment:
		at, err := time.Parse(time.RFC3339, input)
		if err == nil {
			return at.UTC(), nil
		}
		problem = p.invalid("datetime_parsing", "Input should be a valid datetime such as 2026-01-31T12:00:00Z", input, nil)
	case p.kind == choice && !slices.Contains(p.choices, input):
		expected := "'" + strings.Join(p.choices, "', '") + "'"
		problem = p.invalid("enum", "Input should be one of "+expected, input, map[string]any{"expected": expected})
	default:
		return input, nil
	}
	return nil, &problem
}

func (p *param) parseNumber(input string) (any, *invalid) {
	n, err := strconv.Atoi(strings.TrimSpace(input))
	var problem invalid
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange): // n is the nearest number then
		problem = p.invalid("int_parsing", "Input should be a valid integer, unable to parse string as an integer", input, nil)
	case n < p.min:
		problem = p.invalid("greater_than_equal", fmt.Sprintf("Input should be greater than or equal to %d", p.min), input, map[string]any{"ge": p.min})
	case n > p.max:
		problem = p.invalid("less_than_equal", fmt.Sprintf("Input should be less than or equal to %d", p.max), input, map[string]any{"le": p.max})
	default:
		return n, nil
	}
	return nil, &problem
}
