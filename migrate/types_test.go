package migrate

import (
	"testing"

	"phiproxy/migrate/catalog"
)

func TestRowShare(t *testing.T) {
	for _, c := range []struct {
		typ, data, charset string
		want               int
	}{
		{"int(11) unsigned", "int", "", 4},
		{"varchar(100)", "varchar", "utf8mb4", 402},
		{"varchar(100)", "varchar", "utf8mb3", 302},
		{"varchar(100)", "varchar", "sjis", 202},
		{"char(10)", "char", "latin1", 12},
		{"varbinary(1070)", "varbinary", "", 1072},
		{"decimal(14,2)", "decimal", "", 15},
		{"longtext", "longtext", "utf8mb4", blobShare},
		{"enum('a','b')", "enum", "utf8mb4", 2},
		{"uuid", "uuid", "", 16},
	} {
		if got := rowShare(&catalog.ColumnInfo{Type: c.typ, DataType: c.data, Charset: c.charset}); got != c.want {
			t.Errorf("%s counts %d bytes, want %d", c.typ, got, c.want)
		}
	}
}

func TestBlobFor(t *testing.T) {
	for size, want := range map[int]string{1: "blob", 65535: "blob", 65536: "mediumblob", 1<<24 - 1: "mediumblob", 1 << 24: "longblob", 1<<32 + 46: "longblob"} {
		if got := blobFor(size); got != want {
			t.Errorf("%d bytes go into %s, want %s", size, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	if got, want := quote(`it's \ "x"`), `'it''s \\ "x"'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
