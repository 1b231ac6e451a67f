package fault

// Faults of the scratch server, which runs statements that compute with protected values.
var (
	ScratchUnavailable = &Fault{"PHI-2201", 1105, "HY000", "the scratch server, which computes with protected values, is not available; try again, or write the statement so that protected columns are only selected", Internal}
	ScratchLimit       = &Fault{"PHI-2202", 1105, "HY000", "this statement needs more protected rows than the scratch limits allow; narrow it by unprotected columns", Limits}
	ScratchTimeout     = &Fault{"PHI-2203", 3024, "HY000", "this statement computes with protected values for longer than the scratch limits allow", Limits}
	ScratchZone        = &Fault{"PHI-2205", 1298, "HY000", "the database host's time zone is another one than the proxy host's and changes with the season; SET time_zone to its name or an offset", Config}
	ScratchTable       = refusal("PHI-2210", "this statement computes with protected values and names a table that phiproxy does not know: a view, a temporary table, or one of a database without protected tables; read it in a statement of its own")
	ScratchFunction    = refusal("PHI-2211", "this statement computes with protected values and calls a function that only the database can evaluate: a stored or loadable one, or one that locks, reads files or tells of the server; call it in a statement of its own")
	ScratchZones       = refusal("PHI-2212", "this statement computes with protected values, and the database and the scratch server do not agree on a time zone of its CONVERT_TZ; load the same zone tables into the database as the proxy's host has, or use offsets")
	TwiceShown         = refusal("PHI-2220", "this statement computes with protected values and writes a TIMESTAMP of an hour that the session's clock shows twice, which MariaDB has no literal for; SET time_zone = '+00:00' first")
	ScratchUnfit       = &Fault{"PHI-2204", 1105, "HY000", "a row does not fit the types that the proxy knows its table by; read the schema anew or look for the row in the log", Data}
)
