package config

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
)

// Load reads the file, puts the environment ("NAME=value", as os.Environ gives it) over it, checks the whole and reads the
// secrets that are kept in files of their own. The error is Problems. Relative paths in the file start at the working
// directory.
func Load(path string, environ []string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Problems{{File: path, Text: "cannot be read: " + reason(err)}}
	}
	cfg, d := parse(path, data, environ)
	d.files(cfg)
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return cfg, nil
}

// Parse is Load on a text, without looking at any file. The name is for problems only.
func Parse(name string, data []byte, environ []string) (*Config, error) {
	cfg, d := parse(name, data, environ)
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return cfg, nil
}

func parse(name string, data []byte, environ []string) (*Config, *decoder) {
	cfg := &Config{}
	d := newDecoder(name)
	root := reflect.ValueOf(cfg).Elem()
	setDefaults(root)
	if doc := d.document(data); doc != nil && doc.Tag != "!!null" {
		d.value(doc, "", root, "")
	}
	if len(d.problems) > 0 && strings.HasPrefix(d.problems[0].Text, "not YAML") {
		return cfg, d
	}
	d.environment(cfg, environ)
	d.required(root, "")
	d.check(cfg)
	cfg.complete()
	return cfg, d
}

// required reports every setting that must be given and was not.
func (d *decoder) required(v reflect.Value, path string) {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			d.required(v.Index(i), indexed(path, i))
		}
		return
	}
	if !isSection(v.Type()) || d.bad[path] {
		return
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		at := join(path, keyOf(f))
		if f.Tag.Get("need") != "" && empty(v.Field(i)) && !d.bad[at] {
			d.report(at, "is missing: %s", f.Tag.Get("doc"))
			continue
		}
		d.required(v.Field(i), at)
	}
}

func empty(v reflect.Value) bool { return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 }

// complete fills in what follows from other settings.
func (c *Config) complete() {
	c.Scratch.complete()
	for i := range c.Tables {
		t := &c.Tables[i]
		if t.Family == "" {
			t.Family = t.Name
		}
		for j := range t.Columns {
			if t.Columns[j].ID == "" {
				t.Columns[j].ID = t.Family + "." + t.Columns[j].Name
			}
		}
	}
}

// files looks at every file that the configuration names and reads the secrets out of theirs.
func (d *decoder) files(cfg *Config) {
	leaves(reflect.ValueOf(cfg).Elem(), "", "", func(l leaf) {
		if l.tag.Get("file") == "" || l.value.String() == "" || d.bad[l.path] {
			return
		}
		if err := readable(l.value.String()); err != nil {
			d.report(l.path, "cannot be read: %s", reason(err))
		}
	})
	if cfg.Keys.Store.DSNFile == "" || d.bad["keys.store.dsn_file"] {
		return
	}
	text, err := os.ReadFile(cfg.Keys.Store.DSNFile)
	if err != nil {
		d.report("keys.store.dsn_file", "cannot be read: %s", reason(err))
		return
	}
	cfg.Keys.Store.DSN = NewSecret(strings.TrimSpace(string(text)))
	d.checkDSN("keys.store.dsn_file", cfg.Keys.Store.DSN)
}

func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// reason is what the operating system said, without the path, which the problem's own text names.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
