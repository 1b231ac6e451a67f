package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"phiproxy/keys"
	"phiproxy/keys/store"
)

const destroyAt = "/admin/encryption/destroy-key?user_id=USER1&" + asAdmin

// TestDestroyNeedsTheCode: only who was told what is lost can destroy it, once, within five minutes.
func TestDestroyNeedsTheCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.fakes.users["ADMIN2"] = store.User{Active: true, Type: 200}
		refused := func(what, token, target, code string) {
			t.Helper()
			if w := b.ask(token, "POST", target+"&confirmation_code="+code); w.Code != 409 || len(b.fakes.done()) > 0 {
				t.Errorf("%s: %d %s %v", what, w.Code, w.Body, b.fakes.done())
			}
		}
		refused("no code was made", adminToken, destroyAt, "")
		code := askForCode(t, b, adminToken, destroyAt)
		refused("other principal", boundToken, destroyAt, code)
		refused("other administrator", adminToken, strings.Replace(destroyAt, "ADMIN1", "ADMIN2", 1), code)
		refused("other owner", adminToken, strings.Replace(destroyAt, "USER1", "USER2", 1), code)
		refused("wrong code", adminToken, destroyAt, code[1:]+"A")
		refused("right code after a wrong one", adminToken, destroyAt, code)
		code = askForCode(t, b, adminToken, destroyAt)
		askForCode(t, b, adminToken, destroyAt)
		refused("code that a newer one replaced", adminToken, destroyAt, code)
		code = askForCode(t, b, adminToken, destroyAt)
		time.Sleep(confirmFor)
		refused("late code", adminToken, destroyAt, code)
		code = askForCode(t, b, adminToken, destroyAt)
		time.Sleep(confirmFor - time.Second)
		if w := b.ask(adminToken, "POST", destroyAt+"&confirmation_code="+code); w.Code != 200 || !slices.Equal(b.fakes.done(), []string{"destroy USER1"}) {
			t.Fatal(w.Code, w.Body, b.fakes.done())
		}
		if w := b.ask(adminToken, "POST", destroyAt+"&confirmation_code="+code); w.Code != 409 {
			t.Errorf("a used code: %d", w.Code)
		}
		for range 2 * maxConfirm {
			b.confirm.make(confirmation{owner: fmt.Sprint(time.Now(), b.confirm.waiting.Len())}, 0)
			time.Sleep(time.Nanosecond)
		}
		if n := b.confirm.waiting.Len(); n > maxConfirm {
			t.Errorf("%d codes are kept", n)
		}
	})
}

func TestDestroyThatFails(t *testing.T) {
	b := newBench(t)
	code := askForCode(t, b, adminToken, destroyAt)
	b.fakes.keyErr = &keys.Error{Kind: keys.ErrAudit, Op: "destroy"}
	w := b.ask(adminToken, "POST", destroyAt+"&confirmation_code="+code)
	if w.Code != 500 || w.Body.String() != `{"detail":{"error":"Encryption key destruction failed: keys: destroy: the audit record could not be written"}}` {
		t.Error(w.Code, w.Body)
	}
}

// owners makes n active keys; the last of them was rotated a moment ago.
func owners(n int) store.OwnerList {
	list := store.OwnerList{Total: n}
	for i := range n {
		list.Owners = append(list.Owners, store.OwnerKey{Owner: fmt.Sprintf("U%03d", i), State: store.StateActive, CreatedAt: time.Now().Add(-time.Hour)})
	}
	list.Owners[n-1].RotatedAt = new(time.Now())
	return list
}

func (b *bench) job(t *testing.T, id string) jobStatus {
	t.Helper()
	w := b.ask(viewerToken, "GET", "/admin/encryption/rotate-all/"+id)
	return decode[jobStatus](t, w.Code, w.Body.Bytes())
}

func (b *bench) rotateAll(t *testing.T, more string) jobStatus {
	t.Helper()
	w := b.ask(boundToken, "POST", "/admin/encryption/rotate-all?"+more)
	return decode[jobStatus](t, w.Code, w.Body.Bytes())
}

func decode[T any](t *testing.T, code int, body []byte) (v T) {
	t.Helper()
	if code >= 300 {
		t.Fatal(code, string(body))
	}
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err, string(body))
	}
	return v
}

func TestRotateAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.fakes.owners = owners(4)
		for _, k := range b.fakes.owners.Owners[1:] { // U000 has lost its key meanwhile
			b.fakes.status[k.Owner] = store.Status{KeyVersion: 1}
		}
		started := b.rotateAll(t, "")
		synctest.Wait()
		got := b.job(t, started.JobID)
		if got.State != jobFailed || got.Total != 3 || got.Done != 3 || got.Failed != 1 || got.FinishedAt == nil || got.PerformedBy != "token:bound" ||
			!slices.Equal(got.Failures, []jobFailure{{"U000", "keys: rotate: the owner has no key"}}) {
			t.Errorf("%+v", got)
		}
		if done := b.fakes.done(); !slices.Equal(done, []string{"rotate U001", "rotate U002"}) {
			t.Errorf("%v: a key as new as the job was rotated, or an old one was not", done)
		}
		b.fakes.status["U000"] = store.Status{KeyVersion: 1}
		time.Sleep(time.Second)
		again := b.rotateAll(t, "")
		synctest.Wait()
		if got := b.job(t, again.JobID); got.State != jobDone || got.Total != 4 {
			t.Errorf("%+v", got)
		}
	})
}

// TestRotateAllGoesOn: a job that the end of the proxy interrupted is resumed by its rotated_before.
func TestRotateAllGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.fakes.owners = owners(3)
		for _, k := range b.fakes.owners.Owners {
			b.fakes.status[k.Owner] = store.Status{KeyVersion: 1}
		}
		b.fakes.block = make(chan struct{})
		time.Sleep(time.Minute)
		started := b.rotateAll(t, "")
		b.fakes.block <- struct{}{} // the first key is rotated
		synctest.Wait()
		b.fakes.owners.Owners[0].RotatedAt = new(time.Now())
		if got := b.job(t, started.JobID); got.State != jobRunning || got.Done != 1 {
			t.Errorf("%+v", got)
		}
		if err := b.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got, _ := b.jobs.get(started.JobID); got.State != jobInterrupted || got.Error != "canceled" {
			t.Errorf("%+v", got)
		}
		next := newBench(t)
		next.fakes.owners, next.fakes.status = b.fakes.owners, b.fakes.status
		time.Sleep(time.Hour)
		resumed := next.rotateAll(t, "rotated_before="+started.RotatedBefore.Format(time.RFC3339))
		synctest.Wait()
		if got := next.job(t, resumed.JobID); got.State != jobDone || got.Total != 2 {
			t.Errorf("%+v", got)
		}
		if done := slices.Concat(b.fakes.done(), next.fakes.done()); !slices.Equal(done, []string{"rotate U000", "rotate U001", "rotate U002"}) {
			t.Errorf("%v", done)
		}
	})
}

func TestJobsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.fakes.storeErr = &keys.Error{Kind: keys.ErrStore, Op: "list"}
		first := b.rotateAll(t, "")
		synctest.Wait()
		if got := b.job(t, first.JobID); got.State != jobInterrupted || got.Error != "keys: list: the key store failed" {
			t.Errorf("%+v", got)
		}
		for range maxJobs {
			b.rotateAll(t, "")
			synctest.Wait()
		}
		if _, ok := b.jobs.get(first.JobID); ok || len(b.jobs.list) != maxJobs {
			t.Errorf("%d jobs are kept", len(b.jobs.list))
		}
	})
}

func TestFailuresOfAJobAreBounded(t *testing.T) {
	b := newBench(t)
	job, _ := b.jobs.begin(time.Now(), "x")
	for i := range 3 * maxFailures {
		b.jobs.step(job, keys.BulkStep{Owner: "U", Err: context.Canceled, Done: i + 1, Total: 3 * maxFailures})
	}
	b.jobs.end(job, nil)
	if got, _ := b.jobs.get(job.JobID); got.Failed != 3*maxFailures || len(got.Failures) != maxFailures {
		t.Errorf("%d failures, %d told", got.Failed, len(got.Failures))
	}
}

func TestKeysComeInPages(t *testing.T) {
	b := newBench(t)
	b.fakes.owners.Next = "USER1"
	w := b.ask(viewerToken, "GET", "/admin/encryption/keys?after=A&limit=7")
	if got := decode[keyList](t, w.Code, w.Body.Bytes()); got.Next != "USER1" || got.Limit != 7 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(b.fakes.lists, []store.Page{{After: "A", Limit: 7}}) {
		t.Errorf("%+v", b.fakes.lists)
	}
}

func TestListsAreCut(t *testing.T) {
	b := newBench(t)
	w := b.ask(viewerToken, "GET", "/admin/sessions?limit=1")
	if got := decode[sessionList](t, w.Code, w.Body.Bytes()); got.Total != 2 || len(got.Sessions) != 1 {
		t.Errorf("%+v", got)
	}
	w = b.ask(viewerToken, "GET", "/admin/statements?limit=1")
	if got := decode[statementList](t, w.Code, w.Body.Bytes()); got.Total != 2 || len(got.Statements) != 1 {
		t.Errorf("%+v", got)
	}
}
