package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"phiproxy/keys/store"
	"phiproxy/migrate"
	"phiproxy/migrate/catalog"
)

func (d *doctor) database(ctx context.Context) {
	const check = "database"
	db, err := openStore(ctx, d.cfg)
	if err != nil {
		d.fail(check, err.Error(), "check address, user and password in keys.store.dsn, and that the server admits that user from this host")
		return
	}
	d.db = db
	var version, user, name string
	if err := db.QueryRowContext(ctx, "SELECT VERSION(), CURRENT_USER(), DATABASE()").Scan(&version, &user, &name); err != nil {
		d.fail(check, err.Error(), "")
		return
	}
	d.ok(check, "%s, database %s, as %s", visible(version), visible(name), visible(user))
}

// Differences of the clocks. KMS refuses requests that are signed more than five minutes off.
const (
	clockNoticed = 2 * time.Second
	clockRefused = 4 * time.Minute
)

// clock compares this host with the database, whose clock stands in the key tables.
func (d *doctor) clock(ctx context.Context) {
	const check = "clock"
	if d.db == nil {
		return
	}
	before := d.now()
	var seconds float64
	if err := d.db.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP(NOW(6))").Scan(&seconds); err != nil {
		d.fail(check, err.Error(), "")
		return
	}
	after := d.now()
	there := time.Unix(0, int64(seconds*float64(time.Second)))
	d.judgeClock(check, there.Sub(before.Add(after.Sub(before)/2)))
}

func (d *doctor) judgeClock(check string, ahead time.Duration) {
	const fix = "keep both hosts' clocks with NTP"
	text := fmt.Sprintf("the database's clock is %v ahead of this host's", ahead.Round(time.Millisecond))
	switch ahead.Abs() {
	case max(ahead.Abs(), clockRefused):
		d.fail(check, text+"; if it is this one that is wrong, the key service refuses its requests", fix)
	case max(ahead.Abs(), clockNoticed):
		d.warn(check, text+", so times in the audit trails do not agree", fix)
	default:
		d.ok(check, "%v from the database's", ahead.Abs().Round(time.Millisecond))
	}
}

// privileges are what the proxy's account does with each key table. The statements change nothing, and need the
// privilege all the same.
func privileges() []struct{ table, privilege, statement string } {
	return []struct{ table, privilege, statement string }{
		{store.TableKeys, "SELECT, INSERT", "INSERT INTO user_encryption_keys (user_id, encrypted_dek) SELECT user_id, encrypted_dek FROM user_encryption_keys WHERE 1 = 0"},
		{store.TableKeys, "UPDATE", "UPDATE user_encryption_keys SET is_active = is_active WHERE 1 = 0"},
		{store.TableAudit, "SELECT, INSERT", "INSERT INTO encryption_key_audit (user_id, operation) SELECT user_id, operation FROM encryption_key_audit WHERE 1 = 0"},
		{store.TableVersions, "SELECT, INSERT", "INSERT INTO phiproxy_key_versions SELECT * FROM phiproxy_key_versions WHERE 1 = 0"},
		{store.TableVersions, "UPDATE", "UPDATE phiproxy_key_versions SET epoch = epoch WHERE 1 = 0"},
		{store.TableLife, "SELECT, INSERT", "INSERT INTO phiproxy_key_life SELECT * FROM phiproxy_key_life WHERE 1 = 0"},
		{store.TableLife, "UPDATE", "UPDATE phiproxy_key_life SET seals = seals WHERE 1 = 0"},
		{store.TableLife, "SELECT, INSERT", "INSERT INTO phiproxy_key_life SELECT * FROM phiproxy_key_life WHERE 1 = 0"},
		{store.TableLife, "UPDATE", "UPDATE phiproxy_key_life SET seals = seals WHERE 1 = 0"},
		{store.TableEpoch, "SELECT, UPDATE", "UPDATE phiproxy_epoch SET epoch = epoch WHERE 1 = 0"},
	}
}

// grants tries what the account must be allowed, and looks for what it should not be.
func (d *doctor) grants(ctx context.Context) {
	if d.db == nil {
		return
	}
	const check = "grants"
	lacking := 0
	for _, p := range privileges() {
		if _, err := d.db.ExecContext(ctx, p.statement); err != nil {
			lacking++
			d.fail(check, fmt.Sprintf("%s on %s: %v", p.privilege, p.table, err), "phiproxy schema apply makes a missing table; otherwise GRANT "+p.privilege+" ON "+p.table+" to the proxy's account")
		}
	}
	for _, t := range d.cfg.Tables {
		name := catalog.QuoteName(t.Schema) + "." + catalog.QuoteName(t.Name)
		if _, err := d.db.ExecContext(ctx, "SELECT "+catalog.QuoteName(t.Owner)+" FROM "+name+" WHERE 1 = 0"); err != nil {
			lacking++
			d.fail(check, "SELECT on "+name+": "+err.Error(), "GRANT SELECT ON "+name+" to the proxy's account, or correct tables in the configuration")
		}
	}
	if lacking == 0 {
		d.ok(check, "the account may do what the proxy needs")
	}
	d.tooMuch(ctx, check)
}

// tooMuch warns of an account that could do more damage than the proxy can.
func (d *doctor) tooMuch(ctx context.Context, check string) {
	rows, err := d.db.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		d.warn(check, "the account's grants cannot be listed: "+err.Error(), "")
		return
	}
	defer rows.Close()
	for rows.Next() {
		var grant string
		if err := rows.Scan(&grant); err != nil {
			d.warn(check, "the account's grants cannot be read: "+err.Error(), "")
			return
		}
		if p := excessive(grant); p != "" {
			d.warn(check, "the account has "+p+" ON *.*", "grant what docs/schema.md lists, and no more")
		}
	}
	if err := rows.Err(); err != nil {
		d.warn(check, "the account's grants cannot be listed: "+err.Error(), "")
	}
}

// excessive returns the first privilege of a line of SHOW GRANTS that an account which keeps keys should not have on
// everything, "" for none.
func excessive(grant string) string {
	list, found := strings.CutPrefix(grant, "GRANT ")
	list, _, global := strings.Cut(list, " ON *.* TO ")
	if !found || !global {
		return ""
	}
	for privilege := range strings.SplitSeq(list, ", ") {
		switch privilege {
		case "ALL PRIVILEGES", "ALL", "SUPER", "FILE", "INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "CREATE USER", "SHUTDOWN":
			return privilege
		}
	}
	return ""
}

// schema compares the database with the configuration.
func (d *doctor) schema(ctx context.Context) {
	const check = "schema"
	if d.db == nil {
		return
	}
	plan, err := migrate.NewPlan(ctx, d.db, catalogTables(d.cfg))
	if err != nil {
		d.fail(check, err.Error(), "")
		return
	}
	for _, p := range plan.Refusals {
		d.fail(check, p.String(), "")
	}
	for _, p := range plan.Warnings {
		d.warn(check, p.String(), "")
	}
	switch {
	case len(plan.Steps) > 0:
		d.fail(check, fmt.Sprintf("%d statements are missing", len(plan.Steps)), "phiproxy schema plan prints them, phiproxy schema apply runs them")
	case len(plan.Refusals) == 0:
		d.ok(check, "as configured: %s", tableStates(plan.Tables))
	}
}

func tableStates(tables []migrate.TableState) string {
	states := make([]string, len(tables))
	for i, t := range tables {
		states[i] = t.Table + " " + t.State
	}
	return strings.Join(states, ", ")
}

// coverage counts the users without a key.
func (d *doctor) coverage(ctx context.Context) {
	const check = "key coverage"
	if d.db == nil {
		return
	}
	total, with, err := store.NewUsers(d.db, d.cfg.Keys.Users).Coverage(ctx)
	switch {
	case errors.Is(err, store.ErrNoUserTable):
		d.warn(check, "cannot be told: "+err.Error(), "name the application's table of users, and its columns, in keys.users")
	case err != nil:
		d.fail(check, err.Error(), "")
	case with < total && d.cfg.Keys.GenerateOnFirstWrite:
		d.warn(check, fmt.Sprintf("%d of %d active users have no key; each gets one at his first write", total-with, total), "phiproxy keys generate")
	case with < total:
		d.fail(check, fmt.Sprintf("%d of %d active users have no key, and their writes are refused", total-with, total), "phiproxy keys generate")
	default:
		d.ok(check, "all %d active users have a key", total)
	}
}
