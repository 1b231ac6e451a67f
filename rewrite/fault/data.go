package fault

// Faults of stored values and of the keys that open them.
var (
	Tampered = &Fault{"PHI-1201", 1105, "HY000", "a stored value does not verify: it was changed, cut or moved from another column; the row's owner and the log have details", Data}
	Foreign  = &Fault{"PHI-1202", 1105, "HY000", "a stored value was sealed for another owner than its row's", Data}
	Plain    = &Fault{"PHI-1203", 1105, "HY000", "a protected column holds a value that is not sealed although its table is marked as sealed", Data}
	Unowned  = &Fault{"PHI-1204", 1105, "HY000", "a row without an owner holds a sealed value", Data}

	ColumnsChanged = &Fault{"PHI-1205", 1615, "HY000", "the table's columns changed since the statement was planned; send it again", Config}
	Reprepare      = &Fault{"PHI-1206", 1615, "HY000", "Prepared statement needs to be re-prepared", Config}
	Raced          = &Fault{"PHI-1207", 1213, "40001", "another session inserted a row that this statement was about to insert; the transaction was rolled back, begin it again", Backend}

	KeyMissing     = &Fault{"PHI-2001", 1105, "HY000", "the row's owner has no encryption key", Config}
	KeyInactive    = &Fault{"PHI-2002", 1105, "HY000", "the owner's encryption key is inactive: its values can be read, not written", Config}
	KeyOwner       = &Fault{"PHI-2003", 1105, "HY000", "the owner id is too long or empty, or differs from another owner's only in case or accents", Client}
	KeyUnavailable = &Fault{"PHI-2004", 1105, "HY000", "the key management service does not answer; try again", KMS}
	KeyRevoked     = &Fault{"PHI-2005", 1105, "HY000", "the key management service refuses the master key", KMS}
	KeyCorrupt     = &Fault{"PHI-2006", 1105, "HY000", "the owner's stored key does not unwrap", Data}
	KeyAudit       = &Fault{"PHI-2007", 1105, "HY000", "the audit record of a key operation could not be written, so the operation was not done", Backend}
	KeyDestroyed   = &Fault{"PHI-2009", 1105, "HY000", "the owner's encryption key was destroyed: the row's values cannot be read any more, and none can be written", Data}
	KeyWorn        = &Fault{"PHI-2010", 1105, "HY000", "the owner's encryption key has sealed as many values as it may, and no new version could be made", Config}
	KeyStore       = &Fault{"PHI-2008", 1105, "HY000", "the key store does not answer; try again", Backend}
)
