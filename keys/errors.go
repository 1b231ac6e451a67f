package keys

import (
	"errors"
	"fmt"
)

// The kinds of failure. Every error of this package and of its providers and stores is one of these under errors.Is,
// except a context's own error.
var (
	ErrNoKey       = errors.New("the owner has no key")
	ErrInactive    = errors.New("the owner's key is inactive: reads only")
	ErrOwner       = errors.New("the owner id is invalid or collides with another owner's key row")
	ErrUnavailable = errors.New("the key service does not answer")
	ErrRevoked     = errors.New("the key service denies the master key")
	ErrCorrupt     = errors.New("a stored key does not unwrap or is not the recorded one")
	ErrAudit       = errors.New("the audit record could not be written")
	ErrStore       = errors.New("the key store failed")
	ErrDestroyed   = errors.New("the owner's keys were destroyed")
	ErrWorn        = errors.New("the owner's key has sealed as many values as one key may")
	ErrInUse       = errors.New("the key version is still in use")
	ErrExists      = errors.New("another process stored a key first")
)

// Error tells what failed while doing what. Its text holds constants and codes only: the cause may quote values, so it is
// reachable by errors.Is and errors.As but never printed.
type Error struct {
	Kind  error  // one of the Err variables above
	Op    string // "unwrap", "generate", "load", ...
	Code  string // "ThrottlingException", "mysql 1452"; may be empty
	Cause error  // may be nil
}

func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("keys: %s: %v", e.Op, e.Kind)
	}
	return fmt.Sprintf("keys: %s: %v (%s)", e.Op, e.Kind, e.Code)
}

// Unwrap makes both the kind and the cause visible to errors.Is.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

func fail(kind error, op string) *Error { return &Error{Kind: kind, Op: op} }

// kindOf names an error's kind for metrics and audit details, "" for none of ours.
func kindOf(err error) string {
	for _, k := range []struct {
		kind error
		name string
	}{
		{ErrNoKey, "no_key"}, {ErrInactive, "inactive"}, {ErrOwner, "owner"}, {ErrUnavailable, "unavailable"},
		{ErrRevoked, "revoked"}, {ErrCorrupt, "corrupt"}, {ErrAudit, "audit"}, {ErrStore, "store"}, {ErrExists, "exists"},
		{ErrDestroyed, "destroyed"}, {ErrWorn, "worn"}, {ErrInUse, "in_use"},
	} {
		if errors.Is(err, k.kind) {
			return k.name
		}
	}
	return ""
}
