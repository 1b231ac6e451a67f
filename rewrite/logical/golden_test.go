package logical

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// lines reads a golden file without its comments.
func lines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".golden")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	return out
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What the servers do with a value is what Normalize does, or it refuses the value.
func TestNormalizeAsTheServers(t *testing.T) {
	const leastDecided = 1800 // lines that are not refused: refusing everything would be easy
	kinds := map[string]ValueKind{"string": String, "binary": Binary, "int": Int, "decimal": Decimal, "float": Float, "temporal": Temporal,
		"date?": Temporal, "datetime?": Temporal, "timestamp?": Timestamp}
	for _, server := range []string{"mysql", "mariadb"} {
		decided := 0
		for _, line := range lines(t, server) {
			f := strings.Split(line, "\t")
			kind, ok := kinds[f[3]]
			if len(f) != 9 || !ok {
				t.Fatalf("%s: malformed line %q", server, line)
			}
			m := Mode{
				Strict: strings.Contains(f[2], "S"), NoZeroDate: strings.Contains(f[2], "Z"), NoZeroInDate: strings.Contains(f[2], "I"),
				AllowInvalid: strings.Contains(f[2], "A"), MariaDB: server == "mariadb",
			}
			plain, p := parse(t, f[0], strings.Trim(f[1], "-")).Normalize(Value{kind, unhex(t, f[4])}, m)
			if p != nil && p.Refuse {
				continue
			}
			decided++
			if got, want := said(plain, p), strings.Join(f[5:], "\t"); got != want {
				t.Errorf("%s: %.200s\n got %.200q\nwant %.200q", server, line, got, want)
			}
		}
		if decided < leastDecided {
			t.Errorf("%s: only %d values are decided", server, decided)
		}
	}
}

// said prints the outcome as the golden files do.
func said(plain []byte, p *Problem) string {
	switch {
	case p == nil:
		return fmt.Sprintf("-\t0\t\t%x", plain)
	case p.Fatal:
		return fmt.Sprintf("Error\t%d\t%s\t", p.Code, p.Text)
	case p.Note:
		return fmt.Sprintf("Note\t%d\t%s\t%x", p.Code, p.Text, plain)
	}
	return fmt.Sprintf("Warning\t%d\t%s\t%x", p.Code, p.Text, plain)
}

func TestMetadataAsTheServers(t *testing.T) {
	const utf8mb3ID = 33 // collation of system variables: what a session sees when character_set_results is NULL
	results := map[string]Charset{
		"utf8mb4": {Name: "utf8mb4", ID: 255, MaxLen: 4}, "utf8mb3": {Name: "utf8mb3", ID: 33, MaxLen: 3}, "latin1": {Name: "latin1", ID: 8, MaxLen: 1},
		"binary": {Name: "binary", ID: binaryCollation, MaxLen: 1}, "NULL": {Name: "binary", ID: utf8mb3ID, MaxLen: 1},
	}
	collations := map[string]uint16{"utf8mb4_general_ci": 45, "utf8mb4_bin": 46, "utf8mb3_general_ci": 33, "latin1_swedish_ci": 8}
	for _, line := range lines(t, "metadata") {
		f := strings.Split(line, "|")
		cs, ok := results[f[0]]
		if len(f) != 3 || !ok {
			t.Fatalf("malformed line %q", line)
		}
		d := Definition{Type: f[1]}
		if w := strings.Fields(f[1]); len(w) == 6 {
			d = Definition{Type: w[0], Charset: w[3], Collation: w[5], CollationID: collations[w[5]]}
		}
		typ, err := Parse(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, physical := range []uint16{flagBinary, flagBinary | flagBlob} { // VARBINARY, BLOB
			m := typ.Column(cs)
			got := strings.Join([]string{
				strconv.Itoa(int(m.Type)), strconv.Itoa(int(m.Charset)), strconv.Itoa(int(m.Length)), strconv.Itoa(int(physical&^m.ClearFlags | m.SetFlags)),
			}, " ")
			if got != f[2] || m.Decimals != 0 {
				t.Errorf("%s: %s, decimals %d", line, got, m.Decimals)
			}
		}
	}
}
