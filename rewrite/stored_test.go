package rewrite

import "testing"

func TestStoresText(t *testing.T) {
	for _, c := range []struct {
		typ, collation, value string
		want                  bool
	}{
		{"varchar(5)", "utf8mb4_bin", "abcde", true}, {"varchar(5)", "utf8mb4_bin", "abcdef", false}, {"varchar(5)", "utf8mb4_bin", "ééééé", true},
		{"varchar(5)", "utf8mb4_bin", "abcd ", true}, {"varchar(5)", "utf8mb4_bin", "", true}, {"varchar(5)", "utf8mb4_bin", "\xff", false},
		{"varchar(5)", "utf8mb3_bin", "é", true}, {"varchar(5)", "utf8_general_ci", "😀", false}, {"varchar(5)", "latin1_swedish_ci", "é", false},
		{"varchar(5)", "latin1_swedish_ci", "e", true}, {"varchar(5)", "ucs2_bin", "e", false}, {"varchar(5)", "utf16_bin", "e", false},
		{"char(5)", "utf8mb4_bin", "abc", true}, {"char(5)", "utf8mb4_bin", "abc ", false},
		{"varbinary(5)", "", "abc", true}, {"varbinary(5)", "", "é", false}, {"varbinary(5)", "", "abcdef", false},
		{"binary(3)", "", "abc", true}, {"binary(3)", "", "ab", false},
		{"int", "", "12", true}, {"int", "", "012", false}, {"int", "", "+12", false}, {"int", "", "1e1", false}, {"int", "", " 1", false}, {"int", "", "", false},
		{"int", "", "2147483648", false}, {"int unsigned", "", "2147483648", true}, {"int unsigned", "", "-1", false}, {"int(11)", "", "-12", true}, {"int", "", "-0", false},
		{"int(5) unsigned zerofill", "", "12", false}, {"tinyint", "", "128", false}, {"mediumint", "", "8388607", true}, {"mediumint", "", "8388608", false},
		{"bigint", "", "9223372036854775807", true}, {"bigint", "", "9223372036854775808", false}, {"bigint unsigned", "", "18446744073709551615", true},
		{"enum('a','b')", "utf8mb4_bin", "a", false}, {"decimal(10,0)", "", "1", false}, {"text", "utf8mb4_bin", "a", false}, {"date", "", "2020-01-01", false},
	} {
		col := Column{Type: c.typ, Collation: c.collation}
		if got := col.StoresText([]byte(c.value)); got != c.want {
			t.Errorf("%s %s: %q: got %v", c.typ, c.collation, c.value, got)
		}
	}
	if c := (Column{Type: "varchar(3)"}); !c.StoresInt([]byte("-12")) || c.StoresInt([]byte("1234")) {
		t.Error("integers in a string column")
	}
}
