package e2e

import (
	"database/sql"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// loadTarget is where a driver loads its file: address, database, and the statement with the file's name.
type loadTarget struct{ addr, database, file, sql string }

// arguments are the target for a script: host, port, user, password, database, file, statement.
func (l loadTarget) arguments() []string {
	host, port, _ := net.SplitHostPort(l.addr)
	return []string{host, port, servers.AppUser, servers.AppPassword, l.database, l.file, l.sql}
}

// loadScripts print what the statement affected.
var loadScripts = map[string][]string{
	"PyMySQL": {harness.Python(), "-c", `import sys, pymysql
h, port, u, p, d, f, sql = sys.argv[1:]
c = pymysql.connect(host=h, port=int(port), user=u, password=p, database=d, local_infile=True, charset='utf8mb4', autocommit=True)
print(c.cursor().execute(sql))`},
	"mysqlclient": {harness.Python(), "-c", `import sys, MySQLdb
h, port, u, p, d, f, sql = sys.argv[1:]
c = MySQLdb.connect(host=h, port=int(port), user=u, passwd=p, db=d, local_infile=1, charset='utf8mb4')
print(c.cursor().execute(sql))
c.commit()`},
	"mysql2": {"node", "-e", `const [host, port, user, password, database, file, sql] = process.argv.slice(1);
const c = require('mysql2').createConnection({host, port, user, password, database, charset: 'utf8mb4'});
c.query({sql, infileStreamFactory: () => require('fs').createReadStream(file)}, (err, r) => { if (err) throw err; console.log(r.affectedRows); c.end(); });`},
	"mariadb (Node.js)": {"node", "-e", `const [host, port, user, password, database, file, sql] = process.argv.slice(1);
require('mariadb').createConnection({host, port: +port, user, password, database, permitLocalInfile: true}).then(async c => {
	console.log((await c.query(sql)).affectedRows); await c.end(); });`},
}

// Drivers load their files through the proxy as they do directly.
func TestDriversLoadFiles(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := newPair(t, s, "driver_loads")
		file := filepath.Join(t.TempDir(), "rows.csv")
		if err := os.WriteFile(file, []byte("id,first,last,dob\nx1,\"Ann, the first\",O'Neil,1980-01-05\nx2,\\N,Łukasz 😀,2001-02-03\nx1,again,,\n"+strings.Repeat("y", 100)+",a,b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(name string, load func(*testing.T, loadTarget) string) {
			t.Run(name, func(t *testing.T) {
				statement := "LOAD DATA LOCAL INFILE '" + file + "' INTO TABLE cases CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' IGNORE 1 LINES " +
					"(case_id, patient_first, patient_last, patient_dob) SET user_id = '" + provider(1) + "'"
				sealed := load(t, loadTarget{p.proxy.Addr, p.sealed.database, file, statement})
				if plain := load(t, loadTarget{s.Addr, p.plain.database, file, statement}); plain != sealed {
					t.Errorf("prints %q, through the proxy %q", plain, sealed)
				}
				compareTables(t, p.plain.conn, p.sealed.conn, "SELECT case_id, user_id, patient_first, patient_last, patient_dob FROM cases ORDER BY case_id")
				exec(t, p.plain.conn, "DELETE FROM cases WHERE case_id LIKE 'x%' OR case_id LIKE 'y%'")
				exec(t, p.sealed.conn, "DELETE FROM cases WHERE case_id LIKE 'x%' OR case_id LIKE 'y%'")
			})
		}
		for name, script := range loadScripts {
			run(name, func(t *testing.T, l loadTarget) string {
				return program(t, "", []string{"NODE_PATH=node/node_modules"}, script[0], append(script[1:len(script):len(script)], l.arguments()...)...)
			})
		}
		run("command line", func(t *testing.T, l loadTarget) string {
			name, args := tool(s, "mysql", l.addr, "--local-infile=1", "-vvv", l.database)
			shown := program(t, l.sql, nil, name, args...)
			_, shown, _ = strings.Cut(shown, "Query OK, ")
			first, records, _ := strings.Cut(shown, "(")
			_, records, _ = strings.Cut(records, "\n")
			return first + records
		})
		run("go-sql-driver", goLoad)
	})
}

// goLoad loads from a reader instead of a file.
func goLoad(t *testing.T, l loadTarget) string {
	mysql.RegisterReaderHandler("rows", func() io.Reader {
		f, err := os.Open(l.file)
		if err != nil {
			t.Error(err)
			return strings.NewReader("")
		}
		return f
	})
	defer mysql.DeregisterReaderHandler("rows")
	db, err := sql.Open("mysql", servers.AppUser+":"+servers.AppPassword+"@tcp("+l.addr+")/"+l.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r, err := db.Exec(strings.Replace(l.sql, l.file, "Reader::rows", 1))
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.RowsAffected()
	if err != nil || n != 3 {
		t.Errorf("%d rows, %v", n, err)
	}
	return "loaded"
}
