package keys

import (
	"runtime"
	"slices"
	"time"

	"phiproxy/crypto/envelope"
)

// OwnerKeys is an owner's set of unwrapped keys at one moment. It is immutable and may be held as long as a statement
// runs; the keys stay usable although the cache may have dropped them meanwhile.
type OwnerKeys struct {
	Owner string

	versions []ownedKey // ascending by number
	current  int        // index into versions; -1 when the owner's current row is gone
	active   bool
	seals    *sealCounter // of the current version
}

type ownedKey struct {
	number int
	key    *envelope.Key
}

// Current returns the key that is current; nil when the owner has none (keys got through [Ring.ForWrite] always have
// one). What seals with it takes it from ForSeal, which counts.
func (o *OwnerKeys) Current() *envelope.Key {
	if o.current < 0 {
		return nil
	}
	return o.versions[o.current].key
}

// CurrentVersion returns the number of the current key, counted from 1; 0 when there is none.
func (o *OwnerKeys) CurrentVersion() int {
	if o.current < 0 {
		return 0
	}
	return o.versions[o.current].number
}

// Active tells whether new values may be sealed.
func (o *OwnerKeys) Active() bool { return o.active }

// Find returns the key with that id, nil when it is none of the owner's.
func (o *OwnerKeys) Find(id envelope.KeyID) *envelope.Key {
	for i := len(o.versions) - 1; i >= 0; i-- {
		if o.versions[i].key.ID() == id {
			return o.versions[i].key
		}
	}
	return nil
}

// All returns every key, the newest first: the order in which values without a key id are tried.
func (o *OwnerKeys) All() []*envelope.Key {
	all := make([]*envelope.Key, 0, len(o.versions))
	for i := len(o.versions) - 1; i >= 0; i-- {
		all = append(all, o.versions[i].key)
	}
	return all
}

// newKey takes a DEK over: the plaintext is overwritten, and the key is destroyed when nobody can reach it any more.
// Reachability is the only safe moment: a session may still be sealing with a key that the cache has evicted.
func newKey(dek []byte) (*envelope.Key, error) {
	defer clear(dek)
	key, err := envelope.NewKey(dek)
	if err != nil {
		return nil, &Error{Kind: ErrCorrupt, Op: "unwrap", Code: "key length", Cause: err}
	}
	runtime.SetFinalizer(key, (*envelope.Key).Destroy)
	return key, nil
}

// sameVersions reports whether two loads of an owner found the same versions; nil is none.
func (k *OwnerKeys) sameVersions(other *OwnerKeys) bool {
	return other != nil && slices.EqualFunc(k.versions, other.versions, func(a, b ownedKey) bool { return a.number == b.number })
}

// entry is one owner's place in the cache: his keys, or for a moment the reason why there are none.
type entry struct {
	owner  string
	keys   *OwnerKeys
	err    error
	futile time.Time // when the store was asked anew and had nothing new; zero when it never was
	fresh  time.Time // until then it is used without asking
	dead   time.Time // from then on it is not used even in an outage
}
