package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"phiproxy/e2e/client"
	"phiproxy/e2e/servers"
)

// testdata is the path of a file of e2e/testdata.
func testdata(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "testdata", name)
}

// CreateDatabase makes a database with the application's tables, empty.
func CreateDatabase(s *servers.Server, database string) error {
	c, err := s.Admin("")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Exec("CREATE DATABASE IF NOT EXISTS " + database); err != nil {
		return fmt.Errorf("create database %s: %w", database, err)
	}
	if r, err := c.Do(comInitDB, []byte(database)); err != nil || r.Err != nil {
		return fmt.Errorf("use %s: %w, %v", database, err, r.Err)
	}
	text, err := os.ReadFile(testdata("schema.sql"))
	if err != nil {
		return err
	}
	return Load(c, string(text))
}

const comInitDB = 2

// Python is the interpreter that has the drivers: Debian's own unless the environment says otherwise.
func Python() string {
	if python := os.Getenv("PHIPROXY_PYTHON"); python != "" {
		return python
	}
	return "/usr/bin/python3"
}

// Seed is the application's test data as SQL text, the same every time. Arguments are those of seed_data.py.
func Seed(args ...string) (string, error) {
	out, err := exec.Command(Python(), append([]string{testdata("seed_data.py")}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("seed_data.py: %w", err)
	}
	return string(out), nil
}

// Load runs the statements of a SQL text one by one.
func Load(c *client.Conn, text string) error {
	for _, statement := range Split(text) {
		if err := c.Exec(statement); err != nil {
			return fmt.Errorf("%w in %.60q", err, statement)
		}
	}
	return nil
}

// Split cuts a SQL text at its semicolons. It knows quotes with backslashes, and comments from "-- " to the end of a line,
// which is what the files in testdata hold.
func Split(text string) []string {
	var statements []string
	var quote byte
	start := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '-' && strings.HasPrefix(text[i:], "-- "), c == '#':
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case c == ';':
			statements = appendStatement(statements, text[start:i])
			start = i + 1
		}
	}
	return appendStatement(statements, text[start:])
}

func appendStatement(statements []string, s string) []string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "-- ") {
			return append(statements, strings.TrimSpace(s))
		}
	}
	return statements
}
