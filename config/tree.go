package config

import (
	"fmt"
	"reflect"
)

func keyOf(f reflect.StructField) string { return f.Tag.Get("yaml") }

func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = keyOf(t.Field(i))
	}
	return keys
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if keyOf(t.Field(i)) == key {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

// shortField is the index of the field that may stand for the whole section, -1 when there is none.
func shortField(t reflect.Type) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("short") != "" {
			return i
		}
	}
	return -1
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// setDefaults gives every setting below v the default of its tag. A default that does not parse is a mistake in this
// package, found by every test.
func setDefaults(v reflect.Value) {
	if !isSection(v.Type()) {
		return
	}
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		setDefaults(v.Field(i))
		text, ok := tag.Lookup("default")
		if !ok {
			continue
		}
		if err := setScalar(v.Field(i), text, tag); err != nil {
			panic("config: the default of " + v.Type().Field(i).Name + " " + err.Error())
		}
	}
}

// leaf is one setting that holds a value, with where it stands in the tree.
type leaf struct {
	path  string
	value reflect.Value
	tag   reflect.StructTag
}

// leaves visits every setting below v that is not a section, list elements included.
func leaves(v reflect.Value, path string, tag reflect.StructTag, visit func(leaf)) {
	switch {
	case isSection(v.Type()):
		for i := range v.NumField() {
			f := v.Type().Field(i)
			leaves(v.Field(i), join(path, keyOf(f)), f.Tag, visit)
		}
	case v.Kind() == reflect.Slice:
		visit(leaf{path, v, tag})
		for i := range v.Len() {
			leaves(v.Index(i), fmt.Sprintf("%s[%d]", path, i), "", visit)
		}
	default:
		visit(leaf{path, v, tag})
	}
}
