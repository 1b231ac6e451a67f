package schema_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"phiproxy/e2e/servers"
	"phiproxy/migrate/catalog"
	"phiproxy/rewrite"
)

// ready makes a table t with the protected column c and applies.
func (f *fixture) ready() []catalog.Table {
	f.t.Helper()
	f.exec("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, o VARCHAR(100), c VARCHAR(20), n INT DEFAULT 5, s VARCHAR(9) NOT NULL DEFAULT 'it''s', "+
		"ts TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE KEY u (n, o), UNIQUE KEY p (s(2)))",
		"CREATE TABLE plain (a INT, b TEXT)")
	tables := f.table("c")
	f.apply(tables)
	return tables
}

func TestSchema(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		s := f.load(f.ready())
		want := map[servers.Kind]rewrite.Flavor{servers.MariaDB: rewrite.MariaDB, servers.MySQL: rewrite.MySQL}[f.kind]
		if s.Schema.Flavor != want || s.Schema.ServerVersion < 90000 || s.Schema.LowerCaseNames != 0 {
			t.Errorf("server: %v %v %v", s.Schema.Flavor, s.Schema.ServerVersion, s.Schema.LowerCaseNames)
		}
		table := find(s, f.name, "t")
		if got := fmt.Sprint(table.PrimaryKey, table.UniqueKeys, table.AutoInc, table.Owner, table.Flag); got != "[0] [[0] [] [3 1]] 0 1 -1" {
			t.Errorf("keys: %s", got)
		}
		for column, want := range map[int]string{0: "<nil> false", 1: "<nil> true", 2: "<nil> true", 3: "5 true", 4: "it's true", 5: "<nil> true"} {
			c := table.Columns[column]
			got := "<nil>"
			if c.Default != nil {
				got = *c.Default
			}
			if got = fmt.Sprint(got, " ", c.HasDefault); got != want {
				t.Errorf("default of %s: %s, want %s", c.Name, got, want)
			}
		}
		if plain := find(s, f.name, "plain"); plain == nil || plain.Protected || plain.PrimaryKey != nil || len(s.Schema.Opaque) > 0 && opaqueHere(f, s) != "" {
			t.Errorf("plain: %+v, opaque: %s", plain, opaqueHere(f, s))
		}
	})
}

// opaqueHere lists the opaque names of the test's own database, sorted by the order asked for.
func opaqueHere(f *fixture, s *catalog.Snapshot, names ...string) string {
	var out []string
	for _, n := range names {
		if s.Schema.Opaque[s.Schema.Key(f.name, n)] != "" {
			out = append(out, n)
		}
	}
	if len(names) == 0 {
		for key := range s.Schema.Opaque {
			if strings.HasPrefix(key, f.name+"\x00") {
				out = append(out, key)
			}
		}
	}
	return strings.Join(out, " ")
}

func TestOpaque(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		tables := f.ready()
		f.exec(
			"CREATE VIEW direct AS SELECT id, c AS other FROM t WHERE n > 1",
			"CREATE VIEW second AS SELECT other AS x FROM direct",
			"CREATE VIEW innocent AS SELECT a AS t, 't' AS u FROM plain",
			"CREATE FUNCTION counts() RETURNS INT READS SQL DATA BEGIN -- don't\n RETURN (SELECT COUNT(*) FROM /* x */ `t`); END",
			"CREATE FUNCTION harmless(t INT) RETURNS INT READS SQL DATA RETURN (SELECT MAX(x.a) AS t_ FROM plain AS x)",
			"CREATE VIEW calls AS SELECT counts() AS n",
			"CREATE PROCEDURE Calls2() SELECT counts()",
			"CREATE PROCEDURE writes() INSERT INTO "+f.name+" . `t` (c) VALUES ('x')",
			"CREATE PROCEDURE dynamic(s TEXT) BEGIN SET @s = s; PREPARE p FROM @s; EXECUTE p; END",
			"CREATE PROCEDURE nothing() SELECT 1",
		)
		s := f.load(tables)
		all := []string{"direct", "second", "innocent", "counts", "harmless", "calls", "calls2", "writes", "dynamic", "nothing"}
		if got, want := opaqueHere(f, s, all...), "direct second counts calls calls2 writes dynamic"; got != want {
			t.Errorf("opaque: %s\nwant:   %s", got, want)
		}
		if why := s.Schema.Opaque[s.Schema.Key("sys", "execute_prepared_stmt")]; why == "" {
			t.Error("sys.execute_prepared_stmt is not opaque")
		}
	})
}

func TestTriggersAndEvents(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		tables := f.ready()
		f.exec(
			"CREATE TRIGGER own BEFORE INSERT ON t FOR EACH ROW SET NEW.c = UPPER(NEW.c)",
			"CREATE TRIGGER harmless BEFORE UPDATE ON t FOR EACH ROW SET NEW.n = 1",
			"CREATE TRIGGER other AFTER INSERT ON plain FOR EACH ROW INSERT INTO t (c) VALUES (NEW.b)",
			"CREATE EVENT cleanup ON SCHEDULE EVERY 1 YEAR DO DELETE FROM t",
			"CREATE EVENT fine ON SCHEDULE EVERY 1 YEAR DO DELETE FROM plain",
		)
		var names []string
		for _, w := range f.load(tables).Warnings {
			if w.Schema == f.name {
				names = append(names, w.Table)
			}
		}
		if got := strings.Join(names, " "); got != "other own cleanup" && got != "own other cleanup" {
			t.Errorf("warnings about: %s", got)
		}
		if p := f.plan(tables); len(p.Warnings) < 3 {
			t.Errorf("the plan does not warn: %v", p.Warnings)
		}
	})
}

// TestBlindAccount: what the proxy's account cannot see is taken for the worst.
func TestBlindAccount(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		tables := f.ready()
		f.exec("CREATE PROCEDURE nothing() SELECT 1")
		f.admin("", "DROP USER IF EXISTS blind", "CREATE USER blind IDENTIFIED BY 'blind-secret'", "GRANT SELECT, EXECUTE ON `"+f.name+"`.* TO blind")
		all := f.db
		f.login("blind", "blind-secret")
		s := f.load(tables)
		if s.Schema.Opaque[s.Schema.Key(f.name, "nothing")] == "" {
			t.Error("an invisible procedure is not opaque")
		}
		if !mention(s.Warnings, "lacks SELECT, SHOW VIEW, TRIGGER, EVENT") {
			t.Errorf("warnings: %v", s.Warnings)
		}
		if f.db = all; mention(f.load(tables).Warnings, "lacks") {
			t.Error("an account that sees everything is said to lack privileges")
		}
	})
}

func TestWatcher(t *testing.T) {
	each(t, servers.Kinds(), func(t *testing.T, f *fixture) {
		tables := f.ready()
		changes, failures := make(chan *catalog.Snapshot, 10), make(chan error, 10)
		w := catalog.NewWatcher(f.db, tables, catalog.Options{
			Interval: 20 * time.Millisecond,
			OnChange: func(s *catalog.Snapshot) { changes <- s },
			OnError: func(err error) {
				select {
				case failures <- err:
				default:
				}
			},
		})
		if w.Current() != nil || w.Schema() != nil {
			t.Error("it knows something before it looked")
		}
		first, err := w.Refresh(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.Refresh(context.Background())
		if err != nil || second != first || w.Schema() != first.Schema || first.Schema.Version != 1 || <-changes != first {
			t.Errorf("nothing changed, but: %v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		// A look in the middle of a change may publish half of it, and the next look the whole.
		await := func(statement string, seen func(*catalog.Snapshot) bool) {
			f.exec(statement)
			for last := uint64(0); ; {
				s := <-changes
				if s.Schema.Version <= last {
					t.Errorf("version %d after %d", s.Schema.Version, last)
				}
				if last = s.Schema.Version; seen(s) {
					return
				}
			}
		}
		await("ALTER TABLE plain ADD COLUMN z INT", func(s *catalog.Snapshot) bool { return len(find(s, f.name, "plain").Columns) == 3 })
		await("ALTER TABLE t DROP COLUMN c", func(s *catalog.Snapshot) bool { return find(s, f.name, "t") == nil && len(s.Problems) == 1 })
		await("DROP TABLE t", func(s *catalog.Snapshot) bool { return mention(s.Warnings, "no such table") })
		last, err := w.Refresh(ctx)
		if err != nil {
			t.Fatal(err)
		}
		f.db.Close()
		if <-failures; w.Current() != last {
			t.Error("a failure changed the snapshot")
		}
		cancel()
		<-done
	})
}

// TestManyRefreshes: sessions that ask at the same time share looks, and each sees what it changed before.
func TestManyRefreshes(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		var looks atomic.Int64
		w := catalog.NewWatcher(f.db, f.ready(), catalog.Options{OnChange: func(*catalog.Snapshot) { looks.Add(1) }})
		const sessions = 20
		var group sync.WaitGroup
		for i := range sessions {
			group.Go(func() {
				name := fmt.Sprintf("made%d", i)
				f.exec("CREATE TABLE " + name + " (a INT)")
				s, err := w.Refresh(context.Background())
				if err != nil || find(s, f.name, name) == nil {
					t.Errorf("%s is not seen, %v", name, err)
				}
			})
		}
		group.Wait()
		if looks.Load() > sessions {
			t.Errorf("%d looks", looks.Load())
		}
		cancelled, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := w.Refresh(cancelled); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that gave up got %v", err)
		}
	})
}

// TestGrants: the grants that docs/schema.md names are enough.
func TestGrants(t *testing.T) {
	each(t, real, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE t (id INT PRIMARY KEY, o VARCHAR(100), c VARCHAR(20))", "CREATE PROCEDURE nothing() SELECT 1", "CREATE VIEW v AS SELECT c FROM t",
			"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.c = 'x'")
		f.admin("", "DROP USER IF EXISTS granted", "CREATE USER granted IDENTIFIED BY 'granted-secret'",
			"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, REFERENCES, INDEX ON `"+f.name+"`.* TO granted",
			"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO granted")
		f.login("granted", "granted-secret")
		f.apply(f.table("c"))
		s := f.load(f.table("c"))
		if got := opaqueHere(f, s, "nothing", "v"); got != "v" {
			t.Errorf("opaque: %s", got)
		}
		if mention(s.Warnings, "lacks") || !mention(s.Warnings, "the trigger of") {
			t.Errorf("warnings: %v", s.Warnings)
		}
	})
}
