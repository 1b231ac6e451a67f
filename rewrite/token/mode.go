package token

import "strings"

// Reading are the bits that change how a text is cut into tokens and read; the others change what becomes of its values.
const Reading = ANSIQuotes | NoBackslashEscapes | PipesAsConcat | IgnoreSpace | HighNotPrecedence | Oracle | SingleByte

// ParseMode reads @@sql_mode. Words that change nothing here are passed over.
func ParseMode(sqlMode string) Mode {
	var m Mode
	for word := range strings.SplitSeq(sqlMode, ",") {
		m |= modeBit(strings.ToUpper(strings.TrimSpace(word)))
	}
	return m
}

func modeBit(word string) Mode {
	switch word {
	case "ANSI_QUOTES":
		return ANSIQuotes
	case "NO_BACKSLASH_ESCAPES":
		return NoBackslashEscapes
	case "PIPES_AS_CONCAT":
		return PipesAsConcat
	case "IGNORE_SPACE":
		return IgnoreSpace
	case "HIGH_NOT_PRECEDENCE":
		return HighNotPrecedence
	case "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES":
		return Strict
	case "NO_ZERO_DATE":
		return NoZeroDate
	case "NO_ZERO_IN_DATE":
		return NoZeroInDate
	case "ALLOW_INVALID_DATES":
		return AllowInvalidDates
	case "PAD_CHAR_TO_FULL_LENGTH":
		return PadCharToFullLength
	case "NO_AUTO_VALUE_ON_ZERO":
		return NoAutoValueOnZero
	case "ONLY_FULL_GROUP_BY":
		return OnlyFullGroupBy
	case "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL", "SIMULTANEOUS_ASSIGNMENT", "EMPTY_STRING_IS_NULL":
		return Oracle
	}
	return 0
}
