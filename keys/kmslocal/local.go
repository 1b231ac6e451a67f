// Package kmslocal wraps data keys under a master key in a file: for demonstrations and tests, and for those who protect
// the file by other means. It implements [keys.Provider].
//
// A wrapped key is, in order: 0x01, the master key's id (16 bytes), nonce (12), ciphertext (32), tag (16). The cipher
// is AES-256-GCM with a random nonce; everything before the nonce and the encryption context are its associated data.
// The file holds 32 bytes, raw or as base64, and may be readable by its owner alone.
package kmslocal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"phiproxy/keys"
)

const (
	keySize = 32
	version = 0x01
	idSize  = 16
	maxFile = 1024 // more is no key file
)

// Options make a [Provider].
type Options struct {
	File     string   // path of the key file
	Create   bool     // make a new key file when there is none
	OldFiles []string // files of earlier master keys that may still unwrap
}

// Provider wraps with one key file.
type Provider struct {
	file string
	master
	old []master
}

// master is one master key.
type master struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// New reads the key file, making it first when that is asked for.
func New(o Options) (*Provider, error) {
	m, err := readMaster(o.File)
	if errors.Is(err, fs.ErrNotExist) && o.Create {
		if err := createKey(o.File); err != nil {
			return nil, err
		}
		m, err = readMaster(o.File)
	}
	if err != nil {
		return nil, err
	}
	p := &Provider{file: o.File, master: m}
	for _, file := range o.OldFiles {
		m, err := readMaster(file)
		if err != nil {
			return nil, err
		}
		p.old = append(p.old, m)
	}
	return p, nil
}

func readMaster(file string) (m master, err error) {
	key, err := readKey(file)
	if err != nil {
		return m, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return m, err
	}
	if m.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return m, err
	}
	m.id, err = keyID(key)
	return m, err
}

func keyID(master []byte) (id [idSize]byte, err error) {
	b, err := hkdf.Key(sha256.New, master, nil, "phiproxy local master key id", idSize)
	copy(id[:], b)
	return id, err
}

// readKey returns the 32 bytes of a key file that nobody but its owner can read.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("local master key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat() // of the open file: what was checked is what is read
	if err != nil {
		return nil, fmt.Errorf("local master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("local master key %s: not a regular file", path)
	}
	if m := info.Mode().Perm(); m&0o077 != 0 {
		return nil, fmt.Errorf("local master key %s: mode %04o lets others in; want 0600", path, m)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("local master key: %w", err)
	}
	return decodeKey(path, raw)
}

func decodeKey(path string, raw []byte) ([]byte, error) {
	if len(raw) == keySize {
		return raw, nil
	}
	defer clear(raw)
	key := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	n, err := base64.StdEncoding.Decode(key, bytes.TrimSpace(raw))
	if err != nil || n != keySize {
		return nil, fmt.Errorf("local master key %s: want 32 bytes, raw or as base64", path)
	}
	return key[:n], nil
}

// createKey writes a new random key, never over an existing file, and complete or not at all: a crash must not leave
// half a key behind, nor a key that was used and then lost.
func createKey(path string) error {
	key := make([]byte, keySize)
	rand.Read(key)
	defer clear(key)
	f, err := os.CreateTemp(filepath.Dir(path), ".master-key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("local master key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // fails when the file exists meanwhile
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("local master key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("local master key: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// ARN is the master key's name in the versions table.
func (p *Provider) ARN() string { return "local:" + hex.EncodeToString(p.id[:]) }

// Generate implements [keys.Provider].
func (p *Provider) Generate(_ context.Context, kctx keys.Context) ([]byte, keys.Wrapped, error) {
	dek := make([]byte, keySize)
	rand.Read(dek)
	return dek, p.wrap(dek, kctx), nil
}

// Wrap implements [keys.Wrapper].
func (p *Provider) Wrap(_ context.Context, dek []byte, kctx keys.Context) (keys.Wrapped, error) {
	return p.wrap(dek, kctx), nil
}

func (p *Provider) wrap(dek []byte, kctx keys.Context) keys.Wrapped {
	header := append([]byte{version}, p.id[:]...)
	blob := p.aead.Seal(bytes.Clone(header), nil, dek, associated(header, kctx))
	return keys.Wrapped{Blob: blob, KeyARN: p.ARN()}
}

// masterOf returns the master key with that id.
func (p *Provider) masterOf(id []byte) (master, bool) {
	for _, m := range append([]master{p.master}, p.old...) {
		if bytes.Equal(id, m.id[:]) {
			return m, true
		}
	}
	return master{}, false
}

// Unwrap implements [keys.Provider].
func (p *Provider) Unwrap(_ context.Context, w keys.Wrapped, kctx keys.Context) ([]byte, error) {
	const header = 1 + idSize
	if len(w.Blob) != header+keySize+p.aead.Overhead() || w.Blob[0] != version {
		return nil, corrupt("not a local key")
	}
	m, ok := p.masterOf(w.Blob[1:header])
	if !ok {
		return nil, corrupt("another master key")
	}
	dek, err := m.aead.Open(nil, nil, w.Blob[header:], associated(w.Blob[:header], kctx))
	if err != nil {
		return nil, corrupt("does not verify")
	}
	return dek, nil
}

func corrupt(code string) error {
	return &keys.Error{Kind: keys.ErrCorrupt, Op: "unwrap", Code: code}
}

// Check implements [keys.Provider]: the file is still there and holds the same key. Taking it away is an outage;
// putting another key in its place is a revocation.
func (p *Provider) Check(context.Context) error {
	master, err := readKey(p.file)
	if err != nil {
		return &keys.Error{Kind: keys.ErrUnavailable, Op: "check", Code: "key file", Cause: err}
	}
	defer clear(master)
	id, err := keyID(master)
	if err != nil || id != p.id {
		return &keys.Error{Kind: keys.ErrRevoked, Op: "check", Code: "another master key", Cause: err}
	}
	return nil
}

func associated(header []byte, kctx keys.Context) []byte {
	return append(bytes.Clone(header), kctx.Canonical()...)
}
