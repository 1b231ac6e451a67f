// Package migrate prepares the user's database for sealed values: it compares what the configuration asks for with what is
// there, and plans, prints and runs the statements in between.
//
// A plan refuses before it changes anything when a protected column is used in a way that sealed values would break. Its
// steps are ordered so that it may stop anywhere: the next plan takes up what is left. Planning an already prepared
// database gives no steps.
package migrate

import (
	"context"
	"database/sql"
	"fmt"

	"phiproxy/keys/store"
	"phiproxy/migrate/catalog"
	"phiproxy/rewrite"
)

// Plan is what has to be done to a database.
type Plan struct {
	Server   string            // version of the server
	Database string            // home of the key tables and of the metadata table
	Steps    []Step            // in the order they must run
	Refusals []catalog.Problem // reasons why nothing may run
	Warnings []catalog.Problem // to be looked at by a person
	Tables   []TableState      // configured tables after the steps

	configured []catalog.Table
	flavor     rewrite.Flavor
}

// Step is one statement.
type Step struct {
	Table string `json:"table"` // schema.table it changes
	SQL   string `json:"sql"`
	Why   string `json:"why"`
	Undo  string `json:"undo,omitempty"` // statement or advice that reverts it, "" when there is nothing to revert
}

// TableState tells whether a table still holds values that are not sealed.
type TableState struct {
	Table string `json:"table"`
	State string `json:"state"` // catalog.Migrating or catalog.Sealed
}

// planner collects a plan.
type planner struct {
	db    *sql.DB
	found *catalog.Database
	plan  *Plan
}

// NewPlan compares the configured tables with the database. The error is the database's.
func NewPlan(ctx context.Context, db *sql.DB, tables []catalog.Table) (*Plan, error) {
	found, err := catalog.Inspect(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	if found.Server.Database == "" {
		return nil, fmt.Errorf("the account's DSN names no database, which is to hold the key tables")
	}
	p := &planner{db: db, found: found, plan: &Plan{Server: found.Server.Text, Database: found.Server.Database, configured: tables, flavor: found.Server.Flavor}}
	p.plan.Warnings = found.Snapshot(tables).Warnings
	if err := p.keyTables(ctx); err != nil {
		return nil, err
	}
	p.freeKeys()
	p.metadataTable()
	for i := range tables {
		if err := p.table(ctx, &tables[i]); err != nil {
			return nil, err
		}
	}
	return p.plan, nil
}

func (p *planner) step(table, why, undo, format string, args ...any) {
	p.plan.Steps = append(p.plan.Steps, Step{Table: table, SQL: fmt.Sprintf(format, args...), Why: why, Undo: undo})
}

func (p *planner) refuse(t *catalog.Table, column, format string, args ...any) {
	p.plan.Refusals = append(p.plan.Refusals, catalog.Problem{Schema: t.Schema, Table: t.Name, Column: column, Text: fmt.Sprintf(format, args...)})
}

func (p *planner) warn(t *catalog.Table, format string, args ...any) {
	p.plan.Warnings = append(p.plan.Warnings, catalog.Problem{Schema: t.Schema, Table: t.Name, Text: fmt.Sprintf(format, args...)})
}

// keyTables adds the tables of package keys that are missing.
func (p *planner) keyTables(ctx context.Context) error {
	why := map[string]string{
		store.TableKeys:     "the guide's table of users' current keys, wrapped by the key service",
		store.TableAudit:    "the guide's audit trail of everything done with keys",
		store.TableVersions: "every version of every key, so that making a new one never loses an old one",
		store.TableLife:     "how many values each version has sealed, and when it ended",
		store.TableEpoch:    "tells the other proxies that a key changed",
	}
	seen := map[string]bool{}
	for _, s := range store.DDL() {
		missing, err := p.missing(ctx, s.Table, seen[s.Table])
		if err != nil {
			return err
		}
		if missing {
			undo := "DROP TABLE " + s.Table
			if seen[s.Table] || s.Table != store.TableEpoch {
				undo = ""
			}
			p.step(p.own(s.Table), why[s.Table], undo, "%s", s.SQL)
		}
		seen[s.Table] = true
	}
	return nil
}

// missing tells whether a key table is missing, or lacks the rows that the second statement for it puts in.
func (p *planner) missing(ctx context.Context, table string, rows bool) (bool, error) {
	if p.found.Table(p.plan.Database, table) == nil {
		return true, nil
	}
	if !rows {
		return false, nil
	}
	n := 0
	err := p.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n)
	return n == 0, err
}

func (p *planner) own(table string) string { return p.plan.Database + "." + table }

// freeKeys drops foreign keys that would destroy or rename keys together with users.
func (p *planner) freeKeys() {
	t := p.found.Table(p.plan.Database, store.TableKeys)
	if t == nil {
		return
	}
	for _, f := range t.ForeignKeys {
		if keeps(f.OnDelete) && keeps(f.OnUpdate) {
			continue
		}
		name := catalog.QuoteName(f.Name)
		p.step(p.own(t.Name), fmt.Sprintf("deleting a row of %s would delete the user's key with it (ON DELETE %s), and every archived value of the user would be lost; "+
			"the application still has to be able to delete users, so the constraint goes altogether, and keys are destroyed only on purpose", f.ToTable, f.OnDelete),
			undoForeignKey(t, &f), "ALTER TABLE %s DROP FOREIGN KEY %s", catalog.QuoteName(t.Name), name)
	}
}

func undoForeignKey(t *catalog.TableInfo, f *catalog.ForeignKey) string {
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s) ON DELETE %s ON UPDATE %s",
		catalog.QuoteName(t.Name), catalog.QuoteName(f.Name), quoteNames(f.Columns), catalog.QuoteName(f.ToTable), quoteNames(f.ToColumns), f.OnDelete, f.OnUpdate)
}

func keeps(rule string) bool { return rule == "RESTRICT" || rule == "NO ACTION" || rule == "" }

// metadataTable creates the table of logical definitions.
func (p *planner) metadataTable() {
	if p.found.HasMetadata {
		return
	}
	p.step(p.own(catalog.MetadataTable), "remembers what each protected column was before it was widened: clients go on seeing that", "", "%s", metadataDDL)
}

const metadataDDL = `CREATE TABLE IF NOT EXISTS ` + catalog.MetadataTable + ` (
  table_schema   VARCHAR(64) NOT NULL,
  table_name     VARCHAR(64) NOT NULL,
  column_name    VARCHAR(64) NOT NULL,
  ordinal        INT NOT NULL COMMENT 'position in the table, from 1',
  column_id      VARCHAR(255) NOT NULL COMMENT 'part of the associated data of every sealed value',
  column_type    TEXT NOT NULL COMMENT 'COLUMN_TYPE before widening',
  definition     TEXT NOT NULL COMMENT 'the type as SHOW CREATE TABLE printed it',
  charset_name   VARCHAR(64) NULL,
  collation_name VARCHAR(64) NULL,
  collation_id   INT NOT NULL,
  is_nullable    TINYINT NOT NULL,
  has_default    TINYINT NOT NULL,
  column_default TEXT NULL,
  physical_type  VARCHAR(64) NOT NULL COMMENT 'COLUMN_TYPE after widening',
  state          VARCHAR(16) NOT NULL COMMENT 'migrating: rows may hold plaintext; sealed: they do not',
  applied_at     TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (table_schema, table_name, column_name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`
