package config

import (
	"reflect"
	"slices"
	"strings"
)

const (
	environment = "environment"
	envPrefix   = "PHIPROXY_"
)

// envName is the variable that overrides a setting: PHIPROXY_LISTEN_TLS_CERT for listen.tls.cert.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// foreignVariable reports variables with our prefix that are no settings: the path of the file, variables of the test
// suite, and what Kubernetes sets in every pod when a service is called phiproxy.
func foreignVariable(name string) bool {
	return name == "PHIPROXY_CONFIG" || name == "PHIPROXY_MYSQLD" || name == "PHIPROXY_MARIADBD" || strings.HasPrefix(name, "PHIPROXY_TEST_") ||
		strings.HasPrefix(name, "PHIPROXY_SERVICE_") || name == "PHIPROXY_PORT" || strings.HasPrefix(name, "PHIPROXY_PORT_")
}

// environment puts variables ("NAME=value") over what the file said. Lists of sections, such as the tables, have no variables.
func (d *decoder) environment(cfg *Config, environ []string) {
	settings := map[string]leaf{}
	leaves(reflect.ValueOf(cfg).Elem(), "", "", func(l leaf) {
		if !strings.Contains(l.path, "[") && !isSections(l.value.Type()) {
			settings[envName(l.path)] = l
		}
	})
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || foreignVariable(name) {
			continue
		}
		d.variable(settings, name, text)
	}
}

func isSections(t reflect.Type) bool { return t.Kind() == reflect.Slice && isSection(t.Elem()) }

func (d *decoder) variable(settings map[string]leaf, name, text string) {
	l, ok := settings[name]
	if !ok {
		known := make([]string, 0, len(settings))
		for k := range settings {
			known = append(known, k)
		}
		slices.Sort(known)
		hint := didYouMean(name, known)
		if strings.HasPrefix(hint, "known here") {
			hint = "docs/configuration.md lists them"
		}
		d.problems = append(d.problems, Problem{File: environment, Path: name, Text: "no such setting; " + hint})
		return
	}
	d.fromEnv[l.path] = name
	delete(d.bad, l.path)
	d.lines[l.path] = 0
	if list, ok := l.value.Addr().Interface().(*[]string); ok {
		*list = splitList(text)
		return
	}
	if err := setScalar(l.value, text, l.tag); err != nil {
		d.report(l.path, "%s", err)
	}
}

func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
