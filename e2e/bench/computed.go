package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// computation is a statement that the scratch server answers.
type computation struct {
	name        string
	connections int
	aim         float64 // how many times slower than direct it may be
	texts       []string
}

func (c *computation) String() string {
	return fmt.Sprintf("%s, %d connections", c.name, c.connections)
}

// computedResult is what a computation gave.
type computedResult struct {
	computation
	slower spread // how many times slower than direct
	rows   float64
	phases map[string]time.Duration // of one statement
	whole  time.Duration            // of one statement, as the client sees it
}

// phaseNames are those of phiproxy_scratch_seconds, in the order of the report.
var phaseNames = []string{"wait", "fetch", "load", "query", "empty"}

// listOwner has listRows cases.
const (
	listOwner = "owner_of_many"
	listRows  = 1000
)

// computations are the application's duplicate check, half of them for a patient that is there, an owner's list in the order of a
// sealed column, and a count by a sealed column over the whole table.
func (r *rig) computations() ([]computation, error) {
	checks, err := r.duplicateChecks()
	if err != nil {
		return nil, err
	}
	list := []string{"SELECT case_id, case_date, patient_first, patient_last, patient_dob FROM cases WHERE user_id = '" + listOwner + "' ORDER BY patient_last, case_id LIMIT 20"}
	group := []string{"SELECT patient_last, COUNT(*) FROM cases" + bulkWhere + " GROUP BY patient_last ORDER BY patient_last"}
	listName := fmt.Sprintf("first 20 of %d cases of an owner, sorted by patient_last", listRows)
	return []computation{
		{"duplicate check", 1, 3, checks}, {"duplicate check", r.options.threads, 3, checks}, {listName, 1, 5, list}, {listName, r.options.threads, 5, list},
		{fmt.Sprintf("GROUP BY patient_last over %d rows", r.options.rows), 1, 15, group},
	}, nil
}

func (r *rig) duplicateChecks() ([]string, error) {
	const checks = 500
	e := r.endpoint(direct)
	db, err := open(e, e.database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query("SELECT user_id, case_date, patient_first, patient_last FROM cases"+bulkWhere+" ORDER BY case_status, case_id LIMIT ?", checks)
	if err != nil {
		return nil, err
	}
	var texts []string
	for rows.Next() {
		var owner, date, first, last string
		if err := rows.Scan(&owner, &date, &first, &last); err != nil {
			return nil, err
		}
		if len(texts)%2 == 0 {
			first = "Nobody"
		}
		texts = append(texts, fmt.Sprintf("SELECT case_id, patient_first, patient_last, case_date, user_id FROM cases WHERE user_id='%s' AND case_date='%s' "+
			"AND LOWER(TRIM(patient_first))=LOWER(TRIM('%s')) AND LOWER(TRIM(patient_last))=LOWER(TRIM('%s')) AND active=1 LIMIT 1", owner, date[:10], first, strings.ReplaceAll(last, "'", "''")))
	}
	return texts, rows.Err()
}

// compute measures the statements that the scratch server answers.
func (r *rig) compute(report *report) error {
	all, err := r.computations()
	if err != nil {
		return err
	}
	for _, c := range all {
		if !strings.Contains(c.name, r.options.only) {
			continue
		}
		result, err := r.measureComputation(&c)
		if err != nil {
			return fmt.Errorf("%s: %w", &c, err)
		}
		report.computed = append(report.computed, result)
		progress("%s: %s times slower than direct", &c, result.slower)
	}
	return nil
}

func (r *rig) measureComputation(c *computation) (computedResult, error) {
	result := computedResult{computation: *c, phases: map[string]time.Duration{}}
	if err := r.sameAnswers(c); err != nil {
		return result, err
	}
	before, err := r.scratchMetrics()
	if err != nil {
		return result, err
	}
	rates, err := r.rounds(func(e *endpoint) (rate, error) { return c.run(e, time.Duration(r.options.seconds)*time.Second) })
	if err != nil {
		return result, err
	}
	after, err := r.scratchMetrics()
	if err != nil {
		return result, err
	}
	toDirect := compare(workload{}, rates).toDirect
	result.slower = spread{1 / toDirect.median, 1 / toDirect.greatest, 1 / toDirect.least}
	statements := after[`phiproxy_scratch_seconds_count{phase="total"}`] - before[`phiproxy_scratch_seconds_count{phase="total"}`]
	result.rows = (after["phiproxy_scratch_loaded_rows_total"] - before["phiproxy_scratch_loaded_rows_total"]) / statements
	for _, name := range phaseNames {
		key := fmt.Sprintf("phiproxy_scratch_seconds_sum{phase=%q}", name)
		result.phases[name] = time.Duration((after[key] - before[key]) / statements * float64(time.Second))
	}
	for _, x := range rates[phiproxy] {
		result.whole += time.Duration(float64(c.connections) / x.throughput * float64(time.Second) / float64(len(rates[phiproxy])))
	}
	return result, nil
}

// sameAnswers makes sure that the endpoints give the same rows, and that what they need is in their caches.
func (r *rig) sameAnswers(c *computation) error {
	answers := map[string][]string{}
	for _, e := range r.endpoints {
		db, err := open(e, e.database)
		if err != nil {
			return err
		}
		for _, text := range c.texts {
			rows, err := readAll(db, text)
			if err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			answers[e.name] = append(answers[e.name], rows)
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	if !slices.Equal(answers[direct], answers[phiproxy]) {
		return fmt.Errorf("the endpoints gave different rows")
	}
	return nil
}

func readAll(db *sql.DB, text string) (string, error) {
	rows, err := db.Query(text)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	var all strings.Builder
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return "", err
		}
		fmt.Fprintln(&all, values)
	}
	return all.String(), rows.Err()
}

// run sends the statements on several connections for a while.
func (c *computation) run(e *endpoint, length time.Duration) (rate, error) {
	db, err := open(e, e.database)
	if err != nil {
		return rate{}, err
	}
	defer db.Close()
	db.SetMaxIdleConns(c.connections)
	ctx, stop := context.WithTimeout(context.Background(), length+time.Minute)
	defer stop()
	var group sync.WaitGroup
	took, errs := make([][]time.Duration, c.connections), make([]error, c.connections)
	started := time.Now()
	for n := range c.connections {
		group.Go(func() {
			conn, err := db.Conn(ctx)
			for i := n; err == nil && time.Since(started) < length; i++ {
				began := time.Now()
				if err = discard(ctx, conn, c.texts[i%len(c.texts)]); err == nil {
					took[n] = append(took[n], time.Since(began))
				}
			}
			errs[n] = err
		})
	}
	group.Wait()
	elapsed := time.Since(started)
	for _, err := range errs {
		if err != nil {
			return rate{}, err
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	return rate{throughput: float64(len(all)) / elapsed.Seconds(), p99: all[len(all)*99/100].Seconds()}, nil
}

func discard(ctx context.Context, conn *sql.Conn, text string) error {
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return rows.Err()
}

// scratchMetrics are phiproxy's metrics about its scratch server, by their names with labels.
func (r *rig) scratchMetrics() (map[string]float64, error) {
	answer, err := http.Get("http://" + r.metrics + "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "phiproxy_scratch_") {
			if values[name], err = strconv.ParseFloat(value, 64); err != nil {
				return nil, err
			}
		}
	}
	return values, nil
}

// computedText is the part of the report about them.
func (r *report) computedText(b *strings.Builder) {
	if len(r.computed) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Statements that compute with sealed columns\n\nThey are answered by the scratch server: phiproxy fetches the rows that may be meant, opens them and loads them there. How many times\n"+
		"slower than the plaintext database it is, median of the rounds; the rows that were fetched, and where the time of one statement goes, in parts of what the client waits for:\n"+
		"waiting for a session, fetching and opening rows, the rest of loading them, running the statement. Emptying the work tables happens beside the next statement.\n\n")
	b.WriteString("| statement | connections | times slower than direct | aim | rows fetched | wait | fetch and open | load | query | emptying |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.computed {
		missed := ""
		if x.slower.median > x.aim {
			missed = ", missed"
		}
		fmt.Fprintf(b, "| %s | %d | %s | below %.0f%s | %.0f |", x.name, x.connections, x.slower, x.aim, missed, x.rows)
		for _, name := range phaseNames {
			part := x.phases[name]
			if name == "load" {
				part -= x.phases["fetch"]
			}
			fmt.Fprintf(b, " %.0f %% |", 100*part.Seconds()/x.whole.Seconds())
		}
		b.WriteString("\n")
	}
}
