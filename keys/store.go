package keys

import (
	"context"

	"phiproxy/crypto/envelope"
)

// Store keeps wrapped keys and the audit trail. Its errors are [ErrNoKey], [ErrOwner], [ErrExists], [ErrDestroyed],
// [ErrInUse], [ErrWorn], [ErrCorrupt] and [ErrStore]; for Audit [ErrAudit].
//
// Every change that other proxies must notice gets the next epoch, a number shared by the fleet; changes become visible
// in the order of their epochs.
type Store interface {
	// Load returns everything known of one owner, as of one moment; ErrNoKey when that is nothing.
	Load(ctx context.Context, owner string) (*Record, error)
	// Create stores a version and makes it current for an owner without a current one; ErrExists when he has one,
	// ErrDestroyed when his keys were destroyed.
	Create(ctx context.Context, owner string, v Version) (epoch uint64, err error)
	// Rotate stores a version and makes it current instead of version from; ErrExists when from is no longer current.
	Rotate(ctx context.Context, owner string, from int, v Version) (epoch uint64, err error)
	// Revive stores a version and makes it current for an owner whose keys were destroyed; ErrExists when he has others.
	Revive(ctx context.Context, owner string, v Version) (epoch uint64, err error)
	// Destroy overwrites every version of the owner's key and returns their number.
	Destroy(ctx context.Context, owner string) (versions int, epoch uint64, err error)
	// Retire takes a usable version out of use and keeps its blob; ErrInUse when it is current.
	Retire(ctx context.Context, owner string, version int) (epoch uint64, err error)
	// Reinstate makes a retired version usable again.
	Reinstate(ctx context.Context, owner string, version int) (epoch uint64, err error)
	// Replace puts v's blob in the place of old in the version of v's number; ErrExists when that holds another blob by now.
	Replace(ctx context.Context, owner string, old []byte, v Version) error
	// Reserve adds n to the seals counted for a version, unless the sum would exceed most (ErrWorn), and returns the sum.
	Reserve(ctx context.Context, owner string, version int, n, most uint64) (seals uint64, err error)
	// Wrapped lists every version that has a blob, retired ones included, by owner in byte order and number.
	Wrapped(ctx context.Context) ([]VersionRef, error)
	// Adopt records a key that the guide's code made in the versions table.
	Adopt(ctx context.Context, owner string, v Version) error
	// Audit commits one record.
	Audit(ctx context.Context, e Entry) error
	// Touch tells the other proxies that an owner's keys changed; owner "" means everybody's.
	Touch(ctx context.Context, owner string) (epoch uint64, err error)
	// Epoch is the last change's.
	Epoch(ctx context.Context) (uint64, error)
	// Changes lists what changed after an epoch, ascending.
	Changes(ctx context.Context, after uint64) ([]Change, error)
	// Owners lists the owners that have an active key, in byte order.
	Owners(ctx context.Context) ([]string, error)
}

// Record is what the store knows of one owner.
type Record struct {
	Owner    string
	Versions []Version // usable ones, ascending by number
	Last     int       // highest number ever given to a version, usable or not
	Current  int       // number of the version for new writes; 0 when the owner's row in user_encryption_keys is gone
	Active   bool      // is_active of that row

	Retired   []Version // those that are kept but not loaded
	Destroyed bool      // nothing is left of what the owner had
}

// VersionRef names a version.
type VersionRef struct {
	Owner  string
	Number int
}

// next is the number of the version to be made.
func (r *Record) next() int {
	if r == nil {
		return 1
	}
	return r.Last + 1
}

// numbers lists the usable versions, when there are several.
func (r *Record) numbers() []int {
	if len(r.Versions) < 2 {
		return nil
	}
	return numbers(r.Versions)
}

func numbers(versions []Version) []int {
	n := make([]int, len(versions))
	for i := range versions {
		n[i] = versions[i].Number
	}
	return n
}

// Version is one wrapped DEK.
type Version struct {
	Number  int
	KeyID   envelope.KeyID // commitment; zero for a guide key that was not adopted yet
	Wrapped Wrapped
	Bound   bool // wrapped under DEKContext; false for the guide's keys
	Adopted bool // has its row in the versions table
}

// context gives the KMS context under which the version was wrapped.
func (v *Version) context(owner string) Context {
	if !v.Bound {
		return nil
	}
	return DEKContext(owner, v.Number)
}

// Change tells that what is cached of an owner may be out of date.
type Change struct {
	Epoch uint64
	Owner string // "" for everybody
}

// Operation is what an audit record says happened.
type Operation string

// The first four are the guide's.
const (
	OpGenerate  Operation = "generate"
	OpRotate    Operation = "rotate"
	OpDecrypt   Operation = "decrypt"
	OpError     Operation = "error"
	OpClear     Operation = "clear"
	OpDestroy   Operation = "destroy"
	OpRetire    Operation = "retire"
	OpReinstate Operation = "reinstate"
	OpRewrap    Operation = "rewrap"
)

// Entry is one audit record.
type Entry struct {
	Owner     string // "*" for everybody
	Operation Operation
	Actor     Actor
	Details   []byte // JSON object, no secrets
}
