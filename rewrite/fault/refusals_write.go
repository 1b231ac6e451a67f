package fault

// Refusals of statements that write to protected tables.
var (
	ValueForm    = refusal("PHI-1150", "a value for a protected column must be one plain literal or parameter; compute it in the application")
	OwnerForm    = refusal("PHI-1151", "the owner of a row must be one plain string or integer literal, or a parameter, that fits its column")
	NoOwner      = &Fault{"PHI-1152", 1048, "23000", "a protected value cannot be stored in a row without an owner; set the owner column", Client}
	OwnerMove    = refusal("PHI-1153", "ON DUPLICATE KEY UPDATE can give a row to another owner only when it sets the owner and every protected column from VALUES")
	SeveralRows  = refusal("PHI-1154", "the rows of this statement may meet each other or several stored rows, so that their owners are not certain; send one row at a time")
	TooManyRows  = refusal("PHI-1155", "this statement changes more protected rows than limits.lookup_rows allows; change fewer at a time")
	UniqueKey    = refusal("PHI-1156", "the unique keys of this row cannot be read from the statement; give every key column a plain literal")
	MultiTable   = refusal("PHI-1157", "protected columns and owners cannot be changed by an UPDATE of several tables; update the table alone")
	KeyType      = refusal("PHI-1158", "rows of this table cannot be told apart: its primary key is missing or has a column that is no integer, text or binary one")
	KeyAssigned  = refusal("PHI-1159", "the primary key and protected columns cannot be changed together in several rows; send one row at a time")
	Copy         = refusal("PHI-1160", "INSERT ... SELECT can fill a protected column only from the same protected column of a protected table, together with the owner, and nowhere else")
	TwiceSet     = refusal("PHI-1161", "a protected column or the owner is assigned twice")
	SelfAssigned = refusal("PHI-1162", "ON DUPLICATE KEY UPDATE can set a protected column only to VALUES(column), to the new row's column, or to a literal in a statement of one row")
	RunsTwice    = refusal("PHI-1166", "a condition that assigns a variable would run twice, once to find the rows and once to change them; assign the variable in a statement of its own")
	Returning    = refusal("PHI-1163", "RETURNING cannot be used when writing to a protected table; select the row afterwards")
)

// Refusals of LOAD DATA into protected tables. The last two end a load in the middle; nothing of it stays.
var (
	LoadServer  = refusal("PHI-1180", "LOAD DATA without LOCAL reads a file on the database's host, whose values phiproxy cannot seal; use LOAD DATA LOCAL INFILE")
	LoadFormat  = refusal("PHI-1181", "a file for a protected table must have ASCII characters between its fields and, others, between its lines, and no fixed widths")
	LoadReplace = refusal("PHI-1182", "LOAD DATA ... REPLACE cannot fill a protected table, because only plaintext tells which rows stay the same; load without REPLACE, or use REPLACE statements")
	LoadCharset = refusal("PHI-1183", "the character set of a file for a protected table must be utf8mb4, utf8mb3, latin1, ascii or binary")
	LoadFile    = refusal("PHI-1184", "the file for a protected table has a line that is too long or not in the file's character set; nothing was loaded")
	LoadValue   = refusal("PHI-1185", "the file for a protected table has a value, or an owner, whose meaning could not be established, or lacks one; nothing was loaded")
)

// LoadVariables is refused because MySQL gives a variable the type and character set that it had before the file was read.
var LoadVariables = refusal("PHI-1186", "on MySQL an expression for a protected column can read variables only from a file in utf8mb4, and only such as held no number and no text of another collation before; say CHARACTER SET utf8mb4 and use other variables")

// ColumnCount is the server's own error for a tuple that has more or fewer values than there are columns.
var ColumnCount = &Fault{"PHI-1164", 1136, "21S01", "Column count doesn't match value count", Client}
