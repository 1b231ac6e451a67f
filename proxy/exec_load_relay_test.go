package proxy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/fault"
)

func TestLocalFile(t *testing.T) {
	for sql, want := range map[string]string{
		"LOAD DATA LOCAL INFILE 'a.csv' INTO TABLE t":                          "'a.csv'",
		"load /* x */ xml concurrent local\ninfile \"a''b\"\"c\" into table t": `"a''b""c"`,
		"-- x\nLoad Data Low_Priority Local Infile 'a\\'b' INTO TABLE t":       `'a\'b'`,
		"LOAD DATA INFILE 'a' INTO TABLE t":                                    "",
		"LOAD DATA LOW LOCAL INFILE 'a' INTO TABLE t":                          "",
		"LOAD DATA LOCAL INFILE a INTO TABLE t":                                "",
		"LOAD DATA LOCAL INFILE 'a INTO TABLE t":                               "",
		"SELECT 'LOAD DATA LOCAL INFILE ''a'''":                                "",
		"LOAD DATA LOCAL":                                                      "",
		"LOAD DATA LOW_PRIORITY":                                               "",
		"":                                                                     "",
	} {
		if got := localFile([]byte(sql)); string(got) != want {
			t.Errorf("%q loads %q, want %q", sql, got, want)
		}
	}
	if got := localFiles([]byte("SELECT 1; LOAD DATA LOCAL INFILE 'a' INTO TABLE t;LOAD DATA LOCAL INFILE 'b' INTO TABLE t;")); len(got) != 2 || string(got[1]) != "'b'" {
		t.Errorf("several statements load %q", got)
	}
}

// The file that the client's own statement names is passed on, in packets of any size, and the session goes on.
func TestFilesAreRelayed(t *testing.T) {
	for _, size := range []int{0, 10, 70_000, packet.MaxFragment, packet.MaxFragment + 5} {
		b := newBackend(t, func(command []byte) [][]byte {
			if bytes.Contains(command, []byte("LOAD")) {
				return [][]byte{append([]byte{mysql.LocalInFile_HEADER}, `it's`...)}
			}
			return alwaysOK(nil)
		})
		c := newProxy(t, b, nil).login(baseCaps | mysql.CLIENT_LOCAL_FILES)
		for range 2 {
			b.mu.Lock()
			b.file = nil
			b.mu.Unlock()
			if got := c.ask([]byte("\x03LOAD DATA LOCAL INFILE 'it\\'s' INTO TABLE t")); !packet.IsLocalInfile(got) || string(got[1:]) != "it's" {
				t.Fatalf("asked for %q", got)
			}
			file := bytes.Repeat([]byte("x"), size)
			var packets [][]byte
			if size > 0 {
				packets = append(packets, file)
			}
			if err := write(c.Conn, append(packets, []byte("tail"), nil)...); err != nil {
				t.Fatal(err)
			}
			if got, err := c.ReadPacket(); err != nil || !packet.IsOK(got) {
				t.Fatalf("answered with %x, %v", got, err)
			}
			if b.mu.Lock(); string(b.file) != string(file)+"tail" {
				t.Errorf("size %d: the server got %d bytes", size, len(b.file))
			}
			b.mu.Unlock()
		}
	}
}

// A server that asks for another file, or for one that the statement does not load, does not get through to the client.
func TestFilesThatNobodyOffered(t *testing.T) {
	for name, sql := range map[string]string{
		"another file": "LOAD DATA LOCAL INFILE 'mine' INTO TABLE t", "a query": "SELECT '/etc/passwd'", "not local": "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
		"the statement before": "INSERT INTO t VALUES (1)",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, func(command []byte) [][]byte {
				if strings.Contains(string(command), "first") {
					return alwaysOK(nil)
				}
				return [][]byte{[]byte("\xfb/etc/passwd")}
			})
			p := newProxy(t, b, nil)
			c := p.login(baseCaps | mysql.CLIENT_LOCAL_FILES)
			if got := c.ask([]byte("\x03LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE first")); !packet.IsOK(got) {
				t.Fatalf("answered with %x", got)
			}
			c.send([]byte("\x03" + sql))
			if got, err := c.ReadPacket(); err == nil && packet.IsLocalInfile(got) {
				t.Error("the client was asked")
			}
			if got := p.closed()["culprit"]; got != string(fault.Backend) {
				t.Errorf("culprit %v", got)
			}
		})
	}
}
