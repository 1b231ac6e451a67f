package e2e

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
)

// plan makes a plaintext server go about a statement in another way.
type plan struct {
	name     string
	settings string // of its session
	copies   string // "" when it uses the pair's own tables, otherwise the end of the statements that copy them
	rewrite  func(sql string) string
}

func same(sql string) string { return sql }

// buffered has the result go through a temporary table.
func buffered(sql string) string {
	return strings.Replace(sql, "SELECT ", "SELECT SQL_BUFFER_RESULT ", 1)
}

var plans = []plan{
	{"nokeys", "SET @none = 1", " LIMIT 1000000", same},
	{"norows", "SET @none = 1", " LIMIT 0", same},
	{"plain", "SET @none = 1", "", same},
	{"unmerged", "SET optimizer_switch = 'derived_merge=off'", "", same},
	{"buffered", "SET @none = 1", "", buffered},
}

// planned is a session whose server follows a plan.
type planned struct {
	side
	plan
}

// ownFlags are flags of a table's column that a column of a result shows or not, depending on whether it came through a
// temporary table.
const ownFlags = groupedFlags | mysql.AUTO_INCREMENT_FLAG | mysql.TIMESTAMP_FLAG | noDefaultFlag | onUpdateFlag

const noDefaultFlag, onUpdateFlag = 1 << 12, 1 << 13

// addPlans makes plaintext sessions whose server goes other ways to the rows of the pair's plaintext database. In what it then says
// otherwise the plan decides, and phiproxy may say either.
func (p *pair) addPlans(t *testing.T, name string) {
	t.Helper()
	var tables []string
	p.explained, p.own = map[string]int{}, map[string]uint16{}
	for _, row := range query(t, p.plain.conn, "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'").Rows {
		tables = append(tables, row[0].Data)
		for _, c := range query(t, p.plain.conn, "SELECT * FROM "+row[0].Data+" LIMIT 0").Columns {
			p.own[row[0].Data+"."+c.OrgName] = c.Flags & ownFlags
		}
	}
	for _, way := range plans {
		s := side{database: p.plain.database}
		if way.copies != "" {
			s.database = name + "_" + way.name
			if err := harness.CreateDatabase(p.plainServer, s.database); err != nil {
				t.Fatal(err)
			}
		}
		s.conn = direct(t, p.plainServer, s.database)
		for _, table := range tables {
			if way.copies != "" {
				p.copyTable(t, s.conn, table, way.copies)
			}
		}
		exec(t, s.conn, way.settings, "SET NAMES utf8mb4", "SET timestamp=1763120000")
		p.plans = append(p.plans, planned{s, way})
	}
}

// sessions are all sessions of the pair, those of the plans too.
func (p *pair) sessions() []side {
	all := []side{p.plain, p.sealed}
	for _, way := range p.plans {
		all = append(all, way.side)
	}
	return all
}

func (p *pair) copyTable(t *testing.T, c *client.Conn, table, end string) {
	t.Helper()
	exec(t, c, "SET foreign_key_checks = 0, sql_mode = ''", "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" ENGINE=MyISAM SELECT * FROM "+p.plain.database+"."+table+end, "SET sql_mode = DEFAULT")
}

// explain takes out of the two answers what only differs by the plan: every part of a column's definition, or the warnings, in
// which phiproxy's answer is not that of the plaintext database but that of another plan.
func (p *pair) explain(want, got *answer, do func(s side, sql string) answer, sql string) {
	if (want.err() == nil) != (got.err() == nil) || reflect.DeepEqual(want, got) {
		return
	}
	var others []answer
	for _, way := range p.plans {
		if other := do(way.side, way.rewrite(sql)); len(other.Results) == len(got.Results) && (other.Prepare == nil || other.Prepare.Err == nil) {
			others = append(others, other)
		}
	}
	for i := range want.Results {
		if i < len(got.Results) {
			p.explainResult(&want.Results[i], &got.Results[i], others, i)
		}
	}
	if want.Prepare != nil && got.Prepare != nil {
		var columns [][]client.Column
		for _, o := range others {
			columns = append(columns, o.Prepare.Columns)
		}
		p.explainColumns(want.Prepare.Columns, got.Prepare.Columns, columns)
	}
	for _, o := range others {
		if !reflect.DeepEqual(want.Warnings, got.Warnings) && reflect.DeepEqual(o.Warnings, got.Warnings) {
			p.explained["warnings"]++
			want.Warnings = got.Warnings
		}
	}
}

// contradiction counts answers whose rows are those that the plaintext database gives under another plan only: defects of the servers, such
// as MariaDB's DISTINCT over an outer join that it takes away, and MySQL's REPLACE(), which a temporary table cuts.
const contradiction = "rows in which the plaintext database contradicts itself"

func (p *pair) explainResult(want, got *client.Result, others []answer, i int) {
	var columns [][]client.Column
	for _, o := range others {
		columns = append(columns, o.Results[i].Columns)
		if o.Results[i].Warnings == got.Warnings {
			want.Warnings = got.Warnings
		}
		if !reflect.DeepEqual(want.Rows, got.Rows) && reflect.DeepEqual(o.Results[i].Rows, got.Rows) {
			p.explained[contradiction]++
			want.Rows = got.Rows
		}
	}
	before := slices.Clone(want.Columns)
	p.explainColumns(want.Columns, got.Columns, columns)
	for j := range before {
		if j < len(got.Columns) && before[j].Type != got.Columns[j].Type && want.Columns[j].Type == got.Columns[j].Type {
			widenColumn(want.Rows, j, before[j].Type)
			widenColumn(got.Rows, j, got.Columns[j].Type)
		}
	}
}

func widenColumn(rows [][]client.Value, column int, kind byte) {
	for _, row := range rows {
		row[column].Data = widened(kind, row[column].Data)
	}
}

func (p *pair) explainColumns(want, got []client.Column, others [][]client.Column) {
	if len(want) != len(got) {
		return
	}
	for i := range want {
		for _, o := range others {
			if len(o) == len(want) {
				p.explainColumn(&want[i], &got[i], &o[i])
			}
		}
	}
}

// explainColumn makes parts of want those of got where other is as got. Flags are looked at one by one.
func (p *pair) explainColumn(want, got, other *client.Column) {
	if agreed := ^(other.Flags ^ got.Flags); (want.Flags^got.Flags)&agreed != 0 {
		p.explained["Flags"]++
		want.Flags = want.Flags&^agreed | got.Flags&agreed
	}
	// A column that went through a temporary table has lost its keys, or got some of that table's.
	own := p.own[got.OrgTable+"."+got.OrgName] | mysql.GROUP_FLAG
	if missing := (want.Flags ^ got.Flags) & own; missing != 0 {
		p.explained["own flags"]++
		want.Flags = want.Flags&^missing | got.Flags&missing
	}
	w, g, o := reflect.ValueOf(want).Elem(), reflect.ValueOf(got).Elem(), reflect.ValueOf(other).Elem()
	for i := range w.NumField() {
		if !w.Field(i).Equal(g.Field(i)) && o.Field(i).Equal(g.Field(i)) {
			p.explained[w.Type().Field(i).Name]++
			w.Field(i).Set(g.Field(i))
		}
	}
}
