// Package token cuts SQL text into tokens as MySQL and MariaDB do, under the session's sql_mode.
package token

// Kind is the lexical class of a token.
type Kind uint8

const (
	None    Kind = iota
	Word         // unquoted identifier or keyword
	Quoted       // `identifier`, and "identifier" under ANSI_QUOTES; Start/End include the quotes
	String       // 'text' or "text", introducer not included
	Int          // 12
	Decimal      // 1.5
	Float        // 1e3
	Hex          // 0x41, x'41'
	Bit          // 0b01, b'01'
	Param        // ?
	UserVar      // @name, @'name', @`name`
	SysVar       // @@name (a scope's name follows as separate tokens; @@ alone before `name`)
	Op           // operators and punctuation, the longest that matches: ( ) , . ; = <=> || -> ->> := ...
	Null         // the keyword NULL in a value position; produced by the planner, not by the scanner
	Default      // the keyword DEFAULT likewise
	EOF
)

// Token is one token; its text is sql[Start:End].
type Token struct {
	Kind       Kind
	Start, End int32
}

// Mode is the part of sql_mode that matters here, as bits.
type Mode uint32

const (
	ANSIQuotes Mode = 1 << iota
	NoBackslashEscapes
	PipesAsConcat
	IgnoreSpace
	HighNotPrecedence
	Strict // STRICT_TRANS_TABLES or STRICT_ALL_TABLES
	NoZeroDate
	NoZeroInDate
	AllowInvalidDates
	PadCharToFullLength
	NoAutoValueOnZero
	OnlyFullGroupBy
	Oracle // MariaDB's ORACLE, MSSQL, ... : refused for protected tables
	// SingleByte is no sql_mode: character_set_client is latin1 or ascii. Bytes outside ASCII then stand only in
	// literals, quoted identifiers and comments; otherwise the text is UTF-8.
	SingleByte
	// UnconvertedResults is no sql_mode either: character_set_results is NULL, so that computed text comes in the
	// connection's character set and collation.
	UnconvertedResults
)
