package kmslocal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"phiproxy/keys"
)

func newFile(t *testing.T) string { return filepath.Join(t.TempDir(), "master") }

func create(t *testing.T, file string) *Provider {
	t.Helper()
	p, err := New(Options{File: file, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRoundTrip(t *testing.T) {
	file := newFile(t)
	p := create(t, file)
	kctx := keys.DEKContext("U1", 1)
	dek, w, err := p.Generate(t.Context(), kctx)
	if err != nil || len(dek) != 32 || bytes.Contains(w.Blob, dek) {
		t.Fatalf("%d bytes, %v", len(dek), err)
	}
	again, err := New(Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Unwrap(t.Context(), w, kctx)
	if err != nil || !bytes.Equal(got, dek) || w.KeyARN != again.ARN() || !strings.HasPrefix(w.KeyARN, "local:") {
		t.Errorf("unwrapped after a restart: %v, %s", err, w.KeyARN)
	}
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOldFiles(t *testing.T) {
	file, oldFile := newFile(t), newFile(t)
	old := create(t, oldFile)
	kctx := keys.DEKContext("U1", 1)
	dek, w, err := old.Generate(t.Context(), kctx)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Options{File: file, Create: true, OldFiles: []string{oldFile}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Unwrap(t.Context(), w, kctx); err != nil || !bytes.Equal(got, dek) {
		t.Errorf("an earlier master key: %v", err)
	}
	moved, err := p.Wrap(t.Context(), dek, kctx)
	if err != nil || moved.KeyARN != p.ARN() || moved.KeyARN == w.KeyARN {
		t.Fatalf("wrapped by %s, %v", moved.KeyARN, err)
	}
	if got, err := create(t, file).Unwrap(t.Context(), moved, kctx); err != nil || !bytes.Equal(got, dek) {
		t.Errorf("the new master key alone: %v", err)
	}
	if _, err := New(Options{File: file, OldFiles: []string{oldFile + ".gone"}}); err == nil {
		t.Error("a missing earlier file was passed over")
	}
}

func TestUnwrapRefuses(t *testing.T) {
	p := create(t, newFile(t))
	kctx := keys.DEKContext("U1", 1)
	_, w, err := p.Generate(t.Context(), kctx)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(name string, p *Provider, blob []byte, kctx keys.Context) {
		t.Helper()
		if _, err := p.Unwrap(t.Context(), keys.Wrapped{Blob: blob}, kctx); !errors.Is(err, keys.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refuse("another owner", p, w.Blob, keys.DEKContext("U2", 1))
	refuse("another version", p, w.Blob, keys.DEKContext("U1", 2))
	refuse("no context", p, w.Blob, nil)
	refuse("another master key", create(t, newFile(t)), w.Blob, kctx)
	for n := range w.Blob {
		refuse("truncated", p, w.Blob[:n], kctx)
	}
	refuse("extended", p, append(bytes.Clone(w.Blob), 0), kctx)
	for i := range len(w.Blob) * 8 {
		b := bytes.Clone(w.Blob)
		b[i/8] ^= 1 << (i % 8)
		refuse("flipped bit", p, b, kctx)
	}
}

func TestKeyFiles(t *testing.T) {
	raw := bytes.Repeat([]byte{7}, 32)
	text := base64.StdEncoding.EncodeToString(raw)
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		ok      bool
	}{
		"raw":              {string(raw), 0o600, true},
		"base64":           {text, 0o400, true},
		"base64, new line": {text + "\n", 0o600, true},
		"group can read":   {text, 0o640, false},
		"others can read":  {text, 0o604, false},
		"empty":            {"", 0o600, false},
		"too short":        {string(raw[:31]), 0o600, false},
		"too long":         {text + text, 0o600, false},
		"no base64":        {strings.Repeat("?", 44), 0o600, false},
	} {
		t.Run(name, func(t *testing.T) {
			file := newFile(t)
			if err := os.WriteFile(file, []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			for _, create := range []bool{false, true} {
				_, err := New(Options{File: file, Create: create})
				if (err == nil) != c.ok {
					t.Errorf("got %v", err)
				}
				if err != nil && c.content != "" && strings.Contains(err.Error(), c.content) {
					t.Errorf("the key is in the error: %v", err)
				}
			}
			if got, _ := os.ReadFile(file); string(got) != c.content {
				t.Error("an existing file was overwritten")
			}
		})
	}
}

func TestFilesThatAreNoFiles(t *testing.T) {
	if _, err := New(Options{File: newFile(t)}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := New(Options{File: t.TempDir()}); err == nil {
		t.Error("read a directory")
	}
	if _, err := New(Options{File: "/no/such/directory/key", Create: true}); err == nil {
		t.Error("created in no directory")
	}
}

// Processes that start at once agree on one key.
func TestCreateRace(t *testing.T) {
	file := newFile(t)
	var wg sync.WaitGroup
	arns := make([]string, 8)
	for i := range arns {
		wg.Go(func() {
			if p, err := New(Options{File: file, Create: true}); err != nil {
				t.Error(err)
			} else {
				arns[i] = p.ARN()
			}
		})
	}
	wg.Wait()
	for _, arn := range arns {
		if arn != arns[0] {
			t.Fatal("two keys were made")
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".master-key-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestCheckSeesTheFile(t *testing.T) {
	file := newFile(t)
	p := create(t, file)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(t.Context()); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("removed: %v", err)
	}
	create(t, file)
	if err := p.Check(t.Context()); !errors.Is(err, keys.ErrRevoked) {
		t.Errorf("replaced: %v", err)
	}
}
