// Package integration tests a ring with everything real: MariaDB, the AWS SDK, and the emulator behind HTTP.
package integration

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/internal/testdb"
	"phiproxy/keys/kmsaws"
	"phiproxy/keys/kmsemu"
	"phiproxy/keys/store"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

var server *testdb.Server

func TestMain(m *testing.M) {
	if os.Getenv(childPoint) != "" {
		os.Exit(child())
	}
	var err error
	if server, err = testdb.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// newAlias is a second master key, which some tests move to.
const newAlias = "alias/new-master"

// world is a database and a KMS; proxies come and go.
type world struct {
	*testing.T
	db   *sql.DB
	name string
	kms  *kmsemu.Emulator
	url  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newNamedWorld(t, "ring_"+strings.ToLower(t.Name()))
}

func newNamedWorld(t *testing.T, name string) *world {
	t.Helper()
	w := &world{T: t, name: name}
	var err error
	if w.db, err = server.Database(w.name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	for _, st := range store.DDL() {
		w.exec(st.SQL)
	}
	if w.kms, err = kmsemu.New(kmsemu.Options{Aliases: []string{kmsaws.DefaultKeyID, newAlias}}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(w.kms)
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

func (w *world) exec(query string, args ...any) {
	w.Helper()
	if _, err := w.db.Exec(query, args...); err != nil {
		w.Fatalf("%s: %v", query, err)
	}
}

func (w *world) count(query string) (n int) {
	w.Helper()
	if err := w.db.QueryRow(query).Scan(&n); err != nil {
		w.Fatalf("%s: %v", query, err)
	}
	return n
}

// proxy starts a ring as one more process of the fleet would.
func (w *world) proxy(vary func(*keys.RingOptions)) *keys.Ring {
	w.Helper()
	s, err := store.Open(server.DSN(w.name))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { s.Close() })
	o := keys.RingOptions{Store: s, Provider: w.provider(), CheckEvery: -1, SyncEvery: -1, LoadTimeout: 30 * time.Second}
	if vary != nil {
		vary(&o)
	}
	r, err := keys.New(o)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(r.Close)
	return r
}

func (w *world) provider() *kmsaws.Provider { return w.providerOf(kmsaws.DefaultKeyID) }

// providerOf makes a provider for a master key and, after it, earlier ones.
func (w *world) providerOf(alias string, old ...string) *kmsaws.Provider {
	w.Helper()
	p, err := newProvider(w.Context(), w.url, alias, old)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func newProvider(ctx context.Context, url, alias string, old []string) (*kmsaws.Provider, error) {
	return kmsaws.New(ctx, kmsaws.Options{
		KeyID: alias, OldKeyIDs: old, Region: "us-east-1", Endpoint: url,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret-access-key", ""),
	})
}

func (w *world) write(r *keys.Ring, owner string) *keys.OwnerKeys {
	w.Helper()
	k, err := r.ForWrite(w.Context(), owner)
	if err != nil {
		w.Fatal(err)
	}
	return k
}

func (w *world) wantKind(err, kind error) {
	w.Helper()
	if !errors.Is(err, kind) {
		w.Fatalf("got %v, want %v", err, kind)
	}
}

func TestSealTodayOpenTomorrow(t *testing.T) {
	w := newWorld(t)
	c := envelope.NewContext("cases.patient_first", "U1")
	first := w.proxy(nil)
	old := w.write(first, "U1").Current()
	sealed := envelope.Seal(nil, old, c, []byte("Ada"))
	if _, err := first.Rotate(t.Context(), "U1"); err != nil {
		t.Fatal(err)
	}
	k, err := w.proxy(nil).ForRead(t.Context(), "U1")
	if err != nil || k.CurrentVersion() != 2 {
		t.Fatal(err)
	}
	if got, err := envelope.Open(nil, k.Find(old.ID()), c, sealed); err != nil || string(got) != "Ada" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestThousandSessionsOneCall(t *testing.T) {
	w := newWorld(t)
	w.write(w.proxy(nil), "U1")
	w.kms.Reset()
	reg := prometheus.NewRegistry()
	r := w.proxy(func(o *keys.RingOptions) { o.Metrics = keys.NewMetrics(reg) })
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if _, err := r.ForRead(context.Background(), "U1"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c := w.kms.Counts(); c["Decrypt"] != 1 || len(c) != 1 {
		t.Errorf("KMS was called: %v", c)
	}
	if n := w.count(`SELECT COUNT(*) FROM encryption_key_audit WHERE operation = 'decrypt'`); n != 2 {
		t.Errorf("%d audit records", n)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "phiproxy_keys_kms_calls_total" && f.GetMetric()[0].GetCounter().GetValue() == 1 {
			return
		}
	}
	t.Errorf("the call is not in the metrics: %v", families)
}

// Two proxies create the keys of 200 owners at once.
func TestFleetCreationRace(t *testing.T) {
	w := newWorld(t)
	proxies := []*keys.Ring{w.proxy(nil), w.proxy(nil)}
	const owners = 200
	found := make([][2]envelope.KeyID, owners)
	var wg sync.WaitGroup
	for i := range owners {
		for j, r := range proxies {
			wg.Go(func() {
				k, err := r.ForWrite(context.Background(), fmt.Sprintf("U%d", i))
				if err != nil {
					t.Error(err, errors.Unwrap(err))
					return
				}
				found[i][j] = k.Current().ID()
			})
		}
	}
	wg.Wait()
	for i, ids := range found {
		if ids[0] != ids[1] {
			t.Fatalf("owner %d has two keys", i)
		}
	}
	if k, v := w.count(`SELECT COUNT(*) FROM user_encryption_keys`), w.count(`SELECT COUNT(*) FROM phiproxy_key_versions`); k != owners || v != owners {
		t.Errorf("%d keys, %d versions", k, v)
	}
}

// A key that was generated but could not be stored leaves nothing but its audit records.
func TestFailureBetweenGenerateAndStore(t *testing.T) {
	w := newWorld(t)
	w.exec(`RENAME TABLE phiproxy_key_versions TO away`)
	w.exec(`CREATE TABLE phiproxy_key_versions LIKE away`)
	w.exec(`CREATE TRIGGER die BEFORE INSERT ON phiproxy_key_versions FOR EACH ROW SIGNAL SQLSTATE '45000'`)
	_, err := w.proxy(nil).ForWrite(t.Context(), "U1")
	w.wantKind(err, keys.ErrStore)
	if w.kms.Counts()["GenerateDataKey"] != 1 || w.count(`SELECT COUNT(*) FROM user_encryption_keys`) != 0 {
		t.Error("half a key was stored")
	}
	w.exec(`DROP TRIGGER die`)
	w.write(w.proxy(nil), "U1")
	if n := w.count(`SELECT COUNT(*) FROM encryption_key_audit WHERE operation = 'generate'`); n != 2 {
		t.Errorf("%d audit records", n)
	}
}

func TestGuideKeys(t *testing.T) {
	w := newWorld(t)
	dek, wrapped, err := w.provider().Generate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.exec(`INSERT INTO user_encryption_keys (user_id, encrypted_dek) VALUES ('U1', ?)`, base64.StdEncoding.EncodeToString(wrapped.Blob))
	r := w.proxy(nil)
	guide, err := envelope.NewKey(dek)
	if err != nil || w.write(r, "U1").Current().ID() != guide.ID() {
		t.Fatalf("not the guide's key: %v", err)
	}
	if n, err := r.Generate(t.Context(), "U1"); n != 2 || err != nil {
		t.Fatalf("version %d, %v", n, err)
	}
	if w.write(r, "U1").Find(guide.ID()) == nil {
		t.Error("the guide's key is lost")
	}
}

func TestSwappedBlobs(t *testing.T) {
	w := newWorld(t)
	r := w.proxy(nil)
	w.write(r, "A")
	w.write(r, "B")
	for _, table := range []string{"user_encryption_keys", "phiproxy_key_versions"} {
		column := map[string]string{"user_encryption_keys": "encrypted_dek", "phiproxy_key_versions": "wrapped_dek"}[table]
		w.exec(fmt.Sprintf(`UPDATE %[1]s a JOIN %[1]s b ON a.user_id = 'A' AND b.user_id = 'B' SET a.%[2]s = b.%[2]s`, table, column))
	}
	fresh := w.proxy(nil)
	_, err := fresh.ForWrite(t.Context(), "A")
	w.wantKind(err, keys.ErrCorrupt)
	w.write(fresh, "B")
}

func TestKMSFaults(t *testing.T) {
	w := newWorld(t)
	warm := w.proxy(nil)
	w.write(warm, "U1")
	w.kms.Set(kmsemu.Faults{Throttle: 2})
	w.write(w.proxy(nil), "U1") // obeys, tries again, succeeds
	w.kms.Set(kmsemu.Faults{Fail: -1})
	w.write(warm, "U1") // cached
	_, err := w.proxy(nil).ForWrite(t.Context(), "U2")
	w.wantKind(err, keys.ErrUnavailable)
	w.kms.Set(kmsemu.Faults{Deny: true})
	_, err = w.proxy(nil).ForRead(t.Context(), "U1")
	w.wantKind(err, keys.ErrRevoked)
	quick := w.proxy(func(o *keys.RingOptions) { o.CheckEvery = 20 * time.Millisecond })
	w.kms.Set(kmsemu.Faults{})
	w.write(quick, "U1")
	w.kms.Set(kmsemu.Faults{Code: "DisabledException"})
	for deadline := time.Now().Add(10 * time.Second); quick.Cached("U1"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the revocation was not noticed")
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM user_encryption_keys WHERE user_id = 'U2'`); n != 0 {
		t.Error("a key was stored during the outage")
	}
}

func TestAuditTableIsGone(t *testing.T) {
	w := newWorld(t)
	r := w.proxy(nil)
	w.write(r, "U1")
	w.exec(`DROP TABLE encryption_key_audit`)
	w.kms.Reset()
	for _, ask := range []func() error{
		func() error { _, err := r.ForWrite(t.Context(), "U2"); return err },
		func() error { _, err := r.Rotate(t.Context(), "U1"); return err },
		func() error { return r.ClearAll(t.Context()) },
		func() error { _, err := w.proxy(nil).ForRead(t.Context(), "U1"); return err },
	} {
		w.wantKind(ask(), keys.ErrAudit)
	}
	if len(w.kms.Counts()) != 0 {
		t.Errorf("KMS was called: %v", w.kms.Counts())
	}
	w.write(r, "U1") // what is cached was recorded
}

func TestFleetFollows(t *testing.T) {
	w := newWorld(t)
	a := w.proxy(nil)
	b := w.proxy(func(o *keys.RingOptions) { o.SyncEvery = 20 * time.Millisecond })
	w.write(a, "U1")
	old := w.write(b, "U1").CurrentVersion()
	if _, err := a.Rotate(t.Context(), "U1"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); w.write(b, "U1").CurrentVersion() == old; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the rotation was not noticed")
		}
	}
}

// No DEK appears in the database in any form, and the requests to KMS tell of the owner's id and nothing else of ours.
func TestNothingLeaks(t *testing.T) {
	w := newWorld(t)
	w.write(w.proxy(nil), "U1")
	dek := w.dek("U1")
	cells := w.cells()
	if len(cells) < 20 {
		t.Fatalf("only %d cells were looked at", len(cells))
	}
	for _, form := range []string{string(dek), hex.EncodeToString(dek), base64.StdEncoding.EncodeToString(dek)} {
		for _, cell := range cells {
			if strings.Contains(cell, form) {
				t.Errorf("the key is in %q", cell)
			}
		}
	}
	var sent struct{ EncryptionContext map[string]string }
	if err := json.Unmarshal(w.kms.Requests()[0].Body, &sent); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"purpose": "phiproxy-dek", "owner": "U1", "version": "1"}
	if diff := cmp.Diff(want, sent.EncryptionContext); diff != "" {
		t.Error(diff)
	}
}

// dek asks KMS for the owner's first key.
func (w *world) dek(owner string) []byte {
	w.Helper()
	var text string
	if err := w.db.QueryRow(`SELECT encrypted_dek FROM user_encryption_keys WHERE user_id = ?`, owner).Scan(&text); err != nil {
		w.Fatal(err)
	}
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		w.Fatal(err)
	}
	dek, err := w.provider().Unwrap(w.Context(), keys.Wrapped{Blob: blob}, keys.DEKContext(owner, 1))
	if err != nil {
		w.Fatal(err)
	}
	return dek
}

// cells are all values of all tables.
func (w *world) cells() (cells []string) {
	w.Helper()
	for _, table := range []string{store.TableKeys, store.TableAudit, store.TableVersions, store.TableEpoch} {
		rows, err := w.db.Query("SELECT * FROM " + table)
		if err != nil {
			w.Fatal(err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			w.Fatal(err)
		}
		for rows.Next() {
			row := make([]sql.RawBytes, len(names))
			into := make([]any, len(names))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				w.Fatal(err)
			}
			for _, cell := range row {
				cells = append(cells, string(cell))
			}
		}
	}
	return cells
}
