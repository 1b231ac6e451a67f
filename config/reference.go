package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference is docs/configuration.md: every setting with its type, default, variable and meaning.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		f := t.Field(i)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", keyOf(f), f.Tag.Get("doc"))
		b.WriteString("| setting | type | default | meaning |\n|---|---|---|---|\n")
		referenceRows(&b, f.Type, keyOf(f))
	}
	return b.String()
}

const referenceHead = `# Configuration

<!-- Generated from config/config.go: go test ./config -run Reference -update -->

phiproxy reads one YAML file, named by ` + "`--config`" + ` or ` + "`PHIPROXY_CONFIG`" + `. It is strict: unknown settings, missing values, wrong types and
values that make no sense are all reported at once, each with its line, and nothing starts. ` + "`phiproxy config check`" + ` only checks.

Every setting outside lists of sections (` + "`tables`, `admin.tokens`, `admin.certificates`" + `) can be given, or overridden, by an environment variable: its path in capitals with underscores after
` + "`PHIPROXY_`" + `, so ` + "`listen.tls.cert`" + ` is ` + "`PHIPROXY_LISTEN_TLS_CERT`" + `. Lists are separated by commas. A variable that begins with ` + "`PHIPROXY_`" + `
and names no setting is an error too, except ` + "`PHIPROXY_CONFIG`" + `, those of the tests (` + "`PHIPROXY_MYSQLD`, `PHIPROXY_MARIADBD`, `PHIPROXY_TEST_*`" + `)
and those that Kubernetes makes for a service called phiproxy (` + "`PHIPROXY_PORT*`, `PHIPROXY_SERVICE_*`" + `).

Durations are written ` + "`500ms`, `30s`, `24h`" + `; sizes ` + "`65536`, `64KiB`, `16MiB`" + `. Relative file names start at the working directory. A working
file with every section is [phiproxy.example.yaml](../phiproxy.example.yaml).
`

func referenceRows(b *strings.Builder, t reflect.Type, path string) {
	if t.Kind() == reflect.Slice {
		t, path = t.Elem(), path+"[]"
	}
	for i := range t.NumField() {
		f := t.Field(i)
		at := join(path, keyOf(f))
		if isSection(f.Type) || isSections(f.Type) {
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", at, typeName(f), defaultText(f), f.Tag.Get("doc"))
			referenceRows(b, f.Type, at)
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", at, typeName(f), defaultText(f), f.Tag.Get("doc"))
	}
}

func typeName(f reflect.StructField) string {
	if enum := f.Tag.Get("enum"); enum != "" {
		return strings.ReplaceAll(enum, "|", ", ")
	}
	switch {
	case isSection(f.Type):
		return "section"
	case f.Type.Kind() == reflect.Slice:
		return "list"
	case f.Type == reflect.TypeFor[bool]():
		return "true, false"
	case f.Type == reflect.TypeFor[int]():
		return "number"
	case f.Tag.Get("file") != "":
		return "file"
	default:
		return strings.ToLower(strings.Replace(f.Type.Name(), "string", "text", 1))
	}
}

func defaultText(f reflect.StructField) string {
	text, ok := f.Tag.Lookup("default")
	switch {
	case f.Tag.Get("need") != "":
		return "needed"
	case ok:
		return "`" + text + "`"
	case f.Type == reflect.TypeFor[bool]():
		return "`false`"
	default:
		return ""
	}
}
