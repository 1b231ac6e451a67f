package audit

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkAccess is what the log costs a statement: two records, each waited for.
func BenchmarkAccess(b *testing.B) {
	o := options(b)
	l := open(b, o)
	defer closeLog(b, l)
	e := event("ann")
	owner := []byte("1")
	b.ReportAllocs()
	for b.Loop() {
		entry, err := l.Begin(e)
		if err != nil {
			b.Fatal(err)
		}
		entry.Owner(owner)
		if err := entry.End(Event{Rows: 1, Opened: 1, Outcome: Done}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAccessParallel is the same for many sessions, whose records are written together.
func BenchmarkAccessParallel(b *testing.B) {
	o := options(b)
	o.SyncInterval = time.Second
	l := open(b, o)
	defer closeLog(b, l)
	b.SetParallelism(100)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			access(b, l, event("ann"), "1")
		}
	})
}

// BenchmarkOwner is the cost of a value in a result, with the log off and on.
func BenchmarkOwner(b *testing.B) {
	o := options(b)
	l := open(b, o)
	defer closeLog(b, l)
	on, err := l.Begin(event("ann"))
	if err != nil {
		b.Fatal(err)
	}
	owners := [2][]byte{[]byte("1"), []byte("2")}
	for name, entry := range map[string]*Entry{"off": nil, "on": on} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				entry.Owner(owners[0])
			}
		})
		b.Run(name+", alternating", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				entry.Owner(owners[i&1])
			}
		})
	}
}

func BenchmarkSearch(b *testing.B) {
	o := options(b)
	l := open(b, o)
	for i := range 10_000 {
		access(b, l, event("ann"), fmt.Sprint(i))
	}
	closeLog(b, l)
	b.Run("by owner", func(b *testing.B) { benchmarkSearch(b, o, Query{Owner: "77"}) })
	b.Run("by user", func(b *testing.B) { benchmarkSearch(b, o, Query{User: "bob"}) })
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			sound(b, o)
		}
	})
}

func benchmarkSearch(b *testing.B, o Options, q Query) {
	for b.Loop() {
		for _, err := range Search(o.Dir, q) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
