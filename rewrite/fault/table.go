package fault

// Table lists every fault, for the catalogue in docs/errors.md and the tests that keep both complete.
func Table() []*Fault {
	return []*Fault{
		Unparsable, Comparison, Function, Expression, OrderBy, GroupBy, Distinct, SetOp, Aggregate, Window, Join, Subquery,
		Mixed, Into, Unknown, NoDatabase, Opaque, SchemaChange, StoredCode, CopyTable, Load, Handler, Dynamic, Compound,
		SetFor, Charset, Multi, BadTokens, SQLMode, Flag, Recursive, Rollup, OddName, Unsure, Explain, ShowFilter,
		Statement, Ambiguous, NullDate, Star, Position, Natural, Unnamed, Range, OtherCase,

		ValueForm, OwnerForm, NoOwner, OwnerMove, SeveralRows, TooManyRows, UniqueKey, MultiTable, KeyType, KeyAssigned, Copy,
		TwiceSet, SelfAssigned, RunsTwice, Returning, ColumnCount,
		LoadServer, LoadFormat, LoadReplace, LoadCharset, LoadFile, LoadValue, LoadVariables,

		Defining, Absent, NotReady, DefinitionForm, Conversion, ColumnUsed, OwnerColumn, Renamed, Unrecorded, Incomplete, DefinitionPrepared,

		Tampered, Foreign, Plain, Unowned, ColumnsChanged, Reprepare, Raced,

		KeyMissing, KeyInactive, KeyOwner, KeyUnavailable, KeyRevoked, KeyCorrupt, KeyAudit, KeyDestroyed, KeyWorn, KeyStore,

		AccessLog,
		ScratchUnavailable, ScratchLimit, ScratchTimeout, ScratchUnfit, ScratchZone, ScratchTable, ScratchFunction, ScratchZones, TwiceShown,

		TooManyConnections, BackendUnreachable, TLSRequired, DangerousCharset, CommandUnsupported, CommandUnknown, PacketTooLarge,
		PacketMalformed, ProtocolTooOld, PasswordPath, LocalInfile, SessionCharset, BackendTLS, AnswerTooLarge, ShuttingDown,
		Diagnostics,
	}
}
