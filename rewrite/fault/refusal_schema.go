package fault

// Refusals of statements that define protected tables.
var (
	Defining           = &Fault{"PHI-1169", 1205, "HY000", "another definition of a protected table, or `phiproxy schema apply`, is under way; send the statement again when it is done", Backend}
	Absent             = &Fault{"PHI-1170", 1146, "42S02", "this table is configured as protected and does not exist; CREATE TABLE through the proxy makes it", Client}
	NotReady           = refusal("PHI-1171", "this table is configured as protected and is not prepared; run `phiproxy schema apply`")
	DefinitionForm     = refusal("PHI-1172", "a protected column is defined by its type, character set, NULL or NOT NULL, DEFAULT NULL or '', and a comment, without keys, checks and computed values")
	Conversion         = refusal("PHI-1173", "the stored values of a protected column cannot be converted by the database; a text column can become longer, any other change of type needs a new table")
	ColumnUsed         = refusal("PHI-1174", "an index, constraint, generated column or partition cannot use a protected column, because the database holds sealed bytes")
	OwnerColumn        = refusal("PHI-1175", "the owner column, the flag column and the primary key of a protected table cannot be changed through the proxy")
	Renamed            = refusal("PHI-1176", "a protected table or column cannot be renamed through the proxy, a protected column not be dropped, and no other table can take a protected name, because the configuration names them")
	Unrecorded         = &Fault{"PHI-1177", 1105, "HY000", "the database changed a protected column, but what it is to clients could not be recorded; send the statement again", Backend}
	Incomplete         = refusal("PHI-1178", "this definition of a protected table lacks its owner column, its flag column or a protected column of the configuration")
	DefinitionPrepared = &Fault{"PHI-1179", 1295, "HY000", "definitions of protected columns cannot be prepared; send the statement as text", Client}
)
