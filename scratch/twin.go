package scratch

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"phiproxy/rewrite"
)

// ShowCreate gives the backend's SHOW CREATE TABLE of a table: its text as it stands, with the physical columns.
type ShowCreate func(ctx context.Context, schema, table string) (string, error)

// twins are empty copies of the protected tables, with the types that clients see.
type twins struct {
	tables map[string]*twin // Schema.Key -> twin
	schema *rewrite.Schema
}

// twin is one table's definition.
type twin struct {
	schema, table string
	columns       []twinColumn
	keys          []string // "PRIMARY KEY (`a`)" and so on
	checks        []string // "CONSTRAINT `x` CHECK (..)"
	charset       string   // "DEFAULT CHARSET=.. COLLATE=..", as far as SHOW CREATE TABLE printed it
}

// twinColumn is a column as in CREATE TABLE.
type twinColumn struct {
	name, definition string // definition follows the name: type, NOT NULL, DEFAULT ...
}

// Sync brings the twins into step with the schema's protected tables. It must be called after every change of the schema;
// without one it costs nothing. While the server does not run it only checks the definitions. show gives the full
// definition of a table; nil makes twins of what the schema itself knows, which has no CHECK, no generated column and no
// default that is an expression. The error names the tables that cannot have a twin; the others have theirs all the same.
func (e *Engine) Sync(ctx context.Context, schema *rewrite.Schema, show ShowCreate) error {
	t := &twins{tables: make(map[string]*twin), schema: schema}
	var problems []error
	for key, table := range schema.Tables {
		if !table.Protected {
			continue
		}
		made, err := newTwin(ctx, table, show)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		t.tables[key] = made
	}
	e.syncing.Lock()
	defer e.syncing.Unlock()
	s, before := e.current()
	if s != nil {
		problems = append(problems, t.create(ctx, s))
	}
	e.set(func(st *state) {
		if e.twins = t; !slices.Equal(before.schemas(), t.schemas()) {
			st.born++ // every slot is made anew, with grants for the new databases
		}
	})
	return errors.Join(problems...)
}

func (e *Engine) current() (*server, *twins) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state.server, e.twins
}

func newTwin(ctx context.Context, t *rewrite.Table, show ShowCreate) (*twin, error) {
	if show == nil {
		return plainTwin(t), nil
	}
	text, err := show(ctx, t.Schema, t.Name)
	if err != nil {
		return nil, err
	}
	made, err := parseTwin(t, text)
	if err != nil {
		return nil, fmt.Errorf("scratch: SHOW CREATE TABLE of %s.%s: %w", t.Schema, t.Name, err)
	}
	return made, nil
}

// plainTwin knows no more than the schema does.
func plainTwin(t *rewrite.Table) *twin {
	made := &twin{schema: t.Schema, table: t.Name}
	for i := range t.Columns {
		c := &t.Columns[i]
		definition := c.Type
		if c.Protected != nil {
			definition = c.Protected.Definition
		} else if c.Collation != "" {
			charset, _, _ := strings.Cut(c.Collation, "_")
			definition += " CHARACTER SET " + charset + " COLLATE " + c.Collation
		}
		if c.Nullable {
			definition += " NULL"
		} else {
			definition += " NOT NULL"
		}
		switch {
		case c.Default == nil:
		case strings.HasPrefix(c.Type, "bit"): // information_schema has it as a literal
			definition += " DEFAULT " + *c.Default
		default:
			definition += " DEFAULT " + quote(*c.Default)
		}
		if i == t.AutoInc {
			definition += autoIncrement
		}
		if c.Protected != nil && c.Protected.Check != "" {
			definition += " " + c.Protected.Check
		}
		made.columns = append(made.columns, twinColumn{c.Name, definition})
	}
	for i, key := range t.UniqueKeys {
		names := make([]string, len(key))
		for j, column := range key {
			names[j] = quoteName(t.Columns[column].Name)
		}
		kind := "UNIQUE KEY"
		if i == 0 && len(t.PrimaryKey) > 0 {
			kind = "PRIMARY KEY"
		}
		made.keys = append(made.keys, kind+" ("+strings.Join(names, ", ")+")")
	}
	return made
}

const autoIncrement = " AUTO_INCREMENT"

var tableCharset = regexp.MustCompile(`DEFAULT CHARSET=\w+( COLLATE=\w+)?`)

// parseTwin reads SHOW CREATE TABLE, which prints every column, key and constraint on a line of its own.
func parseTwin(t *rewrite.Table, text string) (*twin, error) {
	made := &twin{schema: t.Schema, table: t.Name}
	lines := strings.Split(text, "\n")
	for i, line := range lines[min(1, len(lines)):] {
		if strings.HasPrefix(line, ")") {
			made.charset = tableCharset.FindString(line)
			break
		}
		if i == len(lines)-2 {
			return nil, errors.New("it does not end")
		}
		if err := made.line(t, strings.TrimSuffix(strings.TrimSpace(line), ",")); err != nil {
			return nil, err
		}
	}
	if len(made.columns) != len(t.Columns) {
		return nil, errors.New("its columns are not those of the schema")
	}
	return made, nil
}

func (w *twin) line(t *rewrite.Table, line string) error {
	switch {
	case strings.HasPrefix(line, "`"):
		return w.column(t, line)
	case strings.HasPrefix(line, "CONSTRAINT ") && strings.Contains(line, " FOREIGN KEY "):
	case strings.HasPrefix(line, "CONSTRAINT "), strings.HasPrefix(line, "CHECK "):
		w.checks = append(w.checks, line)
	case strings.HasPrefix(line, "PRIMARY KEY"), strings.HasPrefix(line, "UNIQUE KEY"), strings.HasPrefix(line, "KEY"):
		w.keys = append(w.keys, line)
	case strings.HasPrefix(line, "FULLTEXT KEY"), strings.HasPrefix(line, "SPATIAL KEY"):
	default:
		return errors.New("it has a line of an unknown kind")
	}
	return nil
}

func (w *twin) column(t *rewrite.Table, line string) error {
	if len(w.columns) == len(t.Columns) {
		return errors.New("its columns are not those of the schema")
	}
	c := &t.Columns[len(w.columns)]
	definition, ok := strings.CutPrefix(line, quoteName(c.Name)+" ")
	if !ok {
		return errors.New("its columns are not in the schema's order")
	}
	if c.Protected != nil {
		rest, ok := cutType(definition, c.Type)
		if !ok {
			return errors.New("a protected column has another type than in the schema")
		}
		definition = strings.TrimRight(c.Protected.Definition+rest+" "+c.Protected.Check, " ")
	}
	w.columns = append(w.columns, twinColumn{c.Name, definition})
	return nil
}

func cutType(definition, typ string) (rest string, ok bool) {
	if len(definition) < len(typ) || !strings.EqualFold(definition[:len(typ)], typ) {
		return "", false
	}
	return definition[len(typ):], true
}

// standing is the statement for the table that answers questions about the schema: with keys, without rows.
func (w *twin) standing(f rewrite.Flavor, keys bool) string {
	engine := "InnoDB"
	if f == rewrite.MariaDB {
		engine = "Aria TRANSACTIONAL=0"
	}
	parts := w.parts(keys)
	if keys {
		parts = append(parts, w.keys...)
	}
	return "CREATE TABLE " + w.name() + " (" + strings.Join(append(parts, w.checks...), ", ") + ") ENGINE=" + engine + " " + w.charset
}

// definition is that of a session's own copy, in which rows are loaded, written and changed: without keys, so that
// nothing but the row itself decides, and without AUTO_INCREMENT, whose column is 0 when it is left out. further are columns and keys of the caller's.
func (w *twin) definition(further ...string) string {
	return "(" + strings.Join(slices.Concat(w.parts(false), further, w.checks), ", ") + ") ENGINE=MyISAM " + w.charset
}

func (w *twin) parts(autoInc bool) []string {
	parts := make([]string, len(w.columns))
	for i, c := range w.columns {
		definition := c.definition
		if !autoInc {
			if before, after, ok := strings.Cut(definition, autoIncrement); ok { // NULL asks for the next number
				definition = strings.Replace(before, " NOT NULL", "", 1) + " DEFAULT '0'" + after
			}
		}
		parts[i] = quoteName(c.name) + " " + definition
	}
	return parts
}

// create brings a server's twins into step: those that are as they should be already are left alone, since statements may
// be using them.
func (t *twins) create(ctx context.Context, s *server) error {
	if t == nil {
		return nil
	}
	var problems []error
	for key, w := range t.tables {
		if err := w.create(ctx, s, key); err != nil {
			problems = append(problems, fmt.Errorf("scratch: no twin of %s.%s: %w", w.schema, w.table, err))
		}
	}
	for key, have := range s.twins {
		if t.tables[key] == nil {
			problems = append(problems, s.control(ctx, "DROP TABLE IF EXISTS "+have.w.name()))
			delete(s.twins, key)
		}
	}
	return errors.Join(problems...)
}

// standingTwin is a twin that a server has.
type standingTwin struct {
	w    *twin
	text string
}

func (w *twin) name() string { return quoteName(w.schema) + "." + quoteName(w.table) }

func (w *twin) create(ctx context.Context, s *server, key string) error {
	text := w.standing(s.flavor, true)
	if s.twins[key].text == text {
		return nil
	}
	if err := s.control(ctx, "CREATE DATABASE IF NOT EXISTS "+quoteName(w.schema), "DROP TABLE IF EXISTS "+w.name()); err != nil {
		return err
	}
	if err := s.control(ctx, text); err != nil {
		// Keys may be longer than the engine has them; only metadata misses them.
		if err := s.control(ctx, w.standing(s.flavor, false)); err != nil {
			return err
		}
	}
	s.twins[key] = standingTwin{w, text}
	return nil
}

// schemas are the databases that hold twins, sorted.
func (t *twins) schemas() []string {
	var list []string
	if t != nil {
		for _, w := range t.tables {
			list = append(list, w.schema)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// find gives the twin of a table, nil when there is none.
func (t *twins) find(table *rewrite.Table) *twin {
	if t == nil {
		return nil
	}
	return t.tables[t.schema.Key(table.Schema, table.Name)]
}
