package fault

// Faults of a session: the connection, its login, and commands of the protocol.
var (
	TooManyConnections = &Fault{ID: "PHI-3001", Code: 1040, State: "08004", Culprit: Limits,
		Text: "Too many connections"}
	BackendUnreachable = &Fault{ID: "PHI-3002", Code: 2003, State: "HY000", Culprit: Backend,
		Text: "the database server cannot be reached"}
	TLSRequired = &Fault{ID: "PHI-3003", Code: 3159, State: "HY000", Culprit: Client,
		Text: "connections without TLS are not accepted"}
	DangerousCharset = &Fault{ID: "PHI-3004", Code: 1235, State: "42000", Culprit: Client,
		Text: "this character set is not supported, because a byte of its characters can be a quote or a backslash; use utf8mb4"}
	CommandUnsupported = &Fault{ID: "PHI-3005", Code: 1235, State: "42000", Culprit: Client,
		Text: "this protocol command is not supported"}
	CommandUnknown = &Fault{ID: "PHI-3006", Code: 1047, State: "08S01", Culprit: Client,
		Text: "Unknown command"}
	PacketTooLarge = &Fault{ID: "PHI-3007", Code: 1153, State: "08S01", Culprit: Limits,
		Text: "Got a packet bigger than the limit limits.max_statement allows"}
	PacketMalformed = &Fault{ID: "PHI-3008", Code: 1835, State: "HY000", Culprit: Client,
		Text: "Malformed communication packet"}
	ProtocolTooOld = &Fault{ID: "PHI-3009", Code: 1251, State: "08004", Culprit: Client,
		Text: "the client does not speak protocol 4.1; consider upgrading it"}
	PasswordPath = &Fault{ID: "PHI-3010", Code: 1251, State: "08004", Culprit: Config,
		Text: "the password cannot be carried on safely: one side uses TLS, the other does not, and the account's plugin cannot bridge that"}
	LocalInfile = &Fault{ID: "PHI-3011", Code: 1148, State: "42000", Culprit: Backend,
		Text: "the server asked for a local file that nobody offered"}
	SessionCharset = &Fault{ID: "PHI-3012", Code: 1235, State: "42000", Culprit: Client,
		Text: "protected tables can only be used with the character sets utf8mb4, utf8mb3, latin1 and ascii; see SET NAMES"}
	BackendTLS = &Fault{ID: "PHI-3013", Code: 2026, State: "HY000", Culprit: Backend,
		Text: "the database server's TLS connection could not be established"}
	AnswerTooLarge = &Fault{ID: "PHI-3014", Code: 1235, State: "42000", Culprit: Limits,
		Text: "the rows that must be read for this statement exceed the proxy's limit"}
	ShuttingDown = &Fault{ID: "PHI-3015", Code: 1053, State: "08S01", Culprit: Limits,
		Text: "Server shutdown in progress"}
	Diagnostics = &Fault{ID: "PHI-1190", Code: 1235, State: "42000", Culprit: Client,
		Text: "the conditions of the last statement are known to phiproxy only; ask for them by SHOW WARNINGS, SHOW ERRORS or SELECT @@warning_count"}
)
