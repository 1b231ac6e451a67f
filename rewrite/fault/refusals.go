package fault

// Refusals of the planner: statements that cannot be answered as the plaintext database would. They are the client's to
// change, the connection and its transaction go on. Error 1235 is MySQL's "this version doesn't yet support"; codes that
// fit better are used where the server has one.
var (
	Unparsable = &Fault{"PHI-1101", 1064, "42000", "this statement names a protected table and its syntax could not be read with certainty; write it in plain MySQL syntax", Client}
	Comparison = refusal("PHI-1102", "a protected column cannot be compared or searched by the database; select by unprotected columns and compare in the application (IS NULL and IS NOT NULL work)")
	Function   = refusal("PHI-1103", "a protected column cannot be an argument of a function; select the column itself and compute in the application (COALESCE and IFNULL with text literals work)")
	Expression = refusal("PHI-1104", "a protected column cannot be part of an expression; select the column itself and compute in the application")
	OrderBy    = refusal("PHI-1105", "rows cannot be ordered by a protected column; order by another column or sort in the application")
	GroupBy    = refusal("PHI-1106", "a protected column can only be selected or grouped in a grouped query when GROUP BY lists the whole primary key of its table")
	Distinct   = refusal("PHI-1107", "DISTINCT cannot compare protected columns; select them without DISTINCT")
	SetOp      = refusal("PHI-1108", "UNION, INTERSECT and EXCEPT cannot compare protected columns; UNION ALL works when each position holds the same protected column in every part")
	Aggregate  = refusal("PHI-1109", "a protected column cannot be aggregated; only COUNT(column) works")
	Window     = refusal("PHI-1110", "a protected column cannot be used with window functions")
	Join       = refusal("PHI-1111", "tables cannot be joined on a protected column")
	Subquery   = refusal("PHI-1112", "a subquery used as a value cannot return a protected column; join the table instead")
	Mixed      = refusal("PHI-1113", "COALESCE and IFNULL of a protected column accept only text literals and NULL as the other arguments")
	Into       = refusal("PHI-1114", "a protected column cannot be stored in a variable or a file by the database; select it instead")
	Unknown    = refusal("PHI-1115", "a name in this statement could be a protected column or belong to a table that phiproxy does not know; qualify it with its table name or alias")
	NoDatabase = &Fault{"PHI-1116", 1046, "3D000", "no database is selected, so an unqualified table name cannot be resolved; choose one with USE or qualify the name", Client}
	Opaque     = refusal("PHI-1117", "this view or routine reads a protected table or builds SQL at run time; use the table itself")

	SchemaChange = refusal("PHI-1118", "this change of a protected table's definition cannot be made through the proxy; make it on the database, then let `phiproxy schema plan` show what has to follow")
	StoredCode   = refusal("PHI-1119", "views, triggers, routines and events that name a protected table or build SQL at run time cannot be created through the proxy")
	CopyTable    = refusal("PHI-1120", "a protected table cannot be copied by CREATE TABLE ... LIKE or CREATE TABLE ... SELECT")
	Load         = refusal("PHI-1121", "this form of LOAD cannot name a protected table; use LOAD DATA LOCAL INFILE in its plain form, or INSERT statements")
	Handler      = refusal("PHI-1122", "HANDLER cannot read a protected table; use SELECT")
	Dynamic      = refusal("PHI-1123", "SQL text that is built at run time cannot be checked; PREPARE works from a string literal whose statement needs no sealing or opening")
	Compound     = refusal("PHI-1124", "compound statements outside routines cannot name a protected table or build SQL at run time; send the statements one by one")
	SetFor       = refusal("PHI-1125", "SET STATEMENT ... FOR cannot run a statement that names a protected table; send the statement alone")
	Charset      = &Fault{"PHI-1126", 1115, "42000", "the character sets gbk, big5, sjis, cp932 and gb18030 cannot be chosen, because a byte of their characters can be a quote or a backslash; use utf8mb4", Client}
	Multi        = refusal("PHI-1127", "several statements in one text are taken only from clients that asked for multi-statements, and none of them may be empty; send them one by one")
	BadTokens    = &Fault{"PHI-1128", 1064, "42000", "this statement may name a protected table and holds a comment or literal that could not be read with certainty; remove executable comments and close every quote", Client}
	SQLMode      = refusal("PHI-1129", "statements that name a protected table cannot be read under the ORACLE family of sql_mode; choose another sql_mode")
	Flag         = refusal("PHI-1130", "the encryption flag column can be selected and tested, but not used in this place")
	Recursive    = refusal("PHI-1131", "a recursive common table expression cannot read a protected table")
	Rollup       = refusal("PHI-1132", "WITH ROLLUP cannot be combined with protected columns")
	OddName      = refusal("PHI-1133", "an identifier in this statement is reserved by phiproxy or spelled with characters that the database folds to others; use plain ASCII names")
	Unsure       = refusal("PHI-1134", "the name of a protected column stands where its meaning could not be determined; write the statement in a simpler form")
	Explain      = refusal("PHI-1135", "EXPLAIN works only for statements that need no sealed value")
	ShowFilter   = refusal("PHI-1136", "SHOW COLUMNS of a protected table cannot be filtered by Type, Collation and Default; ask information_schema.COLUMNS")
	Statement    = refusal("PHI-1137", "statements of this kind cannot name a protected table")
	Ambiguous    = &Fault{"PHI-1138", 1052, "23000", "a name in this statement has several meanings, one of them a protected column; qualify it, or rename the alias", Client}
	NullDate     = refusal("PHI-1139", "IS NULL of a protected date column that is NOT NULL also matches zero dates, which the database cannot see; test it in the application")
	Star         = refusal("PHI-1140", "`*` covers a table whose columns phiproxy does not know; list the columns instead")
	Position     = refusal("PHI-1141", "columns cannot be named by position in a query that expands `*` over a derived table with protected columns; name them")
	Natural      = refusal("PHI-1142", "NATURAL JOIN cannot be used with this protected table; write the join condition")
	Range        = &Fault{"PHI-1144", 1054, "42S22", "ORDER BY or GROUP BY names a column position that the select list does not have", Client}
	OtherCase    = &Fault{"PHI-1145", 1146, "42S02", "this table's name differs from a protected table's only in upper and lower case, which the database tells apart; write it as the database does", Client}
	Unnamed      = refusal("PHI-1143", "an expression of the select list that phiproxy must rewrite needs an alias, or its column would get another name")
)

func refusal(id, text string) *Fault { return &Fault{id, 1235, "42000", text, Client} }
