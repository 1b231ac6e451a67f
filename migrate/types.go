package migrate

import (
	"fmt"
	"strings"

	"phiproxy/crypto/envelope"
	"phiproxy/migrate/catalog"
)

// passing is the type of a column between its change to what its plaintext is made of and its change to bytes, "" for one that
// needs no change in between: text that is not UTF-8, and numbers whose text loses digits.
func passing(m *catalog.Metadata) string {
	base, _, _ := strings.Cut(m.Type, "(")
	base, _, _ = strings.Cut(base, " ")
	switch {
	case transcodes(m.Charset):
		return "longtext"
	case base == "float", base == "double" && m.Type != base:
		return "double"
	}
	return ""
}

// transcodes tells that text of a character set is not UTF-8 byte for byte.
func transcodes(charset string) bool {
	switch charset {
	case "", "utf8mb4", "utf8mb3", "utf8", "ascii", "binary":
		return false
	}
	return true
}

// rowLimit is MySQL's limit of 65,535 bytes for a row without its BLOBs, less a reserve for NULL bits and the like.
const rowLimit = 65000

// blobShare is what a BLOB counts towards it.
const blobShare = 12

// chooseTypes gives each column the type that holds its longest sealed value. VARBINARY keeps the column's defaults and is
// taken while the row has room. Text types become BLOBs always: they share the rules of those, in what SHOW CREATE TABLE
// prints and about defaults.
func (p *planner) chooseTypes(info *catalog.TableInfo, targets []*target) {
	size := len(targets) * blobShare
	for i := range info.Columns {
		if !isTarget(&info.Columns[i], targets) {
			size += rowShare(&info.Columns[i])
		}
	}
	for _, g := range targets {
		typ, err := g.meta.Logical(p.found.Server.Flavor)
		if err != nil {
			continue // checkTypes refuses it
		}
		need := envelope.SealedSize(typ.MaxPlaintext())
		g.done = g.info.Binary() && (g.info.Capacity() >= need || g.info.DataType == "longblob")
		blob := blobs[strings.ToLower(g.meta.Type)]
		switch grown := size - blobShare + need + 2; {
		case g.done:
			g.physical = g.info.Type
			size += rowShare(g.info) - blobShare
		case !blob && grown <= rowLimit:
			g.physical, size = fmt.Sprintf("varbinary(%d)", need), grown
		default:
			g.physical = blobFor(need)
		}
	}
}

// blobs are the types that are kept outside of the row: their sealed values are, too.
var blobs = map[string]bool{
	"tinytext": true, "text": true, "mediumtext": true, "longtext": true, "json": true, "tinyblob": true, "blob": true, "mediumblob": true, "longblob": true,
}

func isTarget(c *catalog.ColumnInfo, targets []*target) bool {
	for _, g := range targets {
		if g.info == c {
			return true
		}
	}
	return false
}

func blobFor(size int) string {
	switch {
	case size < 1<<16:
		return "blob"
	case size < 1<<24:
		return "mediumblob"
	}
	return "longblob"
}

// rowShare is the most that a column counts towards the row limit, in bytes.
func rowShare(c *catalog.ColumnInfo) int {
	if n, ok := fixedShares[c.DataType]; ok {
		return n
	}
	var n int
	if at := strings.IndexByte(c.Type, '('); at >= 0 {
		fmt.Sscanf(c.Type[at:], "(%d", &n) // types without a length keep 0
	}
	switch c.DataType {
	case "char", "varchar":
		return n*bytesPerCharacter(c.Charset) + 2
	case "binary", "varbinary":
		return n + 2
	case "decimal", "numeric":
		return n/2 + 8
	}
	return 16
}

var fixedShares = map[string]int{
	"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8, "float": 4, "double": 8, "bit": 8, "year": 1,
	"date": 3, "time": 6, "datetime": 8, "timestamp": 7, "enum": 2, "set": 8,
	"tinytext": blobShare, "text": blobShare, "mediumtext": blobShare, "longtext": blobShare, "json": blobShare,
	"tinyblob": blobShare, "blob": blobShare, "mediumblob": blobShare, "longblob": blobShare,
}

func bytesPerCharacter(charset string) int {
	switch charset {
	case "utf8mb3", "utf8", "ujis", "eucjpms":
		return 3
	case "ucs2", "gbk", "big5", "sjis", "cp932", "euckr", "gb2312":
		return 2
	case "utf8mb4", "utf16", "utf16le", "utf32", "gb18030":
		return 4
	}
	return 1
}
