package fault

// Faults of the scratch server, which runs statements that compute with protected values.
var (
	ScratchUnavailable = &Fault{"PHI-2201", 1105, "HY000", "the scratch server, which computes with protected values, is not available; try again, or write the statement so that protected columns are only selected", Internal}
	ScratchLimit       = &Fault{"PHI-2202", 1105, "HY000", "this statement needs more protected rows than the scratch limits allow; narrow it by unprotected columns", Limits}
	ScratchTimeout     = &Fault{"PHI-2203", 3024, "HY000", "this statement computes with protected values for longer than the scratch limits allow", Limits}
	ScratchZone        = &Fault{"PHI-2205", 1298, "HY000", "the database host's time zone is another one than the proxy host's and changes with the season; SET time_zone to its name or an offset", Config}
	ScratchUnfit       = &Fault{"PHI-2204", 1105, "HY000", "a row does not fit the types that the proxy knows its table by; read the schema anew or look for the row in the log", Data}
)
