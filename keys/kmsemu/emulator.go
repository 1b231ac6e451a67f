// Package kmsemu is a KMS for tests and demonstrations: it speaks the real service's HTTP protocol (JSON 1.1,
// X-Amz-Target TrentService.*, SigV4 headers checked for form) well enough for the AWS SDKs, and fails on demand as the
// real service does.
//
// Master keys live in memory, or in the file of [Options]. It protects nothing: whoever reaches it can use its keys.
package kmsemu

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

// Region and account that stand in ARNs unless Options say otherwise.
const (
	DefaultRegion  = "us-east-1"
	DefaultAccount = "000000000000"
)

// Options make an [Emulator].
type Options struct {
	Region  string   // default DefaultRegion
	Account string   // default DefaultAccount
	Aliases []string // "alias/...": each gets a master key of its own at start, unless it has one already
	File    string   // keeps master keys over restarts; "" for memory only
}

// Emulator is an http.Handler. It is safe for concurrent use.
type Emulator struct {
	region, account, file string

	mu      sync.Mutex
	keys    map[string]*masterKey // key id -> key
	aliases map[string]string     // "alias/..." -> key id
	faults  Faults
	counts  map[string]int // operation -> requests
	log     []Request

	inside, peak int   // requests at a time: now, at most
	second       int64 // since 1970, of the last limited request
	inSecond     int   // requests of that second
}

// masterKey is one key; its states are KMS's own names.
type masterKey struct {
	ID       string    `json:"id"`
	Material []byte    `json:"material"` // 32 bytes
	State    string    `json:"state"`
	Created  time.Time `json:"created"`
	Deletion time.Time `json:"deletion"` // zero unless pending
}

const (
	stateEnabled  = "Enabled"
	stateDisabled = "Disabled"
	statePending  = "PendingDeletion"
)

// New makes an emulator.
func New(o Options) (*Emulator, error) {
	e := &Emulator{
		region: o.Region, account: o.Account, file: o.File,
		keys: map[string]*masterKey{}, aliases: map[string]string{}, counts: map[string]int{},
	}
	if e.region == "" {
		e.region = DefaultRegion
	}
	if e.account == "" {
		e.account = DefaultAccount
	}
	if err := e.load(); err != nil {
		return nil, err
	}
	for _, alias := range o.Aliases {
		if _, ok := e.aliases[alias]; !ok {
			e.aliases[alias] = e.addKey().ID
		}
	}
	return e, e.save()
}

func (e *Emulator) addKey() *masterKey {
	k := &masterKey{ID: newUUID(), Material: make([]byte, 32), State: stateEnabled, Created: time.Now().UTC()}
	rand.Read(k.Material)
	e.keys[k.ID] = k
	return k
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (e *Emulator) keyARN(id string) string {
	return "arn:aws:kms:" + e.region + ":" + e.account + ":key/" + id
}

func (e *Emulator) aliasARN(alias string) string {
	return "arn:aws:kms:" + e.region + ":" + e.account + ":" + alias
}
