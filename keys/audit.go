package keys

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// everybody stands in an audit record's user_id, which is NOT NULL, for an act on all owners.
const everybody = "*"

// details is the JSON of encryption_key_audit.details; the first, second and last field are the guide's.
type details struct {
	Operation  string `json:"operation"`
	KeyVersion int    `json:"key_version,omitempty"`
	Versions   []int  `json:"key_versions,omitempty"` // when an act concerns several
	MasterKey  string `json:"master_key,omitempty"`   // that a key is wrapped under from now on
	Principal  string `json:"principal,omitempty"`    // that the admin port authenticated, besides performed_by
	Reason     string `json:"reason,omitempty"`       // why the proxy acts by itself
	Error      string `json:"error,omitempty"`        // kind of failure
	Timestamp  string `json:"timestamp"`              // UTC, as Python's isoformat()
}

// record commits the audit record of an act that is about to happen. When it fails the act must not happen.
func (r *Ring) record(ctx context.Context, owner string, op Operation, d details) error {
	actor := actorOf(ctx)
	d.Principal = actor.Principal
	d.Timestamp = time.Now().UTC().Format("2006-01-02T15:04:05.000000")
	text, err := json.Marshal(d)
	if err != nil {
		return &Error{Kind: ErrAudit, Op: d.Operation, Cause: err}
	}
	err = r.opt.Store.Audit(ctx, Entry{Owner: owner, Operation: op, Actor: actor, Details: text})
	if err != nil && !errors.Is(err, ErrAudit) {
		err = &Error{Kind: ErrAudit, Op: d.Operation, Cause: err}
	}
	return err
}

// failureTime bounds the writing of a failure's record: the act may have failed because its own time was up.
const failureTime = 2 * time.Second

// recordFailure adds that the recorded act failed. Nothing depends on it: the record of the intent is there.
func (r *Ring) recordFailure(ctx context.Context, owner, operation string, version int, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failureTime)
	defer cancel()
	d := details{Operation: operation, KeyVersion: version, Error: kindOf(cause)}
	if err := r.record(ctx, owner, OpError, d); err != nil {
		r.warn("a failed key operation could not be recorded", err)
	}
}
