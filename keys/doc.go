// Package keys answers one question: which data encryption keys (DEKs) does this owner have?
//
// A [Ring] joins four parts. The [Store] holds wrapped keys and the audit trail in the user's own database, the [Provider]
// (AWS KMS or a key file) wraps and unwraps them, a cache keeps unwrapped keys for 24 hours, and a single flight makes
// one provider call out of a thousand simultaneous questions about one owner.
//
// Promises, each held by a test:
//
//   - No key is generated, unwrapped, rotated, cleared or destroyed before its audit record is committed; without the record the act
//     does not happen ([ErrAudit]).
//   - No key is handed out for writing before its wrapped form is committed, so no value is ever sealed under a key that
//     a crash could lose. Of several processes that create an owner's first key at once, one wins and the others use its key.
//   - Generating again adds a version. No version is lost but by [Ring.Destroy], which records its intent first and leaves
//     tombstones: a destroyed owner gets a new key only when [Ring.Generate] is called for him.
//   - [Ring.Rewrap] replaces a wrapped key only by one that was opened and proved to be the same key.
//   - A version seals at most 2^32 values ([ErrWorn]) and is replaced long before; the count survives restarts and is
//     never too low ([OwnerKeys.ForSeal]).
//   - What one proxy creates, rotates, clears or destroys, the others know within RingOptions.SyncEvery.
//   - A key belongs to the owner whose bytes were asked for. Rows found by a lenient collation, blobs moved between owners,
//     keys whose commitment differs from the recorded one are refused ([ErrOwner], [ErrCorrupt]).
//   - An outage of the provider or of the store ([ErrUnavailable], [ErrStore]) leaves cached keys in use until their time
//     to live plus a configured bound. A revocation ([ErrRevoked]) drops them at once.
//   - An inactive key (is_active = 0) opens what it sealed and seals nothing new ([ErrInactive]).
//   - Keys that left the cache are destroyed when the last user let go of them, never under a running statement.
package keys
