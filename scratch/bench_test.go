package scratch

import (
	"fmt"
	"testing"
)

// BenchmarkStatement is one statement of a client: session, load, query, rows. Emptying happens beside it.
func BenchmarkStatement(b *testing.B) {
	for _, f := range families {
		o := programOptions(f.flavor)
		o.AtBoot = true
		e, err := Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = e.Close() })
		for _, c := range []struct {
			name string
			rows int
			sql  string
		}{
			{"duplicate check", 5, "SELECT id FROM w1 WHERE LOWER(TRIM(last))='name3' LIMIT 1"},
			{"filter", 50, "SELECT id FROM w1 WHERE LOWER(TRIM(last))='name3' LIMIT 1"},
			{"sorted list", 1000, "SELECT id, last, dob FROM w1 ORDER BY last LIMIT 20"},
			{"group", 100000, "SELECT last, COUNT(*) FROM w1 GROUP BY last"},
		} {
			b.Run(fmt.Sprint(f.name, "/", c.name, "/", c.rows), func(b *testing.B) {
				for b.Loop() {
					s, err := e.Session(b.Context(), Settings{})
					if err != nil {
						b.Fatal(err)
					}
					if err := s.Load(b.Context(), patients, manyPatients(c.rows)); err != nil {
						b.Fatal(err)
					}
					if _, err := ask(s, c.sql); err != nil {
						b.Fatal(err)
					}
					s.Release()
				}
			})
		}
	}
}
