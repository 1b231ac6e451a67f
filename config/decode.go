package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder fills a struct tree and remembers where every setting stood, so that later checks can name lines.
type decoder struct {
	file     string
	lines    map[string]int    // path -> line of its key or list element
	bad      map[string]bool   // paths whose value was reported already
	fromEnv  map[string]string // path -> the variable that gave its value
	problems Problems
}

func newDecoder(file string) *decoder {
	return &decoder{file: file, lines: map[string]int{"": 1}, bad: map[string]bool{}, fromEnv: map[string]string{}}
}

// report notes a problem of a setting at the line where it, or the nearest thing around it, was written.
func (d *decoder) report(path, format string, args ...any) {
	d.bad[path] = true
	text := fmt.Sprintf(format, args...)
	if variable, ok := d.fromEnv[path]; ok {
		d.problems = append(d.problems, Problem{File: environment, Path: variable, Text: text})
		return
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: d.lineOf(path), Path: path, Text: text})
}

func (d *decoder) lineOf(path string) int {
	for {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

var yamlErrorLine = regexp.MustCompile(`line (\d+): `)

// document parses the file's text. It returns nil when there is nothing to decode.
func (d *decoder) document(data []byte) *yaml.Node {
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := reader.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	if err := reader.Decode(&second); err == nil {
		d.lines[""] = second.Line
		d.report("", "only one YAML document is allowed in the file")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	return doc.Content[0]
}

// syntax reports a YAML error. The library's text is kept without the line, which becomes ours; it quotes no values.
func (d *decoder) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlErrorLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Text: "not YAML: " + text})
}

// value decodes one node into v; tag is the struct tag of the field that v is.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value, tag reflect.StructTag) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Tag == "!!null" {
		d.report(path, "has no value")
		return
	}
	switch {
	case isSection(v.Type()):
		d.section(n, path, v)
	case v.Kind() == reflect.Slice:
		d.list(n, path, v)
	default:
		d.scalar(n, path, v, tag)
	}
}

// isSection tells structs with settings inside from structs that are one value, such as Secret.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[Secret]()
}

func (d *decoder) section(n *yaml.Node, path string, v reflect.Value) {
	if short := shortField(v.Type()); short >= 0 && n.Kind == yaml.ScalarNode {
		d.value(n, join(path, keyOf(v.Type().Field(short))), v.Field(short), v.Type().Field(short).Tag)
		return
	}
	if n.Kind != yaml.MappingNode {
		d.report(path, "wants settings, each on a line of its own, not %s", describe(n))
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		d.setting(n.Content[i], n.Content[i+1], path, v)
	}
}

// setting decodes one "key: value" of a section.
func (d *decoder) setting(key, value *yaml.Node, path string, v reflect.Value) {
	at := join(path, key.Value)
	first, seen := d.lines[at]
	if seen {
		d.problems = append(d.problems, Problem{d.file, key.Line, at, fmt.Sprintf("given twice, first in line %d", first)})
		return
	}
	d.lines[at] = key.Line
	field, ok := fieldOf(v.Type(), key.Value)
	if !ok {
		d.report(at, "unknown setting; %s", didYouMean(key.Value, keysOf(v.Type())))
		return
	}
	d.value(value, at, v.FieldByIndex(field.Index), field.Tag)
}

func (d *decoder) list(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.report(path, "wants a list, not %s", describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, element := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = element.Line
		setDefaults(v.Index(i))
		d.value(element, at, v.Index(i), "")
	}
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value, tag reflect.StructTag) {
	if n.Kind != yaml.ScalarNode {
		d.report(path, "%s, not %s", wants(v.Type()), describe(n))
		return
	}
	if isText(v) && n.Tag != "!!str" {
		d.report(path, "wants a text; put the value in quotes")
		return
	}
	if err := setScalar(v, n.Value, tag); err != nil {
		d.report(path, "%s", err)
	}
}

// isText reports whether v is a plain text, for which YAML must not have seen a number or a boolean.
func isText(v reflect.Value) bool {
	return v.Kind() == reflect.String || v.Type() == reflect.TypeFor[Secret]()
}

// setScalar parses text into v and checks it against the tag's enum and min.
func setScalar(v reflect.Value, text string, tag reflect.StructTag) error {
	switch target := v.Addr().Interface().(type) {
	case *string:
		*target = text
		return checkEnum(text, tag.Get("enum"))
	case *Secret:
		*target = NewSecret(text)
		return nil
	case *bool:
		return setBool(target, text)
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New(wants(v.Type()))
		}
		*target = n
		return checkMin(int64(n), tag.Get("min"))
	case *Duration:
		parsed, err := parseDuration(text)
		*target = parsed
		return err
	case *Moment:
		parsed, err := parseMoment(text)
		*target = parsed
		return err
	case *Size:
		parsed, err := parseSize(text)
		*target = parsed
		return cmpErr(err, checkMin(int64(parsed), tag.Get("min")))
	default:
		panic("config: a setting of type " + v.Type().String())
	}
}

// cmpErr is the first error that is one.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func setBool(target *bool, text string) error {
	switch text {
	case "true":
		*target = true
	case "false":
		*target = false
	default:
		return errors.New("wants true or false")
	}
	return nil
}

func checkEnum(text, enum string) error {
	if enum == "" || slices.Contains(strings.Split(enum, "|"), text) {
		return nil
	}
	return fmt.Errorf("wants one of %s", strings.ReplaceAll(enum, "|", ", "))
}

func checkMin(n int64, least string) error {
	if least == "" {
		return nil
	}
	if bound, _ := strconv.ParseInt(least, 10, 64); n < bound {
		return fmt.Errorf("wants at least %s", least)
	}
	return nil
}

// wants says what a value of the type looks like.
func wants(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[bool]():
		return "wants true or false"
	case reflect.TypeFor[int]():
		return "wants a whole number"
	case reflect.TypeFor[Duration]():
		return "wants a duration such as 30s"
	case reflect.TypeFor[Moment]():
		return "wants a time such as 2027-06-30T12:00:00Z"
	case reflect.TypeFor[Size]():
		return "wants a size such as 16MiB"
	default:
		return "wants a text"
	}
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}
