package fault

// AccessLog is told while accesses to protected values cannot be recorded.
var AccessLog = &Fault{"PHI-2101", 1105, "HY000", "the access log cannot be written, so statements about protected values are not run; try again later", Limits}
