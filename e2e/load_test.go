package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// loadCase is one LOAD DATA with its file.
type loadCase struct{ name, sql, file string }

// loads are files of every form, for columns of every kind.
func loads() []loadCase {
	const into = "LOAD DATA LOCAL INFILE 'f' INTO TABLE cases "
	const columns = "(case_id, user_id, patient_first, patient_last, patient_dob, case_status)"
	p1, p2 := provider(1), provider(2)
	row := func(fields ...string) string { return strings.Join(fields, "\t") + "\n" }
	return []loadCase{
		{"plain", into + columns, row("l1", p1, "Ann", "Ángel", "1980-01-05", "3") + row("l2", p2, "Bob", "O'Neil", "1975-12-31", "4")},
		{"null and empty", into + columns, row("n1", p1, `\N`, "", `\N`, `\N`) + row("n2", `\N`, `\N`, "", `\N`, "1") + row("n3", p1, "NULL", "a\\Nb", "2001-02-03", "")},
		{"escapes", into + columns, row("e1", p1, `tab\tx`, `nl\nx\\y\0z`, "1980-01-05", "1") + row("e2", p1, "a\\\tb", `\Z\b\r\q`, "1980-01-05", "1")},
		{"too short", into + columns, row("s1", p1, "x") + row("s2", p1) + row("s3", p1, "x", "y", "1980-01-05") + "s4"},
		{"too long", into + columns, row("t1", p1, "x", "y", "1980-01-05", "1", "more") + row("t2", p1, "x", "y", "1980-01-05", "1", "") + "t3\t" + p1 + "\tx\ty\t1980-01-05\t1\tmore"},
		{"duplicates", into + columns, row("l1", p1, "Other", "x", "1980-01-05", "3") + row("d1", p1, "x", "x", "1980-01-05", "3") + row("d1", p2, "y", "y", "1980-01-05", "3")},
		{"ignore", strings.Replace(into, "INTO", "IGNORE INTO", 1) + columns, row("l1", p1, "Other", "x", "1980-01-05", "3") + row("d2", p1, "x", "x", "1980-01-05", "3")},
		{"values that do not fit", into + columns, row("v1", p1, strings.Repeat("x", 251), "y", "2020-02-30", "1") + row("v2", p1, strings.Repeat("é", 250), strings.Repeat("é", 251), "no date", "70000") +
			row("v3", p1, "x", "y", "", "1") + row("v4", p1, "x", "y", "0000-00-00", "1")},
		{"dates of odd forms", into + columns, row("o1", p1, "x", "y", "1980-1-5", "1") + row("o2", p1, "x", "y", "19800105", "1") + row("o3", p1, "x", "y", "80/1/5", "1") +
			row("o4", p1, "x", "y", "1980-01-05 10:11:12", "1") + row("o5", p1, "x", "y", "1980.01.05x", "1")},
		{"CSV", into + `FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' LINES TERMINATED BY '\r\n' IGNORE 1 LINES ` + columns,
			"case_id,user_id,first,\"last\nname\",dob\r\nc1," + p1 + ",\"Ann, \"\"the\"\" first\",Smith,1980-01-05,3\r\nc2," + p1 + ",NULL,\"NULL\",\"1980-01-05\",3\r\nc3," + p1 + `,"a"b","c\",d",1980-01-05,2`},
		{"quotes that escape themselves", into + `FIELDS TERMINATED BY ',' ENCLOSED BY '"' ESCAPED BY '"' ` + columns,
			"\"q1\",\"" + p1 + "\",\"a\"\"b\",\"c\nd\",\"1980-01-05\",\"1\"\nq2," + p1 + ",\\N,\"N,1980-01-05,2\n"},
		{"no escapes", into + `FIELDS TERMINATED BY '||' ESCAPED BY '' ` + columns, "x1||" + p1 + `||a\nb||\N||1980-01-05||1` + "\n"},
		{"line starts", into + `LINES STARTING BY '>>' ` + columns, "junk>>" + row("k1", p1, "a", "b", "1980-01-05", "1") + "no start\n" + ">>>" + row("k2", p1, "a", "b", "1980-01-05", "1") + "\n>>"},
		{"latin1", into + "CHARACTER SET latin1 " + columns, row("i1", p1, "\xc1ngel", "\x80 \x93", "1980-01-05", "1")},
		{"utf8mb3", into + "CHARACTER SET utf8mb3 " + columns, row("u1", p1, "Ángel", "é", "1980-01-05", "1")},
		{"binary", into + "CHARACTER SET binary " + columns, row("b1", p1, "Ángel", "é", "1980-01-05", "1")},
		{"variables and SET", into + "(case_id, @owner, @skip, patient_first) SET user_id = '" + p1 + "', patient_last = 'Constant', case_status = LENGTH(@skip) + 1, demo_file = CONCAT(@owner, case_id), patient_dob = NULL",
			row("w1", "a", "bcd", "Ann") + row("w2", "x")},
		{"SET of a value that does not fit", into + "(case_id, patient_first) SET user_id = '" + p2 + "', patient_last = '" + strings.Repeat("z", 251) + "', ins_provider = ''", row("y1", "a") + row("y2", "b")},
		{"expressions", into + "FIELDS TERMINATED BY ',' (case_id, user_id, @first, @`Last`, @dob, @note) SET patient_first = NULLIF(TRIM(@FIRST), ''), patient_last = CONCAT(UPPER(LEFT(@last, 1)), SUBSTRING(@last, 2)), patient_dob = STR_TO_DATE(@dob, '%m/%d/%Y'), ins_provider = REPEAT('x', 255), demo_file = @note",
			"g1," + p1 + ", Ann ,ángel,01/05/1980,n\ng2," + p2 + ",  ,x,02/30/1980,\\N\ng3," + p1 + ",\\N,\\N,\\N,z\ng4," + p1 + ",short\n"},
		{"expressions of other character sets", into + "CHARACTER SET latin1 (@first, case_id, user_id) SET patient_first = CONCAT(@first, CHAR_LENGTH(@first), HEX(@first)), patient_last = COALESCE(NULL, 'y')", row("\xc1\x80", "h1", p1)},
		{"flag", into + "(case_id, user_id, phi_encrypted, patient_first)", row("f1", p1, "0", "a") + row("f2", p1, "0", "b") + row("f3", p1)},
		{"no protected column", into + "(case_id, case_status)", row("z1", "1") + row("z2", "x")},
		{"empty file", into + columns, ""},
		{"empty lines", into + columns, "\n\n"},
		{"no list", into, "all\t" + p1 + "\t2024-01-02\tAnn\tSmith\tAetna\t1\t2\n"},
		{"low priority, qualified, reordered", "load data low_priority local infile \"f\" into table cases character set 'utf8mb4' columns escaped by x'21' terminated by 0x3B lines terminated by '\\n' (`patient_first`, case_id, USER_ID)", "a!;b;r1;" + p1 + "\n!N;r2;" + p1 + "\n"},
		{"many lines", into + columns, manyLines(1000)},
		{"server's error in SET", into + "(case_id, user_id, patient_first) SET case_status = no_such", "q\tq\tq\n"},
	}
}

func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "m%d\t%s\tFirst %d\tLast %s\t19%02d-01-05\t%d\n", i, provider(1+i%3), i, strings.Repeat("é", i%40), i%100, i%9)
	}
	return b.String()
}

// loadingPair is a pair whose clients have files.
func loadingPair(t *testing.T, s *servers.Server, name string, o harness.Options) *pair {
	t.Helper()
	p := newPairWith(t, s, name, o)
	p.offerFiles(t)
	return p
}

// offerFiles makes the clients of a pair such as have files.
func (p *pair) offerFiles(t *testing.T) {
	t.Helper()
	for _, side := range []*side{&p.plain, &p.sealed} {
		addr := p.plainServer.Addr
		if side == &p.sealed {
			addr = p.proxy.Addr
		}
		c, err := client.Dial(client.Options{Addr: addr, User: servers.AppUser, Password: servers.AppPassword, Database: side.database, Set: mysql.CLIENT_LOCAL_FILES})
		side.conn = opened(t, c, err)
		exec(t, side.conn, "SET NAMES utf8mb4", "SET timestamp=1763120000")
	}
}

// load runs a LOAD DATA on both sides and compares the answers and what is in the table.
func (p *pair) loadFile(t *testing.T, l loadCase) {
	t.Helper()
	st := statement{id: l.name, sql: l.sql}
	p.compare(t, st, func(s side, sql string) answer {
		s.conn.Files = map[string]string{"f": l.file}
		return s.runText(t, sql)
	}, false)
	p.run(t, statement{id: l.name + " count", sql: "SELECT ROW_COUNT()"}, false)
	if !p.run(t, statement{id: l.name + " rows", sql: loadedTable}, false) {
		t.Fatalf("the rows differ after %s: %.300s\n%.300s", l.name, l.sql, l.file)
	}
}

const loadedTable = "SELECT case_id, user_id, patient_first, patient_last, ins_provider, patient_dob, case_status, demo_file, phi_encrypted, human_case_id FROM cases ORDER BY case_id"

// Files that are loaded into a protected table do there what they do in the plaintext one.
func TestDifferentialLoads(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		for _, mode := range []struct{ name, settings string }{
			{"autocommit", "SET autocommit = 1"}, {"transaction", "SET autocommit = 0"},
			{"loose", "SET sql_mode = 'NO_ENGINE_SUBSTITUTION'"}, {"no_escapes", "SET sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES'"},
		} {
			t.Run(mode.name, func(t *testing.T) {
				t.Parallel()
				p := loadingPair(t, s, "loads_"+mode.name, harness.Options{})
				awaitScratch(t, p.sealed.conn)
				for _, side := range []side{p.plain, p.sealed} {
					exec(t, side.conn, mode.settings)
				}
				for _, l := range loads() {
					p.loadFile(t, l)
				}
				for gap := range p.gaps {
					if strings.Contains(gap, "PHI-") && !(s.Kind == servers.MySQL && strings.Contains(gap, "PHI-1186")) {
						t.Errorf("refused: %s", gap)
					}
				}
			})
		}
	})
}

// Files of random bytes and random formats are cut into the fields that the servers see.
func TestRandomLoads(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := loadingPair(t, s, "random_loads", harness.Options{})
		r := rand.New(rand.NewPCG(5, 5))
		for i := range 80 {
			p.loadFile(t, randomLoad(r, i))
		}
		t.Logf("%d files refused", len(p.gaps))
	})
}

func randomLoad(r *rand.Rand, i int) loadCase {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	sql := fmt.Sprintf(`LOAD DATA LOCAL INFILE 'f' INTO TABLE cases CHARACTER SET %s FIELDS TERMINATED BY '%s' ENCLOSED BY '%s' ESCAPED BY '%s' LINES STARTING BY '%s' TERMINATED BY '%s' IGNORE %d LINES (patient_first, case_id, patient_last, @x, demo_file) SET user_id = '%s'`,
		pick("utf8mb4", "latin1"), pick(",", `\t`, ",,", ",a,"), pick("", `"`, "a", "'"[:0]), pick(`\\`, "", `"`, "!"), pick("", "", "", "a", "aab"), pick(`\n`, `\r\n`, ";", "a;a"), r.IntN(3)/2, provider(1))
	var b strings.Builder
	for range r.IntN(120) {
		b.WriteString(pick(",", ",", ",", ",,", ",a,", "\t", `"`, `"`, "a", "b", "aab", "aa", `\`, "!", "N", "NULL", "\n", "\n", "\r\n", ";", "a;a", "é", "€", fmt.Sprint(i), "0", "n"))
	}
	return loadCase{fmt.Sprintf("random %d", i), sql, b.String()}
}

// A load that phiproxy ends in the middle leaves nothing behind, and neither the client's transaction nor its session suffers.
func TestLoadsThatEndInTheMiddle(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := loadingPair(t, s, "broken_loads", harness.Options{Extra: "limits:\n  max_statement: 64KiB\n"})
		c := p.sealed.conn
		for _, tt := range []struct{ fault, line string }{
			{"PHI-1184", "z\tbad \xff\t" + provider(1) + "\n"}, {"PHI-1184", "long\tx\t" + provider(1) + "\t" + strings.Repeat("x", 100<<10) + "\n"},
			{"PHI-1185", "short\tname\n"}, {"PHI-1152", "null\tname\t\\N\tx\n"}, {"PHI-1151", "owner\tname\t" + strings.Repeat("o", 101) + "\tx\n"},
		} {
			c.Files = map[string]string{"f": manyShort("b", 5000) + tt.line + manyShort("c", 2000)}
			for _, mine := range []string{"0", "1"} {
				exec(t, c, "DELETE FROM cases")
				if mine == "1" {
					exec(t, c, "BEGIN", "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('mine', '"+provider(1)+"', 'x')")
				}
				err := c.Exec("LOAD DATA LOCAL INFILE 'f' INTO TABLE cases (case_id, patient_first, user_id, demo_file)")
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("%.20q: %v, want %s", tt.line, err, tt.fault)
				}
				if got := query(t, c, "SELECT COUNT(*) FROM cases").Rows[0][0].Data; got != mine {
					t.Errorf("%.20q: %s rows are left, want %s", tt.line, got, mine)
				}
				exec(t, c, "ROLLBACK")
			}
		}
	})
}

func manyShort(id string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d\tFirst %d\t%s\tdemo\n", id, i, i, provider(1+i%2))
	}
	return b.String()
}

// Files for other tables are the server's business, and LOAD DATA cannot be prepared.
func TestLoadsIntoOtherTables(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := loadingPair(t, s, "other_loads", harness.Options{})
		for _, l := range []loadCase{
			{"plain", "LOAD DATA LOCAL INFILE 'f' INTO TABLE insurance_plans (ins_provider)", "Aetna\nBlue\nAetna\n"},
			{"replaced", "LOAD DATA LOCAL INFILE 'f' REPLACE INTO TABLE insurance_plans CHARACTER SET latin1 FIELDS TERMINATED BY '' (ins_provider) SET flagged = 2", "\xc1etna\nBlue\n"},
			{"wrong", "LOAD DATA LOCAL INFILE 'f' INTO TABLE no_such", "x"},
			{"long", "LOAD DATA LOCAL INFILE 'f' INTO TABLE insurance_plans (ins_provider)", strings.Repeat("A plan like many others\n", 20000)},
		} {
			p.compare(t, statement{id: l.name, sql: l.sql}, func(s side, sql string) answer {
				s.conn.Files = map[string]string{"f": l.file}
				return s.runText(t, sql)
			}, false)
			p.run(t, statement{id: l.name + " rows", sql: "SELECT ins_provider, flagged FROM insurance_plans ORDER BY ins_provider"}, false)
		}
		if len(p.gaps) > 0 {
			t.Errorf("refused: %v", p.gaps)
		}
	})
}

// Loads among other statements in one text read their files between those.
func TestLoadsInBatches(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := loadingPair(t, s, "batch_loads", harness.Options{})
		for _, side := range []*side{&p.plain, &p.sealed} {
			if r, err := side.conn.Do(mysql.COM_SET_OPTION, []byte{0, 0}); err != nil || r.Err != nil {
				t.Fatal(r.Err, err)
			}
		}
		const load = "LOAD DATA LOCAL INFILE 'f' INTO TABLE "
		other := load + "insurance_plans (ins_provider, @x, @y) SET flagged = 1"
		protected := load + "cases (case_id, patient_first, user_id, demo_file)"
		insert := "INSERT INTO cases (case_id, user_id, patient_first) VALUES ('after', '" + provider(1) + "', 'Later')"
		for i, sql := range []string{
			other + "; " + other + "; SELECT COUNT(*) FROM insurance_plans", protected + "; " + insert + "; SELECT case_id, patient_first FROM cases ORDER BY case_id",
			"DELETE FROM cases; " + other + "; " + insert + "; " + protected + "; SELECT case_id, patient_first FROM cases ORDER BY case_id",
		} {
			p.compare(t, statement{id: fmt.Sprint(i), sql: sql}, func(s side, sql string) answer {
				s.conn.Files = map[string]string{"f": manyShort(fmt.Sprint("b", i), 2000)}
				return s.runText(t, sql)
			}, false)
		}
		if len(p.gaps) > 0 {
			t.Errorf("refused: %v", p.gaps)
		}
	})
}

// A client that offered no files gets the server's own error, whatever the table.
func TestLoadsOfClientsWithoutFiles(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "no_loads")
		for _, table := range []string{"cases (case_id, user_id, patient_first)", "insurance_plans"} {
			p.run(t, statement{id: table, sql: "LOAD DATA LOCAL INFILE 'f' INTO TABLE " + table}, false)
		}
		if len(p.gaps) > 0 {
			t.Errorf("refused: %v", p.gaps)
		}
	})
}

// What a file holds for protected columns is in no file of the server or the proxy.
func TestCanaryLoads(t *testing.T) {
	for _, kind := range real() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := ownServer(t, kind, servers.Options{Logs: true})
			p := loadingPair(t, s, "load_canary", harness.Options{})
			c, conn := newCanary(), p.sealed.conn
			awaitScratch(t, conn)
			conn.Files = map[string]string{"f": "a\t" + provider(1) + "\t" + c.marker(0) + "\tx\n" + "b\t" + provider(1) + "\t" + strings.Repeat(c.marker(1), 20) + "\t" + c.marker(2) + "\n"}
			const into = "LOAD DATA LOCAL INFILE 'f' INTO TABLE cases "
			exec(t, conn, into+"(case_id, user_id, patient_first, patient_last)", into+"(case_id, user_id, patient_first, patient_dob) SET patient_last = '"+c.marker(3)+"', demo_file = 'x'")
			conn.Files["f"] += "c\t\xff" + c.marker(4)
			if err := conn.Exec(into + "(case_id, user_id, ins_provider)"); err == nil {
				t.Error("a broken file was loaded")
			}
			if err := p.proxy.Process.Stop(); err != nil {
				t.Error(err)
			}
			if err := s.Shutdown(); err != nil {
				t.Error(err)
			}
			for _, dir := range []string{s.Dir, p.proxy.Dir} {
				for file, found := range c.findInFiles(t, dir) {
					t.Errorf("%s: %q", file, found)
				}
			}
		})
	}
}
