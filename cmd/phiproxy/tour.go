package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"phiproxy/embedded/surgicase"
)

// tour fills the tables through the proxy and shows an INSERT, two SELECTs and an UPDATE from both sides.
func (d *demo) tour(ctx context.Context) error {
	app, err := d.connect(d.listen.mysql.Addr().String())
	if err != nil {
		return err
	}
	defer app.Close()
	server, err := d.connect(d.server.Addr())
	if err != nil {
		return err
	}
	defer server.Close()
	data := surgicase.Generate(demoSeed, demoUsers, demoCases)
	if err := fill(ctx, app, data); err != nil {
		return fmt.Errorf("filling the tables: %w", err)
	}
	d.printf("%d made-up patients of %d users were written through the proxy.\n", len(data.Cases), len(data.Users))
	t := tourist{demo: d, app: app, server: server, user: data.Users[0].ID}
	for _, step := range []func(context.Context) error{t.insert, t.choose, t.update, t.search} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// connect logs in as the application. The demonstration's certificates are made by itself, so there is nobody to verify.
func (d *demo) connect(address string) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = demoUser, demoPassword, "tcp", address, demoDatabase
	cfg.TLSConfig = "skip-verify"
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func fill(ctx context.Context, app *sql.DB, data surgicase.Data) error {
	statements := data.LookupSQL()
	for _, c := range data.Cases {
		statements = append(statements, c.InsertSQL())
	}
	for _, s := range statements {
		if _, err := app.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// tourist walks through the statements.
type tourist struct {
	*demo
	app, server *sql.DB // through the proxy; behind it
	user        string
}

const (
	tourCase   = "demo-case"
	tourColumn = "user_id, patient_first, patient_last, ins_provider, patient_dob"
)

func (t tourist) insert(ctx context.Context) error {
	statement := "INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, patient_dob)\n" +
		"     VALUES ('" + tourCase + "', '" + t.user + "', '2025-11-24', 'José', 'Núñez', 'Aetna', '1984-02-09')"
	t.printf("\n1. An application stores a patient:\n\n   %s\n\n", statement)
	if _, err := t.app.ExecContext(ctx, statement); err != nil {
		return err
	}
	return t.compare(ctx)
}

func (t tourist) choose(ctx context.Context) error {
	statement := "SELECT patient_first, patient_last, patient_dob FROM cases WHERE user_id = '" + t.user + "' ORDER BY case_date DESC LIMIT 3"
	t.printf("\n2. It reads that user's latest cases:\n\n   %s\n\n", statement)
	seen, err := readRows(ctx, t.app, statement)
	if err != nil {
		return err
	}
	stored, err := readRows(ctx, t.server, statement)
	if err != nil {
		return err
	}
	lines := [][]string{{"the application sees", "the database answers"}}
	for i := range seen.rows {
		lines = append(lines, []string{strings.Join(seen.rows[i], ", "), "<- " + strings.Join(stored.rows[i], ", ")})
	}
	t.print(lines)
	t.printf("   (types the application sees: %s)\n", strings.Join(seen.types, ", "))
	return nil
}

func (t tourist) update(ctx context.Context) error {
	statement := "UPDATE cases SET patient_last = 'Núñez-Smith' WHERE case_id = '" + tourCase + "'"
	t.printf("\n3. It changes a name; whose row it is, the statement does not say:\n\n   %s\n\n", statement)
	for _, when := range []string{"", ", and the same once more"} {
		result, err := t.app.ExecContext(ctx, statement)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		t.printf("   affected rows%s: %d\n", when, n)
	}
	t.printf("\n")
	return t.compare(ctx)
}

// search computes with sealed columns, which happens in the scratch server.
func (t tourist) search(ctx context.Context) error {
	statement := "SELECT patient_last, patient_first FROM cases WHERE LOWER(TRIM(patient_first)) = 'josé' OR patient_dob >= '2015-01-01'\n     ORDER BY patient_last"
	t.printf("\n4. It looks for patients by name and age, of which the database holds sealed bytes only. The proxy opens the rows, and a\n   private server in memory compares and sorts them:\n\n   %s\n\n", statement)
	seen, err := readRows(ctx, t.app, statement)
	if err != nil {
		return err
	}
	lines := [][]string{seen.names}
	t.print(append(lines, seen.rows...))
	return nil
}

// compare prints the tour's row from both sides.
func (t tourist) compare(ctx context.Context) error {
	query := "SELECT " + tourColumn + " FROM cases WHERE case_id = '" + tourCase + "'"
	seen, err := readRows(ctx, t.app, query)
	if err != nil {
		return err
	}
	stored, err := readRows(ctx, t.server, query)
	if err != nil {
		return err
	}
	lines := [][]string{{"column", "the application sees", "the database stores"}}
	for i, name := range seen.names {
		lines = append(lines, []string{name, seen.rows[0][i], stored.rows[0][i]})
	}
	t.print(lines)
	return nil
}

// result is a result set as text.
type result struct {
	names, types []string
	rows         [][]string
}

func readRows(ctx context.Context, db *sql.DB, query string) (result, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return result{}, err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return result{}, err
	}
	var r result
	for _, c := range columns {
		r.names, r.types = append(r.names, c.Name()), append(r.types, c.DatabaseTypeName())
	}
	for rows.Next() {
		values, targets := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return result{}, err
		}
		line := make([]string, len(columns))
		for i, v := range values {
			line[i] = printable(v)
		}
		r.rows = append(r.rows, line)
	}
	return r, rows.Err()
}

// printable shows text as it is, and both ends of anything else in hex.
func printable(v []byte) string {
	const first, last = 2, 6
	switch {
	case v == nil:
		return "NULL"
	case utf8.Valid(v):
		return string(v)
	case len(v) <= first+last:
		return hex.EncodeToString(v)
	default:
		return fmt.Sprintf("%x...%x (%d bytes)", v[:first], v[len(v)-last:], len(v))
	}
}

// print prints lines of cells in aligned columns; the first line is the head.
func (d *demo) print(lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		d.printf("   %s\n", strings.TrimRight(b.String(), " "))
		if n == 0 {
			d.printf("   %s\n", rule(widths))
		}
	}
}

func rule(widths []int) string {
	parts := make([]string, len(widths))
	for i, w := range widths {
		parts[i] = strings.Repeat("-", w)
	}
	return strings.Join(parts, "  ")
}

func (d *demo) printf(format string, args ...any) { fmt.Fprintf(d.env.out, format, args...) }

func (d *demo) printAddresses() {
	host, port := hostPort(d.listen.mysql.Addr().String())
	_, serverPort := hostPort(d.server.Addr())
	d.printf("\nDSN for applications:   %s:%s@tcp(%s)/%s\n", demoUser, demoPassword, d.listen.mysql.Addr(), demoDatabase)
	d.printf("Through the proxy:      mysql -h %s -P %s -u %s -p%s %s -e 'SELECT * FROM cases LIMIT 5'\n", host, port, demoUser, demoPassword, demoDatabase)
	d.printf("Behind it:              the same with -P %s\n", serverPort)
	d.printf("Operator's page:        http://%s/\n", d.listen.admin.Addr())
	d.printf("Its token:              %s\n", d.token)
	d.printf("Admin API:              curl -H 'Authorization: Bearer %s' http://%s/admin/encryption/key-status\n", d.token, d.listen.admin.Addr())
	d.printf("Configuration:          %s\n", d.path("phiproxy.yaml"))
	d.printf("\nCtrl-C ends the demonstration and throws everything away.\n")
}

func hostPort(address string) (host, port string) {
	host, port, _ = net.SplitHostPort(address)
	return host, port
}
