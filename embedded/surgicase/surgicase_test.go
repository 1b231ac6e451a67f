package surgicase

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestGenerateIsDeterministic(t *testing.T) {
	if !reflect.DeepEqual(Generate(7, 3, 5), Generate(7, 3, 5)) {
		t.Error("the same seed gave other rows")
	}
	if reflect.DeepEqual(Generate(7, 3, 5), Generate(8, 3, 5)) {
		t.Error("another seed gave the same rows")
	}
}

func TestGeneratedRowsAreValid(t *testing.T) {
	d := Generate(1, 10, 50)
	ids := map[string]bool{}
	for _, c := range d.Cases {
		if ids[c.ID] {
			t.Errorf("case_id %s twice", c.ID)
		}
		ids[c.ID] = true
		for _, text := range []string{c.First, c.Last, c.Insurance} {
			if text == "" || strings.Contains(text, `\`) {
				t.Errorf("text %q cannot be quoted for every sql_mode", text)
			}
		}
		if _, err := time.Parse(time.DateOnly, c.BirthDate); err != nil {
			t.Error(err)
		}
	}
	if len(d.Users) != 10 || len(d.Cases) != 500 {
		t.Errorf("%d users, %d cases", len(d.Users), len(d.Cases))
	}
}

func TestSchemaStatements(t *testing.T) {
	statements := SchemaStatements()
	for _, s := range statements {
		if !strings.HasPrefix(s, "CREATE TABLE ") && !strings.HasPrefix(s, "SET NAMES ") {
			t.Errorf("unexpected statement %.40q", s)
		}
	}
	if len(statements) < 25 {
		t.Errorf("only %d statements", len(statements))
	}
}
