package integration

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"phiproxy/crypto/envelope"
	"phiproxy/keys"
	"phiproxy/keys/kmsaws"
	"phiproxy/keys/store"
)

// The tests run this binary again as the process to be killed. These environment variables tell it what to do.
const (
	childPoint = "PHIPROXY_TEST_KILL_POINT" // where to stop and wait for the end; pointNowhere: work until then
	childDSN   = "PHIPROXY_TEST_KILL_DSN"
	childKMS   = "PHIPROXY_TEST_KILL_KMS"
)

// Points in the creation of a key.
const (
	pointBeforeRecord = "before the audit record"
	pointBeforeKMS    = "between the audit record and KMS"
	pointBeforeInsert = "between KMS and INSERT"
	pointAfterInsert  = "after INSERT"
	pointNowhere      = "nowhere"
)

// stopper is a store and a provider that stop at a point.
type stopper struct {
	keys.Store
	keys.Provider
	point string
}

// at tells the parent that the point is reached and waits to be killed.
func (s stopper) at(point string) {
	if s.point == point {
		fmt.Println("here")
		select {}
	}
}

func (s stopper) Audit(ctx context.Context, e keys.Entry) error {
	if e.Operation == keys.OpGenerate {
		s.at(pointBeforeRecord)
	}
	return s.Store.Audit(ctx, e)
}

func (s stopper) Generate(ctx context.Context, c keys.Context) ([]byte, keys.Wrapped, error) {
	s.at(pointBeforeKMS)
	return s.Provider.Generate(ctx, c)
}

func (s stopper) Create(ctx context.Context, owner string, v keys.Version) (uint64, error) {
	s.at(pointBeforeInsert)
	epoch, err := s.Store.Create(ctx, owner, v)
	s.at(pointAfterInsert)
	return epoch, err
}

// child is the process to be killed.
func child() int {
	if err := childWork(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

func childWork() error {
	s, err := store.Open(os.Getenv(childDSN))
	if err != nil {
		return err
	}
	p, err := newProvider(context.Background(), os.Getenv(childKMS), kmsaws.DefaultKeyID, nil)
	if err != nil {
		return err
	}
	both := stopper{s, p, os.Getenv(childPoint)}
	r, err := keys.New(keys.RingOptions{Store: both, Provider: both, CheckEvery: -1, LoadTimeout: time.Minute, SyncEvery: 50 * time.Millisecond})
	if err != nil {
		return err
	}
	if both.point != pointNowhere {
		_, err := r.ForWrite(context.Background(), "U1")
		return err
	}
	return writeForever(r)
}

var killContext = envelope.NewContext("column", "owner")

// writeForever seals values of many owners and stores them, and rotates keys.
func writeForever(r *keys.Ring) error {
	db, err := sql.Open("mysql", os.Getenv(childDSN))
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				if err := writeOne(r, db, fmt.Sprintf("U%d", rand.IntN(1000))); err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

func writeOne(r *keys.Ring, db *sql.DB, owner string) error {
	ctx := context.Background()
	if rand.IntN(5) == 0 {
		r.Rotate(ctx, owner) // there may be no key yet, or another process rotates it
	}
	k, err := r.ForWrite(ctx, owner)
	if err != nil {
		return err
	}
	key, err := k.ForSeal(ctx)
	if err != nil {
		return err
	}
	_, err = db.Exec(`INSERT INTO sealed (owner, v) VALUES (?, ?)`, owner, envelope.Seal(nil, key, killContext, []byte(owner)))
	return err
}

// process starts a child. Its first line of output, if it writes one, ends the wait for started.
func (w *world) process(point string) (started <-chan string, kill func()) {
	w.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPoint+"="+point, childDSN+"="+server.DSN(w.name), childKMS+"="+w.url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		lines <- line
	}()
	return lines, func() {
		cmd.Process.Kill() // SIGKILL
		cmd.Wait()
	}
}

func TestKilledWhileCreating(t *testing.T) {
	for i, point := range []string{pointBeforeRecord, pointBeforeKMS, pointBeforeInsert, pointAfterInsert} {
		t.Run(point, func(t *testing.T) {
			w := newNamedWorld(t, fmt.Sprintf("kill_%d", i))
			started, kill := w.process(point)
			select {
			case line := <-started:
				if line != "here\n" {
					t.Fatalf("the process ended: %q", line)
				}
			case <-time.After(30 * time.Second):
				t.Error("the process does not get there")
			}
			kill()
			stored := w.count(`SELECT COUNT(*) FROM user_encryption_keys`)
			if (stored == 1) != (point == pointAfterInsert) || stored != w.count(`SELECT COUNT(*) FROM phiproxy_key_versions`) {
				t.Errorf("%d keys are stored", stored)
			}
			if made := w.kms.Counts()["GenerateDataKey"]; made > w.count(`SELECT COUNT(*) FROM encryption_key_audit WHERE operation = 'generate'`) {
				t.Error("a key was made without a record")
			}
			k := w.write(w.proxy(nil), "U1")
			if k.CurrentVersion() != 1 || w.count(`SELECT COUNT(*) FROM phiproxy_key_versions`) != 1 {
				t.Errorf("the owner ended with version %d", k.CurrentVersion())
			}
		})
	}
}

// Two processes at a time create, rotate and use keys, and are killed at any moment: what they stored opens.
func TestKilledAtAnyMoment(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE TABLE sealed (id INT PRIMARY KEY AUTO_INCREMENT, owner VARCHAR(100), v VARBINARY(300))`)
	for range 3 {
		_, killA := w.process(pointNowhere)
		_, killB := w.process(pointNowhere)
		for before, began := w.count(`SELECT COUNT(*) FROM sealed`), time.Now(); w.count(`SELECT COUNT(*) FROM sealed`) < before+100; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatal("the processes store nothing")
			}
		}
		killA()
		killB()
	}
	r := w.proxy(nil)
	rows, err := w.db.Query(`SELECT owner, v FROM sealed`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var owner string
		var v []byte
		if err := rows.Scan(&owner, &v); err != nil {
			t.Fatal(err)
		}
		k, err := r.ForRead(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := envelope.Parse(v)
		key := k.Find(id)
		if key == nil {
			t.Fatalf("a key of %s is lost", owner)
		}
		if text, err := envelope.Open(nil, key, killContext, v); err != nil || string(text) != owner {
			t.Fatalf("a value of %s does not open: %v", owner, err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	made, recorded := w.kms.Counts()["GenerateDataKey"], w.count(`SELECT COUNT(*) FROM encryption_key_audit WHERE operation IN ('generate', 'rotate')`)
	if made > recorded || w.count(`SELECT COUNT(*) FROM phiproxy_key_versions`) > made {
		t.Errorf("%d keys made, %d recorded", made, recorded)
	}
}
