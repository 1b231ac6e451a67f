package admin

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// of is the JSON schema of a value's type: a reference for structs, which are added to the components.
func (s *schemas) of(v any) object { return s.ofType(reflect.TypeOf(v)) }

func (s *schemas) ofType(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]():
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return orNullSchema(s.ofType(t.Elem()))
	case reflect.Slice:
		return object{"type": "array", "items": s.ofType(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.ofType(t.Elem())}
	case reflect.Struct:
		return s.named(t)
	default:
		return scalarSchema(t.Kind())
	}
}

func scalarSchema(k reflect.Kind) object {
	switch k {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	default:
		panic("admin: no schema for a field of kind " + k.String())
	}
}

// orNullSchema is for pointers.
func orNullSchema(schema object) object {
	if kind, ok := schema["type"].(string); ok {
		schema["type"] = []string{kind, "null"}
		return schema
	}
	return object{"oneOf": []object{schema, {"type": "null"}}}
}

var notWord = regexp.MustCompile(`[^A-Za-z0-9]+`)

// named adds a struct to the components and refers to it.
func (s *schemas) named(t reflect.Type) object {
	name := t.Name()
	if _, argument, ok := strings.Cut(name, "["); ok { // failureOf[phiproxy/admin.message]
		name = "failure_" + notWord.ReplaceAllString(argument[strings.LastIndex(argument, ".")+1:], "")
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if _, ok := s.components[name]; !ok {
		properties, required := object{}, []string{}
		s.components[name] = object{"type": "object", "properties": properties, "additionalProperties": false}
		s.fields(t, properties, &required)
		s.components[name].(object)["required"] = required
	}
	return object{"$ref": "#/components/schemas/" + name}
}

func (s *schemas) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			s.fields(f.Type, properties, required)
			continue
		}
		schema := s.ofType(f.Type)
		if enum := f.Tag.Get("enum"); enum != "" {
			schema["enum"] = strings.Split(enum, ",")
		}
		properties[name] = schema
		if options == "" {
			*required = append(*required, name)
		}
	}
}
